"""A partner's format and the canonical words, both ways: ``load`` compiles a mapping file once.

``read`` takes the sender's exact bytes and returns the canonical message, or refuses them with every problem it found
(at most 50), each with its line, place and rule. ``write`` returns the payload that is sealed: XML already in exclusive
C14N 1.0 form, JSON compact, both validated against the operation's schema before they are returned.

What a format says and the canonical words cannot goes to ``extensions[<mapping id>][<operation>]``, a tree parallel to
the payload, and returns to the same format from there. A mapping holds compiled functions and does not cross process
borders: every process loads its own.
"""

from __future__ import annotations

import hashlib
from collections import abc
from collections.abc import Callable, Iterator  # noqa: TC003 - part of the public signatures
from datetime import datetime
from pathlib import Path  # noqa: TC003 - part of the public signatures
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from schemas.code import Complaints, Tree
from schemas.dossier import Kind, Message, to_json
from schemas.edxml import EdxmlSide
from schemas.library import BUILTIN, Library
from schemas.problems import MAX_PROBLEMS, Problem, Refusal, refuse
from schemas.reading import Reader, compile_reader
from schemas.strict_json import json_lines, parse_json, pointer_token
from schemas.table import Table, check, read_table, unsettled
from schemas.text import utf8
from schemas.validation import JsonSchema
from schemas.wire import JsonSide, XmlSide, line_of, point
from schemas.writing import compile_writer

_SMALL = 64 * 1024
WITHOUT_DOSSIER = frozenset(
    {Kind.CATALOGUE_PUBLISHED, Kind.REPORT_PUBLISHED, Kind.RECORD_PUBLISHED, Kind.DELIVERY_FAILED}
)


class Opened(Protocol):
    """A sender's bytes, strictly parsed, once."""

    @property
    def natural_key(self) -> str | None:
        """The key that the format itself carries; None when it carries none."""
        ...

    def message(self, sender: str, key: str, agency: str) -> Message:
        """Say it in the canonical words. Raises ``Refusal`` (HUB-SCH-*, HUB-MAP-001)."""
        ...


class Mapping(Protocol):
    """One format of one version, ready to use."""

    @property
    def id(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def media(self) -> Literal["json", "xml"]: ...
    @property
    def ref(self) -> str:
        """``<id>@<version>``, as partner files name it."""
        ...

    def open(self, raw: bytes) -> Opened:
        """Parse the sender's bytes. Raises ``Refusal`` (HUB-SCH-*) for what is not well formed."""
        ...

    def natural_key(self, raw: bytes) -> str | None:
        """Return the key that the format itself carries; None when it carries none or cannot be read."""
        ...

    def operations(self, message: Message) -> tuple[str, ...]:
        """Ordered operations for this message; empty: the format has no way to say this kind."""
        ...

    def read(self, raw: bytes, sender: str, key: str, agency: str) -> Message:
        """Open the sender's bytes and say them in the canonical words. Raises ``Refusal`` (HUB-SCH-*, HUB-MAP-001)."""
        ...

    def write(self, operation: str, message: Message, key: str) -> bytes:
        """Write one operation under the transfer's key. Raises ``Refusal`` (HUB-MAP-002, HUB-MAP-004)."""
        ...


def load(path: Path, library: Library | None = None) -> Mapping:
    """Compile a mapping file. Schemas come from ``library``, else from the folder above the file and the built-in one."""
    table = read_table(path)
    if path.name != f"{table.id}-{table.version}.toml":
        raise refuse(
            "HUB-MAP-003", path.name, detail=f"the file of {table.ref} is {table.id}-{table.version}.toml"
        )
    if library is None:
        site = path.resolve().parent.parent
        library = Library((BUILTIN,) if site == BUILTIN else (site, BUILTIN))
    if table.canonical:
        return _Canonical(table, library)
    open_ = unsettled(table, path.name)
    if open_:
        raise Refusal(*open_, *_mistakes(table, path.name, library))
    check(table, path.name)
    return _Tabled(table, library)


def _mistakes(table: Table, file: str, library: Library) -> tuple[Problem, ...]:
    """What is wrong with an unfinished table besides what is open in it."""
    found: list[Problem] = []
    try:
        check(table, file)
    except Refusal as refusal:
        found.extend(refusal.problems)
    for name, operation in table.operation.items():
        try:
            library.schema(operation.schema)
        except Refusal as refusal:
            found.extend(
                msgspec.structs.replace(each, place=f"{file} operation.{name}", rule=operation.schema)
                for each in refusal.problems
            )
    return tuple(found)


def mappings(folder: Path, library: Library | None = None) -> dict[str, Mapping]:
    """Load every finished mapping of a folder, by its reference. One in which something is still open is as if it were not there."""
    loaded = (load(path, library) for path in sorted(folder.glob("*.toml")) if _finished(path))
    return {mapping.ref: mapping for mapping in loaded}


def _finished(path: Path) -> bool:
    table = read_table(path)
    return table.canonical or table.finished


class Shelf(abc.Mapping[str, Mapping]):
    """The mappings of a folder by their references, each compiled when it is first asked for; those ``over`` them come first.

    For the built-in folder, in which every table is known to be sound: a process needs few of them.
    """

    def __init__(
        self, folder: Path, library: Library | None = None, over: abc.Mapping[str, Mapping] | None = None
    ) -> None:
        named = ((path.stem.rpartition("-"), path) for path in folder.glob("*.toml"))
        self._files = {f"{id_}@{version}": path for (id_, _, version), path in named}
        self._library = library
        self._ready = dict(over or {})

    def __getitem__(self, ref: str) -> Mapping:
        if ref not in self._ready:
            self._ready[ref] = load(self._files[ref], self._library)
        return self._ready[ref]

    def __contains__(self, ref: object) -> bool:
        return ref in self._ready or ref in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._files.keys() | self._ready.keys()))

    def __len__(self) -> int:
        return len(self._files.keys() | self._ready.keys())


