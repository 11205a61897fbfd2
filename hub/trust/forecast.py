"""What ends or goes stale when, who stops then, and how long it may go on: everything that trust hangs on, on one page. Pure.

Dates are known in advance: nobody need be surprised by one. An event that stops somebody says from when on; the others are worth
knowing, because somebody has to do something before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from hub.deadlines.calendar import VIETNAM
from hub.settings.sections import Revocation  # noqa: TC001 - msgspec reads the annotations at run time
from hub.store.contract.value import Value
from hub.trust.contract import Barred, Said, Standing
from hub.trust.state import counts_until
from signing.keys.generations import Generation, signing
from signing.trust.pins import Pin  # noqa: TC001 - msgspec reads the annotations at run time

if TYPE_CHECKING:
    from collections.abc import Iterator


class Pinned(Value, frozen=True):
    """One certificate that somebody else signs with. ``file``: where it is pinned; ``told``: how it is asked about; ``officer``: a
    person's or seal's of its own, beside the partner's; ``reply``: for what the partner answers.
    """

    partner: str
    file: str
    pin: Any  # ``signing.trust.pins.Pin``
    told: Revocation
    officer: bool = False
    reply: bool = False


class Key(Value, frozen=True):
    """One of the hub's own keys. ``partners``: who receives what is signed with it."""

    name: str
    generations: tuple[Generation, ...]
    partners: tuple[str, ...] = ()


class Ending(Value, frozen=True):
    """Something that ends by itself on a day that is known."""

    kind: str
    name: str
    ends: datetime
    detail: str = ""
    partners: tuple[str, ...] = ()
    stops: bool = False


class Stamping(Value, frozen=True):
    """``missing_since``: the oldest evidence that waits for a stamp; ``grace``: seconds that it may."""

    grace: float
    missing_since: datetime | None = None


class Facts(Value, frozen=True):
    keys: Sequence[Key] = ()
    pins: Sequence[Pinned] = ()
    standings: Mapping[str, Standing] = {}
    barred: Mapping[str, Barred] = {}
    endings: Sequence[Ending] = ()
    stamping: Stamping | None = None


class Event(Value, frozen=True):
    """``at``: when it happens; ``stops``: from when on the partners named stop for it; ``None``: nothing stops."""

    kind: str
    name: str
    at: datetime
    partners: tuple[str, ...] = ()
    stops: datetime | None = None
    detail: str = ""

    def stopped(self, now: datetime) -> bool:
        return self.stops is not None and self.stops <= now

    @property
    def moment(self) -> datetime:
        return self.at if self.stops is None else min(self.at, self.stops)


def forecast(facts: Facts, now: datetime, days: float) -> tuple[Event, ...]:
    """Return what happens within so many days and what has happened already, the first first."""
    found = [
        *(event for key in facts.keys for event in _of_key(key, facts, now)),
        *_of_pins(facts, now),
        *(event for one in facts.pins for event in _of_standing(one, facts, now)),
        *(_of_ending(one) for one in facts.endings),
        *_of_stamping(facts.stamping),
    ]
    until = now + timedelta(days=days)
    return tuple(
        sorted((one for one in found if one.moment <= until), key=lambda one: (one.moment, one.name))
    )


def left(events: Sequence[Event], now: datetime) -> dict[str, float]:
    """Return how many seconds each partner has left before it stops; under 0: it has stopped."""
    found: dict[str, float] = {}
    for event in events:
        if event.stops is not None:
            seconds = (event.stops - now).total_seconds()
            for partner in event.partners:
                found[partner] = min(seconds, found.get(partner, seconds))
    return found


