"""Lists of transfers, newest first: one index leads, what it cannot say is filtered, and a page never costs more than a bound.

The leading index is the narrowest that the filter names: the dossier's code, the problem, partner and state, the sender.
"""

from __future__ import annotations

from heapq import merge
from typing import TYPE_CHECKING

from hub.lifecycle import State
from hub.store.sql import leases, merging, reading
from hub.store.sql.db import Db, many, one

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.store.contract.views import Filter, TransferView
    from hub.store.sql.leases import Leased

MOST_LOOKED_AT = 20_000
_CHUNK = 100
_END = 2**62


def transfers(db: Db, which: Filter) -> tuple[TransferView, ...]:
    leased = leases.everything(db)
    below = _END
    if which.after:
        below = reading.number(db, which.after) or 0
    found: list[TransferView] = []
    last = 0
    for looked, n in enumerate(_leading(db, which, below, leased)):
        if len(found) >= which.limit or looked >= MOST_LOOKED_AT:
            break
        if n != last:
            view = reading.view(db, n, leased)
            found += [view] if _fits(db, view, which) else []
        last = n
    return tuple(found)


def _fits(db: Db, view: TransferView, which: Filter) -> bool:
    return (
        which.partner in {"", view.partner}
        and (not which.states or view.state in which.states)
        and which.sender in {"", view.sender}
        and which.problem in {"", view.problem}
        and (not which.dossier_code or _named(db, view.dossier, which.dossier_code))
    )


def _named(db: Db, dossier: str | None, code: str) -> bool:
    if dossier is None:
        return False
    return (
        one(db, "SELECT 1 FROM alias WHERE code=? AND dossier=?", (code, merging.root(db, dossier)))
        is not None
    )


def _leading(db: Db, which: Filter, below: int, leased: dict[int, Leased]) -> Iterator[int]:
    if which.dossier_code:
        return _of_dossier(db, which.dossier_code, below)
    if which.problem:
        return _down(
            db,
            "SELECT n FROM transfer WHERE problem=? AND problem<>'' AND n<? ORDER BY n DESC LIMIT ?",
            (which.problem,),
            below,
        )
    if which.partner or which.states:
        return _by_state(db, which, below, leased)
    if which.sender:
        return _from_sender(db, which.sender, below)
    return _down(db, "SELECT n FROM transfer WHERE n<? ORDER BY n DESC LIMIT ?", (), below)


def _down(db: Db, query: str, bindings: tuple[object, ...], below: int) -> Iterator[int]:
    """Walk an index downwards in chunks; each is a seek, and none stays open."""
    while rows := many(db, query, (*bindings, below, _CHUNK)):
        yield from (row[0] for row in rows)
        below = rows[-1][0]


def _of_dossier(db: Db, code: str, below: int) -> Iterator[int]:
    dossiers = many(db, "SELECT dossier FROM alias WHERE code=?", (code,))
    ids = {id_ for (dossier,) in dossiers for id_ in merging.family(db, dossier)}
    messages = [
        n for id_ in sorted(ids) for (n,) in many(db, "SELECT n FROM message WHERE dossier=?", (id_,))
    ]
    numbers = [n for message in messages for n in reading.of_message(db, message) if n < below]
    return iter(sorted(numbers, reverse=True))


def _from_sender(db: Db, sender: str, below: int) -> Iterator[int]:
    row = one(db, "SELECT message FROM transfer WHERE n<? ORDER BY n DESC LIMIT 1", (below,))
    top = row[0] + 1 if row else 0
    query = "SELECT n FROM message WHERE sender=? AND n<? ORDER BY n DESC LIMIT ?"
    for message in _down(db, query, (sender,), top):
        yield from (n for n in reversed(reading.of_message(db, message)) if n < below)


def _by_state(db: Db, which: Filter, below: int, leased: dict[int, Leased]) -> Iterator[int]:
    """Merge the non-empty (destination, state) ranges; who is leased counts as in doubt whatever its row says."""
    states = which.states or tuple(State)
    pairs = [
        (dest, what)
        for dest, what, partner in many(
            db, "SELECT c.dest, c.what, d.partner FROM counts c JOIN dest d ON d.id=c.dest WHERE c.n>0"
        )
        if what in states and which.partner in {"", partner}
    ]
    query = "SELECT n FROM transfer WHERE dest=? AND state=? AND n<? ORDER BY n DESC LIMIT ?"
    walks = [_down(db, query, pair, below) for pair in pairs]
    if not which.states or State.IN_DOUBT in which.states:
        walks.append(iter(sorted((n for n in leased if n < below), reverse=True)))
    return merge(*walks, reverse=True)
