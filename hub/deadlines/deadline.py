"""The deadline of a dossier: promised, or counted from its procedure's processing time, in working days. Pure.

* A promise that was told stands: the hub counts only while there is none, and forgets what it counted when one comes.
* It counts from the reception that the message tells, once the dossier has been accepted.
* Waiting for the applicant moves it, by the rule in ``hub.deadlines.calendar``; a promise, too, unless whoever tells that the waiting is
  over tells the due date as well, and neither when it was said that the clock goes on. A date that is told while the applicant is
  waited for knows of the waiting: a record that says the new date before its next step says that all goes on is not moved once more.
* What a deadline was counted from is kept in the story. One that was provisional is counted again, at the dossier's next
  message, when the calendar has changed meanwhile; any other stays as it was, whatever the calendar says later.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from hub.deadlines import calendar
from hub.story.record import Counted, Story
from schemas.dossier import Kind, State

if TYPE_CHECKING:
    from hub.deadlines.calendar import Due
    from schemas.dossier import Message
    from schemas.workdays import Workdays


Pause = tuple[datetime, datetime]


def counted(
    before: Story | None, after: Story, message: Message, hours: float | None, days: Workdays
) -> Story:
    """Return ``after`` with its deadline. ``hours``: the procedure's working hours; ``None``: not known.

    A date that no calendar knows (a sender's clock in another century) leaves the deadline as it was told.
    """
    after, pause = _waiting(before, after, message)
    known = before.counted if before else None
    if after.deadline != (before.deadline if before else None):
        waited = before is not None and before.asked is not None
        return msgspec.structs.replace(after, counted=None, moved=None, asked=None if waited else after.asked)
    try:
        if known is not None:
            return _moved(after, known, pause, days)
        if after.deadline is not None and pause is not None and not _told(after, message):
            due = calendar.after_supplement(days, after.deadline, *pause)
            return msgspec.structs.replace(after, deadline=due.at, moved=due.calendar)
        return _begun(after, message, hours, days)
    except (ValueError, OverflowError):
        return after


def _waiting(before: Story | None, after: Story, message: Message) -> tuple[Story, Pause | None]:
    """Note since when the applicant is waited for; return the pause that this message ends."""
    since = before.asked if before else None
    waits = after.state is State.SUPPLEMENT
    if since is None:
        begins = waits and (before is None or before.state is not State.SUPPLEMENT)
        asked = message.event.at if begins and message.event.pauses_clock is not False else None
        return msgspec.structs.replace(after, asked=asked), None
    if waits:
        return after, None
    return msgspec.structs.replace(after, asked=None), (since, max(since, message.event.at))


def _told(story: Story, message: Message) -> bool:
    """Whether the message says itself what the due date is."""
    return (
        message.sender == story.origin and message.dossier is not None and message.dossier.due_at is not None
    )


def _begun(story: Story, message: Message, hours: float | None, days: Workdays) -> Story:
    if (
        hours is None
        or story.deadline is not None
        or message.kind is not Kind.RECEIVED
        or story.state is not State.ACCEPTED
    ):
        return story
    told = message.dossier.received_at if message.dossier else None
    return _with(story, Counted(since=told or message.event.at, hours=hours), days)


def _moved(story: Story, known: Counted, pause: Pause | None, days: Workdays) -> Story:
    if pause is not None:
        return _with(story, msgspec.structs.replace(known, pauses=(*known.pauses, pause)), days)
    if known.provisional and known.calendar != days.version:
        return _with(story, known, days)
    return story


def _with(story: Story, known: Counted, days: Workdays) -> Story:
    due = _due(known, days)
    known = msgspec.structs.replace(known, calendar=due.calendar, provisional=due.provisional)
    return msgspec.structs.replace(story, deadline=due.at, counted=known)


def _due(known: Counted, days: Workdays) -> Due:
    due = calendar.due(days, known.since, known.hours)
    years = set(due.provisional)
    for asked, answered in known.pauses:
        due = calendar.after_supplement(days, due.at, asked, answered)
        years |= set(due.provisional)
    return msgspec.structs.replace(due, provisional=tuple(sorted(years)))


def facts(before: datetime | None, story: Story | None) -> dict[str, str]:
    """What the journal keeps of a deadline that the hub counted or moved: when, by which calendar, and the years that are not announced."""
    if story is None or story.deadline is None or story.deadline == before:
        return {}
    if story.counted is None:
        return {"deadline": story.deadline.isoformat(), "calendar": story.moved} if story.moved else {}
    known = story.counted
    told = {"deadline": story.deadline.isoformat(), "calendar": known.calendar}
    return told | ({"provisional": " ".join(map(str, known.provisional))} if known.provisional else {})
