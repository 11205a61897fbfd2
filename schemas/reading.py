"""Compiles a record of a mapping table into a reader: wire record → canonical tree.

A reader never raises for the input: it files what is wrong with ``Complaints`` and goes on, so that a sender hears of all
of it at once. What the writer would not say again by itself goes to ``kept``, a tree parallel to the payload: unknown
fields, empty texts and lists, spellings that the canonical value does not remember. So the same format gets all of it back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.code import Code, Complaints, Tree, fetch
from schemas.convert import spelled
from schemas.strict_json import pointer_token
from schemas.table import CANONICAL, Row, Shape, Table, converter_of, step_into

Reader = Callable[[Tree, Tree, Tree, str, Complaints], None]


def compile_reader(table: Table, record: str, shape: Shape = CANONICAL, *, checked: bool = False) -> Reader:
    """Wire record → canonical tree.

    ``checked``: look at each text's type, length and pattern, to say where one is wrong. Otherwise that is left to the
    canonical types, which check the whole tree at once, much faster, but know no place on the wire.
    """
    code = Code("def function(s, t, k, p, c):")
    code.objects["E"] = {}
    code.objects["R"] = table.ref
    rows = table.records[record]
    for row in rows:
        if row.only == "write" or row.derived:
            continue
        if row.fixed is None:
            code.put(f"v = s.get({row.wire!r})")
        if table.lone and row.many and row.record is not None:
            code.put("if type(v) is tree: v = [v]")
        _read_row(code, table, row, shape, checked=checked)
    for row in rows:
        if row.derived:
            _read_derived(code, table, row)
    known = code.name(frozenset(row.wire for row in rows))
    code.put(f"if not s.keys() <= {known}:")
    code.inside().put("for w in s:", f"    if w not in {known}: k[w] = s[w]")
    function: Reader = code.made(f"read {table.ref} {record}")
    return function


def _absent(code: Code, table: Table, row: Row, place: str) -> None:
    """What to do when the wire says nothing here: ``v`` is ``None`` or the empty text."""
    if row.required:
        code.put(f"c.add('HUB-SCH-003', {place}, 'required')")
    elif row.default is not None or row.fallback is not None:
        code.put(f"k[{row.wire!r}] = {'v' if table.absent == 'omit' else repr('')}")
    elif table.absent == "omit":
        code.put(f"if v is not None: k[{row.wire!r}] = v")
    else:
        code.put("pass")


def _read_row(code: Code, table: Table, row: Row, shape: Shape, *, checked: bool) -> None:
    place = f"p + {'/' + pointer_token(row.wire)!r}"
    if row.fixed is not None:
        _store(code, row.at or ".", repr(row.fixed))
        return
    if row.keep:
        code.put(f"if v is not None: k[{row.wire!r}] = v")
        if row.default is not None:
            code.put(f"else: k[{row.wire!r}] = {None if table.absent == 'omit' else ''!r}")
        return
    if row.source is not None:
        code.put(f"if v is not None and v != c.key: k[{row.wire!r}] = v")
        return
    if row.constant is not None:
        code.put(f"if v is not None and v != {row.constant!r}: c.add('HUB-SCH-002', {place}, 'constant')")
        return
    if row.record is not None or row.many:
        code.put(f"if type(v) is {'list' if row.many else 'tree'}:")
    else:
        code.put("if v or (v is not None and v != ''):")
    if row.record is not None:
        (_read_list if row.many else _read_record)(code.inside(), table, row, shape, place, checked=checked)
    elif row.many:
        _read_scalars(code.inside(), table, row, shape, place)
    else:
        _read_leaf(code.inside(), table, row, shape, place, checked=checked)
    if row.record is not None or row.many:
        code.put("elif v is None or v == '':")
        _absent(code.inside(), table, row, place)
        code.put(f"else: c.add('HUB-SCH-002', {place}, {'list' if row.many else 'record'!r})")
    else:
        code.put("else:")
        _absent(code.inside(), table, row, place)


def _longest(row: Row, target: Shape) -> int | None:
    limits = [limit for limit in (row.max, target.longest) if limit is not None]
    return min(limits) if limits else None


def _read_leaf(code: Code, table: Table, row: Row, shape: Shape, place: str, *, checked: bool) -> None:
    target, _ = step_into(shape, row.at or ".")
    converter = converter_of(table, row)
    longest = _longest(row, target)
    if converter.name == "text" and not checked and row.max is None:
        _store(code, row.at or ".", "v")
        return
    if converter.name == "text":
        code.put(f"if type(v) is not str: c.add('HUB-SCH-002', {place}, 'text')")
        if longest is not None:
            code.put(f"elif len(v) > {longest}: c.add('HUB-SCH-002', {place}, 'maxLength {longest}')")
        if target.pattern is not None:
            pattern = code.name(_matcher(target.pattern))
            code.put(f"elif not {pattern}(v): c.add('HUB-SCH-002', {place}, {'pattern ' + target.pattern!r})")
        code.put("else:")
        _store(code.inside(), row.at or ".", "v")
        return
    if row.codes is not None:
        number = row.as_ == "number"
        codes = {spelled(each, number=number): said for each, said in table.codes[row.codes].items()}
        code.put(f"r = {code.name(codes)}.get(v) if type(v) is {'int' if number else 'str'} else None")
        code.put(f"if r is None: c.add('HUB-MAP-001', {place}, {converter.name!r})", "else:")
        _store(code.inside(), row.at or ".", "r")
        return
    code.put(
        f"try: r = {code.name(converter.read)}(v)",
        f"except Wrong as e: c.add(e.code, {place}, e.rule)",
        "else:",
    )
    inside = code.inside()
    _store(inside, row.at or ".", "r")
    if not converter.exact:
        usual = f"not {code.name(converter.usual)}(v) and " if converter.usual is not None else ""
        inside.put(f"if {usual}{code.name(converter.write)}(r) != v: k[{row.wire!r}] = v")


def _matcher(pattern: str) -> Callable[[str], Any]:
    import re  # noqa: PLC0415 - only tables with patterned leaves need it

    return re.compile(pattern).search


def _read_record(code: Code, table: Table, row: Row, shape: Shape, place: str, *, checked: bool) -> None:
    target = step_into(shape, row.at)[0] if row.at else shape
    inner = code.name(compile_reader(table, row.record or "", target, checked=checked))
    code.put("n = {}")
    if row.at:
        code.put(f"y = {fetch(row.at, 't')} or {{}}")
    if table.absent == "omit":
        code.put(f"if not v: k[{row.wire!r}] = n")
    code.put(f"{inner}(v, {'y' if row.at else 't'}, n, {place}, c)", f"if n: k[{row.wire!r}] = n")
    if row.at:
        code.put("if y:")
        _store(code.inside(), row.at, "y")


def _read_list(code: Code, table: Table, row: Row, shape: Shape, place: str, *, checked: bool) -> None:
    target = step_into(shape, row.at or ".")[0].item or shape
    inner = code.name(compile_reader(table, row.record or "", target, checked=checked))
    bare = any(inside.at == "." for inside in table.records[row.record or ""])
    code.put("l = []", "m = {}", f"q = {place} + '/'", "for i, e in enumerate(v):")
    loop = code.inside()
    loop.put(
        "if type(e) is not tree: c.add('HUB-SCH-002', q + str(i), 'record'); continue",
        "y = {}",
        "n = {}",
        f"{inner}(e, y, n, q + str(i), c)",
        f"l.append({'y.get(chr(46))' if bare else 'y'})",
        "if n: m[str(i)] = n",
    )
    _store(code, row.at or ".", "l")
    code.put(f"if m: k[{row.wire!r}] = m")
    if table.absent == "omit":
        code.put(f"if not v: k[{row.wire!r}] = m")


def _read_scalars(code: Code, table: Table, row: Row, shape: Shape, place: str) -> None:
    target = step_into(shape, row.at or ".")[0].item or shape
    converter = converter_of(table, row)
    longest = _longest(row, target) or 20_000
    code.put("l = []", f"q = {place} + '/'", "for i, e in enumerate(v):")
    loop = code.inside()
    loop.put(
        f"try: r = {code.name(converter.read)}(e)",
        "except Wrong as w: c.add(w.code, q + str(i), w.rule); continue",
        f"if type(r) is str and not 0 < len(r) <= {longest}: c.add('HUB-SCH-002', q + str(i), 'length 1 to {longest}'); continue",
        "l.append(r)",
    )
    _store(code, row.at or ".", "l")
    if table.absent == "omit":
        code.put(f"if not v: k[{row.wire!r}] = {{}}")


def _read_derived(code: Code, table: Table, row: Row) -> None:
    converter = converter_of(table, row)
    code.put(f"v = s.get({row.wire!r})", f"d = {fetch(row.at or '.', 't')}")
    if table.absent == "empty":
        code.put("if v is None: v = ''", "if d is None: d = ''")
    code.put(f"if d != v and (not d or {code.name(converter.write)}(d) != v): k[{row.wire!r}] = v")


def _store(code: Code, path: str, value: str) -> None:
    """``target.a.b = value``, making what is missing on the way. Each record on the way is looked up once per function."""
    *way, last = path.split(".") if path != "." else ["."]
    at, deep = "t", code
    slots = [code.slot(".".join(way[: depth + 1])) for depth in range(len(way))]
    for slot in slots[-1:]:
        code.put(f"if {slot} is None:")
        deep = code.inside()
    for slot, step in zip(slots, way, strict=True):
        deep.put(f"{slot} = {at}.get({step!r})", f"if {slot} is None: {slot} = {at}[{step!r}] = {{}}")
        at = slot
    code.put(f"{at}[{last!r}] = {value}")
