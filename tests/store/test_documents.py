"""Documents: brought in pieces, held by whoever needs them, bound to a dossier on acceptance, swept when nobody does."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import resource
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from connectors.contract import Link
from hub.documents.contract import New, NewUpload, Safety
from hub.store.blobs import PIECE, Blobs, Damaged
from hub.store.contract.mending import Merging
from hub.store.vault import Unreadable
from schemas.problems import Refusal
from tests.store.samples import acceptance, at, delivered, roomy, sealed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from hub.documents.contract import Upload
    from hub.store.blobs import Draft
    from hub.store.contract.intake import Acceptance
    from hub.store.contract.store import Store
    from tests.store.engines import Open

DAY = 86_400.0
QUOTA = 1 << 30


def content(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311 - numbers that repeat, not secrets


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def new(
    id_: str, data: bytes, sender: str = "motcua-tinh", until: float = DAY, sha256: str = ""
) -> NewUpload:
    return NewUpload(
        id=id_,
        sender=sender,
        sha256=sha256 or digest(data),
        size=len(data),
        media_type="application/pdf",
        name="Đơn của Nguyễn Văn A.pdf",
        until=at(until),
    )


async def bring(
    store: Store,
    id_: str,
    data: bytes,
    *,
    safety: Safety = Safety.CLEAN,
    sender: str = "motcua-tinh",
    until: float = DAY,
) -> Upload:
    told = await store.documents.announce(new(id_, data, sender, until), quota=QUOTA, now=at(0))
    if told.safety is not None:
        return told
    async with await store.documents.receive(told.id, told.received) as incoming:
        await incoming.write(data[told.received :])
        return await incoming.finish(safety, at(1))


def naming(
    message: str, *shas: str, dossier: str | None = "d1", version: int = 0, size: int | None = None
) -> Acceptance:
    told = tuple(
        New(place=f"documents/{n}", pointer=f"/dossier/documents/{n}/sha256", sha256=sha, size=size)
        for n, sha in enumerate(shas)
    )
    return msgspec.structs.replace(acceptance(message, dossier=dossier, version=version), documents=told)


async def whole(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


def files(folder: Path) -> list[Path]:
    return [path for path in (folder / "hub.db.blobs").rglob("*") if path.is_file()]


def database(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("hub.db*") if path.is_file())


async def holds(store: Store, sha256: str) -> int:
    return next((held.owners for held in await store.documents.held() if held.sha256 == sha256), 0)


async def refused(store: Store, message: Acceptance) -> list[tuple[str, str]]:
    with pytest.raises(Refusal) as told:
        await store.accept(message)
    assert await store.message(message.message) is None
    return [(problem.code, problem.place) for problem in told.value.problems]


# --- uploads


async def test_an_upload_is_whole_when_all_came_and_its_digest_fits(store: Store) -> None:
    data = content(300_000)
    told = await store.documents.announce(new("u1", data), quota=QUOTA, now=at(0))
    assert (told.received, told.safety) == (0, None)
    async with await store.documents.receive("u1", 0) as incoming:
        await incoming.write(data[:100_000])
        await incoming.write(data[100_000:])
        assert incoming.whole
        done = await incoming.finish(Safety.CLEAN, at(1))
    assert (done.received, done.safety) == (300_000, Safety.CLEAN)
    assert await whole(store.documents.content(digest(data))) == data


@pytest.mark.parametrize("size", [0, 1, 65_536, 131_072, 200_001])
async def test_an_upload_goes_on_in_another_process_where_it_was_acknowledged(
    another: Open, size: int
) -> None:
    data, offset = content(size), 0
    first = another()
    await first.documents.announce(new("u1", data), quota=QUOTA, now=at(0))
    for step in (7, 65_535, 65_537, 10**9):
        store = another()
        async with await store.documents.receive("u1", offset) as incoming:
            await incoming.write(data[offset : offset + step])
            await incoming.keep()
            offset = incoming.received
        told = await first.documents.upload("u1")
        assert told is not None
        assert told.received == offset == min(size, offset)
    async with await another().documents.receive("u1", offset) as incoming:
        assert (await incoming.finish(Safety.CLEAN, at(1))).safety is Safety.CLEAN
    assert await whole(first.documents.content(digest(data))) == data


async def test_what_was_not_acknowledged_is_sent_again(another: Open) -> None:
    data, store = content(200_000), another()
    await store.documents.announce(new("u1", data), quota=QUOTA, now=at(0))
    async with await store.documents.receive("u1", 0) as incoming:
        await incoming.write(data[:70_000])
        await incoming.keep()
        await incoming.write(b"lost" * 30_000)
    again = another()
    async with await again.documents.receive("u1", 70_000) as incoming:
        await incoming.write(data[70_000:])
        await incoming.finish(Safety.CLEAN, at(1))
    assert await whole(store.documents.content(digest(data))) == data


async def test_a_wrong_offset_a_second_writer_and_too_much_are_refused(store: Store) -> None:
    data = content(1000)
    await store.documents.announce(new("u1", data), quota=QUOTA, now=at(0))
    with pytest.raises(Refusal, match="HUB-DOC-006"):
        await store.documents.receive("u1", 1)
    with pytest.raises(Refusal, match="HUB-DOC-005"):
        await store.documents.receive("u2", 0)
    async with await store.documents.receive("u1", 0) as incoming:
        with pytest.raises(Refusal, match="HUB-DOC-006"):
            await store.documents.receive("u1", 0)
        with pytest.raises(Refusal, match="HUB-DOC-009"):
            await incoming.write(data + b"x")


class Overtaken(Blobs):
    """A folder in which somebody else is quicker, once, between a request's look at its upload and its file."""

    def __init__(self, folder: Path, before: Callable[[], None]) -> None:
        super().__init__(folder, os.urandom)
        self.before = [before]

    def lock(self, name: str) -> int:
        while self.before:
            self.before.pop()()
        return super().lock(name)


