"""The desk of the national portal's clients by itself: what a record means, given what was known; what is lenient."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors.desks import Accepted, Answered, Call, Errand, Refused, Say, Says, Standing, Token, Told
from connectors.mapi.desk import Desk
from connectors.mapi.telling import WAY, way
from connectors.simulators.reporter import record, step
from hub.story.moves import MOVES, OPENING
from schemas.dossier import Kind, State
from schemas.library import BUILTIN
from schemas.problems import Refusal
from schemas.table import read_table

DESK = Desk()
CODE = "000.00.00.H47-261120-0001"
MORNING = datetime(2026, 11, 20, 8, 0)  # noqa: DTZ001 - the client's own wall time
DAY = timedelta(days=1)
S = State
OPEN = record(CODE, "P", 4, received=MORNING)
DONE = record(CODE, "P", 9, received=MORNING, released=MORNING + DAY)
OUT = record(CODE, "P", 10, received=MORNING, returned=MORNING + 2 * DAY)


def say(service: str, *data: dict[str, Any]) -> Say:
    body = json.dumps({"session": "s", "service": service, "data": list(data)}).encode()
    wish = DESK.read(Call(path="/mapi/g", body=body))
    assert isinstance(wish, Says)
    return wish.each[0]


def said(standing: Standing, *data: dict[str, Any]) -> tuple[list[str], tuple[str, ...]]:
    """The kinds with the states that they lead to, and the keys."""
    service = "CapNhatTienDoHoSoMC" if "TrangThai" in data[0] else "DongBoHoSoMC"
    messages = say(service, *data).messages(standing)
    told = [json.loads(each.body) for each in messages]
    return ["-".join(filter(None, (one["Kind"], one.get("State", "")))) for one in told], tuple(
        each.key for each in messages
    )


def after(*steps: tuple[dict[str, Any], State | None]) -> Standing:
    standing = Standing()
    for document, state in steps:
        standing = Standing(state=state, said=(*standing.said, *said(standing, document)[1]))
    return standing


def test_every_part_of_the_way_is_one_that_the_published_machine_knows() -> None:
    for begin, ways in WAY.items():
        for end, kind in ways.items():
            assert end in (OPENING[kind] if begin is None else MOVES[begin, kind])


@pytest.mark.parametrize(
    ("begin", "end", "recalls", "kinds"),
    [
        (S.ACCEPTED, S.SUPPLEMENT, False, ["step", "supplement_requested"]),
        (S.SUPPLEMENT, S.FINISHED, False, ["resumed", "finished"]),
        (S.DUTY, S.STOPPED, False, ["suspended"]),
        (S.FINISHED, S.SUPPLEMENT, True, ["recalled", "supplement_requested"]),
        (S.FINISHED, S.SUPPLEMENT, False, []),
        (S.RETURNED, S.FINISHED, False, []),
        (S.WITHDRAWN, S.PROCESSING, True, []),
        (S.PROCESSING, S.ACCEPTED, True, []),
    ],
)
def test_what_happened_is_the_shortest_way(begin: State, end: State, recalls: bool, kinds: list[str]) -> None:
    assert [move.kind for move in way(begin, end, recalls=recalls)] == kinds


@pytest.mark.parametrize(
    ("document", "standing", "kinds"),
    [
        (OPEN, Standing(), ["received-2"]),
        ({**OPEN, "TrangThaiHoSo": 1}, Standing(), ["received-1"]),
        (DONE, Standing(), ["received-2", "step-4", "finished-9"]),
        (OUT, Standing(), ["received-2", "step-4", "finished-9", "returned-10"]),
        (
            {**OPEN, "TrangThaiHoSo": "3", "NgayTuChoi": "20261120090000"},
            Standing(),
            ["refused_at_reception-3"],
        ),
        (OPEN, Standing(state=S.ACCEPTED), ["corrected"]),  # when it went on, the progress record says
        (DONE, after((OPEN, S.PROCESSING)), ["finished-9"]),
        ({**DONE, "NgayKetThucXuLy": ""}, after((OPEN, S.PROCESSING)), ["corrected"]),
        (OUT, after((OPEN, S.PROCESSING), (DONE, S.FINISHED)), ["returned-10"]),
        (DONE, Standing(state=S.DUTY), ["corrected"]),
        (
            {**OPEN, "TrangThaiHoSo": "5", "DanhSachHoSoBoSung": [{"NgayBoSung": "20261121090000"}]},
            Standing(state=S.PROCESSING),
            ["supplement_requested-5"],
        ),
        (OPEN, Standing(state=S.FINISHED), ["corrected"]),
        (OUT, Standing(state=S.RETURNED), ["corrected"]),
    ],
)
def test_a_record_is_told_as_what_happened_since_as_far_as_it_has_dates(
    document: dict[str, Any], standing: Standing, kinds: list[str]
) -> None:
    assert said(standing, document)[0] == kinds


def test_the_same_again_has_the_same_bytes_and_the_rest_of_what_was_cut_off() -> None:
    opened = after((OPEN, S.PROCESSING))
    first = say("DongBoHoSoMC", OUT).messages(opened)
    for told in range(len(first) + 1):
        keys = tuple(each.key for each in first[:told])
        state = (S.PROCESSING, S.FINISHED, S.RETURNED)[told]
        half = Standing(state=state, said=(*opened.said, *keys))
        assert say("DongBoHoSoMC", OUT).messages(half) == first


@pytest.mark.parametrize(
    ("now", "state", "kinds"),
    [
        (4, S.ACCEPTED, ["step-4"]),
        (2, S.ACCEPTED, ["step-2"]),
        (5, S.ACCEPTED, ["step-4", "supplement_requested-5"]),
        (5, S.SUPPLEMENT, ["step-5"]),
        (4, S.DUTY, ["resumed-4"]),
        (7, S.SUPPLEMENT, ["withdrawn-7"]),
        (2, S.PROCESSING, ["corrected"]),
        (4, S.RETURNED, ["corrected"]),
        (10, S.RETURNED, ["corrected"]),
        (4, None, ["step-4"]),
    ],
)
def test_a_step_is_told_as_the_way_that_it_ends(now: int, state: State | None, kinds: list[str]) -> None:
    standing, one = Standing(state=state), step(CODE, MORNING, now)
    told, keys = said(standing, one)
    assert told == kinds
    first = say("CapNhatTienDoHoSoMC", one).messages(standing)
    again = Standing(state=S.DUTY, said=keys)
    assert [each.key for each in say("CapNhatTienDoHoSoMC", one).messages(again)] == [
        each.key for each in first
    ]
    assert said(again, one)[1] == keys


def test_a_step_that_was_cut_off_is_said_to_its_end_in_the_same_bytes() -> None:
    one = step(CODE, MORNING, 9)
    first = say("CapNhatTienDoHoSoMC", one).messages(Standing(state=S.SUPPLEMENT))
    half = Standing(state=S.PROCESSING, said=(first[0].key,))
    assert say("CapNhatTienDoHoSoMC", one).messages(half) == first


def test_steps_of_one_call_go_on_from_each_other() -> None:
    steps = [step(CODE, MORNING + day * DAY, now) for day, now in enumerate((2, 4, 5, 4, 9, 10))]
    kinds, keys = said(Standing(state=S.ACCEPTED), *steps)
    assert kinds == ["step-2", "step-4", "supplement_requested-5", "resumed-4", "finished-9", "returned-10"]
    assert said(Standing(state=S.RETURNED, said=keys), *steps) == (kinds, keys)


def test_what_it_finished_itself_it_may_recall_by_a_step() -> None:
    done = after((OPEN, S.PROCESSING), (DONE, S.FINISHED))
    assert said(done, step(CODE, MORNING + 3 * DAY, 4))[0] == ["recalled-4"]
    assert said(after((OPEN, S.FINISHED)), step(CODE, MORNING + 3 * DAY, 4))[0] == ["corrected"]


@pytest.mark.parametrize(
    ("method", "path", "errand"),
    [
        ("POST", "/mapi/login", Errand.LOGIN),
        ("POST", "/mapi/g", Errand.SAY),
        ("POST", "", Errand.SAY),
        ("GET", "/mapi/login", None),
    ],
)
def test_which_address_is_called_is_the_clients_configuration(
    method: str, path: str, errand: Errand | None
) -> None:
    assert DESK.errand(method, path, {}) is errand


@pytest.mark.parametrize(
    ("problem", "status", "wait", "code"),
    [
        (Told(code="HUB-AUT-013", title="x", place="/session"), 401, None, 1),
        (Told(code="HUB-AUT-002", title="x", place="client_id"), 401, None, 2),
        (Told(code="HUB-AUT-011", title="x", rule="[sends]"), 403, None, 2),
        (Told(code="HUB-DOS-005", title="x", place="/HoSo/MaTTHC"), 422, None, 3),
        (Told(code="HUB-LIM-002", title="x"), 429, 2, -1),
        (Told(code="HUB-AUT-012", title="x"), 429, 2, -1),
        (Told(code="HUB-INT-001", title="x"), 500, None, -1),
    ],
)
def test_a_refusal_says_in_its_code_what_to_do_and_never_success(
    problem: Told, status: int, wait: int | None, code: int
) -> None:
    reply = DESK.write(Refused(status=status, problems=(problem,), wait=wait))
    assert reply.status == 200
    assert json.loads(reply.body)["error_code"] == code


def test_what_came_of_a_call_reads_as_the_portal_writes_it() -> None:
    results = (Token(token="t", seconds=1), Accepted(ids=("m",)), Answered(about="x", standing=Standing()))
    told = [json.loads(DESK.write(each).body) for each in results]
    assert told == [
        {"error_code": 0, "message": "Thành công", "session": "t"},
        *[{"error_code": 0, "message": "Thành công", "result": []}] * 2,
    ]
    nowhere = DESK.write(Refused(status=404, problems=(Told(code="HUB-INT-003", title="x"),)))
    assert nowhere.status == 404


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"session":{}}', b'{"session":"s","service":7}'])
def test_what_is_no_call_is_refused_and_nothing_breaks(body: bytes) -> None:
    try:
        shown = DESK.shows(Call(path="/", body=body))
    except Refusal:
        return
    assert shown.secret in {"", "s"}
    with pytest.raises(Refusal):
        DESK.read(Call(path="/", body=body))


def test_each_dossier_stands_once_in_a_call_that_brings_records() -> None:
    with pytest.raises(Refusal) as refused:
        say("DongBoHoSoMC", OPEN, DONE)
    assert refused.value.code == "HUB-SCH-005"


def test_every_kind_that_the_desk_can_say_is_in_its_mapping() -> None:
    kinds = {kind for ways in WAY.values() for kind in ways.values()} | {Kind.CORRECTED, Kind.STEP}
    assert kinds == set(read_table(BUILTIN / "mappings" / "dvcqg.mapi-1.toml").codes["kind"].values())
