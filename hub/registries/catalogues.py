"""Catalogues as versions: procedures, workflows, code lists; each a document that never changes and says what is new in it. Pure.

An entry is an object with a ``code`` of its own. A catalogue's id begins with what it is: ``procedures``, ``codelist.<list>``,
``workflow.<name>``.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import date, datetime  # noqa: TC003
from typing import TYPE_CHECKING, Any

import msgspec

from schemas.problems import Problem, Refusal, refuse
from schemas.strict_json import parse_json

if TYPE_CHECKING:
    from hub.store.contract.catalogues import Version
    from schemas.codelists import CodeLists
    from schemas.procedures import Procedures

ID = re.compile(r"(procedures|workflow|codelist)(\.[A-Za-z0-9][A-Za-z0-9.-]{0,80})?")
NAMED = "procedures, workflow.<procedure> or codelist.<list>, as codelist.channels: letters, digits, dots and dashes"
LARGEST = 8 << 20
MOST = 20_000
"""Entries of one catalogue."""
Entry = dict[str, Any]


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Common shape: frozen, named fields."""


class Changes(Value, frozen=True):
    """What differs from the version before, by entries' codes. ``changed``: with the fields that differ."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: Mapping[str, tuple[str, ...]] = {}

    @property
    def nothing(self) -> bool:
        return not (self.added or self.removed or self.changed)


class Previous(Value, frozen=True):
    version: int
    digest: str


class Document(Value, frozen=True):
    """What is signed and fetched. ``effective``: the first day on which it counts; dossiers that were received before finish on
    the version that counted then.
    """

    catalogue: str
    version: int
    effective: date
    published_at: datetime
    publisher: str
    previous: Previous | None
    changes: Changes
    entries: tuple[Entry, ...]


def checked_id(told: str) -> str:
    """Raises ``Refusal`` HUB-CAT-002."""
    if not ID.fullmatch(told):
        raise refuse("HUB-CAT-002", "catalogue", rule=NAMED, detail=told)
    return told


def read(raw: bytes, name: str) -> tuple[Entry, ...]:
    """Read ``entries`` of a JSON or TOML file. Raises ``Refusal`` HUB-CAT-001 with every fault."""
    if len(raw) > LARGEST:
        raise refuse("HUB-CAT-001", name, rule=f"at most {LARGEST} bytes")
    try:
        told = tomllib.loads(raw.decode("utf-8")) if name.endswith(".toml") else parse_json(raw)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise refuse("HUB-CAT-001", name, rule="JSON or TOML in UTF-8", detail=str(error)) from None
    entries = told.get("entries") if isinstance(told, dict) else None
    if not isinstance(entries, list) or not 0 < len(entries) <= MOST:
        raise refuse("HUB-CAT-001", f"{name}: entries", rule=f"a list of 1 to {MOST} entries")
    problems = list(_faults(name, entries))
    if problems:
        raise Refusal(*problems)
    return tuple(entries)


def _faults(name: str, entries: Sequence[Any]) -> list[Problem]:
    seen: set[str] = set()
    found = []
    for place, entry in enumerate(entries):
        code = entry.get("code") if isinstance(entry, dict) else None
        if not isinstance(code, str) or not code.strip():
            found.append(Problem(code="HUB-CAT-001", place=f"{name}: entries[{place}]", rule="code: a text"))
        elif code in seen:
            found.append(
                Problem(
                    code="HUB-CAT-001",
                    place=f"{name}: entries[{place}]",
                    rule="a code of its own",
                    detail=code,
                )
            )
        else:
            seen.add(code)
    return found


def own(catalogue: str, procedures: Procedures, lists: CodeLists) -> tuple[Entry, ...]:
    """Return what the hub itself goes by. Raises ``Refusal`` HUB-CAT-002 for what it has none of."""
    if catalogue == "procedures":
        found = [
            {"code": entry.national or entry.id, **_plain(entry)} for entry in procedures.entries.values()
        ]
    else:
        named = lists.lists.get(catalogue.removeprefix("codelist."))
        if named is None or not catalogue.startswith("codelist."):
            known = ", ".join(["procedures", *(f"codelist.{each}" for each in sorted(lists.lists))])
            raise refuse("HUB-CAT-002", "catalogue", rule=f"a file, or one of: {known}", detail=catalogue)
        found = [_plain(entry) for entry in named.code]
    return tuple(sorted(found, key=lambda entry: str(entry["code"])))


def _plain(entry: msgspec.Struct) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(entry)
    return {name: value for name, value in told.items() if value not in (None, (), [])}


def changes(before: Sequence[Entry], after: Sequence[Entry]) -> Changes:
    """Compare entry by entry; their order says nothing."""
    old, new = ({entry["code"]: entry for entry in entries} for entries in (before, after))
    return Changes(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        changed={
            code: fields
            for code in sorted(old.keys() & new.keys())
            if (fields := _fields(old[code], new[code]))
        },
    )


def _fields(old: Entry, new: Entry) -> tuple[str, ...]:
    return tuple(sorted(name for name in {*old, *new} if old.get(name) != new.get(name)))


def to_json(document: Document) -> bytes:
    """Write it as it is signed, hashed and fetched."""
    return msgspec.json.encode(document, order="deterministic")


def from_json(raw: bytes) -> Document:
    return msgspec.json.decode(raw, type=Document)


def digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def in_force(versions: Sequence[Version], on: date) -> dict[str, Version]:
    """Return by id what counts on a day: the highest version whose day has come."""
    found: dict[str, Version] = {}
    for each in versions:
        if each.effective <= on and (each.id not in found or found[each.id].version < each.version):
            found[each.id] = each
    return found


def pinned(versions: Sequence[Version], on: date, codes: Sequence[str | None]) -> dict[str, int]:
    """Return what a dossier received on that day finishes on: the procedures, every code list, and its own workflow."""
    own_flows = {f"workflow.{code}" for code in codes if code}
    return {
        id_: each.version
        for id_, each in sorted(in_force(versions, on).items())
        if not id_.startswith("workflow.") or id_ in own_flows
    }