@pytest.mark.parametrize("come", [200_000, 300_000])
async def test_who_is_overtaken_between_its_look_and_the_file_cuts_nothing_off(
    another: Open, tmp_path: Path, come: int
) -> None:
    """Two requests at one offset, as after a time-out at the sender: the later one must not take back what the other was told."""
    data = content(300_000)
    first, second = another(), another()
    await first.documents.announce(new("u1", data), quota=QUOTA, now=at(0))

    async def quicker() -> None:
        async with await second.documents.receive("u1", 0) as incoming:
            await incoming.write(data[:come])
            await incoming.keep()
            if incoming.whole:
                await incoming.finish(Safety.CLEAN, at(1))

    loop = asyncio.get_running_loop()
    blobs = Overtaken(
        tmp_path / "hub.db.blobs",
        lambda: asyncio.run_coroutine_threadsafe(quicker(), loop).result(20),
    )
    first.documents.blobs = blobs  # type: ignore[attr-defined]  # the shelf's own folder, with somebody in it
    with pytest.raises(Refusal, match="HUB-DOC-006"):
        await first.documents.receive("u1", 0)
    if come < len(data):
        async with await second.documents.receive("u1", come) as incoming:
            await incoming.write(data[come:])
            await incoming.finish(Safety.CLEAN, at(1))
    assert await whole(second.documents.content(digest(data))) == data


class Slow(Blobs):
    """A disk that takes its time for every write."""

    def draft(self, *args: Any, **more: Any) -> Draft:
        draft = super().draft(*args, **more)
        write = draft.write

        def slowly(data: bytes | bytearray | memoryview) -> None:
            time.sleep(0.2)
            write(data)

        draft.write = slowly  # type: ignore[method-assign]
        return draft


async def test_what_a_slow_disk_was_writing_when_time_was_over_is_acknowledged_only_once_it_is_there(
    store: Store, tmp_path: Path
) -> None:
    data = content(2 << 20)
    store.documents.blobs = Slow(tmp_path / "hub.db.blobs", os.urandom)  # type: ignore[attr-defined]
    await store.documents.announce(new("u1", data), quota=QUOTA, now=at(0))
    async with await store.documents.receive("u1", 0) as incoming:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await incoming.write(data)
        await incoming.keep()
    told = await store.documents.upload("u1")
    assert told is not None
    assert told.received == len(data)


