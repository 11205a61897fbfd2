"""A store becomes an archive and an archive a store: nothing is lost on the way, nothing half is ever there."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import random
import shutil
import tarfile
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from hub.ids import named
from hub.lifecycle import Move, State
from hub.store.contract.delivery import Acknowledgement, Settlement
from hub.store.contract.mending import Rerouting
from hub.store.contract.views import Filter
from hub.store.keeper import InUse, NotEmpty
from hub.store.keeping import archive, restore, verify
from hub.store.keeping.archive import Damaged, Manifest, Rows
from hub.store.keeping.turns import turn
from hub.store.sql import archive as content
from hub.store.sql import forgotten
from hub.store.sqlite.keeper import SqliteKeeper
from hub.store.vault import Unreadable
from tests.keeping.places import LARGE, LATER, PARTNERS, Place, busy
from tests.store.samples import acceptance, at, attempt, delivered, roomy, transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hub.store.contract.delivery import Work
    from hub.store.contract.store import Store
    from hub.store.contract.views import TransferView
    from hub.store.keeping.archive import Written
    from hub.store.keeping.restore import Restored

ELSEWHERE = ("thue-moi",)


async def archived(place: Place, to: Path) -> Written:
    store = place.open()
    await busy(store)
    written = place.back_up(to)
    await store.close()
    return written


def restored(place: Place, file: Path, *, replace: bool = False, master: bytes | None = None) -> Restored:
    order = restore.Order(file=file, replace=replace, by="an", partners=ELSEWHERE)
    bodies = place.bodies() if master is None else place.bodies(master)
    return restore.restore(place.keeper, order, now=place.now, prove=bodies.prove)


async def transfers(place: Place) -> dict[str, TransferView]:
    store = place.open()
    try:
        return {view.id: view for view in await store.transfers(Filter(limit=500))}
    finally:
        await store.close()


async def test_an_archive_says_what_it_holds_and_is_written_beside_a_running_hub(
    place: Place, tmp_path: Path
) -> None:
    written = await archived(place, tmp_path / "backup")
    *parts, manifest = archive.read(written.path)
    assert isinstance(manifest, Manifest)
    assert manifest == written.manifest
    assert manifest.tables["message"].rows == 6
    assert manifest.tables["leased"].rows == 2
    assert manifest.blobs >= 1
    assert sum(len(part.rows) for part in parts if isinstance(part, Rows) and part.table == "message") == 6
    assert hashlib.sha256(written.path.read_bytes()).hexdigest() == written.sha256
    assert written.path.stat().st_mode & 0o777 == 0o600


async def test_an_archive_holds_neither_key_nor_plain_payload(place: Place, tmp_path: Path) -> None:
    written = await archived(place, tmp_path / "backup")
    with gzip.open(written.path) as file:
        plain = file.read()
    assert b"m" * 32 not in plain
    assert b'canonical":"m1' not in plain
    assert LARGE[:100] not in plain


async def test_every_table_is_archived_unless_it_can_be_drawn_anew(place: Place) -> None:
    """A table that somebody adds is archived by itself; one that should not be must be named as derived."""
    await place.open().close()
    with place.keeper.snapshot() as db:
        names = {table.name for table in place.keeper.tables(db)}
        assert all(table.key for table in content.archived(place.keeper.tables(db)))
    assert {
        "message",
        "transfer",
        "sealed",
        "attempt",
        "told",
        "journal",
        "datakey",
        "dest",
        "seen",
        "keeping",
    } <= names - content.DERIVED
    assert {"item", "ready", "wait", "stopped", "lease"} <= names & content.DERIVED


async def test_a_restored_store_has_everything_and_says_it_is_in_doubt(
    elsewhere: Callable[[], Place], tmp_path: Path
) -> None:
    old, new = elsewhere(), elsewhere()
    written = await archived(old, tmp_path / "backup")
    before = await transfers(old)
    done = restored(new, written.path)
    after = await transfers(new)
    assert set(after) == set(before)
    assert after["m0.thue.0"].state is State.DELIVERED
    doubtful = {view.id for view in after.values() if view.state is State.IN_DOUBT}
    assert doubtful == {view.id for view in before.values() if view.state is not State.DELIVERED}
    assert done.doubt == len(doubtful)
    assert {view.problem for view in after.values() if view.id in doubtful} == {forgotten.CODE}
    store = new.open()
    payloads = await store.payloads("m1.thue.0")
    assert payloads is not None
    assert payloads.raw == LARGE
    assert await store.conservation() == ()
    told = [row for row in await store.journal(limit=1000) if row.what == "restored"]
    assert told[0].facts["in_doubt"] == str(len(doubtful))
    await store.close()


async def test_after_a_restore_every_partner_is_paused_and_nothing_is_claimed(
    elsewhere: Callable[[], Place], tmp_path: Path
) -> None:
    old, new = elsewhere(), elsewhere()
    written = await archived(old, tmp_path / "backup")
    done = restored(new, written.path)
    assert set(done.partners) == {*PARTNERS, *ELSEWHERE}
    store = new.open()
    assert all(row.paused for row in await store.queue())
    await store.accept(acceptance("new", partners=ELSEWHERE, when=LATER))
    await store.tick(LATER)
    assert await store.claim("w", LATER, 100, 30) == ()
    for partner in done.partners:
        await store.pause(partner, paused=False, reason="seen", by="an", now=LATER)
    works = {work.transfer: work for work in await store.claim("w", LATER, 100, 30)}
    assert works["m1.dvcqg.0"].doubt
    assert works["m4.thue.0"].doubt
    assert not works["new.thue-moi.0"].doubt
    assert "m3.so-tnmt.0" not in works, "what was parked waits for a person"
    await store.settle(next(iter(works.values())).token, [delivered(id_) for id_ in works], LATER)
    await store.close()


async def test_what_was_said_before_the_restore_is_asked_about_before_it_is_sent_again(
    elsewhere: Callable[[], Place], tmp_path: Path
) -> None:
    """Its sender says it again; it may have gone out in the time that the archive knows nothing of."""
    old, new = elsewhere(), elsewhere()
    written = await archived(old, tmp_path / "backup")
    restored(new, written.path)
    before, after = named(new.now() - timedelta(seconds=60), "again"), named(new.now(), "new")
    for _ in range(2):  # also after the hub was stopped and started
        store = await resumed(new)
        for message in (before, after):
            await store.accept(acceptance(message, dossier=message, partners=ELSEWHERE, when=LATER))
        again, first = [await store.transfer(f"{message}.{ELSEWHERE[0]}.0") for message in (before, after)]
        assert again is not None
        assert first is not None
        assert (again.state, again.problem, first.state) == (State.IN_DOUBT, forgotten.CODE, State.WAITING)
        works = {work.message: work for work in await store.claim("w", LATER, 100, 30)}
        assert (works[before].doubt, works[after].doubt) == (True, False)
        await store.close()
        before, after = (named(new.now() + timedelta(seconds=at), "more") for at in (-60, 60))


async def resumed(place: Place) -> Store:
    """A store whose partners a person has let go again."""
    store = place.open()
    await store.capacities(roomy(*PARTNERS, *ELSEWHERE))
    for partner in (*PARTNERS, *ELSEWHERE):
        await store.pause(partner, paused=False, reason="seen", by="an", now=LATER)
    return store


async def said_again(
    elsewhere: Callable[[], Place], tmp_path: Path, *, parts: int = 1, problem: str = ""
) -> tuple[Store, str]:
    """Return a restored store to which something was said again, and the id of that message."""
    old, new = elsewhere(), elsewhere()
    restored(new, (await archived(old, tmp_path / "backup")).path)
    store, message = await resumed(new), named(new.now() - timedelta(seconds=60), "again")
    made = [transfer(message, *ELSEWHERE, part, subject="d9", problem=problem) for part in range(parts)]
    await store.accept(acceptance(message, dossier="d9", transfers=tuple(made), when=LATER))
    return store, message


async def claimed(store: Store, message: str) -> list[Work]:
    return [work for work in await store.claim("w", LATER, 100, 30) if work.message == message]


async def test_who_sends_anyway_what_may_have_gone_out_before_a_restore_decides_it_for_good(
    elsewhere: Callable[[], Place], tmp_path: Path
) -> None:
    """A partner that can neither be asked nor keeps keys: its transfer waits for a person once, not for ever."""
    store, message = await said_again(elsewhere, tmp_path)
    (work,) = await claimed(store, message)
    waits = Settlement(transfer=work.transfer, move=None, code="HUB-PAR-009", counts=False)
    assert await store.settle(work.token, [waits], LATER)
    assert await claimed(store, message) == []
    await store.act(
        work.transfer, Move.SEND_ANYWAY, expected=State.IN_DOUBT, reason="r", by="an", now=LATER, approver="b"
    )
    (again,) = await claimed(store, message)
    assert (work.doubt, again.doubt) == (True, False)
    await store.close()


async def test_each_part_of_what_may_have_gone_out_is_asked_about_when_its_turn_comes(
    elsewhere: Callable[[], Place], tmp_path: Path
) -> None:
    store, message = await said_again(elsewhere, tmp_path, parts=2)
    for part in range(2):
        (work,) = await claimed(store, message)
        assert (work.part, work.doubt) == (part, True)
        await store.settle(work.token, [delivered(work.transfer)], LATER)
    assert await store.conservation() == ()
    await store.close()


async def test_what_is_parked_when_it_comes_again_is_asked_about_once_it_is_mended(
    elsewhere: Callable[[], Place], tmp_path: Path
) -> None:
    """The first time it may have been mended and sent already."""
    store, message = await said_again(elsewhere, tmp_path, problem="HUB-MAP-001")
    assert await claimed(store, message) == []
    id_ = f"{message}.thue-moi.0"
    view = await store.act(id_, Move.RETRY, expected=State.PARKED, reason="r", by="an", now=LATER)
    assert view.state is State.IN_DOUBT
    (work,) = await claimed(store, message)
    assert work.doubt
    not_there = Settlement(
        transfer=id_, move=Move.DEFER, wake_at=LATER, attempts=(attempt("deferred", "find"),)
    )
    await store.settle(work.token, [not_there], LATER)
    (work,) = await claimed(store, message)
    await store.settle(work.token, [Settlement(transfer=id_, move=Move.PARK, code="HUB-MAP-001")], LATER)
    view = await store.act(id_, Move.RETRY, expected=State.PARKED, reason="r", by="an", now=LATER)
    assert view.state is State.WAITING, "asked about once"
    assert await store.conservation() == ()
    await store.close()


async def test_what_is_routed_again_after_it_was_said_again_is_asked_about(
    elsewhere: Callable[[], Place], tmp_path: Path
) -> None:
    store, message = await said_again(elsewhere, tmp_path, problem="HUB-RTE-001")
    again = Rerouting(
        old=f"{message}.thue-moi.0",
        transfers=(transfer("r", "thue", subject="d9"),),
        rule="steps",
        reason="r",
        by="an",
        expected_version=1,
        story=b"{}",
    )
    (view,) = await store.reroute(again, LATER)
    assert (view.state, view.problem) == (State.IN_DOUBT, forgotten.CODE)
    await store.close()


async def test_a_partners_receipt_proves_that_what_is_in_doubt_since_the_restore_is_there(
    elsewhere: Callable[[], Place], tmp_path: Path
) -> None:
    store, message = await said_again(elsewhere, tmp_path)
    said = Acknowledgement(
        partner="thue-moi", raw=b"r", received_at=LATER, said_at=LATER, key=f"{message}:thue-moi:0"
    )
    assert (await store.acknowledge(said)).state is State.ACKNOWLEDGED
    assert await claimed(store, message) == []
    assert await store.conservation() == ()
    await store.close()


async def test_what_was_parked_or_held_is_asked_about_before_a_person_sends_it(
    elsewhere: Callable[[], Place], tmp_path: Path
) -> None:
    old, new = elsewhere(), elsewhere()
    written = await archived(old, tmp_path / "backup")
    restored(new, written.path)
    store = new.open()
    await store.pause("so-tnmt", paused=False, reason="seen", by="an", now=LATER)
    await store.act("m3.so-tnmt.0", Move.RETRY, expected=State.IN_DOUBT, reason="r", by="an", now=LATER)
    works = {work.transfer: work for work in await store.claim("w", LATER, 100, 30)}
    assert works["m3.so-tnmt.0"].doubt
    await store.close()


async def test_a_store_is_replaced_only_when_asked_and_moved_aside(place: Place, tmp_path: Path) -> None:
    written = await archived(place, tmp_path / "backup")
    store = place.open()
    await store.accept(acceptance("since", when=at(99)))
    await store.close()
    with pytest.raises(NotEmpty):
        restored(place, written.path)
    assert "since.so-tnmt.0" in await transfers(place)
    done = restored(place, written.path, replace=True)
    assert done.behind == 1
    assert "since.so-tnmt.0" not in await transfers(place)


async def test_nothing_is_restored_while_a_hub_has_the_store_open(place: Place, tmp_path: Path) -> None:
    written = await archived(place, tmp_path / "backup")
    store = place.open()
    with pytest.raises(InUse):
        restored(place, written.path, replace=True)
    await store.close()


async def test_no_hub_opens_a_store_while_it_is_being_restored(place: Place) -> None:
    await place.open().close()
    with place.keeper.alone(), pytest.raises(InUse):
        place.open()


async def test_another_master_key_is_noticed_and_nothing_is_put_in_place(
    elsewhere: Callable[[], Place], tmp_path: Path
) -> None:
    old, new = elsewhere(), elsewhere()
    written = await archived(old, tmp_path / "backup")
    with pytest.raises(Unreadable):
        restored(new, written.path, master=b"n" * 32)
    assert new.keeper.version() == 0 or await transfers(new) == {}


def left(folder: Path, *marks: str) -> list[Path]:
    return [path for path in folder.rglob("*") if any(mark in path.name for mark in marks)]


def damaged(written: Written, to: Path) -> dict[str, Path]:
    """The ways in which a file goes wrong."""
    whole = written.path.read_bytes()
    plain = gzip.decompress(whole)
    at_row = plain.index(b"table/message/000001.msgpack") + 700
    ways = {
        "cut": whole[: len(whole) // 2],
        "one bit": whole[:-2000] + bytes([whole[-2000] ^ 1]) + whole[-1999:],
        "another row": gzip.compress(plain[:at_row] + bytes([plain[at_row] ^ 1]) + plain[at_row + 1 :]),
        "no manifest": gzip.compress(plain[: plain.index(b"manifest.json")] + bytes(1024)),
        "something else": b"PK\x03\x04" + bytes(100),
        "empty": b"",
        "empty tar": gzip.compress(bytes(10240)),
    }
    for name, content_ in ways.items():
        (to / name).write_bytes(content_)
    return {name: to / name for name in ways}


async def test_a_damaged_archive_is_refused_and_the_old_store_stays(place: Place, tmp_path: Path) -> None:
    written = await archived(place, tmp_path / "backup")
    before = await transfers(place)
    for name, file in damaged(written, tmp_path).items():
        with pytest.raises(Damaged):
            restored(place, file, replace=True)
        assert await transfers(place) == before, name
        with pytest.raises(Damaged):
            looked_at(file, place, tmp_path)


def hostile(*members: tuple[str, bytes, bytes], tables: Mapping[str, tuple[list[str], list[Any]]]) -> bytes:
    """An archive as our writer makes none: members by name, type and content; tables with whatever rows, counted as they are."""
    about = archive.About(format=1, schema=5, hub="h", made_at=LATER)
    found = [("about.json", tarfile.REGTYPE, msgspec.json.encode(about)), *members]
    counted = {}
    for name, (columns, rows) in tables.items():
        digest = archive.Digest()
        packed = b"".join([digest.add(row) for row in rows])
        counted[name] = digest.counted()
        found.append((f"table/{name}/columns.json", tarfile.REGTYPE, json.dumps(columns).encode()))
        part = b"\xdd" + len(rows).to_bytes(4, "big") + packed
        found.append((f"table/{name}/000001.msgpack", tarfile.REGTYPE, part))
    manifest = Manifest(
        about=about, tables=counted, blobs=0, blob_bytes=0, blobs_sha256=hashlib.sha256().hexdigest()
    )
    found.append(("manifest.json", tarfile.REGTYPE, msgspec.json.encode(manifest)))
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, kind, body in found:
            member = tarfile.TarInfo(name)
            member.type, member.size, member.linkname = kind, len(body), "/etc/passwd"
            tar.addfile(member, io.BytesIO(body))
    return made.getvalue()


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ([], [[]]),
        (["id", "id"], [[1, 1]]),
        (["id", "partner"], [[1, "a"], [1, "b"]]),
        (["id"], [[1]]),
        (["id", "partner"], [[1, ["a"]]]),
        (["id", "partner"], [[1, msgspec.msgpack.Ext(5, b"a")]]),
        (["id", "partner"], [[2**64 - 1, "a"]]),
        (["id", "partner"], [[1]]),
        (["id", "partner"], [["x", "a"]]),
    ],
)
async def test_rows_that_no_store_can_have_are_a_damaged_archive(
    place: Place, tmp_path: Path, columns: list[str], rows: list[Any]
) -> None:
    file = tmp_path / "hostile"
    file.write_bytes(hostile(tables={"dest": (columns, rows)}))
    with pytest.raises(Damaged):
        restored(place, file)
    file.write_bytes(hostile(tables={"leased": (["n"], [[]])}))
    with pytest.raises(Damaged):
        restored(place, file)


@pytest.mark.parametrize(
    "kind",
    [
        *(tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE),
        *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE),
    ],
)
async def test_only_plain_files_are_read_and_nothing_that_decides_what_reading_costs(
    place: Place, tmp_path: Path, kind: bytes
) -> None:
    file = tmp_path / "hostile"
    file.write_bytes(hostile((f"blob/{'a' * 32}", kind, bytes(512)), tables={}))
    with pytest.raises(Damaged, match="does not belong there"):
        restored(place, file)


async def test_an_archive_that_turns_out_damaged_has_touched_no_file_of_large_content(
    place: Place, tmp_path: Path
) -> None:
    written = await archived(place, tmp_path / "backup")
    folder = place.keeper.blobs.folder
    before = {path.name: path.read_bytes() for path in folder.glob("??/*")}
    plain = gzip.decompress(written.path.read_bytes())
    at_blob = plain.index(b"\0blob/") + 700
    other = plain[:at_blob] + bytes([plain[at_blob] ^ 1]) + plain[at_blob + 1 :]
    written.path.write_bytes(gzip.compress(other))
    with pytest.raises(Damaged):
        restored(place, written.path, replace=True)
    assert {name: (folder / name[:2] / name).read_bytes() for name in before} == before


async def test_a_restore_mends_a_broken_file_and_takes_back_none_that_went_on(
    place: Place, tmp_path: Path
) -> None:
    """An upload's file that has grown since the archive was made still has all that the archive knows of it."""
    written = await archived(place, tmp_path / "backup")
    blobs = place.keeper.blobs
    (name, size), *_ = blobs.files()
    path = blobs.folder / name[:2] / name
    content_ = path.read_bytes()
    for there, afterwards in ((bytes(size), content_), (content_ + b"more", content_ + b"more")):
        path.write_bytes(there)
        restored(place, written.path, replace=True)
        assert path.read_bytes() == afterwards
        assert not left(blobs.folder, ".part")


