"""How a payload lies in its column: one byte that says how, then the bytes, or the name and the key of their file.

Plain or encrypted, in the row or, above 64 KB, in a file with a key of its own. Packing happens before the transaction,
off the writer's thread; inside it the key's row is checked, so that a payload never commits under a key that was
destroyed meanwhile, and the file is named, so that no sweep takes it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hub.store.blobs import NAME_BYTES, Blobs, Damaged, Ref
from hub.store.sql.db import Db, Row, one
from hub.store.sql.engine import Unavailable
from hub.store.vault import ID_BYTES, DataKey, Destroyed, Unreadable, Vault
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

INLINE_BYTES = 64 * 1024
_ENCRYPTED, _BLOB = 1, 2
_CACHED_KEYS = 4096
_PROOF = ""  # the owner of a key that only proves which master key wrapped the others


Unpack = Callable[[bytes, str], bytes]
"""Takes a column and its place, returns what was packed. Raises ``Unreadable``."""


class KeyDestroyed(Exception):  # noqa: N818 - says what it is
    """The owner's key went away between packing and commit; pack again under a new one."""

    def __init__(self, owner: str) -> None:
        super().__init__(owner)
        self.owner = owner


class Pen(NamedTuple):
    """The key to write under; ``fresh``: its row is written with the first payload."""

    key: DataKey
    fresh: bool


class Bodies:
    """``vault`` is ``None``: payloads are kept as they are."""

    def __init__(self, blobs: Blobs, vault: Vault | None) -> None:
        self._blobs = blobs
        self._vault = vault
        self._keys: OrderedDict[str, DataKey] = OrderedDict()

    def prove(self, db: Db) -> None:
        """Raise ``Unreadable`` when the file was written under another master key, or under one and none was given."""
        row = one(db, "SELECT id, wrapped FROM datakey WHERE owner=?", (_PROOF,))
        if self._vault is None:
            if row is not None:
                raise Unreadable("this store is encrypted: it needs its master key")
        elif row is not None:
            self._vault.unwrap(row[0], _PROOF, row[1])
        else:
            keep(db, Pen(self._vault.create(_PROOF), fresh=True))

    # --- packing, before the transaction

    @property
    def encrypted(self) -> bool:
        return self._vault is not None

    def cached(self, owner: str) -> Pen | None:
        key = self._keys.get(owner)
        return None if key is None else Pen(key, fresh=False)

    def key(self, db: Db, owner: str) -> Pen | None:
        """Return what to write under: the stored key of this owner, else a new one that no row has yet."""
        if self._vault is None:
            return None
        row = one(db, "SELECT id, wrapped FROM datakey WHERE owner=? LIMIT 1", (owner,))
        if row is None:
            return Pen(self._vault.create(owner), fresh=True)
        key = self._vault.unwrap(row[0], owner, row[1])
        self.remember(key)
        return Pen(key, fresh=False)

    def pack(self, pen: Pen | None, data: bytes, place: str) -> bytes:
        """Raise ``Unavailable`` when a file cannot be written."""
        if len(data) <= INLINE_BYTES:
            return self.pack_inline(pen, data, place)
        try:
            ref = self._blobs.put(data)
        except OSError as error:
            raise Unavailable(type(error).__name__) from error
        inner = self.pack_inline(pen, msgspec.msgpack.encode((ref.key, ref.size)), place)
        return bytes((inner[0] | _BLOB,)) + bytes.fromhex(ref.name) + inner[1:]

    def pack_inline(self, pen: Pen | None, data: bytes, place: str) -> bytes:
        """Pack what stays in its row, whatever its size."""
        if pen is None:
            return b"\0" + data
        return bytes((_ENCRYPTED,)) + pen.key.id + pen.key.encrypt(data, place)

    def remember(self, key: DataKey) -> None:
        self._keys[key.owner] = key
        self._keys.move_to_end(key.owner)
        while len(self._keys) > _CACHED_KEYS:
            self._keys.popitem(last=False)

    def forget(self, owner: str) -> None:
        self._keys.pop(owner, None)

    # --- reading

    def unpack(self, db: Db, stored: bytes, place: str) -> bytes:
        """Raise ``Unreadable``."""
        return self.unpacker(db, (stored,))(stored, place)

    def unpacker(self, db: Db, columns: Iterable[bytes]) -> Unpack:
        """Look up the keys of these columns; what is returned unpacks each of them, or raises ``Unreadable``."""
        ids = {id_ for stored in columns if (id_ := _key_of(stored))}
        keys = {bytes(row[0]): row[1:] for row in db.each(_KEY, ids)} if ids else {}
        return partial(self._unpack, keys)

    def _unpack(self, keys: Mapping[bytes, Row], stored: bytes, place: str) -> bytes:
        if not stored:
            raise Unreadable(f"{place}: kept no longer, its time was over")
        how, name, data = stored[0], file_of(stored), bytes(stored[1:])
        if name:
            data = data[NAME_BYTES:]
        if how & _ENCRYPTED:
            data = self._stored_key(keys, data[:ID_BYTES]).decrypt(data[ID_BYTES:], place)
        if not name:
            return data
        try:
            return self._blobs.get(Ref(name, *msgspec.msgpack.decode(data, type=tuple[bytes, int])))
        except Damaged as error:
            raise Unreadable(f"{place}: {error}") from error

    def _stored_key(self, keys: Mapping[bytes, Row], id_: bytes) -> DataKey:
        row = keys.get(id_)
        if row is None:
            raise Destroyed("the key was destroyed")
        if self._vault is None:
            raise Unreadable("no master key was given")
        cached = self._keys.get(row[0])
        return cached if cached is not None and cached.id == id_ else self._vault.unwrap(id_, *row)