async def test_an_upload_whose_file_is_lost_is_announced_anew(store: Store, tmp_path: Path) -> None:
    data = content(300_000)
    await store.documents.announce(new("u1", data), quota=QUOTA, now=at(0))
    async with await store.documents.receive("u1", 0) as incoming:
        await incoming.write(data[:200_000])
        await incoming.keep()
    for file in files(tmp_path):
        file.write_bytes(b"")
    with pytest.raises(Refusal, match="HUB-DOC-005"):
        await store.documents.receive("u1", 200_000)
    assert (await bring(store, "u2", data)).id == "u2"


async def test_content_that_its_digest_does_not_fit_is_gone(store: Store, tmp_path: Path) -> None:
    await store.documents.announce(new("u1", b"right"), quota=QUOTA, now=at(0))
    async with await store.documents.receive("u1", 0) as incoming:
        await incoming.write(b"wrong")
        with pytest.raises(Refusal, match="HUB-DOC-007"):
            await incoming.finish(Safety.CLEAN, at(1))
    assert await store.documents.upload("u1") is None
    assert files(tmp_path) == []


async def test_a_digest_is_checked_over_all_processes_that_wrote(another: Open) -> None:
    """The beginning came to a process that is gone: the file is read again instead of trusting the rest."""
    data = content(200_000)
    first = another()
    await first.documents.announce(new("u1", data), quota=QUOTA, now=at(0))
    async with await first.documents.receive("u1", 0) as incoming:
        await incoming.write(content(100_000, seed=2))
        await incoming.keep()
    async with await another().documents.receive("u1", 100_000) as incoming:
        await incoming.write(data[100_000:])
        with pytest.raises(Refusal, match="HUB-DOC-007"):
            await incoming.finish(Safety.CLEAN, at(1))


async def test_the_same_content_announced_again_goes_on_or_is_there_at_once(store: Store) -> None:
    data = content(1000)
    await bring(store, "u1", data)
    again = await store.documents.announce(new("u2", data), quota=QUOTA, now=at(2))
    assert (again.id, again.safety) == ("u1", Safety.CLEAN)
    await store.accept(naming("m1", digest(data)))
    later = await store.documents.announce(new("u3", data), quota=QUOTA, now=at(3))
    assert (later.id, later.safety, later.received) == ("u3", Safety.CLEAN, 1000)
    assert await holds(store, digest(data)) == 2


async def test_nobody_gets_content_by_naming_its_digest(store: Store) -> None:
    """Whether another sender has brought it must not show, and must not help."""
    data = content(1000)
    await bring(store, "u1", data)
    told = await store.documents.announce(new("u2", data, sender="another"), quota=QUOTA, now=at(2))
    assert (told.received, told.safety) == (0, None)
    other = msgspec.structs.replace(naming("m1", digest(data)), sender="another")
    assert await refused(store, other) == [("HUB-DOC-001", "/dossier/documents/0/sha256")]


async def test_the_same_content_of_two_senders_is_one_file(store: Store, tmp_path: Path) -> None:
    data = content(100_000)
    await bring(store, "u1", data)
    await bring(store, "u2", data, sender="another")
    assert len(files(tmp_path)) == 1
    assert await holds(store, digest(data)) == 2
    await store.documents.cancel("u1", at(3))
    assert await whole(store.documents.content(digest(data))) == data


async def test_a_sender_has_a_quota_of_what_no_message_has_claimed(store: Store) -> None:
    data, quota = content(100_000), 150_000
    await store.documents.announce(new("u1", data), quota=quota, now=at(0))
    with pytest.raises(Refusal, match="HUB-DOC-010"):
        await store.documents.announce(new("u2", content(100_000, 2)), quota=quota, now=at(0))
    await store.documents.announce(new("u3", content(1000, 3), sender="another"), quota=quota, now=at(0))
    await bring(store, "u1", data)
    await store.accept(naming("m1", digest(data)))
    await store.documents.announce(new("u4", content(1000, 4)), quota=quota, now=at(0))


