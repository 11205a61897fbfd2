"""The whole hub in one small process: it starts soon, stays small, answers at every desk, and begins anew without a gap."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from hub.demo.cast import EXAMPLES
from hub.demo.processes import Processes, answers, children_of, free_ports
from hub.demo.scene import build
from hub.processes.crew import Died, TooLong
from hub.processes.thread import Thread
from signing.jose.detached import DetachedSigner
from signing.keys.ring import KeySource, load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.demo.scene import Scene

DESKS = """
[desks]
lgsp = "/lgsp"
mapi = "/mapi"
soap = "/soap"
portal = "/cong"
vbdlis = "/vbdlis"
"""
SOON, SMALL = 5.0, 200e6
"""Seconds and bytes: generous on a busy machine. What is promised is measured by the bench's P15."""


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Scene, Processes, aiohttp.ClientSession]]:
    hub_port, land, portal, office = free_ports(4)
    scene = build(folder / "site", hub_port, (land, portal, office))
    scene.settings.write_text(scene.settings.read_text("utf-8") + DESKS, "utf-8")
    form = (EXAMPLES / "desks" / "bieu-mau.toml").read_text("utf-8")
    (scene.settings.parent / "partners" / "bieu-mau.toml").write_text(form, "utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIENTHONG_")}
    with Processes(folder / "log", environment) as processes:
        begin(scene, processes)
        await answers(f"http://127.0.0.1:{hub_port}/readyz", processes, 60)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{hub_port}") as session:
            yield scene, processes, session


def begin(scene: Scene, processes: Processes) -> None:
    processes.start("hub", ["hub.cli.main", "edge", "run", "--settings", str(scene.settings)])


async def said(scene: Scene, session: aiohttp.ClientSession) -> dict[str, Any]:
    """Bring the first example, for the first time or again; return the receipt."""
    body = (EXAMPLES / "messages" / "01-received.json").read_bytes()
    key = load(KeySource(name="m", file=str(scene.sender_key), certificate=str(scene.sender_certificate)))
    headers = {
        "Authorization": f"Bearer {scene.api_key}",
        "Content-Type": "application/json",
        "X-JWS-Signature": DetachedSigner(key).sign(body, datetime.now(UTC)),
    }
    async with session.post("/v1/messages", data=body, headers=headers) as reply:
        told: dict[str, Any] = await reply.json()
        assert reply.status == HTTPStatus.ACCEPTED, told
        return told


async def test_every_desk_of_the_province_answers_in_one_small_process(tmp_path: Path) -> None:
    async with running(tmp_path) as (scene, processes, session):
        assert await said(scene, session)
        asked = {
            ("GET", "/v1/mailbox"): HTTPStatus.UNAUTHORIZED,
            ("GET", "/office"): HTTPStatus.OK,
            ("GET", "/soap/v1?wsdl"): HTTPStatus.OK,
            ("POST", "/soap/v1"): HTTPStatus.INTERNAL_SERVER_ERROR,  # a SOAP 1.1 fault
        }
        for (method, path), status in asked.items():
            async with session.request(method, path) as reply:
                assert reply.status == status, (path, await reply.text())
        for path in ("/lgsp/token", "/mapi/x", "/cong/x", "/vbdlis/x"):
            async with session.post(path, data=b"{}") as reply:
                assert reply.status < HTTPStatus.INTERNAL_SERVER_ERROR, path
        pid = processes.pid("hub")
        assert not list(children_of(pid))
        assert resident(pid) < SMALL


async def test_it_answers_soon_and_ends_at_once_when_asked(tmp_path: Path) -> None:
    async with running(tmp_path) as (scene, processes, _):
        processes.stop("hub")
        began = time.monotonic()
        begin(scene, processes)
        await answers(f"http://127.0.0.1:{scene.hub_port}/livez", processes, 60)
        assert time.monotonic() - began < SOON
        process = processes.pid("hub")
        os.kill(process, signal.SIGTERM)
        async with asyncio.timeout(SOON):
            while processes.ended() is None:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)


async def test_what_was_accepted_is_there_after_a_kill_and_taken_once(tmp_path: Path) -> None:
    async with running(tmp_path) as (scene, processes, session):
        receipt = await said(scene, session)
        os.kill(processes.pid("hub"), signal.SIGKILL)
        processes.stop("hub")
        begin(scene, processes)
        await answers(f"http://127.0.0.1:{scene.hub_port}/readyz", processes, 60)
        assert await said(scene, session) == receipt


async def test_it_begins_anew_under_the_same_number_and_turns_nobody_away(tmp_path: Path) -> None:
    async with running(tmp_path) as (scene, processes, _):
        pid = processes.pid("hub")
        began = since(pid)
        os.kill(pid, signal.SIGHUP)
        receipt = None
        for _ in range(10):  # through the change: each is answered, if late
            async with aiohttp.ClientSession(f"http://127.0.0.1:{scene.hub_port}") as fresh:
                told = await said(scene, fresh)
                receipt = receipt or told
                assert told == receipt
            await asyncio.sleep(0.2)
        assert processes.ended() is None
        assert since(pid) == began  # the kernel's process lives on
        assert "edge_started" in (tmp_path / "log" / "hub.log").read_text("utf-8").partition("\n")[2]


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text("utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def since(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[19]


async def test_a_frame_that_takes_too_long_is_left_behind_and_the_next_is_answered() -> None:
    held = threading.Event()

    def answer(frame: bytes) -> bytes:
        if frame == b"slow":
            held.wait(30)
        return frame[::-1]

    thread = Thread(answer)
    with pytest.raises(TooLong):
        await thread.ask(b"slow", 0.05)
    assert await thread.ask(b"abc", 5) == b"cba"
    held.set()
    await thread.close()


async def test_what_fails_in_the_thread_is_told_and_the_next_is_answered() -> None:
    def answer(frame: bytes) -> bytes:
        return bytes([10 // frame[0]])

    thread = Thread(answer)
    with pytest.raises(Died):
        await thread.ask(b"\0")
    assert await thread.ask(b"\5") == b"\2"
    await thread.close()
