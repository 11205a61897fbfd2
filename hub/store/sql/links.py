"""Download links: rows written when a transfer is sealed, looked up by the SHA-256 of what stands in the sealed bytes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from hub.documents.contract import Reach
from hub.lifecycle import DONE
from hub.store.blobs import Ref
from hub.store.sql import journal
from hub.store.sql.db import one
from hub.store.sql.documents import unpack
from hub.store.vault import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connectors.contract import Link
    from hub.store.sql.bodies import Bodies, Pen
    from hub.store.sql.db import Db

SECOND = 1_000_000


class About(msgspec.Struct, frozen=True):
    """What a download says of itself; stored packed."""

    media_type: str
    name: str


def id_of(uid: str) -> str:
    """Whoever reads the database must not be able to download by it."""
    return hashlib.sha256(uid.encode(errors="surrogatepass")).hexdigest()


def pack(bodies: Bodies, pen: Pen | None, link: Link) -> bytes:
    about = msgspec.msgpack.encode(About(link.media_type, link.name))
    return bodies.pack(pen, about, f"{id_of(link.uid)}/link")


def write(db: Db, transfer: int, owner: str, links: Iterable[tuple[Link, bytes]]) -> None:
    """Inside the transaction that seals."""
    for link, about in links:
        db.execute(
            "INSERT INTO link(id,transfer,owner,sha256,grace,secret) VALUES(?,?,?,?,?,?) ON CONFLICT(id) DO NOTHING",
            (id_of(link.uid), transfer, owner, link.sha256, int(link.grace * SECOND), about),
        )


_REACH = """
SELECT l.id, p.partner, t.id, l.sha256, l.owner, l.secret, l.grace, t.state, t.settled_at, d.size, h.sha256, d.safety
FROM link l JOIN transfer t ON t.n=l.transfer JOIN dest p ON p.id=t.dest
LEFT JOIN document d ON d.sha256=l.sha256 LEFT JOIN hold h ON h.owner=l.owner AND h.sha256=l.sha256
WHERE l.id=?
"""


def reach(db: Db, bodies: Bodies, uid: str, now: int) -> Reach | None:
    row = one(db, _REACH, (id_of(uid),))
    if row is None:
        return None
    id_, partner, transfer, sha256, _, stored, grace, state, settled_at, size, held, safety = row
    finished = state in DONE and settled_at is not None and settled_at + grace <= now
    about = None
    if held is not None and safety == "clean" and not finished:
        try:
            about = msgspec.msgpack.decode(bodies.unpack(db, stored, f"{id_}/link"), type=About)
        except Unreadable:
            about = None
    return Reach(
        id=id_,
        partner=partner,
        transfer=transfer,
        sha256=sha256,
        size=size or 0,
        media_type=about.media_type if about else "",
        name=about.name if about else "",
        over=about is None,
    )


def ref(db: Db, bodies: Bodies, id_: str) -> Ref:
    """Return how the link's content is read. Raises ``Unreadable``."""
    row = one(
        db,
        "SELECT d.file, d.size, h.owner, h.sha256, h.secret FROM link l JOIN document d ON d.sha256=l.sha256"
        " JOIN hold h ON h.owner=l.owner AND h.sha256=l.sha256 WHERE l.id=?",
        (id_,),
    )
    if row is None:
        raise Unreadable("nobody holds it any more")
    return Ref(row[0], unpack(db, bodies, row[4], row[2], row[3]).key, row[1])


def downloaded(db: Db, told: Reach, sent: int, at: int, *, whole: bool) -> None:
    db.execute(
        "UPDATE link SET downloads=downloads+1, bytes=bytes+?, last_at=? WHERE id=?", (sent, at, told.id)
    )
    row = one(
        db, "SELECT m.id FROM transfer t JOIN message m ON m.n=t.message WHERE t.id=?", (told.transfer,)
    )
    facts = {
        "digest": told.sha256,
        "partner": told.partner,
        "bytes": str(sent),
        "whole": "yes" if whole else "no",
    }
    journal.write(db, at, "downloaded", row[0] if row else "", told.transfer, facts)
