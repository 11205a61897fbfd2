"""What is said of a dossier, by whom and when: the acts by which its systems tell the hub of it. Pure.

An act in the hub's own words carries what it says; one of a system that publishes its record as it is (``lgsp``, ``mapi``) carries the
record's state, and the clerk at that desk writes the record. What a desk's protocol has no words for, the unit's second system says.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any
from zlib import crc32

from tests.july.days import at, further
from tests.july.places import CENTRE, INSURANCE, LAND
from tests.july.targets import LAST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.july.facts import Case, Fee, Pause

PORTAL, NEW_SYSTEM = "cong-dvcqg", "tam-ky-moi"
RECORDS = frozenset({"lgsp", "mapi"})
MINUTES = timedelta(minutes=1)
SUPPLEMENT, DUTY, STOPPED = "supplement", "duty", "stopped"
ASKS = {SUPPLEMENT: "supplement_requested", DUTY: "duty_announced", STOPPED: "suspended"}
ANSWERS = {SUPPLEMENT: "supplement_submitted", DUTY: "duty_paid", STOPPED: "resumed"}
STATES = {SUPPLEMENT: 5, DUTY: 6, STOPPED: 8}


@dataclass(frozen=True)
class Act:
    """One thing said. ``kind``: in the hub's words, or ``record``, ``handed-in``. ``again``: it was said before, under another key.

    ``state``, ``due``: of a record, as it then is. ``times``: how often the same bytes are sent. ``told_at``: when it is told, later than
    it happened.
    """

    at: datetime
    voice: str
    kind: str
    case: Case
    event: dict[str, Any] = field(default_factory=dict)
    dossier: dict[str, Any] = field(default_factory=dict)
    state: int = 0
    due: datetime | None = None
    again: str = ""
    times: int = 1
    told_at: datetime | None = None

    @property
    def said(self) -> datetime:
        return self.told_at or self.at

    @property
    def key(self) -> str:
        return f"{self.case.code}-{self.kind}-{self.at:%m%d%H%M}{self.again}"

    def body(self) -> dict[str, Any]:
        """The message in the hub's own words, as JSON."""
        return {
            "event": {"kind": self.kind, "at": iso(self.at), **self.event},
            "key": self.key,
            "sender": self.voice,
            "agency": self.case.unit,
            "dossier": {"code": self.case.code, **self.dossier},
        }


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def acts(case: Case) -> list[Act]:
    """Everything that is said of one dossier, in order."""
    teller = _by_records if case.counter.desk in RECORDS and case.stage == "live" else _by_events
    told = sorted(_repeated(case, list(teller(case))), key=lambda act: act.said)
    if case.stage == "parallel":
        return [replace(act, voice=NEW_SYSTEM) for act in told]
    return told


def families(cases: Iterable[Case]) -> list[list[Act]]:
    """Acts of each dossier, those of a chain together: within one list order is kept."""
    by_family = sorted(cases, key=lambda case: case.parent or case.code)
    return [
        sorted((act for case in group for act in acts(case)), key=lambda act: act.said)
        for _, group in groupby(by_family, key=lambda case: case.parent or case.code)
    ]


# --- systems that say what happened -----------------------------------------------------------------------------------


def _by_events(case: Case) -> Iterator[Act]:
    desk, worker = _voices(case)
    if case.handed_in:
        yield Act(case.handed_in, PORTAL, "handed-in", case)
    if case.refused_at:
        yield Act(case.refused_at, desk, "refused_at_reception", case, dossier=_whole(case))
        return
    if not case.taken_in:
        return
    yield Act(case.received_at, desk, "received", case, dossier=_whole(case))
    if case.unit == LAND:
        yield Act(case.received_at + 40 * MINUTES, desk, "transferred", case, {"to_agency": LAND})
    else:
        yield Act(case.received_at + 40 * MINUTES, worker, "step", case, {"content": "Thụ lý"})
    yield from _money(case, desk)
    yield from _pauses(case, asks=worker, answers=desk)
    yield from _changes(case, worker)
    if case.finished_before:
        done, back = case.finished_before
        yield Act(done, worker, "finished", case)
        yield Act(back, worker, "recalled", case, {"reason": "Kết quả ghi sai tên"})
    if case.finished_at:
        yield Act(case.finished_at, worker, "finished", case, dossier={"finished_at": iso(case.finished_at)})
    yield from _end(case, desk, worker)


