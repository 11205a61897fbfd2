"""Documents wait for the scanner: only what it called clean goes on, whatever becomes of the scanner."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hub.documents.caretaking import Caretaker, Rules
from hub.documents.contract import Safety
from hub.documents.scanner import Answer, Scanner, Verdict, understood
from hub.store.sqlite.store import open_store
from hub.store.vault import Vault
from schemas.problems import Refusal
from tests.doubles.clamd import EICAR, clamd
from tests.doubles.loopback import mute, nobody
from tests.store.samples import NOON, at, numbered_ids
from tests.store.test_documents import DAY, bring, content, digest, naming

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hub.store.contract.store import Store

RULES = Rules(grace=60, sweep=600, quarantine=100, retry=30, required=True)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store(tmp_path / "hub.db", ids=numbered_ids(), vault=Vault(b"m" * 32, os.urandom))
    yield opened
    await opened.close()


async def pieces(*told: bytes) -> AsyncIterator[bytes]:
    for each in told:
        yield each


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> object:
        return self.now


def caretaker(store: Store, address: str, clock: Clock, rules: Rules = RULES) -> Caretaker:
    return Caretaker(store.documents, Scanner(address, 1.0), rules, clock)  # type: ignore[arg-type]  # a clock


# --- the protocol


@pytest.mark.parametrize("unix", [False, True])
async def test_a_stream_goes_through_whole_and_gets_its_verdict(tmp_path: Path, unix: bool) -> None:
    async with clamd(tmp_path / "clamd.ctl" if unix else None) as double:
        scanner = Scanner(double.address, 5)
        assert await scanner.scan(pieces(b"a" * 100_000, b"b")) == Answer(Verdict.CLEAN)
        assert await scanner.scan(pieces(EICAR[:20], EICAR[20:])) == Answer(
            Verdict.INFECTED, "Win.Test.EICAR_HDB-1"
        )
        assert await scanner.scan(pieces()) == Answer(Verdict.CLEAN)
        assert [len(stream) for stream in double.streams] == [100_001, len(EICAR), 0]


async def test_a_scanner_that_hangs_up_on_a_long_stream_is_understood() -> None:
    async with clamd(limit=1_000_000) as double:
        told = await Scanner(double.address, 5).scan(pieces(*[b"a" * 500_000] * 40))
        assert told.verdict is Verdict.TOO_LARGE


@pytest.mark.parametrize("mood", ["mute", "reset", "babble"])
async def test_a_scanner_in_a_bad_mood_says_nothing_for_sure(mood: str) -> None:
    async with clamd(mood=mood) as double:
        began = time.monotonic()
        assert (await Scanner(double.address, 0.3).scan(pieces(b"a"))).verdict is Verdict.UNKNOWN
        assert time.monotonic() - began < 5


async def test_a_verdict_on_what_was_not_yet_sent_is_none() -> None:
    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"a"
            await asyncio.sleep(0.02)

    async with clamd(mood="hasty") as double:
        answer = await Scanner(double.address, 2).scan(slowly())
    assert answer == Answer(Verdict.UNKNOWN, "an answer before the end")


def test_no_finding_has_a_nul_in_it() -> None:
    """PostgreSQL keeps none in a text, and what cannot be written down would be asked for ever."""
    assert understood(b"stream: a\0b FOUND\0") == Answer(Verdict.UNKNOWN, "no whole answer")


async def test_a_scanner_that_is_not_there_says_nothing_for_sure(tmp_path: Path) -> None:
    with nobody() as port:
        assert (await Scanner(f"127.0.0.1:{port}", 1).scan(pieces(b"a"))).verdict is Verdict.UNKNOWN
    async with mute() as port:
        assert (await Scanner(f"127.0.0.1:{port}", 0.2).scan(pieces(b"a"))).verdict is Verdict.UNKNOWN
    assert (await Scanner(f"unix:{tmp_path}/no", 1).scan(pieces(b"a"))).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\0",
        b"OK\0",
        b"stream: OK FOUND nothing\0",
        b"stream: ok\0",
        b"\xff\0",
        b"stream: OK\0\0x\0",
        b"\0stream: OK\0",
    ],
)
def test_what_is_not_clearly_clean_is_not_clean(said: bytes) -> None:
    assert understood(said).verdict is not Verdict.CLEAN


# --- what becomes of documents


async def test_a_clean_document_may_be_used_and_no_earlier(store: Store) -> None:
    data, clock = content(300_000), Clock()
    await bring(store, "u1", data, safety=Safety.CHECKING)
    with pytest.raises(Refusal, match="HUB-DOC-002"):
        await store.accept(naming("m1", digest(data)))
    async with clamd() as double:
        clock.now = at(2)
        assert await caretaker(store, double.address, clock).check()
        assert double.streams == [data]
        assert not await caretaker(store, double.address, clock).check()
    await store.accept(naming("m1", digest(data)))


async def test_an_infected_document_is_never_used_and_goes_after_its_quarantine(
    store: Store, tmp_path: Path
) -> None:
    data, clock = b"x" * 70_000 + EICAR, Clock()
    await bring(store, "u1", data, safety=Safety.CHECKING, until=10)
    async with clamd() as double:
        clock.now = at(2)
        keeper = caretaker(store, double.address, clock)
        await keeper.check()
        with pytest.raises(Refusal, match="HUB-DOC-003"):
            await store.accept(naming("m1", digest(data)))
        (held,) = await store.documents.held(safety="infected")
        assert (held.finding, held.owners) == ("Win.Test.EICAR_HDB-1", 1)
        assert {row.what for row in await store.journal()} >= {"document_infected"}
        clock.now = at(101)
        await keeper.sweep()
        assert (await store.documents.upload("u1")) is not None
        for moment in (103, 200):
            clock.now = at(moment)
            await keeper.sweep()
    assert await store.documents.held() == ()
    assert not [path for path in (tmp_path / "hub.db.blobs").rglob("*") if path.is_file()]


async def test_documents_wait_while_the_scanner_is_down_and_are_scanned_when_it_is_back(store: Store) -> None:
    data, clock = content(1000), Clock()
    await bring(store, "u1", data, safety=Safety.CHECKING)
    clock.now = at(2)
    with nobody() as port:
        keeper = caretaker(store, f"127.0.0.1:{port}", clock)
        assert await keeper.check()
        assert not await keeper.check()
        (held,) = await store.documents.held(safety="checking")
        assert (held.finding, held.tries) == ("unreachable: ConnectionRefusedError", 1)
        for later in range(1, 20):
            clock.now = at(2) + timedelta(days=later)
            assert await keeper.check()
            with pytest.raises(Refusal, match="HUB-DOC-002"):
                await store.accept(naming("m1", digest(data)))
    async with clamd() as double:
        clock.now += timedelta(seconds=31)
        assert await caretaker(store, double.address, clock).check()
    await store.accept(naming("m1", digest(data)))


@pytest.mark.parametrize(("required", "safety"), [(True, Safety.CHECKING), (False, Safety.CLEAN)])
async def test_what_is_too_large_for_the_scanner_is_held_unless_declared_otherwise(
    store: Store, required: bool, safety: Safety
) -> None:
    data, clock = content(400_000), Clock()
    await bring(store, "u1", data, safety=Safety.CHECKING)
    rules = Rules(grace=60, sweep=600, quarantine=100, retry=30, required=required)
    async with clamd(limit=1000) as double:
        clock.now = at(2)
        await caretaker(store, double.address, clock, rules).check()
    (held,) = await store.documents.held()
    assert held.safety is safety
    assert held.finding == ("too-large" if required else "unscanned")


async def test_the_same_content_brought_again_is_not_cleaner_for_it(store: Store) -> None:
    data, clock = EICAR, Clock()
    await bring(store, "u1", data, safety=Safety.CHECKING)
    async with clamd() as double:
        clock.now = at(2)
        await caretaker(store, double.address, clock).check()
    again = await bring(store, "u2", data, safety=Safety.CHECKING, sender="another", until=DAY)
    assert again.safety is Safety.INFECTED


async def test_a_real_clamd_says_the_same(tmp_path: Path) -> None:
    """Its database of signatures is this test's own: the digest of one file."""
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "own.hdb").write_text(f"{hashlib.md5(EICAR).hexdigest()}:{len(EICAR)}:Test.Own\n")  # noqa: S324 - clamd's format
    settings = f"LocalSocket {tmp_path}/clamd.ctl\nDatabaseDirectory {tmp_path}/db\nForeground yes\nStreamMaxLength 1M\n"
    (tmp_path / "clamd.conf").write_text(settings)
    clamd = shutil.which("clamd", path=f"{os.environ['PATH']}:/usr/sbin")
    assert clamd, "make packages installs it"
    with subprocess.Popen([clamd, "-c", str(tmp_path / "clamd.conf")]) as process:  # noqa: ASYNC220 - it runs beside the test
        try:
            scanner = Scanner(f"unix:{tmp_path}/clamd.ctl", 10)
            for _ in range(200):
                if (await scanner.scan(pieces(b"harmless"))).verdict is Verdict.CLEAN:
                    break
                time.sleep(0.1)  # noqa: ASYNC251 - it starts
            assert (await scanner.scan(pieces(EICAR))).verdict is Verdict.INFECTED
            assert (await scanner.scan(pieces(*[b"a" * 500_000] * 5))).verdict is Verdict.TOO_LARGE
        finally:
            process.kill()
