"""``lienthong queue list|lanes|verify``: what waits, for whom, since when, and what blocks it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from hub.cli import columns, finding, show, times
from hub.cli.desk import At  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.exits import Exit
from hub.rounds.watch import SURVEY
from hub.store.contract.views import Filter

if TYPE_CHECKING:
    from hub.store.contract.store import Store
    from hub.store.contract.views import QueueRow, TransferView

LOOKED_AT = 1000
"""Transfers that ``lanes`` looks at to find heads: what it costs does not grow with the queue."""


@dataclass(frozen=True)
class Lane:
    """A lane by its head. ``behind`` is counted just past ``finding.BEHIND``, and not at all without a dossier code."""

    head: TransferView
    behind: int


def _of_head(column: show.Column[TransferView]) -> show.Column[Lane]:
    """The same column, read from the lane's head."""
    cell, colour = column.cell, column.colour
    return show.Column(
        column.key,
        lambda row: column.value(row.head),
        (lambda row, desk: cell(row.head, desk)) if cell else None,
        (lambda row, desk: colour(row.head, desk)) if colour else None,
        room=column.room,
        whole=column.whole,
    )


_BY_KEY = {column.key: column for column in columns.TRANSFERS}
LANES: tuple[show.Column[Lane], ...] = (
    show.Column("head", lambda row: row.head.id, whole=True),
    *(_of_head(_BY_KEY[key]) for key in ("state", "partner", "dossier", "problem")),
    show.Column("behind", lambda row: row.behind, lambda row, _: finding.many(row.behind)),
    _of_head(_BY_KEY["accepted_at"]),
)


def _queue(*, worked: bool) -> tuple[show.Column[QueueRow], ...]:
    """The queue's columns, whose door knows whether anybody acts on its times."""
    door = replace(columns.DOOR, cell=lambda row, desk: columns.door_words(row, desk, worked=worked))
    return tuple(door if column is columns.DOOR else column for column in columns.QUEUE)


async def list_(*, desk: At) -> int:
    async with desk.hub() as hub:
        found = await hub.store.queue()
        worked = await finding.worked(hub.store, desk.now())
    show.rows(desk, _queue(worked=worked), found, "nothing.queue")
    return Exit.OK


async def lanes(
    *,
    partner: str = "",
    all_: Annotated[bool, Parameter("--all", negative=())] = False,
    limit: int = 20,
    desk: At,
) -> int:
    states = columns.COUNTED if all_ else columns.STOPPED
    async with desk.hub() as hub:
        heads, more = await _heads(hub.store, partner, states, limit)
        found = [Lane(head, await finding.behind(hub.store, head)) for head in heads]
        if not found:
            await finding.partner(hub, partner)
    show.rows(desk, LANES, found, "nothing.lanes")
    if more:
        desk.tell("more_lanes")
    return Exit.OK


async def _heads(
    store: Store, partner: str, states: tuple[str, ...], limit: int
) -> tuple[list[TransferView], bool]:
    """Return up to ``limit`` heads, and whether there may be more."""
    heads: list[TransferView] = []
    after, page = "", 100
    for _ in range(LOOKED_AT // page):
        found = await store.transfers(Filter(partner=partner, states=states, after=after, limit=page))
        heads.extend(view for view in found if not view.blocked)
        if len(heads) > limit or len(found) < page:
            return heads[:limit], len(heads) > limit
        after = found[-1].id
    return heads, True


async def verify(*, desk: At) -> int:
    """Check that every accepted message is, per recipient, in exactly one state; say also what the hub itself last found."""
    async with desk.hub() as hub:
        broken = await hub.store.conservation()
        before = await hub.store.verdict(SURVEY)
    if before:
        said = "verify.before_broken" if before.broken else "verify.before_whole"
        desk.tell(said, at=times.full(desk.speech, before.at, desk.now()), number=len(before.broken))
    if desk.as_json:
        show.json(desk, list(broken))
    for rule in () if desk.as_json else broken:
        desk.screen.write(rule)
    desk.tell("verify.broken" if broken else "verify.whole", number=len(broken))
    return Exit.FOUND if broken else Exit.OK
