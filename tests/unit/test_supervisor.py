"""Children are kept alive, started later when they keep dying, and ended with their parent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hub.processes import supervisor
from hub.processes.supervisor import Child, supervise, webs, workers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Run = Callable[..., Awaitable[asyncio.Event]]

ROOT = Path(__file__).parents[2]


def test_one_hub_is_its_web_processes_on_one_socket_and_its_workers() -> None:
    where = Path("/etc/lienthong.toml")
    common = ("--settings", "/etc/lienthong.toml", "--supervised")
    assert webs(where, 1, 7) == (Child("web", ("web", *common, "--socket", "7"), (7,)),)
    assert [child.name for child in webs(where, 2, 7)] == ["web-1", "web-2"]
    assert webs(where, 1, 7, 8)[0].files == (7, 8)
    assert workers(where, 1, 8)[0].arguments[-2:] == ("--metrics", "8")
    assert workers(where, 2) == (Child("worker-1", ("work", *common)), Child("worker-2", ("work", *common)))


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What runs in the place of the command line: notes its pid and argument, then does what the argument says."""
    script = tmp_path / "hub" / "cli" / "main.py"
    script.parent.mkdir(parents=True)
    for package in (script.parent, script.parent.parent):
        (package / "__init__.py").touch()
    script.write_text(
        "import os, signal, sys, time\n"
        "what = sys.argv[1]\n"
        "with open('pids', 'a') as file:\n"
        "    file.write(f'{what} {os.getpid()}\\n')\n"
        "if what == 'dies': sys.exit(1)\n"
        "if what == 'stubborn': signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "time.sleep(60)\n",
        "utf-8",
    )
    monkeypatch.chdir(tmp_path)  # python -m looks there first
    return tmp_path / "pids"


def started(notes: Path, what: str) -> list[int]:
    lines = notes.read_text("utf-8").splitlines() if notes.exists() else []
    return [int(line.split()[1]) for line in lines if line.startswith(f"{what} ")]


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not true():  # noqa: ASYNC110 - another process writes the file
            await asyncio.sleep(0.02)


@pytest.fixture
async def run(program: Path) -> AsyncIterator[Run]:
    del program
    running: list[tuple[asyncio.Event, asyncio.Task[None]]] = []

    async def begin(*whats: str) -> asyncio.Event:
        stop = asyncio.Event()
        wanted = [Child(what, (what,)) for what in whats]
        running.append((stop, asyncio.create_task(supervise(wanted, stop))))
        return stop

    yield begin
    for stop, task in running:
        stop.set()
        await asyncio.wait_for(task, 15)


async def test_a_killed_child_is_started_again_and_the_others_are_left_alone(program: Path, run: Run) -> None:
    await run("one", "other")
    await until(lambda: bool(started(program, "one") and started(program, "other")))
    os.kill(started(program, "one")[0], signal.SIGKILL)
    await until(lambda: len(started(program, "one")) == 2)
    assert len(started(program, "other")) == 1
    assert not gone(started(program, "other")[0])


async def test_a_child_that_keeps_dying_is_started_later_and_later(program: Path, run: Run) -> None:
    clock = asyncio.get_running_loop().time
    began = clock()
    stop = await run("dies")
    await until(lambda: len(started(program, "dies")) == 4)
    assert clock() - began > (2 + 4 + 8) * supervisor.FIRST_PAUSE
    stop.set()
    count = len(started(program, "dies"))
    await asyncio.sleep(0.5)
    assert len(started(program, "dies")) == count


async def test_when_told_to_stop_every_child_is_asked_and_the_stubborn_one_killed(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "GRACE", 0.5)
    stop = asyncio.Event()
    wanted = [Child(what, (what,)) for what in ("willing", "stubborn")]
    task = asyncio.create_task(supervise(wanted, stop))
    await until(lambda: bool(started(program, "willing") and started(program, "stubborn")))
    await asyncio.sleep(0.2)  # the stubborn one has closed its ears
    began = asyncio.get_running_loop().time()
    stop.set()
    await asyncio.wait_for(task, 10)
    assert asyncio.get_running_loop().time() - began >= 0.5
    for what in ("willing", "stubborn"):
        (pid,) = started(program, what)
        assert gone(pid)


LISTENER = """
import asyncio, sys
from hub.processes.supervisor import stop_on_signals, stop_with_parent

async def main():
    stop = asyncio.Event()
    stop_on_signals(stop)
    watch = asyncio.create_task(stop_with_parent(stop))
    print("ready", flush=True)
    await stop.wait()
    if "slow" in sys.argv:
        print("stopping", flush=True)
        await asyncio.sleep(30)
    watch.cancel()

asyncio.run(main())
"""


def _listen(*words: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", LISTENER, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def test_a_child_stops_by_itself_when_its_parent_is_gone() -> None:
    with _listen() as process:
        assert process.stdin is not None
        time.sleep(0.1)
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(5) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_asks_and_the_second_ends(number: signal.Signals) -> None:
    with _listen() as willing:
        willing.send_signal(number)
        assert willing.wait(5) == 0
    with _listen("slow") as slow:
        slow.send_signal(number)
        assert slow.stdout is not None
        assert slow.stdout.readline() == b"stopping\n"
        slow.send_signal(number)
        assert slow.wait(5) == 1
