"""What a reply means: the table's order, its guards of success, and how the parts of a reply are read."""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.contract import Deferred, Delivered, Refused, Unsure
from connectors.replies import (
    SHARED,
    Reply,
    Row,
    at,
    classify,
    known_actions,
    looks_like_html,
    normal_code,
    plain,
    read_json,
    text_at,
    wait_of,
)
from schemas.errors import load
from schemas.problems import Refusal

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TAKEN = (Row(code=("0",), outcome="delivered"),)
CATALOGUE = load()


def reply(status: int = 200, **parts: object) -> Reply:
    return Reply(status=status, **{"readable": True, **parts})  # type: ignore[arg-type]


# --- the table --------------------------------------------------------------------------------------------------


def test_the_partners_rows_come_before_the_rooms() -> None:
    mine = (Row(code=("0",), phrase="chờ duyệt", outcome="deferred", wait=60),)
    assert classify(reply(code="0", phrase="Hồ sơ CHỜ  duyệt"), mine, TAKEN).action == "deferred"
    assert classify(reply(code="0", phrase="xong"), mine, TAKEN).action == "delivered"


def test_all_that_a_row_names_must_fit() -> None:
    row = Row(status=(200,), code=("-3",), phrase="đã tồn tại", fault="Client", outcome="refused")
    fitting = {"code": "-3", "phrase": "Hồ sơ đã tồn tại", "fault": "client"}
    assert classify(reply(200, **fitting), (row,)).action == "refused"
    for other in ({"code": "3"}, {"phrase": "tồn tại"}, {"fault": "Server"}):
        assert classify(reply(200, **(fitting | other)), (row,)).action == "unsure"
    assert classify(reply(202, **fitting), (row,)).action == "unsure"


@pytest.mark.parametrize(
    ("said", "action", "code"),
    [
        (reply(200), "unsure", "HUB-PAR-006"),
        (reply(200, readable=False), "unsure", "HUB-PAR-002"),
        (reply(200, code="77"), "unsure", "HUB-PAR-006"),
        (reply(429), "deferred", "HUB-PAR-008"),
        (reply(503, wait=5.0), "deferred", "HUB-PAR-003"),
        (reply(503), "unsure", "HUB-PAR-003"),
        (reply(500), "unsure", "HUB-PAR-003"),
        (reply(401), "deferred", "HUB-PAR-005"),
        (reply(404), "unsure", "HUB-PAR-006"),
    ],
)
def test_what_no_row_of_a_room_knows(said: Reply, action: str, code: str) -> None:
    verdict = classify(said)
    assert (verdict.action, verdict.code) == (action, code)


@given(
    st.builds(
        Reply,
        status=st.integers(100, 599),
        readable=st.booleans(),
        html=st.booleans(),
        code=st.sampled_from(["", "1", "-3", "00x", "thành công"]),
        phrase=st.text(max_size=40),
        fault=st.text(max_size=10),
        wait=st.none() | st.floats(0, 1e9),
    )
)
def test_without_a_row_that_says_so_nothing_is_ever_success(said: Reply) -> None:
    verdict = classify(said, TAKEN)
    assert verdict.action in {"unsure", "deferred"}
    assert verdict.code in CATALOGUE
    assert verdict.wait is None or 1 <= verdict.wait <= 86_400


@pytest.mark.parametrize(
    "said",
    [
        reply(500, code="0"),
        reply(302, code="0"),
        reply(200, code="0", html=True),
        reply(200, code="0", readable=False),
        reply(200, code=""),
    ],
)
def test_a_row_that_means_success_does_not_fit_what_cannot_be_one(said: Reply) -> None:
    assert classify(said, TAKEN).action != "delivered"


def test_a_partner_may_say_success_in_plain_text_and_only_its_file_says_so() -> None:
    said = reply(200, readable=False, phrase="Cập nhật tiến độ thành công")
    assert classify(said, TAKEN).action == "unsure"
    assert classify(said, (Row(phrase="thành công", outcome="delivered"),)).action == "delivered"


def test_a_page_of_html_is_no_success_even_for_a_phrase() -> None:
    page = reply(200, readable=False, html=True, phrase="xử lý thành công")
    assert classify(page, (Row(phrase="thành công", outcome="delivered"),)).action == "unsure"


def test_a_partner_may_say_that_an_empty_204_is_its_yes() -> None:
    row = Row(status=(204,), readable=False, outcome="delivered")
    assert classify(reply(204, readable=False), (row,)).action == "delivered"


def test_phrases_are_compared_in_nfc_and_without_case() -> None:
    row = Row(phrase=unicodedata.normalize("NFD", "ĐÃ TỒN TẠI"), outcome="refused")
    assert classify(reply(phrase="Hồ sơ đã tồn tại"), (row,)).action == "refused"


def test_a_row_that_names_nothing_cannot_say_yes_or_no() -> None:
    for outcome in ("delivered", "refused", "switch_to_update", "log_in_again"):
        with pytest.raises(ValidationError):
            Row.model_validate({"outcome": outcome})


def test_a_row_is_closed() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Row.model_validate({"code": ["0"], "outcome": "delivered", "phrases": "x"})


def test_a_room_refuses_actions_that_it_has_no_use_for() -> None:
    with pytest.raises(Refusal, match=r"HUB-CFG-001 receives.replies\[1\].outcome"):
        known_actions((TAKEN[0], Row(phrase="đã tồn tại", outcome="switch_to_update")))


