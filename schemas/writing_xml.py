"""Compiles a record of an XML table into a writer of canonical XML itself: canonical tree → pieces of text, no tree between.

For messages that keep nothing of this format. It is the short way of ``schemas.writing``, not another meaning: what it
cannot say as it stands (a complaint, a text that must be escaped) is written again the long way, which also says what is
wrong and where.
"""

from __future__ import annotations

from collections.abc import Callable

from schemas.canonical_xml import declared
from schemas.code import Code, Complaints, Tree, fetch
from schemas.table import CANONICAL, Row, Shape, Table, converter_of, step_into

Pieces = Callable[[Tree, Callable[[str], None], list[str], str, Complaints], int]
"""(record, append, pieces, key, complaints) → how many elements with elements inside were written."""


def writes_plainly(table: Table, record: str) -> bool:
    """Whether a record can be written the short way: each name once, absence by leaving out, no element left out for its code."""
    rows = _spoken(table, record)
    names = [row.wire for row in rows]
    return (
        table.absent == "omit"
        and len(names) == len(set(names))
        and all(row.unmapped == "refuse" for row in rows)
        and all(writes_plainly(table, row.record) for row in rows if row.record is not None and not row.keep)
    )


def _spoken(table: Table, record: str) -> list[Row]:
    return [row for row in table.records[record] if row.only != "read" and row.fixed is None]


def compile_pieces(table: Table, record: str, shape: Shape = CANONICAL) -> Pieces:
    """Canonical record → pieces of XML, in row order; each single value is one piece, each element around others two."""
    code = Code("def function(d, a, out, key, c):")
    code.objects["E"] = {}
    code.put("n = 0")
    rows = _spoken(table, record)
    prefixes: dict[str, str] = {}
    for row in rows:
        _hoist(code, row, prefixes)
    for row in rows:
        _write_row(code, table, row, shape, prefixes)
    code.put("return n")
    function: Pieces = code.made(f"write {table.ref} {record} plainly")
    return function


def plain_text(root: str, namespace: str, pieces: list[str], records: int) -> bytes | None:
    """Join the pieces into a document; ``None`` when a text among them must be escaped.

    When the whole has exactly the marks of its own tags, no text holds one.
    """
    pieces.append(f"</{root}>")
    text = f"<{root}{declared(namespace)}>" + "".join(pieces)
    tags = 2 * len(pieces) - 2 * records
    if text.count("<") == tags and text.count(">") == tags and "&" not in text and "\r" not in text:
        return text.encode()
    return None


def _hoist(code: Code, row: Row, prefixes: dict[str, str]) -> None:
    """Fetch each canonical record on the way once per function."""
    for path in (row.at, row.fallback.at if row.fallback else None):
        prefix = path.rpartition(".")[0] if path else ""
        if prefix and prefix not in prefixes and not any(step.isdigit() for step in prefix.split(".")):
            prefixes[prefix] = f"h{len(prefixes)}"
            code.put(f"{prefixes[prefix]} = {fetch(prefix, 'd')} or E")


def _value(path: str, prefixes: dict[str, str]) -> str:
    prefix, _, last = path.rpartition(".")
    return f"{prefixes[prefix]}.get({last!r})" if prefix in prefixes else fetch(path, "d")


def _piece(row: Row, value: str) -> str:
    """Return the call that appends one element; ``value``: an expression."""
    return f"a(f'<{row.wire}>{{{value}}}</{row.wire}>')"


def _literal(row: Row, value: object) -> str:
    return f"a({f'<{row.wire}>{value}</{row.wire}>'!r})"


def _complain(row: Row) -> str:
    """The long way says where and what."""
    return f"c.add({row.missing!r}, {row.wire!r}, 'required')"


def _write_row(code: Code, table: Table, row: Row, shape: Shape, prefixes: dict[str, str]) -> None:
    if row.source is not None:
        code.put(_piece(row, "key"))
    elif row.constant is not None:
        code.put(_literal(row, row.constant))
    elif row.keep:
        _write_absent(code, table, row, prefixes)
    elif row.record is not None:
        (_write_list if row.many else _write_record)(code, table, row, shape, prefixes)
    else:
        code.put(f"v = {_value(row.at or '.', prefixes)}")
        if row.fallback is not None and not row.fallback.codes:
            code.put(f"if v is None: v = {_value(row.fallback.at, prefixes)}")
        code.put("if v:" if row.many else "if v is not None:")
        (_write_scalars if row.many else _write_leaf)(code.inside(), table, row)
        code.put("else:")
        _write_absent(code.inside(), table, row, prefixes)


def _write_absent(code: Code, table: Table, row: Row, prefixes: dict[str, str]) -> None:
    if row.fallback is not None and row.fallback.codes:
        known = code.name(dict(table.codes[row.fallback.codes]))
        code.put(f"v = {known}.get({_value(row.fallback.at, prefixes)})", "if v is not None:")
        code.inside().put(_piece(row, "v"))
        code.put("else:")
        code = code.inside()
    if row.default is not None:
        code.put(_literal(row, row.default))
    else:
        code.put(_complain(row) if row.required else "pass")


def _write_leaf(code: Code, table: Table, row: Row) -> None:
    converter = converter_of(table, row)
    if converter.name != "text":
        code.put(f"try: v = {code.name(converter.write)}(v)", f"except Wrong: {_complain(row)}", "else:")
        code = code.inside()
    if row.max is not None:
        code.put(f"if len(v) > {row.max}: {'v = v[:' + str(row.max) + ']' if row.cut else _complain(row)}")
    code.put(_piece(row, "v"))


def _write_scalars(code: Code, table: Table, row: Row) -> None:
    one = code.name(converter_of(table, row).write)
    code.put(
        "try:", "    for e in v:", f"        {_piece(row, f'{one}(e)')}", f"except Wrong: {_complain(row)}"
    )


def _write_record(code: Code, table: Table, row: Row, shape: Shape, prefixes: dict[str, str]) -> None:
    """An element with nothing inside is taken back, unless the table wants it all the same."""
    inner = code.name(
        compile_pieces(table, row.record or "", step_into(shape, row.at)[0] if row.at else shape)
    )
    inside = code
    if row.at is not None:
        code.put(f"v = {_value(row.at, prefixes)}", "m = 0", "if v:")
        inside = code.inside()
    inside.put(
        f"a('<{row.wire}>')",
        "m = len(out)",
        f"n += {inner}({'d' if row.at is None else 'v'}, a, out, key, c)",
    )
    if row.at is None and row.required:
        inside.put(f"a('</{row.wire}>')", "n += 1")
        return
    inside.put("if len(out) == m: m = 0; out.pop()", f"else: n += 1; a('</{row.wire}>')")
    if row.required:
        code.put(f"if not m: {_complain(row)}")


def _write_list(code: Code, table: Table, row: Row, shape: Shape, prefixes: dict[str, str]) -> None:
    target = step_into(shape, row.at or ".")[0].item or shape
    inner = code.name(compile_pieces(table, row.record or "", target))
    code.put(f"v = {_value(row.at or '.', prefixes)}", "if v:")
    code.inside().put(
        "for e in v:",
        f"    a('<{row.wire}>')",
        f"    n += 1 + {inner}(e, a, out, key, c)",
        f"    a('</{row.wire}>')",
    )
    if row.required:
        code.put(f"else: {_complain(row)}")
