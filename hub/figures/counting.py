"""Facts in, figures out: chains, what is chosen, what it is grouped by. Pure.

``count`` gives rows; each row has every figure with the dossiers (or payments) behind it, and ``Row.value`` is counted from these.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import date, datetime  # noqa: TC003
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import msgspec

from hub.figures.chains import roots
from hub.figures.course import Course, Payment, corrected, course, payments
from hub.figures.definition import DOSSIERS, MONEY, Span, Stood
from hub.figures.period import Period  # noqa: TC001 - msgspec reads the annotations at run time
from hub.story.record import Value
from schemas.agencies import Agencies, Level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hub.figures.facts import Fact
    from schemas.dossier import Channel
    from schemas.procedures import Procedures

By = Literal["all", "agency", "level", "procedure", "field", "channel"]
BYS: tuple[By, ...] = get_args(By)
ALL = ""
"""The key of the one row that holds everything."""


class Known(Value, frozen=True):
    """One dossier with its facts in the order of acceptance, each with when the hub knew it."""

    dossier: str
    facts: tuple[tuple[datetime, Fact], ...]


class Choice(Value, frozen=True):
    """What is counted; empty: all. ``agency``: its whole tree, with those that it took over."""

    period: Period
    agency: str = ""
    level: str = ""
    procedure: str = ""
    field: str = ""
    channel: str = ""
    by: By = "all"


class World(Value, frozen=True):
    """The registries by which dossiers are placed."""

    agencies: Agencies
    procedures: Procedures


class Place(Value, frozen=True):
    """To whom a dossier counts. ``agency``: its receiving one, or who took that over by the period's last day."""

    agency: str
    level: str
    procedure: str
    field: str
    channel: str


class Row(Value, frozen=True):
    """``dossiers``: figure → codes; ``payments``: figure → what was paid, with the amount that it adds."""

    key: str
    dossiers: Mapping[str, tuple[str, ...]]
    payments: Mapping[str, tuple[tuple[int, Payment], ...]]

    def value(self, figure: str) -> int:
        if figure in DOSSIERS:
            return len(self.dossiers[figure])
        return sum(amount for amount, _ in self.payments[figure])

    @property
    def silent(self) -> bool:
        """0, and nothing behind it."""
        return not any(self.dossiers.values()) and not any(self.payments.values())


class Standing(Value, frozen=True):
    """One dossier that is counted. ``explained``: ids of the messages that say why it is late, in order."""

    dossier: str
    place: Place
    course: Course
    explained: tuple[str, ...] = ()


class Counted(Value, frozen=True):
    """``until``: up to which moment; ``known``: by what was known then. ``standing``: the dossiers of all rows, by code."""

    choice: Choice
    until: datetime
    known: datetime
    rows: tuple[Row, ...]
    standing: Mapping[str, Standing] = {}

    def row(self, key: str = ALL) -> Row:
        return next(row for row in self.rows if row.key == key)


def count(dossiers: Iterable[Known], choice: Choice, world: World, known: datetime) -> Counted:
    """``known``: what the hub learned after this moment is left out. An agency with nothing has its row, with 0."""
    return count_by(dossiers, choice, (choice.by,), world, known)[0]


def count_by(
    dossiers: Iterable[Known], choice: Choice, bys: Sequence[By], world: World, known: datetime
) -> tuple[Counted, ...]:
    """Count once, and group by each of these."""
    until = min(choice.period.end, known)
    span = Span(period=choice.period, until=until)
    told = [(each.dossier, corrected([fact for at, fact in each.facts if at <= known])) for each in dossiers]
    told = [(dossier, facts) for dossier, facts in told if facts]
    root = roots(told)
    placing = lru_cache(maxsize=None)(partial(placed, world=world, on=choice.period.last))
    ones = [_one(dossier, facts, span, root[dossier], placing) for dossier, facts in told]
    counted = _money_once([one for one in ones if one and chosen(one.place, choice, world.agencies)])
    standing = {one.stood.after.code: one.standing for one in counted if not one.root}
    return tuple(
        Counted(
            choice=(grouped := msgspec.structs.replace(choice, by=by)),
            until=until,
            known=known,
            rows=tuple(_rows(counted, grouped, world)),
            standing=standing,
        )
        for by in bys
    )


def _rows(ones: Sequence[_One], choice: Choice, world: World) -> Iterator[Row]:
    found: dict[str, list[_One]] = {key: [] for key in expected(choice, world)}
    for one in ones:
        found.setdefault(_key(one.place, choice.by), []).append(one)
    for key, each in found.items():
        yield _row(key, each, choice.period)