@pytest.mark.parametrize("size", [0, 1])
async def test_a_flood_of_tiny_uploads_uses_the_quota_up(store: Store, size: int) -> None:
    for n in range(3):
        tiny = msgspec.structs.replace(new(f"u{n}", b""), size=size, sha256=f"{n:064x}")
        if n < 2:
            await store.documents.announce(tiny, quota=2 * PIECE, now=at(0))
    with pytest.raises(Refusal, match="HUB-DOC-010"):
        await store.documents.announce(tiny, quota=2 * PIECE, now=at(0))


# --- binding


async def test_a_message_takes_its_documents_into_its_dossier(store: Store, tmp_path: Path) -> None:
    data = content(100_000)
    await bring(store, "u1", data)
    (before,) = [path.read_bytes() for path in files(tmp_path)]
    await store.accept(naming("m1", digest(data)))
    assert await store.documents.upload("u1") is None
    assert await holds(store, digest(data)) == 1
    assert [path.read_bytes() for path in files(tmp_path)] == [before]
    (enclosure,) = (await store.documents.enclosed(["m1"]))["m1"]
    assert (enclosure.place, enclosure.sha256) == ("documents/0", digest(data))


async def test_what_belongs_to_the_dossier_need_not_be_brought_again_by_anyone(store: Store) -> None:
    data = content(1000)
    await bring(store, "u1", data)
    await store.accept(naming("m1", digest(data)))
    other = msgspec.structs.replace(naming("m2", digest(data), version=1), sender="another")
    await store.accept(other)
    await store.accept(naming("m3", digest(data), digest(data), dossier="d2"))
    assert await holds(store, digest(data)) == 2


async def test_every_document_that_is_missing_is_named_and_nothing_is_taken(store: Store) -> None:
    here, gone = content(1000), "00" * 32
    await bring(store, "u1", here)
    problems = await refused(store, naming("m1", gone, digest(here), "11" * 32))
    assert problems == [
        ("HUB-DOC-001", "/dossier/documents/0/sha256"),
        ("HUB-DOC-001", "/dossier/documents/2/sha256"),
    ]
    told = await store.documents.upload("u1")
    assert told is not None
    assert await store.documents.enclosed(["m1"]) == {}


async def test_another_size_than_the_message_says_is_refused(store: Store) -> None:
    await bring(store, "u1", content(1000))
    assert (await refused(store, naming("m1", digest(content(1000)), size=999)))[0][0] == "HUB-DOC-004"


@pytest.mark.parametrize(
    ("safety", "code"), [(Safety.CHECKING, "HUB-DOC-002"), (Safety.INFECTED, "HUB-DOC-003")]
)
async def test_only_what_is_clean_is_bound(store: Store, safety: Safety, code: str) -> None:
    await bring(store, "u1", content(1000), safety=safety)
    assert (await refused(store, naming("m1", digest(content(1000)))))[0][0] == code


async def test_documents_of_dossiers_that_were_merged_are_one_dossiers_and_of_others_nobodys(
    store: Store,
) -> None:
    """Naming what another partner brought to the other dossier is possible from the merge on, and never before."""
    await store.capacities(roomy("so-tnmt"))
    data = content(100_000)
    await bring(store, "u1", data, sender="desk")
    await store.accept(msgspec.structs.replace(naming("m1", digest(data), dossier="d1"), sender="desk"))
    told = msgspec.structs.replace(naming("m2", dossier="d2"), sender="bureau")
    await store.accept(told)
    claimed = await store.claim("w", at(1), 10, 30)
    assert await store.settle(claimed[0].token, [delivered(work.transfer) for work in claimed], at(2))

    def asking(message: str, dossier: str, version: int, sender: str = "bureau") -> Acceptance:
        new = naming(message, digest(data), dossier=dossier, version=version)
        return msgspec.structs.replace(new, sender=sender)

    with pytest.raises(Refusal, match="HUB-DOC-001"):
        await store.accept(asking("m3", "d2", 1))
    what = Merging(
        kept="d2", other="d1", kept_version=1, other_version=1, story=b"{}", reason="r", by="a", approver="b"
    )
    await store.merge(what, at(3))
    await store.accept(asking("m4", "d2", 2))
    ((_, (enclosed,)),) = (await store.documents.enclosed(["m4"])).items()
    assert enclosed.sha256 == digest(data)
    with pytest.raises(Refusal, match="HUB-DOC-001"):
        await store.accept(asking("m5", "d5", 0, "stranger"))


