"""What applicants were told of a dossier that is overdue: when, by whom, why, and which new date (NĐ 61/2018, Điều 19). Pure.

The story counts them and keeps the date in force; the words stand in the messages alone, where they can be read as long as those are kept.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING, Protocol

from hub.story.record import Value
from schemas.dossier import Kind, from_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Apology(Value, frozen=True):
    """``message``: which said it. ``due_at``: the new date, where the event or else the record names one; ``reason``: why; ``unit``: who is responsible for the delay."""

    message: str
    agency: str
    at: datetime
    due_at: datetime | None = None
    reason: str | None = None
    unit: str | None = None


class Spoken(Protocol):
    """A message without what it says."""

    @property
    def id(self) -> str: ...
    @property
    def kind(self) -> str: ...


def which(messages: Iterable[Spoken]) -> list[str]:
    """Return the ids of those that apologise."""
    return [each.id for each in messages if each.kind == Kind.APOLOGY]


def apologies(kept: Mapping[str, bytes], order: Iterable[str]) -> tuple[Apology, ...]:
    """``kept``: what they say, canonical, by id, as far as it can still be read; ``order``: their ids as they were accepted."""
    return tuple(_apology(id_, kept[id_]) for id_ in order if id_ in kept)


def _apology(id_: str, canonical: bytes) -> Apology:
    message = from_json(canonical)
    event, dossier = message.event, message.dossier
    return Apology(
        message=id_,
        agency=message.agency,
        at=event.at,
        due_at=event.due_at or (dossier.due_at if dossier else None),
        reason=event.reason or (dossier.overdue_reason if dossier else None),
        unit=dossier.responsible_unit if dossier else None,
    )
