"""``lienthong signatory list|may``: from files alone, in both languages, and for programs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.doubles.pki import Pki
from tests.unit.test_cli_double import line
from tests.unit.test_signatories import GOOD

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> str:
    site = tmp_path_factory.mktemp("site")
    pki = Pki(tmp_path_factory.mktemp("pki"), datetime.now(UTC))
    for folder in ("partners", "signatories"):
        (site / folder).mkdir()
    for name, seal in (("director", "seal-p256"), ("deputy", "seal-non-repudiation")):
        (site / "signatories" / f"{name}.pem").write_bytes(pki[seal].certificate_file.read_bytes())
    (site / "signatories" / "so-tnmt.toml").write_text(GOOD, "utf-8")
    (site / "lienthong.toml").write_text('signatories = "signatories"\n', "utf-8")
    return str(site / "lienthong.toml")


def test_positions_and_delegations_are_listed_with_what_they_are_worth_that_day(settings: str) -> None:
    told = json.loads(line("signatory", "list", "--on", "2026-12-01", "--json", "--settings", settings).out)
    assert [(row["signatory"], row["standing"]) for row in told] == [
        ("gd-stnmt", "in_force"),
        ("pgd-stnmt", "in_force"),
        ("pgd-stnmt", "over"),
    ]
    assert (told[2]["lender"], told[2]["decision"], told[2]["until"]) == (
        "gd-stnmt",
        "12/QĐ-STNMT",
        "2026-12-01",
    )
    early = line("signatory", "list", "--on", "2026-11-19", "--json", "--settings", settings)
    assert json.loads(early.out)[2]["standing"] == "not_yet"


@pytest.mark.parametrize(("language", "word"), [("vi", "đang có hiệu lực"), ("en", "in force")])
def test_a_person_reads_it_in_their_language(settings: str, language: str, word: str) -> None:
    asked = ("signatory", "list", "--on", "2026-11-23", "--lang", language, "--settings", settings)
    assert word in line(*asked, terminal=True).out


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        (("--on", "2026-11-30", "--procedure", "1.009999"), 0, ""),
        (("--on", "2026-12-01", "--procedure", "1.009999"), 1, "HUB-SGN-003"),
        (("--on", "2026-11-30", "--procedure", "1.009998"), 1, "HUB-SGN-002"),
        (("--on", "2026-11-30", "--procedure", "1.009999", "--agency", "000.00.10.H47"), 1, "HUB-SGN-002"),
    ],
)
def test_may_answers_yes_or_with_the_code_that_a_message_would_get(
    settings: str, more: tuple[str, ...], status: int, code: str
) -> None:
    answer = line("signatory", "may", "pgd-stnmt", *more, "--json", "--settings", settings)
    told = json.loads(answer.out)
    assert (answer.status, told["may"], told["code"]) == (status, not code, code)


def test_an_unknown_signatory_or_day_is_a_mistake_of_use(settings: str) -> None:
    assert line("signatory", "may", "nobody", "--settings", settings).status == 2
    assert line("signatory", "list", "--on", "tomorrow", "--settings", settings).status == 2


def test_where_none_is_declared_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "partners").mkdir()
    (tmp_path / "lienthong.toml").write_text("", "utf-8")
    shown = line("signatory", "list", "--lang", "en", "--settings", str(tmp_path / "lienthong.toml"))
    assert "No signatory is declared" in shown.err
