"""Wrap every dossier's key under a new master key. Interrupted anywhere, it goes on where it was: both keys are taken meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.store.sql import journal
from hub.store.sql.db import many
from hub.store.sql.times import micros

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from hub.store.keeper import Keeper
    from hub.store.sql.db import Db
    from hub.store.vault import Vault

GROUP = 500
_NEXT = "SELECT id, owner, wrapped FROM datakey WHERE id>? ORDER BY id LIMIT ?"
_PROOF = "SELECT id, owner, wrapped FROM datakey WHERE owner=''"


class Rotated(NamedTuple):
    """``wrapped``: keys that were under the old one and are under the new one now."""

    keys: int
    wrapped: int


def rewrap(keeper: Keeper, vault: Vault, *, by: str, now: Callable[[], datetime]) -> Rotated:
    """Only inside ``alone``. ``vault`` wraps under the new key and unwraps both. Raises ``Unreadable`` for a key of a third.

    The proof goes first: from then on nobody opens this store who has the old key alone.
    """
    with keeper.writing() as db:
        proof = [db_row for db_row in many(db, _PROOF) if _rewrap(db, vault, *db_row)]
    keys, wrapped, after = 0, len(proof), b""
    while True:
        with keeper.writing() as db:
            rows = many(db, _NEXT, (after, GROUP))
            wrapped += sum(_rewrap(db, vault, *row) for row in rows)
            if not rows:
                facts = {"by": by, "keys": str(keys), "wrapped": str(wrapped)}
                journal.write(db, micros(now()), "master_key_rotated", facts=facts)
                return Rotated(keys, wrapped)
        keys += len(rows)
        after = bytes(rows[-1][0])


def _rewrap(db: Db, vault: Vault, id_: bytes, owner: str, wrapped: bytes) -> bool:
    """Whether it was under another key than the vault's first."""
    renewed = vault.rewrapped(bytes(id_), owner, bytes(wrapped))
    if renewed is None:
        return False
    db.execute("UPDATE datakey SET wrapped=? WHERE id=?", (renewed, id_))
    return True
