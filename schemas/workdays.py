"""Days on which offices work, as data: the package ``holidays`` for the law, a registry file for what is announced each year.

* Weekend, then public holidays (with the day off in lieu), then make-up days as the package knows them, then the lines of the
  registry's file, then those of a site's own file: the last one that speaks of a day decides.
* A year is *published* when its days off have been announced; the file says which. Any other year is a calculation.
* ``version`` names everything that a deadline was computed from: file, package, and the digest of the site's file.
* Data: ``registries/calendar/*.toml``, closed; a site's own file has the same shape, each key optional but ``id``.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import date  # noqa: TC003
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

FILE = Path(__file__).parent / "registries" / "calendar" / "vn.toml"
FIRST, LAST = 2010, 2099
"""Years that can be computed; the lunar tables of the package end there."""

_SPAN = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_MIDNIGHT = 24 * 60
_SATURDAY = 5


class Closed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Common shape: frozen and closed."""


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    vi: str
    en: str


class Day(Closed, frozen=True):
    """One announced day: a day off that the law alone does not give, or a make-up day that is worked."""

    date: date
    works: bool
    reason: Text


WORKED_INSTEAD = Text(vi="Làm bù", en="Worked in place of a day off")


class File(Closed, frozen=True):
    id: str
    version: str = ""
    hours: tuple[str, ...] = ()
    published: tuple[int, ...] = ()
    day: tuple[Day, ...] = ()


class Span(NamedTuple):
    """A part of a day in minutes since midnight: from ``opens`` until before ``closes``."""

    opens: int
    closes: int


class Year(msgspec.Struct, frozen=True):
    """``days``: each day that differs from the plain week, and why. ``published`` false: calculated, not announced."""

    number: int
    published: bool
    days: Mapping[date, Day]

    def works(self, day: date) -> bool:
        told = self.days.get(day)
        return day.weekday() < _SATURDAY if told is None else told.works


class Workdays:
    """The registry: office hours, and each year worked out when it is first asked for. Safe to share inside a process."""

    def __init__(self, files: Sequence[File], version: str) -> None:
        self.version = version
        self.spans = spans(next((file.hours for file in reversed(files) if file.hours), ()))
        self._published = frozenset(year for file in files for year in file.published)
        self._told = {day.date: day for file in files for day in file.day}
        self._years: dict[int, Year] = {}

    def year(self, number: int) -> Year:
        """Return one year. Raises ``ValueError`` outside ``FIRST`` … ``LAST``: nobody knows those."""
        found = self._years.get(number)
        if found is None:
            if not FIRST <= number <= LAST:
                raise ValueError(f"the calendar knows {FIRST} to {LAST}, not {number}")
            told = {day: entry for day, entry in self._told.items() if day.year == number}
            days = {**_law(number), **told}
            found = self._years[number] = Year(number, number in self._published, dict(sorted(days.items())))
        return found


def _law(number: int) -> dict[date, Day]:
    """What the package says of one year, in both languages: 5 ms, and 100 ms for the first."""
    from holidays.countries.vietnam import Vietnam  # noqa: PLC0415 - only those pay for it who ask for a day

    vi, en = (Vietnam(years=number, language=language) for language in ("vi", "en_US"))  # type: ignore[no-untyped-call]  # of the package
    off = {day: Day(date=day, works=False, reason=Text(vi=name, en=en[day])) for day, name in vi.items()}
    return off | {
        day: Day(date=day, works=True, reason=WORKED_INSTEAD)
        for day in vi.weekend_workdays
        if day.year == number
    }


def load(site: Path | None = None, file: Path = FILE) -> Workdays:
    """Read the registry and, over it, a site's own file. Raises ``ValueError`` naming file and entry; ``OSError``."""
    files = [_read(file)]
    version = f"{files[0].id}-{files[0].version}+holidays-{metadata.version('holidays')}"
    if site is not None:
        files.append(_read(site))
        version += f"+{files[1].id}-{hashlib.sha256(site.read_bytes()).hexdigest()[:8]}"
    return Workdays(files, version)


def _read(path: Path) -> File:
    try:
        file = msgspec.convert(tomllib.loads(path.read_text("utf-8")), File)
        spans(file.hours)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError) as error:
        raise ValueError(f"{path.name}: {error}") from error
    dates = [day.date for day in file.day]
    twice = next((day for number, day in enumerate(dates) if day in dates[:number]), None)
    if twice is not None:
        raise ValueError(f"{path.name}: {twice} stands twice")
    wrong = next((year for year in file.published if not FIRST <= year <= LAST), None)
    if wrong is not None:
        raise ValueError(f"{path.name}: published {wrong} is not within {FIRST} to {LAST}")
    return file


def spans(written: Sequence[str]) -> tuple[Span, ...]:
    """Read ``("07:00-11:30", "13:30-17:00")``. Raises ``ValueError``: not so written, not rising, or overlapping."""
    found = tuple(_span(text) for text in written)
    if not _rises(found):
        raise ValueError("hours that rise through the day and do not overlap")
    return found


def _rises(found: Sequence[Span]) -> bool:
    return all(span.opens < span.closes for span in found) and all(
        early.closes <= late.opens for early, late in pairwise(found)
    )


def _span(text: str) -> Span:
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError(f'hours as "07:00-11:30", not "{text}"')
    first, second, third, fourth = map(int, match.groups())
    span = Span(first * 60 + second, third * 60 + fourth)
    if span.closes > _MIDNIGHT:
        raise ValueError(f'a day ends at 24:00, not "{text}"')
    return span