def _of_key(key: Key, facts: Facts, now: datetime) -> Iterator[Event]:
    ended = {one.key.fingerprint for one in key.generations if _is_ended(one.key.fingerprint, facts)}
    active = signing(key.generations, now, ended)
    for one in key.generations:
        name, standing = f"{key.name} {one.id}", facts.standings.get(one.key.fingerprint)
        if one.begins > now:
            yield Event(kind="key-begins", name=name, at=one.begins, partners=key.partners)
        if standing is not None and standing.state is Said.REVOKED:
            yield Event(kind="revoked", name=name, at=standing.revoked_at or now, detail=standing.source)
    if active is None:
        yield Event(kind="key-none", name=key.name, at=now, partners=key.partners, stops=now)
        return
    last, ends = active, active.ends
    while (following := signing(key.generations, ends, ended)) is not None:
        last, ends = following, following.ends
    yield Event(kind="key-ends", name=f"{key.name} {last.id}", at=ends, partners=key.partners, stops=ends)


def _of_pins(facts: Facts, now: datetime) -> Iterator[Event]:
    groups: dict[tuple[str, bool], list[Pinned]] = {}
    for one in facts.pins:
        if one.officer:
            yield Event(kind="officer-ends", name=one.file, at=one.pin.not_after, detail=one.partner)
        else:
            groups.setdefault((one.partner, one.reply), []).append(one)
    for (partner, _), pins in groups.items():
        able = [one for one in pins if not _is_ended(one.pin.fingerprint, facts)]
        if not any(_counts(one.pin, now) for one in able):
            since = max((one.pin.not_after for one in able if one.pin.not_after <= now), default=now)
            yield Event(kind="pin-none", name=partner, at=since, partners=(partner,), stops=since)
        for one in able:
            ends = one.pin.not_after
            if ends > now:
                alone = not any(_counts(other.pin, ends) for other in able)
                stops = ends if alone else None
                name = f"{partner}: {one.file}"
                yield Event(kind="pin-ends", name=name, at=ends, partners=(partner,), stops=stops)


def _counts(pin: Pin, at: datetime) -> bool:
    return pin.not_before <= at < pin.not_after


def _is_ended(fingerprint: str, facts: Facts) -> bool:
    standing = facts.standings.get(fingerprint)
    return fingerprint in facts.barred or (standing is not None and standing.state is Said.REVOKED)


def _of_standing(one: Pinned, facts: Facts, now: datetime) -> Iterator[Event]:
    name, fingerprint = f"{one.partner}: {one.file}", one.pin.fingerprint
    who = () if one.officer else (one.partner,)
    barred, standing = facts.barred.get(fingerprint), facts.standings.get(fingerprint)
    if barred is not None:
        yield Event(
            kind="barred", name=name, at=barred.since, partners=who, stops=barred.since, detail=barred.by
        )
    if standing is not None and standing.state is Said.REVOKED:
        at = standing.revoked_at or standing.heard_at or now
        yield Event(kind="revoked", name=name, at=at, partners=who, stops=at, detail=standing.source)
    elif one.told.mode != "off":
        yield from _of_silence(name, who, standing, one.told, now)


def _of_silence(
    name: str, who: tuple[str, ...], standing: Standing | None, told: Revocation, now: datetime
) -> Iterator[Event]:
    until = counts_until(standing, told) if standing else None
    problem = standing.problem if standing else ""
    if until is None:
        yield Event(kind="unheard", name=name, at=now, partners=who, stops=now, detail=problem)
    elif problem or until <= now:
        yield Event(kind="silent", name=name, at=now, partners=who, stops=until, detail=problem)


def _of_ending(one: Ending) -> Event:
    stops = one.ends if one.stops else None
    return Event(
        kind=one.kind, name=one.name, at=one.ends, partners=one.partners, stops=stops, detail=one.detail
    )


def _of_stamping(told: Stamping | None) -> Iterator[Event]:
    if told is not None and told.missing_since is not None:
        stops = told.missing_since + timedelta(seconds=told.grace)
        yield Event(kind="stamps-missing", name="", at=told.missing_since, stops=stops)


def day_over(day: date) -> datetime:
    """The midnight in Vietnam that begins a day."""
    return datetime.combine(day, time(), VIETNAM).astimezone(UTC)
