"""What messages mean to every hub with a part in their dossier, on any engine: written with the message, and read whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub.store.contract.said import KeptTelling, Tellings, Truth
from hub.store.contract.views import GaveWay
from hub.store.sql import journal, merging
from hub.store.sql.db import Raced, many, one
from hub.store.sql.times import micros

if TYPE_CHECKING:
    from hub.store.contract.intake import Acceptance
    from hub.store.sql.db import Db

KEEP = "INSERT INTO telling(dossier, hub, no, message, telling, aside) VALUES(?,?,?,?,?,?) ON CONFLICT DO NOTHING"
PREFIX = "INSERT INTO prefix(dossier, story) VALUES(?,?) ON CONFLICT DO NOTHING"
_SAID = "SELECT hub, no, message, telling, aside FROM telling WHERE dossier=? ORDER BY hub, no"
_ONE = "SELECT telling FROM telling WHERE dossier=? AND message=?"
_WHY = "SELECT aside FROM telling WHERE dossier=? AND message=?"
_ASIDE = "UPDATE telling SET aside=? WHERE dossier=? AND hub=? AND no=?"
_TRUTHS = """
SELECT d.id, coalesce((SELECT a.code FROM alias a WHERE a.dossier=d.id ORDER BY a.rank LIMIT 1), ''), d.truth FROM dossier d
WHERE d.id>? AND d.truth<>'' AND EXISTS(SELECT 1 FROM message m WHERE m.dossier=d.id AND (m.sender=? OR EXISTS(
  SELECT 1 FROM transfer t JOIN dest s ON s.id=t.dest WHERE t.message=m.n AND s.partner=?))) ORDER BY d.id LIMIT ?
"""
BELIEVED, SET_ASIDE = "believed_again", "set_aside"


def row(new: Acceptance) -> tuple[str, str, int, str, bytes, str] | None:
    told = new.numbered
    if told is None or new.dossier is None:
        return None
    return new.dossier, told.hub, told.no, new.message, told.telling, told.aside.decode()


def prefix(new: Acceptance) -> tuple[str, bytes] | None:
    told = new.numbered
    return (new.dossier, told.prefix) if told and told.prefix and new.dossier else None


def write(db: Db, new: Acceptance) -> None:
    """Raise ``Raced`` where its number was given meanwhile."""
    told = row(new)
    if told is None:
        return
    db.execute(KEEP, told)
    if not db.changes():
        raise Raced(new.message)
    before = prefix(new)
    if before is not None:
        db.execute(PREFIX, before)
    reconsider(db, new)


def reconsider(db: Db, new: Acceptance) -> None:
    """Write down, and into the journal, what became of earlier messages when the story was told anew."""
    told = new.numbered
    if told is None or told.others is None:
        return
    at = micros(new.accepted_at)
    for hub, no, message, _, aside in many(db, _SAID, (new.dossier,)):
        now = told.others.get((hub, no), b"").decode()
        if (hub, no) == (told.hub, told.no) or now == aside:
            continue
        db.execute(_ASIDE, (now, new.dossier, hub, no))
        why = msgspec.json.decode(now) if now else {}
        facts = {name: str(why[name]) for name in ("code", "rule", "by") if why.get(name)}
        journal.write(db, at, why.get("fate", BELIEVED), message, facts={**facts, "after": new.message})


def tellings(db: Db, dossier: str) -> Tellings:
    root = merging.root(db, dossier)
    before = one(db, "SELECT story FROM prefix WHERE dossier=?", (root,))
    said = tuple(
        KeptTelling(message=message, telling=bytes(telling), aside=aside.encode())
        for _, _, message, telling, aside in many(db, _SAID, (root,))
    )
    return Tellings(prefix=bytes(before[0]) if before else b"", said=said)


def telling(db: Db, dossier: str, message: str) -> bytes | None:
    for member in merging.family(db, merging.root(db, dossier)):
        found = one(db, _ONE, (member, message))
        if found is not None:
            return bytes(found[0])
    return None


def truths(db: Db, partner: str, after: str, limit: int) -> tuple[Truth, ...]:
    rows = many(db, _TRUTHS, (after, partner, partner, limit))
    return tuple(Truth(dossier=dossier, code=code, digest=digest) for dossier, code, digest in rows)


def why(db: Db, dossier: str, message: str) -> tuple[str | None, GaveWay | None]:
    """Return the code why a message changes nothing (empty: it does; ``None``: it has no number), and to what it gave way."""
    for member in merging.family(db, merging.root(db, dossier)):
        found = one(db, _WHY, (member, message))
        if found is None:
            continue
        told = msgspec.json.decode(found[0]) if found[0] else {}
        way = {name: told.get(name, "") for name in GaveWay.__struct_fields__}
        return told["code"] if told.get("fate") == SET_ASIDE else "", GaveWay(**way) if way["by"] else None
    return None, None


def forget(db: Db, dossier: str) -> None:
    db.execute("DELETE FROM telling WHERE dossier=?", (dossier,))
    db.execute("DELETE FROM prefix WHERE dossier=?", (dossier,))
