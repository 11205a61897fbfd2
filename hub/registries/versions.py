"""Dated versions of the registries in this site's folder: written whole, looked at by whoever reads them, and then put in place.

One file for each day and partner: ``procedures/2026-11-23-dvcqg.toml``, ``agencies/2026-11-23-dvcqg.csv``; a folder for code lists, each whole:
``codelists/2026-11-23-dvcqg/genders.toml``. A later one stands over the earlier ones;
none is ever removed.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from hub.registries.comparing import Coded
from hub.registries.putting import put
from hub.registries.records import FOLDER
from schemas.agencies import Agencies, Agency, read_table
from schemas.codelists import CodeList, CodeLists, Text
from schemas.problems import refuse
from schemas.procedures import Procedure, Procedures, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from hub.registries.comparing import Change

HEAD = "# As {partner} published it on {day}; written by registry refresh. A later version stands over this one.\n"


def store(
    site: Path, partner: str, day: date, changes: Iterable[Change], lists: CodeLists
) -> tuple[Path, ...]:
    """Write what can be stored; return the files. Raises ``Refusal`` HUB-CFG-002 when what would stand then cannot be read, and changes nothing."""
    rows = [change.row for change in changes if change.row is not None]
    name = f"{day.isoformat()}-{partner}"
    found: dict[Path, str] = {}
    head = HEAD.format(partner=partner, day=day.isoformat())
    if agencies := {row.code: row for row in rows if isinstance(row, Agency)}:
        place = Path("agencies") / f"{name}.csv"
        before = (
            {row.code: row for _, row in read_table(site / place, Agency)} if (site / place).exists() else {}
        )
        found[place] = as_csv(list({**before, **agencies}.values()))
    if procedures := {row.id: row for row in rows if isinstance(row, Procedure)}:
        place = Path("procedures") / f"{name}.toml"
        told = {row.id: row for row in read(site / place)} if (site / place).exists() else {}
        found[place] = head + as_toml({**told, **procedures}.values())
    for code_list in _lists([row for row in rows if isinstance(row, Coded)], lists):
        found[Path("codelists") / name / f"{code_list.id}.toml"] = head + as_list(code_list)
    try:
        _try(site, found)
    except ValueError as error:
        rule = "registries that can be read"
        raise refuse("HUB-CFG-002", "registries", rule=rule, detail=str(error)) from None
    for place, text in found.items():
        put(site / place, text.encode())
    return tuple(site / place for place in found)


def told(site: Path, partner: str, files: Sequence[Path], changes: Iterable[Change]) -> dict[str, str]:
    """Return what the journal says of it: which files, in which bytes, and how much is new in them."""
    stored = [change for change in changes if change.row is not None]
    return {
        "partner": partner,
        "files": " ".join(str(file.relative_to(site)) for file in files),
        "digests": " ".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in files),
        "new": str(sum(change.kind == "new" for change in stored)),
        "changed": str(sum(change.kind == "changed" for change in stored)),
    }


def _lists(rows: Iterable[Coded], known: CodeLists) -> Iterator[CodeList]:
    """Each list with what is new in it, in the order of its codes; what is no longer listed stays."""
    changed: dict[str, list[Coded]] = {}
    for row in rows:
        changed.setdefault(row.dictionary.id, []).append(row)
    for id_, coded in changed.items():
        before = known.lists.get(id_)
        told = {row.entry.code: row.entry for row in coded}
        old = {} if before is None else {(entry.code, entry.since): entry for entry in before.code}
        kept = [told.pop(entry.code, entry) if entry.until is None else entry for entry in old.values()]
        its = coded[0].dictionary
        yield CodeList(
            id=id_,
            field=its.field,
            name=Text(vi=its.vi, en=its.en),
            code=tuple(sorted([*kept, *told.values()], key=lambda entry: (entry.code, str(entry.since)))),
        )


def as_list(told: CodeList) -> str:
    head: dict[str, object] = {"id": told.id, "field": told.field, "name": msgspec.to_builtins(told.name)}
    entries = "".join(f"\n[[code]]\n{_members(msgspec.to_builtins(entry))}" for entry in told.code)
    return f"{_members(head)}{entries}"


def as_toml(rows: Iterable[Procedure]) -> str:
    return "".join(f"\n[[procedure]]\n{_members(msgspec.to_builtins(row))}" for row in rows)


def as_csv(rows: Sequence[Agency]) -> str:
    written = io.StringIO()
    table = csv.DictWriter(written, Agency.__struct_fields__, lineterminator="\n")
    table.writeheader()
    for row in rows:
        plain = msgspec.to_builtins(row)
        table.writerow({name: _cell(plain[name]) for name in Agency.__struct_fields__})
    return written.getvalue()


def _members(value: Mapping[str, object]) -> str:
    return "".join(
        f"{name} = {_toml(each)}\n" for name, each in value.items() if each is not None and each != []
    )


def _toml(value: object) -> str:
    """JSON's strings, numbers and lists are TOML's; objects are inline tables."""
    if isinstance(value, dict):
        inside = ", ".join(f"{name} = {_toml(each)}" for name, each in value.items() if each is not None)
        return f"{{ {inside} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _try(site: Path, found: Mapping[Path, str]) -> None:
    """Read everything as it would stand."""
    with TemporaryDirectory() as beside:
        trial = Path(beside) / "registries"
        if site.exists():
            shutil.copytree(site, trial, ignore=shutil.ignore_patterns(FOLDER))
        for place, text in found.items():
            put(trial / place, text.encode())
        agencies = Agencies.load(versions=trial / "agencies")
        Procedures.load(agencies, versions=trial / "procedures")
        CodeLists.load(versions=trial / "codelists")
