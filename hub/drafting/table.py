"""An outline → the text of a mapping table in which everything is listed, what can be guessed proposed, and the rest open."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hub.drafting import guess
from hub.drafting.outline import MANY, Field, Operation, Outline
from schemas.table import leaves
from schemas.xml_names import KNOWN, TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hub.drafting.guess import Names

CONFIRM = "xác nhận · confirm"
_LARGEST = 200
"""Elements of a list that nobody knows, beyond which it is told in remarks only."""
UNKNOWN = "chưa nối · not connected"


class Drafted(NamedTuple):
    """``text``: the table. ``proposed`` and ``unknown``: how many rows of each."""

    text: str
    proposed: int
    unknown: int


class _Book:
    """The records of one table while they are written. ``said``: canonical leaves that have a row, per operation."""

    def __init__(self, outline: Outline, known: Names) -> None:
        self.outline, self.known = outline, known
        self.records: dict[str, list[str]] = {}
        self.spaces: dict[str, str] = {}
        self.prefixes: dict[str, str] = {}
        self.codes: dict[str, dict[str, None]] = {}
        self.said: set[str] = set()
        self.key = ""
        self.proposed = self.unknown = 0

    def record(self, field: Field, name: str, inside: str, path: str = "") -> str:
        """Write the rows of what a field holds; return the record's name."""
        own = _unique(name, self.records)
        rows = self.records[own] = []
        self.spaces[own] = space = _most(field)
        for each in field.fields:
            wire = self._wire(each, space)
            meant = _as(each, name=field.name) if each.name == TEXT else each
            rows.append(self._row(_as(each, name=wire), meant, inside, f"{path}/{wire}"))
        return own

    def _wire(self, field: Field, space: str) -> str:
        """How a row names a field: with a prefix where it stands in another namespace than its record, or is a qualified attribute."""
        mark = "@" if field.name.startswith("@") else ""
        usual = field.name == TEXT or field.namespace == ("" if mark else space)
        if self.outline.media == "json" or usual:
            return field.name
        return f"{mark}{self._prefix(field.namespace)}:{field.name.removeprefix('@')}"

    def _prefix(self, namespace: str) -> str:
        known = next((each for each, space in KNOWN.items() if space == namespace), "")
        return known or self.prefixes.setdefault(namespace, f"n{len(self.prefixes) + 1}")

    def _row(self, field: Field, meant: Field, inside: str, path: str) -> str:
        """``meant``: the field as its name is understood."""
        if field.fields:
            return self._nested(field, meant, inside, path)
        if field.fixed is not None:
            self.proposed += 1
            return self._line(field, {"constant": field.fixed}, CONFIRM)
        if field.many:
            return self._open(field)
        if not self.key and not inside.count("[]") and guess.is_key(meant, self.known):
            self.key = path
            self.said.add("key")
            self.proposed += 1
            return _row(field, {"source": "transfer.key", "required": True}, CONFIRM)
        found = guess.leaf(meant, self.known, inside, self.outline.media, self.said)
        if found is None:
            return self._open(field)
        self.said.add(found.leaf)
        self.proposed += 1
        words: dict[str, object] = {"at": found.at}
        if found.codes:
            table = "_".join(found.leaf.replace("[]", "").split(".")[-2:])
            self.codes.setdefault(table, {}).update(dict.fromkeys(field.values))
            words["codes"] = table
        elif found.converter:
            words["as"] = found.converter
        return self._line(field, words, CONFIRM)

    def _nested(self, field: Field, meant: Field, inside: str, path: str) -> str:
        if field.many:
            found = guess.several(meant, self.known, inside, self.said)
            if found is None and field.leaves <= _LARGEST:
                self.unknown += 1
                return self._line(field, {"many": True, "record": self.kept(meant)}, UNKNOWN)
            if found is None:
                return self._open(field)
            self.said.add(found.leaf)
            record = self.record(meant, meant.name, f"{found.leaf}[]", path)
            self.proposed += 1
            return self._line(field, {"at": found.at, "many": True, "record": record}, CONFIRM)
        return self._line(field, {"record": self.record(meant, meant.name, inside, path)}, "")

    def kept(self, field: Field) -> str:
        """Write a record of which nobody knows what it says: all of it kept, until a person connects it; return its name."""
        own = _unique(field.name, self.records)
        rows = self.records[own] = []
        self.spaces[own] = space = _most(field)
        for each in field.fields:
            words: dict[str, object] = {"keep": True, **({"many": True} if each.many else {})}
            if each.fields:
                words["record"] = self.kept(each)
            rows.append(_row(_as(each, name=self._wire(each, space)), words, ""))
        return own

    def _open(self, field: Field) -> str:
        self.unknown += 1
        inside = [f"    # … {_line(path)}: {_told(each)}" for path, each in field.paths()]
        words = {"many": True} if field.many and not field.fields else {}
        return "\n".join([self._line(field, words, UNKNOWN), *inside[:60]])

    def _line(self, field: Field, words: Mapping[str, object], left: str) -> str:
        return _row(field, {**words, **_bounds(field, self.outline.media, words)}, left)


