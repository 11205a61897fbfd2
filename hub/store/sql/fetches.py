"""Documents that the hub fetches from their sender: what is to be fetched, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.documents.contract import Fetch, New, Safety
from hub.store.sql import documents, journal
from hub.store.sql.bodies import keep
from hub.store.sql.db import many, one
from hub.store.sql.times import micros, moment
from hub.store.vault import Unreadable

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from hub.store.sql.bodies import Bodies, Pen
    from hub.store.sql.db import Db
    from hub.store.sql.documents import Binding

PENDING, GIVEN_UP = "HUB-DOC-014", "HUB-DOC-015"
FOR_EVER = 253_000_000_000_000_000  # the year 9987
UNKNOWN = -1
AT_A_HUB = "hub:"
"""How the address of a document begins that lies at the hub which relayed its message: it is fetched when somebody needs it."""


class Plan(NamedTuple):
    """Everything that must be drawn before the transaction: the upload's id, its file and the file's key."""

    upload: str
    file: str
    key: bytes


def plan(db: Db, bodies: Bodies, who: Binding, new: New, what: Plan, at: int) -> None:
    """Inside the accepting transaction: the enclosure waits, and somebody will fetch it."""
    packed = documents.pack(
        bodies, who.pen, documents.Secret(what.key, new.media_type), what.upload, new.sha256
    )
    db.execute(
        "INSERT INTO upload(id,sender,sha256,size,received,until,done,file,tail,secret) VALUES(?,?,?,?,0,?,0,?,?,?)",
        (
            *(what.upload, who.sender, new.sha256, UNKNOWN if new.size is None else new.size, FOR_EVER),
            *(what.file, b"", packed),
        ),
    )
    url = bodies.pack(who.pen, new.url.encode(), f"{what.upload}/url")
    db.execute(
        "INSERT INTO fetching(upload,message,place,owner,sender,url,wake_at) VALUES(?,?,?,?,?,?,?)",
        (
            *(what.upload, who.message, new.place, who.owner, who.sender, url),
            FOR_EVER if new.url.startswith(AT_A_HUB) else at,
        ),
    )
    db.execute(
        "INSERT INTO enclosure(message,place,owner,sha256,problem) VALUES(?,?,?,'',?)",
        (who.message, new.place, who.owner, PENDING),
    )


_DUE = """
SELECT f.upload, f.message, f.place, f.owner, f.sender, f.url, f.tries, u.sha256, u.size, u.received, u.done, d.safety
FROM fetching f LEFT JOIN upload u ON u.id=f.upload LEFT JOIN document d ON d.sha256=u.sha256 AND u.done=1
WHERE f.sender=? AND f.wake_at<=? ORDER BY f.wake_at, f.upload LIMIT 1
"""
_SENDERS = """
WITH RECURSIVE s(sender) AS (
  SELECT min(sender) FROM fetching
  UNION ALL SELECT (SELECT min(f.sender) FROM fetching f WHERE f.sender>s.sender) FROM s WHERE s.sender IS NOT NULL
)
SELECT (SELECT min(f.wake_at) FROM fetching f WHERE f.sender=s.sender), s.sender FROM s WHERE s.sender IS NOT NULL
"""
"""A step of the index for each sender, however much waits for one of them."""


def want(db: Db, messages: Sequence[str], now: int) -> int:
    """Somebody needs what these messages enclose and another hub has: from now on it is to be fetched. Return how many."""
    for message in messages:
        db.execute("UPDATE fetching SET wake_at=? WHERE message=? AND wake_at=?", (now, message, FOR_EVER))
    return len(messages)


_WANTED = """
SELECT f.upload, f.message, f.place, f.owner, f.sender, f.wake_at, f.tries, u.sha256, u.size, u.received, u.done, d.safety
FROM fetching f JOIN upload u ON u.id=f.upload LEFT JOIN document d ON d.sha256=u.sha256 AND u.done=1
WHERE f.sender=? AND f.wake_at<=? ORDER BY f.wake_at, f.upload LIMIT ?
"""


def wanted(db: Db, sender: str, now: int, limit: int) -> tuple[Fetch, ...]:
    return tuple(
        Fetch(
            upload=upload,
            message=message,
            place=place,
            owner=owner,
            sender=sender_,
            url=f"{AT_A_HUB}{sha256}",
            tries=tries,
            sha256=sha256,
            size=None if size == UNKNOWN else size,
            received=received,
            safety=Safety(safety) if done and safety else None,
            until=moment(wake_at),
        )
        for upload, message, place, owner, sender_, wake_at, tries, sha256, size, received, done, safety in many(
            db, _WANTED, (sender, now, limit)
        )
    )


_SHARED = """
SELECT x.size FROM enclosure e JOIN document x ON x.sha256=e.sha256 AND x.safety='clean'
JOIN message m ON m.id=e.message JOIN transfer t ON t.message=m.n JOIN dest d ON d.id=t.dest
WHERE e.sha256=? AND d.partner=? LIMIT 1
"""
_NAMED = (
    "SELECT f.message FROM fetching f JOIN upload u ON u.id=f.upload WHERE u.sha256=? AND f.url IS NOT NULL"
)


def shared(db: Db, sha256: str, partner: str) -> int | None:
    """Return its size where it is here and clean, and a message that this partner must have encloses it."""
    row = one(db, _SHARED, (sha256, partner))
    return int(row[0]) if row else None


def elsewhere(db: Db, sha256: str) -> tuple[str, ...]:
    """Return the messages that enclose it while another hub has it."""
    return tuple(row[0] for row in many(db, _NAMED, (sha256,)))


def due(db: Db, now: int, without: Collection[str]) -> str | None:
    """Return the sender whose document waits longest, of all but these."""
    found = [row for row in many(db, _SENDERS) if row[0] <= now and row[1] not in without]
    return str(min(found)[1]) if found else None


def take(db: Db, bodies: Bodies, now: int, until: int, without: Collection[str]) -> Fetch | None:
    """Take what waits longest; it is due again at ``until`` when nothing is heard of it."""
    chosen = due(db, now, without)
    row = one(db, _DUE, (chosen, now)) if chosen is not None else None
    if row is None:
        return None
    upload, message, place, owner, sender, url, tries, sha256, size, received, done, safety = row
    db.execute("UPDATE fetching SET wake_at=? WHERE upload=? AND wake_at<=?", (until, upload, now))
    if not db.changes():
        return None
    try:
        address = bodies.unpack(db, url, f"{upload}/url").decode()
    except Unreadable:  # the dossier was forgotten meanwhile
        address = ""
    if (
        received is None
    ):  # what came was not what was named, and whoever found that was killed before it said so
        sha256, size, received, address = "", UNKNOWN, 0, ""
    return Fetch(
        upload=upload,
        message=message,
        place=place,
        owner=owner,
        sender=sender,
        url=address,
        tries=tries,
        sha256=sha256,
        size=None if size == UNKNOWN else size,
        received=received,
        safety=Safety(safety) if done and safety else None,
        until=moment(until),
    )


def sized(db: Db, upload: str, size: int) -> None:
    db.execute("UPDATE upload SET size=? WHERE id=? AND size=?", (size, upload, UNKNOWN))


def kept(db: Db, fetch: Fetch, until: int) -> bool:
    """Lengthen the lease; false when it is somebody else's by now."""
    db.execute("UPDATE fetching SET wake_at=? WHERE upload=? AND wake_at=?", (until, *_lease(fetch)))
    return db.changes() > 0


