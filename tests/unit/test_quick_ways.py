"""The quick ways of reading and writing say exactly what the careful ones say."""

from __future__ import annotations

import json
import unicodedata
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.code import Complaints
from schemas.problems import Refusal
from schemas.strict_json import _carefully, parse_json
from schemas.text import LIMITS, is_nfc
from tests.unit.test_mapping_roundtrip import ANY_JSON, LOADED, OPERATIONS, STRATEGIES, TABLED

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "messages" / "01-received.json"
XML_OPERATIONS = [(ref, name) for ref, name in OPERATIONS if TABLED[ref].media == "xml"]


def outcome(read: Any, raw: bytes) -> object:
    try:
        return repr(read(raw))
    except Refusal as refusal:
        return refusal.problems


def carefully(raw: bytes) -> object:
    return _carefully(raw, LIMITS)


@given(ANY_JSON, st.booleans())
def test_what_is_read_quickly_is_what_is_read_carefully(value: object, escaped: bool) -> None:
    raw = json.dumps(value, ensure_ascii=escaped).encode()
    assert outcome(parse_json, raw) == outcome(carefully, raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a":2}',
        b'{"a" :1,"a":2}',
        b'{"a":"x","b":{"c":1,"c":1}}',
        b'{"a":"\\u0022","a":1}',
        b'{"a":"\\"","a":"\\""}',
        b"[9223372036854775807]",
        b"[9223372036854775808]",
        b"[18446744073709551615]",
        b"[123456789012345678901234567890]",
        b"[-9223372036854775808]",
        b"[-9223372036854775809]",
        b"[0.1]",
        b"[0.10000000000000000001]",
        b"[1e400]",
        b"[-0]",
        b"[01]",
        b"[NaN]",
        b"[Infinity]",
        b'["\x01"]',
        b'["\xff"]',
        b"null",
        b"",
        b"[" * 70 + b"]" * 70,
        '["π", 4294967296]'.encode(),
    ],
)
def test_hard_cases_are_read_quickly_as_carefully(raw: bytes) -> None:
    careful = outcome(carefully, raw)
    quick = outcome(parse_json, raw)
    assert quick == careful or "HUB-SCH-012" in str(quick)


@pytest.mark.parametrize("rest", [b'"b":', b"]", b'"b', b"}}"])
def test_what_is_malformed_behind_a_name_that_stands_twice_is_told_as_malformed(rest: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        parse_json(b'{"a":{"x":1,"x":2},\n' + rest)
    assert [(problem.code, problem.line) for problem in refused.value.problems] == [("HUB-SCH-001", 2)]


def test_every_character_is_in_nfc_or_not_as_the_standard_says() -> None:
    wrong = []
    for code in (*range(0xD800), *range(0xE000, 0x11_0000)):
        text = f"ư{chr(code)}"
        if is_nfc(text.encode()) is not unicodedata.is_normalized("NFC", text):
            wrong.append(code)
    assert wrong == []


@pytest.mark.parametrize(("ref", "name"), XML_OPERATIONS)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(data=st.data())
def test_what_is_written_plainly_is_what_is_written_the_long_way(
    ref: str, name: str, data: st.DataObject
) -> None:
    """Messages of every format, also such as this one can hardly say."""
    source, operation = data.draw(st.sampled_from(OPERATIONS))
    raw = LOADED[source]._side.payload(  # type: ignore[attr-defined]
        data.draw(STRATEGIES[source, operation]), TABLED[source].operation[operation]
    )
    message = LOADED[source].read(raw, "motcua-tinh", "KEY-1", "000.00.00.H47")
    mapping: Any = LOADED[ref]
    tree = msgspec.to_builtins(message, builtin_types=(datetime,))
    plain = mapping._side.plainly(name, tree, "T-1")
    complaints = Complaints(ref, "T-1")
    record = mapping._writers[name](tree, None, "T-1", "", complaints)
    if complaints.problems:
        assert plain is None
    elif plain is not None:
        assert plain == mapping._side.payload(record, TABLED[ref].operation[name])


def test_the_example_dossier_takes_the_short_way() -> None:
    message = LOADED["motcua.rest@1"].read(EXAMPLE.read_bytes(), "motcua-tinh", "KEY-1", "000.00.00.H47")
    mapping: Any = LOADED["land.soap@1"]
    tree = msgspec.to_builtins(message, builtin_types=(datetime,))
    assert mapping._side.plainly("TiepNhanHoSo", tree, "T-1") == mapping.write("TiepNhanHoSo", message, "T-1")
