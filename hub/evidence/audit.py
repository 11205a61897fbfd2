"""Does the journal still say what was chained? Pure: pages in, findings out. What is wrong is named by its number.

A row that was changed, one that is gone though nobody pruned it, and one that nobody chained are found by the chain alone.
Who rewrites rows *and* every hash after them is found by the digests that an authority has stamped, or by a head that was
written down elsewhere.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from hub.evidence import merkle
from hub.evidence.chain import BEGINNING, link, said
from hub.store.upkeep import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hub.evidence.chain import Row
    from hub.evidence.contract import Page, Root, Segment

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


class Finding(msgspec.Struct, frozen=True):
    """``number``: of the row; of the segment for ``broken``; of the last segment under it for ``root`` and ``stamp``."""

    flaw: Flaw
    number: int
    detail: str = ""


class Audit:
    """Feed it every page in order. ``stamped`` says what is wrong with a root's stamp; empty: nothing."""

    def __init__(self, stamped: Callable[[Root], str]) -> None:
        self._stamped = stamped
        self._head, self._after = BEGINNING, 0
        self.top = LOWEST
        self.entries = 0
        self._missing: set[int] = set()
        self._pruned: set[int] = set()
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

    def end(self, gaps: Iterable[tuple[int, int]] = ()) -> Iterator[Finding]:
        """``gaps``: numbers that may still be chained."""
        for low, high in gaps:
            self._strange = {seq for seq in self._strange if not low <= seq <= high}
        yield from (Finding(Flaw.REMOVED, seq) for seq in sorted(self._missing - self._pruned))
        yield from (Finding(Flaw.INSERTED, seq) for seq in sorted(self._strange))

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
            elif link(before, said(row)) != hash_:
                yield Finding(Flaw.CHANGED, seq, row.what)
            elif row.what == PRUNED:
                self._pruned |= removed_by(row)
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


def removed_by(row: Row) -> set[int]:
    """Return the numbers of the journal's own rows that a ``pruned`` entry says went."""
    facts = msgspec.json.decode(row.facts, type=dict[str, str])
    if facts.get("stage") != Stage.JOURNAL:
        return set()
    return set(numbers(facts.get("rows", "")))


def ranges(found: Iterable[int]) -> str:
    """Write numbers short: ``3-7 9``."""
    told: list[list[int]] = []
    for number in sorted(found):
        if told and told[-1][1] == number - 1:
            told[-1][1] = number
        else:
            told.append([number, number])
    return " ".join(str(low) if low == high else f"{low}-{high}" for low, high in told)


def numbers(told: str) -> Iterator[int]:
    for part in told.split():
        low, _, high = part.partition("-")
        yield from range(int(low), int(high or low) + 1)
