"""The file: migrations, group commit, durability settings, large payloads, encryption at rest."""

from __future__ import annotations

import asyncio
import os
import stat
from typing import TYPE_CHECKING

import apsw
import msgspec
import pytest

from hub.lifecycle import State
from hub.store.sql.db import many
from hub.store.sql.engine import Closed
from hub.store.sql.migrations import SchemaUnknown, migrations
from hub.store.sqlite import connection
from hub.store.sqlite.store import SqliteStore, open_store
from hub.store.vault import Unreadable, Vault
from schemas.problems import Refusal
from tests.store.samples import NOON, acceptance, at, delivered, numbered_ids, roomy, sealed

if TYPE_CHECKING:
    from pathlib import Path

    from hub.store.contract.intake import Acceptance
    from hub.store.contract.store import Store

SECRET = "Nguyễn Thị Hoa"


def opened(path: Path, vault: Vault | None = None) -> SqliteStore:
    return open_store(path, ids=numbered_ids(), vault=vault)


async def test_a_new_file_has_the_newest_schema_and_opens_again(tmp_path: Path) -> None:
    for _ in range(2):
        store = opened(tmp_path / "hub.db")
        assert store._writes._db.pragma("user_version") == max(migrations())
        await store.close()


async def test_the_file_is_for_its_owner_only_and_durable(tmp_path: Path) -> None:
    store = opened(tmp_path / "hub.db")
    assert stat.S_IMODE((tmp_path / "hub.db").stat().st_mode) == 0o600
    assert store._writes._db.pragma("journal_mode") == "wal"
    assert store._writes._db.pragma("synchronous") == 2
    await store.close()


@pytest.mark.parametrize(
    ("change", "says"),
    [("PRAGMA user_version=999", "start the newer version"), ("PRAGMA application_id=1", "another program")],
)
async def test_a_newer_or_foreign_file_is_refused_and_left_alone(
    tmp_path: Path, change: str, says: str
) -> None:
    path = tmp_path / "hub.db"
    await opened(path).close()
    with apsw.Connection(str(path)) as db:
        db.execute(change)
    db.close()
    with pytest.raises(SchemaUnknown, match=says):
        opened(path)


async def test_a_migration_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "hub.db"
    await opened(path).close()
    steps = migrations()
    steps[max(steps) + 1] = "CREATE TABLE half(a); CREATE TABLE transfer(b)"
    monkeypatch.setattr(connection, "migrations", lambda: steps)
    with pytest.raises(apsw.SQLError, match="already exists"):
        opened(path)
    monkeypatch.undo()
    store = opened(path)
    assert not store._writes._db.table_exists(None, "half")
    await store.close()


async def test_writes_that_wait_together_share_one_commit(tmp_path: Path) -> None:
    store = opened(tmp_path / "hub.db")
    statements: list[str] = []
    store._writes._db.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: statements.append(event["sql"]))
    await asyncio.gather(*(store.accept(acceptance(f"m{n}")) for n in range(100)))
    assert statements.count("COMMIT") < 30
    assert len(await store.journal(limit=200)) == 100
    await store.close()


async def test_one_failing_write_does_not_spoil_the_others_of_its_group(tmp_path: Path) -> None:
    store = opened(tmp_path / "hub.db")

    def fails(db: apsw.Connection) -> None:
        db.execute("INSERT INTO dest(partner) VALUES('half done')")
        raise ZeroDivisionError

    results = await asyncio.gather(
        *(store.accept(acceptance(f"m{n}")) for n in range(10)),
        store._writes.run(fails),
        *(store.accept(acceptance(f"m{n}")) for n in range(10, 20)),
        return_exceptions=True,
    )
    assert [type(result).__name__ for result in results].count("Accepted") == 20
    assert isinstance(results[10], ZeroDivisionError)
    assert [row.partner for row in await store.queue()] == ["so-tnmt"]
    await store.close()


async def test_a_caller_that_went_away_does_not_stop_the_writer(tmp_path: Path) -> None:
    store = opened(tmp_path / "hub.db")
    gone = asyncio.create_task(store.accept(acceptance("m1")))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    await store.accept(acceptance("m2"))
    assert await store.message("m1") is not None
    await store.close()


