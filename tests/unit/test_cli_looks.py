"""Times, faces, options and screens: the pure parts."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub.cli import faces, options, times
from hub.cli.exits import Exit, of_code
from hub.cli.mistakes import full_code
from hub.cli.opening import ended
from hub.cli.screen import clean, clean_lines, screen_of
from hub.cli.words import Speech
from hub.lifecycle import Move, State
from tests.unit.test_cli_double import NOW, Terminal, view

VI, EN = Speech("vi"), Speech("en")
LATER, EARLIER = NOW + timedelta(hours=1), NOW - timedelta(minutes=1)


def test_a_time_is_shown_in_vietnam_and_written_in_utc() -> None:
    assert times.local(NOW) == "22/11/2026 14:05:09 (+07)"
    assert times.iso(NOW) == "2026-11-22T07:05:09.000Z"


def test_midnight_in_vietnam_begins_the_day() -> None:
    last = datetime(2026, 11, 22, 16, 59, 59, tzinfo=UTC)
    assert times.local(last).startswith("22/11/2026 23:59:59")
    assert times.local(last + timedelta(seconds=1)).startswith("23/11/2026 00:00:00")
    assert times.clock(last, last) == "23:59"
    assert times.clock(last + timedelta(seconds=1), last) == "23/11 00:00"


@pytest.mark.parametrize(
    ("seconds", "vi", "en"),
    [
        (0, "0 giây", "0 s"),
        (59, "59 giây", "59 s"),
        (60, "1 phút", "1 min"),
        (10560, "2 giờ 56 phút", "2 h 56 min"),
        (86400, "1 ngày", "1 d"),
        (90061, "1 ngày 1 giờ", "1 d 1 h"),
        (-5, "0 giây", "0 s"),
    ],
)
def test_a_span_names_its_two_largest_units(seconds: int, vi: str, en: str) -> None:
    assert times.span(VI, seconds) == vi
    assert times.span(EN, seconds) == en


def test_past_and_future_are_told_apart() -> None:
    assert times.ago(VI, EARLIER, NOW) == "1 phút trước"
    assert times.ago(VI, LATER, NOW) == "còn 1 giờ"
    assert times.full(EN, EARLIER, NOW) == "22/11/2026 14:04:09 (+07) · 1 min ago"


FACES = [
    (view(1), "↻ chờ gửi"),
    (view(1, wake_at=LATER), "↻ gửi lại lúc 15:05"),
    (view(1, wake_at=EARLIER), "↻ chờ gửi"),
    (view(1, blocked=True), "▮ bị chặn"),
    (view(1, State.IN_DOUBT), "▶ đang gửi"),
    (view(1, State.IN_DOUBT, problem="HUB-NET-004", wake_at=EARLIER), "▶ đang gửi"),
    (view(1, State.IN_DOUBT, problem="HUB-NET-004", wake_at=LATER), "▶ chưa rõ kết quả, hỏi lại lúc 15:05"),
    (view(1, State.IN_DOUBT, problem="HUB-PAR-009"), "? chưa rõ kết quả, cần người quyết định"),
    (view(1, offered_at=EARLIER), "◇ nằm trong hộp thư, chờ nơi nhận đến lấy"),
    (view(1, State.IN_DOUBT, offered_at=EARLIER), "◆ đã lấy, chờ xác nhận"),
    (view(1, State.DELIVERED), "● đã giao"),
    (view(1, State.ACKNOWLEDGED), "● đã xác nhận"),
    (view(1, State.REFUSED), "✕ bị từ chối"),
    (view(1, State.DEAD), "✕ dừng gửi"),
    (view(1, State.PARKED), "⚙ chờ sửa cấu hình"),
    (view(1, State.HELD), "∥ tạm giữ"),
    (view(1, State.SKIPPED), "» bỏ qua"),
    (view(1, State.WITHDRAWN), "○ đã rút"),
]


@pytest.mark.parametrize(("seen", "shown"), FACES, ids=[shown for _, shown in FACES])
def test_a_state_is_shown_by_shape_and_word(seen: object, shown: str) -> None:
    assert faces.words_of(seen, VI, NOW) == shown  # type: ignore[arg-type]


def test_nothing_is_offered_while_the_hub_is_at_it() -> None:
    assert faces.sensible_moves(view(1, State.IN_DOUBT), NOW) == ()
    assert faces.sensible_moves(view(1, State.DELIVERED), NOW) == ()


def test_what_lies_in_a_mailbox_can_be_taken_back_until_it_is_fetched() -> None:
    lies = view(1, offered_at=EARLIER)
    assert faces.sensible_moves(lies, NOW) == (Move.HOLD, Move.SKIP, Move.WITHDRAW)
    assert faces.sensible_moves(view(1, State.IN_DOUBT, offered_at=EARLIER), NOW) == (Move.SKIP,)


def test_only_moves_of_the_table_are_offered() -> None:
    assert faces.sensible_moves(view(1, State.DEAD), NOW) == (Move.RETRY, Move.SKIP, Move.WITHDRAW)
    assert faces.sensible_moves(view(1, State.HELD), NOW) == (Move.RELEASE, Move.SKIP, Move.WITHDRAW)


def test_a_retry_is_offered_to_what_waits_for_a_time() -> None:
    assert Move.RETRY in faces.sensible_moves(view(1, wake_at=LATER), NOW)
    assert Move.RETRY not in faces.sensible_moves(view(1), NOW)
    assert Move.RETRY not in faces.sensible_moves(view(1, blocked=True), NOW)


def test_one_that_is_not_the_head_cannot_be_skipped() -> None:
    assert Move.SKIP not in faces.sensible_moves(view(1, blocked=True), NOW)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("HUB-LAN-003", 7),
        ("HUB-LAN-002", 1),
        ("HUB-AUT-002", 4),
        ("HUB-NET-001", 8),
        ("HUB-INT-002", 8),
        ("HUB-INT-001", 1),
        ("HUB-CFG-002", 1),
    ],
)
def test_a_code_has_its_exit_status(code: str, status: int) -> None:
    assert of_code(code) == status
    assert Exit(status)


def test_general_options_stand_anywhere_and_leave_the_rest_alone() -> None:
    taken = options.taken(
        ["--lang", "en", "transfer", "list", "--json", "--settings=a.toml", "--limit", "3"], {}
    )
    assert (taken.lang, taken.json, taken.settings, taken.wrong) == ("en", True, Path("a.toml"), "")
    assert taken.rest == ["transfer", "list", "--limit", "3"]


def test_after_two_dashes_everything_belongs_to_the_command() -> None:
    assert options.taken(["error", "explain", "--", "--json"], {}).rest == [
        "error",
        "explain",
        "--",
        "--json",
    ]


def test_the_environment_chooses_and_the_line_overrules_it() -> None:
    environment = {"LIENTHONG_LANG": "en", "LIENTHONG_SETTINGS": "/etc/hub.toml"}
    assert options.taken([], environment).lang == "en"
    assert options.taken([], environment).settings == Path("/etc/hub.toml")
    assert options.taken(["--lang=vi"], environment).lang == "vi"
    assert options.taken([], {}).settings == Path("lienthong.toml")


@pytest.mark.parametrize("words", [["--lang"], ["--lang", "fr"], ["--lang="], ["--settings"]])
def test_an_option_without_a_usable_value_is_named(words: list[str]) -> None:
    assert options.taken(words, {}).wrong == words[0].rstrip("=")


def test_what_a_partner_wrote_cannot_steer_the_terminal() -> None:
    assert clean("a\x1b[2J\tb\nc\u202ed\x9b") == "a\ufffd[2J\ufffdb\ufffdc\ufffdd\ufffd"
    assert clean("Nguyễn Văn Á") == "Nguyễn Văn Á"
    assert clean_lines("a\n\tb\x1b") == "a\n\tb\ufffd"


@pytest.mark.parametrize(
    ("environment", "colour"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_no_color_and_dumb_terminals_are_respected(environment: dict[str, str], *, colour: bool) -> None:
    screen = screen_of(Terminal(), Terminal(), Terminal(), environment, 80)
    assert screen.colour is colour


def test_a_person_can_be_asked_only_where_both_ends_are_a_terminal() -> None:
    assert screen_of(io.StringIO(), Terminal(), Terminal(), {}, 80).asks
    assert not screen_of(Terminal(), Terminal(), io.StringIO(), {}, 80).asks
    assert not screen_of(Terminal(), io.StringIO(), Terminal(), {}, 80).asks


@pytest.mark.parametrize("said", ["HUB-NET-003", "hub-net-003", "NET-003", "net-3", "net3", " net-003 "])
def test_a_code_may_be_said_in_short(said: str) -> None:
    assert full_code(said) == "HUB-NET-003"


def test_a_program_written_as_a_coroutine_is_waited_for() -> None:
    async def program() -> int:
        return 5

    assert ended(program()) == 5
    assert ended(4) == 4
    assert ended(None) == 0
