"""What a message says, in the hub's own words, and whether its sender may say it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import date  # noqa: TC003
from typing import TYPE_CHECKING, Any

import msgspec

from hub.judging.contract import CODE_PLACE, Meant
from schemas import codes
from schemas.dossier import Dossier, Kind, Message, Procedure, to_json
from schemas.problems import Problem, Refusal, refuse
from schemas.text import is_nfc

if TYPE_CHECKING:
    from hub.judging.contract import Answers, Desk, Sender
    from schemas.codes import DossierCode
    from schemas.procedures import Procedure as Entry


def as_meant(message: Message, meant: Meant | Answers | None) -> Message:
    """Put in what the hub knows that the message means; its own words stay."""
    if not isinstance(meant, Meant) or message.dossier is None:
        return message
    event = msgspec.structs.replace(message.event, kind=meant.kind, corrects=meant.corrects)
    dossier = msgspec.structs.replace(message.dossier, code=meant.code)
    return msgspec.structs.replace(message, event=event, dossier=dossier)


def nfc(message: Message) -> tuple[Message, bytes]:
    """Return the message with every text in NFC, and as JSON. Raises HUB-SCH-008 for half a surrogate pair, which is no text."""
    try:
        written = to_json(message)
    except UnicodeEncodeError:
        raise refuse("HUB-SCH-008", rule="UTF-8") from None
    if is_nfc(written):
        return message, written
    try:
        message = msgspec.convert(_nfc(msgspec.to_builtins(message)), Message)
    except msgspec.ValidationError as error:
        raise refuse("HUB-SCH-002", rule=str(error).partition(" - at ")[0]) from None
    return message, to_json(message)


def _nfc(value: Any) -> Any:  # noqa: ANN401 - any part of a message
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        return {_nfc(key): _nfc(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_nfc(inner) for inner in value]
    return value


def check_said(
    message: Message, sender: Sender, desk: Desk, today: date, *, answers: bool = False
) -> tuple[Message, DossierCode | None]:
    """Whether this sender may say this. Returns the message with the procedure's national words filled in.

    A procedure counts by the day in the dossier's code: an open dossier keeps the procedure that it began with.
    ``answers``: it is a status about what the hub sent; that this was received everyone may say who got it.
    Raises ``Refusal`` with all that is wrong: HUB-AUT-003; HUB-DOS-001, -005, -006.
    """
    if message.kind not in sender.kinds and not (answers and message.kind is Kind.RECEIVED):
        raise refuse("HUB-AUT-003", "/event/kind", rule=" | ".join(sorted(sender.kinds)))
    problems: list[Problem] = []
    for place, agency in agencies_of(message):
        if desk.agencies.known(agency) is None:
            problems.append(Problem(code="HUB-DOS-006", place=place, rule="registries/agencies"))
    if message.dossier is None:
        raise_all(problems)
        return message, None
    code = _code(message.dossier, problems)
    procedure = message.dossier.procedure
    if procedure is not None and (procedure.national or procedure.local):
        entry = desk.procedures.find(
            procedure.national,
            procedure.local,
            authority=sender.authority,
            on=code.day if code else today,
            agencies=desk.agencies,
        )
        if entry is None:
            place = _unknown_procedure(procedure, desk, code.day if code else today)
            problems.append(Problem(code="HUB-DOS-005", place=place, rule="registries/procedures"))
        else:
            message = _with_procedure(message, message.dossier, national_words(procedure, entry))
    raise_all(problems)
    return message, code


def allowed_aliases(message: Message, sender: Sender, desk: Desk) -> tuple[tuple[str, str], ...]:
    """Nobody may take another sender's codes before that sender uses them."""
    if message.dossier is None:
        return ()
    others = {other.authority for other in desk.senders.values()} - {sender.authority, sender.agency}
    return tuple(
        (alias.authority, alias.code)
        for alias in message.dossier.aliases
        if alias.authority not in others
        or any(desk.agencies.is_within(alias.authority, tree) for tree in sender.codes)
    )


def may_create(code: DossierCode | None, sender: Sender, desk: Desk) -> bool:
    return code is not None and any(desk.agencies.is_within(code.agency, tree) for tree in sender.codes)


def raise_all(problems: list[Problem]) -> None:
    if problems:
        raise Refusal(*problems)


def _code(dossier: Dossier, problems: list[Problem]) -> DossierCode | None:
    try:
        return codes.parse(dossier.code, CODE_PLACE)
    except Refusal as refusal:
        problems.extend(refusal.problems)
        return None


def agencies_of(message: Message) -> Sequence[tuple[str, str]]:
    """Every agency code of the message, with its place."""
    event, dossier = message.event, message.dossier
    named = [("/event/from_agency", event.from_agency), ("/event/to_agency", event.to_agency)]
    if event.actor:
        named.append(("/event/actor/agency", event.actor.agency))
    if dossier:
        named.append(("/dossier/processing_agency", dossier.processing_agency))
        named += [(f"/dossier/legs/{number}/agency", leg.agency) for number, leg in enumerate(dossier.legs)]
    return [(place, code) for place, code in named if code]


def national_words(said: Procedure, entry: Entry) -> Procedure:
    """Fill in what the sender left out and the registry knows; what was said stays as it was said."""
    return Procedure(
        local=said.local,
        national=said.national or entry.national,
        name=said.name or entry.name.vi,
        field_code=said.field_code or entry.field.code,
        field_name=said.field_name or entry.field.vi,
    )


def _unknown_procedure(said: Procedure, desk: Desk, on: date) -> str:
    """Return the place of the code that is to blame; of two that name different procedures, the sender's own."""
    known = said.national is not None and desk.procedures.by_national(said.national, on) is not None
    return "/dossier/procedure/local" if known or not said.national else "/dossier/procedure/national"


def _with_procedure(message: Message, dossier: Dossier, procedure: Procedure) -> Message:
    if procedure == dossier.procedure:
        return message
    dossier = msgspec.structs.replace(dossier, procedure=procedure)
    return msgspec.structs.replace(message, dossier=dossier)
