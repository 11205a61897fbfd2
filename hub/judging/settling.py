"""One fact that a message may say in two places, said in both, so that every format finds it where it looks. Pure.

Nothing is made up: a place that says something keeps it, except a due date that this very message replaces.

* A changed due date, and the one that an apology names, is the dossier's: ``event.due_at`` → ``dossier.due_at``; of a change also back.
* What an apology gives as its reason is why the dossier is overdue, and the other way round.
* What a supplement moved the due date to (``supplements[].due_after``) is the dossier's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from schemas.dossier import Kind, Message

if TYPE_CHECKING:
    from schemas.dossier import Dossier, Event


def settled(message: Message) -> Message:
    """Return the message with what it says in one of two places in both."""
    if message.dossier is None or message.kind not in MOVES_DUE:
        return message
    event, dossier = _differing(message.event, message.dossier)
    if not event and not dossier:
        return message
    return msgspec.structs.replace(
        message,
        event=msgspec.structs.replace(message.event, **event),
        dossier=msgspec.structs.replace(message.dossier, **dossier),
    )


MOVES_DUE = frozenset({Kind.DUE_DATE_CHANGED, Kind.APOLOGY, Kind.SUPPLEMENT_SUBMITTED})


def _differing(event: Event, dossier: Dossier) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is to be said anew of the event, and of the dossier."""
    of_event: dict[str, Any] = {}
    of_dossier: dict[str, Any] = {}
    due = _due(event, dossier)
    if due is not None and due != dossier.due_at:
        of_dossier["due_at"] = due
    if event.kind is Kind.DUE_DATE_CHANGED and event.due_at is None and dossier.due_at is not None:
        of_event["due_at"] = dossier.due_at
    if event.kind is Kind.APOLOGY:
        why = event.reason or dossier.overdue_reason
        of_event |= {"reason": why} if why and not event.reason else {}
        of_dossier |= {"overdue_reason": why} if why and not dossier.overdue_reason else {}
    return of_event, of_dossier


def _due(event: Event, dossier: Dossier) -> Any:  # noqa: ANN401 - a moment, or None
    """The date that this message moves the due date to, where it says it."""
    if event.kind is Kind.SUPPLEMENT_SUBMITTED:
        return dossier.supplements[-1].due_after if dossier.supplements else None
    return event.due_at
