"""Whether what stands in a store hangs together: references, and every payload at its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.store.sql.db import many, one
from hub.store.vault import Destroyed, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.store.sql.bodies import Bodies
    from hub.store.sql.db import Db

REFERENCES: tuple[tuple[str, str], ...] = (
    (
        "a code names a dossier",
        "SELECT code FROM alias a WHERE NOT EXISTS(SELECT 1 FROM dossier d WHERE d.id=a.dossier)",
    ),
    (
        "a message names a dossier that is there",
        "SELECT id FROM message m WHERE m.dossier IS NOT NULL AND NOT EXISTS(SELECT 1 FROM dossier d WHERE d.id=m.dossier)",
    ),
    (
        "a transfer is a message's",
        "SELECT id FROM transfer t WHERE NOT EXISTS(SELECT 1 FROM message m WHERE m.n=t.message)",
    ),
    (
        "a transfer has a partner",
        "SELECT id FROM transfer t WHERE NOT EXISTS(SELECT 1 FROM dest d WHERE d.id=t.dest)",
    ),
    (
        "what was sealed is a transfer's",
        "SELECT n FROM sealed s WHERE NOT EXISTS(SELECT 1 FROM transfer t WHERE t.n=s.n)",
    ),
    (
        "an attempt is a transfer's",
        "SELECT n FROM attempt a WHERE NOT EXISTS(SELECT 1 FROM transfer t WHERE t.n=a.transfer)",
    ),
    (
        "what a partner told has a partner",
        "SELECT subject FROM told f WHERE NOT EXISTS(SELECT 1 FROM dest d WHERE d.id=f.dest)",
    ),
)


def references(db: Db) -> tuple[str, ...]:
    """Return each broken rule with the first that breaks it."""
    found = ((rule, one(db, query + " LIMIT 1")) for rule, query in REFERENCES)
    return tuple(f"not true that {rule}: {row}" for rule, row in found if row is not None)


class Read(NamedTuple):
    """How many payloads could be read, and how many cannot on purpose: their dossier was forgotten, or their time was over."""

    read: int
    forgotten: int
    removed: int
    broken: tuple[str, ...]


MOST_BROKEN = 100
_FORMS: tuple[tuple[str, str], ...] = (
    ("SELECT n, id, raw FROM message WHERE n>? ORDER BY n LIMIT ?", "raw"),
    ("SELECT n, id, canonical FROM message WHERE n>? ORDER BY n LIMIT ?", "canonical"),
    (
        "SELECT t.n, t.id, s.payload FROM sealed s JOIN transfer t ON t.n=s.n WHERE s.n>? ORDER BY s.n LIMIT ?",
        "sealed",
    ),
    (
        "SELECT a.n, t.id, a.exchanges FROM attempt a JOIN transfer t ON t.n=a.transfer WHERE a.n>? ORDER BY a.n LIMIT ?",
        "exchanges",
    ),
)
_PAGE = 100


def payloads(db: Db, bodies: Bodies, *, every: int) -> Read:
    """Read every payload (``every`` 1) or each so many of them: decrypt it at its place, hash its file."""
    read = forgotten = removed = 0
    broken: list[str] = []
    for query, form in _FORMS:
        for number, (id_, stored) in enumerate(_all(db, query)):
            if number % every:
                continue
            if not stored:
                removed += 1
                continue
            try:
                bodies.unpack(db, stored, f"{id_}/{form}")
                read += 1
            except Destroyed:
                forgotten += 1
            except Unreadable as error:
                broken.append(str(error))
    return Read(read, forgotten, removed, tuple(broken[:MOST_BROKEN]))


def _all(db: Db, query: str) -> Iterator[tuple[str, bytes]]:
    after = 0
    while page := many(db, query, (after, _PAGE)):
        yield from ((id_, stored) for _, id_, stored in page)
        after = page[-1][0]
