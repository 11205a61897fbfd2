"""What a partner publishes against what the hub knows: what is new, what says otherwise, what is gone. Pure.

A change that can be stored carries its ``row``. What is published and cannot be stored as it is says why: nothing is made up for it. What is gone
stays in the registry: a list that leaves something out ends nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from connectors.catalogues import Dictionary  # noqa: TC001 - msgspec reads the annotations at run time
from schemas import agencies as known_agencies
from schemas import procedures as known_procedures
from schemas.agencies import Level
from schemas.codelists import Entry
from schemas.codelists import Text as CodeName
from schemas.procedures import Field, Text, national_part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from connectors import catalogues
    from schemas.agencies import Agencies
    from schemas.codelists import CodeList
    from schemas.procedures import Procedures

Kind = Literal["new", "changed", "gone", "unfit"]
Of = Literal["procedure", "agency", "field", "code"]
RECEIVES = {Level.DEPARTMENT: Level.PROVINCE}
"""Where a dossier is received that an agency of this level decides; of the other levels, there."""


class Coded(msgspec.Struct, frozen=True):
    """An entry of a code list that is a partner's dictionary."""

    dictionary: Dictionary
    entry: Entry


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """``why``: what is missing of what cannot be stored: ``code``, ``field``, ``hours``, ``decider``, ``level``, ``parent``, ``list``.

    ``code`` of an entry of a code list: ``<list>/<code>``.
    """

    kind: Kind
    of: Of
    code: str
    before: str = ""
    after: str = ""
    why: str = ""
    row: known_procedures.Procedure | known_agencies.Agency | Coded | None = None


def procedures(
    known: Procedures, agencies: Agencies, published: Iterable[catalogues.Procedure], on: date
) -> Iterator[Change]:
    """By national code, whatever agency's suffix it has."""
    seen: set[str] = set()
    for each in published:
        code = national_part(each.code)
        if code is None:
            yield Change(kind="unfit", of="procedure", code=each.code, after=each.name, why="code")
        if code is None or code in seen or not each.public:
            continue
        seen.add(code)
        entry = known.by_national(code, on)
        change = _new(code, each, agencies) if entry is None else _changed(entry, each)
        if change is not None:
            yield change
    for entry in known.entries.values():
        if entry.national and entry.counts(on) and entry.national not in seen:
            yield Change(kind="gone", of="procedure", code=entry.national, before=entry.name.vi)


def agencies(
    known: Agencies, published: Iterable[catalogues.Agency], root: str, on: date
) -> Iterator[Change]:
    """``root``: in whose tree the list is; nothing outside it is missed."""
    seen: set[str] = set()
    for each in published:
        agency = known.known(each.code)
        seen.add(agency.code if agency else each.code)
        if agency is None:
            yield _new_agency(each, known)
        elif agency.stands(on) and agency.vi != each.name:
            row = msgspec.structs.replace(agency, vi=each.name)
            yield Change(
                kind="changed", of="agency", code=agency.code, before=agency.vi, after=each.name, row=row
            )
    for agency in known.rows.values():
        if agency.code not in seen and agency.stands(on) and known.is_within(agency.code, root):
            yield Change(kind="gone", of="agency", code=agency.code, before=agency.vi)


def fields(known: Procedures, published: Iterable[catalogues.Field], on: date) -> Iterator[Change]:
    """Fields stand in procedures: a change here is stored with the procedure that shows it."""
    ours = {entry.field.code: entry.field.vi for entry in known.entries.values() if entry.counts(on)}
    theirs = {each.code: each.name for each in published}
    for code, name in theirs.items():
        if code not in ours:
            yield Change(kind="new", of="field", code=code, after=name)
        elif ours[code] != name:
            yield Change(kind="changed", of="field", code=code, before=ours[code], after=name)
    for code in sorted(ours.keys() - theirs.keys()):
        yield Change(kind="gone", of="field", code=code, before=ours[code])


