"""What a message leaves out and its dossier said before: an agency that only says *finished* need not say again whose dossier it is. Pure.

Only what lasts is taken (``RECORD``, ``PARTS``): never what means *now* (state, what happened and when, why, its result), never lists
that partners merge by themselves (files, fees, notices). Only where the message says nothing, and of a person or a procedure only
where both mean the same one. What nobody said stays absent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from hub.going_live.stages import RECORDED
from hub.story.telling import Flag
from schemas.dossier import Applicant, Dossier, Kind, Message, Procedure, from_json
from schemas.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

RECORD = (
    "receipt_number",
    "channel",
    "summary",
    "submitted_at",
    "received_at",
    "due_at",
    "return_method",
    "processing_unit",
    "submitted_where",
    "digitised",
    "identity_verified",
    "paid_online",
    "national_databases",
)
"""Of the dossier."""
PARTS: dict[str, tuple[str, ...]] = {
    "procedure": ("national", "name", "field_code", "field_name"),
    "applicant": ("name", "kind", "account", "identities", "address", "email", "phone", "fax", "other"),
}
"""Of the procedure, without the sender's own code for it; of the applicant."""
MOVES_DUE = frozenset({Kind.DUE_DATE_CHANGED, Kind.APOLOGY, Kind.SUPPLEMENT_SUBMITTED})
"""Kinds by which whoever may say them moves the due date; all else is taken from ``keepers`` alone."""
ABSENT = frozenset({"HUB-SCH-003", "HUB-SCH-004"})
"""What a recipient's schema says where something is missing: that it is, or, in XML, that what comes after it comes too early."""
NEWEST, FIRST = 200, 20
"""As many of a dossier's messages are looked at: the newest, and those with which it began."""


class Earlier(msgspec.Struct, frozen=True, array_like=True):
    """A message of the dossier. ``keeps``: its sender keeps the dossier's record; otherwise only the due date is taken from it."""

    id: str
    canonical: bytes
    keeps: bool = True


class Remembered(msgspec.Struct, frozen=True):
    """A message about a dossier, without what it says."""

    id: str
    sender: str
    kind: str


class Past(msgspec.Struct, frozen=True):
    """``origin``: the partner that opened the dossier. ``messages``: in the order of acceptance; ``doubted``: those that wait for a person."""

    origin: str
    messages: tuple[Remembered, ...]
    doubted: tuple[Remembered, ...] = ()


class Filled(NamedTuple):
    """``taken``: canonical place → id of the message that said it."""

    message: Message
    taken: Mapping[str, str]


def lacks(problem: object) -> bool:
    """Whether something is missing that may have been said before: by a mapping's row, or by a recipient's schema."""
    if not isinstance(problem, Problem):
        return False
    _, required, place = problem.rule.partition("required ")
    if required:
        return not place.startswith("event.")
    return problem.code == "HUB-MAP-004" and problem.detail in ABSENT


def is_trial(facts: Mapping[str, str]) -> bool:
    """``facts``: what the journal says of a message's acceptance (``hub.intake.acceptance``)."""
    return facts.get("stage") == "trial"


def believed(facts: Mapping[str, str], *, trial: bool = False) -> bool:
    """Whether an accepted message counts. ``trial``: its dossier is one."""
    return not facts.get("quarantine") and _counts(facts, trial=trial)


def doubted(facts: Mapping[str, str], *, trial: bool = False) -> bool:
    """Whether it would count, had it not been quarantined."""
    return bool(facts.get("quarantine")) and _counts(facts, trial=trial)


def _counts(facts: Mapping[str, str], *, trial: bool) -> bool:
    recorded = facts.get("rule") == RECORDED or Flag.NOTED in facts.get("flags", "").split()
    return not recorded and is_trial(facts) == trial


def keepers(past: Past, sender: str) -> frozenset[str]:
    """Who keeps the dossier's record: who opened it, who received it; and of its own words, who speaks now."""
    received = (each.sender for each in past.messages if each.kind == Kind.RECEIVED)
    return frozenset({past.origin, sender, *received})


def worth(past: Past, sender: str, message: str = "") -> tuple[tuple[str, bool], ...]:
    """Return which messages to read, the one to believe first at the front, and whether their senders keep the record.

    What was said before ``message`` counts from the newest back; what was said after it only where nothing was said before, from
    the oldest on: so whoever is asked for what is missing can say it.
    """
    keep, said = keepers(past, sender), past.messages
    place = next((n for n, each in enumerate(said) if each.id == message), len(said))
    found = [
        (each.id, each.sender in keep)
        for each in (*reversed(said[:place]), *said[place + 1 :])
        if each.sender in keep or each.kind in MOVES_DUE
    ]
    return tuple(found if len(found) <= NEWEST + FIRST else (*found[:NEWEST], *found[-FIRST:]))


def fill(message: Message, earlier: Sequence[Earlier]) -> Filled:
    """Say what the message leaves out as the first of ``earlier`` that says it."""
    told = message.dossier
    if told is None:
        return Filled(message, {})
    taken: dict[str, str] = {}
    for each in earlier:
        said = from_json(each.canonical).dossier
        if said is not None:
            told = _from(told, said, each, taken)
    return Filled(msgspec.structs.replace(message, dossier=told), taken)


def _from(told: Dossier, said: Dossier, source: Earlier, taken: dict[str, str]) -> Dossier:
    names = RECORD if source.keeps else ("due_at",)
    new: dict[str, Any] = dict(_missing(told, said, names))
    taken |= dict.fromkeys((f"dossier.{name}" for name in new), source.id)
    for part, fields in PARTS.items() if source.keeps else ():
        own, other = getattr(told, part), getattr(said, part)
        if other is None or not _same(own, other):
            continue
        found = dict(_missing(own or type(other)(), other, fields))
        if found:
            new[part] = msgspec.structs.replace(own or type(other)(), **found)
            taken |= dict.fromkeys((f"dossier.{part}.{name}" for name in found), source.id)
    return msgspec.structs.replace(told, **new) if new else told


def _missing(told: object, said: object, names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for name in names:
        value = getattr(said, name)
        if getattr(told, name) in (None, ()) and value not in (None, ()):
            yield name, value


def _same(own: Procedure | Applicant | None, other: Procedure | Applicant) -> bool:
    """Whether both may be the same procedure, or person: by what tells them apart best of what both say. Where one says only the code
    or number and the other only the name, nobody knows.
    """
    match own, other:
        case Procedure(), Procedure():
            codes, names = (own.national, other.national), (own.name, other.name)
            return _equal(*codes) if all(codes) else _by_name(codes, names)
        case Applicant(), Applicant():
            numbers, names = (own.identities, other.identities), (own.name, other.name)
            return bool({*own.identities} & {*other.identities}) if all(numbers) else _by_name(numbers, names)
    return True


def _by_name(better: tuple[object, object], names: tuple[str | None, str | None]) -> bool:
    one, two = names
    if one and two:
        return _equal(one, two)
    own, other = (any(said) for said in zip(better, names, strict=True))
    return not (own and other)


def _equal(one: str | None, two: str | None) -> bool:
    return _plain(one or "") == _plain(two or "")


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def written(taken: Mapping[str, str]) -> str:
    """Say it in one line of the journal: places and ids."""
    return " ".join(f"{place}={message}" for place, message in sorted(taken.items()))


def read(line: str) -> dict[str, str]:
    """Read what ``written`` wrote."""
    return dict(each.split("=", 1) for each in line.split())