_SIDES: dict[str, Callable[[Table], Any]] = {"json": JsonSide, "xml": XmlSide, "edxml": EdxmlSide}


# --- the two kinds of mapping ---------------------------------------------------------------------------------------


class _Named:
    """What both kinds of mapping are called."""

    def __init__(self, table: Table) -> None:
        self.table = table

    @property
    def id(self) -> str:
        return self.table.id

    @property
    def version(self) -> int:
        return self.table.version

    @property
    def media(self) -> Literal["json", "xml"]:
        return self.table.media

    @property
    def ref(self) -> str:
        return self.table.ref

    def open(self, raw: bytes) -> Opened:
        raise NotImplementedError

    def natural_key(self, raw: bytes) -> str | None:
        try:
            return self.open(raw).natural_key
        except Refusal:
            return None

    def read(self, raw: bytes, sender: str, key: str, agency: str) -> Message:
        return self.open(raw).message(sender, key, agency)


class _Tabled(_Named):
    """A format that a table describes."""

    def __init__(self, table: Table, library: Library) -> None:
        super().__init__(table)
        self._side: Any = _SIDES[table.dialect or table.media](table)
        self._schemas = {
            name: library.schema(operation.schema) for name, operation in table.operation.items()
        }
        self._readers = {
            name: compile_reader(table, operation.record) for name, operation in table.operation.items()
        }
        self._writers = {
            name: compile_writer(table, operation.record) for name, operation in table.operation.items()
        }

    def operations(self, message: Message) -> tuple[str, ...]:
        return self.table.operations.get(message.kind, ())

    def open(self, raw: bytes) -> Opened:
        return _TabledBytes(self, raw, self._side.parse(raw))

    def key_in(self, raw: bytes, parsed: object) -> str | None:
        rule = self.table.natural_key
        value = self._side.at(parsed, rule.path) if rule else None
        if rule is None or not isinstance(value, str) or not value:
            return None
        return f"{value}#{hashlib.sha256(raw).hexdigest()[:32]}" if rule.digest else value

    def said_in(self, raw: bytes, parsed: object, sender: str, key: str, agency: str) -> Message:
        side = self._side
        name = self._operation(parsed)
        problems = side.refusals(self._schemas[name], parsed, raw)
        if problems and self.table.loose:
            parsed = side.loosely(parsed)
            problems = side.refusals(self._schemas[name], parsed, raw)
        if problems:
            raise Refusal(*problems)
        record = side.record(parsed)
        try:
            return self._translated(
                self._readers[name], name, record, (sender, key, agency), Complaints(self.ref, key)
            )
        except (Refusal, msgspec.ValidationError) as error:
            # Something is wrong somewhere: read again, checking each text, to say where.
            complaints = Complaints(self.ref, key)
            self._checked(name)(record, {"event": {}}, {}, side.prefix, complaints)
            found = complaints.problems or list(
                getattr(error, "problems", ()) or _broken(str(error), self.ref).problems
            )
            raise Refusal(*side.placed(found, raw, parsed)) from None

    def _translated(
        self, reader: Reader, name: str, record: Tree, known: tuple[str, str, str], complaints: Complaints
    ) -> Message:
        sender, key, agency = known
        target: Tree = {"event": {}, "key": key, "sender": sender, "agency": agency}
        kept: Tree = {}
        reader(record, target, kept, self._side.prefix, complaints)
        if complaints.problems:
            raise Refusal(*complaints.problems)
        if kept:
            target["extensions"] = {self.id: {name: kept}}
        return _message(target, self.ref)

    def _checked(self, name: str) -> Reader:
        return compile_reader(self.table, self.table.operation[name].record, checked=True)

    def _operation(self, parsed: object) -> str:
        for name, operation in self.table.operation.items():
            if not operation.only and self._side.is_one(operation, parsed):
                return name
        heard = [name for name, operation in self.table.operation.items() if not operation.only]
        if heard and self.media == "json":
            return heard[0]
        raise refuse("HUB-SCH-009", rule=f"{self.ref}: one of {', '.join(heard)}")

    def write(self, operation: str, message: Message, key: str) -> bytes:
        side = self._side
        tree: Tree = msgspec.to_builtins(message, builtin_types=(datetime,))
        own = message.extensions.get(self.id)
        kept = own.get(operation) if isinstance(own, dict) else None
        record: Tree = {}
        payload: bytes | None = None if kept else side.plainly(operation, tree, key)
        if payload is None:
            complaints = Complaints(self.ref, key)
            record = self._writers[operation](tree, kept, key, side.prefix, complaints)
            if complaints.problems:
                raise Refusal(*complaints.problems)
            payload = side.payload(record, self.table.operation[operation])
        problems = side.wrong(self._schemas[operation], record, payload)
        if problems:
            raise Refusal(
                *(
                    msgspec.structs.replace(problem, code="HUB-MAP-004", detail=problem.code)
                    for problem in problems
                )
            )
        return payload


