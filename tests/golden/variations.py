"""How else a message may legally be written, read off its format's table: the same in another order, under other prefixes, with another
spelling of its characters and dates, with nothing said in another way, with none, one or many in its lists.

Every way takes the golden message of an operation (``full/``) and gives the bytes of pairs that mean the same. A way that a format
does not have gives nothing, and ``variations.toml`` says why.
"""

from __future__ import annotations

import json
import re
from copy import deepcopy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from schemas.convert import CONVERTERS
from schemas.moments import VIETNAM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from schemas.table import Row, Table

Tree = dict[str, Any]


class Form(NamedTuple):
    """An operation of a format with its golden message. ``tree``: as readers take it; ``write``: such a tree as bytes."""

    table: Table
    record: str
    raw: bytes
    tree: Tree
    write: Callable[[Tree], bytes]


class Pair(NamedTuple):
    """Two writings of one message."""

    how: str
    one: bytes
    other: bytes


# --- how the whole is written ---------------------------------------------------------------------------------------


def order(form: Form) -> Iterator[Pair]:
    yield Pair("backwards", form.raw, backwards(form.raw, form.table.media))


def backwards(raw: bytes, media: str) -> bytes:
    """A message with the fields of each record in the opposite order."""
    if media == "json":
        return words(_backwards(json.loads(raw)))
    root = etree.fromstring(raw)
    for element in [*root.iter(etree.Element)]:
        for name in reversed(dict.fromkeys(child.tag for child in element)):
            element.extend([child for child in element if child.tag == name])
    return etree.tostring(root)


def _backwards(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _backwards(each) for name, each in reversed(value.items())}
    return [_backwards(each) for each in value] if isinstance(value, list) else value


def namespaces(form: Form) -> Iterator[Pair]:
    if form.table.media == "json":
        return
    for how, prefix in (("another prefix", "n0"), ("the default namespace", None)):
        yield Pair(how, form.raw, _prefixed(form.raw, {prefix: form.table.namespace}))
    yield Pair("declared where it is used", form.raw, _declared_everywhere(form.raw))


def _prefixed(raw: bytes, nsmap: dict[str | None, str]) -> bytes:
    def copied(element: etree._Element, above: etree._Element | None) -> etree._Element:
        new: etree._Element = (
            etree.Element(element.tag, element.attrib, nsmap)  # type: ignore[arg-type] # lxml takes None as a prefix
            if above is None
            else etree.SubElement(above, element.tag, dict(_own(element)))
        )
        new.text = element.text
        for child in element:
            copied(child, new)
        return new

    return etree.tostring(copied(etree.fromstring(raw), None))


def _own(element: etree._Element) -> list[tuple[str, str]]:
    return [(str(name), str(value)) for name, value in element.attrib.items()]


def _declared_everywhere(raw: bytes) -> bytes:
    """Each element with a prefix and a declaration of its own."""

    def told(element: etree._Element, depth: int) -> str:
        name = etree.QName(element)
        space = f' xmlns:p{depth}="{name.namespace}"' if name.namespace else ""
        tag = f"p{depth}:{name.localname}" if name.namespace else name.localname
        own = "".join(f" {key}={quoteattr(value)}" for key, value in _own(element))
        inside = "".join(told(child, depth + 1) for child in element) or escape(element.text or "")
        return f"<{tag}{space}{own}>{inside}</{tag}>"

    return told(etree.fromstring(raw), 0).encode()


def spelling(form: Form) -> Iterator[Pair]:
    yield from (Pair(how, form.raw, other) for how, other in spelled(form.raw, form.table.media))


def spelled(raw: bytes, media: str) -> Iterator[tuple[str, bytes]]:
    """A message in other characters and another layout."""
    if media == "json":
        whole = json.loads(raw)
        yield "escaped on one line", json.dumps(whole, separators=(",", ":")).encode()
        yield "laid out", json.dumps(whole, ensure_ascii=False, indent="\t").encode()
        return
    root = etree.fromstring(raw)
    declared = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    yield "declared", declared
    yield "declared as standing alone", etree.tostring(root, encoding="utf-8", standalone=True)
    yield "with a byte order mark", b"\xef\xbb\xbf" + declared
    yield "with comments", etree.tostring(root, encoding="unicode").replace("><", "><!-- x --><").encode()
    yield "laid out", etree.tostring(root, pretty_print=True, encoding="UTF-8")
    yield "by numbers", etree.tostring(root)
    for element in root.iter(etree.Element):
        if element.text and element.text.strip() and not len(element):
            element.text = etree.CDATA(element.text)
    yield "in CDATA", etree.tostring(root, encoding="UTF-8")


# --- how what it says is written ------------------------------------------------------------------------------------


