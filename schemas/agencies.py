"""Agencies as data: who exists from when to when, under whom, and who took over.

* A code is written in one of two forms and found under both: QCVN 102:2016 (``000.00.15.H47``, read right to left) and
  QĐ 20/2020/QĐ-TTg (``H47.15``, left to right, at most 35 characters of ``[0-9A-Z.]``).
* Converting drops the all-zero groups and reverses; groups are kept as written (``A0`` stays ``A0``). What the rule cannot
  say, or says wrongly, stands in ``registries/agency-codes.csv``, which wins in both directions.
* ``until`` is the first day on which an agency no longer stands. It then names its successor, and its mail goes there.
* Data: ``registries/agencies/*.csv``. A row whose code, name or succession is not from a source says ``invented``.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import date  # noqa: TC003
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import msgspec

from schemas.problems import refuse

FOLDER = Path(__file__).parent / "registries"

_QCVN = re.compile(r"([0-9A-Z]{3})\.([0-9A-Z]{2})\.([0-9A-Z]{2})\.([A-Z][0-9]{2})")
_QD20 = re.compile(r"(?=.{3,35}\Z)[A-Z][0-9]{2}(?:\.[0-9A-Z]+){0,7}")
_WIDTHS = (2, 2, 3)  # Y, Z, V of QCVN 102, read right to left after the first level


class Level(StrEnum):
    NATIONAL = "national"
    PROVINCE = "province"
    DEPARTMENT = "department"
    DISTRICT = "district"
    COMMUNE = "commune"


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Common shape of a registry row: closed."""


class Agency(Row, frozen=True, kw_only=True):
    """Cơ quan, đơn vị. ``since`` empty: from before the registry; ``until``: the first day it no longer stands."""

    code: str
    level: Level
    vi: str
    en: str
    parent: str | None = None
    since: date | None = None
    until: date | None = None
    successor: str | None = None
    invented: bool = False

    def stands(self, on: date) -> bool:
        return (self.since is None or self.since <= on) and (self.until is None or on < self.until)


T = TypeVar("T", bound=Row)


class CodePair(Row, frozen=True):
    """One exception from the mechanical conversion."""

    qcvn: str
    qd20: str
    invented: bool = False
    note: str = ""


def is_qcvn(code: str) -> bool:
    return _QCVN.fullmatch(code) is not None


def is_qd20(code: str) -> bool:
    return _QD20.fullmatch(code) is not None


def qd20_by_rule(qcvn: str) -> str | None:
    """``000.00.15.H47`` → ``H47.15``; ``None`` when the rule could not find the way back."""
    found = _QCVN.fullmatch(qcvn)
    if found is None:
        return None
    said = ".".join(group for group in reversed(found.groups()) if group.strip("0"))
    return said if qcvn_by_rule(said) == qcvn else None


def qcvn_by_rule(qd20: str) -> str | None:
    """``H47.15`` → ``000.00.15.H47``: each group goes to the next level of its width; ``None`` when there is none."""
    if not is_qd20(qd20):
        return None
    first, *rest = qd20.split(".")
    levels: list[str] = []
    for width in _WIDTHS:
        fits = bool(rest) and len(rest[0]) == width and bool(rest[0].strip("0"))
        levels.append(rest.pop(0) if fits else "0" * width)
    return None if rest else ".".join([*reversed(levels), first])


class Agencies(msgspec.Struct, frozen=True):
    """The registry. ``rows`` by the code as the row writes it; ``forms`` leads every written form to that code."""

    rows: Mapping[str, Agency]
    forms: Mapping[str, str]
    exceptions: tuple[CodePair, ...] = ()

    @classmethod
    def load(cls, folder: Path = FOLDER, versions: Path | None = None) -> Agencies:
        """Read ``agencies/*.csv`` and ``agency-codes.csv``. ``versions``: a folder of later CSV files, in the order of their names: a
        row takes the place of the earlier one with its code.

        Raises ``ValueError`` naming file and line: unknown column, wrong value, double code (in either form), missing or
        looping parent or successor, an end without a successor.
        """
        pairs = tuple(pair for _, pair in read_table(folder / "agency-codes.csv", CodePair))
        placed = [
            entry
            for path in sorted((folder / "agencies").glob("*.csv"))
            for entry in read_table(path, Agency)
        ]
        for path in sorted(versions.glob("*.csv")) if versions else ():
            later = list(read_table(path, Agency))
            replaced = {agency.code for _, agency in later}
            placed = [*(each for each in placed if each[1].code not in replaced), *later]
        return build(placed, pairs)

    def to_qd20(self, code: str) -> str | None:
        """Return the QĐ 20 form of either form; ``None`` when neither table nor rule can say it."""
        told = {pair.qcvn: pair.qd20 for pair in self.exceptions}
        if is_qcvn(code) and code not in told:
            said = qd20_by_rule(code)
            return None if said in told.values() else said
        return told.get(code) or (code if is_qd20(code) else None)

    def to_qcvn(self, code: str) -> str | None:
        """Return the QCVN 102 form of either form; ``None`` when neither table nor rule can say it."""
        told = {pair.qd20: pair.qcvn for pair in self.exceptions}
        if is_qcvn(code):
            return code
        if code in told:
            return told[code]
        said = qcvn_by_rule(code)
        return None if said in told.values() else said

    def known(self, code: str) -> Agency | None:
        """Return the agency with this code in either form, whether or not it still stands."""
        written = self.forms.get(code)
        return self.rows[written] if written is not None else None

    def require(self, code: str, place: str = "") -> Agency:
        """As ``known``; raises ``Refusal`` HUB-DOS-006 when no agency has or had this code."""
        agency = self.known(code)
        if agency is None:
            raise refuse("HUB-DOS-006", place, rule="registries/agencies")
        return agency

    def find(self, code: str, on: date) -> Agency | None:
        """Return the agency that stands under this code on that day; a merged one only before its end."""
        agency = self.known(code)
        return agency if agency is not None and agency.stands(on) else None

    def successor(self, code: str, on: date) -> Agency:
        """Return who answers for this code on that day: itself, or the end of its chain. ``Refusal`` HUB-DOS-006 if unknown."""
        agency = self.require(code)
        while agency.until is not None and agency.successor is not None and on >= agency.until:
            agency = self.require(agency.successor)
        return agency

    def heir(self, code: str, on: date) -> str:
        """Return the code of who answers for this one on that day; an unknown code answers for itself."""
        return self.successor(code, on).code if code in self.forms else code

    def above(self, code: str) -> Iterator[Agency]:
        """Walk from the agency itself to the root of its tree; nothing for an unknown code."""
        agency = self.known(code)
        while agency is not None:
            yield agency
            agency = self.known(agency.parent) if agency.parent else None

    def is_within(self, code: str, tree_root: str) -> bool:
        """Whether the agency is the root or stands below it; false when either is unknown."""
        root = self.known(tree_root)
        return root is not None and any(agency.code == root.code for agency in self.above(code))

    def same(self, one: str, other: str) -> bool:
        """Whether both codes, in whatever form, name the same agency."""
        return self.forms.get(one, one) == self.forms.get(other, other)

    def level(self, code: str) -> Level | None:
        agency = self.known(code)
        return agency.level if agency is not None else None