def codes(
    known: CodeList | None, published: Iterable[catalogues.Item], dictionary: Dictionary, on: date
) -> Iterator[Change]:
    """``known`` ``None``: nothing of it was stored yet. Its words are the codes themselves: no format says them otherwise."""
    ours = {entry.code: entry for entry in known.code if entry.counts(on)} if known else {}
    seen: set[str] = set()
    for each in published:
        seen.add(each.code)
        entry = ours.get(each.code)
        name = entry.name if entry and entry.name.vi == each.name else CodeName(vi=each.name, en=each.name)
        row = Entry(code=each.code, word=each.code, name=name, parent=each.parent or None)
        if entry is not None:
            row = msgspec.structs.replace(entry, name=name, parent=each.parent or entry.parent)
        if row != entry:
            yield Change(
                kind="changed" if entry else "new",
                of="code",
                code=f"{dictionary.id}/{each.code}",
                before=_said(entry),
                after=_said(row),
                row=Coded(dictionary, row),
            )
    for code in sorted(ours.keys() - seen):
        yield Change(kind="gone", of="code", code=f"{dictionary.id}/{code}", before=_said(ours[code]))


def _said(entry: Entry | None) -> str:
    return " ← ".join(each for each in (entry.name.vi, entry.parent) if each) if entry else ""


def _new(code: str, each: catalogues.Procedure, agencies: Agencies) -> Change:
    unit = next((found for one in each.agencies if (found := agencies.known(one))), None)
    missing = "field" if each.field is None else ("" if each.hours else "hours")
    if missing or unit is None or each.field is None or not each.hours:
        return Change(kind="unfit", of="procedure", code=code, after=each.name, why=missing or "decider")
    row = known_procedures.Procedure(
        id=f"tthc-{code}",
        national=code,
        name=Text(vi=each.name, en=each.name),
        field=Field(code=each.field.code, vi=each.field.name, en=each.field.name),
        level=RECEIVES.get(unit.level, unit.level),
        decider=unit.code,
        hours=each.hours,
    )
    return Change(kind="new", of="procedure", code=code, after=each.name, row=row)


def _changed(entry: known_procedures.Procedure, each: catalogues.Procedure) -> Change | None:
    """What the list does not say stays as it is; names in English are ours."""
    field = each.field
    kept = (
        entry.field
        if field is None or (field.code, field.name) == (entry.field.code, entry.field.vi)
        else None
    )
    row = msgspec.structs.replace(
        entry,
        name=entry.name if each.name == entry.name.vi else Text(vi=each.name, en=entry.name.en),
        field=kept or _field(entry.field, field),
        hours=each.hours or entry.hours,
    )
    if row == entry:
        return None
    before, after = _difference(entry, row)
    code = entry.national or each.code
    return Change(kind="changed", of="procedure", code=code, before=before, after=after, row=row)


def _field(ours: Field, theirs: catalogues.Field | None) -> Field:
    if theirs is None:
        return ours
    same = theirs.code == ours.code
    return Field(code=theirs.code, vi=theirs.name, en=ours.en if same else theirs.name)


def _difference(one: known_procedures.Procedure, other: known_procedures.Procedure) -> tuple[str, str]:
    """What differs, side by side."""
    sides = [(each.name.vi, f"{each.field.code} {each.field.vi}", f"{each.hours} h") for each in (one, other)]
    differ = [(before, after) for before, after in zip(*sides, strict=True) if before != after]
    return "; ".join(before for before, _ in differ), "; ".join(after for _, after in differ)


def _new_agency(each: catalogues.Agency, known: Agencies) -> Change:
    parent = _parent(each.code, known)
    unfit = Change(kind="unfit", of="agency", code=each.code, after=each.name)
    if not (known_agencies.is_qcvn(each.code) or known_agencies.is_qd20(each.code)):
        return msgspec.structs.replace(unfit, why="code")
    if not each.level:
        return msgspec.structs.replace(unfit, why="level")
    if parent is None and each.level not in {Level.NATIONAL, Level.PROVINCE}:
        return msgspec.structs.replace(unfit, why="parent")
    row = known_agencies.Agency(
        code=each.code, level=Level(each.level), vi=each.name, en=each.name, parent=parent
    )
    return Change(kind="new", of="agency", code=each.code, after=each.name, row=row)


def _parent(code: str, known: Agencies) -> str | None:
    """The nearest agency above by the code itself (QĐ 20/2020: one group less)."""
    said = known.to_qd20(code)
    while said and "." in said:
        said = said.rpartition(".")[0]
        found = known.known(said)
        if found is not None:
            return found.code
    return None