def drafted(
    outline: Outline, operations: tuple[Operation, ...], known: Names, names: Mapping[str, str]
) -> Drafted:
    """Write the table. ``names``: ``id``, ``origin``, and the schema's reference by operation under ``schema <operation>``."""
    book = _Book(outline, known)
    tops: dict[str, str] = {}
    said: dict[str, set[str]] = {}
    keys: list[str] = []
    for operation in operations:
        book.said, book.key = set(), ""
        start = "/0" if outline.media == "json" and operation.takes.many else ""
        tops[operation.name] = book.record(operation.takes, operation.name, "", start)
        said[operation.name] = set(book.said)
        keys.append(book.key)
    text = "\n".join(
        [
            *_head(outline, operations, names, next(filter(None, keys), "")),
            *_operations(outline, operations, tops, names),
            *_spaces(book, operations[0].takes.namespace),
            *_records(book),
            *_codes(book),
            *_lost(said),
        ]
    )
    return Drafted(text + "\n", book.proposed, book.unknown)


def _head(
    outline: Outline, operations: tuple[Operation, ...], names: Mapping[str, str], key: str
) -> Iterator[str]:
    yield f"# {names['id']}: viết bởi `lienthong partner new`; dòng nào có `open` thì người quyết định, rồi xóa `open`."
    yield "# Drafted by `lienthong partner new`. Where a row says `open` a person decides: what is proposed (confirm), or what it means (not"
    yield '# connected): at = "…", constant = "…", keep = true, or only = "read". Then delete `open`. Every key: docs/reference/mapping-file.md.'
    yield "# Dòng `required` phải có `at` hoặc `constant` thì mới viết được · a row that is `required` needs `at` or `constant` before anything can be written."
    yield ""
    yield f"id = {_quoted(names['id'])}"
    yield "version = 1"
    yield f"media = {_quoted(outline.media)}"
    if outline.media == "xml":
        yield f"namespace = {_quoted(operations[0].takes.namespace)}"
    elif operations[0].takes.many:
        yield "array = true"
    yield f"origin = {_quoted(names['origin'])}"
    if key:
        yield from ("", "[natural_key]", f"path = {_quoted(key)}")
    yield from ("", "[open]")
    yield f'operations = "{CONFIRM}: loại thông điệp nào đi bằng thao tác nào · which kinds go by which operation"'


def _operations(
    outline: Outline, operations: tuple[Operation, ...], tops: Mapping[str, str], names: Mapping[str, str]
) -> Iterator[str]:
    yield from ("", "[operations]", f"received = [{_quoted(operations[0].name)}]")
    for operation in operations:
        yield from ("", f"[operation.{_quoted(operation.name)}]")
        if outline.media == "xml":
            yield f"root = {_quoted(operation.takes.name)}"
        yield f"record = {_quoted(tops[operation.name])}"
        yield f"schema = {_quoted(names[f'schema {operation.name}'])}"