@dataclass
class Disk:
    """Where an archive is looked at. ``most``: how much stood there at most."""

    folder: Path
    size: int = 1 << 40
    most: int = 0

    def free(self) -> int:
        used = sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        self.most = max(self.most, used)
        return self.size - used


def looked_at(file: Path, place: Place, tmp_path: Path, disk: Disk | None = None) -> verify.Verified:
    beside = SqliteKeeper(tmp_path / "verifying" / "hub.db")
    try:
        bodies = type(place.bodies())(beside.blobs, place.bodies()._vault)
        room = verify.Room((disk or Disk(tmp_path)).free, reserve=1 << 20)
        return verify.archive(file, beside, bodies, room, now=place.now, whole=True)
    finally:
        shutil.rmtree(tmp_path / "verifying", ignore_errors=True)


def test_a_bomb_is_seen_before_it_costs_more_than_its_hundredfold(place: Place, tmp_path: Path) -> None:
    file, disk = tmp_path / "bomb", Disk(tmp_path / "verifying")
    file.write_bytes(hostile((f"blob/{'a' * 32}", tarfile.REGTYPE, bytes(64 << 20)), tables={}))
    with pytest.raises(Damaged, match="it unpacks to more than"):
        looked_at(file, place, tmp_path, disk)
    assert disk.most <= 100 * file.stat().st_size + (16 << 20) < 32 << 20
    assert not left(tmp_path, "verifying")


