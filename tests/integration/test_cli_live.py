"""Going live by the command line, over the real store: stages, signed and journaled."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import pytest

from hub.cli.opening import wired
from hub.doctor.rules import examine
from hub.wiring.examining import gather
from signing.jose.detached import DetachedVerifier
from signing.trust.pins import load_pins
from tests.doubles.pki import Pki
from tests.integration.test_cli_keys import ran

if TYPE_CHECKING:
    from pathlib import Path

    from hub.store.contract.views import JournalRow

NOW = datetime.now(UTC)
SETTINGS = """
data = "data"
[keys.dau-so]
file = "seal-p256.key"
certificate = "seal-p256.pem"
[evidence]
key = "dau-so"
"""
PARTNER = """
id = "so-dat"
agency = "000.00.15.H47"
room = "mailbox"
name = { vi = "Sở Đất đai", en = "Land department" }
[stage]
procedures = { "1.009995" = "parallel" }
[access]
api_keys = ["sha256:abababababababababababababababababababababababababababababababab"]
[receives]
kinds = ["received"]
role = "decides"
mapping = "lienthong.message@1"
authority = "000.00.00.H47"
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    assert Pki(tmp_path, NOW)["seal-p256"]
    (tmp_path / "partners").mkdir()
    (tmp_path / "partners" / "so-dat.toml").write_text(PARTNER)
    file = tmp_path / "hub.toml"
    file.write_text(SETTINGS)
    return file


async def journal(settings: Path, what: str) -> list[JournalRow]:
    hub = await wired(settings)
    try:
        return [row for row in await hub.store.journal() if row.what == what]
    finally:
        await hub.close()


def stages(settings: Path) -> dict[str, str]:
    told = json.loads(ran(str(settings), "stage", "list", "--partner", "so-dat", "--json").out)
    return {row["procedure"]: row["stage"] for row in told}


def test_a_partner_is_promoted_and_rolled_back_for_one_procedure(settings: Path) -> None:
    assert stages(settings) == {"*": "live", "1.009995": "parallel"}
    words = ("stage", "set", "so-dat", "trial", "--procedure", "1.009999", "--reason", "QD-1", "--yes")
    done = ran(str(settings), *words)
    assert (done.status, "so-dat: trial from now on" in done.err) == (0, True)
    assert "not signed" not in done.err
    assert stages(settings) == {"*": "live", "1.009995": "parallel", "1.009999": "trial"}
    assert "in stage trial already" in ran(str(settings), *words).err
    back = ran(str(settings), "stage", "set", "so-dat", "retired", "--reason", "QD-2", "--yes", "--json")
    assert json.loads(back.out) == {"edition": 2, "held": [], "withdrawn": [], "signed": True}
    assert stages(settings)["*"] == "retired"
    shown = json.loads(ran(str(settings), "partner", "show", "so-dat", "--json").out)
    assert (shown["stage"], shown["stages"]["1.009999"]) == ("retired", "trial")
    assert ran(str(settings), "stage", "set", "ai-do", "live", "--reason", "x", "--yes").status == 1
    assert ran(str(settings), "stage", "set", "so-dat", "production", "--reason", "x", "--yes").status == 2


def test_a_stage_is_given_for_procedures_that_the_registry_has(settings: Path) -> None:
    """A code that was mistyped would leave the procedure that was meant where it is."""
    words = ("stage", "set", "so-dat", "trial", "--reason", "QD-1", "--yes", "--procedure")
    wrong = ran(str(settings), *words, "1.00999")
    assert (wrong.status, "no procedure 1.00999" in wrong.err) == (1, True)
    assert "1.00999" not in stages(settings)
    assert ran(str(settings), *words, "QNA-DD-0123").status == 0


def test_a_change_is_signed_by_the_hub(settings: Path, tmp_path: Path) -> None:
    assert ran(str(settings), "stage", "set", "so-dat", "trial", "--reason", "QD-1", "--yes").status == 0
    (entry,) = asyncio.run(journal(settings, "stage_changed"))
    pinned = load_pins([tmp_path / "seal-p256.pem"])
    told = {
        name: fact
        for name, fact in entry.facts.items()
        if name not in {"signature", "our_key", "held", "withdrawn"}
    }
    said = msgspec.json.encode(told, order="deterministic")
    assert (
        DetachedVerifier(pinned).verify(said, entry.facts["signature"], entry.at).signer.fingerprint
        == (entry.facts["our_key"])
    )
    assert (told["before"], told["stage"], told["reason"]) == ("live", "trial", "QD-1")


def test_a_change_that_the_hub_has_no_key_to_sign_is_said_to_be_unsigned(settings: Path) -> None:
    settings.write_text(SETTINGS.partition("[evidence]")[0])
    words = ("stage", "set", "so-dat", "trial", "--reason", "QD-1", "--yes")
    assert "not signed by the hub" in ran(str(settings), *words).err
    (entry,) = asyncio.run(journal(settings, "stage_changed"))
    assert "signature" not in entry.facts
    told = asyncio.run(gather(settings, lambda: NOW, network=False))
    assert "unsigned" in [finding.id for finding in examine(told)]


