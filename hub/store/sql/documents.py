"""Uploads, who holds a document, and what a message encloses. Keys are handed on, content never moves.

Whoever counts a reference updates the document's row first: that row is the lock between a sweep and somebody who
just found the same content still there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hub.documents.contract import Enclosure, Safety, Upload
from hub.store.blobs import PIECE, Ref
from hub.store.sql import journal
from hub.store.sql.bodies import keep
from hub.store.sql.db import Raced, many, one
from hub.store.sql.merging import FAMILY
from hub.store.sql.times import moment
from hub.store.vault import Unreadable
from schemas.problems import Problem, Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hub.documents.contract import New, NewUpload
    from hub.store.sql.bodies import Bodies, Pen
    from hub.store.sql.db import Db


class Secret(msgspec.Struct, frozen=True):
    """What only a holder knows: the file's key and what was said about the content. Stored packed, under the owner's key."""

    key: bytes
    media_type: str = ""
    name: str = ""


class Going(NamedTuple):
    """An upload that goes on: where, and what is needed to write there."""

    upload: Upload
    file: str
    key: bytes
    tail: bytes


def place(owner: str, sha256: str) -> str:
    return f"{owner}/document/{sha256}"


def pack(bodies: Bodies, pen: Pen | None, secret: Secret, owner: str, sha256: str) -> bytes:
    return bodies.pack(pen, msgspec.msgpack.encode(secret), place(owner, sha256))


def unpack(db: Db, bodies: Bodies, stored: bytes, owner: str, sha256: str) -> Secret:
    """Raise ``Unreadable``."""
    return msgspec.msgpack.decode(bodies.unpack(db, stored, place(owner, sha256)), type=Secret)


# --- uploads ----------------------------------------------------------------------------------------------------

_BROUGHT = "NOT EXISTS(SELECT 1 FROM fetching f WHERE f.upload=u.id)"
"""What the hub fetches itself belongs to the message that named it: no announcement meets it, no other message ends it."""

_UPLOAD = """
SELECT u.id, u.sender, u.sha256, u.size, u.received, u.until, u.done, d.safety
FROM upload u LEFT JOIN document d ON d.sha256=u.sha256
"""


def upload(db: Db, id_: str) -> Upload | None:
    row = one(db, f"{_UPLOAD} WHERE u.id=?", (id_,))
    return None if row is None else _upload(row)


def _upload(row: tuple[object, ...]) -> Upload:
    id_, sender, sha256, size, received, until, done, safety = row
    return msgspec.convert(
        {
            "id": id_,
            "sender": sender,
            "sha256": sha256,
            "size": size,
            "received": received,
            "until": moment(int(str(until))),
            "safety": safety if done else None,
        },
        Upload,
    )


def unclaimed(db: Db, sender: str) -> int:
    """Bytes that this sender has announced and no message has claimed; each upload counts as one piece at least."""
    query = f"SELECT coalesce(sum(CASE WHEN u.size<{PIECE} THEN {PIECE} ELSE u.size END), 0) FROM upload u WHERE u.sender=? AND {_BROUGHT}"  # noqa: S608 - constants
    row = one(db, query, (sender,))
    return int(row[0]) if row else 0


def announced_before(db: Db, sender: str, sha256: str) -> Upload | None:
    """The same content announced again goes on where the first announcement is."""
    query = f"{_UPLOAD} WHERE u.sender=? AND u.sha256=? AND {_BROUGHT} ORDER BY u.done DESC, u.received DESC LIMIT 1"
    row = one(db, query, (sender, sha256))
    return None if row is None else _upload(row)


def announce(
    db: Db, new: NewUpload, until: int, file: str, secret: bytes, pen: Pen | None, quota: int
) -> None:
    """Raise ``Refusal`` HUB-DOC-010."""
    if unclaimed(db, new.sender) + max(new.size, PIECE) > quota:
        raise refuse("HUB-DOC-010", rule=f"at most {quota} bytes that no message has claimed")
    keep(db, pen)
    db.execute(
        "INSERT INTO upload(id,sender,sha256,size,received,until,done,file,tail,secret) VALUES(?,?,?,?,0,?,0,?,?,?)",
        (new.id, new.sender, new.sha256, new.size, until, file, b"", secret),
    )


def had_before(db: Db, bodies: Bodies, new: NewUpload, pen: Pen | None, at: int) -> None:
    """Content that this sender has brought before, and that a dossier of its still holds, need not be sent again."""
    query = "SELECT h.owner, h.secret, d.size FROM hold h JOIN document d ON d.sha256=h.sha256 WHERE h.sha256=? AND h.sender=? ORDER BY h.at DESC LIMIT 5"
    for owner, stored, size in many(db, query, (new.sha256, new.sender)):
        try:
            key = unpack(db, bodies, stored, owner, new.sha256).key
        except Unreadable:
            continue
        if size == new.size:
            secret = pack(bodies, pen, Secret(key, new.media_type, new.name), new.id, new.sha256)
            hold(db, new.id, new.sha256, new.sender, at, secret)
            db.execute("UPDATE upload SET done=1, received=size WHERE id=?", (new.id,))
            return


def going(db: Db, bodies: Bodies, id_: str) -> Going | None:
    """Raise ``Unreadable``."""
    row = one(db, "SELECT sha256, file, tail, secret FROM upload WHERE id=?", (id_,))
    told = upload(db, id_)
    if row is None or told is None:
        return None
    secret = unpack(db, bodies, row[3], id_, row[0])
    tail = bodies.unpack(db, row[2], f"{id_}/tail") if row[2] else b""
    return Going(told, row[1], secret.key, tail)


def received(db: Db, id_: str, before: int, after: int, tail: bytes, pen: Pen | None) -> bool:
    """Move the offset on; false when the upload is gone or somebody else moved it."""
    db.execute(
        "UPDATE upload SET received=?, tail=? WHERE id=? AND received=? AND done=0",
        (after, tail, id_, before),
    )
    if not db.changes():
        return False
    keep(db, pen)
    return True


def done(db: Db, bodies: Bodies, id_: str, digest: str, at: int, safety: Safety, pen: Pen | None) -> str:
    """The whole content is there: hold it for its upload. Returns the file that is not needed now, or nothing."""
    row = one(db, "SELECT sender, sha256, size, file, secret FROM upload WHERE id=? AND done=0", (id_,))
    if row is None:
        raise refuse("HUB-DOC-005")
    sender, sha256, size, file, packed = row
    if not sha256:  # nobody has told it: it is what it is
        packed = pack(bodies, pen, unpack(db, bodies, packed, id_, sha256), id_, digest)
        db.execute("UPDATE upload SET sha256=? WHERE id=?", (digest, id_))
        sha256 = digest
    keep(db, pen)
    kept, superfluous = file, ""
    db.execute(
        "INSERT INTO document(sha256,file,size,refs,at,safety,checked_at,next_check) VALUES(?,?,?,0,?,?,?,?)"
        " ON CONFLICT(sha256) DO NOTHING",
        (
            *(sha256, file, size, at, str(safety)),
            *((None, at) if safety is Safety.CHECKING else (at, None)),
        ),
    )
    if not db.changes():
        kept, key = _same(db, bodies, sha256, file)
        if kept != file:
            secret = msgspec.structs.replace(unpack(db, bodies, packed, id_, sha256), key=key)
            packed, superfluous = pack(bodies, pen, secret, id_, sha256), file
    hold(db, id_, sha256, sender, at, packed)
    db.execute("UPDATE upload SET done=1, received=size, tail=? WHERE id=?", (b"", id_))
    facts = {"digest": sha256, "size": str(size), "sender": sender}
    journal.write(db, at, "document_held", facts=facts)
    return superfluous


def _same(db: Db, bodies: Bodies, sha256: str, file: str) -> tuple[str, bytes]:
    """Return the file that stands for this content and its key; the new one where nobody can read the old any more."""
    db.execute("UPDATE document SET refs=refs WHERE sha256=?", (sha256,))  # the lock
    if not db.changes():
        raise Raced(sha256)
    found = readable(db, bodies, sha256)
    if found is not None:
        return found.name, found.key
    db.execute("UPDATE document SET file=? WHERE sha256=?", (file, sha256))
    return file, b""


def readable(db: Db, bodies: Bodies, sha256: str) -> Ref | None:
    """Return how the content can be read, through any holder whose key was not destroyed."""
    rows = many(
        db,
        "SELECT d.file, d.size, h.owner, h.secret FROM document d JOIN hold h ON h.sha256=d.sha256 WHERE d.sha256=?",
        (sha256,),
    )
    for file, size, owner, stored in rows:
        try:
            return Ref(file, unpack(db, bodies, stored, owner, sha256).key, size)
        except Unreadable:
            continue
    return None


# --- who holds it -----------------------------------------------------------------------------------------------


def hold(db: Db, owner: str, sha256: str, sender: str, at: int, secret: bytes) -> None:
    """Raise ``Raced`` when a sweep took the document away since it was seen."""
    db.execute("UPDATE document SET refs=refs+1, idle_since=NULL WHERE sha256=?", (sha256,))
    if not db.changes():
        raise Raced(sha256)
    db.execute(
        "INSERT INTO hold(owner,sha256,sender,at,secret) VALUES(?,?,?,?,?)",
        (owner, sha256, sender, at, secret),
    )


def let_go(db: Db, owner: str, sha256: str, at: int) -> None:
    """The owner needs it no more; when nobody does, the sweep may have it after its grace."""
    db.execute("DELETE FROM hold WHERE owner=? AND sha256=?", (owner, sha256))
    if db.changes():
        db.execute(
            "UPDATE document SET refs=refs-1, idle_since=CASE WHEN refs=1 THEN ? ELSE idle_since END WHERE sha256=?",
            (at, sha256),
        )


def end_upload(db: Db, id_: str, at: int) -> str:
    """Remove an upload, its hold and its key. Returns its file when it was no document yet, or nothing."""
    row = one(db, "SELECT sha256, file, done FROM upload WHERE id=?", (id_,))
    if row is None:
        return ""
    let_go(db, id_, row[0], at)
    db.execute("DELETE FROM upload WHERE id=?", (id_,))
    db.execute("DELETE FROM datakey WHERE owner=?", (id_,))
    return "" if row[2] else str(row[1])


def forget(db: Db, owner: str, at: int) -> None:
    """The owner's key is destroyed: nothing of it can be read, so it holds nothing."""
    for (sha256,) in many(db, "SELECT sha256 FROM hold WHERE owner=? ORDER BY sha256", (owner,)):
        let_go(db, owner, sha256, at)


