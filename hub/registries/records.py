"""Procedures whole, as the portal says each: its own record beside what the registry makes of it, in this site's folder.

One file for each procedure and day: ``published/2026-11-23-dvcqg/1.009999.json``, written when it differs from what was kept before.
A later one stands over the earlier ones; none is ever removed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING

import msgspec

from hub.registries.putting import put
from schemas.procedures import national_part

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from connectors.catalogues import Procedure

FOLDER = "published"


class Records(msgspec.Struct, frozen=True):
    """``files``: where the newest record of each national code stands; a record is read when it is asked for."""

    files: dict[str, Path] = {}

    @classmethod
    def load(cls, site: Path | None) -> Records:
        """``site``: the folder of versions; ``None``: there is none."""
        days = sorted((site / FOLDER).glob("*")) if site else ()
        return cls({file.stem: file for day in days for file in day.glob("*.json")})

    def find(self, code: str) -> bytes | None:
        """Return the record for a national code, with or without an agency's suffix; ``None`` when none is kept."""
        file = self.files.get(national_part(code) or "")
        try:
            return file.read_bytes() if file else None
        except FileNotFoundError:
            return None


def fresh(site: Path, published: Iterable[Procedure]) -> dict[str, bytes]:
    """Return by national code the records that are not kept as they are published now."""
    kept = Records.load(site)
    told = {code: each.record for each in published if each.record and (code := national_part(each.code))}
    return {code: record for code, record in told.items() if kept.find(code) != record}


def keep(site: Path, partner: str, day: date, records: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Write each whole; return the files."""
    folder = site / FOLDER / f"{day.isoformat()}-{partner}"
    for code, record in records.items():
        put(folder / f"{code}.json", record)
    return tuple(folder / f"{code}.json" for code in records)


def told(files: Sequence[Path]) -> dict[str, str]:
    """Return what the journal says of it: how many, where, and one digest over the names and digests of all."""
    if not files:
        return {}
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in sorted(files)]
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    return {
        "records": str(len(files)),
        "records_in": f"{FOLDER}/{files[0].parent.name}",
        "records_digest": digest,
    }
