"""What the hub remembers of a dossier, frozen, and as JSON in the store. Codes, states and times; never personal data.

State is kept per agency leg; the overall state is derived from the legs that have the dossier in hand (``hub.story.moves``).
A leg that handed the dossier on is *passed*: it waits for the agencies it named and takes no part in the overall state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import date, datetime  # noqa: TC003

import msgspec

from hub.going_live.stages import Stage  # noqa: TC001
from schemas.dossier import State  # noqa: TC001


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Common shape: frozen, closed, defaults left out in JSON."""


class StoryLeg(Value, frozen=True):
    """The part one agency has in hand. ``passed_to``: agencies it handed the dossier on to and waits for."""

    agency: str
    state: State
    passed_to: tuple[str, ...] = ()


class Counted(Value, frozen=True):
    """What a deadline was counted from (``hub.deadlines.deadline``). ``provisional``: years that were not announced then. ``pauses``: when
    the applicant was asked and when it answered.
    """

    since: datetime
    hours: float
    calendar: str = ""
    provisional: tuple[int, ...] = ()
    pauses: tuple[tuple[datetime, datetime], ...] = ()


class Story(Value, frozen=True):
    """``origin``: the partner whose message opened it. ``received_by``: agency part of its code, or the origin's agency.

    ``parties``: partners that may speak about it. ``sequences``: last sequence per source. ``opened_on``: the day whose
    catalogue versions the dossier keeps. ``custody``: who holds the paper original of the result. ``counted``: how the
    hub came to ``deadline``, when nobody promised one. ``asked``: the applicant is waited for since; ``moved``: the calendar
    by which such waiting moved a promise. ``apologies``: how often the applicant was told that it is overdue. ``stage``: what it began as; a trial stays one.
    ``catalogues``: the versions that counted at its reception; it finishes on them.

    ``heard``: hub → how many of its messages about this dossier are known here; ``chains``: hub → SHA-256 over their digests, in their
    order (``hub.story.tellings``). ``code``: by which it was opened; ``due``: the due date as it was told, without what a hub counted.
    """

    origin: str
    origin_agency: str
    received_by: str
    opened_on: date
    state: State
    legs: tuple[StoryLeg, ...]
    parties: tuple[str, ...] = ()
    sequences: Mapping[str, int] = {}
    national: str | None = None
    local: str | None = None
    deadline: datetime | None = None
    counted: Counted | None = None
    asked: datetime | None = None
    moved: str | None = None
    apologies: int = 0
    custody: str | None = None
    parent: str | None = None
    children: tuple[str, ...] = ()
    stage: Stage = "live"
    catalogues: Mapping[str, int] = {}
    heard: Mapping[str, int] = {}
    chains: Mapping[str, str] = {}
    code: str | None = None
    due: datetime | None = None


def to_json(story: Story) -> bytes:
    return _ENCODER.encode(story)


def from_json(raw: bytes) -> Story:
    """Read what ``to_json`` wrote. Raises ``msgspec.ValidationError``: only the store's own bytes come this way."""
    return _DECODER.decode(raw)


def more_of(known: tuple[str, ...], more: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *more)))


_ENCODER = msgspec.json.Encoder(order="deterministic")


_DECODER = msgspec.json.Decoder(Story)
