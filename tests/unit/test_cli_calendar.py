"""``lienthong calendar due|show``: offline, with the site's own file when there are settings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.unit.test_cli_double import line

if TYPE_CHECKING:
    from pathlib import Path


def test_a_deadline_is_shown_in_vietnam_time_and_told_to_programs_in_utc() -> None:
    shown = line("calendar", "due", "--from", "2026-02-13 16:00", "--hours", "8", terminal=True).out
    assert "23/02/2026 16:00:00 (+07)" in shown
    told = json.loads(line("calendar", "due", "--from", "2026-02-13 16:00", "--hours", "8", "--json").out)
    assert (told["due_at"], told["provisional"]) == ("2026-02-23T09:00:00.000Z", [])
    assert told["calendar"].startswith("vn-")
    assert (
        json.loads(line("calendar", "due", "--from", "2026-02-13T09:00Z", "--hours", "8", "--json").out)
        == told
    )


def test_calendar_days_are_counted_when_they_are_asked_for() -> None:
    asked = ("calendar", "due", "--from", "2026-02-13 10:00", "--days", "5", "--json")
    assert json.loads(line(*asked).out)["due_at"] == "2026-02-18T03:00:00.000Z"
    assert json.loads(line(*asked, "--skip-holidays").out)["due_at"] == "2026-02-23T03:00:00.000Z"


def test_a_deadline_in_a_year_that_is_not_announced_says_so() -> None:
    asked = ("calendar", "due", "--from", "2026-12-31 10:00", "--hours", "16")
    assert "2027" in line(*asked, "--lang", "en", terminal=True).out.partition("Note")[2]
    assert json.loads(line(*asked, "--json").out)["provisional"] == [2027]


def test_a_year_is_shown_with_its_days_and_whether_it_was_announced() -> None:
    shown = line("calendar", "show", "2026", "--lang", "en")
    assert "2026-01-10\t6\ttrue\tWorked in place of Friday 2 January 2026" in shown.out
    assert "has been announced" in shown.err
    assert "chưa công bố" in line("calendar", "show", "2027").err
    days = json.loads(line("calendar", "show", "2026", "--json").out)
    assert {
        key: day[key] for day in days if day["date"] == "2026-02-17" for key in ("date", "weekday", "works")
    } == {"date": "2026-02-17", "weekday": 2, "works": False}


def test_the_sites_own_file_counts(tmp_path: Path) -> None:
    (tmp_path / "lienthong.toml").write_text('calendar = "own.toml"\n', "utf-8")
    (tmp_path / "own.toml").write_text('id = "tinh"\npublished = [2027]\n', "utf-8")
    shown = line("calendar", "show", "2027", "--lang", "en", "--settings", str(tmp_path / "lienthong.toml"))
    assert "2027 has been announced" in shown.err
    assert "+tinh-" in shown.err
    (tmp_path / "own.toml").write_text("colour = 1", "utf-8")
    wrong = line("calendar", "show", "2027", "--settings", str(tmp_path / "lienthong.toml"))
    assert wrong.status > 0
    assert "HUB-CFG-002" in wrong.err
    assert "own.toml" in wrong.err


@pytest.mark.parametrize(
    "wrong",
    [
        ("due", "--from", "yesterday", "--hours", "8"),
        ("due", "--from", "2026-11-23 16:00"),
        ("due", "--from", "2026-11-23 16:00", "--hours", "8", "--days", "1"),
        ("due", "--from", "1815-06-18 16:00", "--hours", "8"),
        ("show", "1815"),
    ],
)
def test_what_cannot_be_counted_is_a_wrong_use(wrong: tuple[str, ...]) -> None:
    assert line("calendar", *wrong).status == 2
