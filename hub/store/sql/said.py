"""What was said so far, on any engine: ranges over keys and over a dossier's messages."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from hub.store.contract.said import SaidMessage
from hub.store.sql import merging, tellings
from hub.store.sql.db import many, one
from hub.store.sql.journal import mapping
from hub.store.vault import Unreadable
from hub.story.filling import Past, Remembered, believed, doubted, is_trial

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hub.store.contract.said import Tellings, Truth
    from hub.store.sql.bodies import Bodies
    from hub.store.sql.db import Db
    from hub.store.sql.engine import Reads

_OF = f"""
SELECT id, sender, key, kind FROM message WHERE dossier IN ({merging.FAMILY}) ORDER BY n
"""  # noqa: S608 - a constant
_PAST = f"""
SELECT m.id, m.sender, m.kind, j.facts FROM message m
JOIN journal j ON j.message=m.id AND j.message<>'' AND j.what='accepted' AND j.transfer=''
WHERE m.dossier IN ({merging.FAMILY}) ORDER BY m.n
"""  # noqa: S608 - a constant
_UNDER = """
SELECT s.key FROM seen s LEFT JOIN message m ON m.id=s.message
WHERE s.sender=? AND s.key>=? AND s.key<? ORDER BY coalesce(m.n, 0), s.key
"""
_CANONICAL = "SELECT id, canonical FROM message WHERE id=?"
_RAW = "SELECT raw FROM message WHERE id=?"


def of(db: Db, dossier: str) -> tuple[SaidMessage, ...]:
    root = merging.root(db, dossier)
    rows = many(db, _OF, (root, root))
    return tuple(SaidMessage(id=row[0], sender=row[1], key=row[2], kind=row[3]) for row in rows)


def past(db: Db, dossier: str) -> Past | None:
    root = merging.root(db, dossier)
    row = one(db, "SELECT origin FROM dossier WHERE id=?", (root,))
    if row is None:
        return None
    rows = [(Remembered(*told), mapping(facts)) for *told, facts in many(db, _PAST, (root, root))]
    trial = bool(rows) and is_trial(rows[0][1])
    return Past(
        row[0],
        tuple(each for each, facts in rows if believed(facts, trial=trial)),
        tuple(each for each, facts in rows if doubted(facts, trial=trial)),
    )


def under(db: Db, sender: str, prefix: str) -> tuple[str, ...]:
    return tuple(key for (key,) in many(db, _UNDER, (sender, prefix, prefix + "\U0010ffff")))


def canonical(db: Db, bodies: Bodies, messages: Sequence[str]) -> tuple[bytes, ...] | None:
    found = readable(db, bodies, messages)
    return tuple(found[id_] for id_ in messages) if all(id_ in found for id_ in messages) else None


def readable(db: Db, bodies: Bodies, messages: Sequence[str]) -> dict[str, bytes]:
    rows = {id_: bytes(column) for id_, column in db.each(_CANONICAL, messages) if column}
    unpack = bodies.unpacker(db, list(rows.values()))
    found = {}
    for id_, column in rows.items():
        with suppress(Unreadable):
            found[id_] = unpack(column, f"{id_}/canonical")
    return found


def raw(db: Db, bodies: Bodies, message: str) -> bytes:
    rows = many(db, _RAW, (message,))
    try:
        return bodies.unpack(db, rows[0][0], f"{message}/raw") if rows else b""
    except Unreadable:
        return b""


class SqlSayings:
    def __init__(self, reads: Reads, bodies: Bodies) -> None:
        self._reads, self._bodies = reads, bodies

    async def of(self, dossier: str) -> tuple[SaidMessage, ...]:
        return await self._reads.run(lambda db: of(db, dossier))

    async def past(self, dossier: str) -> Past | None:
        return await self._reads.run(lambda db: past(db, dossier))

    async def tellings(self, dossier: str) -> Tellings:
        return await self._reads.run(lambda db: tellings.tellings(db, dossier))

    async def telling(self, dossier: str, message: str) -> bytes | None:
        return await self._reads.run(lambda db: tellings.telling(db, dossier, message))

    async def truths(self, partner: str, *, after: str = "", limit: int = 1000) -> tuple[Truth, ...]:
        return await self._reads.run(lambda db: tellings.truths(db, partner, after, limit))

    async def under(self, sender: str, prefix: str) -> tuple[str, ...]:
        return await self._reads.run(lambda db: under(db, sender, prefix))

    async def canonical(self, messages: Sequence[str]) -> tuple[bytes, ...] | None:
        return await self._reads.run(lambda db: canonical(db, self._bodies, messages))

    async def readable(self, messages: Sequence[str]) -> Mapping[str, bytes]:
        return await self._reads.run(lambda db: readable(db, self._bodies, messages))

    async def raw(self, message: str) -> bytes:
        return await self._reads.run(lambda db: raw(db, self._bodies, message))
