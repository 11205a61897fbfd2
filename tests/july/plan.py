"""A seeded plan of half a year of dossiers whose sums are the published ones. Pure: the same seed makes the same plan.

First the days on which dossiers are received, then which of them were handed over and when, then what else became of the others, and
at last the due dates, so that exactly the wanted ones are late. What is never counted (trials, copies in parallel, members of a
chain, what was refused at reception) comes on top.
"""

from __future__ import annotations

import random
from collections import Counter as Tally
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from tests.july import days
from tests.july.days import at, further, working_days
from tests.july.facts import Case, Excuse, Fee, Pause
from tests.july.places import (
    CHAINED,
    COMMUNE_WORK,
    DUTIES,
    INSURANCE,
    JUSTICE,
    TAM_KY,
    Counter,
    below,
    counters,
    procedures,
)
from tests.july.targets import BEGAN, FIRST, LAST, Targets, at_scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.july.facts import Channel

SEED = 2017
FEES = {
    "1.009999": 150_000,
    "1.009998": 100_000,
    "1.009997": 100_000,
    "1.009996": 80_000,
    "1.009995": 400_000,
    "1.009994": 150_000,
    "1.009993": 75_000,
    "1.009992": 100_000,
    "1.009991": 100_000,
    "1.009990": 200_000,
    "2.009984": 2_000,
    "QNM-NB-01": 50_000,
}
"""What is charged; the rest of the sum is appraisal, which goes by the size of what is appraised."""
HOLIDAYS_END = date(2017, 5, 3)
"""From here to the end there is no holiday that calendars could differ about."""
APPRAISED = ("1.009995", "1.009994", "1.009999")
REASONS = (
    "Chờ ý kiến của cơ quan phối hợp",
    "Hồ sơ phải thẩm tra thực địa thêm một lần",
    "Phần mềm chuyên ngành gián đoạn hai ngày",
    "Cán bộ thụ lý nghỉ, bàn giao chậm",
)
ENDS = (
    *(("withdrawn", 18), ("finished", 14), ("supplement", 18), ("duty", 10), ("stopped", 6), ("late", 6)),
    ("open", 28),
)
"""What became of those that were not handed over, of a hundred."""


@dataclass(frozen=True)
class Plan:
    """``cases``: what is counted, first received first; ``others``: what must never be."""

    targets: Targets
    cases: tuple[Case, ...]
    others: tuple[Case, ...]


