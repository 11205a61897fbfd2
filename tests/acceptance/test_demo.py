"""The demonstration: it succeeds as a process, and its counting finds everything that could be wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import msgspec
import pytest

from hub.demo import journals
from hub.demo.cast import EXAMPLES, FIRST, PORTAL, TAX, called, cast
from hub.demo.count import Arrival, Count, count
from hub.demo.messages import stories
from hub.demo.processes import Processes, answers, free_ports
from hub.demo.run import judge, run
from hub.demo.scene import build
from hub.demo.stories import cases
from hub.demo.telling import Failed
from hub.wiring.validating import check_partner
from schemas.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.demo.messages import Said

ROOT = Path(__file__).parents[2]
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith("LIENTHONG_")}


# --- the counting -------------------------------------------------------------------------------------------------


def said() -> list[Said]:
    return [one for story in stories(EXAMPLES / "messages", 3) for one in story]


def arrived() -> list[Arrival]:
    return [Arrival(one.dossier, one.at, one.kind) for one in said()]


def test_what_arrived_whole_is_clean() -> None:
    assert count("land", said(), arrived()).clean
    interleaved = sorted(arrived(), key=lambda one: one.at)
    assert interleaved != arrived()
    assert count("land", said(), interleaved).clean


def test_a_line_that_a_partner_is_still_writing_is_read_the_next_time(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    assert journals.entries(journal) == []
    journal.write_text('{"number":"1","note":"Đất"}\n{"number":"2","note":"Đ', "utf-8")
    assert [entry["number"] for entry in journals.entries(journal)] == ["1"]


def lost(got: list[Arrival]) -> None:
    del got[4]


def doubled(got: list[Arrival]) -> None:
    got.append(got[-1])


def out_of_order(got: list[Arrival]) -> None:
    got[1], got[2] = got[2], got[1]


def foreign(got: list[Arrival]) -> None:
    got.append(Arrival("somebody else's", got[-1].at, got[-1].operation))


WRONGS = [lost, doubled, out_of_order, foreign]


@pytest.mark.parametrize("wrong", WRONGS, ids=lambda wrong: wrong.__name__)
def test_each_wrong_is_counted_and_is_not_clean(wrong: Callable[[list[Arrival]], None]) -> None:
    got = arrived()
    wrong(got)
    counted = count("land", said(), got)
    assert not counted.clean
    assert {other.__name__: getattr(counted, other.__name__) for other in WRONGS} == {
        other.__name__: int(other is wrong) for other in WRONGS
    }
    assert counted.delivered == counted.sent - counted.lost


def test_two_events_swapped_for_one_doubled_are_lost_and_doubled() -> None:
    got = arrived()
    got[4] = got[3]
    counted = count("land", said(), got)
    assert (counted.lost, counted.doubled, counted.clean) == (1, 1, False)


def test_nothing_at_all_is_all_lost() -> None:
    counted = count("land", said(), [])
    assert (counted.sent, counted.delivered, counted.lost) == (len(said()), 0, len(said()))


def test_the_journals_of_the_partners_are_read_by_event_time(tmp_path: Path) -> None:
    land, portal = tmp_path / "land.jsonl", tmp_path / "portal.jsonl"
    document = '<d xmlns="urn:x"><ThoiDiem>2026-11-20T08:00:00+07:00</ThoiDiem></d>'
    land.write_text(json.dumps({"operation": "Take", "dossier": "D-1", "body": document}) + "\n", "utf-8")
    records = [{"MaHoSo": "D-1", "ThoiDiemXuLy": "20261120080000"}, {"MaHoSo": "D-2"}]
    lines = [
        {"operation": name, "dossier": "", "body": json.dumps(records)}
        for name in ("Sync", journals.PROGRESS)
    ]
    portal.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    assert journals.arrivals("land", land) == [Arrival("D-1", "20261120080000", "Take")]
    assert journals.arrivals("portal", portal) == [
        Arrival("D-1", "20261120080000", journals.PROGRESS),
        Arrival("D-2", "", journals.PROGRESS),
    ]
    assert journals.arrivals("land", tmp_path / "none.jsonl") == []


EIGHT = "20261120080000"
SAID = [
    ("onestop", "message", {"ThoiDiem": EIGHT, "LoaiSuKien": "XU_LY"}, EIGHT),
    ("district", "message", {"ThoiDiem": EIGHT, "LoaiSuKien": "XU_LY"}, EIGHT),
    ("finance", "received", {"event": {"kind": "received", "at": "2026-11-20T01:00:00.000Z"}}, EIGHT),
    ("commune", "taken", {"event": {"kind": "step", "at": "2026-11-20T08:00:00+07:00"}}, EIGHT),
    ("registry", "tiepnhan", {"NgayTiepNhan": "2026-11-20T01:00:00Z"}, EIGHT),
    ("registry", "capnhattrangthaitraketquahoso", {"NgayTra": "2026-11-20T01:00:00"}, EIGHT),
    ("tax", "xuLyTruyVanMsg", {}, ""),
]


@pytest.mark.parametrize(("name", "operation", "body", "at"), SAID, ids=lambda value: str(value)[:20])
def test_each_system_tells_when_in_its_own_words(
    tmp_path: Path, name: str, operation: str, body: object, at: str
) -> None:
    entry = {"operation": operation, "dossier": "D-1", "body": json.dumps(body)}
    (tmp_path / "j").write_text(json.dumps(entry) + "\n", "utf-8")
    (arrival,) = journals.arrivals(name, tmp_path / "j")
    assert (arrival.dossier, arrival.at) == ("D-1", at)


def test_of_the_axis_only_the_documents_that_the_hub_sent_count(tmp_path: Path) -> None:
    sent = "<a><TraceHeader><Timestamp>2026/11/20 08:00:00</Timestamp></TraceHeader></a>"
    lines = [
        {"operation": name, "dossier": "D-1", "body": sent} for name in ("sendEdoc", "sendStatus", "lodged")
    ]
    (tmp_path / "j").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    assert journals.arrivals("axis", tmp_path / "j") == [Arrival("D-1", EIGHT, "sendEdoc")]


def test_ears_hear_each_line_once_and_a_cut_one_when_it_is_whole(tmp_path: Path) -> None:
    line = json.dumps({"operation": "x", "dossier": "D-1", "body": ""}).encode() + b"\n"
    file, ears = tmp_path / "j", journals.Ears("tax", tmp_path / "j")
    assert ears.listen() == []
    file.write_bytes(line + line[:9])
    assert len(ears.listen()) == 1
    file.write_bytes(line + line)
    assert len(ears.listen()) == 2
    assert len(ears.listen()) == 2


# --- the province -------------------------------------------------------------------------------------------------


def test_every_step_of_a_story_is_said_and_heard_by_somebody_who_is_there() -> None:
    for case in cases(EXAMPLES, 2):
        for number, step in enumerate(case.story.step):
            assert {step.by, *step.hears} <= set(cast())
            assert step.by not in step.hears
            assert step.at or step.by in {TAX, PORTAL}
            if step.state:
                assert case.dossier.encode() in case.said(number).body


def test_a_hub_of_the_whole_province_finds_no_fault_in_its_partner_files(tmp_path: Path) -> None:
    others = {name: 100 + number for number, name in enumerate(called()) if name not in FIRST}
    whole = build(tmp_path / "whole", 1, (2, 3, 4), others=others)
    files = {file.stem for file in (EXAMPLES / "partners").glob("*.toml")}
    assert {file.stem for file in (whole.settings.parent / "partners").glob("*.toml")} == files
    assert {system.file for system in cast().values()} == files
    for file in (whole.settings.parent / "partners").glob("*.toml"):
        assert check_partner(whole.settings, file) == ()


# --- its status ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        Failed("land"),
        RuntimeError("hub ended; see its log"),
        TimeoutError(),
        aiohttp.ServerDisconnectedError(),
        ExceptionGroup("both", [ExceptionGroup("one", [Failed("land")])]),
    ],
    ids=repr,
)
def test_whatever_goes_wrong_ends_with_another_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    async def play(*_: object) -> None:
        raise error

    monkeypatch.setitem(run.__globals__, "_play", play)
    assert run(tmp_path, 9) == 1
    told = capsys.readouterr().out
    assert "KHÔNG ĐẠT" in told
    assert "Good" not in told


@pytest.mark.parametrize("wrong", ["lost", "doubled", "out_of_order", "foreign"])
def test_a_partner_that_counts_otherwise_fails_the_demonstration(wrong: str) -> None:
    good = Count(partner="land", sent=9, delivered=9, lost=0, doubled=0, out_of_order=0, foreign=0)
    judge([good])
    with pytest.raises(Failed, match="portal"):
        judge([good, msgspec.structs.replace(good, partner="portal", **{wrong: 1})])


def test_a_folder_that_is_not_the_demonstrations_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "thesis.txt"
    kept.write_text("years of work", "utf-8")
    with pytest.raises(Refusal, match="HUB-CFG-002"):
        build(tmp_path, 1, (2, 3, 4))
    assert kept.read_text("utf-8") == "years of work"


async def test_what_never_answers_is_named_with_the_time_that_was_waited(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with Processes(tmp_path, {}) as processes, pytest.raises(TimeoutError, match=rf":{port}/readyz: 0.2 s"):
        await answers(f"http://127.0.0.1:{port}/readyz", processes, 0.2)
