"""A new version of a mapping is spoken when both owners approved its very bytes and its day has come, and not before."""

from __future__ import annotations

import asyncio
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path  # noqa: TC003 - fixtures are annotated
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from hub.cli.opening import checked, wired
from hub.demo.cast import EXAMPLES
from hub.demo.scene import build
from hub.mappings import governing
from hub.mappings.governing import InForce, State
from hub.settings.file import load
from hub.wiring.declared import declared
from hub.wiring.parts import store_of
from hub.wiring.tools import pool_tools
from schemas.library import BUILTIN
from schemas.mapping import mappings
from schemas.problems import Refusal
from tests.unit.test_cli_double import NOW, Terminal, line

if TYPE_CHECKING:
    from hub.store.contract.views import JournalRow
    from tests.unit.test_cli_double import Ran

OLD, NEW = "land.soap@1", "land.soap@2"
LONG_AGO, FAR = "2020-01-01", "2099-01-01"
MAPPING = (
    (BUILTIN / "mappings" / "land.soap-1.toml").read_text("utf-8").replace("version = 1", "version = 2", 1)
)


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """A site whose department is declared with a second version of its mapping."""
    file = build(tmp_path, 1, (2, 3, 4)).settings
    own = file.parent / "mappings"
    own.mkdir()
    (own / "land.soap-2.toml").write_text(MAPPING, "utf-8")
    file.write_text('mappings = "mappings"\n' + file.read_text("utf-8"), "utf-8")
    partner = file.parent / "partners" / "so-tnmt.toml"
    partner.write_text(partner.read_text("utf-8").replace(OLD, NEW), "utf-8")
    return file


def mapping(settings: Path, *words: str) -> Ran:
    return line("mapping", *words, "--settings", str(settings), "--lang", "en", opener=wired)


def proposed(settings: Path, begins: str = LONG_AGO) -> Ran:
    return mapping(
        settings, "propose", NEW, "--replaces", OLD, "--from", begins, "--reason", "R", "--yes", "--json"
    )


def approved(settings: Path, side: str) -> Ran:
    return mapping(
        settings, "approve", NEW, "--as", side, "--who", "Lê Văn Mẫu", "--reason", "CV 1", "--yes", "--json"
    )


def decided(settings: Path, begins: str, *sides: governing.Side) -> None:
    """Lay the file that the commands would have written."""
    digest = hashlib.sha256(MAPPING.encode()).hexdigest()
    given = tuple(governing.Approval(side=each, who="w", by="b", at=NOW, digest=digest) for each in sides)
    proposal = governing.Proposal(
        mapping=NEW,
        replaces=OLD,
        begins=date.fromisoformat(begins),
        digest=digest,
        by="b",
        at=NOW,
        approved=given,
    )
    folder = settings.parent / "mappings" / "approvals"
    folder.mkdir(exist_ok=True)
    (folder / "land.soap-2.toml").write_text(governing.text(proposal), "utf-8")


def spoken(settings: Path) -> str:
    return declared(settings).formats[NEW].ref


def listed(settings: Path) -> dict[str, dict[str, object]]:
    return {row["mapping"]: row for row in json.loads(mapping(settings, "list", "--json").out)}


async def journal(settings: Path) -> list[JournalRow]:
    store = store_of(load(settings, {}))
    try:
        return [row for row in await store.journal() if row.what.startswith("mapping_")]
    finally:
        await store.close()


def test_a_version_that_nobody_proposed_is_in_force_when_it_is_named(settings: Path) -> None:
    assert spoken(settings) == NEW
    told = listed(settings)
    assert (told[NEW]["state"], told[NEW]["approved_by"], told[OLD]["approved_by"]) == (
        "in_force",
        [],
        ["hub"],
    )