# --- what a message encloses ------------------------------------------------------------------------------------

_SOURCE = f"""
SELECT h.owner, h.secret, d.size, d.safety, h.owner=? FROM hold h JOIN document d ON d.sha256=h.sha256
WHERE h.sha256=? AND (h.owner IN ({FAMILY}) OR h.sender=?) ORDER BY CASE WHEN h.owner=? THEN 0 ELSE 1 END, h.at DESC LIMIT 5
"""  # noqa: S608 - constants
NOT_YET = {Safety.CHECKING: "HUB-DOC-002", Safety.INFECTED: "HUB-DOC-003"}


class Binding(NamedTuple):
    """Who takes the documents: the dossier (or the message without one), for this sender."""

    owner: str
    sender: str
    message: str
    pen: Pen | None


def bind(db: Db, bodies: Bodies, who: Binding, documents: Sequence[New], at: int) -> list[New]:
    """Give the documents of a message to its dossier; return those that are to be fetched.

    Raises ``Refusal`` with every one that cannot be had.
    """
    problems: list[Problem] = []
    absent: list[New] = []
    for new in sorted(documents, key=lambda each: each.sha256):
        problem = _bind(db, bodies, who, new, at) if new.sha256 else "HUB-DOC-001"
        if problem == "HUB-DOC-001" and new.url:
            absent.append(new)
        elif problem:
            problems.append(Problem(code=problem, place=new.pointer, detail=new.sha256[:12]))
    if problems:
        raise Refusal(*problems)
    return absent