def test_looking_at_an_archive_leaves_the_disk_its_reserve(place: Place, tmp_path: Path) -> None:
    file, disk = tmp_path / "large", Disk(tmp_path / "verifying", size=30 << 20)
    noise = random.Random(1).randbytes(40 << 20)  # noqa: S311 - numbers that repeat
    file.write_bytes(hostile((f"blob/{'a' * 32}", tarfile.REGTYPE, noise), tables={}))
    with pytest.raises(verify.NoRoom, match="stay free"):
        looked_at(file, place, tmp_path, disk)
    assert disk.most <= 29 << 20


async def test_an_archive_that_was_looked_at_was_restored(place: Place, tmp_path: Path) -> None:
    written = await archived(place, tmp_path / "backup")
    found = looked_at(written.path, place, tmp_path)
    assert found.broken == ()
    assert found.manifest == written.manifest
    assert found.read > 12


async def test_a_store_is_looked_at_beside_its_hub_and_a_damaged_payload_is_named(place: Place) -> None:
    store = place.open()
    await busy(store)
    assert verify.store(place.keeper, place.bodies(), whole=True).broken == ()
    with place.keeper.writing() as db:
        db.execute("UPDATE sealed SET payload=(SELECT raw FROM message WHERE id='m0')")
        db.execute("INSERT INTO alias(code, authority, dossier, rank) VALUES('c', 'a', 'nobody', 0)")
    broken = verify.store(place.keeper, place.bodies(), whole=True).broken
    assert any("changed or moved: m0.so-tnmt.0/sealed" in each for each in broken)
    assert any("a code names a dossier" in each for each in broken)
    await store.close()


