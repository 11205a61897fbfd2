"""Administrative procedures as data: what they are called nationally and locally, and who decides them.

* A national code may come with an agency's suffix (``1.001193.000.00.00.H56``, ``2.002622.H56``); the procedure is the same.
* A local code is scoped to the authority whose software uses it, and counts in that authority's whole tree.
* ``decider`` is an agency (by code), or a level: the unit of that level in whose tree the dossier was received.
* An entry without a national code is known and used locally; a recipient that needs the national code must wait (parked).
* Data: ``registries/procedures/*.toml``, closed; invented entries say so.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import date  # noqa: TC003
from pathlib import Path
from typing import Annotated

import msgspec

from schemas.agencies import Agencies, Agency, Level
from schemas.problems import refuse

FOLDER = Path(__file__).parent / "registries" / "procedures"
SOURCE = "SOURCE.toml"

_NATIONAL = re.compile(r"([0-9]\.[0-9]{6})(?:\.[0-9A-Z.]+)?")


class Closed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Common shape: frozen and closed."""

    since: date | None = None
    until: date | None = None

    def counts(self, on: date) -> bool:
        return (self.since is None or self.since <= on) and (self.until is None or on < self.until)


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    vi: str
    en: str


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lĩnh vực."""

    code: str
    vi: str
    en: str


class Local(Closed, frozen=True):
    """What one authority's software calls the procedure."""

    authority: str
    code: str


class Procedure(Closed, frozen=True):
    """Thủ tục hành chính. ``level``: where it is received; ``hours``: working hours until it is due; ``id`` never changes."""

    id: str
    name: Text
    field: Field
    level: Level
    decider: str
    hours: Annotated[int, msgspec.Meta(gt=0)]
    national: str | None = None
    local: tuple[Local, ...] = ()
    successor: str | None = None
    invented: bool = False


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    procedure: tuple[Procedure, ...]


class Procedures(msgspec.Struct, frozen=True):
    """The registry, by entry id; and, so that looking up costs the same however many there are, by what they are called."""

    entries: Mapping[str, Procedure]
    nationals: Mapping[str, tuple[Procedure, ...]] = {}
    locals: Mapping[str, tuple[tuple[Local, Procedure], ...]] = {}

    def __post_init__(self) -> None:
        nationals: dict[str, tuple[Procedure, ...]] = {}
        names: dict[str, tuple[tuple[Local, Procedure], ...]] = {}
        for entry in self.entries.values():
            if entry.national:
                nationals[entry.national] = (*nationals.get(entry.national, ()), entry)
            for local in entry.local:
                names[local.code] = (*names.get(local.code, ()), (local, entry))
        msgspec.structs.force_setattr(self, "nationals", nationals)
        msgspec.structs.force_setattr(self, "locals", names)

    @classmethod
    def load(cls, agencies: Agencies, folder: Path = FOLDER, versions: Path | None = None) -> Procedures:
        """Read every file. Raises ``ValueError`` naming file and entry: unknown key, double code, unknown agency or successor.

        ``versions``: a folder of later versions, in the order of their names: an entry takes the place of the earlier one with its id.
        """
        entries: dict[str, Procedure] = {}
        for path in sorted(path for path in folder.glob("*.toml") if path.name != SOURCE):
            entries |= _entries(path, agencies, known=entries)
        for path in sorted(versions.glob("*.toml")) if versions else ():
            entries |= _entries(path, agencies, known={})
        _check_codes(entries)
        return cls(entries)

    def by_national(self, code: str, on: date) -> Procedure | None:
        """Return the entry for a national code, with or without an agency's suffix, that counts on that day."""
        bare = national_part(code) or ""
        return next((entry for entry in self.nationals.get(bare, ()) if entry.counts(on)), None)

    def by_local(self, code: str, authority: str, on: date, agencies: Agencies) -> Procedure | None:
        """Return the entry that this authority, or one above it, calls so on that day; the nearest authority wins."""
        names = [
            (local.authority, entry)
            for local, entry in self.locals.get(code, ())
            if local.counts(on) and entry.counts(on)
        ]
        for agency in agencies.above(authority):
            for owner, entry in names:
                if agencies.same(owner, agency.code):
                    return entry
        return None

    def find(
        self, national: str | None, local: str | None, *, authority: str, on: date, agencies: Agencies
    ) -> Procedure | None:
        """Return the entry that the sender means. Two codes that name different entries are as good as unknown."""
        meant = {
            entry.id if entry else None: entry
            for entry in (
                *((self.by_national(national, on),) if national else ()),
                *((self.by_local(local, authority, on, agencies),) if local else ()),
            )
        }
        return next(iter(meant.values())) if len(meant) == 1 else None

    def require(
        self, national: str | None, local: str | None, *, authority: str, on: date, agencies: Agencies
    ) -> Procedure:
        """As ``find``; raises ``Refusal`` HUB-DOS-005 when the registry does not know what is meant."""
        entry = self.find(national, local, authority=authority, on=on, agencies=agencies)
        if entry is None:
            raise refuse("HUB-DOS-005", "/dossier/procedure", rule="registries/procedures")
        return entry