async def test_a_full_disk_refuses_and_loses_nothing_that_was_accepted(tmp_path: Path) -> None:
    store = opened(tmp_path / "hub.db")
    await store.accept(acceptance("m1"))
    used = store._writes._db.pragma("page_count")
    await store._writes.run(lambda db: db.pragma("max_page_count", used + 2))
    results = await asyncio.gather(
        *(store.accept(acceptance(f"x{n}", raw=os.urandom(30_000))) for n in range(5)), return_exceptions=True
    )
    assert all(isinstance(result, Refusal) and result.code == "HUB-LIM-003" for result in results)
    await store._writes.run(lambda db: db.pragma("max_page_count", 1_000_000))
    await store.accept(acceptance("m2"))
    assert [row.message for row in await store.journal()] == ["m1", "m2"]
    assert await store.conservation() == ()
    await store.close()


async def test_a_closed_store_finishes_what_it_took_and_takes_nothing_more(tmp_path: Path) -> None:
    store = opened(tmp_path / "hub.db")
    taken = asyncio.create_task(store.accept(acceptance("m1")))
    await asyncio.sleep(0)
    await store.close()
    assert (await taken).message == "m1"
    with pytest.raises(Closed):
        await store.capacities([])


async def test_payloads_above_the_limit_are_files_that_a_row_names(tmp_path: Path) -> None:
    store = opened(tmp_path / "hub.db")
    await store.accept(acceptance("small", raw=b"a" * 60_000))
    assert not (tmp_path / "hub.db.blobs").exists()
    await store.accept(acceptance("large", raw=b"a" * 70_000))
    (file,) = [path for path in (tmp_path / "hub.db.blobs").rglob("*") if path.is_file()]
    assert file.stat().st_size > 70_000
    assert b"aaaa" not in file.read_bytes()
    named = await store._reads.look(lambda db: many(db, "SELECT name FROM blob"))
    assert named == [(file.name,)]
    found = await store.payloads("large.so-tnmt.0")
    assert found is not None
    assert found.raw == b"a" * 70_000
    os.utime(file, (1000, 1000))
    await store.documents.sweep(at(10**6), grace=60, quarantine=60)
    assert file.exists()
    await store.close()


async def test_a_damaged_payload_stops_its_own_lane_and_is_shown(tmp_path: Path) -> None:
    store = opened(tmp_path / "hub.db")
    await store.capacities(roomy("so-tnmt"))
    new = acceptance("large")
    await store.accept(_with_canonical(new, b"c" * 70_000))
    await store.accept(acceptance("other"))
    (file,) = [path for path in (tmp_path / "hub.db.blobs").rglob("*") if path.is_file()]
    file.write_bytes(b"d" * 70_000)
    assert [work.message for work in await store.claim("w", at(1), 10, 30)] == ["other"]
    view = await store.transfer("large.so-tnmt.0")
    assert view is not None
    assert (view.state, view.problem) == (State.PARKED, "HUB-INT-001")
    await store.close()


async def everything(store: Store, message: str, dossier: str) -> None:
    await store.capacities(roomy("so-tnmt"))
    new = acceptance(message, dossier=dossier, raw=SECRET.encode() * 100)
    await store.accept(_with_canonical(new, SECRET.encode() * 10_000))
    (work,) = await store.claim("w", at(1), 10, 30)
    await store.seal(work.token, {work.transfer: sealed(SECRET)})
    await store.settle(work.token, [delivered(work.transfer)], at(2))


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_at_rest_no_payload_can_be_read_without_the_master_key(tmp_path: Path) -> None:
    store = opened(tmp_path / "plain" / "hub.db")
    await everything(store, "m1", "d1")
    assert SECRET.encode() in on_disk(tmp_path / "plain")
    await store.close()
    store = opened(tmp_path / "closed" / "hub.db", Vault(b"m" * 32, os.urandom))
    await everything(store, "m1", "d1")
    assert SECRET.encode() not in on_disk(tmp_path / "closed")
    assert b"http://127.0.0.1/x" not in on_disk(tmp_path / "closed")
    await store.close()


