"""What a one-stop publishes beside dossiers: each record as it came, once, and said anew when it changed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from connectors.desks import Call, Look, Say, Standing
from connectors.mapi.desk import Desk
from connectors.mapi.published import LONGEST, MOST, PUBLISHED
from connectors.simulators.opencps_mapi import QUESTIONS
from schemas.library import BUILTIN
from schemas.mapping import load
from schemas.problems import Refusal

if TYPE_CHECKING:
    from connectors.desks import Message
    from schemas.dossier import Message as Canonical

DESK, MAPI = Desk(), load(BUILTIN / "mappings" / "dvcqg.mapi-1.toml")
NOW = datetime(2026, 11, 23, 3, 4, 5, 678, tzinfo=UTC)
(QUESTION,) = QUESTIONS["DongBoHoiDap"]["data"]
(ANSWER,) = QUESTIONS["DongBoKetQuaHoiDapGuiTuDVCQG"]["data"]
ASKED, ANSWERED = "DongBoHoiDap", "DongBoKetQuaHoiDapGuiTuDVCQG"


def say(service: str, data: object, at: datetime = NOW, **beside: object) -> Say:
    said = {"session": "lt_s", "madonvi": "000.00.00.H47", "service": service, **beside}
    body = json.dumps({**said, "data": data} if data is not None else said, ensure_ascii=False).encode()
    wish = DESK.read(Call(path="/mapi/g", body=body, at=at))
    assert isinstance(wish, Say)
    return wish


def told(
    service: str, data: object, *, said: tuple[str, ...] = (), at: datetime = NOW, **beside: object
) -> tuple[Message, ...]:
    return say(service, data, at, **beside).messages(Standing(said=said))


def read(message: Message) -> Canonical:
    return MAPI.read(message.body, "motcua", message.key, "000.00.00.H47")


@pytest.mark.parametrize(
    ("call", "place"),
    [
        (b'"data": [{"HOIDAPID": 1}, {"HOIDAPID": ' + b"1" * 5_000 + b"}]", "/data/1"),
        (b'"data": [{"HOIDAPID": "\xff"}]', "/data/0"),
        (b'"MaHoSo": ' + b"1" * 5_000, "/data/0"),
    ],
    ids=["a number without end", "no UTF-8", "beside records"],
)
def test_a_record_that_is_no_json_is_refused_where_it_stands(call: bytes, place: str) -> None:
    body = b'{"session": "lt_s", "service": "DongBoHoiDap", ' + call + b"}"
    with pytest.raises(Refusal) as refused:
        DESK.read(Call(path="/mapi/g", body=body, at=NOW))
    assert [(each.code, each.place) for each in refused.value.problems] == [("HUB-SCH-001", place)]


@pytest.mark.parametrize(
    ("service", "record", "subject"),
    [(ASKED, QUESTION, "questions 71"), (ANSWERED, ANSWER, "answers 9001")],
)
def test_a_question_and_an_answer_are_kept_as_they_came(
    service: str, record: dict[str, Any], subject: str
) -> None:
    (message,) = told(service, [record])
    canonical = read(message)
    assert (canonical.kind, canonical.dossier, canonical.subject) == ("record_published", None, subject)
    assert canonical.event.at == NOW.replace(microsecond=0)
    assert canonical.record
    assert (canonical.record.service, canonical.record.agency) == (service, "000.00.00.H47")
    assert canonical.record.content == json.dumps(record, ensure_ascii=False)
    assert message.clocked
    assert "lt_s" not in message.body.decode()


def test_what_no_source_tells_the_fields_of_is_kept_whole_wherever_it_stands() -> None:
    (rating,) = told("DongBoDanhGia", None, DanhGia=[{"MucDo": 5}], MaHoSo="x")
    content = read(rating).record
    assert content
    assert json.loads(content.content) == {"DanhGia": [{"MucDo": 5}], "MaHoSo": "x"}
    notice = {"MaHoSoDonVi": "KM-1", "TrangThai": "11", "NgayXuLy": "20261123080000", "TaiLieuXuLy": []}
    (one,) = told("DongBoTrangThaiHoSo", notice, type="2")  # one record without a list, and a word beside it
    canonical = read(one)
    assert canonical.subject == "notices KM-1"
    assert canonical.record
    assert json.loads(canonical.record.content) == notice
    assert json.loads(canonical.record.parameters or "") == {"type": "2"}


def test_what_was_said_is_left_out_of_a_call_that_says_all_of_it_again() -> None:
    other = {**ANSWER, "HOIDAPID": "9002"}
    first = told(ANSWERED, [ANSWER])
    second = told(ANSWERED, [ANSWER, other], said=tuple(each.key for each in first))
    assert [read(each).subject for each in second] == ["answers 9002"]
    keys = tuple(each.key for each in (*first, *second))
    again = told(ANSWERED, [dict(reversed(ANSWER.items())), other], said=keys, at=NOW + timedelta(days=1))
    assert [each.key for each in again] == [keys[1]]  # the last one's receipt, and nothing new


def test_a_record_that_changed_is_said_anew_and_so_is_one_that_changed_back() -> None:
    keys: tuple[str, ...] = ()
    for content, count in (("A", 1), ("A", 1), ("B", 2), ("B", 2), ("A", 3), ("A", 3), ("B", 4)):
        made = told(ASKED, [{**QUESTION, "NOIDUNG": content}], said=keys)
        assert all(each.key.startswith("C-questions-") for each in made)
        keys = tuple(dict.fromkeys((*keys, *(each.key for each in made))))
        assert len(keys) == count, content


def test_two_answers_of_one_day_to_one_question_do_not_take_turns() -> None:
    both = [{**ANSWER, "NOIDUNGTRALOI": text} for text in "ab"]
    keys = tuple(each.key for each in told(ANSWERED, both))
    assert len(set(keys)) == 2
    for _ in range(2):
        assert [each.key for each in told(ANSWERED, both, said=keys)] == [keys[1]]


def test_a_timer_that_rings_with_nothing_to_say_is_told_that_it_was_heard() -> None:
    for service in PUBLISHED:
        body = json.dumps({"session": "s", "service": service, "data": []}).encode()
        assert isinstance(DESK.read(Call(path="/mapi/g", body=body)), Look)


@pytest.mark.parametrize(
    ("data", "code", "place"),
    [
        (["x"], "HUB-SCH-002", "/data/0"),
        ([QUESTION, {}], "HUB-SCH-002", "/data/1"),
        ("x", "HUB-SCH-002", "/data"),
        ([{"HOIDAPID": 1, "NOIDUNG": "x" * LONGEST}], "HUB-SCH-002", "/data/0"),
        ([{"HOIDAPID": number} for number in range(MOST + 1)], "HUB-LIM-001", "/data"),
    ],
)
def test_what_is_no_record_or_too_much_is_refused(data: object, code: str, place: str) -> None:
    with pytest.raises(Refusal) as refusal:
        told(ASKED, data)
    assert [(each.code, each.place) for each in refusal.value.problems] == [(code, place)]


def test_no_number_of_answers_said_before_makes_a_call_too_much() -> None:
    data = [{**ANSWER, "HOIDAPID": str(number)} for number in range(MOST)]
    keys = tuple(each.key for each in told(ANSWERED, data))
    more = [*data, {**ANSWER, "HOIDAPID": "new"}]
    assert [read(each).subject for each in told(ANSWERED, more, said=keys)] == ["answers new"]
