"""A partner's declared hours: how they are read, and which window is open at a moment."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.deadlines.calendar import VIETNAM
from hub.health.hours import Hours, office, read, window
from schemas import workdays

DAYS = workdays.load()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=VIETNAM)


def seen(hours: Hours, now: str) -> tuple[str, str]:
    found = window(hours, DAYS, at(now))
    opens, closes = (f"{moment.astimezone(VIETNAM):%Y-%m-%d %H:%M}" for moment in found)
    return opens, closes


OFFICE = Hours(week=read(["mon-fri 07:00-11:30 13:30-17:00"]), office=True)
NIGHT = Hours(week=read(["mon-sun 00:00-05:00 22:00-24:00"]))


@pytest.mark.parametrize(
    ("hours", "now", "opens", "closes"),
    [
        (OFFICE, "2026-03-03 08:00", "2026-03-03 07:00", "2026-03-03 11:30"),
        (OFFICE, "2026-03-03 11:30", "2026-03-03 13:30", "2026-03-03 17:00"),
        (OFFICE, "2026-03-06 17:00", "2026-03-09 07:00", "2026-03-09 11:30"),  # the weekend
        (OFFICE, "2026-02-13 18:00", "2026-02-23 07:00", "2026-02-23 11:30"),  # Tết
        (
            OFFICE,
            "2026-01-09 18:00",
            "2026-01-10 07:00",
            "2026-01-10 11:30",
        ),  # a make-up Saturday is open like a Friday
        (NIGHT, "2026-03-03 23:00", "2026-03-03 22:00", "2026-03-04 05:00"),  # over midnight: one window
        (NIGHT, "2026-03-04 01:00", "2026-03-04 00:00", "2026-03-04 05:00"),
        (NIGHT, "2026-03-04 06:00", "2026-03-04 22:00", "2026-03-05 05:00"),
        (
            Hours(week=OFFICE.week),
            "2026-02-17 08:00",
            "2026-02-17 07:00",
            "2026-02-17 11:30",
        ),  # "always": Tết too
        (
            Hours(week=read(["sat,sun 08:00-10:00"])),
            "2026-03-03 08:00",
            "2026-03-07 08:00",
            "2026-03-07 10:00",
        ),
        (
            Hours(week=read(["fri-mon 08:00-10:00"])),
            "2026-03-08 09:00",
            "2026-03-08 08:00",
            "2026-03-08 10:00",
        ),
    ],
)
def test_the_window_is_the_one_that_is_open_or_the_next(
    hours: Hours, now: str, opens: str, closes: str
) -> None:
    assert seen(hours, now) == (opens, closes)


def test_the_offices_own_hours_are_those_of_the_calendar() -> None:
    assert office(DAYS) == OFFICE.week


def test_hours_without_an_end_are_one_long_window_and_hours_that_never_come_an_empty_one() -> None:
    now = at("2026-03-03 08:00")
    always = window(Hours(week=read(["mon-sun 00:00-24:00"])), DAYS, now)
    assert always.opens <= now
    assert always.closes - now > timedelta(days=50)
    never = window(Hours(week=((),) * 7), DAYS, now)
    assert never.opens == never.closes > now


@pytest.mark.parametrize(
    "wrong",
    [
        "mon-fri",
        "07:00-11:30",
        "mo 07:00-11:30",
        "mon 7-11",
        "mon 11:30-07:00",
        "mon 07:00-11:30 11:00-12:00",
        "",
    ],
)
def test_hours_that_cannot_be_read_are_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="hours"):
        read([wrong])


def test_lines_add_up_and_may_not_overlap() -> None:
    assert read(["mon-fri 07:00-11:30", "mon 13:30-17:00"])[0] == DAYS.spans
    with pytest.raises(ValueError, match="overlap"):
        read(["mon-fri 07:00-11:30", "mon 11:00-17:00"])


@given(st.datetimes(datetime(2025, 1, 1), datetime(2026, 10, 1)).map(lambda one: one.replace(tzinfo=VIETNAM)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_a_window_has_not_ended_and_the_moment_after_it_is_closed(now: datetime) -> None:
    found = window(OFFICE, DAYS, now)
    assert found.closes > now
    assert window(OFFICE, DAYS, found.closes).opens > found.closes