async def test_another_master_key_or_none_does_not_open_the_store(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    await opened(path, Vault(b"m" * 32, os.urandom)).close()
    with pytest.raises(Unreadable, match="another master key"):
        opened(path, Vault(b"x" * 32, os.urandom))
    with pytest.raises(Unreadable, match="needs its master key"):
        opened(path)


async def test_destroying_a_dossiers_key_makes_its_payloads_unreadable_and_no_others(tmp_path: Path) -> None:
    store = opened(tmp_path / "hub.db", Vault(b"m" * 32, os.urandom))
    await everything(store, "m1", "d1")
    await everything(store, "m2", "d2")
    (wrapped,) = await store._reads.run(
        lambda db: [row[0] for row in db.execute("SELECT wrapped FROM datakey WHERE owner='d1'")]
    )
    assert wrapped in on_disk(tmp_path)
    assert await store.forget("d1", reason="asked for", by="thu", now=NOON)
    assert wrapped not in on_disk(tmp_path)
    with pytest.raises(Unreadable):
        await store.payloads("m1.so-tnmt.0")
    with pytest.raises(Unreadable):
        await store.attempts("m1.so-tnmt.0")
    assert await store.payloads("m2.so-tnmt.0") is not None
    assert await store.message("m1") is not None
    assert not await store.forget("d1", reason="again", by="thu", now=NOON)
    await store.close()


async def test_a_dossier_with_something_undelivered_is_not_forgotten(tmp_path: Path) -> None:
    store = opened(tmp_path / "hub.db", Vault(b"m" * 32, os.urandom))
    await store.accept(acceptance("m1", dossier="d1"))
    with pytest.raises(Refusal, match="HUB-LAN-002"):
        await store.forget("d1", reason="r", by="thu", now=NOON)
    assert await store.payloads("m1.so-tnmt.0") is not None
    await store.close()


async def test_a_process_that_cached_a_destroyed_key_writes_under_a_new_one(tmp_path: Path) -> None:
    vault = Vault(b"m" * 32, os.urandom)
    one, two = opened(tmp_path / "hub.db", vault), opened(tmp_path / "hub.db", vault)
    await everything(one, "m1", "d1")
    await two.forget("d1", reason="r", by="thu", now=NOON)
    await one.accept(acceptance("m2", dossier="d1", version=1))
    for store in (one, two):
        stored = await store.payloads("m2.so-tnmt.0")
        assert stored is not None
        assert stored.raw == b'{"message":"m2"}'
    await one.close()
    await two.close()


async def test_a_payload_moved_to_another_row_is_not_read(tmp_path: Path) -> None:
    store = opened(tmp_path / "hub.db", Vault(b"m" * 32, os.urandom))
    await store.accept(acceptance("m1", dossier="d1"))
    await store.accept(acceptance("m2", dossier="d1", version=1))
    await store._writes.run(
        lambda db: db.execute("UPDATE message SET raw=(SELECT raw FROM message WHERE id='m1')")
    )
    with pytest.raises(Unreadable, match="changed or moved"):
        await store.payloads("m2.so-tnmt.0")
    await store.close()


DAMAGE = (
    "DELETE FROM transfer WHERE id='m2.so-tnmt.0'",
    "UPDATE cnt SET n=n+1 WHERE what='waiting'",
    "DELETE FROM ready",
    "INSERT INTO wait VALUES(0, 1, 'm2')",
    "INSERT INTO stopped VALUES(1, 'nobody')",
    "UPDATE dest_run SET in_flight=7",
    "DELETE FROM due",
    "DELETE FROM item WHERE subject='m2'",
    "UPDATE transfer SET state='delivered' WHERE id='m0.so-tnmt.0'",
    "DELETE FROM message WHERE id='m1'",
    "DELETE FROM lease",
    "UPDATE item SET class=0 WHERE subject='m2'",
)


@pytest.mark.parametrize("damage", DAMAGE)
async def test_conservation_sees_what_is_broken(tmp_path: Path, damage: str) -> None:
    store = opened(tmp_path / "hub.db")
    await store.capacities(roomy("so-tnmt"))
    for n in range(3):
        await store.accept(acceptance(f"m{n}"))
    await store.claim("w", at(1), 1, 30)
    assert await store.conservation() == ()
    await store._writes.run(lambda db: db.execute(damage))
    assert await store.conservation() != ()
    await store.close()


def _with_canonical(new: Acceptance, canonical: bytes) -> Acceptance:
    return msgspec.structs.replace(new, canonical=canonical)


@pytest.mark.parametrize("how", ["moved", "deleted", "replaced"])
async def test_nothing_is_accepted_into_a_file_that_nobody_would_find_again(tmp_path: Path, how: str) -> None:
    path = tmp_path / "hub.db"
    store = open_store(path, ids=numbered_ids())
    try:
        await store.accept(acceptance("m1"))
        aside = path.rename(tmp_path / "aside.db") if how != "deleted" else None
        if how == "deleted":
            path.unlink()
        elif how == "replaced":
            path.write_bytes(b"")
        assert not await store.ready()
        with pytest.raises(Refusal, match="HUB-LIM-003"):
            await store.accept(acceptance("m2"))
        if aside:
            aside.rename(path)
            assert await store.ready()
            await store.accept(acceptance("m2"))
    finally:
        await store.close()
