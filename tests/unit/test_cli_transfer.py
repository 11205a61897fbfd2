"""``lienthong transfer``: reading and a person's moves, as a person types them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from hub.lifecycle import Move, State
from hub.store.contract.views import JournalRow
from tests.unit.test_cli_double import CITIZEN, CODE, NOW, Shelf, attempt, line, taking, view

if TYPE_CHECKING:
    from hub.partners.declaration import Receives

DEAD = view(1, State.DEAD, problem="HUB-NET-003", detail="connect", attempts=7, sends=7)
BEHIND = [view(2, blocked=True), view(3, blocked=True)]


def stopped() -> Shelf:
    return Shelf([DEAD, *BEHIND], tried={DEAD.id: (attempt(1), attempt(2, "deferred", "HUB-PAR-003"))})


# --- list


def test_a_pipe_gets_one_line_of_tabs_for_each_transfer_and_no_heading() -> None:
    ran = line("transfer", "list", shelf=stopped())
    rows = [row.split("\t") for row in ran.out.splitlines()]
    assert ran.status == 0
    assert [row[0] for row in rows] == [each.id for each in (DEAD, *BEHIND)]
    assert [row[1] for row in rows] == ["dead", "waiting", "waiting"]
    assert "2026-11-22T04:09:09.000Z" in rows[0]


def test_a_terminal_gets_a_table_in_the_persons_language() -> None:
    vi = line("transfer", "list", shelf=stopped(), terminal=True, environment={"NO_COLOR": "1"})
    en = line(
        "--lang", "en", "transfer", "list", shelf=stopped(), terminal=True, environment={"NO_COLOR": "1"}
    )
    assert "Trạng thái" in vi.out
    assert "✕ dừng gửi" in vi.out
    assert "▮ bị chặn" in vi.out
    assert "2 giờ 56 phút" in vi.out
    assert "State" in en.out
    assert "✕ dead" in en.out
    assert "\x1b[3" not in vi.out


def test_colours_are_for_terminals_that_want_them() -> None:
    assert "\x1b[31m" in line("transfer", "list", shelf=stopped(), terminal=True).out
    assert "\x1b" not in line("transfer", "list", shelf=stopped()).out


def test_a_narrow_terminal_keeps_whole_ids() -> None:
    ran = line("transfer", "list", shelf=stopped(), terminal=True, width=80, environment={"NO_COLOR": "1"})
    assert DEAD.id in ran.out
    assert max(len(row) for row in ran.out.splitlines()) <= 80


def test_json_is_a_list_with_utc_times() -> None:
    ran = line("transfer", "list", "--json", shelf=stopped(), terminal=True)
    found = json.loads(ran.out)
    assert [each["state"] for each in found] == ["dead", "waiting", "waiting"]
    assert [each["blocked"] for each in found] == [False, True, True]
    assert found[0]["accepted_at"] == "2026-11-22T04:09:09.000Z"
    assert found[0]["wake_at"] is None


def test_an_empty_list_is_an_empty_json_list_and_no_prose_on_stdout() -> None:
    assert json.loads(line("transfer", "list", "--json").out) == []
    ran = line("transfer", "list")
    assert ran.out == ""
    assert ran.err == "Không có lượt chuyển nào.\n"
    assert ran.status == 0


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (("--state", "dead"), 1),
        (("--state", "dead", "--state", "waiting"), 3),
        (("--state", "In-Doubt"), 0),
        (("--partner", "so-dat"), 3),
        (("--partner", "khac"), 0),
        (("--sender", "mot-cua"), 3),
        (("--dossier", CODE), 3),
        (("--problem", "hub-net-003"), 1),
        (("--after", DEAD.id), 2),
        (("--limit", "2"), 2),
    ],
)
def test_filters_narrow_the_list(words: tuple[str, ...], count: int) -> None:
    assert len(line("transfer", "list", *words, shelf=stopped()).out.splitlines()) == count


def test_a_full_page_says_how_to_go_on() -> None:
    ran = line("transfer", "list", "--limit", "2", shelf=stopped())
    assert f"--after {BEHIND[0].id}" in ran.err


def test_a_word_that_is_no_state_is_a_wrong_use() -> None:
    ran = line("transfer", "list", "--state", "lost", shelf=stopped())
    assert ran.status == 2
    assert "“lost”" in ran.err
    assert "in_doubt" in ran.err


def test_the_hub_is_closed_again_even_after_an_error() -> None:
    shelf = stopped()
    line("transfer", "list", shelf=shelf)
    line("transfer", "show", "01KZ", shelf=shelf)
    assert shelf.closed == 2


# --- show


def test_show_tells_the_timeline_and_what_to_do_next() -> None:
    ran = line("transfer", "show", DEAD.id, shelf=stopped(), terminal=True)
    assert "Diễn biến" in ran.out
    assert "HUB-NET-004" in ran.out
    assert "chưa nhận, gửi sau" in ran.out
    assert "502" in ran.out
    assert "Đang giữ 2 lượt phía sau" in ran.err
    assert f"lienthong transfer retry {DEAD.id}" in ran.err
    assert "lienthong error explain HUB-NET-003" in ran.err
    assert "transfer release" not in ran.err


def test_show_of_a_blocked_one_names_the_head() -> None:
    ran = line("transfer", "show", BEHIND[1].id, shelf=stopped(), terminal=True)
    assert f"Đang chờ đầu luồng {DEAD.id}" in ran.err
    assert f"lienthong transfer show {DEAD.id}" in ran.err


def test_show_in_a_pipe_is_key_and_value_and_one_line_for_each_attempt() -> None:
    rows = [row.split("\t") for row in line("transfer", "show", DEAD.id, shelf=stopped()).out.splitlines()]
    assert ["state", "dead"] in rows
    assert ["code", CODE] not in rows
    assert [row[0] for row in rows].count("timeline") == 2


def test_show_in_json_holds_the_timeline_and_nothing_else_is_said() -> None:
    ran = line("transfer", "show", DEAD.id, "--json", shelf=stopped())
    assert [each["outcome"] for each in json.loads(ran.out)["timeline"]] == ["unsure", "deferred"]
    assert ran.err == ""


def test_an_id_may_be_a_unique_beginning_in_any_case() -> None:
    assert line("transfer", "show", DEAD.id.lower(), shelf=stopped()).status == 0
    assert line("transfer", "show", "01KB", shelf=Shelf([DEAD])).status == 0


@pytest.mark.parametrize("id_", ["01KB", "01KZ", ""])
def test_no_or_several_transfers_by_that_beginning_are_told_with_a_code(id_: str) -> None:
    ran = line("transfer", "show", id_, shelf=stopped())
    assert ran.status == 1
    assert "HUB-LAN-004" in ran.err
    assert "lienthong transfer list" in ran.err
    assert ran.out == ""


@pytest.mark.parametrize(
    "words",
    [
        ("transfer", "list"),
        ("transfer", "show", DEAD.id),
        ("transfer", "journal", DEAD.id),
        ("dossier", "show", CODE),
        ("queue", "list"),
        ("queue", "lanes"),
        ("partner", "show", "so-dat"),
    ],
)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_no_command_but_payload_prints_personal_data_or_an_address(
    words: tuple[str, ...], form: tuple[str, ...]
) -> None:
    for terminal in (True, False):
        ran = line(*words, *form, shelf=stopped(), terminal=terminal)
        assert ran.status == 0
        for hidden in (CITIZEN, "token=hidden", "oops"):
            assert hidden not in ran.out + ran.err


def test_control_characters_of_a_partner_do_not_reach_the_screen() -> None:
    evil = view(1, State.REFUSED, detail="x\x1b[2J\x07y")
    ran = line("transfer", "show", evil.id, shelf=Shelf([evil]), terminal=True, environment={"NO_COLOR": "1"})
    assert "\x1b[2J" not in ran.out
    assert "\x07" not in ran.out


# --- payload


def test_payload_says_on_stderr_that_it_is_personal() -> None:
    ran = line("transfer", "payload", DEAD.id, shelf=stopped())
    assert CITIZEN in ran.out
    assert "dữ liệu cá nhân" in ran.err
    assert CITIZEN not in ran.err


@pytest.mark.parametrize(
    ("form", "expected"),
    [("canonical", CITIZEN), ("sealed", f"<s>{CITIZEN}</s>"), ("sent", "<to>"), ("answer", "<html>")],
)
def test_every_stored_form_can_be_printed(form: str, expected: str) -> None:
    assert expected in line("transfer", "payload", DEAD.id, "--form", form, shelf=stopped()).out


def test_payload_in_json_keeps_bytes_that_are_no_text() -> None:
    ran = line("transfer", "payload", DEAD.id, "--form", "raw", "--json", shelf=stopped())
    assert json.loads(ran.out)["base64"] == "/wByYXc="


def test_a_form_that_is_not_there_is_told() -> None:
    ran = line("transfer", "payload", BEHIND[0].id, "--form", "sent", shelf=stopped())
    assert ran.status == 1
    assert "sent" in ran.err


# --- journal


def test_the_journal_is_read_page_by_page() -> None:
    shelf = stopped()
    shelf.rows = [
        JournalRow(
            seq=number,
            at=NOW,
            what="attempt",
            message=DEAD.message,
            transfer=DEAD.id,
            facts={"code": "HUB-NET-003"},
        )
        for number in (1, 2, 3)
    ]
    ran = line("transfer", "journal", DEAD.id, "--limit", "2", shelf=shelf)
    assert ran.out.splitlines()[0].split("\t")[-1] == "code=HUB-NET-003"
    assert "--after 2" in ran.err
    assert line("transfer", "journal", DEAD.id, "--after", "2", shelf=shelf).out.startswith("3\t")
    assert json.loads(line("transfer", "journal", DEAD.id, "--json", shelf=shelf).out)[0]["facts"] == {
        "code": "HUB-NET-003"
    }


# --- a person's moves

SCRIPT = ("--reason", "INC-104", "--yes")
BY_TWO = (*SCRIPT, "--approver", "hoa")


def test_a_move_in_a_script_says_its_consequence_and_does_it() -> None:
    shelf = stopped()
    ran = line("transfer", "retry", DEAD.id, *SCRIPT, shelf=shelf)
    assert ran.status == 0
    assert shelf.acted == [(DEAD.id, Move.RETRY, State.DEAD, "INC-104", "lan")]
    assert "hỏi đối tác trước" in ran.err
    assert "Phía sau: 2" in ran.err
    assert ran.out.split("\t")[:3] == [DEAD.id, "dead", "in_doubt"]


@pytest.mark.parametrize(
    ("verb", "state", "after"),
    [
        ("retry", State.PARKED, "waiting"),
        ("hold", State.WAITING, "held"),
        ("release", State.HELD, "waiting"),
        ("skip", State.REFUSED, "skipped"),
        ("skip", State.IN_DOUBT, "skipped"),
        ("withdraw", State.DEAD, "withdrawn"),
    ],
)
@pytest.mark.parametrize("language", ["vi", "en"])
def test_every_move_does_what_it_says(verb: str, state: State, after: str, language: str) -> None:
    shelf = Shelf([view(1, state, problem="HUB-PAR-009")])
    script = BY_TWO if verb == "skip" else SCRIPT
    ran = line("transfer", verb, "01KB", *script, "--json", "--lang", language, shelf=shelf)
    assert ran.status == 0
    assert json.loads(ran.out)[0]["state"] == after
    assert view(1).id in ran.err


@pytest.mark.parametrize(
    ("words", "wanted"),
    [(("--yes",), "--reason"), (("--reason", "x"), "--yes"), (("--reason", " ", "--yes"), "--reason")],
)
def test_without_a_person_reason_and_yes_are_both_needed(words: tuple[str, ...], wanted: str) -> None:
    shelf = stopped()
    ran = line("transfer", "retry", DEAD.id, *words, shelf=shelf)
    assert ran.status == 2
    assert wanted in ran.err
    assert shelf.acted == []


def test_a_pipe_into_standard_input_is_nobodys_answer() -> None:
    shelf = stopped()
    assert line("transfer", "skip", DEAD.id, "--yes", shelf=shelf, piped="a reason\n").status == 2
    words = ("--reason", "x", "--approver", "hoa")
    assert line("transfer", "skip", DEAD.id, *words, shelf=shelf, piped="y\n").status == 2
    assert shelf.acted == []


def test_a_person_is_asked_for_a_reason_an_approver_and_a_yes() -> None:
    shelf = stopped()
    ran = line("transfer", "skip", DEAD.id, shelf=shelf, answers=["đã gọi đối tác", "chị Hoa", "c"])
    assert ran.status == 0
    assert shelf.approvers == ["chị Hoa"]
    assert shelf.acted == [(DEAD.id, Move.SKIP, State.DEAD, "đã gọi đối tác", "lan")]
    assert "KHÔNG BAO GIỜ" in ran.err


@pytest.mark.parametrize("answers", [["lý do", "hoa", "k"], ["lý do", "hoa", ""], ["lý do", "hoa"]])
def test_anything_but_yes_changes_nothing(answers: list[str]) -> None:
    shelf = stopped()
    ran = line("transfer", "skip", DEAD.id, shelf=shelf, answers=answers)
    assert ran.status == 1
    assert "Không có gì thay đổi" in ran.err
    assert shelf.acted == []


@pytest.mark.parametrize("approver", [(), ("--approver", " "), ("--approver", "lan"), ("--approver", "LAN")])
@pytest.mark.parametrize("verb", ["skip", "send-anyway"])
def test_what_gives_up_a_promise_needs_a_second_person(verb: str, approver: tuple[str, ...]) -> None:
    shelf = stopped()
    ran = line("transfer", verb, DEAD.id, *SCRIPT, *approver, shelf=shelf, receives=taking())
    assert ran.status == 6
    assert "--approver" in ran.err
    assert shelf.acted == []


def test_a_person_is_asked_for_the_approver_and_may_leave() -> None:
    shelf = stopped()
    assert line("transfer", "skip", DEAD.id, shelf=shelf, answers=["lý do", "", "c"]).status == 6
    assert shelf.acted == []


def test_sending_anyway_says_that_it_may_arrive_twice_and_is_due_at_once() -> None:
    shelf = Shelf([view(1, State.IN_DOUBT, problem="HUB-PAR-009")])
    ran = line("transfer", "send-anyway", "01KB", *BY_TWO, shelf=shelf, receives=taking())
    assert ran.status == 0
    assert "HAI bản" in ran.err
    assert shelf.acted == [(view(1).id, Move.SEND_ANYWAY, State.IN_DOUBT, "INC-104", "lan")]
    assert shelf.approvers == ["hoa"]


@pytest.mark.parametrize(
    "receives", [taking(can_be_asked=True), taking(keeps_keys=True), None], ids=["asked", "keys", "unknown"]
)
def test_nothing_is_sent_blindly_where_a_retry_is_enough(receives: Receives | None) -> None:
    shelf = Shelf([view(1, State.DEAD)])
    ran = line("transfer", "send-anyway", "01KB", *BY_TWO, shelf=shelf, receives=receives)
    assert ran.status == 1
    assert "HUB-LAN-006" in ran.err
    assert shelf.acted == []


@pytest.mark.parametrize(
    ("receives", "meant"),
    [
        (taking(), Move.RESEND),
        (taking(can_be_asked=True), Move.RETRY),
        (taking(keeps_keys=True), Move.RETRY),
        (None, Move.RETRY),
    ],
    ids=["nobody can be asked", "it can be asked", "it keeps keys", "no file"],
)
def test_a_retry_of_a_refusal_is_sent_unless_the_partner_can_be_asked(
    receives: Receives | None, meant: Move
) -> None:
    shelf = Shelf([view(1, State.REFUSED, problem="HUB-PAR-001")])
    ran = line("transfer", "retry", "01KB", *SCRIPT, shelf=shelf, receives=receives)
    assert ran.status == 0
    assert shelf.acted[0][1] is meant
    assert ("chứng minh" in ran.err) == (meant is Move.RESEND)


def test_a_partner_that_does_not_exist_is_said_and_one_without_transfers_is_not() -> None:
    ran = line("transfer", "list", "--partner", "so-tnmt", shelf=Shelf())
    assert ran.status == 1
    assert "Không có đối tác so-tnmt. Đã khai báo: so-dat" in ran.err
    assert line("transfer", "list", "--partner", "so-dat", shelf=Shelf()).status == 0
    assert line("queue", "lanes", "--partner", "typo", shelf=Shelf()).status == 1


def test_a_transfer_to_a_paused_partner_says_so() -> None:
    shelf = Shelf([view(1)], paused={"so-dat": "bảo trì"})
    assert "so-dat đang tạm dừng" in line("transfer", "show", "01KB", shelf=shelf).err
    assert "tạm dừng" not in line("transfer", "show", "01KB", shelf=Shelf([view(1)])).err
    done = Shelf([view(1, State.DELIVERED)], paused={"so-dat": "bảo trì"})
    assert "tạm dừng" not in line("transfer", "show", "01KB", shelf=done).err


def test_a_transfer_that_waits_for_a_stopped_partner_says_so_and_how_to_try_now() -> None:
    door = {"circuit": "open", "circuit_until": NOW + timedelta(minutes=5), "circuit_code": "HUB-NET-001"}
    late = view(1, wake_at=NOW - timedelta(minutes=1))
    told = line("transfer", "show", late.id, shelf=Shelf([late], door=door)).err
    assert "ngừng gửi tạm thời – thử lại lúc 14:10 (HUB-NET-001)" in told
    assert "lienthong partner resume so-dat" in told
    dead = line("transfer", "show", DEAD.id, shelf=Shelf([DEAD], door=door)).err
    assert "ngừng gửi tạm thời" not in dead, "the partner is not what it waits for"
    assert "partner resume" not in dead


def test_a_person_who_gives_no_reason_changes_nothing() -> None:
    shelf = stopped()
    assert line("transfer", "skip", DEAD.id, shelf=shelf, answers=["", "c"]).status == 2
    assert shelf.acted == []


def test_a_reason_of_a_novels_length_is_refused() -> None:
    assert line("transfer", "retry", DEAD.id, "--yes", "--reason", "x" * 501, shelf=stopped()).status == 2
    long = ("--reason", "x", "--approver", "x" * 501)
    assert line("transfer", "skip", DEAD.id, "--yes", *long, shelf=stopped()).status == 2


def test_what_moved_meanwhile_is_a_conflict() -> None:
    shelf = stopped()
    shelf.moved_meanwhile[DEAD.id] = State.IN_DOUBT
    ran = line("transfer", "retry", DEAD.id, *SCRIPT, shelf=shelf)
    assert ran.status == 7
    assert "HUB-LAN-003" in ran.err
    assert f"lienthong transfer show {DEAD.id}" in ran.err
    assert shelf.acted == []


def test_an_expected_state_that_is_not_so_is_a_conflict_before_anything_is_asked() -> None:
    shelf = stopped()
    ran = line("transfer", "retry", DEAD.id, "--expect", "refused", *SCRIPT, shelf=shelf)
    assert ran.status == 7
    assert "HUB-LAN-003" in ran.err
    assert shelf.acted == []


def test_a_move_that_the_table_does_not_know_is_refused() -> None:
    ran = line("transfer", "release", DEAD.id, *SCRIPT, shelf=stopped())
    assert ran.status == 1
    assert "HUB-LAN-002" in ran.err
    assert f"Lệnh tiếp: lienthong transfer show {DEAD.id}" in ran.err, (
        "which lists the moves that are possible"
    )


def test_several_are_done_partly_when_one_cannot_be() -> None:
    shelf = stopped()
    shelf.views[1] = view(2, State.DELIVERED)
    ran = line("transfer", "retry", DEAD.id, BEHIND[0].id, *SCRIPT, shelf=shelf)
    assert ran.status == 5
    assert [each[0] for each in shelf.acted] == [DEAD.id]
    assert "HUB-LAN-002" in ran.err


def test_one_unknown_id_among_several_changes_nothing() -> None:
    shelf = stopped()
    assert line("transfer", "retry", DEAD.id, "01KZ", *SCRIPT, shelf=shelf).status == 1
    assert shelf.acted == []


def test_errors_are_json_when_json_was_asked_for() -> None:
    ran = line("transfer", "show", "01KZ", "--json", shelf=stopped())
    assert ran.out == ""
    assert json.loads(ran.err)["errors"][0]["code"] == "HUB-LAN-004"


def test_a_long_lane_is_counted_to_a_bound() -> None:
    shelf = Shelf([DEAD, *(view(number, blocked=True) for number in range(2, 400))])
    assert "200+" in line("transfer", "show", DEAD.id, shelf=shelf).err


def test_a_wake_time_is_shown_with_its_age() -> None:
    waiting = view(1, wake_at=NOW + timedelta(minutes=27))
    ran = line("transfer", "show", "01KB", shelf=Shelf([waiting]), terminal=True)
    assert "↻ gửi lại lúc 14:32" in ran.out
    assert "22/11/2026 14:32:09 (+07) · còn 27 phút" in ran.out


@pytest.mark.parametrize("verb", ["retry", "release"])
def test_nothing_of_a_trial_is_let_go_to_a_partner_that_is_live(verb: str) -> None:
    state = State.DEAD if verb == "retry" else State.HELD
    shelf = Shelf([msgspec.structs.replace(view(1, state), stage="trial")])
    ran = line(
        "transfer",
        verb,
        "01KB",
        "--reason",
        "INC-1",
        "--yes",
        shelf=shelf,
        receives=taking(can_be_asked=True),
    )
    assert (ran.status != 0, "HUB-STG-004" in ran.err, shelf.acted) == (True, True, [])