def test_one_that_was_proposed_waits_for_both_owners_and_each_step_is_journaled(settings: Path) -> None:
    assert proposed(settings).status == 0
    assert spoken(settings) == OLD
    for side, state, speaks in (("hub", "proposed", OLD), ("partner", "in_force", NEW)):
        ran = approved(settings, side)
        assert (ran.status, json.loads(ran.out)[0]["state"]) == (0, state)
        assert spoken(settings) == speaks
    told = listed(settings)
    assert told[NEW]["approved_by"] == ["hub: Lê Văn Mẫu", "partner: Lê Văn Mẫu"]
    assert (told[OLD]["state"], told[OLD]["received_by"]) == ("retired", [])
    rows = asyncio.run(journal(settings))
    assert [row.what for row in rows] == ["mapping_proposed", "mapping_approved", "mapping_approved"]
    assert {row.facts["digest"] for row in rows} == {
        governing.proposals(settings.parent / "mappings")[NEW].digest
    }
    assert [row.facts.get("side") for row in rows] == [None, "hub", "partner"]


def test_two_owners_who_approve_in_the_same_moment_have_both_approved(settings: Path) -> None:
    proposed(settings)
    meet = Barrier(2)

    class Meeting(Terminal):
        """Nobody answers before the other person was asked, too."""

        def readline(self, size: int = -1, /) -> str:  # type: ignore[override]  # typeshed: StringIO's own
            meet.wait(timeout=60)
            return super().readline(size)

    words = (
        "mapping",
        "approve",
        NEW,
        "--who",
        "Lê Văn Mẫu",
        "--reason",
        "CV 1",
        "--settings",
        str(settings),
    )

    def approve(side: str) -> int:
        return line(*words, "--as", side, opener=wired, answers=["y"], person=Meeting).status

    with ThreadPoolExecutor(2) as both:
        assert list(both.map(approve, ("hub", "partner"))) == [0, 0]
    assert listed(settings)[NEW]["state"] == "in_force"
    rows = asyncio.run(journal(settings))
    assert {row.facts.get("side") for row in rows} == {None, "hub", "partner"}


def test_what_was_proposed_anew_while_an_owner_was_asked_is_not_approved(settings: Path) -> None:
    proposed(settings)

    class Late(Terminal):
        def readline(self, size: int = -1, /) -> str:  # type: ignore[override]  # typeshed: StringIO's own
            decided(settings, FAR)
            return super().readline(size)

    words = (
        "mapping",
        "approve",
        NEW,
        "--as",
        "hub",
        "--who",
        "L",
        "--reason",
        "R",
        "--settings",
        str(settings),
    )
    assert line(*words, opener=wired, answers=["y"], person=Late).status == 7
    assert listed(settings)[NEW]["approved_by"] == []


def test_until_its_day_the_one_before_is_spoken_by_every_process_and_then_the_new_one_by_itself(
    settings: Path,
) -> None:
    decided(settings, FAR, "hub", "partner")
    assert (spoken(settings), listed(settings)[NEW]["state"]) == (OLD, "approved")
    _, bench = pool_tools(str(settings))
    assert bench.says["so-tnmt"].ref == OLD
    formats = mappings(settings.parent / "mappings") | {OLD: declared(settings).formats[OLD]}
    clock = [NOW]
    turning = InForce(formats[NEW], formats[OLD], NOW + timedelta(seconds=1), lambda: clock[0])
    raw = (EXAMPLES / "messages" / "01-received.json").read_bytes()
    message = declared(settings).formats["motcua.rest@1"].read(raw, "a", "k", "000.00.00.H47")
    before = turning.write("TiepNhanHoSo", message, "k")
    assert turning.natural_key(before) == "k"
    clock[0] += timedelta(seconds=1)
    assert (turning.ref, turning.id, turning.version, turning.media) == (NEW, "land.soap", 2, "xml")
    assert turning.operations(message) == formats[NEW].operations(message)


