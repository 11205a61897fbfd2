"""The figures that must come out, counted from the plan alone, as a clerk would with a register and a calendar. Pure.

From the published definition (docs/reference/figures.md) and nothing of the hub's: what is true of each dossier stands in the plan, so a
figure is a list comprehension. Of a chain the parent counts; trials, parallel copies, and what was never taken in, do not.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from tests.july import days
from tests.july.days import midnight
from tests.july.places import agencies

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from tests.july.facts import Case, Pause
    from tests.july.plan import Plan

By = Literal["all", "agency", "level", "procedure", "field", "channel"]
NOTICE = 1_250_000
"""What the tax notice of a duty asks for, đồng (``tests.july.telling``)."""
ALL = ""


@dataclass(frozen=True)
class Window:
    """Both days whole. ``until``: up to when things had happened, where the period was not over."""

    first: date
    last: date
    until: datetime | None = None

    @property
    def begin(self) -> datetime:
        return midnight(self.first)

    @property
    def end(self) -> datetime:
        over = midnight(self.last) + timedelta(days=1)
        return min(over, self.until) if self.until else over

    def holds(self, moment: datetime | None) -> bool:
        return moment is not None and self.begin <= moment < self.end


@dataclass(frozen=True)
class Stand:
    """One dossier as it stood at a moment."""

    case: Case
    received: bool
    finished: datetime | None
    withdrawn: bool
    paused: bool
    due: datetime

    @property
    def open(self) -> bool:
        return self.received and self.finished is None and not self.withdrawn


def stand(case: Case, moment: datetime) -> Stand:
    """What had happened before ``moment``."""
    finished = case.finished_at if case.finished_at and case.finished_at < moment else None
    if case.finished_before and finished is None:
        done, back = case.finished_before
        finished = done if done < moment <= back else None
    received = case.taken_in and case.received_at < moment
    withdrawn = case.withdrawn_at is not None and case.withdrawn_at < moment
    waits = any(
        pause.since < moment and (pause.until is None or pause.until >= moment) for pause in case.pauses
    )
    ended = finished is not None or withdrawn
    counted_by = min(moment, case.finished_at + timedelta(seconds=1)) if case.finished_at else moment
    return Stand(case, received, finished, withdrawn, received and waits and not ended, due(case, counted_by))


def due(case: Case, moment: datetime) -> datetime:
    """The due date in force at a moment: promised or counted, then what moved it."""
    found = case.promised or case.due
    told: list[tuple[datetime, datetime | None, Pause | None]] = [(at, new, None) for at, new in case.moved]
    told += [(each.until, each.due, each) for each in case.pauses if each.what == "supplement" and each.until]
    if case.excuse and case.excuse.due:
        told.append((case.excuse.at, case.excuse.due, None))
    for at, new, pause in sorted(told, key=lambda one: one[0]):
        if at >= moment:
            break
        if new:
            found = new
        elif pause:
            found = days.after_supplement(found, pause.since, at)
    return found


def figures(plan: Plan, window: Window, by: By = "all") -> dict[str, dict[str, list[str]]]:
    """Return row → figure → the codes behind it, sorted. A row that nothing is in is not there."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for case in (*plan.cases, *plan.others):
        if case.stage != "live" or case.parent:
            continue
        for figure in _of(case, window):
            found[key(case, by)][figure].append(case.code)
    return {row: {figure: sorted(codes) for figure, codes in each.items()} for row, each in found.items()}


def _of(case: Case, window: Window) -> list[str]:
    now, before = stand(case, window.end), stand(case, window.begin)
    done = now.finished if window.holds(now.finished) else None
    came = case.taken_in and window.holds(case.received_at)
    running, late = now.open and not now.paused, now.due < window.end
    ended = window.holds(now.finished) or window.holds(case.withdrawn_at)
    told = {
        "received": came,
        "received_online": came and case.channel == "online",
        "received_direct": came and case.channel == "counter",
        "received_post": came and case.channel == "post",
        "carried_over": before.open,
        "reopened": before.finished is not None and (now.open or ended),
        "resolved": done is not None,
        "resolved_late": done is not None and done > now.due,
        "resolved_early": done is not None and done.date() < now.due.date(),
        "resolved_on_time": done is not None and done.date() == now.due.date() and done <= now.due,
        "open": now.open,
        "open_in_time": running and not late,
        "open_late": running and late,
        "paused": now.paused,
        "handed_over": window.holds(case.handed_over_at),
        "returned": window.holds(case.returned_at),
        "withdrawn": window.holds(case.withdrawn_at),
        "refused": window.holds(case.refused_at),
    }
    return [figure for figure, holds in told.items() if holds]


def money(plan: Plan, window: Window, by: By = "all") -> dict[str, dict[str, int]]:
    """Return row → figure → đồng; what is nothing is not there."""
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for case in (*plan.cases, *plan.others):
        if case.stage != "live":
            continue
        for figure, amount in _paid(case, window):
            found[key(case, by)][figure] += amount
    return {row: dict(each) for row, each in found.items()}


def _paid(case: Case, window: Window) -> Iterable[tuple[str, int]]:
    for fee in case.fees:
        moments = {"collected": fee.paid_at, "remitted": fee.remitted_at, "refunded": fee.refunded_at}
        yield from ((figure, fee.amount) for figure, at in moments.items() if window.holds(at))
    for pause in case.pauses:
        tells = pause.what == "duty" and case.counter.desk != "mapi"  # a record tells of no payment
        if tells and window.holds(pause.until):
            yield "duties_paid", NOTICE


def key(case: Case, by: By) -> str:
    """The row that a dossier is in. A record that is published to a gateway tells no channel."""
    told: Mapping[str, str] = {
        "all": ALL,
        "agency": case.unit,
        "level": agencies()[case.unit]["level"] if case.unit in agencies() else "",
        "procedure": case.work.code,
        "field": case.work.field,
        "channel": "" if case.counter.desk == "lgsp" and not case.parent else case.channel,
    }
    return told[by]
