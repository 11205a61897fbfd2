"""Deadlines in working hours: published vectors first, then our own, then what must hold for any moment."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.deadlines import calendar
from hub.deadlines.calendar import VIETNAM
from schemas import workdays

DAYS = workdays.load()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=VIETNAM)


# --- vectors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("received", "hours", "due"),
    [  # by the published algorithm of a one-stop system; 15 April 2019 is the day off in lieu for Giỗ Tổ
        ("2019-04-12 16:00", 24, "2019-04-18 16:00"),
        ("2019-04-22 17:30", 8, "2019-04-24 07:00"),  # the end of the 23rd
        ("2019-04-23 10:00", 4, "2019-04-23 16:00"),
    ],
)
def test_the_published_vectors_hold(received: str, hours: float, due: str) -> None:
    assert calendar.due(DAYS, at(received), hours).at == at(due)


@pytest.mark.parametrize(
    ("received", "hours", "due"),
    [
        ("2026-03-03 06:10", 1, "2026-03-03 08:00"),  # before the office opens
        ("2026-03-03 12:00", 1, "2026-03-03 14:30"),  # over lunch
        ("2026-03-03 11:30", 0, "2026-03-03 13:30"),  # nobody works at the end of a span
        ("2026-03-03 17:00", 1, "2026-03-04 08:00"),
        ("2026-03-06 17:01", 8, "2026-03-10 07:00"),  # Friday evening: Monday, whole
        ("2026-03-07 09:00", 2, "2026-03-09 09:00"),  # Saturday
    ],
)
def test_what_comes_in_outside_office_hours_counts_from_the_next_opening(
    received: str, hours: float, due: str
) -> None:
    assert calendar.due(DAYS, at(received), hours).at == at(due)


@pytest.mark.parametrize(
    ("received", "hours", "due"),
    [
        ("2026-02-13 16:00", 8, "2026-02-23 16:00"),  # Tết: Monday 16 to Friday 20 February are off
        ("2025-01-24 16:00", 2, "2025-02-03 08:00"),  # Tết with both weekends
        ("2024-04-26 16:00", 9, "2024-05-03 07:00"),  # Monday 29 is swapped, then 30 April and 1 May
        ("2024-05-03 16:00", 9, "2024-05-06 07:00"),  # the make-up Saturday, 4 May, is a working day
        ("2025-04-25 16:00", 8, "2025-04-26 16:00"),  # so is Saturday 26 April 2025
        ("2019-01-04 16:00", 8, "2019-01-05 16:00"),  # made up for a day of the year before
        ("2025-12-31 16:00", 2, "2026-01-05 08:00"),  # 1 January, and the swapped Friday after it
        ("2026-01-09 16:00", 2, "2026-01-10 08:00"),  # which was made up on Saturday 10
        ("2026-08-28 16:00", 2, "2026-09-03 08:00"),  # National Day with the swapped Monday
    ],
)
def test_tet_swapped_days_and_make_up_saturdays_count_as_announced(
    received: str, hours: float, due: str
) -> None:
    found = calendar.due(DAYS, at(received), hours)
    assert (found.at, found.provisional) == (at(due), ())


def test_a_year_that_is_not_announced_makes_the_deadline_provisional_and_is_named() -> None:
    found = calendar.due(DAYS, at("2026-12-31 10:00"), 16)
    assert found.provisional == (2027,)
    assert found.at == at("2027-01-05 10:00")  # what the law alone gives
    assert calendar.due(DAYS, at("2026-12-31 10:00"), 2).provisional == ()


def test_a_year_beyond_the_calendar_is_refused_and_not_guessed() -> None:
    with pytest.raises(ValueError, match="2099"):
        calendar.due(DAYS, at("2099-12-31 10:00"), 16)


def test_a_deadline_names_the_version_of_its_calendar_and_is_in_utc() -> None:
    found = calendar.due(DAYS, at("2026-03-03 10:00"), 1)
    assert found.calendar == DAYS.version
    assert found.at.tzinfo is UTC


@pytest.mark.parametrize(
    ("received", "days", "counting", "due"),
    [
        ("2026-02-13 10:00", 5, True, "2026-02-18 10:00"),
        (
            "2026-02-13 10:00",
            5,
            False,
            "2026-02-23 10:00",
        ),  # 14, 15, 21, 22, 23: the holidays between do not count
        ("2026-03-06 18:00", 1, True, "2026-03-08 07:00"),  # after hours: from the next day's opening
        ("2026-03-06 12:00", 1, True, "2026-03-07 13:30"),
    ],
)
def test_calendar_days_count_weekends_and_may_leave_out_holidays(
    received: str, days: int, counting: bool, due: str
) -> None:
    assert calendar.due_in_days(DAYS, at(received), days, holidays_count=counting).at == at(due)


@pytest.mark.parametrize(
    ("old", "asked", "answered", "due"),
    [
        (
            "2026-03-11 10:00",
            "2026-03-09 09:00",
            "2026-03-12 09:00",
            "2026-03-16 10:00",
        ),  # +3-1 = Fri 13, on to Monday
        ("2026-03-11 10:00", "2026-03-09 09:00", "2026-03-10 16:00", "2026-03-12 10:00"),
        (
            "2026-03-11 10:00",
            "2026-03-09 09:00",
            "2026-03-09 16:00",
            "2026-03-11 10:00",
        ),  # the same day: nothing moves
        ("2026-03-09 10:00", "2026-03-06 09:00", "2026-03-06 10:00", "2026-03-09 10:00"),
        ("2026-02-13 10:00", "2026-02-12 09:00", "2026-02-14 09:00", "2026-02-23 10:00"),  # over Tết
    ],
)
def test_a_supplement_moves_the_deadline_by_the_days_it_took_on_to_a_working_day(
    old: str, asked: str, answered: str, due: str
) -> None:
    assert calendar.after_supplement(DAYS, at(old), at(asked), at(answered)).at == at(due)


# --- what holds for every moment ----------------------------------------------------------------------------------

MOMENTS = st.datetimes(datetime(2018, 1, 1), datetime(2026, 6, 1)).map(lambda one: one.replace(tzinfo=UTC))  # noqa: DTZ001 - hypothesis wants naive bounds
MINUTES = st.integers(0, 200 * 60)


@given(MOMENTS, MINUTES)
def test_a_deadline_is_a_moment_at_which_somebody_works(received: datetime, minutes: int) -> None:
    there = calendar.due(DAYS, received, minutes / 60).at.astimezone(VIETNAM)
    assert calendar.works_on(DAYS, there.date())
    minute = there.hour * 60 + there.minute
    assert any(span.opens <= minute < span.closes for span in DAYS.spans)


@given(MOMENTS, MOMENTS, MINUTES)
def test_who_comes_later_is_due_later_or_at_the_same_time(
    one: datetime, other: datetime, minutes: int
) -> None:
    early, late = sorted((one, other))
    assert calendar.due(DAYS, early, minutes / 60).at <= calendar.due(DAYS, late, minutes / 60).at


@given(MOMENTS, MINUTES, MINUTES)
def test_more_hours_are_never_due_earlier_and_add_up(received: datetime, first: int, second: int) -> None:
    halfway = calendar.due(DAYS, received, first / 60).at
    whole = calendar.due(DAYS, received, (first + second) / 60).at
    assert abs(calendar.due(DAYS, halfway, second / 60).at - whole) < timedelta(milliseconds=1)
    assert received <= halfway <= whole


@given(MOMENTS, MINUTES)
def test_the_working_time_until_the_deadline_is_what_was_given(received: datetime, minutes: int) -> None:
    due = calendar.due(DAYS, received, minutes / 60).at
    spent = calendar.between(DAYS, received, due)
    assert abs(spent - timedelta(minutes=minutes)) < timedelta(milliseconds=1)


@given(MOMENTS, MOMENTS)
def test_a_deadline_undoes_the_time_between_for_every_working_moment(one: datetime, other: datetime) -> None:
    start, moment = sorted((one, other))
    moment = calendar.due(DAYS, moment, 0).at
    spent = calendar.between(DAYS, start, moment)
    found = calendar.due(DAYS, start, spent / timedelta(hours=1)).at
    assert abs(found - moment) < timedelta(milliseconds=1) or calendar.between(
        DAYS, found, moment
    ) < timedelta(milliseconds=1)


@given(st.dates(date(2018, 1, 1), date(2026, 12, 31)))
def test_every_working_day_has_eight_hours_and_every_other_none(day: date) -> None:
    midnight = datetime(day.year, day.month, day.day, tzinfo=VIETNAM)
    worked = calendar.between(DAYS, midnight, midnight + timedelta(days=1))
    assert worked == timedelta(hours=8 if calendar.works_on(DAYS, day) else 0)
