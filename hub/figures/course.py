"""Where one dossier stood at a moment, by what was known of it: its facts, folded. Pure.

Facts count in the order in which they were accepted, those that had not happened yet left out. Money is folded apart, because a
payment is often told later than it was made.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from hub.figures.facts import Fact, Line, moment_of
from hub.story.moves import NOTES
from hub.story.record import Value
from schemas.dossier import Channel, FeeState, Kind, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

PAUSED = frozenset({State.SUPPLEMENT, State.DUTY, State.STOPPED})
"""5, 6, 8: somebody else is waited for, and the clock with them."""
CORRECTABLE = ("received_at", "refused_at", "finished_at", "returned_at", "channel")
"""What a correction may say anew of the message that it names; beside them its due date and its fees."""


class Course(Value, frozen=True):
    """``due_at``: in force; of a finished dossier when it was finished. A moment that is undone (by a recall) is not in it."""

    code: str
    received_by: str
    state: State
    stage: str
    procedure: str = ""
    field: str = ""
    channel: Channel | None = None
    due_at: datetime | None = None
    received_at: datetime | None = None
    refused_at: datetime | None = None
    withdrawn_at: datetime | None = None
    finished_at: datetime | None = None
    handed_over_at: datetime | None = None
    returned_at: datetime | None = None

    @property
    def closed_at(self) -> datetime | None:
        return self.finished_at or self.withdrawn_at or self.refused_at

    @property
    def open(self) -> bool:
        """Received, and not at its end."""
        return self.received_at is not None and self.closed_at is None

    @property
    def paused(self) -> bool:
        return self.open and self.state in PAUSED


class Payment(Value, frozen=True):
    """What was paid of one fee or notice, with what became of it."""

    dossier: str
    name: str
    amount: int
    paid_at: datetime
    receipt: str = ""
    account: str = ""
    duty: bool = False
    remitted_at: datetime | None = None
    refunded_at: datetime | None = None
    refunded: int = 0


def corrected(facts: Sequence[Fact]) -> list[Fact]:
    """Put what corrections say into the facts that they name. Only who said it, or who opened the dossier, may correct it."""
    found = list(facts)
    for each in facts:
        if each.kind is not Kind.CORRECTED or not each.corrects:
            continue
        for n, fact in enumerate(found):
            named = each.corrects == fact.message or (
                each.corrects == fact.key and each.partner == fact.partner
            )
            if named and (each.origin or each.partner == fact.partner):
                found[n] = msgspec.structs.replace(fact, **_said(each))
    return found


def _said(correction: Fact) -> dict[str, Any]:
    told = {name: getattr(correction, name) for name in CORRECTABLE}
    told |= {"due_at": correction.told_due_at, "lines": correction.lines}
    return {name: value for name, value in told.items() if value not in (None, ())}


def course(facts: Sequence[Fact], until: datetime) -> Course | None:
    """Fold what happened before ``until``. ``facts``: of one dossier, corrected, in the order of acceptance. ``None``: nothing had."""
    so_far = [each for each in _happened(facts) if each.moment < until]
    if not so_far:
        return None
    last = next((each.fact for each in reversed(so_far) if each.moves), so_far[-1].fact)
    owner = next((each.fact for each in so_far if each.fact.origin), so_far[0].fact)
    return Course(
        code=owner.code,
        received_by=owner.received_by,
        state=last.state,
        stage=last.stage,
        procedure=last.national or last.local,
        field=next((each.fact.field for each in so_far if each.fact.field), ""),
        channel=next((each.fact.channel for each in so_far if each.fact.channel), None),
        received_at=_received(so_far),
        **_end(so_far),
    )


class Happened(NamedTuple):
    """``moves`` false: said beside, often later than it is dated. The state that the hub knew then is not that of its date."""

    moment: datetime
    fact: Fact
    moves: bool


STILL = NOTES | {Kind.DUTY_PAID, Kind.RESULT_INCORRECT, Kind.DUE_DATE_CHANGED}
"""Kinds that may leave a dossier where it stands."""
DATES = frozenset({Kind.DUE_DATE_CHANGED, Kind.APOLOGY, Kind.CORRECTED})
"""Those of them that may tell another due date."""


def _happened(facts: Sequence[Fact]) -> Iterator[Happened]:
    before = None
    for fact in facts:
        yield Happened(moment_of(fact), fact, fact.kind not in STILL or fact.state is not before)
        before = fact.state


def _received(so_far: Sequence[Happened]) -> datetime | None:
    """The first reception; where who opened the dossier tells one, by its word. Submitted is not received."""
    told = [
        (moment, fact)
        for moment, fact, _ in so_far
        if fact.kind is Kind.RECEIVED and fact.state not in {State.SUBMITTED, State.REFUSED}
    ]
    own = [moment for moment, fact in told if fact.origin]
    return min(own or [moment for moment, _ in told], default=None)


def _end(so_far: Sequence[Happened]) -> dict[str, datetime | None]:
    """How it ended, and the due date that counted then. What is open again has no end."""
    end: dict[str, datetime | None] = {}
    legs: datetime | None = None
    due: datetime | None = None
    for moment, fact, moves in so_far:
        if (moves or fact.kind in DATES) and not end.get("finished_at"):
            due = fact.due_at
        if not moves:
            continue
        if fact.kind is Kind.RECALLED:
            legs = None
        if fact.kind is Kind.FINISHED:
            legs = max(legs or moment, moment)
        name = ENDS.get(fact.state, "")
        end = {known: at for known, at in end.items() if name in {known, ENDS_OF.get(known)}}
        if name == "finished_at":
            ended = BEFORE if fact.kind is Kind.RECEIVED else legs or end.get(name) or moment
            end[name] = max(ended, end.get(name) or ended)
        elif name:
            end.setdefault(name, moment)
        if name and (beside := BESIDE.get(fact.kind)):
            end[beside] = min(end.get(beside) or moment, moment)
    return {**end, "due_at": due}


BEFORE = datetime.min.replace(tzinfo=UTC)
"""When a dossier was finished that was brought in at a cut-over as finished: in no period."""
ENDS = {
    State.WITHDRAWN: "withdrawn_at",
    State.REFUSED: "refused_at",
    State.FINISHED: "finished_at",
    State.RETURNED: "finished_at",
}
"""The state of a dossier that is at its end → what that is called."""
BESIDE = {Kind.RESULT_HANDED_OVER: "handed_over_at", Kind.RETURNED: "returned_at"}
ENDS_OF = dict.fromkeys(BESIDE.values(), "finished_at")


def payments(facts: Iterable[Fact], dossier: str) -> tuple[Payment, ...]:
    """Return what was paid of a dossier, each payment once, however often and by whomever it was told.

    A receipt's number (of one account) names a payment. One without a number is the one of the same fee and amount. A refund without
    a number gives back the payments of its fee.
    """
    known: list[Payment] = []
    for line in (line for fact in facts for line in fact.lines):
        place = next((n for n, one in enumerate(known) if _same(one, line)), None)
        if line.state is FeeState.PAID:
            paid = _paid(line, dossier)
            if place is None:
                known.append(paid)
            else:
                known[place] = _told_again(known[place], paid)
        elif line.state is FeeState.REFUNDED:
            known = list(_refunded(known, line, dossier))
    return tuple(known)


def _paid(line: Line, dossier: str) -> Payment:
    return Payment(
        dossier=dossier,
        name=line.name,
        amount=line.amount,
        paid_at=line.at,
        receipt=line.receipt,
        account=line.account,
        duty=line.duty,
        remitted_at=line.remitted_at,
    )


def _same(one: Payment, line: Line) -> bool:
    if one.duty != line.duty:
        return False
    if one.receipt and line.receipt:
        accounts = {one.account, line.account} - {""}
        return one.receipt == line.receipt and len(accounts) <= 1 and one.name == line.name
    return (one.name, one.amount) == (line.name, line.amount)


def _told_again(one: Payment, paid: Payment) -> Payment:
    """The first telling's moment stands, unless a record tells an earlier one; what it left out is filled in."""
    return msgspec.structs.replace(
        one,
        paid_at=min(one.paid_at, paid.paid_at),
        receipt=one.receipt or paid.receipt,
        account=one.account or paid.account,
        remitted_at=one.remitted_at or paid.remitted_at,
    )


def _refunded(known: Sequence[Payment], line: Line, dossier: str) -> Iterator[Payment]:
    """``line``: of a refund. One of a payment that nobody told stands for both where it says when that was paid."""
    meant = [one for one in known if _same(one, line)] or [
        one for one in known if one.name == line.name and not line.receipt and one.duty == line.duty
    ]
    if not meant:
        yield from known
        told = {"amount": line.amount, "paid_at": line.paid_at} if line.paid_at else {"amount": 0}
        yield msgspec.structs.replace(_paid(line, dossier), **told, refunded_at=line.at, refunded=line.amount)
        return
    for one in known:
        if one is meant[0] and one.refunded_at is None:
            yield msgspec.structs.replace(one, refunded_at=line.at, refunded=line.amount)
        else:
            yield one
