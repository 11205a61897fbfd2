"""The line as a file: what would have gone over it, carried by hand.

    "LTEDGE1", head, signature of the head: a line each; then frames as on the line (connectors/edge/frames.py)

The head (canonical JSON) says from whom to whom and holds an acknowledgement of what came the other way; it is signed by the
sender's key, as every batch is. The same doors as the line's take it in, so a second time has no effect, an older file neither, and of one
that is cut off all that is whole counts. A file without frames is an acknowledgement.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING

import msgspec

from connectors.edge import texts
from connectors.edge.frames import Frames
from connectors.edge.values import MAJOR, Acks, Value
from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from connectors.edge.frames import Framed
    from hub.edges.exchanging import Exchanging
    from hub.edges.peers import Peer

MAGIC = b"LTEDGE1\n"
MOST_HEAD = 1 << 20
FOREIGN, DAMAGED = "HUB-EDG-066", "HUB-EDG-067"
ALL = 1 << 62
STEP = 1 << 20


class Head(Value, frozen=True, kw_only=True):
    """``acks``: what the sender had taken in of the other's batches when the file was written."""

    v: int
    m: int = 0
    source: str = msgspec.field(name="from")
    target: str = msgspec.field(name="to")
    acks: Acks
    made_at: datetime


class Written(Value, frozen=True):
    """``batches``, ``entries``: in the file; ``after``: the number before the first."""

    batches: int
    entries: int
    size: int
    after: int


class Taken(Value, frozen=True):
    """``new``: batches that were not known here; ``known``: that were; ``ended``: own transfers that the file's acknowledgement ended.

    ``cut``: the file ends inside a batch, whose number is ``after`` + 1.
    """

    new: int
    known: int
    ended: int
    after: int
    cut: bool


class Carrying:
    def __init__(self, exchanging: Exchanging) -> None:
        self._exchanging = exchanging

    async def write(self, peer: Peer, *, only_acks: bool = False) -> tuple[bytes, Written]:
        """Return the file with all that the other hub has not acknowledged."""
        link = await self._exchanging.store.edges.link(peer.partner)
        frames = [] if only_acks else await self._exchanging.frames(peer, ALL)
        head = texts.write(
            Head(
                v=MAJOR,
                source=self._exchanging.peers.us,
                target=peer.code,
                acks=await self._exchanging.acks(peer, 0),
                made_at=self._exchanging.now(),
            )
        )
        signature = self._exchanging.peers.sign(head, self._exchanging.now())
        raw = b"".join((MAGIC, head, b"\n", signature.encode(), b"\n", *frames))
        entries = sum(len(each.manifest.entries) for each in Frames().feed(b"".join(frames)))
        return raw, Written(len(frames), entries, len(raw), link.acked)

    def sender(self, raw: bytes) -> Peer:
        """Say whose file it is. Raises ``Refusal`` HUB-EDG-066 for another hub's, -067 for no such file; HUB-SIG-*, HUB-CRT-*."""
        return self._opened(raw)[0]

    async def take(self, raw: bytes) -> Taken:
        """Take it in. Raises ``Refusal`` HUB-EDG-020, -066, -067, HUB-SIG-*, HUB-CRT-*; what was whole before counts."""
        peer, head, rest = self._opened(raw)
        store = self._exchanging.store.edges
        link = await store.link(peer.partner)
        if link.stands:
            raise refuse(link.stands, "file", detail=link.detail)
        ended = 0
        if head.acks.epoch == link.made.epoch and head.acks.upto > link.acked:
            ended = await self._exchanging.sending.acknowledged(peer.partner, head.acks)
        new = known = 0
        frames = Frames()
        for framed in _each(frames, rest, link.taken.seq):
            before = (await store.link(peer.partner)).taken.seq
            if framed.manifest.epoch == link.taken.epoch and framed.manifest.seq > before + 1:
                raise refuse(DAMAGED, f"batch {framed.manifest.seq}", rule=f"batch {before + 1} first")
            if not await self._exchanging.take(peer, framed):
                raise refuse("HUB-LIM-003", f"batch {framed.manifest.seq}")
            moved = (await store.link(peer.partner)).taken.seq > before
            new, known = new + moved, known + (not moved)
        after = (await store.link(peer.partner)).taken.seq
        return Taken(new, known, ended, after, frames.cut)

    def _opened(self, raw: bytes) -> tuple[Peer, Head, bytes]:
        if not raw.startswith(MAGIC):
            raise refuse(DAMAGED, "file", rule="a file that lienthong edge outbox export wrote")
        told, _, behind = raw[len(MAGIC) :].partition(b"\n")
        signature, _, rest = behind.partition(b"\n")
        try:
            head = texts.read(Head, told, limit=MOST_HEAD)
        except Refusal:
            raise refuse(DAMAGED, "head", rule="a file that lienthong edge outbox export wrote") from None
        peers = self._exchanging.peers
        peer = peers.called(head.source)
        if peer is None or head.target != peers.us:
            raise refuse(FOREIGN, "head", rule=f"to {peers.us}", detail=f"{head.source} → {head.target}")
        peer.verify(told, signature.decode("ascii", "replace"), self._exchanging.now())
        if (head.acks.source, head.acks.target) != (head.source, head.target):
            raise refuse(DAMAGED, "head", rule="acknowledgements of its sender")
        return peer, head, rest


def _each(frames: Frames, rest: bytes, last: int) -> Iterator[Framed]:
    """Yield batch by batch; name the one that cannot be read."""
    for piece in _pieces(rest):
        try:
            for framed in frames.feed(piece):
                last = framed.manifest.seq
                yield framed
        except Refusal as refusal:
            if refusal.code != "HUB-EDG-002":
                raise
            rule = refusal.problems[0].rule
            raise refuse(DAMAGED, f"batch {last + 1}", rule=rule) from None


def _pieces(rest: bytes) -> Iterable[bytes]:
    return (rest[at : at + STEP] for at in range(0, len(rest), STEP))