def again(db: Db, fetch: Fetch, wake_at: int) -> None:
    db.execute(
        "UPDATE fetching SET wake_at=?, tries=tries+1 WHERE upload=? AND wake_at=?", (wake_at, *_lease(fetch))
    )


def _lease(fetch: Fetch) -> tuple[str, int]:
    """A lease is told from a later one by its end."""
    return fetch.upload, micros(fetch.until)


def given_up(db: Db, fetch: Fetch, code: str, at: int) -> str:
    """Nobody will be sent this document. Returns its file when it was no document yet, or nothing."""
    if not kept(db, fetch, at):
        return ""
    db.execute(
        "UPDATE enclosure SET problem=?, hopeless=1 WHERE message=? AND place=?",
        (code, fetch.message, fetch.place),
    )
    journal.write(db, at, "fetch_given_up", fetch.message, facts={"code": code, "place": fetch.place})
    db.execute("DELETE FROM fetching WHERE upload=?", (fetch.upload,))
    if code == documents.NOT_YET[Safety.INFECTED]:  # kept for its quarantine
        db.execute("UPDATE upload SET until=? WHERE id=?", (at, fetch.upload))
        return ""
    return documents.end_upload(db, fetch.upload, at)


def bound(db: Db, bodies: Bodies, fetch: Fetch, pen: Pen | None, at: int) -> None:
    """It is here and clean: its dossier holds it, and what waited for it goes on."""
    keep(db, pen)
    stored = one(db, "SELECT secret FROM hold WHERE owner=? AND sha256=?", (fetch.upload, fetch.sha256))
    if stored is None:
        return
    if one(db, "SELECT 1 FROM hold WHERE owner=? AND sha256=?", (fetch.owner, fetch.sha256)) is None:
        secret = documents.unpack(db, bodies, stored[0], fetch.upload, fetch.sha256)
        packed = documents.pack(bodies, pen, secret, fetch.owner, fetch.sha256)
        documents.hold(db, fetch.owner, fetch.sha256, fetch.sender, at, packed)
    db.execute(
        "UPDATE enclosure SET sha256=?, problem='' WHERE message=? AND place=?",
        (fetch.sha256, fetch.message, fetch.place),
    )
    db.execute("DELETE FROM fetching WHERE upload=?", (fetch.upload,))
    documents.end_upload(db, fetch.upload, at)
    facts = {"digest": fetch.sha256, "place": fetch.place}
    journal.write(db, at, "document_fetched", fetch.message, facts=facts)