def _voices(case: Case) -> tuple[str, str]:
    """Who takes in, and who decides."""
    if case.parent:
        name = "bhxh" if case.unit == INSURANCE else "tam-ky"
        return name, name
    return case.counter.name, case.counter.done_by


def _whole(case: Case) -> dict[str, Any]:
    procedure = {"national": case.work.national} if case.work.national else {"local": case.work.local}
    told: dict[str, Any] = {
        "procedure": procedure,
        "channel": case.channel,
        "applicant": {"name": "Nguyễn Thị Mẫu", "kind": "citizen"},
        "parent": case.parent or None,
        "children": [*case.children] or None,
        "due_at": iso(case.promised) if case.promised else None,
    }
    told |= (
        {"refused_at": iso(case.refused_at)} if case.refused_at else {"received_at": iso(case.received_at)}
    )
    return {name: value for name, value in told.items() if value is not None}


def _end(case: Case, desk: str, worker: str) -> Iterator[Act]:
    if case.withdrawn_at:
        yield Act(case.withdrawn_at, desk, "withdrawn", case, {"reason": "Công dân xin rút"})
    yield from _handing_over(case, worker)
    if case.returned_at:
        yield Act(case.returned_at, desk, "returned", case)


def _handing_over(case: Case, by: str) -> Iterator[Act]:
    if case.handed_over_at:
        yield Act(case.handed_over_at, by, "result_handed_over", case, {"to_agency": CENTRE})


def _money(case: Case, by: str) -> Iterator[Act]:
    if not case.fees:
        return
    paid = case.fees[0].paid_at
    lines = [_fee(fee, "paid") for fee in case.fees]
    yield Act(paid, by, "fee_paid", case, dossier={"fees": lines}, told_at=_days_later(case, paid))
    if remitted := case.fees[0].remitted_at:
        lines = [{**_fee(fee, "paid"), "remitted_at": iso(remitted)} for fee in case.fees]
        yield Act(remitted, by, "fee_paid", case, dossier={"fees": lines})
    if refunded := case.fees[0].refunded_at:
        lines = [_fee(fee, "refunded") for fee in case.fees]
        yield Act(refunded, by, "fee_refunded", case, dossier={"fees": lines})


def _days_later(case: Case, paid: datetime) -> datetime | None:
    """Every seventh payment is told when the week's receipts are entered, often after the result is there."""
    later = at(further(paid.date(), 6), 16, 30)
    return later if crc32(case.code.encode()) % 7 == 0 and later.date() <= LAST else None


def _fee(fee: Fee, state: str) -> dict[str, Any]:
    return {
        "code": fee.name,
        "amount": fee.amount,
        "state": state,
        "receipt_number": fee.receipt,
        "account": fee.account,
        "paid_at": iso(fee.paid_at),
        "collected_at": "1",
    }


def _pauses(case: Case, asks: str, answers: str) -> Iterator[Act]:
    for pause in case.pauses:
        yield Act(pause.since, asks, ASKS[pause.what], case, {"reason": "Theo quy trình"}, _asked(pause))
        if pause.until:
            by = asks if pause.what == STOPPED else answers
            yield Act(pause.until, by, ANSWERS[pause.what], case, dossier=_answered(pause))


def _asked(pause: Pause) -> dict[str, Any]:
    if pause.what == DUTY:
        return {"duties": [{"notice": f"TB-{pause.since:%m%d%H%M}", "amount": 1_250_000}]}
    if pause.what == SUPPLEMENT:
        return {"supplements": [{"content": "Bản vẽ", "requested_at": iso(pause.since)}]}
    return {}