_KEY = "SELECT id, owner, wrapped FROM datakey WHERE id=?"


def _key_of(stored: bytes) -> bytes:
    if not stored or not stored[0] & _ENCRYPTED:
        return b""
    start = 1 + NAME_BYTES if stored[0] & _BLOB else 1
    return bytes(stored[start : start + ID_BYTES])


def file_of(stored: bytes) -> str:
    """Return the name of the file that a column points to, or nothing."""
    return bytes(stored[1 : 1 + NAME_BYTES]).hex() if stored[0] & _BLOB else ""


def keep(db: Db, pen: Pen | None, *columns: bytes) -> None:
    """Inside the transaction: the key's row is there, and the files of these columns are named. Raises ``KeyDestroyed``."""
    for column in columns:
        if column[0] & _BLOB:
            db.execute("INSERT INTO blob(name) VALUES(?) ON CONFLICT DO NOTHING", (file_of(column),))
    if pen is None:
        return
    key = pen.key
    if pen.fresh:
        db.execute(
            "INSERT INTO datakey(id,owner,wrapped) VALUES(?,?,?) ON CONFLICT DO NOTHING",
            (key.id, key.owner, key.wrapped),
        )
    elif not db.has_key(key.id):
        raise KeyDestroyed(key.owner)


def release(db: Db, *columns: bytes) -> None:
    """Inside the transaction that empties these columns: nobody needs their files; the sweep removes them."""
    for column in columns:
        if column and column[0] & _BLOB:
            db.execute("DELETE FROM blob WHERE name=?", (file_of(column),))


def destroy(db: Db, dossiers: Sequence[str]) -> bool:
    """Delete the keys of a dossier and of those merged into it; false when there were none.

    Raises ``Refusal`` HUB-LAN-002 while something of it is undelivered.
    """
    destroyed = 0
    for owner in sorted(dossiers):
        db.execute("DELETE FROM datakey WHERE owner=? AND owner<>?", (owner, _PROOF))
        destroyed += db.changes()
    # after the keys' locks: also what was committed meanwhile
    if any(one(db, _UNFINISHED, (owner,)) is not None for owner in dossiers):
        raise refuse("HUB-LAN-002", "dossier", rule="something of it is still to be delivered")
    return destroyed > 0


_UNFINISHED = """
SELECT t.id FROM message m JOIN transfer t ON t.message=m.n
WHERE m.dossier=? AND t.state IN ('waiting', 'in_doubt', 'parked', 'refused', 'dead', 'held') LIMIT 1
"""