async def test_a_forgotten_dossier_reads_nothing_and_others_still_do(store: Store) -> None:
    data = content(100_000)
    await bring(store, "u1", data)
    await store.capacities(roomy("so-tnmt"))
    await store.accept(naming("m1", digest(data)))
    await store.accept(naming("m2", digest(data), dossier="d2"))
    for work in await store.claim("w", at(2), 10, 30):
        await store.settle(work.token, [delivered(work.transfer)], at(3))
    await store.forget("d1", reason="asked", by="x", now=at(4))
    assert await holds(store, digest(data)) == 1
    assert await whole(store.documents.content(digest(data))) == data
    await store.forget("d2", reason="asked", by="x", now=at(5))
    with pytest.raises(Unreadable):
        await whole(store.documents.content(digest(data)))


async def test_content_that_nobody_can_read_any_more_is_replaced_by_who_brings_it_again(store: Store) -> None:
    data = content(100_000)
    await bring(store, "u1", data)
    await store.documents.cancel("u1", at(2))
    await bring(store, "u2", data)
    assert await whole(store.documents.content(digest(data))) == data


# --- links


async def linked(store: Store, data: bytes, grace: float = 10.0) -> tuple[str, str]:
    """A sealed transfer with a link; returns its uid and the transfer's token."""
    await store.capacities(roomy("so-tnmt"))
    await bring(store, "u1", data)
    await store.accept(naming("m1", digest(data)))
    (work,) = await store.claim("w", at(2), 10, 3000)
    link = Link(uid="7f", sha256=digest(data), media_type="application/pdf", name="Đơn.pdf", grace=grace)
    assert await store.seal(work.token, {work.transfer: msgspec.structs.replace(sealed(), links=(link,))})
    return "7f", work.token


async def test_a_link_lives_until_its_transfer_is_finished_and_the_grace_is_over(store: Store) -> None:
    data = content(100_000)
    uid, token = await linked(store, data)
    assert await store.documents.reach("80", at(3)) is None
    reach = await store.documents.reach(uid, at(10**8))
    assert reach is not None
    assert (reach.over, reach.partner, reach.size, reach.name) == (False, "so-tnmt", 100_000, "Đơn.pdf")
    assert await whole(store.documents.read(reach, 70_000, 80_000)) == data[70_000:80_000]
    assert await store.settle(token, [delivered("m1.so-tnmt.0")], at(100))
    for moment, over in ((109, False), (110, True)):
        reach = await store.documents.reach(uid, at(moment))
        assert reach is not None
        assert reach.over is over
    assert (reach.name, reach.size > 0) == ("", True)


async def test_a_link_ends_when_its_dossier_is_forgotten(store: Store) -> None:
    uid, token = await linked(store, content(1000))
    assert await store.settle(token, [delivered("m1.so-tnmt.0")], at(100))
    await store.forget("d1", reason="asked", by="x", now=at(101))
    reach = await store.documents.reach(uid, at(102))
    assert reach is not None
    assert (reach.over, reach.name) == (True, "")


async def test_every_download_is_journaled_and_names_nobody(store: Store) -> None:
    uid, _ = await linked(store, content(1000))
    reach = await store.documents.reach(uid, at(3))
    assert reach is not None
    await store.documents.downloaded(reach, 1000, whole=True, now=at(4))
    told = [row for row in await store.journal(message="m1") if row.what == "downloaded"]
    assert [dict(row.facts) for row in told] == [
        {"digest": digest(content(1000)), "partner": "so-tnmt", "bytes": "1000", "whole": "yes"}
    ]