def _answered(pause: Pause) -> dict[str, Any]:
    assert pause.until
    if pause.what == DUTY:
        notice = f"TB-{pause.since:%m%d%H%M}"
        return {"duties": [{"notice": notice, "amount": 1_250_000, "paid_at": iso(pause.until)}]}
    if pause.what == SUPPLEMENT:
        said = {"received_at": iso(pause.until), "fulfilled": True}
        return {"supplements": [{**said, **({"due_after": iso(pause.due)} if pause.due else {})}]}
    return {}


def _changes(case: Case, by: str) -> Iterator[Act]:
    for said_at, due in case.moved:
        yield Act(said_at, by, "due_date_changed", case, {"due_at": iso(due), "reason": "Được gia hạn"})
    if excuse := case.excuse:
        named = {"due_at": iso(excuse.due)} if excuse.due else {}
        told = {"overdue_reason": excuse.reason, "responsible_unit": excuse.unit}
        yield Act(excuse.at, by, "apology", case, {"reason": excuse.reason, **named}, told)


# --- systems that publish their record as it is -----------------------------------------------------------------------


def _by_records(case: Case) -> Iterator[Act]:
    """The record each time that it changes; beside it the second system, for what the record cannot say."""
    desk, beside = case.counter.name, case.counter.beside
    if case.refused_at:
        yield Act(case.refused_at, desk, "record", case, state=3)
        return
    yield Act(case.received_at, desk, "record", case, state=2, due=case.promised)
    yield Act(case.received_at + 40 * MINUTES, desk, "record", case, state=4, due=case.promised)
    yield from _money(case, beside)
    if case.counter.desk == "lgsp":
        yield from _pauses(case, asks=beside, answers=beside)
    else:
        yield from _shown(case, desk)
    yield from _changes(case, beside)
    if case.withdrawn_at:
        if case.counter.desk == "lgsp":
            yield Act(case.withdrawn_at, beside, "withdrawn", case, {"reason": "Công dân xin rút"})
        else:
            yield Act(case.withdrawn_at, desk, "record", case, state=7, due=case.promised)
    due = case.due if case.promised else None
    if case.finished_at:
        yield Act(case.finished_at, desk, "record", case, state=9, due=due)
    yield from _handing_over(case, beside)
    if case.returned_at:
        yield Act(case.returned_at, desk, "record", case, state=10, due=due)


def _shown(case: Case, desk: str) -> Iterator[Act]:
    """Pauses as states of the record; the record that shows the end of one shows the new due date."""
    for pause in case.pauses:
        yield Act(pause.since, desk, "record", case, state=STATES[pause.what], due=case.promised)
        if pause.until:
            yield Act(pause.until, desk, "record", case, state=4, due=pause.due or case.promised)


# --- the same said more than once -------------------------------------------------------------------------------------


def _repeated(case: Case, told: Sequence[Act]) -> list[Act]:
    if case.twice == "same-bytes":
        return [replace(act, times=2) for act in told]
    more = [again for act in told for again in _again(case, act)]
    return [*told, *more]


def _again(case: Case, act: Act) -> Iterator[Act]:
    other = {"tam-ky": NEW_SYSTEM}.get(case.counter.name, case.counter.beside)
    if case.twice == "other-key" and act.kind in {"received", "finished"}:
        yield replace(act, again="-lai")
    if case.twice == "other-key" and act.kind == "record" and act.state == 9:
        yield Act(act.at + 10 * MINUTES, case.counter.beside, "finished", case, again="-lai")
    if case.twice == "two-systems" and act.at == case.finished_at and act.kind in {"finished", "record"}:
        yield Act(act.at + 10 * MINUTES, other, "finished", case, again="-hai")
    if case.twice == "receipt-again" and act.kind == "fee_paid":
        yield replace(act, again="-hai", at=act.at + 3 * MINUTES, told_at=act.told_at)
    if case.twice == "handed-again" and act.kind == "result_handed_over":
        next_day = at(further(act.at.date(), 1), 8)
        yield replace(act, again="-hai", at=next_day if next_day.date() <= LAST else act.at + 12 * MINUTES)
