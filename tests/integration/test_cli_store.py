"""The command line over the real store, as an operator meets it: one transfer refused, two behind it."""

from __future__ import annotations

import asyncio
import io
import json
import os
import pty
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hub.cli.main import Surroundings, run
from hub.cli.opening import WiredPrograms, kept
from hub.cli.screen import screen_of
from hub.lifecycle import Move, State
from hub.store.contract.delivery import Settlement
from hub.store.sqlite.store import open_store
from tests.store.samples import NOON, acceptance, attempt, numbered_ids, roomy, sealed
from tests.unit.test_cli_double import Ran, Terminal, Today

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.cli.opening import Hub
    from hub.documents.contract import Held
    from hub.partners.partner import Partner
    from hub.store.contract.store import Store
    from signing.pdf_signatures import Examined

ROOT = Path(__file__).parents[2]
HEAD, SECOND = "m1.so-tnmt.0", "m2.so-tnmt.0"
LATER = NOON + timedelta(minutes=5)


class StoreHub:
    def __init__(
        self, path: Path, partners: Mapping[str, Partner] | None = None, means: Today | None = None
    ) -> None:
        self.store: Store = open_store(path, ids=numbered_ids(int(time.time_ns() % 2**31)))
        self.partners: Mapping[str, Partner] = partners or {}
        self.means = means or Today()

    async def examined(self, held: Held) -> Examined | None:
        del held
        return None

    async def close(self) -> None:
        await self.store.close()


async def fill(path: Path) -> None:
    """One dossier, three messages; the partner refused the first."""
    hub = StoreHub(path)
    await hub.store.capacities(roomy("so-tnmt"))
    for number in (1, 2, 3):
        await hub.store.accept(acceptance(f"m{number}", dossier="d1", version=number - 1))
    (work,) = await hub.store.claim("w", NOON, 10, 30.0)
    await hub.store.seal(work.token, {work.transfer: sealed()})
    refused = Settlement(
        transfer=work.transfer,
        move=Move.REFUSE,
        attempts=(attempt("refused"),),
        code="HUB-PAR-001",
        detail="-3",
    )
    assert await hub.store.settle(work.token, [refused], NOON)
    await hub.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "hub.db"
    asyncio.run(fill(path))
    return path


def line(
    path: Path,
    *words: str,
    partners: Mapping[str, Partner] | None = None,
    means: Today | None = None,
    terminal: bool = False,
) -> Ran:
    out, err = Terminal() if terminal else io.StringIO(), io.StringIO()

    async def opened(_: Path) -> Hub:
        return StoreHub(path, partners, means)

    around = Surroundings(
        screen=screen_of(out, err, io.StringIO(), {}, 100),
        environment={},
        open=opened,
        check=lambda _, __: (),
        programs=WiredPrograms(),
        keep=kept,
        now=lambda: LATER,
        by="lan",
    )
    status = run(words, around)
    return Ran(status, out.getvalue(), err.getvalue())


def state(path: Path, transfer: str) -> str:
    return str(json.loads(line(path, "transfer", "show", transfer, "--json").out)["state"])


SCRIPT = ("--reason", "INC-104", "--yes")
BY_TWO = (*SCRIPT, "--approver", "hoa")


def test_the_lane_that_is_held_up_is_found_with_its_head_and_those_behind(path: Path) -> None:
    (lane,) = json.loads(line(path, "queue", "lanes", "--json").out)
    assert (lane["head"], lane["state"], lane["behind"]) == (HEAD, "refused", 2)
    (queue,) = json.loads(line(path, "queue", "list", "--json").out)
    assert (queue["refused"], queue["waiting"], queue["blocked"]) == (1, 2, 2)


def test_the_transfer_tells_its_timeline_and_its_blocked_follower_names_it(path: Path) -> None:
    shown = json.loads(line(path, "transfer", "show", "m1", "--json").out)
    assert [each["outcome"] for each in shown["timeline"]] == ["refused"]
    assert shown["problem"] == "HUB-PAR-001"
    assert HEAD in line(path, "transfer", "show", "m2").err


def test_a_retry_goes_back_into_doubt_and_is_in_the_journal_with_name_and_reason(path: Path) -> None:
    assert line(path, "transfer", "retry", "m1", *SCRIPT).status == 0
    assert state(path, HEAD) == State.IN_DOUBT
    rows = json.loads(line(path, "transfer", "journal", "m1", "--json").out)
    (acted,) = [row for row in rows if row["what"] == "retry"]
    assert (acted["facts"]["by"], acted["facts"]["reason"]) == ("lan", "INC-104")


