"""``lienthong queue|dossier|partner|error|version`` and what starts programs; wrong use; failures."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.lifecycle import State
from hub.partners.declaration import Receives
from hub.store.contract.watching import Process, Verdict
from schemas.problems import Problem, Refusal, refuse
from tests.unit.test_cli_double import CODE, NOW, Shelf, Started, line, view

STOPPED = [view(1, State.DEAD), view(2, blocked=True), view(3, State.PARKED, dossier=None, code=None)]


def test_the_queue_has_one_line_for_each_partner() -> None:
    ran = line("queue", "list", "--json", shelf=Shelf(STOPPED))
    (row,) = json.loads(ran.out)
    assert (row["partner"], row["dead"], row["waiting"], row["parked"], row["blocked"]) == (
        "so-dat",
        1,
        1,
        1,
        1,
    )
    assert row["door"] == "sending"
    assert "● gửi bình thường" in line("queue", "list", shelf=Shelf(STOPPED), terminal=True).out


SOON = NOW + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("door", "word", "vi", "en"),
    [
        (
            {"circuit": "open", "circuit_until": SOON, "circuit_code": "HUB-NET-001"},
            "stopped",
            "✕ ngừng gửi tạm thời – thử lại lúc 14:10 (HUB-NET-001)",
            "✕ sending stopped – tries again at 14:10 (HUB-NET-001)",
        ),
        ({"circuit": "half_open"}, "trying", "▶ đang thử gửi một lượt", "▶ trying with one transfer"),
        ({"window": 3}, "returning", "◐ đang gửi lại dần – mỗi lúc 3 lượt", "◐ coming back – 3 at a time"),
        (
            {"opens": SOON},
            "shut",
            "○ ngoài giờ của đối tác – gửi tiếp lúc 14:10",
            "○ outside its hours – sends again at 14:10",
        ),
    ],
)
def test_whether_a_partner_is_sent_to_is_said_in_clear_words(
    door: dict[str, Any], word: str, vi: str, en: str
) -> None:
    for command in (("queue", "list"), ("partner", "list"), ("partner", "show", "so-dat")):
        assert vi in line(*command, shelf=Shelf(door=door), terminal=True, width=220).out
        assert en in line(*command, "--lang", "en", shelf=Shelf(door=door), terminal=True, width=220).out
    (row,) = json.loads(line("queue", "list", "--json", shelf=Shelf(door=door)).out)
    assert row["door"] == word
    assert row["cause"] == door.get("circuit_code", "")
    assert row["tries_at"] == ("2026-11-22T07:10:09.000Z" if "circuit_until" in door else None)


PAST = NOW - timedelta(minutes=5)


@pytest.mark.parametrize(
    ("door", "vi", "en"),
    [
        (
            {"circuit": "open", "circuit_until": PAST, "circuit_code": "HUB-NET-001"},
            "✕ ngừng gửi tạm thời – đến hạn thử lại từ 14:00; không tiến trình gửi nào đang chạy (HUB-NET-001)",
            "✕ sending stopped – due since 14:00; no worker is running (HUB-NET-001)",
        ),
        (
            {"opens": PAST},
            "○ ngoài giờ của đối tác – đến hạn gửi tiếp từ 14:00; không tiến trình gửi nào đang chạy",
            "○ outside its hours – due since 14:00; no worker is running",
        ),
    ],
)
@pytest.mark.parametrize("command", [("queue", "list"), ("partner", "list"), ("partner", "show", "so-dat")])
def test_a_time_that_has_passed_is_due_and_nobody_promises_it_while_no_worker_runs(
    door: dict[str, Any], vi: str, en: str, command: tuple[str, ...]
) -> None:
    assert vi in line(*command, shelf=Shelf(door=door), terminal=True, width=300).out
    assert en in line(*command, "--lang", "en", shelf=Shelf(door=door), terminal=True, width=300).out
    worker = Process(id="p1", host="m1", pid=7, role="worker", version="1", since=PAST, seen=NOW)
    for one, due in ((worker, False), (msgspec.structs.replace(worker, seen=PAST), True)):
        shelf = Shelf(door=door, working=(one, msgspec.structs.replace(worker, role="web")))
        shown = line(*command, "--lang", "en", shelf=shelf, terminal=True, width=300).out
        assert ("no worker is running" in shown) == due


def test_a_partners_card_reads_in_peoples_words_and_units() -> None:
    told = Receives.model_construct(
        kinds=(),
        mapping="a@1",
        schedule=(0.5, 30.0, 90.0, 300.0, 7200.0, 86400.0),
        acknowledges=True,
        receipt_within=259200.0,
    )
    shown = line("partner", "show", "so-dat", terminal=True, width=300, receives=told).out
    assert "0.5 giây, 30 giây, 90 giây, 5 phút, 2 giờ, 1 ngày" in shown
    assert "3 ngày" in shown
    assert "cơ quan giải quyết" in shown
    english = line("partner", "show", "so-dat", "--lang", "en", terminal=True, width=300, receives=told).out
    assert "0.5 s, 30 s" in english
    found = json.loads(line("partner", "show", "so-dat", "--json", receives=told).out)
    assert (found["schedule"][:2], found["receipt_within"], found["role"]) == (
        [0.5, 30.0],
        259200.0,
        "decides",
    )


def test_lanes_are_heads_that_stopped_with_those_behind_them() -> None:
    rows = json.loads(line("queue", "lanes", "--json", shelf=Shelf(STOPPED)).out)
    assert [(row["head"], row["behind"]) for row in rows] == [(STOPPED[0].id, 1), (STOPPED[2].id, 0)]


def test_lanes_in_good_order_are_shown_when_asked_for() -> None:
    shelf = Shelf([view(1)])
    assert line("queue", "lanes", shelf=shelf).err == (
        "Không có luồng nào dừng lại chờ người; luồng đang chờ gửi: thêm --all.\n"
    )
    assert line("queue", "lanes", "--all", shelf=shelf).out.startswith(view(1).id)


def test_more_lanes_than_asked_for_are_announced() -> None:
    shelf = Shelf([view(number, State.DEAD) for number in range(1, 5)])
    ran = line("queue", "lanes", "--limit", "3", shelf=shelf)
    assert len(ran.out.splitlines()) == 3
    assert "--limit" in ran.err
    assert "--limit" not in line("queue", "lanes", "--limit", "4", shelf=shelf).err


def test_lanes_are_looked_for_only_so_far() -> None:
    shelf = Shelf([view(number, State.HELD, blocked=True) for number in range(1, 1500)])
    ran = line("queue", "lanes", shelf=shelf)
    assert ran.out == ""
    assert "--limit" in ran.err


def test_a_whole_queue_verifies_and_a_broken_one_ends_with_three() -> None:
    assert line("queue", "verify").status == 0
    assert json.loads(line("queue", "verify", "--json").out) == []
    ran = line("queue", "verify", shelf=Shelf(broken=("lane 4 has no ticket",)))
    assert ran.status == 3
    assert ran.out == "lane 4 has no ticket\n"
    assert json.loads(line("queue", "verify", "--json", shelf=Shelf(broken=("x",))).out) == ["x"]


def test_a_dossier_is_shown_with_codes_messages_and_transfers() -> None:
    ran = line("dossier", "show", CODE, shelf=Shelf(STOPPED), terminal=True)
    assert f"{CODE} (000.00.00.H47)" in ran.out
    assert "Lượt chuyển" in ran.out
    found = json.loads(line("dossier", "show", CODE, "--json", shelf=Shelf(STOPPED)).out)
    assert found["aliases"] == [{"authority": "000.00.00.H47", "code": CODE}]
    assert len(found["transfers"]) == 3


def test_a_dossier_says_where_it_stands_in_each_agencys_hands_and_who_can_supply_what_is_missing() -> None:
    found = json.loads(line("dossier", "show", CODE, "--json", shelf=Shelf(STOPPED)).out)
    assert (found["state"], [leg["passed_to"] for leg in found["agency_legs"]]) == (
        "processing",
        [["000.00.15.H47"], []],
    )
    assert [each["supplier"] for each in found["transfers"]] == [None, None, "operator"]
    shown = line("dossier", "show", CODE, "--lang", "en", shelf=Shelf(STOPPED), terminal=True).out
    assert "000.00.00.H47: being processed → 000.00.15.H47" in " ".join(shown.split())


def test_a_dossiers_deadline_says_how_it_was_set_and_that_it_is_provisional() -> None:
    found = json.loads(line("dossier", "show", CODE, "--json", shelf=Shelf(STOPPED)).out)
    assert (found["deadline"], found["counted"]) == (
        "2027-01-21T07:05:09.000Z",
        {"calendar": "vn-1", "provisional": [2027]},
    )
    shown = line("dossier", "show", CODE, "--lang", "en", shelf=Shelf(STOPPED), terminal=True).out
    assert "counted by the hub, calendar vn-1; provisional: the days off of 2027" in shown


def test_an_unknown_dossier_is_told_with_a_code() -> None:
    ran = line("dossier", "show", "nix")
    assert ran.status == 1
    assert "HUB-DOS-002" in ran.err


def test_partners_are_named_in_the_persons_language() -> None:
    assert "Sở Đất đai" in line("partner", "list").out
    assert "Land department" in line("partner", "list", "--lang", "en").out
    assert json.loads(line("partner", "list", "--json").out)[0]["name"]["en"] == "Land department"


def test_a_partner_is_shown_with_its_queue_and_the_next_command() -> None:
    ran = line("partner", "show", "so-dat", shelf=Shelf(STOPPED), terminal=True)
    assert "Sở Đất đai" in ran.out
    assert "lienthong partner pause so-dat" in ran.err
    paused = line("partner", "show", "so-dat", shelf=Shelf(paused={"so-dat": "x"}), terminal=True)
    assert "∥ tạm dừng" in paused.out
    assert "lienthong partner resume so-dat" in paused.err


def test_an_unknown_partner_is_told_with_those_that_are_known() -> None:
    ran = line("partner", "show", "khac")
    assert ran.status == 1
    assert "so-dat" in ran.err


def test_a_partner_that_sending_has_stopped_to_is_tried_now_when_it_is_resumed() -> None:
    shelf = Shelf(door={"circuit": "open", "circuit_until": SOON})
    assert "lienthong partner resume so-dat" in line("partner", "show", "so-dat", shelf=shelf).err
    ran = line("partner", "resume", "so-dat", "--reason", "INC-104", "--yes", "--lang", "en", shelf=shelf)
    assert ran.status == 0
    assert "tried with so-dat now" in ran.err
    assert shelf.door == {"circuit": "half_open", "why": "so-dat lan: INC-104"}
    assert line("partner", "resume", "so-dat", "--reason", "x", "--yes", shelf=shelf).status == 0
    assert shelf.door["why"] == "so-dat lan: INC-104", "nothing to do while it is tried"


def test_what_was_typed_wrongly_is_said_without_names_of_the_program() -> None:
    ran = line("transfer", "list", "--limit", "x", shelf=Shelf())
    assert ran.status == 2
    assert "cần một số nguyên" in ran.err
    assert "int" not in ran.err
    loose = line("partner", "pause", "so-dat", "--reason", "bảo", "trì", shelf=Shelf())
    assert "ngoặc kép" in loose.err


def test_resuming_what_is_paused_and_stopped_promises_nothing_before_its_next_try() -> None:
    shelf = Shelf(STOPPED, paused={"so-dat": "x"}, door={"circuit": "open", "circuit_until": SOON})
    ran = line("partner", "resume", "so-dat", "--reason", "INC-104", "--yes", "--lang", "en", shelf=shelf)
    assert ran.status == 0
    assert shelf.paused == {}
    assert "has stopped sending to it by itself" in ran.err
    assert "start to move" not in ran.err
    again = line("partner", "resume", "so-dat", "--reason", "INC-104", "--yes", "--lang", "en", shelf=shelf)
    assert "tried with so-dat now" in again.err


def test_a_partner_is_paused_and_resumed_with_a_reason_and_a_name() -> None:
    shelf = Shelf(STOPPED)
    ran = line("partner", "pause", "so-dat", "--reason", "INC-104", "--yes", shelf=shelf)
    assert ran.status == 0
    assert shelf.paused == {"so-dat": "lan: INC-104"}
    assert "3 lượt chưa xong" in ran.err
    assert "paused" in ran.out
    assert line("partner", "resume", "so-dat", "--reason", "x", "--yes", shelf=shelf).status == 0
    assert shelf.paused == {}


def test_pausing_what_is_paused_changes_nothing() -> None:
    shelf = Shelf(paused={"so-dat": "before"})
    ran = line("partner", "pause", "so-dat", "--reason", "again", "--yes", shelf=shelf)
    assert ran.status == 0
    assert shelf.paused == {"so-dat": "before"}
    assert "không có gì thay đổi" in ran.err


def test_a_pause_needs_reason_and_yes() -> None:
    shelf = Shelf()
    assert line("partner", "pause", "so-dat", "--yes", shelf=shelf).status == 2
    assert line("partner", "pause", "so-dat", "--reason", "x", shelf=shelf).status == 2
    assert shelf.paused == {}


WRONG = Problem(code="HUB-CFG-001", place="a.toml: receives.replies[0].outcome", line=14, rule="unknown key")


def test_a_wrong_partner_file_is_told_with_file_line_and_path() -> None:
    ran = line("partner", "check", "partners/a.toml", wrong=[WRONG])
    assert ran.status == 3
    assert ran.out == "partners/a.toml:14\tHUB-CFG-001\treceives.replies[0].outcome\tunknown key\n"
    assert json.loads(line("partner", "check", "a.toml", "--json", wrong=[WRONG]).out)[0]["line"] == 14
    terminal = line("partner", "check", "a.toml", wrong=[WRONG], terminal=True)
    assert terminal.out.startswith("a.toml:14  ✕ HUB-CFG-001")


def test_a_good_partner_file_is_fine() -> None:
    ran = line("partner", "check", "a.toml", "b.toml")
    assert (ran.status, ran.out) == (0, "")
    assert "2" in ran.err
    assert json.loads(line("partner", "check", "a.toml", "--json").out) == []


# --- without a hub


def test_errors_are_listed_and_explained_without_opening_anything() -> None:
    nothing = RuntimeError("must not be opened")
    assert line("error", "list", fails=nothing).status == 0
    ran = line("error", "explain", "int-1", fails=nothing, terminal=True)
    assert ran.status == 0
    assert "Nguyên nhân" in ran.out
    found = json.loads(line("error", "explain", "HUB-INT-001", "--json").out)
    assert found["title"]["en"]
    assert found["title"]["vi"]


def test_errors_are_listed_by_area() -> None:
    rows = line("error", "list", "--area", "int").out.splitlines()
    assert rows
    assert all(row.startswith("HUB-INT-") for row in rows)
    assert json.loads(line("error", "list", "--area", "ZZZ", "--json").out) == []


def test_an_unknown_code_is_told_with_its_neighbours() -> None:
    ran = line("error", "explain", "INT-999")
    assert ran.status == 1
    assert "HUB-INT-001" in ran.err
    assert line("error", "explain", "what").status == 1


def test_version() -> None:
    assert set(json.loads(line("version", "--json").out)) == {"version", "python"}
    assert line("--version").out == line("version").out


@pytest.mark.parametrize(
    ("words", "call"),
    [
        (("serve",), ("serve", Path("lienthong.toml"))),
        (("serve", "--settings", "/etc/h.toml"), ("serve", Path("/etc/h.toml"))),
        (("work",), ("work", Path("lienthong.toml"), 1, False, None)),
        (("work", "--processes", "4"), ("work", Path("lienthong.toml"), 4, False, None)),
        (("work", "--supervised"), ("work", Path("lienthong.toml"), 1, True, None)),
        (("web",), ("web", Path("lienthong.toml"), False, None, None)),
        (
            ("web", "--supervised", "--socket", "7", "--metrics", "8"),
            ("web", Path("lienthong.toml"), True, 7, 8),
        ),
        (("demo",), ("demo", Path("var/demo"), 200)),
        (("demo", "--directory", "/tmp/d", "--messages", "7"), ("demo", Path("/tmp/d"), 7)),  # noqa: S108 - a name only
    ],
)
def test_programs_are_started_with_what_was_typed(words: tuple[str, ...], call: tuple[object, ...]) -> None:
    programs = Started(status=5)
    ran = line(*words, programs=programs)
    assert programs.calls == [call]
    assert ran.status == 5
    assert ran.out == ""


# --- wrong use and failures


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("que",), "lienthong queue"),
        (("queue", "lst"), "lienthong queue list"),
        (("transfer", "list", "--foo"), "--foo"),
        (("transfer", "list", "--limit", "many"), "many"),
        (("transfer", "list", "left", "over"), "left over"),
        (("transfer", "show"), "TRANSFER"),
        (("transfer", "payload", "a", "--form", "zz"), "canonical"),
        (("partner", "check"), "FILES"),
        (("--lang", "fr"), "--lang"),
        (("queue", "update", "--help"), "lienthong queue"),
        (("HUB-NET-003",), "lienthong error explain HUB-NET-003"),
        (("error", "net-3"), "lienthong error explain net-3"),
        (("help", "partner"), "lienthong partner --help"),
        (("mapping", "propose", "a@2", "--replaces", "a@1", "--from", "2026-13-01"), "2027-01-31"),
        (("transfer", "list", "--settings"), "--settings"),
    ],
)
def test_wrong_use_ends_with_two_and_says_what_is_right(words: tuple[str, ...], told: str) -> None:
    for language in ("vi", "en"):
        ran = line(*words, environment={"LIENTHONG_LANG": language})
        assert ran.status == 2
        assert told in ran.err
        assert "--help" in ran.err
        assert ran.out == ""


def test_the_program_alone_shows_its_page_and_a_group_alone_is_a_wrong_use() -> None:
    assert "transfer" in line().out
    ran = line("transfer")
    assert ran.status == 2
    assert "transfer retry" in ran.err


def test_what_may_be_left_out_stands_in_brackets() -> None:
    assert "publish ID [FILE] [--effective" in line("catalogue", "publish", "--help").out
    assert "partner check FILE...\n" in line("partner", "check", "--help").out


@pytest.mark.parametrize(
    "words", [("db", "verify"), ("db", "restore"), ("mapping", "try", "motcua.rest@1"), ("dossier", "import")]
)
def test_a_file_that_is_not_there_is_told_in_the_persons_language(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    settings = ("--settings", str(tmp_path / "none.toml"))
    ran = line(*words, str(tmp_path / "khong-co"), *settings)
    assert (ran.status, "không có tệp này" in ran.err) == (2, True)
    folder = line(*words, str(tmp_path), "--lang", "en", *settings)
    assert (folder.status, "it is a folder" in folder.err) == (2, True)


def test_help_opens_nothing() -> None:
    ran = line("transfer", "retry", "--help", fails=RuntimeError("must not be opened"))
    assert ran.status == 0
    assert "--reason" in ran.out
    assert "--supervised" not in line("work", "--help").out
    assert "--socket" not in line("web", "--help").out


@pytest.mark.parametrize(("broken", "word"), [((), "whole"), (("a", "b"), "2 rules broken")])
def test_verifying_tells_also_what_the_hub_found_by_itself(broken: tuple[str, ...], word: str) -> None:
    said = Verdict(name="conservation", at=NOW, since=NOW, seconds=1, broken=broken)
    ran = line("queue", "verify", "--lang", "en", shelf=Shelf(said=said))
    assert ran.status == 0
    assert "last checked by itself" in ran.err
    assert word in ran.err


def test_status_says_who_works_in_words_and_who_is_silent() -> None:
    working = (
        Process(id="p", host="m1", pid=7, role="web", version="1", since=NOW, seen=NOW),
        Process(
            id="q", host="m1", pid=8, role="worker", version="1", since=NOW, seen=NOW - timedelta(minutes=1)
        ),
    )
    first, second = line("status", shelf=Shelf(working=working), terminal=True).out.splitlines()[1:3]
    assert "tiếp nhận" in first
    assert "dừng" not in first
    assert "chuyển" in second
    assert "đã dừng hoặc treo" in second


def test_status_names_each_process_once() -> None:
    made = Process(id="p", host="m1", pid=7, role="web", version="1", since=NOW, seen=NOW)
    rows = json.loads(line("status", "--json", shelf=Shelf(working=(made,))).out)
    assert [(row["role"], row["host"], row["pid"]) for row in rows] == [("web", "m1", 7)]
    assert "m1" in line("status", shelf=Shelf(working=(made,))).out
    assert line("status", "--lang", "en").err == "No process is running.\n"


@pytest.mark.parametrize("number", ["0", "65", "-1"])
def test_a_number_of_processes_that_no_machine_has_is_a_mistake(number: str) -> None:
    programs = Started()
    assert line("work", "--processes", number, programs=programs).status == 2
    assert not programs.calls


def test_settings_that_are_wrong_are_told_with_their_code() -> None:
    ran = line(
        "queue", "list", fails=refuse("HUB-CFG-002", "lienthong.toml: limit", line=3, rule="unknown key")
    )
    assert ran.status == 1
    assert "HUB-CFG-002" in ran.err
    assert "lienthong.toml: limit (3) khóa lạ" in ran.err
    assert "lienthong error explain HUB-CFG-002" in ran.err


def test_many_problems_of_one_code_are_explained_once_and_placed_each() -> None:
    problems = [
        Problem(code="HUB-CFG-001", place=f"a.toml: key{number}", line=number) for number in (1, 2, 3)
    ]
    ran = line("queue", "list", fails=Refusal(*problems))
    assert ran.err.count("HUB-CFG-001") == 1
    assert [f"a.toml: key{number} ({number})" in ran.err for number in (1, 2, 3)] == [True] * 3


def test_a_store_that_cannot_be_reached_ends_with_eight() -> None:
    ran = line("queue", "list", fails=PermissionError("/secret/path"))
    assert ran.status == 8
    assert "HUB-INT-002" in ran.err
    assert "/secret" not in ran.err


def test_an_unexpected_error_is_told_by_class_and_place_only() -> None:
    ran = line("queue", "list", fails=ValueError("Nguyễn Văn Á"))
    assert ran.status == 1
    assert "HUB-INT-001" in ran.err
    assert "ValueError" in ran.err
    assert "Nguyễn" not in ran.err
    assert "Traceback" not in ran.err


def test_ctrl_c_ends_as_the_shell_expects() -> None:
    class Interrupted(Started):
        def serve(self, settings: Path) -> int:
            raise KeyboardInterrupt(settings)

    assert line("serve", programs=Interrupted()).status == 130


def test_a_partner_plays_only_what_there_is_and_says_when_nobody_answers(tmp_path: Path) -> None:
    box = ("--directory", str(tmp_path), "--address", "http://127.0.0.1:1/lgsp", "--lang", "en")
    nobody = line("play", "somebody", *box)
    assert (nobody.status, "opencps-lgsp" in nobody.err) == (2, True)
    assert "run lienthong sandbox first" in line("play", "opencps-lgsp", *box).err
    (tmp_path / "partners" / "secrets").mkdir(parents=True)
    (tmp_path / "partners" / "secrets" / "opencps-lgsp.txt").write_text("secret")
    wrong = line("play", "opencps-lgsp", *box, "--dossier", "000.00.00.H47-261301-0001")
    assert (wrong.status, "is no dossier code" in wrong.err) == (2, True)
    unsaid = line("play", "opencps-lgsp", *box, "--until", "KetThuc")
    assert (unsaid.status, "It says: SyncDocument:new," in unsaid.err) == (2, True)
    begun = line("play", "opencps-lgsp", *box, "--until", "SyncDocument:new", "--json")
    assert [told["operation"] for told in json.loads(begun.out)] == ["greeting", "SyncDocument:new"]
    assert "lienthong dossier show 000.00.00.H47-" in begun.err
    (tmp_path / "partners" / "secrets" / "phong-soap.txt").write_text("secret")
    office = line("play", "phong-soap", *box, "--until", "FetchPending")
    assert (office.status, "there is no --until" in office.err) == (2, True)
    silent = line("play", "opencps-lgsp", *box, "--json")
    assert silent.status == 3
    first, *others = json.loads(silent.out)
    assert (first["operation"], first["status"], first["expected"]) == ("greeting", 0, False)
    assert {told["hears"] for told in others} == {"unclear"}
