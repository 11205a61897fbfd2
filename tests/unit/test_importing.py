"""Open dossiers of a cut-over: every fault with its line and code, or all of it as known history."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from hub.going_live import importing
from hub.going_live.importing import World
from hub.routing.parties import Party, roster
from hub.store.contract.catalogues import Version
from hub.store.contract.intake import Alias
from hub.story import record
from hub.story.advance import Advanced, Sender, advance
from schemas.agencies import Agencies
from schemas.codelists import CodeLists
from schemas.dossier import Dossier, Event, Kind, Message, State
from schemas.problems import Problem, Refusal
from schemas.procedures import Procedures

PROVINCE, LAND = "000.00.00.H47", "000.00.15.H47"
CODE = f"{PROVINCE}-190412-0007"
AGENCIES = Agencies.load()
WORLD = World(
    agencies=AGENCIES,
    procedures=Procedures.load(AGENCIES),
    lists=CodeLists.load(),
    parties=roster(
        (Party(partner_id="desk", agency=PROVINCE), Party(partner_id="land", agency=LAND)), AGENCIES
    ),
    authorities={"desk": PROVINCE},
)
ROW: dict[str, Any] = {
    "code": CODE,
    "origin": "desk",
    "procedure": "1.009999",
    "received_on": "2019-04-12",
    "state": "4",
}


def lines(*rows: dict[str, Any]) -> bytes:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


def planned(*rows: dict[str, Any], world: World = WORLD) -> list[record.Story]:
    return [
        record.from_json(each.story)
        for each in importing.plan(importing.read(lines(*rows), "x.jsonl"), world)
    ]


def refused(raw: bytes, name: str = "x.jsonl") -> list[Problem]:
    with pytest.raises(Refusal) as told:
        importing.plan(importing.read(raw, name), WORLD)
    return list(told.value.problems)


def faults(*rows: dict[str, Any]) -> list[tuple[int, str, str]]:
    return [(each.line, each.code, each.place) for each in refused(lines(*rows))]


def test_a_dossier_stands_as_if_the_hub_had_heard_of_it() -> None:
    told = {**ROW, "holder": LAND, "due_at": "2019-05-12T17:00:00", "parent": "P-1"}
    (story,) = planned(told)
    assert (story.state, story.origin, story.received_by, story.opened_on) == (
        State.PROCESSING,
        "desk",
        PROVINCE,
        date(2019, 4, 12),
    )
    assert [(leg.agency, leg.state, leg.passed_to) for leg in story.legs] == [
        (PROVINCE, State.PROCESSING, (LAND,)),
        (LAND, State.PROCESSING, ()),
    ]
    assert (story.parties, story.national, story.parent) == (("desk", "land"), "1.009999", "P-1")
    assert story.deadline == datetime(2019, 5, 12, 10, tzinfo=UTC)


def test_who_has_it_in_hand_goes_on_with_it() -> None:
    (story,) = planned({**ROW, "holder": LAND, "state": "supplement"})
    message = Message(
        event=Event(kind=Kind.SUPPLEMENT_SUBMITTED, at=datetime(2026, 1, 1, tzinfo=UTC)),
        key="k",
        sender="land",
        agency=LAND,
        dossier=Dossier(code=CODE),
    )
    after = advance(story, message, Sender(partner="land", agency=LAND), on=date(2026, 1, 1))
    assert isinstance(after, Advanced)
    assert after.story is not None
    assert after.story.state is State.PROCESSING


def test_what_a_spreadsheet_writes_with_semicolons_says_the_same() -> None:
    head = "code,origin,procedure,received_on,state,aliases,holder"
    row = f'{CODE},desk,1.009999,2019-04-12,4,"{LAND}:77; 000.00.00.G22:G-1",'
    by_comma = importing.read(f"{head}\r\n{row}\r\n".encode(), "x.csv")
    by_semicolon = importing.read(f"{head}\r\n{row}\r\n".replace(",", ";").encode(), "x.csv")
    assert by_semicolon == by_comma
    assert by_comma[0].told["aliases"] == f"{LAND}:77; 000.00.00.G22:G-1"


def test_csv_and_json_lines_say_the_same() -> None:
    told = {**ROW, "aliases": [f"{LAND}:77", "000.00.00.G22:G-1"], "parties": ["land"]}
    table = (
        "code,origin,procedure,received_on,state,aliases,parties,holder\r\n"
        f"{CODE},desk,1.009999,2019-04-12,4,{LAND}:77; 000.00.00.G22:G-1,land,\r\n"
    )
    (by_lines,), (by_table,) = (
        importing.plan(importing.read(raw, name), WORLD)
        for raw, name in ((lines(told), "x.jsonl"), (b"\xef\xbb\xbf" + table.encode(), "x.csv"))
    )
    assert msgspec.structs.replace(by_lines, line=0) == msgspec.structs.replace(by_table, line=0)
    assert by_lines.aliases == (
        Alias(authority=PROVINCE, code=CODE),
        Alias(authority=LAND, code="77"),
        Alias(authority="000.00.00.G22", code="G-1"),
    )


def test_a_local_procedure_code_is_understood() -> None:
    (story,) = planned({**ROW, "procedure": "QNA-DD-0123"})
    assert (story.national, story.local) == ("1.009999", "QNA-DD-0123")


def test_a_dossier_keeps_the_catalogue_of_its_reception() -> None:
    first = Version(
        id="procedures",
        version=3,
        effective=date(2019, 1, 1),
        at=datetime(2018, 1, 1, tzinfo=UTC),
        digest="",
        signature="",
        by="an",
        reason="x",
    )
    later = msgspec.structs.replace(first, version=4, effective=date(2020, 1, 1))
    (story,) = planned(ROW, world=msgspec.structs.replace(WORLD, versions=(first, later)))
    assert story.catalogues == {"procedures": 3}


@pytest.mark.parametrize(
    ("changed", "code", "place"),
    [
        ({"code": ""}, "HUB-IMP-001", "code"),
        ({"code": "not a code"}, "HUB-DOS-001", "code"),
        ({"origin": "nobody"}, "HUB-IMP-001", "origin"),
        ({"procedure": "9.999999"}, "HUB-DOS-005", "procedure"),
        ({"received_on": "12/04/2019"}, "HUB-IMP-001", "received_on"),
        ({"due_at": "mai"}, "HUB-IMP-001", "due_at"),
        ({"state": "open"}, "HUB-IMP-001", "state"),
        ({"state": "10"}, "HUB-IMP-001", "state"),
        ({"holder": "000.99.99.H99"}, "HUB-DOS-006", "holder"),
        ({"parties": ["nobody"]}, "HUB-IMP-001", "parties"),
        ({"parties": [1]}, "HUB-IMP-001", "parties"),
        ({"aliases": ["77"]}, "HUB-IMP-001", "aliases"),
        ({"origin": "land"}, "HUB-IMP-001", "authority"),
        ({"applicant": "Nguyễn Văn A"}, "HUB-IMP-001", "applicant"),
        ({"code": {"a": 1}}, "HUB-IMP-001", "code"),
    ],
)
def test_every_fault_has_its_line_its_code_and_its_column(
    changed: dict[str, Any], code: str, place: str
) -> None:
    found = faults({**ROW, "code": f"{PROVINCE}-190412-0001"}, {**ROW, **changed})
    assert (2, code, place) in found
    assert {line for line, _, _ in found} == {2}


def test_the_faults_of_all_rows_are_told_at_once() -> None:
    assert [line for line, _, _ in faults({**ROW, "state": "?"}, ROW, {**ROW, "origin": "x"})] == [1, 3]


@pytest.mark.parametrize("name", ["code", "parent", "aliases"])
def test_what_no_message_can_carry_is_no_code(name: str) -> None:
    told = {**ROW, "received_by": PROVINCE, "parent": "p", "aliases": "A:b"}
    told[name] += "\0"
    table = ",".join(told) + "\n" + ",".join(told.values())
    problem = refused(table.encode(), "x.csv")[0]
    assert (problem.code, problem.line, problem.place) == ("HUB-IMP-001", 2, name)


def test_a_moment_that_no_calendar_has_is_none() -> None:
    for due in ("0001-01-01T00:00:00+07:00", "9999-12-31T23:59:59-14:00"):
        assert faults({**ROW, "due_at": due}) == [(1, "HUB-IMP-001", "due_at")]


def test_one_code_names_one_row() -> None:
    assert faults(ROW, {**ROW, "received_on": "2019-04-13"}) == [(2, "HUB-IMP-002", "aliases/0")]


@pytest.mark.parametrize(
    ("raw", "name", "line"),
    [
        (b"code,origin\nx,desk\n", "x.csv", 1),
        (b"code,origin,procedure,received_on,state,name\n", "x.csv", 1),
        (b"code,origin,procedure,received_on,state,code\na,b,c,d,e,f\n", "x.csv", 1),
        (b"code,origin,procedure,received_on,state\na,b\n", "x.csv", 2),
        (b"code,origin,procedure,received_on,state\na,b,c,d,e,f\n", "x.csv", 2),
        (b"\n{]\n", "x.jsonl", 2),
        (b"[1]\n", "x.jsonl", 1),
        (b'{"code": "a", "code": "b"}', "x.jsonl", 1),
        (b"\n\xff\n", "x.jsonl", 2),
        (b"", "x.jsonl", 0),
    ],
)
def test_a_file_that_is_none_is_refused_by_its_line(raw: bytes, name: str, line: int) -> None:
    (problem,) = refused(raw, name)
    assert (problem.code, problem.line) == ("HUB-IMP-001", line)


def test_the_same_row_makes_the_same_dossier() -> None:
    first, second = (importing.plan(importing.read(lines(ROW), "x.jsonl"), WORLD) for _ in range(2))
    assert first == second