def _bind(db: Db, bodies: Bodies, who: Binding, new: New, at: int) -> str:
    db.execute("UPDATE document SET refs=refs WHERE sha256=?", (new.sha256,))  # the lock
    bindings = (who.owner, new.sha256, who.owner, who.owner, who.sender, who.owner)
    source, problem = None, "HUB-DOC-001"
    for owner, stored, size, safety, own in many(db, _SOURCE, bindings):
        problem = NOT_YET.get(Safety(safety), "")
        if new.size is not None and new.size != size:
            problem = "HUB-DOC-004"
        try:
            source = (owner, unpack(db, bodies, stored, owner, new.sha256), own)
        except Unreadable:
            problem = "HUB-DOC-001"
            continue
        break
    if problem or source is None:
        return problem
    owner, secret, own = source
    if not own:
        secret = msgspec.structs.replace(secret, media_type=new.media_type or secret.media_type)
        packed = pack(bodies, who.pen, secret, who.owner, new.sha256)
        hold(db, who.owner, new.sha256, who.sender, at, packed)
        if one(db, f"SELECT 1 FROM upload u WHERE u.id=? AND {_BROUGHT}", (owner,)) is not None:  # noqa: S608 - a constant
            end_upload(db, owner, at)
    db.execute(
        "INSERT INTO enclosure(message,place,owner,sha256) VALUES(?,?,?,?)",
        (who.message, new.place, who.owner, new.sha256),
    )
    return ""


def enclosed(db: Db, messages: Iterable[str]) -> dict[str, tuple[Enclosure, ...]]:
    wanted = tuple(messages)
    marks = ",".join("?" * len(wanted))
    found: dict[str, tuple[Enclosure, ...]] = {}
    query = f"SELECT message, place, sha256, problem, hopeless FROM enclosure WHERE message IN ({marks}) ORDER BY message, place"  # noqa: S608 - question marks
    for message, where, sha256, problem, hopeless in many(db, query, wanted) if wanted else ():
        each = Enclosure(
            message=message, place=where, sha256=sha256, problem=problem, hopeless=bool(hopeless)
        )
        found[message] = (*found.get(message, ()), each)
    return found