class _One(Value, frozen=True):
    """``root``: the code of the dossier that counts for it; empty: it does itself."""

    dossier: str
    stood: Stood
    place: Place
    root: str
    paid: tuple[Payment, ...]
    explained: tuple[str, ...]

    @property
    def standing(self) -> Standing:
        return Standing(
            dossier=self.dossier, place=self.place, course=self.stood.after, explained=self.explained
        )


def _one(
    dossier: str, facts: Sequence[Fact], span: Span, root: str, placing: Callable[[Placed], Place]
) -> _One | None:
    """``None``: nothing had happened, or it is not live."""
    after = course(facts, span.until)
    if after is None or after.stage != "live":
        return None
    before = course(facts, span.period.begin)
    return _One(
        dossier=dossier,
        stood=Stood(before=before, after=after, span=span),
        place=placing(Placed(after.received_by, after.procedure, after.field, after.channel)),
        root=root,
        paid=payments(facts, after.code),
        explained=tuple(fact.message for fact in facts if fact.explains),
    )


def _money_once(ones: Sequence[_One]) -> list[_One]:
    """A receipt that two dossiers of a chain tell is one: the origin's, where it tells it."""
    seen: set[tuple[str, str, str, str]] = set()
    found = []
    for one in sorted(ones, key=lambda each: bool(each.root)):
        paid = []
        for payment in one.paid:
            name = (one.root or one.stood.after.code, payment.name, payment.receipt, payment.account)
            if payment.receipt and name in seen:
                continue
            seen.add(name)
            paid.append(payment)
        found.append(msgspec.structs.replace(one, paid=tuple(paid)))
    return found


def _row(key: str, ones: Sequence[_One], period: Period) -> Row:
    counted = [one.stood for one in ones if not one.root]
    paid = [payment for one in ones for payment in one.paid]
    return Row(
        key=key,
        dossiers={
            name: tuple(sorted(stood.after.code for stood in counted if holds(stood)))
            for name, holds in DOSSIERS.items()
        },
        payments={name: tuple(_adding(paid, adds, period)) for name, adds in MONEY.items()},
    )


def _adding(
    paid: Iterable[Payment], adds: Callable[[Payment, Period], int], period: Period
) -> Iterator[tuple[int, Payment]]:
    for payment in paid:
        if amount := adds(payment, period):
            yield amount, payment


class Placed(NamedTuple):
    """What of a dossier says where it belongs."""

    received_by: str
    procedure: str
    field: str
    channel: Channel | None


def placed(told: Placed, world: World, on: date) -> Place:
    agency = world.agencies.known(told.received_by)
    code = world.agencies.successor(agency.code, on).code if agency else told.received_by
    entry = world.procedures.by_national(told.procedure, on) or world.procedures.by_local(
        told.procedure, told.received_by, on, world.agencies
    )
    return Place(
        agency=code,
        level=str(world.agencies.level(code) or ""),
        procedure=(entry.national if entry else None) or told.procedure,
        field=entry.field.code if entry else told.field,
        channel=str(told.channel or ""),
    )


def chosen(place: Place, choice: Choice, agencies: Agencies) -> bool:
    """Whether a dossier at this place is asked for. An agency that is no more is asked for by its successor's code, too."""
    within = (
        not choice.agency or place.agency == choice.agency or agencies.is_within(place.agency, choice.agency)
    )
    return within and all(
        wanted in ("", told)
        for wanted, told in (
            (choice.level, place.level),
            (choice.procedure, place.procedure),
            (choice.field, place.field),
            (choice.channel, place.channel),
        )
    )


def _key(place: Place, by: By) -> str:
    return ALL if by == "all" else str(getattr(place, by))


def expected(choice: Choice, world: World) -> list[str]:
    """Return the rows that stand there whatever came: everything, every agency of the tree on the last day, or every level."""
    if choice.by == "all":
        return [ALL]
    if choice.by == "level":
        return [str(level) for level in Level if level != Level.NATIONAL]
    if choice.by != "agency" or not choice.agency:
        return []
    on = choice.period.last
    standing = (each for each in world.agencies.rows.values() if each.stands(on))
    places = (
        Place(agency=each.code, level=str(each.level), procedure="", field="", channel="")
        for each in standing
        if choice.level in ("", str(each.level))
    )
    alone = Choice(period=choice.period, agency=choice.agency)
    return sorted(place.agency for place in places if chosen(place, alone, world.agencies))
