"""Does the journal still say what was chained? Pure: pages in, findings out. What is wrong is named by its number.

A row that was changed, one that is gone though nobody pruned it, and one that nobody chained are found by the chain alone.
Who rewrites rows *and* every hash after them, or cuts off the end, is found by the digests that an authority has stamped, or by
a hash that was written down elsewhere (``known``). Cells of any odd content are findings, too.
"""

from __future__ import annotations

from bisect import bisect_right
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from hub.evidence import merkle
from hub.evidence.chain import BEGINNING, link, said
from hub.store.upkeep import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hub.evidence.chain import Row
    from hub.evidence.contract import Page, Root, Segment, Standing

PRUNED = "pruned"
"""The journal's word for rows that went when their time was over; of the journal's own rows it names the numbers."""

LOWEST = -(2**62)
"""No row has a number as low as this."""


class Flaw(StrEnum):
    CHANGED = "changed"  # a row says something else than what was chained
    REMOVED = "removed"  # a row is gone, and no entry says that it was pruned
    INSERTED = "inserted"  # a row stands among those that were chained, and is not in the chain
    BROKEN = "broken"  # a segment is missing, or does not begin where the one before ended
    ROOT = "root"  # the entries under a digest are not those it was made from
    STAMP = "stamp"  # an authority's stamp is not for this digest, or not one that we believe
    REWRITTEN = "rewritten"  # a hash that was written down elsewhere is in no place of the chain


class Finding(msgspec.Struct, frozen=True):
    """``number``: of the row; of the segment for ``broken``; of the last segment under it for ``root`` and ``stamp``."""

    flaw: Flaw
    number: int
    detail: str = ""


class Audit:
    """Feed it every page in order. ``stamped`` says what is wrong with a root's stamp; empty: nothing. ``known``: hashes that were
    the last ones once.
    """

    def __init__(self, stamped: Callable[[Root], str], known: Iterable[bytes] = ()) -> None:
        self._stamped, self._known = stamped, set(known)
        self._head, self._after = BEGINNING, 0
        self.top = LOWEST
        self.entries = self.pruned = 0
        self._missing: set[int] = set()
        self._pruned: list[range] = []
        self._strange: set[int] = set()
        self._leaves = [BEGINNING]

    @property
    def head(self) -> bytes:
        return self._head

    @property
    def after(self) -> int:
        """The number of the last segment that was looked at."""
        return self._after

    def feed(self, page: Page) -> Iterator[Finding]:
        roots = {root.last: root for root in page.roots}
        for segment, rows in page.segments:
            yield from self._segment(segment, rows)
            if segment.n in roots:
                yield from self._root(roots[segment.n])

    def end(self, standing: Standing, *, begun: int = 0) -> Iterator[Finding]:
        """``standing``: how far the chain is said to be now; ``begun``: its segments before the first page was read."""
        if self._after < begun:
            yield Finding(Flaw.BROKEN, self._after + 1, "missing")
        if self._after > standing.segments:
            yield Finding(Flaw.BROKEN, standing.segments + 1, "beyond the end")
        for low, high in standing.gaps:
            self._strange = {seq for seq in self._strange if not low <= seq <= high}
        went = Ranges(self._pruned)
        removed = sorted(seq for seq in self._missing if seq not in went)
        self.pruned = len(self._missing) - len(removed)
        yield from (Finding(Flaw.REMOVED, seq) for seq in removed)
        yield from (Finding(Flaw.INSERTED, seq) for seq in sorted(self._strange))
        yield from (Finding(Flaw.REWRITTEN, 0, each.hex()) for each in sorted(self._known))

    def _segment(self, segment: Segment, rows: Sequence[Row]) -> Iterator[Finding]:
        if segment.n != self._after + 1:
            yield Finding(Flaw.BROKEN, self._after + 1, "missing")
        there = {row.seq: row for row in rows}
        before = self._head
        for seq, hash_ in segment.links:
            row = there.pop(seq, None)
            self._strange.discard(seq)
            if row is None:
                self._missing.add(seq)
            elif not _is(row, before, hash_):
                yield Finding(Flaw.CHANGED, seq, row.what)
            elif row.what == PRUNED:
                self._pruned += removed_by(row)
            self._known.discard(hash_)
            before = hash_
        if before != segment.head:
            yield Finding(Flaw.BROKEN, segment.n, "head")
        self._strange |= there.keys()
        self._leaves.extend(hash_ for _, hash_ in segment.links)
        self._head, self._after = segment.head, segment.n
        self.top = max(self.top, segment.high)
        self.entries += len(segment.links)

    def _root(self, root: Root) -> Iterator[Finding]:
        if merkle.root(self._leaves) != root.digest:
            yield Finding(Flaw.ROOT, root.last, f"{root.first}–{root.last}")
        elif root.token and (wrong := self._stamped(root)):
            yield Finding(Flaw.STAMP, root.last, wrong)
        self._leaves = [self._head]


def _is(row: Row, before: bytes, hash_: bytes) -> bool:
    try:
        return link(before, said(row)) == hash_
    except (AttributeError, TypeError, ValueError, msgspec.MsgspecError):  # SQLite keeps anything in any cell
        return False


def removed_by(row: Row) -> list[range]:
    """Return the numbers of the journal's own rows that a ``pruned`` entry says went; none when it says something odd."""
    try:
        facts = msgspec.json.decode(row.facts, type=dict[str, str])
        return [*numbers(facts.get("rows", ""))] if facts.get("stage") == Stage.JOURNAL else []
    except (ValueError, msgspec.MsgspecError):
        return []


class Ranges:
    """Many ranges, asked whether a number is in one of them. Nothing is counted out: one range may say any number."""

    def __init__(self, told: Iterable[range]) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []
        for each in sorted(told, key=lambda one: one.start):
            if self._stops and each.start <= self._stops[-1]:
                self._stops[-1] = max(self._stops[-1], each.stop)
            else:
                self._starts.append(each.start)
                self._stops.append(each.stop)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._starts, number) - 1
        return at >= 0 and number < self._stops[at]


def ranges(found: Iterable[int]) -> str:
    """Write numbers short: ``3-7 9``."""
    told: list[list[int]] = []
    for number in sorted(found):
        if told and told[-1][1] == number - 1:
            told[-1][1] = number
        else:
            told.append([number, number])
    return " ".join(str(low) if low == high else f"{low}-{high}" for low, high in told)


def numbers(told: str) -> Iterator[range]:
    for part in told.split():
        low, _, high = part.partition("-")
        yield range(int(low), int(high or low) + 1)