async def test_the_database_does_not_know_a_link_by_which_one_could_download(
    store: Store, tmp_path: Path
) -> None:
    await store.capacities(roomy("so-tnmt"))
    data = content(1000)
    await bring(store, "u1", data)
    await store.accept(naming("m1", digest(data)))
    (work,) = await store.claim("w", at(2), 10, 30)
    uid = "3f2c6a10-0000-4000-8000-00000000beef"
    link = Link(uid=uid, sha256=digest(data), media_type="x/y", name="Bí mật.pdf", grace=1)
    await store.seal(work.token, {work.transfer: msgspec.structs.replace(sealed(), links=(link,))})
    assert await store.documents.reach(uid, at(3)) is not None
    assert uid.encode() not in database(tmp_path)


# --- the scanner


async def test_one_worker_at_a_time_checks_a_document(another: Open) -> None:
    one, two = another(), another()
    await bring(one, "u1", content(1000), safety=Safety.CHECKING)
    taken = await asyncio.gather(*(store.documents.to_check(at(2), lease=60) for store in (one, two)))
    assert sum(each is not None for each in taken) == 1
    assert await two.documents.to_check(at(61), lease=60) is None
    held = await two.documents.to_check(at(62), lease=60)
    assert held is not None
    await two.documents.checked(held.sha256, Safety.CHECKING, again=at(200), now=at(63))
    assert await one.documents.to_check(at(199), lease=60) is None
    await two.documents.checked(held.sha256, Safety.CLEAN, now=at(210))
    assert await one.documents.to_check(at(10**6), lease=60) is None
    assert [each.safety for each in await one.documents.held(safety="clean")] == [Safety.CLEAN]


async def test_a_late_clean_does_not_undo_an_infected(store: Store) -> None:
    await bring(store, "u1", content(1000), safety=Safety.CHECKING)
    sha = digest(content(1000))
    await store.documents.checked(sha, Safety.INFECTED, finding="Eicar", now=at(2))
    await store.documents.checked(sha, Safety.CLEAN, now=at(3))
    (held,) = await store.documents.held()
    assert (held.safety, held.finding) == (Safety.INFECTED, "Eicar")


# --- what goes


async def swept(
    store: Store, now: float, grace: float = 60.0, quarantine: float = 30 * DAY
) -> tuple[int, int, int, int]:
    done = await store.documents.sweep(at(now), grace=grace, quarantine=quarantine)
    return done.uploads, done.links, done.documents, done.files


def age(folder: Path, when: float = 1000) -> None:
    for path in files(folder):
        os.utime(path, (when, when))


async def test_an_upload_that_nothing_claims_goes_when_its_time_is_over(store: Store, tmp_path: Path) -> None:
    await bring(store, "u1", content(1000), until=100)
    await store.documents.announce(new("u2", content(1000, 2), until=100), quota=QUOTA, now=at(0))
    async with await store.documents.receive("u2", 0) as incoming:
        await incoming.write(b"x")
        await incoming.keep()
    assert await swept(store, 99) == (0, 0, 0, 0)
    assert await swept(store, 101) == (2, 0, 0, 1)
    assert await swept(store, 162) == (0, 0, 1, 1)
    assert files(tmp_path) == []


async def test_what_a_dossier_encloses_stays(store: Store, tmp_path: Path) -> None:
    data = content(100_000)
    await linked(store, data)
    age(tmp_path)
    assert await swept(store, 10**8) == (0, 0, 0, 0)
    assert await whole(store.documents.content(digest(data))) == data


async def test_a_link_goes_a_grace_after_it_is_over(store: Store) -> None:
    uid, token = await linked(store, content(1000), grace=10)
    assert await store.settle(token, [delivered("m1.so-tnmt.0")], at(100))
    assert await swept(store, 169) == (0, 0, 0, 0)
    assert await swept(store, 170) == (0, 1, 0, 0)
    assert await store.documents.reach(uid, at(171)) is None


