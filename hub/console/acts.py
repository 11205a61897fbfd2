"""What an officer may say of a dossier now, which fields that takes, and the message that it becomes. Pure.

Whether something may be said is not decided here: the dossier's story is asked (``hub.story.advance``), as it is when the message
comes in. What a form says becomes the same bytes each time, so that a form that is sent twice is one message.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hub.deadlines.calendar import VIETNAM
from hub.story.advance import Advanced, Sender, advance
from schemas.dossier import (
    Actor,
    Applicant,
    ApplicantKind,
    Channel,
    Document,
    Dossier,
    Duty,
    Event,
    Fee,
    FeeState,
    Identity,
    Kind,
    Message,
    Procedure,
    Result,
    State,
    Supplement,
)
from schemas.problems import Problem, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from hub.console.forms import Form
    from hub.console.parts import Agency
    from hub.story.record import Story

MISSING, WRONG = "HUB-OFF-005", "HUB-OFF-006"
NOT_YET, OVER = "HUB-OFF-009", "HUB-OFF-010"
CLOCKS = timedelta(minutes=5)
"""How far the clock of an officer's machine may be ahead."""
MOMENT = "%Y-%m-%dT%H:%M"
END_OF_DAY = time(17)
"""A due date without an hour ends with the office's day."""
_MONEY = re.compile(r"\d{1,15}")


class Field(NamedTuple):
    """``kind``: how it is typed: text, lines, moment, day, money, files, procedure, who."""

    name: str
    kind: str = "text"
    required: bool = False


AT = Field("at", "moment", required=True)
CONTENT, REASON = Field("content", "lines"), Field("reason", "lines", required=True)
MUST_SAY = Field("content", "lines", required=True)
FEE = (Field("fee_name", required=True), Field("fee_amount", "money", required=True))
DUTY = (
    Field("duty_notice", required=True),
    Field("duty_item", required=True),
    Field("duty_amount", "money", required=True),
)
ACTS: Mapping[Kind, tuple[Field, ...]] = {
    Kind.STEP: (AT, MUST_SAY, Field("files", "files")),
    Kind.SUPPLEMENT_REQUESTED: (AT, MUST_SAY, Field("due", "day"), Field("files", "files")),
    Kind.SUPPLEMENT_SUBMITTED: (AT, MUST_SAY, Field("files", "files")),
    Kind.FEE_DUE: (AT, *FEE, CONTENT, Field("files", "files")),
    Kind.FEE_PAID: (AT, *FEE, Field("fee_receipt", required=True), CONTENT, Field("files", "files")),
    Kind.DUTY_ANNOUNCED: (AT, *DUTY, Field("due", "day"), CONTENT, Field("files", "files")),
    Kind.DUTY_PAID: (AT, *DUTY, Field("fee_receipt", required=True), CONTENT, Field("files", "files")),
    Kind.SUSPENDED: (AT, REASON, Field("files", "files")),
    Kind.RESUMED: (AT, CONTENT),
    Kind.DUE_DATE_CHANGED: (AT, Field("due", "day", required=True), REASON),
    Kind.APOLOGY: (AT, REASON, Field("due", "day"), Field("files", "files")),
    Kind.FINISHED: (AT, Field("result_name", required=True), Field("result_code"), CONTENT, Field("files", "files")),
    Kind.RETURNED: (AT, CONTENT),
    Kind.WITHDRAWN: (AT, REASON),
    Kind.REFUSED_AT_RECEPTION: (AT, REASON),
}  # fmt: skip
"""By kind of message, in the order in which they are offered."""
NEW: tuple[Field, ...] = (
    Field("code", required=True),
    Field("procedure", "procedure", required=True),
    Field("applicant", required=True),
    Field("applicant_kind", "who", required=True),
    Field("identity"),
    Field("phone"),
    Field("address"),
    Field("summary", "lines"),
    AT,
    Field("due", "day"),
    Field("files", "files"),
)
"""A new dossier."""
WHO = tuple(str(kind) for kind in ApplicantKind)
IDENTITIES = {12: "cccd", 9: "cmnd", 10: "tax", 13: "tax"}
"""By the number of digits; anything else is ``other``."""


