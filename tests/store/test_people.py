"""Officers and their sessions: known to every process, locked and ended where they should be, and in the journal by their ids only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from hub.store.contract.people import Officer, Session
from schemas.problems import Refusal

if TYPE_CHECKING:
    from hub.store.contract.store import Store
    from tests.store.engines import Open

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)
LAN = Officer(
    id="0" * 25 + "1",
    login="lan.nt",
    name="Nguyễn Thị Lan",
    partner="office",
    password="$argon2id$…",
    added_at=NOW,
    added_by="an",
)


def session(number: int = 1, *, lives: float = 3600) -> Session:
    at = NOW + timedelta(seconds=number)
    ends = at + timedelta(seconds=lives)
    return Session(digest=f"{number:064}", officer=LAN.id, began_at=at, seen_at=at, ends_at=ends)


async def test_an_officer_is_known_to_every_process_and_a_login_is_given_once(another: Open) -> None:
    one, other = another(), another()
    await one.people.add(LAN)
    assert await other.people.officer("lan.nt") == LAN
    with pytest.raises(Refusal, match="HUB-OFF-002"):
        await other.people.add(replace(LAN, id="0" * 25 + "2"))
    minh = replace(LAN, id="0" * 25 + "3", login="minh", partner="another")
    await one.people.add(minh)
    assert await one.people.officers() == (minh, LAN)
    assert await one.people.officers("office") == (LAN,)


async def test_wrong_passwords_in_a_row_lock_and_a_sign_in_forgets_them(store: Store) -> None:
    await store.people.add(LAN)
    until = NOW + timedelta(minutes=15)
    for _ in range(2):
        await store.people.failed(LAN.id, most=3, until=until, now=NOW)
    await store.people.begin(session())
    for _ in range(2):
        await store.people.failed(LAN.id, most=3, until=until, now=NOW)
    found = await store.people.officer("lan.nt")
    assert found is not None
    assert (found.failures, found.locked_until) == (2, None)
    await store.people.failed(LAN.id, most=3, until=until, now=NOW)
    found = await store.people.officer("lan.nt")
    assert found is not None
    assert (found.failures, found.locked_until) == (0, until)


async def test_a_session_is_known_until_it_ends_and_no_longer(another: Open) -> None:
    one, other = another(), another()
    await one.people.add(LAN)
    await one.people.begin(session())
    later = NOW + timedelta(minutes=5)
    await other.people.seen(session().digest, later)
    assert await other.people.session(session().digest) == (replace(session(), seen_at=later), LAN)
    await other.people.end(session().digest, later)
    assert await one.people.session(session().digest) is None


async def test_sessions_that_are_over_go_with_the_next_and_all_of_them_with_a_new_password(
    store: Store,
) -> None:
    await store.people.add(LAN)
    await store.people.begin(session(1, lives=10))
    await store.people.begin(session(2))
    await store.people.begin(session(20))
    there = [await store.people.session(f"{number:064}") is not None for number in (1, 2, 20)]
    assert there == [False, True, True]
    await store.people.set_password(LAN.id, "$argon2id$new", by="an", now=NOW)
    assert await store.people.session(f"{2:064}") is None
    found = await store.people.officer("lan.nt")
    assert found is not None
    assert found.password == "$argon2id$new"
    await store.people.begin(session(3))
    await store.people.disable(LAN.id, reason="left", by="an", now=NOW)
    assert await store.people.session(f"{3:064}") is None


async def test_the_journal_names_a_person_by_its_id_and_by_nothing_else(store: Store) -> None:
    await store.people.add(LAN)
    await store.people.begin(session())
    await store.people.failed(LAN.id, most=1, until=NOW, now=NOW)
    await store.people.note(LAN.id, "officer_opened", transfer="T", now=NOW)
    await store.people.end(session().digest, NOW)
    await store.people.set_password(LAN.id, "x", by="an", now=NOW)
    await store.people.disable(LAN.id, reason="left", by="an", now=NOW)
    rows = [row for row in await store.journal() if row.what.startswith("officer")]
    told = ["added", "in", "locked", "opened", "out", "password", "disabled"]
    assert [row.what.removeprefix("officer_") for row in rows] == told
    assert all(row.facts["officer"] == LAN.id for row in rows)
    assert not [row for row in rows if LAN.login in str(row) or "Lan" in str(row)]
