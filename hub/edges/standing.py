"""How a hub below stands with the one above, in one word that a person understands. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from hub.store.contract.edges import Link, Waiting  # noqa: TC001
from hub.store.contract.value import Value

RECENT = timedelta(minutes=3)
"""A line that was heard so lately counts as up: both greet each minute."""
CLOCK = 120.0
"""Seconds by which a clock may be off before the hub above refuses what is signed by it."""


class Line(StrEnum):
    LINKED = "linked"
    STANDS = "stands"
    NAME = "name"
    REFUSED = "refused"
    SILENT = "silent"
    CLOCK = "clock"
    TURNED_AWAY = "turned_away"
    NOT_TRIED = "not_tried"
    ALONE = "alone"


class Reached(StrEnum):
    """What a connection came to."""

    NOT_TRIED = "not_tried"
    NO_NAME = "no_name"
    REFUSED = "refused"
    NO_ANSWER = "no_answer"
    OPEN = "open"


class Standing(Value, frozen=True, kw_only=True):
    """``above`` empty: this hub has none. ``free``: bytes on the disk, of ``room``. ``version``: which of the hub above's is in force here;
    ``newest``: the newest that is known here.
    """

    hub: str
    above: str = ""
    url: str = ""
    link: Link | None = None
    waiting: Waiting | None = None
    reached: Reached = Reached.NOT_TRIED
    free: int = 0
    room: int = 1
    ends: datetime | None = None
    version: int = 0
    newest: int = 0
    now: datetime

    @property
    def line(self) -> Line:
        return line(self)


def line(told: Standing) -> Line:
    """Say why, the nearest cause first."""
    if told.link is None:
        return Line.ALONE
    if told.link.stands:
        return Line.STANDS
    heard = told.link.met_at is not None and told.now - told.link.met_at < RECENT
    if heard and not told.link.error:
        return Line.CLOCK if abs(told.link.ahead) > CLOCK else Line.LINKED
    unreached = {
        Reached.NO_NAME: Line.NAME,
        Reached.REFUSED: Line.REFUSED,
        Reached.NO_ANSWER: Line.SILENT,
    }.get(told.reached)
    if unreached is not None:
        return unreached
    return Line.TURNED_AWAY if told.link.error else Line.NOT_TRIED