class _TabledBytes(NamedTuple):
    mapping: _Tabled
    raw: bytes
    parsed: object

    @property
    def natural_key(self) -> str | None:
        return self.mapping.key_in(self.raw, self.parsed)

    def message(self, sender: str, key: str, agency: str) -> Message:
        return self.mapping.said_in(self.raw, self.parsed, sender, key, agency)


class _Canonical(_Named):
    """The canonical message itself as a format: for senders that speak the hub's own words."""

    def __init__(self, table: Table, library: Library) -> None:
        super().__init__(table)
        self._schema = library.schema(f"json:{table.id}@{table.version}")

    def operations(self, message: Message) -> tuple[str, ...]:
        return self.table.operations.get(message.kind, ())

    def open(self, raw: bytes) -> Opened:
        return _CanonicalBytes(self, raw, parse_json(raw))

    def said_in(self, raw: bytes, tree: Any, sender: str, key: str, agency: str) -> Message:  # noqa: ANN401 - any JSON value
        """``sender``, ``agency`` and ``key`` are what the hub knows; what the bytes claim instead is not believed."""
        text = utf8(raw)
        if isinstance(tree, dict):
            tree = {**tree, "sender": sender, "agency": agency, "key": key}
        try:
            return _message(tree, self.ref)
        except msgspec.ValidationError as error:
            found = self._all(_broken(str(error), self.ref).problems, tree, raw)
        except Refusal as refusal:
            found = refusal.problems
        lines = json_lines(text)
        raise Refusal(
            *(msgspec.structs.replace(problem, line=line_of(lines, problem.place)) for problem in found)
        )

    def _all(self, first: tuple[Problem, ...], tree: object, raw: bytes) -> tuple[Problem, ...]:
        """The types say where the first mistake is; the schema finds the others, where that is cheap and exact.

        Behind ``anyOf`` the schema only says "none of them", after seconds for a megabyte of mistakes.
        """
        if len(raw) > _SMALL or not isinstance(self._schema, JsonSchema):
            return first
        places = {problem.place for problem in first}
        more = self._schema.problems(tree, utf8(raw))
        return (*first, *(p for p in more if p.code != "HUB-SCH-009" and p.place not in places))

    def write(self, operation: str, message: Message, key: str) -> bytes:  # noqa: ARG002 - the only operation there is
        return to_json(msgspec.structs.replace(message, key=key))


class _CanonicalBytes(NamedTuple):
    mapping: _Canonical
    raw: bytes
    tree: object

    @property
    def natural_key(self) -> str | None:
        value = point(self.tree, "/key")
        return value if isinstance(value, str) and value else None

    def message(self, sender: str, key: str, agency: str) -> Message:
        return self.mapping.said_in(self.raw, self.tree, sender, key, agency)


def _message(target: Tree, ref: str) -> Message:
    """The frozen message. Raises ``msgspec.ValidationError`` for a canonical rule that is not kept."""
    message = msgspec.convert(target, Message)
    if message.dossier is None and message.kind not in WITHOUT_DOSSIER:
        raise refuse("HUB-SCH-003", "/dossier", rule=f"{ref}: a dossier")
    return message


def _broken(said: str, ref: str) -> Refusal:
    """``Object missing required field `holder` - at `$.dossier.results[0].custody``` → the canonical place, no value."""
    what, _, where = said.partition(" - at `$")
    place = where.rstrip("`").replace(".", "/").replace("[", "/").replace("]", "")
    if "unknown field" in what:
        return refuse(
            "HUB-SCH-004", f"{place}/{pointer_token(what.split('`')[1])}", rule=f"{ref}: canonical fields"
        )
    if "missing required field" in what:
        field = what.split("`")[1]
        return refuse("HUB-SCH-003", f"{place}/{field}", rule=f"{ref}: canonical {field}")
    code = "HUB-SCH-007" if "datetime" in what else "HUB-SCH-002"
    return refuse(code, place, rule=f"{ref}: canonical rule")


__all__ = ["MAX_PROBLEMS", "Mapping", "load", "mappings"]