def test_hold_and_release_go_there_and_back(path: Path) -> None:
    assert line(path, "transfer", "hold", "m2", *SCRIPT).status == 0
    assert state(path, SECOND) == State.HELD
    assert line(path, "transfer", "release", "m2", *SCRIPT).status == 0
    assert state(path, SECOND) == State.WAITING


def test_skipping_the_head_frees_the_lane_and_skipping_another_is_refused(path: Path) -> None:
    ran = line(path, "transfer", "skip", "m2", *BY_TWO)
    assert ran.status == 1
    assert "HUB-LAN-001" in ran.err
    assert line(path, "transfer", "skip", "m1", *BY_TWO).status == 0
    assert json.loads(line(path, "queue", "lanes", "--json").out) == []
    assert json.loads(line(path, "transfer", "show", "m2", "--json").out)["blocked"] is False


def test_acting_on_a_state_that_is_no_longer_so_changes_nothing(path: Path) -> None:
    assert line(path, "transfer", "withdraw", "m1", *SCRIPT).status == 0
    assert line(path, "transfer", "retry", "m1", "--expect", "refused", *SCRIPT).status == 7
    assert state(path, HEAD) == State.WITHDRAWN


def test_everything_is_conserved_after_all_that(path: Path) -> None:
    for words in (("hold", "m3"), ("withdraw", "m1"), ("release", "m3")):
        assert line(path, "transfer", *words, *SCRIPT).status == 0
    assert line(path, "queue", "verify").status == 0


def test_the_list_is_paged_and_filtered(path: Path) -> None:
    first = line(path, "transfer", "list", "--limit", "2")
    last = first.out.splitlines()[-1].split("\t")[0]
    rest = line(path, "transfer", "list", "--after", last)
    ids = [row.split("\t")[0] for row in (first.out + rest.out).splitlines()]
    assert sorted(ids) == [f"m{number}.so-tnmt.0" for number in (1, 2, 3)]
    refused = line(path, "transfer", "list", "--state", "refused", "--dossier", "code-d1").out
    assert refused.startswith(HEAD)


def test_the_dossier_is_found_by_its_code_and_the_payload_by_its_form(path: Path) -> None:
    found = json.loads(line(path, "dossier", "show", "code-d1", "--json").out)
    assert len(found["transfers"]) == 3
    assert line(path, "transfer", "payload", "m1", "--form", "sealed").out == "sealed\n"
    assert line(path, "transfer", "payload", "m1", "--form", "answer").out == "<b/>\n"
    assert line(path, "transfer", "payload", "m2", "--form", "sealed").status == 1


PROGRAM = """
import shutil, sys
from pathlib import Path
from hub.cli.main import Surroundings, run
from hub.cli.opening import WiredPrograms, kept
from hub.cli.screen import screen_of
from tests.integration.test_cli_store import LATER, StoreHub

async def opened(path):
    return StoreHub(Path(sys.argv[1]))

import os
sys.exit(run(sys.argv[2:], Surroundings(
    screen=screen_of(sys.stdout, sys.stderr, sys.stdin, os.environ, 100), environment=os.environ, open=opened,
    check=lambda a, b: (), programs=WiredPrograms(), keep=kept, now=lambda: LATER, by="lan")))
"""


def typed(path: Path, *words: str, answers: str) -> tuple[int, str]:
    """Run the program in a real terminal and type ``answers`` into it."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path), *words],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm"},
    ) as process:
        os.close(slave)
        os.write(master, answers.encode())
        seen = b""
        while True:
            try:
                chunk = os.read(master, 4096)
            except OSError:  # Linux says EIO when the other side is closed
                break
            if not chunk:
                break
            seen += chunk
        status = process.wait(30)
    os.close(master)
    return status, seen.decode()


def test_a_person_at_a_terminal_is_told_asked_and_obeyed(path: Path) -> None:
    status, seen = typed(path, "transfer", "retry", "m1", answers="đã gọi đối tác\nc\n")
    assert status == 0
    assert "hỏi đối tác trước" in seen
    assert "Lý do" in seen
    assert "▶" in seen
    assert state(path, HEAD) == State.IN_DOUBT


def test_a_person_who_says_no_is_obeyed_too(path: Path) -> None:
    status, seen = typed(path, "transfer", "skip", "m1", answers="đã gọi đối tác\nchị Hoa\nkhông\n")
    assert status == 1
    assert "Không có gì thay đổi" in seen
    assert state(path, HEAD) == State.REFUSED
