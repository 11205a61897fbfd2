"""How a payload lies in its column: one byte that says how, then the bytes or the name of their file.

Plain or encrypted, in the row or, above 64 KB, in a blob. Packing happens before the transaction, off the writer's
thread; inside it only the key's row is checked, so a payload never commits under a key that was destroyed meanwhile.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from hub.store.blobs import Blobs  # noqa: TC001 - part of a public signature
from hub.store.sqlite.rows import one
from hub.store.vault import ID_BYTES, DataKey, Unreadable, Vault

if TYPE_CHECKING:
    import apsw

INLINE_BYTES = 64 * 1024
_ENCRYPTED, _BLOB = 1, 2
_CACHED_KEYS = 4096


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

    # --- packing, before the transaction

    def key(self, db: apsw.Connection, owner: str) -> Pen | None:
        """Return what to write under: the cached or stored key of this owner, else a new one that no row has yet."""
        if self._vault is None:
            return None
        cached = self._keys.get(owner)
        if cached is not None:
            return Pen(cached, fresh=False)
        row = one(db, "SELECT id, wrapped FROM datakey WHERE owner=? LIMIT 1", (owner,))
        if row is None:
            return Pen(self._vault.create(owner), fresh=True)
        key = self._vault.unwrap(row[0], owner, row[1])
        self.remember(key)
        return Pen(key, fresh=False)

    def pack(self, pen: Pen | None, data: bytes, place: str) -> bytes:
        how = 0
        if pen is not None:
            how |= _ENCRYPTED
            data = pen.key.id + pen.key.encrypt(data, place)
        if len(data) > INLINE_BYTES:
            how |= _BLOB
            data = self._blobs.put(data)
        return bytes((how,)) + data

    def remember(self, key: DataKey) -> None:
        self._keys[key.owner] = key
        self._keys.move_to_end(key.owner)
        while len(self._keys) > _CACHED_KEYS:
            self._keys.popitem(last=False)

    def forget(self, owner: str) -> None:
        self._keys.pop(owner, None)

    # --- reading

    def unpack(self, db: apsw.Connection, stored: bytes, place: str) -> bytes:
        """Raise ``Unreadable``."""
        how, data = stored[0], bytes(stored[1:])
        if how & _BLOB:
            data = self._blobs.get(data)
        if not how & _ENCRYPTED:
            return data
        return self._stored_key(db, data[:ID_BYTES]).decrypt(data[ID_BYTES:], place)

    def _stored_key(self, db: apsw.Connection, id_: bytes) -> DataKey:
        row = one(db, "SELECT owner, wrapped FROM datakey WHERE id=?", (id_,))
        if row is None or self._vault is None:
            raise Unreadable("the key was destroyed" if row is None else "no master key was given")
        cached = self._keys.get(row[0])
        return cached if cached is not None and cached.id == id_ else self._vault.unwrap(id_, *row)


def keep(db: apsw.Connection, pen: Pen | None) -> None:
    """Inside the transaction: the key's row is there. Raises ``KeyDestroyed``."""
    if pen is None:
        return
    key = pen.key
    if pen.fresh:
        db.execute(
            "INSERT OR IGNORE INTO datakey(id,owner,wrapped) VALUES(?,?,?)", (key.id, key.owner, key.wrapped)
        )
    elif not one(db, "SELECT 1 FROM datakey WHERE id=?", (key.id,)):
        raise KeyDestroyed(key.owner)


def destroy(db: apsw.Connection, owner: str) -> int:
    """Delete an owner's keys, overwriting them in the file; return how many there were."""
    db.execute("DELETE FROM datakey WHERE owner=?", (owner,))
    return db.changes()