class Possible(NamedTuple):
    """One thing that may be said now; ``state``: where the dossier is after it."""

    kind: Kind
    state: State


class Speaker(NamedTuple):
    """Who says it: the agency, and the officer by name."""

    agency: Agency
    officer: str


def possible(story: Story, agency: Agency, *, on: date, forms: Mapping[str, str]) -> tuple[Possible, ...]:
    """Return what this agency may say of a dossier now. ``forms``: as of ``hub.story.advance.advance``."""
    return tuple(
        Possible(kind, after)
        for kind in ACTS
        if str(kind) in agency.kinds and (after := _after(story, agency, kind, on, forms)) is not None
    )


def _after(story: Story, agency: Agency, kind: Kind, on: date, forms: Mapping[str, str]) -> State | None:
    told = Message(
        event=Event(kind=kind, at=datetime.combine(on, time(), UTC)),
        key="?",
        sender=agency.id,
        agency=agency.code,
        dossier=Dossier(code="?"),
    )
    speaker = Sender(
        partner=agency.id,
        agency=agency.code,
        may_create=False,
        settles_duty=agency.settles_duty,
        informed=agency.informed and not agency.creates,
    )
    try:
        found = advance(story, told, speaker, on=on, forms=forms)
    except Refusal:
        return None
    return found.story.state if isinstance(found, Advanced) and found.story else None


def check(fields: Sequence[Field], form: Form) -> None:
    """Raise ``Refusal`` with every field that is missing or cannot be read; a problem's place is the field's name."""
    problems: list[Problem] = []
    for field in fields:
        said = form[field.name]
        if field.kind == "files":
            continue
        if not said:
            problems += [Problem(code=MISSING, place=field.name)] if field.required else []
        elif field.kind in _READS and not _READS[field.kind](said):
            problems.append(Problem(code=WRONG, place=field.name, rule=field.kind))
    if problems:
        raise Refusal(*problems)


def in_time(fields: Sequence[Field], form: Form, now: datetime) -> None:
    """Raise ``Refusal`` where something happened later than now, or is due before it happened or before today. ``check`` the form first.

    A dossier that is entered late may have been due before today. A form that was taken before is never asked this again.
    """
    names = {field.name for field in fields}
    at, due = moment(form["at"]), day(form["due"]) if "due" in names else None
    problems = [Problem(code=NOT_YET, place="at")] if at > now + CLOCKS else []
    if due is not None and (
        due <= at or ("applicant" not in names and due.astimezone(VIETNAM).date() < _today(now))
    ):
        problems.append(Problem(code=OVER, place="due"))
    if problems:
        raise Refusal(*problems)


def _today(now: datetime) -> date:
    return now.astimezone(VIETNAM).date()


def message(kind: Kind, code: str, form: Form, by: Speaker, key: str) -> Message:
    """Say what the form says. ``check`` it first."""
    return _said(kind, form, by, key, _dossier(kind, code, form, key))


def opening(form: Form, by: Speaker, key: str) -> Message:
    """Say that a dossier was received."""
    number = re.sub(r"\s", "", form["identity"])
    named = (Identity(kind=IDENTITIES.get(len(number), "other"), number=number),) if number else ()
    applicant = Applicant(
        name=form["applicant"],
        kind=ApplicantKind(form["applicant_kind"]),
        identities=named,
        phone=form["phone"] or None,
        address=form["address"] or None,
    )
    dossier = Dossier(
        code=form["code"],
        procedure=Procedure(national=form["procedure"]),
        applicant=applicant,
        channel=Channel.COUNTER,
        summary=form["summary"] or None,
        received_at=moment(form["at"]),
        due_at=day(form["due"]),
        documents=_documents(form, key),
    )
    return _said(Kind.RECEIVED, form, by, key, dossier)


def _said(kind: Kind, form: Form, by: Speaker, key: str, dossier: Dossier) -> Message:
    event = Event(
        kind=kind,
        at=moment(form["at"]),
        actor=Actor(name=by.officer, unit=by.agency.vi),
        content=form["content"] or None,
        reason=form["reason"] or None,
        due_at=day(form["due"]) if kind in {Kind.DUE_DATE_CHANGED, Kind.APOLOGY} else None,
    )
    return Message(event=event, key=key, sender=by.agency.id, agency=by.agency.code, dossier=dossier)


