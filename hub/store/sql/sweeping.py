"""What nobody needs any more goes, after a grace. Never what an undelivered transfer or a living link needs.

Rows first, in a transaction; files after its commit. A file's name is never used twice, so removing one cannot meet
somebody who is writing the same content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.lifecycle import DONE
from hub.store.sql import documents, journal
from hub.store.sql.db import many

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.store.sql.db import Db

GROUP = 200
"""Rows per transaction: others wait for the lock meanwhile."""

_UPLOADS = """
SELECT u.id FROM upload u WHERE u.until<=?
AND NOT EXISTS(SELECT 1 FROM document d WHERE d.sha256=u.sha256 AND u.done=1 AND d.safety='infected' AND d.checked_at>?)
ORDER BY u.until LIMIT ?
"""
_LINKS = f"""
SELECT l.id FROM link l JOIN transfer t ON t.n=l.transfer
WHERE t.state IN ({",".join(f"'{state}'" for state in sorted(DONE))}) AND t.settled_at+l.grace+?<=? LIMIT ?
"""  # noqa: S608 - names of states
_HOLDS = """
SELECT h.owner, h.sha256 FROM hold h WHERE h.at<=?
AND NOT EXISTS(SELECT 1 FROM upload u WHERE u.id=h.owner)
AND NOT EXISTS(SELECT 1 FROM enclosure e WHERE e.owner=h.owner AND e.sha256=h.sha256)
AND NOT EXISTS(SELECT 1 FROM link l WHERE l.owner=h.owner AND l.sha256=h.sha256)
ORDER BY h.sha256 LIMIT ?
"""
_INFECTED = """
SELECT h.owner, h.sha256 FROM document d JOIN hold h ON h.sha256=d.sha256
WHERE d.safety='infected' AND d.checked_at<=? ORDER BY h.sha256 LIMIT ?
"""


class Bounds(NamedTuple):
    """Microseconds. ``grace``: how long something must have been of no use; ``quarantine``: what is infected is kept."""

    now: int
    grace: int
    quarantine: int

    @property
    def before(self) -> int:
        return self.now - self.grace


def uploads(db: Db, by: Bounds) -> tuple[int, list[str]]:
    """Remove uploads whose time is over. Returns how many, and their files that were no documents yet."""
    rows = many(db, _UPLOADS, (by.now, by.now - by.quarantine, GROUP))
    files = [documents.end_upload(db, id_, by.now) for (id_,) in rows]
    return len(rows), [file for file in files if file]


def links(db: Db, by: Bounds) -> int:
    """Remove links that were over for longer than the grace; until then they answer that they are."""
    rows = many(db, _LINKS, (by.grace, by.now, GROUP))
    for (id_,) in rows:
        db.execute("DELETE FROM link WHERE id=?", (id_,))
    return len(rows)


def holds(db: Db, by: Bounds) -> int:
    rows = many(db, _HOLDS, (by.before, GROUP)) + many(db, _INFECTED, (by.now - by.quarantine, GROUP))
    for owner, sha256 in rows:
        documents.let_go(db, owner, sha256, by.now)
    return len(rows)


def unused(db: Db, by: Bounds) -> list[str]:
    """Remove documents that nobody has held for longer than the grace. Returns their files."""
    rows = many(
        db,
        "SELECT sha256, file, size FROM document WHERE idle_since<=? AND refs=0 ORDER BY sha256 LIMIT ?",
        (by.before, GROUP),
    )
    files = []
    for sha256, file, size in rows:
        db.execute(  # whoever holds it since then has changed the row: it is looked at again here, under its lock
            "DELETE FROM document WHERE sha256=? AND refs=0 AND idle_since<=?", (sha256, by.before)
        )
        if db.changes():
            files.append(str(file))
            journal.write(db, by.now, "document_removed", facts={"digest": sha256, "size": str(size)})
    return files


def named(db: Db, files: Sequence[str]) -> set[str]:
    """Of these files, those that a row names."""
    marks = ",".join("?" * len(files))
    found: set[str] = set()
    for table, column in (("blob", "name"), ("document", "file"), ("upload", "file")):
        query = f"SELECT {column} FROM {table} WHERE {column} IN ({marks})"  # noqa: S608 - our own names and question marks
        found.update(str(name) for (name,) in many(db, query, files))
    return found
