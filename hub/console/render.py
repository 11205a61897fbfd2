"""Pages: templates and words in, HTML out. Everything that is put into a page is escaped; nothing in it runs."""

from __future__ import annotations

import hashlib
import tomllib
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from hub.console.acts import MOMENT
from hub.deadlines.calendar import VIETNAM
from hub.figures.page import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Environment

FOLDER = Path(__file__).parent
STYLE = (FOLDER / "style.css").read_bytes() + TABLES.encode()
STYLE_TAG = hashlib.sha256(STYLE).hexdigest()[:12]
"""In its address: a browser keeps it until it changes."""
LANGUAGES = ("vi", "en")
THEMES = ("auto", "light", "dark")
SOON = timedelta(days=2)
UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))


def words() -> Mapping[str, Mapping[str, str]]:
    """Return every word of the pages in both languages, by its name."""
    found: dict[str, Mapping[str, str]] = {}
    for table, entries in tomllib.loads((FOLDER / "words.toml").read_text("utf-8")).items():
        found |= {f"{table}.{name}": told for name, told in entries.items()}
    return found


class Due(msgspec.Struct, frozen=True):
    """``face``: none, late, soon, later; ``said``: how late, or how long it still is."""

    at: datetime | None
    face: str
    said: str


class Pages:
    """Built once. ``words``: as of the function of this name."""

    def __init__(self) -> None:
        self._words = words()

    @cached_property
    def _templates(self) -> Environment:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - heavy; only pages need it

        return Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def say(self, language: str, name: str, **values: object) -> str:
        """Return a word. Raises ``KeyError`` for one that nobody wrote."""
        return self._words[name][language].format(**values)

    def knows(self, name: str) -> bool:
        return name in self._words

    def html(self, template: str, language: str, now: datetime, **parts: Any) -> str:  # noqa: ANN401 - whatever a page shows
        def say(name: str, **values: object) -> str:
            return self.say(language, name, **values)

        return self._templates.get_template(template).render(
            language=language,
            other="en" if language == "vi" else "vi",
            say=say,
            knows=self.knows,
            clock=clock,
            date=date,
            typed=typed,
            size=size,
            money=money,
            due=lambda at: self.due(language, at, now),
            now=now,
            style=STYLE_TAG,
            **parts,
        )

    def due(self, language: str, at: datetime | None, now: datetime) -> Due:
        if at is None:
            return Due(None, "none", self.say(language, "due.none"))
        left = at - now
        face = "late" if left < timedelta() else "soon" if left < SOON else "later"
        return Due(
            at, face, self.say(language, f"due.{face}", span=self.span(language, abs(left.total_seconds())))
        )

    def span(self, language: str, seconds: float) -> str:
        """Return the largest unit that fits."""
        for unit, length in UNITS:
            if seconds >= length:
                return self.say(language, f"time.{unit}", number=int(seconds // length))
        return self.say(language, "time.minute", number=1)


def clock(moment: datetime) -> str:
    """``22/11/2026 14:05``, as an office in Vietnam reads it."""
    return f"{local(moment):%d/%m/%Y %H:%M}"


def date(moment: datetime) -> str:
    return f"{local(moment):%d/%m/%Y}"


def typed(moment: datetime) -> str:
    """As a browser's field for a moment takes it."""
    return local(moment).strftime(MOMENT)


def local(moment: datetime) -> datetime:
    """In Vietnam's time; a moment at the end of all calendars ("no deadline", in some systems) stays as it was told."""
    try:
        return moment.astimezone(VIETNAM)
    except OverflowError:
        return moment


def size(octets: int | None) -> str:
    if octets is None:
        return ""
    return f"{octets / 1_048_576:.1f} MB" if octets >= 1_048_576 else f"{max(1, round(octets / 1024))} KB"  # noqa: PLR2004 - a mebibyte


def money(dong: int | None) -> str:
    """``1.250.000 đ``: dots between the thousands, as it is written in Vietnam."""
    return "" if dong is None else f"{dong:,} đ".replace(",", ".")