def dates(form: Form) -> Iterator[Pair]:
    """Every date at once, in each form in turn that its converter has besides the one that it writes."""
    if form.table.canonical:
        for number, make in enumerate(FORMS["iso"]):
            yield Pair(f"form {number + 1}", form.raw, form.write(_respelled(form.tree, make)))
        return
    for number in range(max((len(FORMS[row.as_]) for row, _ in _dated(form, form.tree)), default=0)):
        one, other = deepcopy(form.tree), deepcopy(form.tree)
        for tree, which in ((one, -1), (other, number)):
            for row, holder in _dated(form, tree):
                holder[row.wire] = _spelled(row, holder[row.wire], which)
        yield Pair(f"form {number + 1}", form.write(one), form.write(other))


def _dated(form: Form, tree: Tree) -> Iterator[tuple[Row, Tree]]:
    return ((row, holder) for row, holder, _ in _said(form, tree) if row.codes is None and row.as_ in FORMS)


def _spelled(row: Row, value: Any, which: int) -> Any:
    """Return a date in a form of its converter; -1: as the converter writes it."""
    converter, forms = CONVERTERS[row.as_], FORMS[row.as_]
    at = converter.read(value)
    return forms[which](at.astimezone(VIETNAM)) if 0 <= which < len(forms) else converter.write(at)


def _respelled(value: Any, make: Callable[[datetime], str]) -> Any:
    """The hub's own words with every moment in another form."""
    if isinstance(value, dict):
        return {name: _respelled(each, make) for name, each in value.items()}
    if isinstance(value, list):
        return [_respelled(each, make) for each in value]
    moment = isinstance(value, str) and _MOMENT.fullmatch(value)
    return make(CONVERTERS["iso"].read(value).astimezone(VIETNAM)) if moment else value


_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def empty(form: Form) -> Iterator[Pair]:
    """Nothing said: by leaving out, by an empty text, list or record, by ``null`` where the format has it."""
    for how, said in _nothing(form.table).items():
        if form.table.canonical:
            yield Pair(how, form.raw, form.write({**form.tree, "subject": said}))
            continue
        if any(_may_be(*stands, said, form.table) for stands in _said(form, form.tree)):
            yield Pair(how, form.write(_without(form, said)), form.write(_with(form, said)))


def _nothing(table: Table) -> dict[str, Any]:
    """How a format may say nothing, besides leaving out."""
    lists: dict[str, Any] = (
        {} if table.media == "xml" else {"empty lists": []}
    )  # XML cannot tell an empty list from none
    nulls = {"nulls": None} if table.nulls else {}
    return {"empty texts": "", **lists, "empty records": {}, **nulls}


def _without(form: Form, said: Any) -> Tree:
    tree = deepcopy(form.tree)
    for row, holder, beside in [*_said(form, tree)]:
        if _may_be(row, holder, beside, said, form.table):
            holder.pop(row.wire, None)
    return tree


def _with(form: Form, said: Any) -> Tree:
    tree = deepcopy(form.tree)
    for row, holder, beside in [*_said(form, tree)]:
        if _may_be(row, holder, beside, said, form.table):
            holder[row.wire] = said
    return tree


def _may_be(row: Row, _holder: Tree, beside: tuple[Row, ...], said: Any, table: Table) -> bool:
    """Whether a row may hold nothing in this way."""
    same = [each for each in beside if each.wire == row.wire]
    required = any(each.required or each.at == "event.at" for each in same)  # every message has its moment
    if required or row.constant is not None or row.source is not None:
        return False
    if said is None:
        return True
    if row.many:
        return bool(said == [])
    if row.record is None:
        return bool(said == "") and _is_text(row)
    goes_on = any(
        each.wire == f"{row.wire}+" for each in beside
    )  # what comes more than once: schemas/edxml.py
    return bool(said == {}) and not goes_on and not any(each.required for each in table.records[row.record])


def _is_text(row: Row) -> bool:
    """Whether its value is a text on the wire: no other value of JSON can be empty."""
    if row.codes is not None:
        return row.as_ != "number"
    return "string" in (CONVERTERS[row.as_].wire.get("type", ""), *CONVERTERS[row.as_].wire.get("type", ()))


def types(form: Form) -> Iterator[Pair]:
    """Numbers, codes and truth values as JSON's own where they were texts, and as texts where they were not."""
    other = deepcopy(form.tree)
    if form.table.media == "xml":
        return
    for row, holder, _ in _said(form, other) if form.record else ():
        value = holder[row.wire]
        if row.record is None and not row.many and row.fixed is None and row.source is None:
            holder[row.wire] = _other_type(value)
    if other != form.tree:
        yield Pair("the other type", form.raw, form.write(other))


