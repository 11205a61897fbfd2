"""What is read of the chain: pages for who checks it, proofs of entries; and the digests over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from hub.evidence import merkle
from hub.evidence.chain import BEGINNING, Row
from hub.evidence.contract import (
    Contents,
    Link,
    Page,
    Proven,
    Root,
    Segment,
    Standing,
    TheirReceipt,
    Unrooted,
)
from hub.store.sql import journal, reading
from hub.store.sql.chain import LINK, ROWS, Frontier, frontier, head
from hub.store.sql.db import many, one, only
from hub.store.sql.times import micros, moment
from hub.store.vault import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hub.store.sql.bodies import Bodies
    from hub.store.sql.db import Db

_ROOTED = "SELECT coalesce(max(last), 0) FROM root"
_SEGMENTS = "SELECT n, at, head, entries FROM segment"
_ROOTS = "SELECT first, last, leaves, digest, at, token, stamped_at FROM root"
_NEAR = 64


def _segment(n: int, at: int, last: bytes, entries: bytes) -> Segment:
    whole = len(entries) // LINK.size * LINK.size  # what was cut is found by who checks
    links = tuple(Link(*each) for each in LINK.iter_unpack(bytes(entries)[:whole]))
    return Segment(n=n, at=moment(at), head=bytes(last), links=links)


def _root(row: Sequence[Any]) -> Root:
    first, last, leaves, digest, at, token, stamped_at = row
    return Root(
        first=first,
        last=last,
        leaves=leaves,
        digest=bytes(digest),
        at=moment(at),
        token=bytes(token),
        stamped_at=moment(stamped_at),
    )


# --- digests over it ----------------------------------------------------------------------------------------------


def unrooted(db: Db, most: int) -> Unrooted | None:
    (rooted,) = only(db, _ROOTED)
    leaves = [head(db, rooted)]
    first = last = None
    for segment in _after(db, rooted):
        if first is not None and len(leaves) + len(segment.links) > most:
            break
        first, last = first or segment, segment
        leaves.extend(link.hash for link in segment.links)
    if first is None or last is None:
        return None
    return Unrooted(first=first.n, last=last.n, since=first.at, leaves=tuple(leaves))


def _after(db: Db, n: int) -> Iterator[Segment]:
    """A few at a time: how many there are says little about how many entries they hold."""
    while rows := many(db, f"{_SEGMENTS} WHERE n>? ORDER BY n LIMIT ?", (n, _NEAR)):
        yield from (_segment(*row) for row in rows)
        n = rows[-1][0]


def keep_root(db: Db, root: Root) -> bool:
    (rooted,) = only(db, _ROOTED)
    if rooted + 1 != root.first:
        return False
    db.execute(
        "INSERT INTO root(first, last, leaves, digest, at, token, stamped_at) VALUES(?,?,?,?,?,?,?) ON CONFLICT DO NOTHING",
        (
            *(root.first, root.last, root.leaves, root.digest, micros(root.at), root.token),
            micros(root.stamped_at),
        ),
    )
    return bool(db.changes())


# --- for who checks it --------------------------------------------------------------------------------------------


def page(db: Db, after: int, top: int, most: int) -> Page:
    segments = []
    last = after
    for row in many(db, f"{_SEGMENTS} WHERE n>? ORDER BY n LIMIT ?", (after, most)):
        segment = _segment(*row)
        low = min(top + 1, segment.low) if segment.high > top else segment.low
        rows = many(db, f"{ROWS} WHERE seq BETWEEN ? AND ? ORDER BY seq", (low, segment.high))
        segments.append((segment, tuple(Row(*each) for each in rows)))
        top, last = max(top, segment.high), segment.n
    roots = many(db, f"{_ROOTS} WHERE last>? AND last<=? ORDER BY last", (after, last))
    return Page(segments=tuple(segments), roots=tuple(_root(row) for row in roots))


def standing(db: Db) -> Standing:
    known = _reached(db)
    last = one(db, "SELECT head FROM segment WHERE n=?", (known.last,))
    waiting = one(db, "SELECT at FROM journal WHERE seq>? ORDER BY seq LIMIT 1", (known.top,))
    open_ = one(db, f"SELECT at FROM segment WHERE n>({_ROOTED}) ORDER BY n LIMIT 1")  # noqa: S608 - constant
    stamped = one(db, "SELECT max(stamped_at) FROM root WHERE stamped_at IS NOT NULL")
    return Standing(
        segments=known.last,
        entries=known.entries,
        top=known.top,
        head=bytes(last[0]) if last else BEGINNING,
        gaps=tuple((gap.low, gap.high) for gap in known.gaps),
        unchained=moment(waiting[0]) if waiting else None,
        unrooted=moment(open_[0]) if open_ else None,
        stamped=moment(stamped[0]) if stamped else None,
    )


def _reached(db: Db) -> Frontier:
    """How far the chain is said to be; what cannot be read says nothing."""
    try:
        return frontier(db)
    except msgspec.MsgspecError:
        return Frontier()


def contents(db: Db, bodies: Bodies, transfer: str) -> Contents:
    n, id_, media_type, headers, raw = only(
        db,
        "SELECT t.n, m.id, m.media_type, m.headers, m.raw FROM transfer t JOIN message m ON m.n=t.message WHERE t.id=?",
        (transfer,),
    )
    found = Contents(media_type=media_type, headers=journal.mapping(headers))
    try:
        found = replace(found, raw=bodies.unpack(db, raw, f"{id_}/raw"))
    except Unreadable as error:
        found = replace(found, no_raw=str(error))
    try:
        return replace(found, sealed=reading.sealed(db, bodies, n, transfer))
    except Unreadable as error:
        return replace(found, no_sealed=str(error))


def their_receipt(db: Db, bodies: Bodies, transfer: str) -> TheirReceipt | None:
    row = one(
        db, "SELECT raw, said_at, received_at, state, signature FROM receipt WHERE transfer=?", (transfer,)
    )
    if row is None:
        return None
    raw = bodies.unpack(db, row[0], f"{transfer}/receipt") if row[0] else b""
    return TheirReceipt(
        raw=raw, said_at=moment(row[1]), received_at=moment(row[2]), state=row[3], signature=row[4]
    )


# --- proofs -------------------------------------------------------------------------------------------------------


def prove(db: Db, message: str) -> Iterator[Proven]:
    """One entry after the other; a tree is built once for all entries under it."""
    trees: dict[int, tuple[Root, list[bytes]]] = {}
    for values in many(db, f"{ROWS} WHERE message=? AND message<>'' ORDER BY seq", (message,)):
        row = Row(*values)
        found = _where(db, row.seq)
        if found is not None:
            yield _proven(db, row, *found, trees)


def _where(db: Db, seq: int) -> tuple[Segment, int] | None:
    """Return the segment that holds a row, and its place in it. Ranges that lie in a gap of another are few and short."""
    bound = seq
    while near := many(
        db,
        "SELECT n, at, head, entries, low, high FROM segment WHERE low<=? ORDER BY low DESC LIMIT ?",
        (bound, _NEAR),
    ):
        for *values, _, high in near:
            if high < seq:
                continue
            segment = _segment(*values)
            for place, link in enumerate(segment.links):
                if link.seq == seq:
                    return segment, place
            return None
        bound = near[-1][4] - 1
    return None


def _proven(
    db: Db, row: Row, segment: Segment, place: int, trees: dict[int, tuple[Root, list[bytes]]]
) -> Proven:
    before = segment.links[place - 1].hash if place else head(db, segment.n - 1)
    hash_ = segment.links[place].hash
    found = _tree(db, segment.n, trees)
    if found is None:
        return Proven(row=row, before=before, hash=hash_, segment=segment.n)
    root, leaves = found
    at = leaves.index(hash_, 1)
    return Proven(
        row=row,
        before=before,
        hash=hash_,
        segment=segment.n,
        place=at,
        path=merkle.path(leaves, at),
        root=root,
    )


def _tree(db: Db, n: int, trees: dict[int, tuple[Root, list[bytes]]]) -> tuple[Root, list[bytes]] | None:
    row = one(db, f"{_ROOTS} WHERE last>=? AND first<=? ORDER BY last LIMIT 1", (n, n))
    if row is None:
        return None
    root = _root(row)
    if root.last not in trees:
        rows = many(db, f"{_SEGMENTS} WHERE n BETWEEN ? AND ? ORDER BY n", (root.first, root.last))
        links = [link.hash for each in rows for link in _segment(*each).links]
        trees[root.last] = root, [head(db, root.first - 1), *links]
    return trees[root.last]
