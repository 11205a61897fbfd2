"""Signatures in PDF documents, looked at beside the traffic: in a process of its own, within bounds, and told without names."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hub.demo.scene import build
from hub.documents.contract import Look, Safety, Seal
from hub.documents.examining import Bounds, Examiner, begin
from hub.processes.crew import Crew
from hub.settings.file import load
from hub.store.sqlite.store import open_store
from hub.wiring.declared import declared
from hub.wiring.parts import store_of
from hub.wiring.worker import open_worker
from schemas.problems import Refusal
from signing.pdf import Anchors, examine, load_anchors
from signing.pdf_signatures import Examined, Holds
from tests.doubles.pdf import pdf, signed
from tests.doubles.pki import Pki
from tests.store.engines import vault
from tests.store.samples import numbered_ids
from tests.store.test_documents import bring, database, digest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from hub.store.contract.store import Store

NOW = datetime.now(UTC)
MEMORY = 128 << 20
BOUNDS = Bounds(largest=1 << 20, time=10.0)


def in_process(anchors: str) -> tuple[Callable[[bytes, datetime], Examined], int]:
    """Runs in the crew's process; ``anchors``: a PEM file instead of settings."""
    known = load_anchors([Path(anchors)])
    return lambda data, now: examine(data, known, now), MEMORY


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


@pytest.fixture(scope="module")
def good(pki: Pki) -> bytes:
    return signed(pki, pdf())


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store(tmp_path / "hub.db", ids=numbered_ids(1), vault=vault())
    yield opened
    await opened.close()


@asynccontextmanager
async def examiner(store: Store, pki: Pki, bounds: Bounds = BOUNDS) -> AsyncIterator[Examiner]:
    crew = Crew(partial(begin, in_process), str(pki["root"].certificate_file), 1)
    try:
        yield Examiner(store.documents, crew, bounds, lambda: NOW)
    finally:
        await crew.close()


async def seen(store: Store, data: bytes) -> Look:
    found = await store.documents.look(digest(data))
    assert found is not None
    return found


async def test_every_document_is_looked_at_once_and_what_is_kept_names_nobody(
    store: Store, pki: Pki, good: bytes, tmp_path: Path
) -> None:
    broken = good.replace(b"Giay", b"giay")
    others = {b"no pdf at all": Seal.NO_PDF, pdf(): Seal.UNSIGNED, b"%PDF-1.7 torn": Seal.UNREADABLE}
    for number, data in enumerate((good, broken, *others)):
        await bring(store, f"u{number}", data)
    async with examiner(store, pki) as one:
        while await one.step():
            pass
        assert not await one.step()
        [held] = [each for each in await store.documents.held() if each.sha256 == digest(good)]
        with_names = await one.examined(held)
    [mark] = (await seen(store, good)).signatures
    assert (mark.holds, mark.whole) == (Holds.GOOD, True)
    assert [each.holds for each in (await seen(store, broken)).signatures] == [Holds.BROKEN]
    assert {data: (await seen(store, data)).seal for data in others} == others
    assert with_names is not None
    assert "seal-2048" in with_names.signatures[0].subject
    assert b"seal-2048" not in database(tmp_path)
    told = [row.facts["holds"] for row in await store.journal() if row.what == "document_signatures"]
    assert sorted(told) == ["broken", "good"]


async def test_only_what_is_clean_is_opened(store: Store, pki: Pki, good: bytes) -> None:
    await bring(store, "u", good, safety=Safety.CHECKING)
    async with examiner(store, pki) as one:
        assert not await one.step()
        await store.documents.checked(digest(good), Safety.CLEAN, now=NOW)
        assert await one.step()


async def test_what_is_too_large_or_takes_too_long_is_told_so(store: Store, pki: Pki, good: bytes) -> None:
    large = pdf(b"x" * (2 << 20))
    await bring(store, "u", large)
    async with examiner(store, pki) as one:
        await one.step()
    assert (await seen(store, large)).seal is Seal.TOO_LARGE
    await bring(store, "v", good)
    async with examiner(store, pki, Bounds(largest=1 << 20, time=0.0)) as one:
        await one.step()
    assert (await seen(store, good)).seal is Seal.UNREADABLE


def hungry(_: str) -> tuple[Callable[[bytes, datetime], Examined], int]:
    """Runs in the crew's process: reads one kind of file with four times the memory that it may have."""

    def look(data: bytes, _: datetime) -> Examined:
        taken = bytearray(4 * MEMORY if data == b"hostile" else 1)
        return Examined(readable=bool(taken))

    return look, MEMORY


async def test_a_file_gets_no_more_memory_than_it_may_have_and_the_next_is_read(store: Store) -> None:
    crew = Crew(partial(begin, hungry), "", 1)
    one = Examiner(store.documents, crew, BOUNDS, lambda: NOW)
    try:
        assert [(await one.examine(data)).readable for data in (b"hostile", b"good")] == [False, True]
    finally:
        await crew.close()


def test_without_anchors_nobody_is_known(good: bytes) -> None:
    assert [each.holds for each in examine(good, Anchors(), NOW).signatures] == [Holds.UNKNOWN]


async def test_a_worker_looks_by_the_anchors_of_its_settings(tmp_path: Path, pki: Pki, good: bytes) -> None:
    scene = build(tmp_path / "site", 1, (2, 3, 4))
    anchor = pki["root"].certificate_file
    with scene.settings.open("a", encoding="utf-8") as file:
        file.write(f'[documents.signatures]\nanchors = ["{anchor}"]\nevery = "100ms"\n')
    async with open_worker(scene.settings):
        store = store_of(load(scene.settings))
        try:
            await bring(store, "u", good)
            async with asyncio.timeout(60):
                while (found := await store.documents.look(digest(good))) is None:  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.1)
        finally:
            await store.close()
    assert [each.holds for each in found.signatures] == [Holds.GOOD]


def test_anchors_that_cannot_be_read_stop_the_start(tmp_path: Path) -> None:
    scene = build(tmp_path / "site", 1, (2, 3, 4))
    with scene.settings.open("a", encoding="utf-8") as file:
        file.write('[documents.signatures]\nanchors = ["nothing.pem"]\n')
    with pytest.raises(Refusal, match=r"HUB-CRT-003 nothing\.pem"):
        declared(scene.settings)
