"""Ways into a running hub that must stay shut."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from hub.demo.cast import EXAMPLES
from hub.demo.messages import stories
from hub.demo.processes import Processes, answers, free_ports
from hub.demo.scene import build
from hub.judging.contract import Inbound, Judged
from hub.judging.judge import judge
from hub.wiring.tools import pool_tools
from signing.jose.detached import DetachedSigner
from signing.keys.ring import KeySource, load

if TYPE_CHECKING:
    from pathlib import Path

POOL = """
import sys
from hub.intake import intake
from hub.processes import logs
from hub.wiring.tools import pool_tools

class Bomb:
    message = "m"
    def __init__(self): self.secret = "0912345678"
    def __getattr__(self, name): raise ZeroDivisionError(self.secret)

logs.configure(process="pool")
intake.judge_all(pool_tools(sys.argv[1])[0], [Bomb()])
"""


def test_a_defect_in_a_pool_process_prints_no_values(tmp_path: Path) -> None:
    scene = build(tmp_path / "site", 1, (2, 3, 4))
    done = subprocess.run(
        [sys.executable, "-c", POOL, str(scene.settings)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "judging failed" in done.stderr
    assert "0912345678" not in done.stderr
    json.loads(done.stderr.splitlines()[0])


@pytest.mark.xdist_group("hub")
async def test_a_head_without_end_is_cut_off_and_others_are_served(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    scene = build(tmp_path / "site", port, (2, 3, 4))
    with Processes(tmp_path / "log", dict(os.environ)) as processes:
        processes.start("web", ["hub.cli.main", "web", "--settings", str(scene.settings)])
        await answers(f"http://127.0.0.1:{port}/livez", processes)
        with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
            wire.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nX: ")
            with contextlib.suppress(OSError):
                for _ in range(64):
                    wire.sendall(b"a" * 65536)
            answer = b""
            with contextlib.suppress(OSError):
                answer = wire.recv(100)
        assert not answer.startswith(b"HTTP/1.1 200")
        await answers(f"http://127.0.0.1:{port}/livez", processes)


def test_the_formats_own_key_is_bound_beside_the_one_that_was_given(tmp_path: Path) -> None:
    """A client that makes a new Idempotency-Key for each try of the same message doubles nothing."""
    scene = build(tmp_path / "site", 1, (2, 3, 4))
    desk, _ = pool_tools(str(scene.settings))
    key = load(KeySource(name="k", file=str(scene.sender_key), certificate=str(scene.sender_certificate)))
    body = next(iter(stories(EXAMPLES / "messages", 1)))[0].body
    now = datetime.now(UTC)

    def judged(given: str) -> Judged:
        headers = {
            "content-type": "application/json",
            "idempotency-key": given,
            "x-jws-signature": DetachedSigner(key).sign(body, now),
        }
        return judge(
            Inbound(
                message="m",
                sender=next(iter(desk.senders)),
                headers=headers,
                body=body,
                received_at=now,
            ),
            desk,
            now,
        )

    natural = json.loads(body)["MaThongDiep"]
    assert (judged("try-1").key, judged("try-1").natural_key) == ("try-1", natural)
    assert (judged(natural).key, judged(natural).natural_key) == (natural, "")