async def test_a_lost_or_changed_file_of_large_content_is_named(place: Place) -> None:
    store = place.open()
    await busy(store)
    name, _ = next(iter(place.keeper.blobs.files()))
    place.keeper.blobs.discard(name)
    broken = verify.store(place.keeper, place.bodies(), whole=True).broken
    assert any("m1/raw" in each for each in broken)
    await store.close()


async def test_only_so_many_archives_of_this_hub_are_kept(place: Place, tmp_path: Path) -> None:
    await place.open().close()
    folder = tmp_path / "backup"
    folder.mkdir()
    (folder / "lienthong-other-20260101T000000000000Z.lienthong").write_bytes(b"not ours")
    names = [place.back_up(folder, keep=2).path.name for _ in range(4)]
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [*names[2:], "lienthong-other-20260101T000000000000Z.lienthong"]
    )


async def test_an_archive_never_goes_over_one_that_is_there(place: Place, tmp_path: Path) -> None:
    await place.open().close()
    file = tmp_path / "a.lienthong"
    place.back_up(file)
    before = file.read_bytes()
    with pytest.raises(FileExistsError):
        place.back_up(file)
    assert file.read_bytes() == before
    assert not left(tmp_path, ".part")


async def test_a_backup_that_waits_for_its_turn_leaves_the_others_draft_alone(
    place: Place, tmp_path: Path
) -> None:
    written = await archived(place, tmp_path / "backup")
    hub = written.path.name.split("-")[1]
    draft = tmp_path / "backup" / f".lienthong-{hub}-20261124T050000000000Z.lienthong.part"
    draft.write_bytes(b"being written")
    with turn(place.keeper, now=place.now, holder="another"):
        second = asyncio.create_task(asyncio.to_thread(place.back_up, tmp_path / "backup"))
        await asyncio.sleep(0.5)
        assert draft.exists()
    await second
    assert not draft.exists()


async def test_the_last_backup_is_remembered_and_journaled(place: Place, tmp_path: Path) -> None:
    written = await archived(place, tmp_path / "backup")
    store = place.open()
    rows = [row for row in await store.journal(limit=1000) if row.what == "backed_up"]
    await store.close()
    assert rows[0].facts["digest"] == written.sha256
    assert json.loads(json.dumps(rows[0].facts))["by"] == "an"


async def test_nothing_of_the_copy_stays_behind(place: Place, tmp_path: Path) -> None:
    await archived(place, tmp_path / "backup")
    assert not left(tmp_path, ".part", ".copy-")