def national_part(code: str) -> str | None:
    """``1.001193.000.00.00.H56`` → ``1.001193``; ``None`` when it is no national code."""
    found = _NATIONAL.fullmatch(code)
    return found[1] if found else None


def decider_unit(entry: Procedure, received_by: str, agencies: Agencies) -> str | None:
    """Return the code of the agency that the procedure gives the decision to, merged since or not; ``None`` when no unit is at that level."""
    if entry.decider not in set(Level):
        return entry.decider
    return next(
        (agency.code for agency in agencies.above(received_by) if agency.level == entry.decider), None
    )


def decider(entry: Procedure, received_by: str, agencies: Agencies, on: date) -> Agency | None:
    """Return the agency that decides a dossier received there, its successor if merged; ``None`` when no unit is at that level."""
    unit = decider_unit(entry, received_by, agencies)
    return agencies.successor(unit, on) if unit is not None else None


def _entries(path: Path, agencies: Agencies, *, known: Mapping[str, Procedure]) -> dict[str, Procedure]:
    """Read one file; ``known``: what it must not say again."""
    found: dict[str, Procedure] = {}
    for entry in read(path):
        if entry.id in found or entry.id in known:
            raise ValueError(f"{path.name}: procedure {entry.id} stands twice")
        _check_entry(path.name, entry, agencies)
        found[entry.id] = entry
    return found


def read(path: Path) -> tuple[Procedure, ...]:
    """Read one file as it stands. Raises ``ValueError`` naming it."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), File).procedure
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"{path.name}: {error}") from error


def _check_entry(name: str, entry: Procedure, agencies: Agencies) -> None:
    place = f"{name}: procedure {entry.id}"
    if entry.national is not None and national_part(entry.national) != entry.national:
        raise ValueError(f"{place}: {entry.national} is no national procedure code")
    if entry.national is None and not entry.local:
        raise ValueError(f"{place}: has neither a national nor a local code")
    if entry.since and entry.until and entry.since >= entry.until:
        raise ValueError(f"{place}: ends before it begins")
    if entry.decider not in set(Level) and agencies.known(entry.decider) is None:
        raise ValueError(f"{place}: decider {entry.decider} is neither an agency nor a level")
    for local in entry.local:
        if agencies.known(local.authority) is None:
            raise ValueError(f"{place}: authority {local.authority} is missing")


def _check_codes(entries: Mapping[str, Procedure]) -> None:
    names: dict[tuple[str, str], list[tuple[Closed, str]]] = {}
    for entry in entries.values():
        if entry.successor is not None and entry.successor not in entries:
            raise ValueError(f"procedure {entry.id}: successor {entry.successor} is missing")
        if entry.national:
            names.setdefault(("national", entry.national), []).append((entry, entry.id))
        for local in entry.local:
            names.setdefault((local.authority, local.code), []).append((local, entry.id))
    for (scope, code), spans in names.items():
        for at, (span, one) in enumerate(spans):
            for other_span, other in spans[at + 1 :]:
                if _overlap(span, other_span):
                    raise ValueError(f"procedure code {code} ({scope}) stands twice: {one} and {other}")


def _overlap(one: Closed, other: Closed) -> bool:
    begins_in_time = other.until is None or one.since is None or one.since < other.until
    ends_late = one.until is None or other.since is None or other.since < one.until
    return begins_in_time and ends_late
