"""A report as it is published: its form, its lines with every figure, who is late and why, and what it restates. Pure.

It names no dossier and no person: the dossiers behind each figure are kept beside it, and their digest stands in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import date, datetime  # noqa: TC003
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import msgspec

from hub.figures.definition import DOSSIERS, FIGURES, MONEY, definition
from hub.figures.definition import digest as definition_digest
from hub.figures.period import Period
from hub.story.record import Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.figures.counting import By, Counted, Row, World
    from hub.figures.reasons import Late

Form = Literal["weekly", "06a", "06b"]
FORMS: tuple[Form, ...] = get_args(Form)
GROUPED: Mapping[Form, By] = {"weekly": "agency", "06a": "field", "06b": "agency"}
"""What the lines of a form are: the centre's weekly report and 06b by agency, 06a of one agency by field."""
TOTAL = ""
"""The key of the line of all."""


class Line(Value, frozen=True):
    """One agency or field. ``since``: its figures from ``Report.since`` on, where the form has them."""

    key: str
    vi: str
    en: str
    level: str
    figures: Mapping[str, int]
    since: Mapping[str, int] = {}
    silent: bool = False

    def name(self, language: str) -> str:
        return self.en if language == "en" else self.vi


class LateLine(Value, frozen=True):
    """A dossier that was resolved late, without its code. ``reason``: what was accepted; empty: nothing was yet."""

    agency: str
    days: int
    reason: str = ""
    unit: str = ""
    accepted_by: str = ""
    accepted_at: datetime | None = None


class Change(Value, frozen=True):
    """One figure that is another now. ``because``: how many facts of each kind came late for its dossiers."""

    line: str
    figure: str
    old: int
    new: int
    added: int
    removed: int
    because: Mapping[str, int]
    since: bool = False


class Restates(Value, frozen=True):
    """The edition before this one: its number and digest, and what is different from it."""

    edition: int
    digest: str
    known_at: datetime
    changes: tuple[Change, ...]


class Defined(Value, frozen=True):
    version: int
    digest: str


class Report(Value, frozen=True):
    """``first`` … ``last``: the period, both days whole; ``since``: the first day of what is counted up; ``known_at``: by what was known then.

    ``behind``: SHA-256 of the dossiers behind its figures (``Behind``), hex.
    """

    id: str
    edition: int
    form: Form
    agency: str
    vi: str
    en: str
    first: date
    last: date
    since: date | None
    known_at: datetime
    publisher: str
    defined: Defined
    total: Line
    lines: tuple[Line, ...]
    late: tuple[LateLine, ...]
    behind: str
    restates: Restates | None = None

    def name(self, language: str) -> str:
        return self.en if language == "en" else self.vi


class Behind(Value, frozen=True):
    """The codes behind each figure, by line; ``since``: likewise; ``late``: in the order of ``Report.late``. Not for everybody."""

    lines: Mapping[str, Mapping[str, tuple[str, ...]]]
    since: Mapping[str, Mapping[str, tuple[str, ...]]]
    late: tuple[str, ...]

    def of(self, line: str, figure: str, *, since: bool = False) -> tuple[str, ...]:
        return (self.since if since else self.lines).get(line, {}).get(figure, ())


class Counts(NamedTuple):
    """What a report is made from: the period by line and in all, and the same from its first day on."""

    lines: Counted
    total: Counted
    since_lines: Counted | None = None
    since_total: Counted | None = None


def name_of(form: Form, agency: str, period: Period) -> str:
    """``weekly:000.00.00.H47:2017-07-14:2017-07-20``."""
    return f"{form}:{agency}:{period.first}:{period.last}"


def bys(form: Form) -> tuple[By, ...]:
    """What each span of a form is counted by: its lines, and all of it."""
    return (GROUPED[form], ALL_OF_IT)


ALL_OF_IT: By = "all"


def period_of(told: Report) -> Period:
    return Period(first=told.first, last=told.last)


def since_of(told: Report) -> Period | None:
    return Period(first=told.since, last=told.last) if told.since else None


def behind_of(counts: Counts, late: Sequence[Late]) -> Behind:
    return Behind(
        lines=_codes(counts.lines, counts.total),
        since=_codes(counts.since_lines, counts.since_total),
        late=tuple(each.code for each in late),
    )


def _codes(*counted: Counted | None) -> dict[str, dict[str, tuple[str, ...]]]:
    rows = [row for each in counted if each for row in each.rows]
    return {row.key: codes for row in rows if (codes := _row_codes(row))}


def _row_codes(row: Row) -> dict[str, tuple[str, ...]]:
    found = {name: row.dossiers[name] for name in DOSSIERS}
    found |= {name: tuple(sorted({paid.dossier for _, paid in row.payments[name]})) for name in MONEY}
    return {name: codes for name, codes in found.items() if codes}


def report(
    form: Form,
    counts: Counts,
    late: Sequence[Late],
    world: World,
    *,
    publisher: str,
    edition: int = 1,
    restates: Restates | None = None,
) -> tuple[Report, Behind]:
    choice = counts.total.choice
    agency = world.agencies.known(choice.agency)
    behind = behind_of(counts, late)
    since = counts.since_total
    made = Report(
        id=name_of(form, choice.agency, choice.period),
        edition=edition,
        form=form,
        agency=choice.agency,
        vi=agency.vi if agency else "",
        en=agency.en if agency else "",
        first=choice.period.first,
        last=choice.period.last,
        since=since.choice.period.first if since else None,
        known_at=counts.total.known,
        publisher=publisher,
        defined=Defined(version=definition().version, digest=definition_digest()),
        total=_line(counts.total.row(), since.row() if since else None, world),
        lines=tuple(
            _line(row, _same(counts.since_lines, row.key), world)
            for row in sorted(counts.lines.rows, key=lambda row: _order(row.key, world))
        ),
        late=tuple(_late_line(each) for each in late),
        behind=digest(to_json(behind)),
        restates=restates,
    )
    return made, behind


def _same(counted: Counted | None, key: str) -> Row | None:
    return next((row for row in counted.rows if row.key == key), None) if counted else None


LEVELS = ("province", "department", "district", "commune", "national", "")


def _order(key: str, world: World) -> tuple[int, str]:
    """Agencies by level, then by code; fields by code."""
    level = str(world.agencies.level(key) or "")
    return (LEVELS.index(level), world.agencies.to_qd20(key) or key)


def _line(row: Row, since: Row | None, world: World) -> Line:
    agency = world.agencies.known(row.key) if row.key else None
    field = next(
        (each.field for each in world.procedures.entries.values() if each.field.code == row.key), None
    )
    named = agency or field
    return Line(
        key=row.key,
        vi=named.vi if named else row.key,
        en=named.en if named else row.key,
        level=str(agency.level) if agency else "",
        figures={name: row.value(name) for name in FIGURES},
        since={name: since.value(name) for name in FIGURES} if since else {},
        silent=row.silent,
    )


def _late_line(late: Late) -> LateLine:
    why = late.why
    if not why.accepted_by:
        return LateLine(agency=late.agency, days=late.days)
    return LateLine(
        agency=late.agency,
        days=late.days,
        reason=why.reason,
        unit=why.unit,
        accepted_by=why.accepted_by,
        accepted_at=why.accepted_at,
    )


def to_json(told: Report | Behind) -> bytes:
    """Write it as it is signed and hashed."""
    return msgspec.json.encode(told, order="deterministic")


def from_json(raw: bytes) -> Report:
    return msgspec.json.decode(raw, type=Report)


def behind_from_json(raw: bytes) -> Behind:
    return msgspec.json.decode(raw, type=Behind)


def digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