def _spaces(book: _Book, space: str) -> Iterator[str]:
    """Records in another namespace than the root, and names in another than their record."""
    if book.outline.media != "xml":
        return
    if book.prefixes:
        told = (f"{prefix} = {_quoted(own)}" for own, prefix in book.prefixes.items())
        yield from ("", "[prefixes]", *told)
    others = {name: own for name, own in book.spaces.items() if own != space}
    if others:
        yield from (
            "",
            "[namespaces]",
            *(f"{_quoted(name)} = {_quoted(own)}" for name, own in others.items()),
        )


def _records(book: _Book) -> Iterator[str]:
    yield from ("", "[records]")
    for name, rows in book.records.items():
        yield from (f"{_quoted(name)} = [", *rows, "]")


def _codes(book: _Book) -> Iterator[str]:
    for name, values in book.codes.items():
        yield from (
            "",
            f"[codes.{_quoted(name)}]  # mã của đối tác = lời của hub · the partner's code = the hub's word",
        )
        yield from (f'# {_quoted(value)} = ""' for value in values)


def _lost(said: Mapping[str, set[str]]) -> Iterator[str]:
    """What no operation says is lost for all; the rest for those that do not say it."""
    anywhere = set().union(*said.values())
    yield from (
        "",
        "[lost]  # nối thêm trường nào thì xóa dòng của nó ở đây · connect a field, and delete its line here",
    )
    yield from (f'{_quoted(leaf)} = "no field"' for leaf in leaves() if not _covered(leaf, anywhere))
    for operation, own in said.items():
        rest = [leaf for leaf in leaves() if _covered(leaf, anywhere) and not _covered(leaf, own)]
        if rest:
            yield from (
                "",
                f"[operation.{_quoted(operation)}.lost]",
                *(f'{_quoted(each)} = "no field"' for each in rest),
            )


def _covered(leaf: str, said: set[str]) -> bool:
    return leaf in said


# --- one row --------------------------------------------------------------------------------------------------------


def _row(field: Field, words: Mapping[str, object], left: str) -> str:
    told = {"wire": field.name, **words, **({"open": left} if left else {})}
    inside = ", ".join(f"{key} = {_quoted(value)}" for key, value in told.items())
    return f"  {{ {inside} }},  # {_told(field)}"


def _bounds(field: Field, media: str, words: Mapping[str, object]) -> dict[str, object]:
    """What a description demands of a field: that it is there, or says that it is not; how long it may be."""
    if "constant" in words:
        return {}
    nil = field.nillable and not words.get("many") and (media == "xml" or field.least)
    found: dict[str, object] = {"nillable": True} if nil else {"required": True} if field.least else {}
    if field.longest and not field.fields:
        found["max"] = field.longest
    return found


def _told(field: Field) -> str:
    """``xs:string 0..1, max 20, one of A B``; on one line whatever a description says."""
    most = "n" if field.most == MANY else str(field.most)
    parts = [f"{field.type or 'record'} {field.least}..{most}"]
    if field.nillable:
        parts.append("nillable")
    if field.longest:
        parts.append(f"max {field.longest}")
    if field.values:
        parts.append("one of " + " ".join(field.values[:20]))
    return _line(", ".join([*parts, *field.notes]))


def _line(said: str) -> str:
    """What a description says stays inside its comment."""
    return "".join(letter if letter.isprintable() else " " for letter in said)


def _quoted(value: object) -> str:
    """TOML's basic strings take what JSON writes, but for DEL, which names do not hold."""
    return json.dumps(value, ensure_ascii=False)


def _most(field: Field) -> str:
    """The namespace of most elements in a record."""
    spaces = [each.namespace for each in field.fields if not each.name.startswith(("@", "#"))]
    return max(spaces, key=spaces.count) if spaces else field.namespace


def _as(field: Field, *, name: str) -> Field:
    return msgspec.structs.replace(field, name=name)


def _unique(name: str, taken: Mapping[str, object]) -> str:
    plain = (
        "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in name).lower()
        or "record"
    )
    return (
        plain
        if plain not in taken
        else next(each for each in (f"{plain}_{n}" for n in range(2, 10_000)) if each not in taken)
    )
