"""Times as an office in Việt Nam reads them; UTC inside and in JSON.

The zone is the fixed offset +07: Asia/Ho_Chi_Minh has had no other since 1975, and a hub without a zone database must
not fail on it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.cli.words import Speech

HO_CHI_MINH = timezone(timedelta(hours=7), "+07")
UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def utc_now() -> datetime:
    """Return the wall clock; ``main`` hands it to the commands, nothing else reads it."""
    return datetime.now(UTC)


def local(moment: datetime) -> str:
    """``22/11/2026 14:05:09 (+07)``."""
    return f"{moment.astimezone(HO_CHI_MINH):%d/%m/%Y %H:%M:%S} (+07)"


def clock(moment: datetime, now: datetime) -> str:
    """``14:32`` today, ``23/11 14:32`` on another day."""
    there, here = moment.astimezone(HO_CHI_MINH), now.astimezone(HO_CHI_MINH)
    return f"{there:%H:%M}" if there.date() == here.date() else f"{there:%d/%m %H:%M}"


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def span(speech: Speech, seconds: float) -> str:
    """Return the largest unit and, below it, the next one: ``2 giờ 56 phút``."""
    rest = max(0, int(seconds))
    first = next((place for place, (_, size) in enumerate(UNITS) if rest >= size), len(UNITS) - 1)
    parts: list[str] = []
    for name, size in UNITS[first : first + 2]:
        number, rest = divmod(rest, size)
        if number or not parts:
            parts.append(speech.say(f"time.{name}", number=number))
    return " ".join(parts)


def wait(speech: Speech, seconds: float) -> str:
    """A declared wait: in one unit where it is a whole number of it, otherwise as ``span``; under a second as a fraction."""
    if seconds < 1:
        return speech.say("time.second", number=f"{seconds:g}")
    whole = next((each for each in UNITS if seconds >= each[1] and seconds % each[1] == 0), None)
    return (
        speech.say(f"time.{whole[0]}", number=f"{seconds / whole[1]:g}") if whole else span(speech, seconds)
    )


def ago(speech: Speech, moment: datetime, now: datetime) -> str:
    passed = (now - moment).total_seconds()
    name = "time.ago" if passed >= 0 else "time.ahead"
    return speech.say(name, span=span(speech, abs(passed)))


def full(speech: Speech, moment: datetime, now: datetime) -> str:
    return f"{local(moment)} · {ago(speech, moment, now)}"