def test_every_reason_of_the_shared_rows_is_in_the_catalogue() -> None:
    assert all(row.why in CATALOGUE for row in SHARED)


def test_the_detail_holds_the_code_and_never_the_prose() -> None:
    verdict = classify(reply(200, code="9" * 900, phrase="Nguyễn Văn Mẫu"))
    assert verdict.detail.startswith("200 999")
    assert len(verdict.detail) == 500
    assert "Mẫu" not in verdict.detail


# --- outcomes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "outcome"),
    [
        ("delivered", Delivered),
        ("refused", Refused),
        ("deferred", Deferred),
        ("unsure", Unsure),
        ("log_in_again", Deferred),
        ("switch_to_update", Unsure),
    ],
)
def test_every_action_has_an_outcome(action: str, outcome: type) -> None:
    row = Row.model_validate({"code": ["8"], "outcome": action})
    assert isinstance(classify(reply(code="8"), (row,)).outcome(()), outcome)


def test_maintenance_uses_up_no_attempt() -> None:
    row = Row(
        status=(503,), phrase="bảo trì", outcome="deferred", reason="HUB-PAR-004", wait=3600, counts=False
    )
    outcome = classify(reply(503, phrase="Hệ thống đang bảo trì"), (row,)).outcome(())
    assert isinstance(outcome, Deferred)
    assert (outcome.wait, outcome.counts, outcome.reason.code) == (3600, False, "HUB-PAR-004")


@pytest.mark.parametrize("said", [reply(429), reply(503, wait=5.0), reply(401), reply(400, code="7")])
def test_a_busy_or_strict_partner_tells_nothing_when_it_is_asked(said: Reply) -> None:
    rows = (Row(code=("7",), outcome="refused"),)
    assert classify(said, rows).told().action == "unsure"


def test_only_the_row_of_absence_says_that_it_is_not_there() -> None:
    absent = (Row(status=(404,), readable=True, outcome="deferred", reason="HUB-PAR-010"),)
    assert classify(reply(404), absent).told().action == "deferred"
    assert classify(reply(404, readable=False), absent).told().action == "unsure"


# --- parts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [0, "0", "00", " 000 "])
def test_all_zeros_are_one_code(code: object) -> None:
    assert normal_code(code) == "0"


@pytest.mark.parametrize(
    ("code", "normal"),
    [
        ("", ""),
        ("  ", ""),
        (None, ""),
        (0.0, ""),
        ([], ""),
        ({}, ""),
        (-3, "-3"),
        (" 3 ", "3"),
        ("-0", "-0"),
        (True, "true"),
        (False, "false"),
    ],
)
def test_nothing_is_not_zero(code: object, normal: str) -> None:
    assert normal_code(code) == normal


@given(st.text())
def test_plain_text_is_stable(text: str) -> None:
    assert plain(plain(text)) == plain(text)


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("7", 7.0),
        ("0", 1.0),
        ("999999999999", 86_400.0),
        ("Fri, 02 Jan 2026 03:05:05 GMT", 60.0),
        ("Fri, 02 Jan 2026 03:00:00 GMT", 1.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("٣", None),
        ("1e9", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_clamped(header: str, wait: float | None) -> None:
    assert wait_of(header, NOW) == wait


@given(st.text(max_size=60))
def test_retry_after_never_raises(header: str) -> None:
    wait = wait_of(header, NOW + timedelta(days=1))
    assert wait is None or 1 <= wait <= 86_400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"code":"0"',
        b"\xff\xfe{}",
        b'{"a":"\xc3("}',
        b'{"code":"0","code":"-3"}',
        b"[" * 100_000,
        b'{"a":NaN}',
        b"9" * 5_000,
        rb'{"code": "\ud800"}',
        rb'{"\udc00": 1}',
    ],
)
def test_what_is_not_one_clear_document_is_none(body: bytes) -> None:
    assert read_json(body) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_json_is_read_as_it_was_written(document: object) -> None:
    raw = json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert read_json(b"\xef\xbb\xbf" + raw) == read_json(raw) == document


def test_pointers_follow_the_rfc() -> None:
    document = {"a/b": {"m~n": [1, {"": "x"}]}, "code": "00", "no": False}
    assert at(document, "/a~1b/m~0n/1/") == "x"
    assert at(document, "") == document
    for nowhere in ("/x", "/a~1b/m~0n/9", "/a~1b/m~0n/-1", "/code/0", "/a~1b/m~0n/" + "1" * 50):
        assert at(document, nowhere) is None
    assert text_at(document, "/code") == "00"
    assert text_at(document, "/no") == text_at(document, "") == ""


@pytest.mark.parametrize(
    ("body", "media_type", "html"),
    [
        (b"\n <!DOCTYPE html><html>", "application/json", True),
        (b"\xef\xbb\xbf<HTML>", "", True),
        (b"Bad gateway", "text/html", True),
        (b'{"code":0}', "text/html", False),
        (b"<KetQua/>", "text/xml", False),
        (b"", "application/json", False),
    ],
)
def test_a_page_is_known_by_its_look(body: bytes, media_type: str, *, html: bool) -> None:
    assert looks_like_html(body, media_type) is html
