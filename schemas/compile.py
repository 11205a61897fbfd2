"""Compiles the records of a mapping table into Python functions, once: one reader and one writer per record and place.

Rules of this file:

* The text that is compiled holds only names made here, numbers, and ``repr`` of words from the table. Converters and
  nested records are handed in as objects.
* A reader never raises for the input: it files what is wrong with ``Complaints`` and goes on, so that a sender hears of
  all of it at once.
* What the writer would not say again by itself goes to ``kept``, a tree parallel to the payload: unknown fields, empty
  texts and lists, spellings that the canonical value does not remember. So the same format gets all of it back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas import convert
from schemas.problems import MAX_PROBLEMS, Problem
from schemas.strict_json import pointer_token
from schemas.table import CANONICAL, Row, Shape, Table, converter_of, step_into

Tree = dict[str, Any]
Reader = Callable[[Tree, Tree, Tree, str, "Complaints"], None]
Writer = Callable[[Tree, Tree | None, str, str, "Complaints"], Tree]


class Complaints:
    """What is wrong so far, at most ``MAX_PROBLEMS``. ``key``: the transfer's or the sender's key, for rows that carry it."""

    def __init__(self, ref: str, key: str) -> None:
        self.ref = ref
        self.key = key
        self.problems: list[Problem] = []

    def add(self, code: str, place: str, rule: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(code=code, place=place, rule=f"{self.ref} {rule}"))


class _Code:
    """Lines of one function, and the objects it names."""

    def __init__(self, head: str) -> None:
        self.lines = [head]
        self.objects: dict[str, Any] = {"Wrong": convert.Wrong, "tree": dict}
        self._depth = 1

    def put(self, *lines: str) -> None:
        self.lines.extend("    " * self._depth + line for line in lines)

    def inside(self) -> _Code:
        nested = object.__new__(_Code)
        nested.lines, nested.objects, nested._depth = self.lines, self.objects, self._depth + 1
        return nested

    def name(self, thing: object) -> str:
        for known, value in self.objects.items():
            if value is thing:
                return known
        name = f"o{len(self.objects)}"
        self.objects[name] = thing
        return name

    def made(self, function: str) -> Any:  # noqa: ANN401 - a reader or a writer
        space: dict[str, Any] = dict(self.objects)
        exec(compile("\n".join(self.lines), f"<{function}>", "exec"), space)  # noqa: S102 - our own text: names made here and repr of table words
        return space["function"]


def _store(code: _Code, path: str, value: str) -> None:
    """``target.a.b = value``, making what is missing on the way."""
    *way, last = path.split(".") if path != "." else ["."]
    at = "t"
    for depth, step in enumerate(way):
        code.put(f"x{depth} = {at}.get({step!r})", f"if x{depth} is None: x{depth} = {at}[{step!r}] = {{}}")
        at = f"x{depth}"
    code.put(f"{at}[{last!r}] = {value}")


def _fetch(path: str, top: str) -> str:
    """Return an expression for the value at ``path`` of the canonical tree ``top``, None when something on the way is absent."""
    if path == ".":
        return top
    expression = top
    steps = path.split(".")
    for step in steps[:-1]:
        expression = (
            f"({expression}[{step}] if len({expression}) > {step} else E)"
            if step.isdigit()
            else f"({expression}.get({step!r}) or E)"
        )
    return f"{expression}.get({steps[-1]!r})"


# --- reading --------------------------------------------------------------------------------------------------------


def compile_reader(table: Table, record: str, shape: Shape = CANONICAL, *, checked: bool = False) -> Reader:
    """Wire record → canonical tree.

    ``checked``: look at each text's type, length and pattern, to say where one is wrong. Otherwise that is left to the
    canonical types, which check the whole tree at once, much faster, but know no place on the wire.
    """
    code = _Code("def function(s, t, k, p, c):")
    code.objects["E"] = {}
    code.objects["R"] = table.ref
    rows = table.records[record]
    for row in rows:
        if row.only == "write" or row.derived:
            continue
        if row.fixed is None:
            code.put(f"v = s.get({row.wire!r})")
        _read_row(code, table, row, shape, checked=checked)
    for row in rows:
        if row.derived:
            _read_derived(code, table, row)
    known = code.name(frozenset(row.wire for row in rows))
    code.put(f"if not s.keys() <= {known}:")
    code.inside().put(f"for w in s.keys() - {known}: k[w] = s[w]")
    function: Reader = code.made(f"read {table.ref} {record}")
    return function


def _absent(code: _Code, table: Table, row: Row) -> None:
    place = f"p + {'/' + pointer_token(row.wire)!r}"
    required = f"c.add('HUB-SCH-003', {place}, 'required')" if row.required else ""
    code.put("if v is None or v == '':")
    inside = code.inside()
    if required:
        inside.put(required)
    elif row.default is not None or row.fallback is not None:
        inside.put(f"k[{row.wire!r}] = {'v' if table.absent == 'omit' else repr('')}")
    elif table.absent == "omit":
        inside.put(f"if v is not None: k[{row.wire!r}] = v")
    else:
        inside.put("pass")


def _read_row(code: _Code, table: Table, row: Row, shape: Shape, *, checked: bool) -> None:
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
    _absent(code, table, row)
    if row.record is not None:
        (_read_list if row.many else _read_record)(code, table, row, shape, place, checked=checked)
    elif row.many:
        _read_scalars(code, table, row, shape, place)
    else:
        code.put("else:")
        _read_leaf(code.inside(), table, row, shape, place, checked=checked)


def _longest(row: Row, target: Shape) -> int | None:
    limits = [limit for limit in (row.max, target.longest) if limit is not None]
    return min(limits) if limits else None


def _read_leaf(code: _Code, table: Table, row: Row, shape: Shape, place: str, *, checked: bool) -> None:
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
        known = code.name(dict(table.codes[row.codes]))
        code.put(f"r = {known}.get(v) if type(v) is str else None")
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


def _read_record(code: _Code, table: Table, row: Row, shape: Shape, place: str, *, checked: bool) -> None:
    target = step_into(shape, row.at)[0] if row.at else shape
    inner = code.name(compile_reader(table, row.record or "", target, checked=checked))
    code.put(f"elif type(v) is not tree: c.add('HUB-SCH-002', {place}, 'record')", "else:")
    inside = code.inside()
    inside.put("n = {}")
    if row.at:
        inside.put(f"y = {_fetch(row.at, 't')} or {{}}")
    if table.absent == "omit":
        inside.put(f"if not v: k[{row.wire!r}] = n")
    inside.put(f"{inner}(v, {'y' if row.at else 't'}, n, {place}, c)", f"if n: k[{row.wire!r}] = n")
    if row.at:
        inside.put("if y:")
        _store(inside.inside(), row.at, "y")


def _read_list(code: _Code, table: Table, row: Row, shape: Shape, place: str, *, checked: bool) -> None:
    target = step_into(shape, row.at or ".")[0].item or shape
    inner = code.name(compile_reader(table, row.record or "", target, checked=checked))
    bare = any(inside.at == "." for inside in table.records[row.record or ""])
    code.put(f"elif type(v) is not list: c.add('HUB-SCH-002', {place}, 'list')", "else:")
    inside = code.inside()
    inside.put("l = []", "m = {}", f"q = {place} + '/'", "for i, e in enumerate(v):")
    loop = inside.inside()
    loop.put(
        "if type(e) is not tree: c.add('HUB-SCH-002', q + str(i), 'record'); continue",
        "y = {}",
        "n = {}",
        f"{inner}(e, y, n, q + str(i), c)",
        f"l.append({'y.get(chr(46))' if bare else 'y'})",
        "if n: m[str(i)] = n",
    )
    _store(inside, row.at or ".", "l")
    inside.put(f"if m: k[{row.wire!r}] = m")
    if table.absent == "omit":
        inside.put(f"if not v: k[{row.wire!r}] = m")


def _read_scalars(code: _Code, table: Table, row: Row, shape: Shape, place: str) -> None:
    target = step_into(shape, row.at or ".")[0].item or shape
    converter = converter_of(table, row)
    longest = _longest(row, target) or 20_000
    code.put(f"elif type(v) is not list: c.add('HUB-SCH-002', {place}, 'list')", "else:")
    inside = code.inside()
    inside.put("l = []", f"q = {place} + '/'", "for i, e in enumerate(v):")
    loop = inside.inside()
    loop.put(
        f"try: r = {code.name(converter.read)}(e)",
        "except Wrong as w: c.add(w.code, q + str(i), w.rule); continue",
        f"if type(r) is str and not 0 < len(r) <= {longest}: c.add('HUB-SCH-002', q + str(i), 'length 1 to {longest}'); continue",
        "l.append(r)",
    )
    _store(inside, row.at or ".", "l")
    if table.absent == "omit":
        inside.put(f"if not v: k[{row.wire!r}] = {{}}")


def _read_derived(code: _Code, table: Table, row: Row) -> None:
    converter = converter_of(table, row)
    code.put(f"v = s.get({row.wire!r})", f"d = {_fetch(row.at or '.', 't')}")
    if table.absent == "empty":
        code.put("if v is None: v = ''", "if d is None: d = ''")
    code.put(f"if d != v and (not d or {code.name(converter.write)}(d) != v): k[{row.wire!r}] = v")


# --- writing --------------------------------------------------------------------------------------------------------


def compile_writer(table: Table, record: str, shape: Shape = CANONICAL) -> Writer:
    """Canonical tree → wire record, in row order."""
    code = _Code("def function(d, k, key, p, c):")
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
    code.inside().put(f"for w in k.keys() - {known}: o[w] = k[w]")
    code.put("return o")
    function: Writer = code.made(f"write {table.ref} {record}")
    return function


def _hoist(code: _Code, row: Row, prefixes: dict[str, str]) -> None:
    """Fetch each canonical record on the way once per function."""
    for path in (row.at, row.fallback.at if row.fallback else None):
        if path is None or path == ".":
            continue
        prefix = path.rpartition(".")[0]
        if prefix and prefix not in prefixes and not any(step.isdigit() for step in prefix.split(".")):
            prefixes[prefix] = f"h{len(prefixes)}"
            code.put(f"{prefixes[prefix]} = {_fetch(prefix, 'd')} or E")


def _value(path: str, prefixes: dict[str, str]) -> str:
    prefix, _, last = path.rpartition(".")
    return f"{prefixes[prefix]}.get({last!r})" if prefix in prefixes else _fetch(path, "d")


def _write_row(code: _Code, table: Table, row: Row, shape: Shape, prefixes: dict[str, str]) -> None:
    wire, place = repr(row.wire), f"p + {'/' + pointer_token(row.wire)!r}"
    if row.source is not None:
        code.put(f"o[{wire}] = key")
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
    if row.many:
        _write_scalars(inside, table, row, wire, place)
        return
    inside.put("if v is None:")
    _write_absent(inside.inside(), table, row, wire, place, prefixes)
    inside.put("else:")
    _write_leaf(inside.inside(), table, row, wire, place)


def _write_absent(
    code: _Code, table: Table, row: Row, wire: str, place: str, prefixes: dict[str, str] | None = None
) -> None:
    if row.fallback is not None:
        known = code.name(dict(table.codes[row.fallback.codes]))
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
    elif table.absent == "empty":
        code.put(f"o[{wire}] = {[] if row.many else ''!r}")
    else:
        code.put("pass")


def _write_leaf(code: _Code, table: Table, row: Row, wire: str, place: str) -> None:
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
    code.put(f"o[{wire}] = v")


def _write_scalars(code: _Code, table: Table, row: Row, wire: str, place: str) -> None:
    converter = converter_of(table, row)
    code.put("if v:")
    inside = code.inside()
    inside.put(
        f"try: o[{wire}] = [{code.name(converter.write)}(e) for e in v]",
        f"except Wrong as e: c.add(e.code, {place}, e.rule)",
    )
    code.put("else:")
    _write_absent(code.inside(), table, row, wire, place)


def _write_record(code: _Code, table: Table, row: Row, shape: Shape, prefixes: dict[str, str]) -> None:
    wire, place = repr(row.wire), f"p + {'/' + pointer_token(row.wire)!r}"
    target = step_into(shape, row.at)[0] if row.at else shape
    inner = code.name(compile_writer(table, row.record or "", target))
    code.put(f"n = k.get({wire}) if k else None")
    if row.at is None:
        code.put(f"r = {inner}(d, n, key, {place}, c)")
        always = row.required or table.absent == "empty"
        code.put(f"o[{wire}] = r" if always else f"if r or n is not None: o[{wire}] = r")
        return
    code.put(f"v = {_value(row.at, prefixes)}", f"r = {inner}(v or E, n, key, {place}, c) if v or n else E")
    code.put(f"if r or n is not None: o[{wire}] = r or {{}}")
    if row.required:
        code.put(f"else: c.add({row.missing!r}, {place}, {'required ' + row.at!r})")


def _write_list(code: _Code, table: Table, row: Row, shape: Shape, prefixes: dict[str, str]) -> None:
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
