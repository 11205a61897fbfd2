"""Why a dossier is late: what its responsible unit said, and what the centre accepted. Pure.

Only what was accepted is published: until then the words stay in the messages that said them.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING

from hub.figures.period import day_of
from hub.story.record import Value
from schemas.dossier import from_json
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hub.figures.counting import Counted, Standing
    from hub.store.contract.ledger import LateReason

NOT_TO_ACCEPT = "HUB-FIG-005"


class Why(Value, frozen=True):
    """``said``: by a message or a proposal; ``accepted_by``: empty while nobody accepted it."""

    reason: str = ""
    unit: str = ""
    said_by: str = ""
    accepted_by: str = ""
    accepted_at: datetime | None = None


class Late(Value, frozen=True):
    """One dossier that was finished late, or is open and late. ``days``: whole days past its due day."""

    code: str
    agency: str
    due_at: datetime | None
    finished_at: datetime | None
    days: int
    why: Why


def lates(
    counted: Counted,
    figures: Sequence[str],
    reasons: Iterable[LateReason],
    said: Mapping[str, bytes],
) -> tuple[Late, ...]:
    """``figures``: of which the dossiers are (``resolved_late``, ``open_late``); ``said``: canonical messages by id, as far as they can
    still be read.
    """
    codes = sorted({code for row in counted.rows for figure in figures for code in row.dossiers[figure]})
    known = [each for each in reasons if each.at <= counted.known]
    return tuple(_late(code, counted, known, said) for code in codes)


def _late(code: str, counted: Counted, reasons: Sequence[LateReason], said: Mapping[str, bytes]) -> Late:
    standing = counted.standing[code]
    due, end = standing.course.due_at, standing.course.finished_at
    days = (day_of(end or counted.until) - day_of(due)).days if due else 0
    return Late(
        code=code,
        agency=standing.place.agency,
        due_at=due,
        finished_at=end,
        days=max(0, days),
        why=why(standing, reasons, said),
    )


def why(standing: Standing, reasons: Iterable[LateReason], said: Mapping[str, bytes]) -> Why:
    return why_of(standing.dossier, standing.explained, reasons, said)


def why_of(
    dossier: str, explained: Sequence[str], reasons: Iterable[LateReason], said: Mapping[str, bytes]
) -> Why:
    """The last reason that was accepted; otherwise the last that somebody proposed, otherwise what the last message says."""
    own = [each for each in reasons if each.dossier == dossier]
    proposed = next((each for each in reversed(own) if each.what == "proposed"), None)
    accepted = next((each for each in reversed(own) if each.what == "accepted"), None)
    if accepted is not None:
        return Why(
            reason=accepted.reason,
            unit=accepted.unit,
            said_by=proposed.by if proposed else "",
            accepted_by=accepted.by,
            accepted_at=accepted.at,
        )
    if proposed is not None:
        return Why(reason=proposed.reason, unit=proposed.unit, said_by=proposed.by)
    told = [_told(said[message]) for message in explained if message in said]
    return told[-1] if told else Why()


def _told(canonical: bytes) -> Why:
    message = from_json(canonical)
    dossier = message.dossier
    return Why(
        reason=message.event.reason or (dossier.overdue_reason if dossier else None) or "",
        unit=(dossier.responsible_unit if dossier else None) or "",
        said_by=message.agency,
    )


def acceptable(known: Why, reason: str, by: str) -> Why:
    """Return what is accepted: other words, or those that were said. Raises ``Refusal`` HUB-FIG-005: nobody said any, or the same person did."""
    words = reason or known.reason
    if not words:
        raise refuse(NOT_TO_ACCEPT, "reason", rule="a reason that somebody gave")
    if known.said_by == by:
        raise refuse(NOT_TO_ACCEPT, "by", rule="accepted by somebody else than who gave it")
    return Why(reason=words, unit=known.unit, said_by=known.said_by)