def build(placed: Iterable[tuple[str, Agency]], exceptions: tuple[CodePair, ...] = ()) -> Agencies:
    """Check rows, each with its place for the error, and make the registry. Raises ``ValueError``."""
    _check_exceptions(exceptions)
    draft = Agencies({}, {}, exceptions)
    rows: dict[str, Agency] = {}
    places: dict[str, str] = {}
    forms: dict[str, str] = {}
    for place, agency in placed:
        _check_row(place, agency)
        for form in {agency.code, draft.to_qd20(agency.code), draft.to_qcvn(agency.code)} - {None}:
            if form in forms:
                raise ValueError(f"{place}: {agency.code} stands twice, also at {places[forms[form]]}")
            forms[str(form)] = agency.code
        rows[agency.code] = agency
        places[agency.code] = place
    registry = Agencies(rows, forms, exceptions)
    for code, agency in rows.items():
        _check_chain(registry, places[code], agency, "parent")
        _check_chain(registry, places[code], agency, "successor")
    return registry


def _check_row(place: str, agency: Agency) -> None:
    if not (is_qcvn(agency.code) or is_qd20(agency.code)):
        raise ValueError(f"{place}: {agency.code} is neither a QCVN 102 nor a QĐ 20/2020 code")
    if not agency.vi or not agency.en:
        raise ValueError(f"{place}: {agency.code} has no name in both languages")
    if (agency.until is None) != (agency.successor is None):
        raise ValueError(f"{place}: {agency.code} needs an end and a successor, or neither")
    if agency.since and agency.until and agency.since >= agency.until:
        raise ValueError(f"{place}: {agency.code} ends before it begins")


def _check_chain(registry: Agencies, place: str, agency: Agency, link: str) -> None:
    seen = {agency.code}
    following: str | None = getattr(agency, link)
    while following is not None:
        found = registry.known(following)
        if found is None:
            raise ValueError(f"{place}: {link} {following} of {agency.code} is missing")
        if found.code in seen:
            raise ValueError(f"{place}: {link} of {agency.code} runs in a loop")
        seen.add(found.code)
        following = getattr(found, link)


def _check_exceptions(pairs: tuple[CodePair, ...]) -> None:
    for pair in pairs:
        if not is_qcvn(pair.qcvn) or not is_qd20(pair.qd20):
            raise ValueError(f"agency-codes.csv: {pair.qcvn} and {pair.qd20} are not a pair of codes")
    for side in ("qcvn", "qd20"):
        codes = [getattr(pair, side) for pair in pairs]
        if len(set(codes)) != len(codes):
            raise ValueError(f"agency-codes.csv: a code stands twice in column {side}")


def read_table(path: Path, row: type[T]) -> Iterator[tuple[str, T]]:
    """Read a closed CSV file: yields each row with its place. Raises ``ValueError`` naming file and line."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        unknown = set(reader.fieldnames or ()) - set(row.__struct_fields__)
        if unknown:
            raise ValueError(f"{path.name} line 1: unknown column {', '.join(sorted(unknown))}")
        for record in reader:
            place = f"{path.name} line {reader.line_num}"
            filled = {column: text for column, text in record.items() if text != ""}
            try:
                yield place, msgspec.convert(filled, row, strict=False)
            except (msgspec.ValidationError, TypeError) as error:
                raise ValueError(f"{place}: {error}") from error
