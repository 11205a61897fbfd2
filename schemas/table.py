"""A mapping table as it stands in its TOML file: rows, and what is checked before they are compiled.

Rules of this file:

* A table may rename, fix a value, convert a type, look up a code, nest records and lists. It holds no expressions: what
  needs more is a Python function with a test.
* The order of rows is the order on the wire.
* Every leaf of the canonical message is said by each operation or declared ``lost`` with a reason; a declaration that
  covers nothing, or something that is said, is wrong too.
"""

from __future__ import annotations

import tomllib
from contextlib import suppress
from enum import Enum
from functools import cache
from pathlib import Path  # noqa: TC003 - part of the public signatures
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import inspect

from schemas import convert
from schemas.dossier import Kind, Message, State
from schemas.problems import Problem, Refusal, refuse
from schemas.xml_names import slips

if TYPE_CHECKING:
    from collections.abc import Iterator


class Closed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Unknown keys are refused with their path."""


class Fallback(Closed, frozen=True):
    """Where a writer looks when ``at`` is absent: another canonical field, as the row converts it or through a code table
    (canonical → external).
    """

    at: str
    codes: str = ""


class Row(Closed, frozen=True, rename={"as_": "as"}):
    """One field of one record.

    ``wire``: its name in the partner's format. ``at``: its canonical path, relative to the record's own place; ``.`` is the
    element itself; a number steps into a list (``derived`` rows). ``as`` / ``codes`` / ``record``: converter, code table
    (with ``as = "number"``: whole numbers on the wire), nested record (without ``at``: the nested record speaks about the same canonical value). ``many``: a list.
    ``required``: reading refuses (HUB-SCH-003), writing refuses with ``missing``. ``max``: in characters; longer is
    refused, or cut when ``cut`` gives the reason why that is allowed. ``default``: written when the value is absent.
    ``constant``: always written, expected when read. ``fixed``: the canonical value that this record means; nothing on the
    wire (``wire`` names the row only). ``keep``: the canonical words have no place for it; kept under
    ``extensions``. ``derived``: also said elsewhere in the record; kept only when it says something else.
    ``nillable``: what is absent is written as nil (``null`` in JSON), and nil is what is absent. In XML ``wire`` may name an attribute or the
    text of the record's own element, and have a prefix (``schemas.xml_names``).
    ``only``: one direction. ``source = "transfer.key"``: written from the transfer, with ``keep`` only when nothing was kept. ``unmapped = "omit"``: list elements
    whose code the format does not know are left out (declared lost). ``open``: what a person has still to decide here; as long as
    anything is open the mapping is unfinished and nobody speaks it.
    """

    wire: str
    at: str | None = None
    as_: str = "text"
    codes: str | None = None
    record: str | None = None
    many: bool = False
    required: bool = False
    missing: str = "HUB-MAP-004"
    max: int | None = None
    cut: str | None = None
    default: str | int | bool | None = None
    constant: str | int | bool | None = None
    fixed: str | None = None
    keep: bool = False
    derived: bool = False
    nillable: bool = False
    only: Literal["read", "write"] | None = None
    fallback: Fallback | None = None
    source: Literal["transfer.key"] | None = None
    unmapped: Literal["refuse", "omit"] = "refuse"
    open: str = ""


class Operation(Closed, frozen=True):
    """One thing that can be sent: its record, the schema it must satisfy, and what it cannot say.

    ``root``: XML root element. ``marker``: pointer to what is there in this operation only, when several are read. ``only``: it is
    said to a partner and never heard, because it leaves out what a message must have.
    """

    record: str
    schema: str
    root: str = ""
    marker: str = ""
    only: Literal["", "write"] = ""
    lost: dict[str, str] = {}


class NaturalKey(Closed, frozen=True):
    """``path``: JSON pointer (in XML from the root's children). ``digest``: the payload's SHA-256 is part of the key."""

    path: str
    digest: bool = False


class StatesTold(Closed, frozen=True):
    """Why this format has no word for a state: in what is sent (``untold``), in what comes (``unheard``). ``concluded``: from which
    words of its client a desk concludes one, where the rows say only what it concluded.
    """

    concluded: dict[State, str] = {}
    untold: dict[State, str] = {}
    unheard: dict[State, str] = {}


class KindsTold(Closed, frozen=True):
    """Why this format has no way to say a kind; ``…_others``: every kind that it has none for and that is not named."""

    untold: dict[Kind, str] = {}
    unheard: dict[Kind, str] = {}
    untold_others: str = ""
    unheard_others: str = ""


class Table(Closed, frozen=True):
    """A whole mapping file. ``absent``: how this format says nothing, by leaving out or by ``""``/``[]``. ``nulls``: senders may
    also write ``null`` for nothing. ``lone``: they may write the record itself where a list holds one, as conversions from XML do.
    ``loose``: they may write numbers and truth values where the format has texts, and the other way round (``schemas.loose``).

    ``dialect``: ``edxml``: XML as ``schemas.edxml`` reads and writes it. ``namespaces``: record → the namespace of the elements
    in it, where that is not the root's; ``""``: none (a schema without ``elementFormDefault``). ``prefixes``: prefix → namespace, for rows whose name
    stands in another one than the record's. ``states``, ``kinds``: what it has no word for, and why. ``open``: as in
    a row, by place.
    """

    id: str
    version: int
    media: Literal["json", "xml"]
    origin: str
    absent: Literal["omit", "empty"] = "omit"
    canonical: bool = False
    dialect: Literal["", "edxml"] = ""
    array: bool = False
    nulls: bool = False
    lone: bool = False
    loose: bool = False
    namespace: str = ""
    namespaces: dict[str, str] = {}
    prefixes: dict[str, str] = {}
    natural_key: NaturalKey | None = None
    operations: dict[Kind, tuple[str, ...]] = {}
    operation: dict[str, Operation] = {}
    records: dict[str, tuple[Row, ...]] = {}
    codes: dict[str, dict[str, str]] = {}
    lost: dict[str, str] = {}
    states: StatesTold = StatesTold()
    kinds: KindsTold = KindsTold()
    open: dict[str, str] = {}

    @property
    def finished(self) -> bool:
        """Whether nothing in it waits for a person."""
        return not self.open and not any(row.open for rows_ in self.records.values() for row in rows_)

    @property
    def ref(self) -> str:
        return f"{self.id}@{self.version}"

    def namespace_in(self, record: str) -> str:
        """Return the namespace of the elements that a record's rows name."""
        return self.namespaces.get(record, self.namespace)


def read_table(path: Path) -> Table:
    """Read a mapping file; HUB-MAP-003 names the file and the key."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Table)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise refuse("HUB-MAP-003", path.name, detail=str(error)[:300]) from None


AMOUNTS = "amounts"
"""What a converter gives that says a whole list of amounts as one text."""


# --- the canonical side ---------------------------------------------------------------------------------------------


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What the canonical message has at a path. ``gives`` is empty for records, lists and free values."""

    gives: str = ""
    fields: dict[str, Shape] = {}
    needs: tuple[str, ...] = ()
    item: Shape | None = None
    values: tuple[str, ...] = ()
    longest: int | None = None
    pattern: str | None = None
    free: bool = False


def _shape(kind: inspect.Type) -> Shape:
    if isinstance(kind, inspect.Metadata):
        return _shape(kind.type)
    if isinstance(kind, inspect.UnionType):
        (only,) = [option for option in kind.types if not isinstance(option, inspect.NoneType)]
        return _shape(only)
    if isinstance(kind, inspect.StructType):
        fields = {field.name: _shape(field.type) for field in kind.fields}
        return Shape(fields=fields, needs=tuple(field.name for field in kind.fields if field.required))
    if isinstance(kind, inspect.VarTupleType):
        return Shape(item=_shape(kind.item_type))
    return _leaf(kind)


def _leaf(kind: inspect.Type) -> Shape:
    if isinstance(kind, inspect.StrType):
        return Shape(gives="text", longest=kind.max_length, pattern=kind.pattern)
    if isinstance(kind, inspect.IntType):
        return Shape(gives="integer")
    if isinstance(kind, inspect.BoolType):
        return Shape(gives="boolean")
    if isinstance(kind, inspect.DateTimeType):
        return Shape(gives="moment")
    if isinstance(kind, inspect.EnumType) and issubclass(kind.cls, Enum):
        return Shape(gives="text", values=tuple(member.value for member in kind.cls))
    return Shape(free=True)


CANONICAL = _shape(inspect.type_info(Message))


def leaves(shape: Shape = CANONICAL, place: str = "") -> tuple[str, ...]:
    """Every leaf of the canonical message: ``dossier.documents[].id``; ``extensions`` is one leaf."""
    if shape.item is not None:
        return leaves(shape.item, f"{place}[]")
    if not shape.fields:
        return (place,)
    dot = f"{place}." if place else ""
    return tuple(leaf for name, child in shape.fields.items() for leaf in leaves(child, dot + name))


def step_into(shape: Shape, path: str) -> tuple[Shape, str]:
    """Follow a row's ``at``; return the shape there and the path's spelling in ``leaves``. Raises ``KeyError``."""
    if path == ".":
        return shape, ""
    spelled = ""
    for step in path.split("."):
        if step.isdigit() and shape.item is not None:
            shape, spelled = shape.item, spelled + "[]"
        else:
            shape, spelled = shape.fields[step], f"{spelled}.{step}" if spelled else step
    return shape, spelled


# --- what is checked ------------------------------------------------------------------------------------------------


class Slip(Exception):  # noqa: N818 - the field's word
    """A row does not fit; the caller adds the file and the row."""


def converter_of(table: Table, row: Row) -> convert.Converter:
    """Return the row's converter; raises ``Slip``."""
    if row.codes is not None:
        if row.codes not in table.codes:
            raise Slip(f"codes.{row.codes} is not there")
        try:
            return convert.codes(
                row.codes, table.codes[row.codes], back=row.only != "read", numbers=row.as_ == "number"
            )
        except ValueError as error:
            raise Slip(str(error)) from None
    try:
        return convert.CONVERTERS[row.as_]
    except KeyError:
        raise Slip(f"no converter {row.as_}") from None


def check_row(table: Table, row: Row, shape: Shape) -> Shape:
    """Check one row against the canonical value it speaks about; return the shape at ``at``."""
    if row.record is not None and row.record not in table.records:
        raise Slip(f"records.{row.record} is not there")
    if row.at is None:
        if (
            row.record is None
            and not row.keep
            and row.constant is None
            and row.source is None
            and not row.open
        ):
            raise Slip("says nothing: no at, record, keep, constant or source")
        return shape
    try:
        target, _ = step_into(shape, row.at)
    except KeyError:
        raise Slip(f"the canonical message has no {row.at} here") from None
    if row.many:
        if target.item is None:
            raise Slip(f"{row.at} is not a list")
        target = target.item
    if row.record is None:
        _check_leaf(table, row, target)
    return target


def _check_leaf(table: Table, row: Row, target: Shape) -> None:
    if row.fixed is not None:
        if target.values and row.fixed not in target.values:
            raise Slip(f"{row.at} holds one of {', '.join(target.values)}")
        return
    converter = converter_of(table, row)
    if converter.gives == AMOUNTS:
        if row.only != "write" or target.item is None or "amount" not in target.item.fields:
            raise Slip(f"{converter.name} is written only, of a list with amounts")
        return
    if target.gives != converter.gives:
        raise Slip(
            f"{converter.name} gives {converter.gives}, {row.at} holds {target.gives or 'no single value'}"
        )
    if target.values:
        unknown = set(table.codes[row.codes].values() if row.codes else ()) - set(target.values)
        if row.codes is None or unknown:
            raise Slip(f"{row.at} holds one of {', '.join(target.values)}; not {', '.join(sorted(unknown))}")
    if row.fallback is not None and row.fallback.codes and row.fallback.codes not in table.codes:
        raise Slip(f"codes.{row.fallback.codes} is not there")


def said(table: Table, record: str) -> set[str]:
    """The canonical leaves that a record's writer says, as far as its rows can be followed."""
    return {path for path, found in _spoken(table, record, CANONICAL, "", ()) if found}


def _spoken(
    table: Table, record: str, shape: Shape, place: str, above: tuple[str, ...]
) -> Iterator[tuple[str, bool]]:
    """Each leaf that a row says; where a row's place is none, how far it leads, and false."""
    for row in table.records.get(record, ()) if record not in above else ():
        if row.only == "read" or row.derived:
            continue
        if row.source is not None:
            yield "key", True
            continue
        if row.keep or (row.at is None and row.record is None):
            continue
        try:
            target, spelled = step_into(shape, row.at) if row.at is not None else (shape, "")
        except KeyError:
            yield _joined(place, _as_far(shape, row.at or "")), False
            continue
        path = _joined(place, spelled)
        if row.many and row.at is not None and target.item is not None:
            target, path = target.item, f"{path}[]"
        if row.record is not None:
            yield from _spoken(table, row.record, target, path, (*above, record))
        elif (
            row.codes is None
            and row.as_ in convert.CONVERTERS
            and convert.CONVERTERS[row.as_].gives == AMOUNTS
        ):
            yield f"{path}[].amount", True
        else:
            yield path, True


def _joined(place: str, spelled: str) -> str:
    return f"{place}.{spelled}" if place and spelled else place or spelled


def _as_far(shape: Shape, path: str) -> str:
    """The longest part of a place that is there, as ``leaves`` spells it."""
    steps = path.split(".")
    for end in range(len(steps) - 1, 0, -1):
        with suppress(KeyError):
            return step_into(shape, ".".join(steps[:end]))[1]
    return ""


@cache
def _above(leaf: str) -> tuple[str, ...]:
    """The leaf and every field that it is a part of: what may declare it lost."""
    ends = [place for place, character in enumerate(leaf) if character in ".["]
    return (*(leaf[:end] for end in ends if end), leaf)


def covers(prefix: str, leaf: str) -> bool:
    return prefix in _above(leaf)


@cache
def _every() -> tuple[tuple[str, ...], frozenset[str]]:
    """All leaves; and all of them with what they are parts of."""
    every = leaves()
    return every, frozenset(prefix for leaf in every for prefix in _above(leaf))


def totality(table: Table, name: str) -> tuple[str, ...]:
    """What is wrong with an operation's account of the canonical message; empty when it is total. A row whose place is none may mean any leaf beside it."""
    operation = table.operation[name]
    told = set(_spoken(table, operation.record, CANONICAL, "", ()))
    spoken, meant = ({path for path, found in told if found is kind} for kind in (True, False))
    wrong = []
    lost = {**table.lost, **operation.lost}
    every, fields = _every()
    for leaf in every:
        declared = [prefix for prefix in _above(leaf) if prefix in lost]
        if leaf not in spoken and not declared and not any(not at or covers(at, leaf) for at in meant):
            wrong.append(f"{leaf}: neither said nor lost")
        if leaf in spoken and declared:
            wrong.append(f"{leaf}: said, and declared lost by {declared[0]}")
    wrong.extend(f"{prefix}: declared lost, but no such field" for prefix in lost if prefix not in fields)
    wrong.extend(f"{prefix}: lost without a reason" for prefix, reason in lost.items() if not reason.strip())
    return tuple(wrong)


def check(table: Table, file: str) -> None:
    """Check the whole table; raises HUB-MAP-003 naming file and row."""
    problems: list[Refusal] = [
        refuse("HUB-MAP-003", f"{file} namespaces.{name}", detail=f"records.{name} is not there")
        for name in table.namespaces
        if name not in table.records
    ]
    problems.extend(refuse("HUB-MAP-003", f"{file} {place}", detail=wrong) for place, wrong in slips(table))
    for name, operation in table.operation.items():
        if operation.record not in table.records:
            problems.append(
                refuse(
                    "HUB-MAP-003",
                    f"{file} operation.{name}",
                    detail=f"records.{operation.record} is not there",
                )
            )
            continue
        problems.extend(_record_slips(table, operation.record, CANONICAL, file, ()))
        problems.extend(
            refuse("HUB-MAP-003", f"{file} operation.{name}.lost", detail=slip)
            for slip in totality(table, name)
        )
    for kind, names in table.operations.items():
        problems.extend(
            refuse("HUB-MAP-003", f"{file} operations.{kind}", detail=f"operation.{name} is not there")
            for name in names
            if name not in table.operation
        )
    if problems:
        found = dict.fromkeys(problem.problems[0] for problem in problems)
        raise Refusal(*list(found)[:50])


def unsettled(table: Table, file: str) -> tuple[Problem, ...]:
    """Name all that a person has still to decide: HUB-MAP-007 each."""
    rows_ = (
        (f"records.{record}[{index}] {row.wire}", row.open)
        for record, found in table.records.items()
        for index, row in enumerate(found)
        if row.open
    )
    places = ((f"open.{place}", what) for place, what in table.open.items())
    return tuple(
        Problem(code="HUB-MAP-007", place=f"{file} {place}", rule="decided by a person", detail=what)
        for place, what in (*places, *rows_)
    )


def _record_slips(
    table: Table, record: str, shape: Shape, file: str, above: tuple[str, ...]
) -> Iterator[Refusal]:
    """Say what is wrong with each row of a record; below a row that is wrong nothing more is said."""
    if record in above:
        yield refuse("HUB-MAP-003", f"{file} records.{record}", detail="a record inside itself")
        return
    for index, row in enumerate(table.records[record]):
        try:
            target = check_row(table, row, shape)
        except Slip as slip:
            yield refuse("HUB-MAP-003", f"{file} records.{record}[{index}] {row.wire}", detail=str(slip))
            continue
        if row.record is not None and not row.keep:
            yield from _record_slips(table, row.record, target, file, (*above, record))


def rows(table: Table, record: str, place: str = "") -> tuple[tuple[str, Row], ...]:
    """Every row below a record with its place on the wire (``/HoSo/TaiLieuNop/*/TepDinhKemId``): for schemas and coverage."""
    found: list[tuple[str, Row]] = []
    for row in table.records[record]:
        here = f"{place}/{row.wire}"
        found.append((here, row))
        if row.record is not None:
            found.extend(rows(table, row.record, f"{here}/*" if row.many else here))
    return tuple(found)