def plan(one_in: int, seed: int = SEED) -> Plan:
    targets = at_scale(one_in)
    dice = random.Random(seed)  # noqa: S311 - a plan, no secret
    ends = _ends(targets, _received(targets, dice), dice)
    codes = _Codes()
    cases = [_case(end, codes, dice) for end in ends]
    cases = _excused(_late(cases, dice, max(1, 380 // one_in)), dice)
    cases = _charged(cases, targets.collected, dice)
    cases = _told_twice(cases, dice)
    members = [member for number, case in enumerate(cases) for member in _members(number, case, cases, codes)]
    return Plan(targets, tuple(cases), (*members, *_uncounted(cases, codes, dice)))


# --- which days, and what becomes of each ---------------------------------------------------------------------------


@dataclass
class End:
    """One dossier to be: when it comes and how it ends."""

    day: date
    counter: Counter
    work: str
    how: str = ""
    handed: date | None = None


def _received(targets: Targets, dice: random.Random) -> list[End]:
    found = []
    before = working_days(BEGAN, further(FIRST, -1))
    for each, count in (
        (before, targets.received - targets.week_received),
        (working_days(FIRST, LAST), targets.week_received),
    ):
        weights = [dice.uniform(0.7, 1.3) for _ in each]
        for day, many in zip(each, shared(count, weights), strict=True):
            found += [_coming(day, dice) for _ in range(many)]
    return found


def _coming(day: date, dice: random.Random) -> End:
    counter = dice.choices(counters(), [one.share for one in counters()])[0]
    return End(day, counter, dice.choice(counter.work))


def shared(total: int, weights: Sequence[float]) -> list[int]:
    """Share a whole number by weights, without a rest: the largest remainders get what is left."""
    whole = sum(weights)
    exact = [total * weight / whole for weight in weights]
    found = [int(part) for part in exact]
    most = sorted(range(len(exact)), key=lambda n: (found[n] - exact[n], n))
    for n in most[: total - sum(found)]:
        found[n] += 1
    return found


def _ends(targets: Targets, ends: list[End], dice: random.Random) -> list[End]:
    """Choose exactly so many that are handed over in the week, and before it; the others end otherwise."""
    last = further(FIRST, -1)
    new = [end for end in ends if end.day >= FIRST]
    old = [end for end in ends if end.day < FIRST]
    quick = [end for end in new if end.day <= further(LAST, -2) and procedures()[end.work].hours <= 24]
    at_once = dice.sample(quick, min(targets.week_handed_over // 4, len(quick)))
    recent = old[-max(3 * (targets.week_handed_over - len(at_once)), 40) :]
    must = [end for end in recent if end.day >= further(last, -1)]
    others = [end for end in recent if end.day < further(last, -1)]
    wanted = targets.week_handed_over - len(at_once)
    pool = must + dice.sample(others, max(0, wanted - len(must) // 2))
    in_week = dice.sample(pool, wanted)
    for end in (*at_once, *in_week):
        end.how, end.handed = "handed", dice.choice(working_days(max(further(end.day, 1), FIRST), LAST))
    open_ones = [end for end in (*new, *must) if not end.how]
    left = targets.received - targets.handed_over - len(open_ones)
    rest = _rest(old, must)
    open_ones += dice.sample(rest, left)
    for end in open_ones:
        end.how = _how(end, dice)
    for end in rest:
        if not end.how:
            latest = min(further(end.day, 18), last)
            end.how, end.handed = "handed", dice.choice(working_days(further(end.day, 1), latest))
    return ends


def _rest(old: list[End], must: list[End]) -> list[End]:
    known = {id(end) for end in must}
    return [end for end in old if not end.how and id(end) not in known]


def _how(end: End, dice: random.Random) -> str:
    how = dice.choices([one for one, _ in ENDS], [share for _, share in ENDS])[0]
    if how == "duty" and end.work not in DUTIES:
        how = "supplement"
    if how == "late" and end.day > further(LAST, -12):
        how = "open"
    return "open" if end.day > further(LAST, -2) else how


# --- one dossier ------------------------------------------------------------------------------------------------------


class _Codes:
    """Numbers of the day, by unit."""

    def __init__(self) -> None:
        self._last: Tally[tuple[str, date]] = Tally()

    def next(self, unit: str, day: date) -> str:
        self._last[unit, day] += 1
        return f"{unit}-{day:%y%m%d}-{self._last[unit, day]:04}"


def _case(end: End, codes: _Codes, dice: random.Random) -> Case:
    unit, work = dice.choice(end.counter.units), procedures()[end.work]
    received = at(end.day, dice.choice((7, 8, 9, 10, 14, 15)), dice.randrange(60))
    channel = _channel(end.counter, dice)
    due = at(further(end.day, max(2, round(work.hours / 8))), 17)
    case = Case(
        code=codes.next(unit, end.day),
        unit=unit,
        work=work,
        counter=end.counter,
        channel=channel,
        received_at=received,
        due=due,
        promised=due,
    )
    if end.counter.portal and channel == "online":
        case = replace(case, handed_in=at(further(end.day, -1), 19, dice.randrange(60)))
    return _SHAPES[end.how](case, end, dice)


def _channel(counter: Counter, dice: random.Random) -> Channel:
    """A record that a one-stop publishes to a gateway has no channel: what comes that way was handed in at the counter."""
    if counter.desk == "lgsp":
        return "counter"
    return dice.choices(("counter", "online", "post"), (74, 19, 7))[0]


def _handed(case: Case, end: End, dice: random.Random) -> Case:
    assert end.handed
    done = dice.choice(working_days(further(end.day, 1), end.handed)[-3:])
    finished = at(done, dice.choice((8, 9, 10, 11)), dice.randrange(60))
    handed = at(end.handed, dice.choice((13, 14, 15, 16)), dice.randrange(30, 60))
    case = _due_after(replace(case, finished_at=finished, handed_over_at=handed), dice)
    back = further(end.handed, dice.randint(0, 4))
    if dice.random() < 0.9 and back <= LAST:
        case = replace(case, returned_at=at(back, 17, dice.randrange(30)))
    return _adventure(case, dice)


def _due_after(case: Case, dice: random.Random) -> Case:
    """Promise a day on which the result was there: before its day, on it, or to the minute."""
    done = case.finished_at
    assert done
    first = days.hours_after(case.received_at, case.work.hours)
    if case.work.hours <= 8 and case.received_at.date() > HOLIDAYS_END and first >= done:
        return replace(case, due=first, promised=None)  # nobody promises anything: the hub counts
    roll = dice.random()
    if roll < 0.04:
        due = done
    elif roll < 0.3:
        due = at(done.date(), 17)
    else:
        due = at(further(done.date(), dice.randint(1, 6)), 17)
    return replace(case, due=due, promised=due)


def _adventure(case: Case, dice: random.Random) -> Case:
    """Something on the way, for some: a supplement, a duty, a stop, another due date, a result that was called back."""
    done = case.finished_at
    assert done
    free = working_days(further(case.received_at.date(), 1), further(done.date(), -1))
    if case.promised is None or len(free) < 3 or case.due.date() == done.date():
        return case
    roll = dice.random()
    if roll < 0.07:
        return _supplemented(case, free, dice)
    if roll < 0.12:
        what = "duty" if case.work.code in DUTIES else "stopped"
        pause = Pause(what, at(free[0], 11), at(free[-1], 16))  # type: ignore[arg-type]
        return replace(case, pauses=(pause,))
    if roll < 0.15 and case.counter.desk in {"rest", "motcua", "soap"}:
        return replace(
            case, promised=at(further(done.date(), -1), 17), moved=((at(free[-1], 16, 30), case.due),)
        )
    if roll < 0.18 and case.counter.desk in {"rest", "soap"}:
        return replace(case, finished_before=(at(free[0], 15), at(free[1], 9)))
    return case


def _supplemented(case: Case, free: Sequence[date], dice: random.Random) -> Case:
    """The applicant is asked; the due date moves, told or by the rule. A record that is published as it is always tells one."""
    since, until = at(free[0], 14), at(free[-1], 10)
    if dice.random() < 0.5 or case.counter.desk in {"lgsp", "mapi"}:
        old = at(further(case.due.date(), -len(free)), 17)
        return replace(
            case,
            promised=max(old, at(further(case.received_at.date(), 2), 17)),
            pauses=(Pause("supplement", since, until, case.due),),
        )
    moved = days.after_supplement(case.due, since, until)
    return replace(case, due=moved, pauses=(Pause("supplement", since, until),))


def _withdrawn(case: Case, end: End, dice: random.Random) -> Case:
    day = dice.choice(working_days(further(end.day, 1), min(further(end.day, 9), LAST)))
    return replace(case, withdrawn_at=at(day, 10, dice.randrange(60)))


def _finished(case: Case, end: End, dice: random.Random) -> Case:
    """The result is there; it was not handed over yet."""
    day = dice.choice(working_days(further(end.day, 1), LAST)[-8:])
    return _due_after(replace(case, finished_at=at(day, 11, dice.randrange(30))), dice)


def _paused(case: Case, end: End, dice: random.Random) -> Case:
    since = at(dice.choice(working_days(further(end.day, 1), LAST)[:6]), 15)
    past = dice.random() < 0.5
    due = at(further(since.date(), 1 if past else 30), 17)
    return replace(case, due=due, promised=due, pauses=(Pause(end.how, since),))  # type: ignore[arg-type]


def _open(case: Case, end: End, dice: random.Random) -> Case:
    """In time; of some the applicant was asked for something and has answered, and a new date was told."""
    due = at(further(LAST, dice.randint(1, 20)), 17)
    case = replace(case, due=due, promised=due)
    free = working_days(further(end.day, 1), LAST)
    if len(free) < 4 or dice.random() < 0.5:
        return case
    old = at(further(end.day, 3), 17)
    return replace(case, promised=old, pauses=(Pause("supplement", at(free[0], 14), at(free[2], 10), due),))


def _overdue(case: Case, _: End, dice: random.Random) -> Case:
    due = at(further(LAST, -dice.randint(1, 8)), 17)
    return replace(case, due=due, promised=due)


_SHAPES = {
    "handed": _handed,
    "withdrawn": _withdrawn,
    "finished": _finished,
    "supplement": _paused,
    "duty": _paused,
    "stopped": _paused,
    "open": _open,
    "late": _overdue,
}


# --- what is wanted of them all together ----------------------------------------------------------------------------


def _late(cases: list[Case], dice: random.Random, before: int) -> list[Case]:
    """Make exactly four of the week late, and so many of the weeks before."""
    for inside, count in ((True, 4), (False, before)):
        able = [n for n, case in enumerate(cases) if _can_be_late(case) and _in_week(case) is inside]
        for number, n in enumerate(dice.sample(able, min(count, len(able)))):
            cases[n] = _made_late(cases[n], number)
    return cases


def _in_week(case: Case) -> bool:
    return case.finished_at is not None and case.finished_at >= days.midnight(FIRST)


def _can_be_late(case: Case) -> bool:
    if case.finished_at is None or case.handed_over_at is None:
        return False
    long_ago = further(case.received_at.date(), 2) <= further(case.finished_at.date(), -1)
    return long_ago and not (case.pauses or case.moved or case.finished_before) and case.promised is not None


def _made_late(case: Case, number: int) -> Case:
    """The day before, or by half an hour on the day itself."""
    assert case.finished_at
    assert case.handed_over_at
    if number == 0:
        due = case.finished_at - timedelta(minutes=30)
    else:
        due = at(further(case.finished_at.date(), -1), 17)
    return replace(case, due=due, promised=due)


def is_late(case: Case) -> bool:
    return case.finished_at is not None and case.finished_at > case.due


def _excused(cases: list[Case], dice: random.Random) -> list[Case]:
    """Each that was late has its reason; of some the apology named another date, and that went by as well."""
    late = [n for n, case in enumerate(cases) if is_late(case)]
    for number, n in enumerate(late):
        case = cases[n]
        assert case.finished_at
        excuse = Excuse(dice.choice(REASONS), case.unit, case.finished_at - timedelta(minutes=20))
        again = case.finished_at - timedelta(minutes=5)
        if number % 3 == 0 and excuse.at > case.due:
            cases[n] = replace(case, excuse=replace(excuse, due=again), due=again)
        else:
            cases[n] = replace(case, excuse=excuse)
    return cases


def _charged(cases: list[Case], total: int, dice: random.Random) -> list[Case]:
    """Fees by tariff, the rest of the sum as appraisals: in the end exactly ``total``."""
    tariff = {n: FEES[case.work.code] for n, case in enumerate(cases) if case.work.code in FEES}
    appraised = [n for n, case in enumerate(cases) if case.work.code in APPRAISED]
    rest, rounds = total - sum(tariff.values()), 1_000
    assert rest > 0, "the tariff alone is more than what was collected"
    extra = shared(rest // rounds, [dice.uniform(0.2, 3) for _ in appraised])
    amounts = dict(zip(appraised, (part * rounds for part in extra), strict=True))
    amounts[appraised[0]] += rest % rounds
    for n, fee in tariff.items():
        cases[n] = _with_fees(cases[n], n, fee, amounts.get(n, 0), dice)
    return cases


def _with_fees(case: Case, n: int, fee: int, appraisal: int, dice: random.Random) -> Case:
    account = f"3511.0.{int(case.unit.replace('.', '')[:7]) % 1_000_000:06}"
    told = (("le-phi", fee), *((("phi-tham-dinh", appraisal),) if appraisal else ()))
    paid = case.received_at + timedelta(minutes=5)
    passed_on = at(further(paid.date(), 4), 10)
    remitted = passed_on if passed_on.date() <= LAST and dice.random() < 0.7 else None
    back = case.withdrawn_at + timedelta(minutes=40) if case.withdrawn_at and dice.random() < 0.6 else None
    return replace(
        case,
        fees=tuple(
            Fee(
                name=name,
                amount=amount,
                receipt=f"{name[0].upper()}{n:06}",
                account=account,
                paid_at=paid,
                remitted_at=remitted,
                refunded_at=back,
            )
            for name, amount in told
        ),
    )


TWICE = ("same-bytes", "other-key", "two-systems", "receipt-again", "handed-again")


def _told_twice(cases: list[Case], dice: random.Random) -> list[Case]:
    """What does not fit stops what follows it in a lane until a person looks; a mailbox shows that, so there it is not said."""
    for n, case in enumerate(cases):
        twice = dice.choice(TWICE)
        if dice.random() < 0.12 and (twice, case.unit) != ("other-key", JUSTICE):
            cases[n] = replace(case, twice=twice)
    for n in [n for n, case in enumerate(cases) if _on_the_eve(case)][:1]:
        cases[n] = replace(cases[n], twice="handed-again")
    return cases


def _on_the_eve(case: Case) -> bool:
    """Handed over on the day before the week, and told again in it."""
    eve, handed = further(FIRST, -1), case.handed_over_at
    if handed is None or handed.date() != eve:
        return False
    return case.returned_at is None or case.returned_at.date() > eve


# --- what is never counted ----------------------------------------------------------------------------------------


def _members(n: int, case: Case, cases: list[Case], codes: _Codes) -> list[Case]:
    """The dossiers of the two other agencies of a chain, one below the province and one not; the parent, in ``cases``, learns of them."""
    if case.work.code != CHAINED:
        return []
    found = []
    for agency, work in ((TAM_KY, procedures()["1.009991"]), (INSURANCE, case.work)):
        code = codes.next(agency, case.received_at.date())
        begun = case.received_at + timedelta(minutes=30)
        done = case.finished_at - timedelta(minutes=30) if case.finished_at else None
        found.append(
            Case(
                code=code,
                unit=agency,
                work=work,
                counter=case.counter,
                channel=case.channel,
                received_at=begun,
                due=case.due,
                promised=case.due,
                finished_at=done,
                parent=case.code,
            )
        )
    cases[n] = replace(case, children=tuple(member.code for member in found))
    return found


def _uncounted(cases: Sequence[Case], codes: _Codes, dice: random.Random) -> list[Case]:
    """Trials, copies that a new system makes in parallel, refusals at reception, and what nobody has taken in yet."""
    by_desk = {desk: [one for one in counters() if one.desk == desk] for desk in ("rest", "motcua", "mapi")}
    found = []
    for case in dice.sample(cases, max(12, len(cases) // 14)):
        stage = dice.choice(("trial", "parallel", "refused", "handed-in"))
        desk = {"refused": dice.choice(("rest", "mapi")), "handed-in": "motcua"}.get(stage, "rest")
        counter = by_desk[desk][0]
        unit, work = counter.units[0], procedures()[counter.work[0]]
        unit, work = (below(TAM_KY, 5)[0], procedures()[COMMUNE_WORK[0]]) if desk == "rest" else (unit, work)
        day = case.received_at.date()
        received = at(day, 16, dice.randrange(60))
        blank = Case(
            code=codes.next(unit, day),
            unit=unit,
            work=work,
            counter=counter,
            channel="counter",
            received_at=received,
            due=at(further(day, 5), 17),
            promised=at(further(day, 5), 17),
        )
        found.append(_never(blank, stage))
    return found


def _never(case: Case, stage: str) -> Case:
    if stage == "refused":
        return replace(case, taken_in=False, refused_at=case.received_at)
    if stage == "handed-in":
        return replace(case, taken_in=False, channel="online", handed_in=case.received_at)
    done = case.received_at + timedelta(days=1)
    return replace(case, stage=stage, finished_at=done, handed_over_at=done + timedelta(hours=1))  # type: ignore[arg-type]


def moments(case: Case) -> list[datetime]:
    """Every moment of a dossier, for whoever checks the plan."""
    told = [case.received_at, case.finished_at, case.handed_over_at, case.returned_at, case.withdrawn_at]
    return [moment for moment in told if moment]
