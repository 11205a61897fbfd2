"""Hubs below on every engine: an invitation is used once, a key is certified once, what was taken back stays taken back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from hub.store.contract.enrolments import Enrolled, Invitation
from schemas.problems import Refusal

if TYPE_CHECKING:
    from hub.store.contract.store import Store

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
CODE = Invitation(id="c1", partner="tam-ky", key="ab", made_at=NOW, made_by="an", ends_at=NOW + HOUR)
FIRST = Enrolled(
    fingerprint="f1", partner="tam-ky", key="k1", serial="1", pem="P", issued_at=NOW, ends_at=NOW + 9 * HOUR
)


async def refused(code: str, store: Store, invitation: str, certificate: Enrolled) -> None:
    with pytest.raises(Refusal, match=code):
        await store.enrolments.enrol(invitation, certificate, NOW)


async def test_an_invitation_is_used_once_even_by_two_at_the_same_moment(store: Store) -> None:
    await store.enrolments.invite(CODE)
    other = msgspec.structs.replace(FIRST, fingerprint="f2", key="k2")
    tries = [store.enrolments.enrol("c1", each, NOW) for each in (FIRST, other)]
    came = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(each).__name__ for each in came) == ["NoneType", "Refusal"]
    assert len(await store.enrolments.certificates()) == 1


async def test_a_newer_invitation_and_time_end_an_older_one(store: Store) -> None:
    await store.enrolments.invite(CODE)
    await store.enrolments.invite(msgspec.structs.replace(CODE, id="c2", ends_at=NOW))
    await refused("HUB-EDG-060", store, "c1", FIRST)
    await refused("HUB-EDG-060", store, "c2", FIRST)
    await refused("HUB-EDG-060", store, "nothing", FIRST)


async def test_a_key_is_certified_once_and_a_refusal_leaves_the_invitation_usable(store: Store) -> None:
    await store.enrolments.invite(CODE)
    await store.enrolments.enrol("c1", FIRST, NOW)
    await store.enrolments.invite(msgspec.structs.replace(CODE, id="c2", partner="hoi-an"))
    same = msgspec.structs.replace(FIRST, fingerprint="f2", partner="hoi-an")
    await refused("HUB-EDG-062", store, "c2", same)
    await store.enrolments.enrol("c2", msgspec.structs.replace(same, key="k2"), NOW)


async def test_who_enrols_anew_or_is_revoked_is_believed_by_nothing_older(store: Store) -> None:
    await store.enrolments.invite(CODE)
    await store.enrolments.enrol("c1", FIRST, NOW)
    await store.enrolments.invite(msgspec.structs.replace(CODE, id="c2"))
    again = msgspec.structs.replace(FIRST, fingerprint="f2", key="k2", issued_at=NOW + HOUR / 2)
    await store.enrolments.enrol("c2", again, NOW)
    found = await store.enrolments.certificates("tam-ky")
    assert [(each.fingerprint, each.until is None) for each in found] == [("f2", True), ("f1", False)]
    assert await store.enrolments.revoke("tam-ky", reason="lost", by="an", now=NOW) == 1
    assert all(each.until is not None for each in await store.enrolments.certificates())


async def test_a_renewed_key_ends_the_one_before_only_when_it_was_used(store: Store) -> None:
    await store.enrolments.invite(CODE)
    await store.enrolments.enrol("c1", FIRST, NOW)
    later = NOW + HOUR
    for name in ("2", "3"):
        new = msgspec.structs.replace(FIRST, fingerprint=f"f{name}", key=f"k{name}", issued_at=later)
        await store.enrolments.renew(new, "f1", later)
    assert await counting(store) == {"f1", "f3"}
    assert await store.enrolments.used("f2", later) == 0
    assert await store.enrolments.used("f1", later) == 0
    assert await counting(store) == {"f1", "f3"}
    assert await store.enrolments.used("f3", later) == 1
    assert await counting(store) == {"f3"}
    with pytest.raises(Refusal, match="HUB-EDG-062"):
        await store.enrolments.renew(msgspec.structs.replace(FIRST, partner="hoi-an"), "", later)


async def counting(store: Store) -> set[str]:
    return {each.fingerprint for each in await store.enrolments.certificates() if each.until is None}
