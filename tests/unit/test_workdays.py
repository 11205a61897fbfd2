"""The working-day registry: where each day comes from, what a site may add, and what is refused."""

from __future__ import annotations

import hashlib
import tomllib
from datetime import date
from typing import TYPE_CHECKING

import pytest

from schemas.workdays import FILE, Span, load, spans

if TYPE_CHECKING:
    from pathlib import Path

SITE = """
id = "tinh"
published = [2027]
hours = ["07:30-12:00", "13:00-16:30"]
[[day]]
date = 2027-02-11
works = false
reason = { vi = "Nghỉ hoán đổi", en = "Swapped" }
[[day]]
date = 2027-02-20
works = true
reason = { vi = "Làm bù", en = "Made up" }
[[day]]
date = 2026-11-24
works = true
reason = { vi = "Cơ quan này làm việc", en = "This office works" }
"""


def site(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "calendar.toml"
    path.write_text(text, "utf-8")
    return path


def test_the_registry_says_where_it_comes_from() -> None:
    source = tomllib.loads((FILE.parent / "SOURCE.toml").read_text("utf-8"))
    assert {"origin", "version", "date"} <= source.keys()
    assert source["files"] == {FILE.name: hashlib.sha256(FILE.read_bytes()).hexdigest()}


def test_a_site_adds_days_years_and_hours_and_its_digest_stands_in_the_version(tmp_path: Path) -> None:
    built_in, own = load(), load(site(tmp_path, SITE))
    assert own.spans == (Span(450, 720), Span(780, 990))
    assert own.year(2027).published
    assert not built_in.year(2027).published
    assert not own.year(2027).works(date(2027, 2, 11))
    assert own.year(2027).works(date(2027, 2, 20))
    assert own.year(2026).works(date(2026, 11, 24))
    assert not own.year(2026).works(date(2026, 1, 2)), "what the site does not speak of stays"
    assert own.version.startswith(f"{built_in.version}+tinh-")
    again = load(site(tmp_path, SITE + "\n# a remark"))
    assert again.version != own.version


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ('id = "x"\ncolour = 1', "colour"),
        ('id = "x"\nhours = ["7:00-11:30"]', '"07:00-11:30"'),
        ('id = "x"\nhours = ["11:30-07:00"]', "rise"),
        ('id = "x"\nhours = ["07:00-12:00", "11:00-17:00"]', "overlap"),
        ('id = "x"\nhours = ["07:00-24:30"]', "24:00"),
        ('id = "x"\npublished = [1999]', "1999"),
        ('id = "x"' + '\n[[day]]\ndate=2026-01-05\nworks=true\nreason={vi="a",en="b"}' * 2, "stands twice"),
        ("id = ", "calendar.toml"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_the_rule(tmp_path: Path, wrong: str, told: str) -> None:
    with pytest.raises(ValueError, match=r"calendar\.toml") as caught:
        load(site(tmp_path, wrong))
    assert told in str(caught.value)


def test_hours_may_reach_to_midnight_and_touch() -> None:
    assert spans(("00:00-12:00", "12:00-24:00")) == (Span(0, 720), Span(720, 1440))
