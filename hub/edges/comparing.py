"""Do two hubs remember the same of each other? Pure: what this one remembers, what the other says, and what follows.

Of each of the two ways both sides know an epoch, the number of its last batch and that batch's digest. Whoever knows less than it had said
was restored from a backup, or is another machine with the same key. The hub below is not believed then (a person readmits it, in a new
epoch); the hub above cannot be refused, so what it lost is sent again, and given back to it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from hub.store.contract.edges import Head, Link


UNDER_WAY = timedelta(seconds=240)
"""As long as a greeting may be under way: its token counts for 120 s to either side of the clock of the hub that is called."""


class Said(NamedTuple):
    """What the other hub says: the last batch that it made for us, and up to where it has taken ours in."""

    made: Head
    has: Head


class Behind(NamedTuple):
    """A place in a way: all batches behind it, in its epoch and in later ones."""

    epoch: int
    seq: int


class FromBelow(NamedTuple):
    """``fork``: why it is not believed; empty: it is. ``lost``: batches of ours behind that one it can give back to us: this hub was restored."""

    fork: str = ""
    lost: int | None = None


class FromAbove(NamedTuple):
    """``give_back``: it lost batches of its own behind that one; ``fall_back``: it has ours up to there only. ``out``, ``taken``: epochs that begin
    (0: none); ``fetch_back``: we lost batches of ours behind that one, which it has. ``fork``: what nothing but a person can mend.
    """

    give_back: Behind | None = None
    fall_back: int | None = None
    fetch_back: Behind | None = None
    out: int = 0
    taken: int = 0
    fork: str = ""


def late(link: Link, clock: datetime) -> bool:
    """Whether a greeting was said before one that was believed already: it came again, or was held up, and tells of days gone by.

    ``clock``: of the hub below, when it said this. One that is further back than anything can be under way was set back; what it says counts.
    """
    if link.met_at is None:
        return False
    believed = link.met_at + timedelta(seconds=link.ahead)
    return believed - UNDER_WAY <= clock <= believed


def below(link: Link, said: Said, ours: str | None) -> FromBelow:
    """``ours``: the digest of our batch that it says it has last; ``None``: it is not known any more, or never was."""
    fork = _of_its_own(said.made, link.taken)
    return FromBelow(fork) if fork else _of_ours(said.has, link, ours)


def _of_its_own(made: Head, taken: Head) -> str:
    """Whether what it has made goes on from what came of it. ``taken``: the last batch that came."""
    if made.epoch > taken.epoch or (made.epoch < taken.epoch and taken.seq > 0):
        return f"it is in epoch {made.epoch}, not {taken.epoch}"
    if made.epoch == taken.epoch and made.seq < taken.seq:
        return f"it has made {made.epoch}.{made.seq}, and {taken.epoch}.{taken.seq} came from it"
    if made.epoch == taken.epoch and made.seq == taken.seq and made.seq and made.digest != taken.digest:
        return f"its batch {made.epoch}.{made.seq} is another than the one that came"
    return ""


def _of_ours(has: Head, link: Link, ours: str | None) -> FromBelow:
    """Whether what it has of ours goes on from what it had acknowledged."""
    if has.epoch > link.made.epoch or (has.epoch == link.made.epoch and has.seq > link.made.seq):
        return FromBelow(lost=link.made.seq if has.epoch == link.made.epoch else 0)
    if has.epoch == link.made.epoch and has.seq < link.acked:
        return FromBelow(f"it has {has.epoch}.{has.seq}, and had acknowledged {link.acked}")
    if has.epoch == link.made.epoch and has.seq and ours is not None and ours != has.digest:
        return FromBelow(f"it has another batch {has.epoch}.{has.seq} than was made for it")
    return FromBelow()


def above(link: Link, said: Said) -> FromAbove:
    """What to do by what the hub above remembers of us, and by what it says of itself."""
    has, made = said.has, said.made
    found = FromAbove()
    if has.epoch > link.made.epoch:
        found = found._replace(out=has.epoch, fetch_back=Behind(link.made.epoch, link.made.seq))
    elif has.epoch < link.made.epoch:
        return FromAbove(fork=f"it is in epoch {has.epoch} of what we send, not {link.made.epoch}")
    elif has.seq > link.made.seq:
        return FromAbove(fork=f"it has {has.epoch}.{has.seq} of ours, which was not made here")
    elif has.seq < link.acked:
        found = found._replace(fall_back=has.seq)
    if made.epoch > link.taken.epoch:
        found = found._replace(taken=made.epoch)
    elif (made.epoch, made.seq) < (link.taken.epoch, link.taken.seq):
        found = found._replace(give_back=Behind(made.epoch, made.seq))
    return found


def spans(behind: Behind, last: int) -> Iterator[Behind]:
    """Return where to begin in each epoch, up to the ``last``: whoever lost more than one needs all of them."""
    yield behind
    for epoch in range(behind.epoch + 1, last + 1):
        yield Behind(epoch, 0)
