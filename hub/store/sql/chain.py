"""The journal's chain in the store. Rows are chained after they were committed, by one process at a time, in the order seen.

On PostgreSQL a row may become visible after one with a higher number. So the numbers that were passed over are gaps, looked
into at each round until every transaction that could still fill them has ended; what appears then is chained as a segment of
its own. SQLite has one writer: there no gap is ever filled.
"""

from __future__ import annotations

import struct
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hub.evidence.chain import BEGINNING, HASH_BYTES, Row, link, said
from hub.evidence.contract import Link, Segment
from hub.store.sql import notes
from hub.store.sql.db import many, only
from hub.store.sql.times import micros

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from hub.store.sql.db import Db

_FRONTIER = "chained"
LINK = struct.Struct(f">q{HASH_BYTES}s")
"""A link as it lies in its segment."""
ROWS = "SELECT seq, at, what, message, transfer, facts FROM journal"
_WIDE = 64
"""Numbers from which on a gap is asked as a range."""
_GROW = "UPDATE keeping SET value=?, at=? WHERE name=? AND value=?"
_BEGIN = "INSERT INTO keeping(name, value, at) VALUES(?,?,?) ON CONFLICT DO NOTHING"
_SEGMENT = "INSERT INTO segment(n, low, high, count, at, head, entries) VALUES(?,?,?,?,?,?,?)"


class Gap(msgspec.Struct, frozen=True, array_like=True):
    """Numbers that were passed over. ``until``: transactions before this one may still fill them; ``None``: not asked yet.

    It is asked a round after the gap was seen: by then who drew its number without being a transaction yet is one.
    """

    low: int
    high: int
    until: int | None = None


class Frontier(msgspec.Struct, frozen=True):
    """``last``: number of the last segment; ``top``: the highest row in the chain; ``entries``: how many it has."""

    last: int = 0
    top: int = 0
    entries: int = 0
    gaps: tuple[Gap, ...] = ()

    @property
    def floor(self) -> int:
        """All rows up to here are in the chain."""
        return self.gaps[0].low - 1 if self.gaps else self.top


class Found(NamedTuple):
    """``stored``: how far the chain was. ``runs``: rows to chain, each to be a segment. ``oldest``, ``following``: ``Db.under_way``."""

    stored: str
    head: bytes
    runs: tuple[tuple[Row, ...], ...]
    oldest: int
    following: int


class Longer(NamedTuple):
    frontier: Frontier
    segments: tuple[Segment, ...]


def frontier(db: Db) -> Frontier:
    return _read(notes.read(db, _FRONTIER))


def _read(stored: str) -> Frontier:
    return msgspec.json.decode(stored, type=Frontier) if stored else Frontier()


def head(db: Db, n: int) -> bytes:
    """Return the last hash of a segment; what stands before the first for 0."""
    return bytes(only(db, "SELECT head FROM segment WHERE n=?", (n,))[0]) if n else BEGINNING


def find(db: Db, most: int) -> Found:
    """Look for what is not chained, in one snapshot."""
    stored = notes.read(db, _FRONTIER)
    known = _read(stored)
    late = sorted(_late(db, known.gaps, most))
    new = tuple(Row(*row) for row in many(db, f"{ROWS} WHERE seq>? ORDER BY seq LIMIT ?", (known.top, most)))
    runs = (*_runs(late), new) if new else tuple(_runs(late))
    return Found(stored, head(db, known.last), runs, *db.under_way())


def _late(db: Db, gaps: Sequence[Gap], most: int) -> Iterator[Row]:
    """What appeared in gaps. There may be many narrow ones while somebody else's transaction in the same cluster is long."""
    wide = [gap for gap in gaps if gap.high - gap.low >= _WIDE]
    narrow = [seq for gap in gaps if gap.high - gap.low < _WIDE for seq in range(gap.low, gap.high + 1)]
    for gap in wide:
        rows = many(db, f"{ROWS} WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?", (gap.low, gap.high, most))
        yield from (Row(*row) for row in rows)
    if narrow:
        yield from (Row(*row) for row in db.each(f"{ROWS} WHERE seq=?", narrow))


def _runs(rows: Sequence[Row]) -> Iterator[tuple[Row, ...]]:
    """Part them where a number is missing: another segment may lie there."""
    for _, run in groupby(enumerate(rows), lambda each: each[1].seq - each[0]):
        yield tuple(row for _, row in run)


def longer(found: Found, now: datetime) -> Longer:
    """Chain what was found. Pure."""
    known, last = _read(found.stored), found.head
    segments = []
    for n, run in enumerate(found.runs, known.last + 1):
        links = []
        for row in run:
            last = link(last, said(row))
            links.append(Link(row.seq, last))
        segments.append(Segment(n=n, at=now, head=last, links=tuple(links)))
    chained = [row.seq for run in found.runs for row in run]
    after = Frontier(
        last=known.last + len(segments),
        top=max((known.top, *chained)),
        entries=known.entries + len(chained),
        gaps=tuple(_gaps(known, chained, found)),
    )
    return Longer(after, tuple(segments))


def _gaps(known: Frontier, chained: Sequence[int], found: Found) -> Iterator[Gap]:
    """Return those that may still be filled, and those that are new."""
    for gap in known.gaps:
        # numbers of transactions begin anew in another database: what was asked of an earlier one is asked again
        until = found.following if gap.until is None else min(gap.until, found.following)
        if gap.until is None or found.oldest < until:
            yield from _without(Gap(gap.low, gap.high, until), chained)
    passed = (known.top, *(seq for seq in chained if seq > known.top))
    yield from (Gap(low + 1, high - 1) for low, high in pairwise(passed) if high - low > 1)


def _without(gap: Gap, filled: Iterable[int]) -> Iterator[Gap]:
    low = gap.low
    for seq in filled:
        if low <= seq <= gap.high:
            if low < seq:
                yield Gap(low, seq - 1, gap.until)
            low = seq + 1
    if low <= gap.high:
        yield Gap(low, gap.high, gap.until)


def grow(db: Db, found: Found, after: Longer, at: int) -> bool:
    """Write it; false when another process was quicker, and then nothing is written."""
    stored = msgspec.json.encode(after.frontier).decode()
    if stored == found.stored:
        return True
    if found.stored:
        db.execute(_GROW, (stored, at, _FRONTIER, found.stored))
    else:
        db.execute(_BEGIN, (_FRONTIER, stored, at))
    if not db.changes():
        return False
    for one in after.segments:
        entries = b"".join(LINK.pack(*each) for each in one.links)
        db.execute(_SEGMENT, (one.n, one.low, one.high, len(one.links), micros(one.at), one.head, entries))
    return True
