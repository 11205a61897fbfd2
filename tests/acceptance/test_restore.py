"""A data folder is lost and the hub goes back to its last backup: the partners' own journals say what they got.

Everything is real: processes, partners, commands. The queue stands still behind paused partners while the backup is made,
then it is delivered, more is accepted and delivered, and all of that is lost.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from hub.demo.count import count
from hub.lifecycle import State
from hub.store.contract.views import Filter
from tests.acceptance.hub_house import House, house, kill, until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from hub.demo.messages import Said

pytestmark = [pytest.mark.xdist_group("restore"), pytest.mark.timeout(240)]

BOTH = ("so-tnmt", "dvcqg")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path / "house") as opened:
        yield opened


def run(hub: House, *words: str, status: int = 0) -> Any:
    """Run one command; return what it printed as JSON."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIENTHONG_")}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "hub.cli.main",
            *words,
            "--settings",
            str(hub.scene.settings),
            "--json",
            "--lang",
            "en",
        ],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout) if done.stdout.strip().startswith(("{", "[")) else done.stdout


def turn(hub: House, verb: str) -> None:
    for partner in BOTH:
        run(hub, "partner", verb, partner, "--reason", "test", "--yes")


def arrived(hub: House, said: Iterable[Said]) -> bool:
    dossiers = {one.dossier for one in said}
    wanted = len(list(said))
    return all(len(got) >= wanted for got in (hub.land(*dossiers), hub.progress(*dossiers)))


def got(hub: House, said: Iterable[Said]) -> tuple[int, int]:
    dossiers = {one.dossier for one in said}
    return len(hub.land(*dossiers)), len(hub.progress(*dossiers))


def assert_once(hub: House, said: list[Said]) -> None:
    dossiers = {one.dossier for one in said}
    for partner, arrivals in (("land", hub.land(*dossiers)), ("portal", hub.progress(*dossiers))):
        assert count(partner, said, arrivals).clean, count(partner, said, arrivals)


def die(hub: House) -> None:
    """As a machine does: everything at once."""
    for pid in hub.family():
        kill(pid)
    hub.processes.stop("hub")


async def test_what_was_delivered_after_the_backup_is_not_doubled_and_nothing_waiting_is_lost(
    hub: House, tmp_path: Path
) -> None:
    early, queued, later = (
        [said for story in (next(hub.told), next(hub.told)) for said in story[:2]] for _ in range(3)
    )
    for said in early:
        await hub.send(said)
    await until(lambda: arrived(hub, early), 60, "what came first")
    turn(hub, "pause")
    for said in queued:
        await hub.send(said)
    written = run(hub, "db", "backup", "--to", str(tmp_path / "backup"))
    assert run(hub, "db", "verify", written["file"])["broken"] == []
    turn(hub, "resume")
    for said in later:
        await hub.send(said)
    await until(lambda: arrived(hub, [*queued, *later]), 60, "what the backup does not know of")

    die(hub)
    data = hub.scene.settings.parent / "data"
    key = (data / "master.key").read_bytes()
    shutil.rmtree(data)
    data.mkdir(mode=0o700)
    run(hub, "db", "restore", written["file"], "--yes", status=1)  # without the key
    assert not (data / "hub.db").exists()
    assert not (data / "master.key").exists()
    (data / "master.key").write_bytes(key)
    restored = run(hub, "db", "restore", written["file"], "--yes")
    assert restored["in_doubt"] >= 2 * len(queued)
    assert set(BOTH) <= set(restored["paused"])
    assert {"restored", "backup"} <= set(run(hub, "db", "status", status=3)["worries"])

    hub.start()
    await hub.ready()
    before = got(hub, queued)
    async with hub.store() as store:
        states = {
            view.state for view in await store.transfers(Filter(states=("in_doubt", "waiting"), limit=500))
        }
        assert states == {State.IN_DOUBT}
    assert {row["door"] for row in run(hub, "queue", "list")} == {"paused"}
    run(hub, "db", "resume", "--reason", "compared with both partners", "--yes")
    await until(
        lambda: not run(hub, "transfer", "list", "--state", "in_doubt", "--state", "waiting"),
        90,
        "asked and settled",
    )

    assert_once(hub, early)
    assert_once(hub, queued)
    assert got(hub, queued) == before
    assert run(hub, "db", "status", status=3)["worries"] == ["backup"]
    for said in later:  # nobody here knows of them any more: their sender says them again under the same keys
        answer = await hub.send(said)
        assert "Idempotency-Replayed" not in answer.headers
    await until(
        lambda: not run(hub, "transfer", "list", "--state", "in_doubt", "--state", "waiting"),
        90,
        "asked and sent again",
    )
    assert_once(hub, later)  # one keeps keys and gets the same ones as before, the other is asked first
    for said in queued:
        answer = await hub.post(said.body, said.key)
        assert answer.status in {200, 202}
        assert answer.headers.get("Idempotency-Replayed") == "true" or answer.status == 200
    async with hub.store() as store:
        assert await store.conservation() == ()