def test_bytes_that_nobody_approved_are_not_started_with(settings: Path) -> None:
    decided(settings, LONG_AGO, "hub", "partner")
    assert spoken(settings) == NEW
    file = settings.parent / "mappings" / "land.soap-2.toml"
    file.write_text(MAPPING + "# later\n", "utf-8")
    with pytest.raises(Refusal) as refused:
        declared(settings)
    assert [(each.code, each.place) for each in refused.value.problems] == [
        ("HUB-CFG-004", "land.soap-2.toml")
    ]
    assert approved(settings, "hub").status == 7
    assert proposed(settings).status == 0  # anew: earlier approvals count no more
    assert spoken(settings) == OLD


def test_the_check_of_a_partners_file_says_who_is_missing(settings: Path) -> None:
    decided(settings, LONG_AGO, "partner")
    file = settings.parent / "partners" / "so-tnmt.toml"
    words = ("partner", "validate", str(file), "--settings", str(settings), "--lang", "en")
    ran = line(*words, checker=checked)
    assert ran.status == 3
    assert "HUB-MAP-008" in ran.out
    assert "approved by hub" in ran.out
    decided(settings, LONG_AGO, "hub", "partner")
    assert line(*words, checker=checked).status == 0


def test_what_came_with_the_hub_has_its_owners_approval() -> None:
    shipped = governing.Proposal(
        mapping=NEW, replaces=OLD, begins=NOW.date(), digest="d", by="x", at=NOW - timedelta(days=9)
    )
    assert governing.standing(shipped, "d", NOW, shipped=True).missing == ("partner",)
    assert governing.standing(shipped, "d", NOW, shipped=False).missing == ("hub", "partner")


def test_an_approval_of_other_bytes_is_none() -> None:
    given = governing.Approval(side="hub", who="w", by="b", at=NOW, digest="before")
    proposal = governing.Proposal(
        mapping=NEW, replaces=OLD, begins=NOW.date(), digest="d", by="x", at=NOW, approved=(given,)
    )
    found = governing.standing(proposal, "d", NOW, shipped=False)
    assert (found.missing, found.changed) == (("hub", "partner"), True)


def test_a_day_begins_in_vietnam() -> None:
    given = tuple(
        governing.Approval(side=side, who="w", by="b", at=NOW, digest="d") for side in governing.SIDES
    )
    day = datetime(2026, 12, 1, tzinfo=UTC).date()
    proposal = governing.Proposal(
        mapping=NEW, replaces=OLD, begins=day, digest="d", by="x", at=NOW, approved=given
    )
    eve = datetime(2026, 11, 30, 16, 59, 59, tzinfo=UTC)
    assert governing.standing(proposal, "d", eve, shipped=False).state is State.APPROVED
    assert (
        governing.standing(proposal, "d", eve + timedelta(seconds=1), shipped=False).state is State.IN_FORCE
    )


def test_only_another_version_that_can_do_as_much_is_proposed(settings: Path) -> None:
    assert (
        mapping(settings, "approve", NEW, "--as", "hub", "--who", "x", "--reason", "R", "--yes").status == 1
    )
    words = ("--from", LONG_AGO, "--reason", "R", "--yes")
    assert mapping(settings, "propose", "land.soap@3", "--replaces", OLD, *words).status == 1
    assert mapping(settings, "propose", NEW, "--replaces", "motcua.rest@1", *words).status == 1
    file = settings.parent / "mappings" / "land.soap-2.toml"
    file.write_text(MAPPING.replace("CapNhatHoSo", "CapNhat"), "utf-8")
    fewer = mapping(settings, "propose", NEW, "--replaces", OLD, *words)
    assert (fewer.status, "lacks operations" in fewer.err) == (1, True)
    assert not (settings.parent / "mappings" / "approvals").exists()


def test_a_file_that_is_no_proposal_is_named(settings: Path) -> None:
    decided(settings, LONG_AGO)
    file = settings.parent / "mappings" / "approvals" / "land.soap-2.toml"
    file.write_text(file.read_text("utf-8") + "more = 1\n", "utf-8")
    with pytest.raises(Refusal, match="HUB-CFG-005"):
        declared(settings)