async def test_files_that_no_row_names_go_and_young_ones_stay(store: Store, tmp_path: Path) -> None:
    await bring(store, "u1", content(1000))
    for name in ("ab" * 16, f"{'ac' * 16}.part"):
        stray = tmp_path / "hub.db.blobs" / name[:2] / name
        stray.parent.mkdir(exist_ok=True)
        stray.write_bytes(b"left by a crash, of an upload or of a restore")
    age(tmp_path, at(-59).timestamp())
    assert await swept(store, 0) == (0, 0, 0, 0)
    age(tmp_path)
    assert await swept(store, 0) == (0, 0, 0, 2)
    assert len(files(tmp_path)) == 1


async def test_what_is_infected_is_kept_for_its_quarantine_and_no_longer(
    store: Store, tmp_path: Path
) -> None:
    await bring(store, "u1", content(1000), safety=Safety.CHECKING, until=100)
    await store.documents.checked(digest(content(1000)), Safety.INFECTED, finding="Eicar", now=at(2))
    assert await swept(store, 1000, quarantine=2000) == (0, 0, 0, 0)
    assert await swept(store, 2003, quarantine=2000) == (1, 0, 0, 0)
    assert await swept(store, 2070, quarantine=2000) == (0, 0, 1, 1)
    assert files(tmp_path) == []


async def test_a_sweep_does_not_take_what_somebody_brings_again_meanwhile(another: Open) -> None:
    """Between the sweep's look and its removal another process finds the same content still there and holds it."""
    one, two = another(), another()
    data = content(100_000)
    await bring(one, "u1", data, until=10)
    await swept(one, 11)
    shelf: Any = one.documents
    discard = shelf._discard
    brought: list[Upload] = []

    async def late(names: list[str]) -> int:
        if names and not brought:
            brought.append(await bring(two, "u2", data, until=DAY))
        return int(await discard(names))

    shelf._discard = late
    assert (await swept(one, 10**6, grace=1))[2] == 1
    assert brought
    assert await whole(two.documents.content(digest(data))) == data


async def test_puts_and_sweeps_of_the_same_content_race_without_loss(another: Open) -> None:
    """Whoever was told that its content is there can read it, however often others sweep at the same time."""
    one, two = another(), another()
    data, stop = content(1000), asyncio.Event()

    async def sweeps() -> None:
        while not stop.is_set():
            await one.documents.sweep(at(100), grace=0, quarantine=DAY)
            await asyncio.sleep(0)

    running = asyncio.create_task(sweeps())
    try:
        for number in range(40):
            told = await bring(two, f"u{number}", data)
            assert await whole(two.documents.content(told.sha256)) == data
            await two.documents.cancel(told.id, at(1))
    finally:
        stop.set()
        await running


async def test_a_damaged_file_is_never_served(store: Store, tmp_path: Path) -> None:
    uid, _ = await linked(store, content(100_000))
    (file,) = files(tmp_path)
    file.write_bytes(file.read_bytes()[:-1])
    reach = await store.documents.reach(uid, at(3))
    assert reach is not None
    with pytest.raises(Damaged):
        await whole(store.documents.read(reach, 0, 100_000))


async def test_a_full_disk_refuses_leaves_nothing_and_goes_on_later(store: Store, tmp_path: Path) -> None:
    """The system itself says no: no file may grow beyond a megabyte."""
    data = content(3_000_000)
    await store.documents.announce(new("u1", data), quota=QUOTA, now=at(0))
    async with await store.documents.receive("u1", 0) as incoming:
        await incoming.write(data[:500_000])
        await incoming.keep()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        async with await store.documents.receive("u1", 500_000) as incoming:
            await incoming.write(data[500_000:1_000_000])
            with pytest.raises(Refusal, match="HUB-LIM-003"):
                await incoming.write(data[1_000_000:])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.stat().st_size < 600_000 for path in files(tmp_path)] == [True]
    told = await store.documents.upload("u1")
    assert told is not None
    assert told.received == 500_000
    async with await store.documents.receive("u1", 500_000) as incoming:
        await incoming.write(data[500_000:])
        await incoming.finish(Safety.CLEAN, at(1))
    assert await whole(store.documents.content(digest(data))) == data
