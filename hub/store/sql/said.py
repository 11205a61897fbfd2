"""What was said so far, on any engine: ranges over keys and over a dossier's messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.store.contract.said import SaidMessage
from hub.store.sql import merging
from hub.store.sql.db import many
from hub.store.vault import Unreadable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.store.sql.bodies import Bodies
    from hub.store.sql.db import Db
    from hub.store.sql.engine import Reads

_OF = f"""
SELECT id, sender, key, kind FROM message WHERE dossier IN ({merging.FAMILY}) ORDER BY n
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


def under(db: Db, sender: str, prefix: str) -> tuple[str, ...]:
    return tuple(key for (key,) in many(db, _UNDER, (sender, prefix, prefix + "\U0010ffff")))


def canonical(db: Db, bodies: Bodies, messages: Sequence[str]) -> tuple[bytes, ...] | None:
    rows = {id_: bytes(column) for id_, column in db.each(_CANONICAL, messages)}
    if not all(rows.get(id_) for id_ in messages):
        return None
    unpack = bodies.unpacker(db, list(rows.values()))
    try:
        return tuple(unpack(rows[id_], f"{id_}/canonical") for id_ in messages)
    except Unreadable:
        return None


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

    async def under(self, sender: str, prefix: str) -> tuple[str, ...]:
        return await self._reads.run(lambda db: under(db, sender, prefix))

    async def canonical(self, messages: Sequence[str]) -> tuple[bytes, ...] | None:
        return await self._reads.run(lambda db: canonical(db, self._bodies, messages))

    async def raw(self, message: str) -> bytes:
        return await self._reads.run(lambda db: raw(db, self._bodies, message))
