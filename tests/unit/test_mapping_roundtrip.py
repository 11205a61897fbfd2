"""Hypothesis: format → canonical → the same format loses nothing, hostile text included."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from schemas.convert import spelled
from schemas.dossier import from_json, to_json
from schemas.mapping import mappings
from schemas.table import CANONICAL, Row, Shape, Table, read_table, step_into
from schemas.text import tidy_text

TABLES = Path(__file__).resolve().parents[2] / "schemas" / "mappings"
LOADED = mappings(TABLES)
TABLED = {table.ref: table for table in map(read_table, sorted(TABLES.glob("*.toml")))}
OPERATIONS = [
    (table.ref, name)
    for table in TABLED.values()
    for name, operation in table.operation.items()
    if not operation.only
]

HOSTILE = st.sampled_from(
    [
        "<",
        "]]>",
        "&",
        "&amp;",
        '"',
        "'",
        "\u202e",
        "\u200f",
        "👩‍👩‍👧",
        "Nguyễn Thị Ước",
        "\r\n",
        "\t",
        "<!--",
        "<?x?>",
        "\u0085",
        "\u2028",
        "\\u0000",
        "{}",
        "𠀀",
    ]
)
LETTERS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")), max_size=6)
NAMES = LETTERS.map(lambda text: unicodedata.normalize("NFC", text))
TEXT = (
    st.lists(st.one_of(HOSTILE, LETTERS), min_size=1, max_size=4)
    .map(lambda parts: unicodedata.normalize("NFC", "".join(parts)))
    .filter(lambda text: bool(text) and tidy_text(text) == text)
)
DIGITS = st.integers(0, 2**63 - 1)
WALL = st.datetimes().filter(lambda wall: wall.year > 1).map(lambda wall: wall.isoformat()[:19])
SLASHED = st.tuples(WALL, st.sampled_from("/-"), st.sampled_from(" T")).map(
    lambda parts: parts[0].replace("-", parts[1]).replace("T", parts[2])
)
OFFSET = st.sampled_from(["", "Z", "+07:00", "+09:00", "-03:30", ".5Z", ".123456+07:00"])
ANY_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=5,
)


ALWAYS = {
    "HoSo", "NgayTiepNhan", "Code", "PromulgationInfo", "DocumentType", "OtherInfo", "CodeNumber",
    "CodeNotation", "PromulgationDate", "DocumentId",
}  # fmt: skip
"""What is said in any case: a document on the axis that leaves it out gets the usual one when it is passed on."""


def text_for(row: Row, shape: Shape) -> st.SearchStrategy[Any]:
    target = step_into(shape, row.at)[0] if row.at else shape
    target = (target.item or target) if row.many else target
    if target.pattern is not None:
        return st.text("0123456789abcdef", min_size=64, max_size=64)
    if row.wire == "LaQuyTrinhCapTinh":
        return st.sampled_from(["true", "false", "1", "0"])
    if row.wire == "BussinessDocType":
        return st.sampled_from(["0", "1", "2", "3"])
    if row.wire == "ContentId":
        return st.uuids().map(str)
    limits = [limit for limit in (row.max, target.longest) if limit is not None]
    return TEXT.map(lambda text: text[: min(limits)] if limits else text)


def value_for(table: Table, row: Row, shape: Shape) -> st.SearchStrategy[Any]:
    if row.codes is not None:
        return st.sampled_from(
            [spelled(code, number=row.as_ == "number") for code in sorted(table.codes[row.codes])]
        )
    made: dict[str, st.SearchStrategy[Any]] = {
        "integer": st.integers(0, 2**63 - 1),
        "digits": DIGITS.map(str),
        "vnd": DIGITS.map(str),
        "True/False": st.sampled_from(["True", "False"]),
        "xs:boolean": st.sampled_from(["true", "false", "1", "0"]),
        "yyyyMMddHHmmss": WALL.map(lambda iso: "".join(c for c in iso if c.isdigit())),
        "xs:dateTime": st.tuples(WALL, OFFSET).map("".join),
        "xs:date": WALL.map(lambda iso: iso[:10]),
        "iso:wall": st.tuples(WALL, st.sampled_from(["", "Z", ".000Z", ".123Z", "+0700", "-03:30"])).map(
            "".join
        ),
        "iso:utc": st.tuples(WALL, st.sampled_from(["", "Z", ".123Z", ".1234567", "+0700", "-03:30"])).map(
            "".join
        ),
        "yyyy-MM-dd HH:mm:ss": WALL.map(lambda iso: iso.replace("T", " ")),
        "yyyy-MM-ddTHH:mm:ss.fff": st.tuples(WALL, st.sampled_from(["", ".000", ".123", "Z"])).map("".join),
        "tax date": WALL.map(lambda wall: wall.replace("T", " ") + ".0"),
        "number": st.one_of(st.integers(-(2**63), 2**63 - 1), DIGITS.map(str)),
        "boolean": st.booleans(),
        "anything": ANY_JSON.filter(lambda value: value is not None),
        "yyyy/MM/dd": SLASHED.map(lambda wall: wall[:10]),
        "yyyy/MM/dd, its end": SLASHED.map(lambda wall: wall[:10]),
        "yyyy/MM/dd HH:mm:ss": SLASHED,
        "dossier code in a text": st.sampled_from(
            ["V/v hồ sơ 000.00.15.H47-190412-0007", "Chuyển hồ sơ (H57.132-260804-0583)"]
        ),
    }
    return made[row.as_] if row.as_ in made else text_for(row, shape)


def record_for(table: Table, name: str, shape: Shape) -> st.SearchStrategy[dict[str, Any]]:
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for row in table.records[name]:
        if row.fixed is not None or row.wire in required or row.wire in optional:
            continue
        target = step_into(shape, row.at)[0] if row.at else shape
        target = (target.item or target) if row.many else target
        made: st.SearchStrategy[Any]
        if row.source is not None:
            made = st.just("KEY-1")
        elif row.record is not None:
            made = record_for(table, row.record, target)
        else:
            made = value_for(table, row, shape)
        if row.many:
            # XML cannot tell an empty list of repeated elements from none.
            made = st.lists(made, min_size=1 if table.media == "xml" or row.required else 0, max_size=2)
        always = row.required or row.wire in ALWAYS
        if table.absent == "empty" and not always:
            made = st.one_of(made, st.just([] if row.many else ""))
        elif (
            not always and table.media == "json" and not row.many and row.record is None and row.as_ == "text"
        ):
            made = st.one_of(made, st.just(""))
        (required if always or table.absent == "empty" else optional)[row.wire] = made
    whole = st.fixed_dictionaries(required, optional=optional)
    if table.media == "xml":  # the order of elements is the table's
        order = [row.wire for row in table.records[name]]
        return whole.map(lambda made: {wire: made[wire] for wire in order if wire in made})
    known = {row.wire for row in table.records[name]}
    unknown = st.dictionaries(NAMES.filter(lambda key: key not in known), ANY_JSON, max_size=1)
    return st.tuples(whole, unknown).map(lambda pair: {**pair[1], **pair[0]})


def whole(table: Table, payload: bytes) -> Any:
    return payload if table.media == "xml" else json.loads(payload)


STRATEGIES = {
    (ref, name): record_for(TABLED[ref], TABLED[ref].operation[name].record, CANONICAL)
    for ref, name in OPERATIONS
}


@pytest.mark.parametrize(("ref", "name"), OPERATIONS)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(data=st.data())
def test_nothing_is_lost_on_the_way_through_the_canonical_words(
    ref: str, name: str, data: st.DataObject
) -> None:
    table, mapping = TABLED[ref], LOADED[ref]
    side: Any = mapping
    original = data.draw(STRATEGIES[ref, name])
    raw = side._side.payload(original, table.operation[name])
    message = mapping.read(raw, "motcua-tinh", "KEY-1", "000.00.00.H47")
    again = mapping.write(name, message, "KEY-1")
    if table.media == "json":
        assert json.loads(again) == json.loads(raw)
    else:
        assert again == raw
        assert again == etree.tostring(etree.fromstring(again), method="c14n", exclusive=True)
    stored = from_json(to_json(message))
    assert stored == message
    assert whole(table, mapping.write(name, stored, "KEY-1")) == whole(table, again)
    canonical = LOADED["lienthong.message@1"]
    assert (
        canonical.read(canonical.write("message", message, "KEY-1"), "motcua-tinh", "KEY-1", "000.00.00.H47")
        == message
    )


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(data=st.data())
def test_what_both_formats_can_say_survives_the_way_from_one_to_the_other(data: st.DataObject) -> None:
    source, table = LOADED["motcua.rest@1"], TABLED["motcua.rest@1"]
    side: Any = source
    original = data.draw(STRATEGIES["motcua.rest@1", "ThongDiep"])
    original["LoaiSuKien"] = "DA_BO_SUNG"
    raw = side._side.payload(original, table.operation["ThongDiep"])
    message = source.read(raw, "s", "KEY-1", "a")
    land = LOADED["land.soap@1"]
    heard = land.read(land.write("CapNhatHoSo", message, "T-1"), "s", "KEY-1", "a")
    assert message.dossier is not None
    assert heard.dossier is not None
    assert heard.event.actor == message.event.actor or message.event.actor is None
    assert (heard.event.content, heard.event.reason) == (message.event.content, message.event.reason)
    assert heard.dossier.code == message.dossier.code
    assert [d.name for d in heard.dossier.documents] == [d.name for d in message.dossier.documents]
    assert [f.receipt_number for f in heard.dossier.fees] == [f.receipt_number for f in message.dossier.fees]
    assert [r.name for r in heard.dossier.results] == [r.name for r in message.dossier.results]
    assert heard.extensions.get("motcua.rest") is None