def test_coverage_shows_every_agency_and_what_is_only_published(settings: Path) -> None:
    done = ran(str(settings), "coverage", "--json")
    lines = json.loads(done.out)
    assert done.status == 0
    assert {line["coverage"] for line in lines} == {"silent", "published"}
    (land,) = [line for line in lines if line["partners"] and line["procedure"] == "1.009999"]
    assert (land["partners"], land["messages"], land["coverage"]) == ({"so-dat": "live"}, 0, "silent")
    one = ran(str(settings), "coverage", "--agency", land["agency"])
    assert one.out.startswith("silent\t")
    old = ran(str(settings), "coverage", "--agency", "000.00.15.H47")  # its code until the merger
    assert (land["agency"] != "000.00.15.H47", old.out) == (True, one.out)
    assert ran(str(settings), "coverage", "--agency", "000.00.99.H99").out == ""
    assert ran(str(settings), "coverage", "--silent", "0").status == 2


def test_a_partner_that_publishes_no_lists_is_told_apart_from_those_that_do(settings: Path) -> None:
    assert "These do: no partner" in ran(str(settings), "registry", "refresh", "so-dat").err


def listed(settings: Path, *words: str) -> list[dict[str, object]]:
    told: list[dict[str, object]] = json.loads(ran(str(settings), "catalogue", *words, "--json").out)
    return told


def test_catalogues_are_published_as_signed_versions_that_say_what_is_new(
    settings: Path, tmp_path: Path
) -> None:
    flow = tmp_path / "flow.json"
    words = ("catalogue", "publish", "workflow.1.009999", str(flow), "--reason", "QD-5", "--yes")
    flow.write_text('{"entries": [{"code": "B1", "name": "Tiếp nhận"}, {"code": "B2", "name": "Xử lý"}]}')
    assert ran(str(settings), *words).status == 0
    assert "nothing was published" in ran(str(settings), *words).err
    flow.write_text('{"entries": [{"code": "B1", "name": "Tiếp nhận hồ sơ"}, {"code": "B3", "name": "Trả"}]}')
    later = ran(str(settings), *words, "--effective", "2999-01-01")
    assert (
        later.status,
        "version 2, in force from 2999-01-01: 1 entries added, 1 gone, 1 changed" in later.err,
    ) == (
        0,
        True,
    )
    assert [(row["version"], row["in_force"], row["is_signed"]) for row in listed(settings, "list")] == [
        (1, True, True),
        (2, False, True),
    ]
    differences = listed(settings, "diff", "workflow.1.009999")
    assert [(row["change"], row["code"], row["fields"]) for row in differences] == [
        ("added", "B3", []),
        ("gone", "B2", []),
        ("changed", "B1", ["name"]),
    ]
    document = json.loads(ran(str(settings), "catalogue", "show", "workflow.1.009999").out)
    assert (document["version"], document["previous"]["version"]) == (2, 1)
    assert listed(settings, "who") == [
        {
            "partner": "so-dat",
            "catalogue": "workflow.1.009999",
            "current": 1,
            "brought": 0,
            "fetched": 0,
            "fetched_at": None,
            "receipted": 0,
            "in_use": 0,
            "acknowledged_at": None,
        }
    ]


def test_no_catalogue_counts_from_a_day_that_is_over(settings: Path) -> None:
    words = ("catalogue", "publish", "procedures", "--reason", "x", "--yes", "--effective")
    over = ran(str(settings), *words, "2020-01-01")
    assert (over.status != 0, "HUB-CAT-003" in over.err) == (True, True)
    assert ran(str(settings), *words, "hôm qua").status == 2
    assert ran(str(settings), *words, "2999-01-01").status == 0
    before = ran(str(settings), "catalogue", "show", "procedures", "7")
    assert "HUB-CAT-002" in before.err


def test_open_dossiers_are_imported_after_a_dry_run_and_once(settings: Path, tmp_path: Path) -> None:
    file = tmp_path / "open.csv"
    words = ("dossier", "import", str(file))
    head = "code,authority,origin,procedure,received_on,state\n"
    file.write_text(head + "000.00.15.H47-190412-0001,000.00.15.H47,so-dat,1.009999,2019-04-12,99\n")
    wrong = ran(str(settings), *words, "--dry-run")
    assert (wrong.status != 0, "HUB-IMP-001" in wrong.err, "state (2)" in wrong.err) == (True, True, True)
    file.write_text(head + "000.00.15.H47-190412-0001,000.00.15.H47,so-dat,1.009999,2019-04-12,4\n")
    dry = ran(str(settings), *words, "--dry-run", "--json")
    (row,) = json.loads(dry.out)
    assert (row["line"], row["known"], row["state"], row["legs"]) == (
        2,
        False,
        "processing",
        ["000.00.15.H47"],
    )
    assert ran(str(settings), "dossier", "show", row["code"]).status != 0
    for made, known in ((1, 0), (0, 1)):
        done = ran(str(settings), *words, "--reason", "QD-12", "--yes", "--json")
        told = json.loads(done.out)
        assert (done.status, told["made"], told["known"]) == (0, made, known)
    shown = json.loads(ran(str(settings), "dossier", "show", row["code"], "--json").out)
    assert (shown["id"], shown["stage"], shown["transfers"]) == (row["id"], "live", [])
    assert ran(str(settings), "dossier", "import", str(tmp_path / "none.csv"), "--dry-run").status == 2
