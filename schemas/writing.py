"""Compiles a record of a mapping table into a writer: canonical tree → wire record, in the order of the rows."""

from __future__ import annotations

from collections.abc import Callable

from schemas.code import Code, Complaints, Tree, fetch
from schemas.convert import spelled
from schemas.strict_json import pointer_token
from schemas.table import AMOUNTS, CANONICAL, Row, Shape, Table, converter_of, step_into
from schemas.xml_names import bare

Writer = Callable[[Tree, Tree | None, str, str, Complaints], Tree]


def compile_writer(table: Table, record: str, shape: Shape = CANONICAL) -> Writer:
    """Canonical tree → wire record, in row order."""
    code = Code("def function(d, k, key, p, c):")
    code.objects["E"] = {}
    code.put("o = {}")
    rows = [row for row in table.records[record] if row.only != "read" and row.fixed is None]
    prefixes: dict[str, str] = {}
    for row in rows:
        _hoist(code, row, prefixes)
    for row in rows:
        _write_row(code, table, row, shape, prefixes)
    known = code.name(frozenset(row.wire for row in table.records[record]))
    code.put("if k:")
    code.inside().put("for w in k:", f"    if w not in {known}: o[w] = k[w]")
    code.put("return o")
    function: Writer = code.made(f"write {table.ref} {record}")
    return function


def _hoist(code: Code, row: Row, prefixes: dict[str, str]) -> None:
    """Fetch each canonical record on the way once per function."""
    for path in (row.at, row.fallback.at if row.fallback else None):
        if path is None or path == ".":
            continue
        prefix = path.rpartition(".")[0]
        if prefix and prefix not in prefixes and not any(step.isdigit() for step in prefix.split(".")):
            prefixes[prefix] = f"h{len(prefixes)}"
            code.put(f"{prefixes[prefix]} = {fetch(prefix, 'd')} or E")


def _value(path: str, prefixes: dict[str, str]) -> str:
    prefix, _, last = path.rpartition(".")
    return f"{prefixes[prefix]}.get({last!r})" if prefix in prefixes else fetch(path, "d")


def _write_row(code: Code, table: Table, row: Row, shape: Shape, prefixes: dict[str, str]) -> None:
    wire, place = repr(row.wire), f"p + {'/' + pointer_token(row.wire)!r}"
    if row.source is not None:
        code.put(f"o[{wire}] = (k.get({wire}) or key) if k else key" if row.keep else f"o[{wire}] = key")
        return
    if row.constant is not None:
        code.put(f"o[{wire}] = {row.constant!r}")
        return
    if row.record is not None and not row.keep:
        (_write_list if row.many else _write_record)(code, table, row, shape, prefixes)
        return
    code.put(f"if k and {wire} in k:")
    kept = f"[] if k[{wire}] == E else k[{wire}]" if row.many and not row.keep else f"k[{wire}]"
    if (
        row.record is not None
    ):  # kept as a tree: said again in the table's order, whatever order the store gave it
        inner = code.name(compile_writer(table, row.record, shape))
        one = f"{inner}(E, {{}}, key, {place}, c)"
        kept = f"[{one.format('e')} for e in k[{wire}]]" if row.many else one.format(f"k[{wire}]")
    code.inside().put(f"if k[{wire}] is not None: o[{wire}] = {kept}")
    code.put("else:")
    inside = code.inside()
    if row.keep:
        _write_absent(inside, table, row, wire, place)
        return
    inside.put(f"v = {_value(row.at or '.', prefixes)}")
    if row.fallback is not None and not row.fallback.codes:
        inside.put(f"if v is None: v = {_value(row.fallback.at, prefixes)}")
    if row.many:
        _write_scalars(inside, table, row, wire, place)
        return
    inside.put("if v is None:")
    _write_absent(inside.inside(), table, row, wire, place, prefixes)
    inside.put("else:")
    _write_leaf(inside.inside(), table, row, wire, place)


def _write_absent(
    code: Code, table: Table, row: Row, wire: str, place: str, prefixes: dict[str, str] | None = None
) -> None:
    if row.fallback is not None and row.fallback.codes:
        number = row.as_ == "number"
        codes = {said: spelled(each, number=number) for said, each in table.codes[row.fallback.codes].items()}
        known = code.name(codes)
        code.put(
            f"v = {known}.get({_value(row.fallback.at, prefixes or {})})",
            f"if v is not None: o[{wire}] = v",
            "else:",
        )
        code = code.inside()
    if row.default is not None:
        code.put(f"o[{wire}] = {row.default!r}")
    elif row.required:
        code.put(f"c.add({row.missing!r}, {place}, {'required ' + (row.at or '')!r})")
    elif row.nillable:
        code.put(f"o[{wire}] = None")
    elif table.absent == "empty":
        code.put(f"o[{wire}] = {[] if row.many else ''!r}")
    else:
        code.put("pass")


