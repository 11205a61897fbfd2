"""Figures that a one-stop publishes (``MStatistic``), and what citizens think of it (``MVotes``), as reports. Pure.

The client publishes the month's figures as they are whenever its timer rings, without a key and without a date of their own; a
vote's ``DateCreated`` is the clock of the call. So the same figures said again are the same report, whatever the clock says;
figures that came back to what they were after others are said anew. What is no number there says nothing: a share of nothing is
left out by the client.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from connectors.desks import Message
from connectors.lgsp.records import date, flag, text
from connectors.repeats import digest
from schemas.problems import refuse
from schemas.text import NOT_XML

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from connectors.desks import Standing

PROCESSING, RATINGS = "processing", "ratings"
"""``report.name``, which the mapping says of each."""
AGENCY = ("OrganizationInchargeIdlevel1", "OrganizationInchargeIdLevel1")
"""As the client writes it, and as the published schema has it."""
COUNTED = (
    *("NewReception", "PreExtisting", "Total", "TotalSolved", "SolvedInTime", "SolvedInTimePercent"),
    *("SolvedLate", "SolvedLatePercent", "TotalPending", "Pending", "PendingPercent", "PendingLate"),
    "PendingLatePercent",
)
RATED = ("TotalVoted", "PercentVeryGood", "PercentGood", "PercentBad")
CLOCK = "DateCreated"
LONGEST = 4_000
"""Characters of a note or a question."""
MONTHS, FIRST_YEAR, LAST_YEAR = 12, 2000, 2999
WHOLE = 9
"""Digits of a whole number; the longest that are read."""


class Figures(NamedTuple):
    """One report as it was read. ``at``: when it was made; empty: not said. ``subject``: which report it is, of all of this sender's."""

    wire: str
    name: str
    period: str
    at: str
    agency: str
    agency_name: str
    note: str
    figures: tuple[dict[str, str], ...]
    mark: str

    @property
    def subject(self) -> str:
        return " ".join(filter(None, (self.name, self.period, self.agency)))

    @property
    def begins(self) -> str:
        return f"F-{digest(self.subject.encode())[:16]}-"


def statistic(body: bytes) -> Figures:
    """Read ``MStatistic``. Raises ``Refusal`` HUB-SCH-001, -002, -003."""
    found = _record(body, "MStatistic")
    return Figures(
        wire="MStatistic",
        name=PROCESSING,
        period=_period(found),
        at="",
        agency=_agency(found),
        agency_name=_words(found, "OrganizationInchargeName", ""),
        note=_words(found, "Note", ""),
        figures=tuple(_figures(found, COUNTED, "")),
        mark=_mark(found),
    )


def votes(body: bytes) -> Figures:
    """Read ``MVotes``. Raises ``Refusal`` HUB-SCH-001, -002, -003."""
    found = _record(body, "MVotes")
    questions = found.get("Questions") or []
    if not isinstance(questions, list) or not all(isinstance(one, dict) for one in questions):
        raise refuse("HUB-SCH-002", "/Questions", rule="MVotes")
    asked = [
        {**figure, "About": _words(one, "Content", f"/Questions/{number}")}
        for number, one in enumerate(questions)
        for figure in _figures(one, RATED, f"/Questions/{number}")
    ]
    made = found.get(CLOCK)
    at = date(made) if isinstance(made, str) else ""
    if not at:
        raise refuse("HUB-SCH-003", f"/{CLOCK}", rule="required")
    return Figures(
        wire="MVotes",
        name=RATINGS,
        period="",
        at=at,
        agency=_agency(found),
        agency_name=_words(found, "OrganizationInchargeName", ""),
        note="",
        figures=(*_figures(found, RATED, ""), *asked),
        mark=_mark({name: value for name, value in found.items() if name != CLOCK}),
    )


def reported(said: Figures, body: bytes, came: datetime, standing: Standing) -> tuple[Message, ...]:
    """Say a report. ``came``: now, by the hub's clock; ``standing``: what this sender said of it before."""
    number = _number(said, standing)
    concluded = {
        "At": said.at or came.replace(microsecond=0).astimezone(UTC).isoformat(),
        "Subject": said.subject,
        "Period": said.period,
        "Agency": said.agency,
        "AgencyName": said.agency_name,
        "Note": said.note,
    }
    told = {name: value for name, value in concluded.items() if value}
    envelope = msgspec.json.encode({**told, "Figures": said.figures, said.wire: msgspec.Raw(body)})
    return (Message(body=envelope, key=f"{said.begins}{number}-{said.mark}", clocked=True),)


def _number(said: Figures, standing: Standing) -> int:
    """Count how often the report came to these figures; what was said last is said again."""
    before = [key.removeprefix(said.begins).partition("-")[2] for key in standing.said]
    again = bool(before) and before[-1] == said.mark
    return before.count(said.mark) + (0 if again else 1)


def _record(body: bytes, what: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise refuse("HUB-SCH-001", rule="RFC 8259") from None
    if not isinstance(found, dict):
        raise refuse("HUB-SCH-002", rule=what)
    return found


def _mark(found: dict[str, Any]) -> str:
    return digest(msgspec.json.encode(found, order="deterministic"))


def _period(found: dict[str, Any]) -> str:
    """A month, or a year: the client writes month 0 for all of it."""
    year = _whole(found, "Year", FIRST_YEAR, LAST_YEAR)
    monthly = found.get("IsMonthStatistic")
    if text(found.get("Month")) in {"", "0"} or (monthly is not None and not flag(monthly)):
        return f"{year}"
    return f"{year}-{_whole(found, 'Month', 1, MONTHS):02d}"


def _whole(found: dict[str, Any], name: str, least: int, most: int) -> int:
    said = text(found.get(name))
    if not said:
        raise refuse("HUB-SCH-003", f"/{name}", rule="required")
    if not (said.isascii() and said.isdecimal() and len(said) <= WHOLE) or not least <= int(said) <= most:
        raise refuse("HUB-SCH-002", f"/{name}", rule=f"{least} … {most}")
    return int(said)


def _agency(found: dict[str, Any]) -> str:
    return next(filter(None, (_words(found, name, "", longest=200) for name in AGENCY)), "")


def _words(found: dict[str, Any], name: str, place: str, longest: int = LONGEST) -> str:
    said = found.get(name)
    if said is None:
        return ""
    if not isinstance(said, str) or len(said) > longest or NOT_XML.search(said):
        raise refuse("HUB-SCH-002", f"{place}/{name}", rule=f"length 0 to {longest}")
    return said.strip()


def _figures(found: dict[str, Any], names: tuple[str, ...], place: str) -> Iterator[dict[str, str]]:
    for name in names:
        said = found.get(name)
        if said is None or said == "":
            continue
        if isinstance(said, bool) or not isinstance(said, int | float | str) or not _is_number(said):
            raise refuse("HUB-SCH-002", f"{place}/{name}", rule="number")
        yield {"Name": name, "Value": str(said).strip()}


def _is_number(said: float | str) -> bool:
    if isinstance(said, str) and (
        "_" in said or not said.isascii()
    ):  # Python reads more than a number's digits
        return False
    try:
        return abs(float(said)) < float("inf")
    except (ValueError, OverflowError):
        return False
