"""The one published definition: which figure a dossier or a payment is in. Pure; the words stand in ``definition.toml``.

Every figure is the list of what it counts, so that it opens its dossiers, and its value follows from that list alone.
"""

from __future__ import annotations

import hashlib
import tomllib
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from hub.deadlines.calendar import VIETNAM
from hub.figures.period import Period, day_of
from hub.story.record import Value
from schemas.dossier import Channel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hub.figures.course import Course, Payment

FILE = Path(__file__).with_name("definition.toml")


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    vi: str
    en: str

    def say(self, language: str) -> str:
        return self.en if language == "en" else self.vi


class Meaning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure's name and its rule."""

    vi: str
    en: str
    counts: Literal["dossiers", "dong"]
    rule: Words

    def say(self, language: str) -> str:
        return self.en if language == "en" else self.vi


class Lines(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    vi: tuple[str, ...]
    en: tuple[str, ...]

    def say(self, language: str) -> tuple[str, ...]:
        return self.en if language == "en" else self.vi


class Definition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``common``: what holds for every figure."""

    version: int
    common: Lines
    figure: dict[str, Meaning]


@cache
def definition() -> Definition:
    """Read it; the same frozen text for everybody."""
    return msgspec.convert(tomllib.loads(FILE.read_text("utf-8")), Definition)


@cache
def digest() -> str:
    """SHA-256 of the definition, hex: a publication names the one by which it was counted."""
    return hashlib.sha256(msgspec.json.encode(definition(), order="deterministic")).hexdigest()


class Span(Value, frozen=True):
    """``until``: the moment at which the period was over, or that up to which it was counted while it was not."""

    period: Period
    until: datetime


class Stood(Value, frozen=True):
    """Where a dossier stood when the period began (``None``: nothing had happened), and when it ended."""

    before: Course | None
    after: Course
    span: Span

    def within(self, moment: datetime | None) -> bool:
        return self.span.period.holds(moment)

    @property
    def received(self) -> bool:
        return self.after.refused_at is None and self.within(self.after.received_at)

    @property
    def resolved(self) -> bool:
        return self.within(self.after.finished_at)

    def by(self, *channels: Channel | None) -> bool:
        return self.received and self.after.channel in channels

    @property
    def was_closed(self) -> bool:
        return self.before is not None and self.before.received_at is not None and not self.before.open


def late(due: datetime | None, moment: datetime) -> bool:
    """Whether ``moment`` is past a due date. One at midnight means the whole of its day."""
    if due is None:
        return False
    there = due.astimezone(VIETNAM)
    if (there.hour, there.minute, there.second) == (0, 0, 0):
        return day_of(moment) > day_of(due)
    return moment > due


def timely(course: Course) -> Literal["early", "on_time", "late"]:
    """How a dossier that is finished kept its due date."""
    if course.finished_at is None or course.due_at is None:
        return "on_time"
    if late(course.due_at, course.finished_at):
        return "late"
    return "early" if day_of(course.finished_at) < day_of(course.due_at) else "on_time"


def _overdue(stood: Stood) -> bool:
    return late(stood.after.due_at, stood.span.until)


def _running(stood: Stood) -> bool:
    return stood.after.open and not stood.after.paused


DOSSIERS: Mapping[str, Callable[[Stood], bool]] = {
    "received": lambda s: s.received,
    "received_online": lambda s: s.by(Channel.ONLINE),
    "received_direct": lambda s: s.by(Channel.COUNTER, None),
    "received_post": lambda s: s.by(Channel.POST),
    "carried_over": lambda s: s.before is not None and s.before.open,
    "reopened": lambda s: s.was_closed and (s.after.open or s.within(s.after.closed_at)),
    "resolved": lambda s: s.resolved,
    "resolved_early": lambda s: s.resolved and timely(s.after) == "early",
    "resolved_on_time": lambda s: s.resolved and timely(s.after) == "on_time",
    "resolved_late": lambda s: s.resolved and timely(s.after) == "late",
    "open": lambda s: s.after.open,
    "open_in_time": lambda s: _running(s) and not _overdue(s),
    "open_late": lambda s: _running(s) and _overdue(s),
    "paused": lambda s: s.after.paused,
    "handed_over": lambda s: s.within(s.after.handed_over_at),
    "returned": lambda s: s.within(s.after.returned_at),
    "withdrawn": lambda s: s.within(s.after.withdrawn_at),
    "refused": lambda s: s.within(s.after.refused_at),
}
"""Figure → whether a dossier is in it."""

MONEY: Mapping[str, Callable[[Payment, Period], int]] = {
    "collected": lambda p, of: p.amount if not p.duty and of.holds(p.paid_at) else 0,
    "refunded": lambda p, of: p.refunded if not p.duty and of.holds(p.refunded_at) else 0,
    "remitted": lambda p, of: p.amount if not p.duty and of.holds(p.remitted_at) else 0,
    "duties_paid": lambda p, of: p.amount if p.duty and of.holds(p.paid_at) else 0,
}
"""Figure → what a payment adds to it."""

FIGURES: tuple[str, ...] = (*DOSSIERS, *MONEY)