def _write_leaf(code: Code, table: Table, row: Row, wire: str, place: str) -> None:
    converter = converter_of(table, row)
    if converter.name != "text":
        code.put(
            f"try: v = {code.name(converter.write)}(v)",
            f"except Wrong as e: c.add(e.code, {place}, e.rule)",
            "else:",
        )
        code = code.inside()
    if row.max is not None and row.cut is not None:
        code.put(f"if len(v) > {row.max}: v = v[:{row.max}]")
    elif row.max is not None:
        code.put(f"if len(v) > {row.max}: c.add('HUB-MAP-004', {place}, 'maxLength {row.max}')")
    code.put(f"if v is not None: o[{wire}] = v" if converter.gives == AMOUNTS else f"o[{wire}] = v")


def _write_scalars(code: Code, table: Table, row: Row, wire: str, place: str) -> None:
    converter = converter_of(table, row)
    code.put("if v:")
    inside = code.inside()
    inside.put(
        f"try: o[{wire}] = [{code.name(converter.write)}(e) for e in v]",
        f"except Wrong as e: c.add(e.code, {place}, e.rule)",
    )
    code.put("else:")
    _write_absent(code.inside(), table, row, wire, place)


def _write_record(code: Code, table: Table, row: Row, shape: Shape, prefixes: dict[str, str]) -> None:
    wire, place = repr(row.wire), f"p + {'/' + pointer_token(row.wire)!r}"
    target = step_into(shape, row.at)[0] if row.at else shape
    inner = code.name(compile_writer(table, row.record or "", target))
    code.put(f"n = k.get({wire}) if k else None")
    if row.at is None:
        code.put(f"r = {inner}(d, n, key, {place}, c)")
        quiet = bare(table, row.record or "")
        if quiet is not None and not row.required:
            code.put(f"if n is None and r.keys() <= {code.name(quiet)}: r = E")
        always = row.required or table.absent == "empty"
        code.put(f"o[{wire}] = r" if always else f"if r or n is not None: o[{wire}] = r")
        if row.nillable:
            code.put(f"else: o[{wire}] = None")
        return
    code.put(f"v = {_value(row.at, prefixes)}", f"r = {inner}(v or E, n, key, {place}, c) if v or n else E")
    code.put(f"if r or n is not None: o[{wire}] = r or {{}}")
    if row.required:
        code.put(f"else: c.add({row.missing!r}, {place}, {'required ' + row.at!r})")
    elif row.nillable:
        code.put(f"else: o[{wire}] = None")


def _write_list(code: Code, table: Table, row: Row, shape: Shape, prefixes: dict[str, str]) -> None:
    wire, place = repr(row.wire), f"p + {'/' + pointer_token(row.wire)!r}"
    target = step_into(shape, row.at or ".")[0].item or shape
    inner = code.name(compile_writer(table, row.record or "", target))
    code.put(f"v = {_value(row.at or '.', prefixes)}", "if v:")
    inside = code.inside()
    inside.put(f"n = k.get({wire}) if k else None", f"q = {place} + '/'")
    one = f"{inner}(e, n.get(str(i)) if n else None, key, q + str(i), c)"
    if row.unmapped == "omit":
        inside.put("l = []", "for i, e in enumerate(v):")
        loop = inside.inside()
        loop.put(
            "b = len(c.problems)",
            f"r = {one}",
            "if all(x.code != 'HUB-MAP-002' for x in c.problems[b:]): l.append(r)",
            "else: del c.problems[b:]",
        )
        inside.put(f"o[{wire}] = l")
    else:
        inside.put(f"o[{wire}] = [{one} for i, e in enumerate(v)]")
    if row.required:
        code.put(f"else: c.add({row.missing!r}, {place}, {'required ' + (row.at or '')!r})")
    elif table.absent == "empty":
        code.put(f"else: o[{wire}] = []")
    else:
        code.put(f"elif k and {wire} in k: o[{wire}] = []")