def _other_type(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if value in {"True", "False"}:
        return value == "True"
    return int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value


_NUMBER = re.compile(r"[1-9]\d{0,8}", re.ASCII)


def lone(form: Form) -> Iterator[Pair]:
    """A list of one, and the element itself where the list would stand."""
    if not form.table.lone:
        return
    one, other = deepcopy(form.tree), deepcopy(form.tree)
    for tree, bare in ((one, False), (other, True)):
        for row, holder, _ in [*_said(form, tree)]:
            if row.many and row.record is not None:
                (first, *_) = holder[row.wire]
                holder[row.wire] = first if bare else [first]
    if one != other:
        yield Pair("the record itself", form.write(one), form.write(other))


def numbers(form: Form) -> Iterator[tuple[int, bytes]]:
    """The message with none (where the format may say none) and with one element in each of its lists. Nothing: it has no list."""
    for number in (0, 1):
        tree = _cut(form.tree, number) if form.table.canonical else deepcopy(form.tree)
        for row, holder, _ in [*_said(form, tree)]:
            if row.many and (number or not row.required):
                holder[row.wire] = holder[row.wire][:number]
        if tree != form.tree:
            yield number, form.write(tree)


def _said(form: Form, tree: Tree) -> Iterator[tuple[Row, Tree, tuple[Row, ...]]]:
    """Each row that a reader looks at, what it stands in, and the rows beside it; those inside before those around."""

    def walk(record: str, holder: Tree) -> Iterator[tuple[Row, Tree, tuple[Row, ...]]]:
        rows = form.table.records[record]
        for row in rows:
            inside = holder.get(row.wire)
            if inside is None or row.keep or row.only == "write":
                continue
            if row.record is not None:
                for each in inside if isinstance(inside, list) else (inside,):
                    yield from walk(row.record, each)
            yield row, holder, rows

    return walk(form.record, tree) if form.record else iter(())


def _cut(value: Any, number: int) -> Any:
    if isinstance(value, dict):
        told = {name: _cut(each, number) for name, each in value.items()}
        return {name: each for name, each in told.items() if number or not isinstance(value[name], list)}
    return [_cut(each, number) for each in value[:number]] if isinstance(value, list) else value


def words(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


# --- the forms of dates ---------------------------------------------------------------------------------------------


def _as(form: str) -> Callable[[datetime], str]:
    return lambda wall: wall.strftime(form)


def _utc(form: str) -> Callable[[datetime], str]:
    return lambda wall: wall.astimezone(UTC).strftime(form)


_MARKED = (
    _as("%Y-%m-%dT%H:%M:%S+0700"),
    _as("%Y-%m-%dT%H:%M:%S+07"),
    _as("%Y-%m-%dT%H:%M:%S.0000000+07:00"),
    _utc("%Y-%m-%dT%H:%M:%S.000+00:00"),
)
_ZONED = (
    _as("%Y-%m-%dT%H:%M:%S.000+07:00"),
    _as("%Y-%m-%dT%H:%M:%S.0000000+07:00"),
    _utc("%Y-%m-%dT%H:%M:%SZ"),
)
_DAYS = (_as("%Y-%m-%d"), _as("%d/%m/%Y"), _as("%d-%m-%Y"))
FORMS: dict[str, tuple[Callable[[datetime], str], ...]] = {
    "yyyyMMddHHmmss": (),
    "iso": _ZONED,
    "xs:dateTime": (*_ZONED, _as("%Y-%m-%dT%H:%M:%S")),
    "xs:date": (_as("%Y-%m-%d+07:00"), _as("%Y-%m-%dZ")),
    "iso:wall": (*_MARKED, _as("%Y-%m-%dT%H:%M:%S"), _as("%Y-%m-%dT%H:%M:%SZ")),
    "iso:utc": (*_MARKED, _utc("%Y-%m-%dT%H:%M:%S"), _utc("%Y-%m-%dT%H:%M:%SZ")),
    "yyyy-MM-dd HH:mm:ss": (),
    "yyyy-MM-ddTHH:mm:ss.fff": (*_MARKED, _as("%Y-%m-%dT%H:%M:%S")),
    "yyyy/MM/dd": _DAYS,
    "yyyy/MM/dd, its end": _DAYS,
    "yyyy/MM/dd HH:mm:ss": (_as("%Y-%m-%dT%H:%M:%S.000"), _as("%d/%m/%Y %H:%M:%S"), _as("%d-%m-%YT%H:%M:%S")),
    "milliseconds": (),
    "tax date": (
        *(_as("%Y%m%d%H%M%S"), _as("%d-%m-%Y %H:%M:%S"), _as("%d/%m/%Y %H:%M:%S"), _as("%d-%b-%Y %H:%M:%S")),
        *(_as("%Y-%m-%dT%H:%M:%S"), _as("%Y/%m/%d %H:%M:%S")),
    ),
}
"""Converter → how else the same moment is written, given as Vietnam's wall time. One that gives moments and is not here is missing."""

WAYS: dict[str, Callable[[Form], Iterator[Pair]]] = {
    "order": order,
    "namespaces": namespaces,
    "spelling": spelling,
    "dates": dates,
    "empty": empty,
    "types": types,
}