def _dossier(kind: Kind, code: str, form: Form, key: str) -> Dossier:
    said = Dossier(code=code)
    if kind is Kind.FINISHED:
        return msgspec.structs.replace(said, results=_results(form, key), finished_at=moment(form["at"]))
    parts: dict[str, object] = {"documents": _documents(form, key)}
    if kind in {Kind.FEE_DUE, Kind.FEE_PAID}:
        parts["fees"] = (_fee(kind, form),)
    if kind in {Kind.DUTY_ANNOUNCED, Kind.DUTY_PAID}:
        parts["duties"] = (_duty(kind, form),)
    if kind is Kind.SUPPLEMENT_REQUESTED:
        asked = Supplement(
            content=form["content"], requested_at=moment(form["at"]), due_before=day(form["due"])
        )
        parts["supplements"] = (asked,)
    return msgspec.structs.replace(said, **parts)


def _fee(kind: Kind, form: Form) -> Fee:
    paid = kind is Kind.FEE_PAID
    return Fee(
        name=form["fee_name"],
        amount=money(form["fee_amount"]),
        state=FeeState.PAID if paid else FeeState.DUE,
        receipt_number=form["fee_receipt"] or None,
        paid_at=moment(form["at"]) if paid else None,
    )


def _duty(kind: Kind, form: Form) -> Duty:
    paid = kind is Kind.DUTY_PAID
    return Duty(
        notice=form["duty_notice"],
        item_name=form["duty_item"],
        amount=money(form["duty_amount"]),
        notice_at=None if paid else moment(form["at"]),
        due_at=day(form["due"]),
        receipt_number=form["fee_receipt"] or None,
        paid_at=moment(form["at"]) if paid else None,
    )


def _documents(form: Form, key: str) -> tuple[Document, ...]:
    return tuple(
        Document(
            id=f"{key}-{number}",
            name=file.name or None,
            sha256=file.sha256,
            size=len(file.content),
            media_type=file.media_type,
        )
        for number, file in enumerate(form.files.get("files", ()), 1)
    )


def _results(form: Form, key: str) -> tuple[Result, ...]:
    """One result for each file; one without a file is on paper only."""
    said = Result(id=key, name=form["result_name"], code=form["result_code"] or None)
    files = form.files.get("files", ())
    return tuple(
        msgspec.structs.replace(
            said,
            id=f"{key}-{number}",
            sha256=file.sha256,
            size=len(file.content),
            media_type=file.media_type,
        )
        for number, file in enumerate(files, 1)
    ) or (said,)


# --- what a field says ----------------------------------------------------------------------------------------------


def moment(said: str) -> datetime:
    """Read what a browser writes for a moment: the officer's wall clock, in Vietnam. Raises ``ValueError``."""
    return datetime.strptime(said[:16], MOMENT).replace(tzinfo=VIETNAM).astimezone(UTC)


def day(said: str) -> datetime | None:
    """Until when on that day; ``None`` where nothing is said. Raises ``ValueError``."""
    if not said:
        return None
    return datetime.combine(datetime.fromisoformat(said[:10]).date(), END_OF_DAY, VIETNAM).astimezone(UTC)


def money(said: str) -> int:
    """Whole đồng, with dots, commas or spaces between the thousands. Raises ``ValueError``."""
    return int(re.sub(r"[ .,đ\u00a0]", "", said))


def _is_moment(said: str) -> bool:
    try:
        moment(said)
    except (ValueError, OverflowError):
        return False
    return True


def _is_day(said: str) -> bool:
    try:
        day(said)
    except (ValueError, OverflowError):
        return False
    return True


def _is_money(said: str) -> bool:
    return _MONEY.fullmatch(re.sub(r"[ .,đ\u00a0]", "", said)) is not None


def _is_who(said: str) -> bool:
    return said in WHO


_READS = {"moment": _is_moment, "day": _is_day, "money": _is_money, "who": _is_who}
