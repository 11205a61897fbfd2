"""What is known about certificates: the last answer counts, a try that failed takes nothing away, revoked is for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub.trust.contract import Barred, Said, Standing
from tests.store.samples import at

if TYPE_CHECKING:
    from hub.store.contract.store import Store
    from tests.store.engines import Open

GOOD = Standing(
    fingerprint="ab" * 32,
    state=Said.GOOD,
    heard_at=at(1),
    valid_until=at(3600),
    tried_at=at(1),
    source="http://ocsp.example",
    answer=b"as it came",
)
FAILED = Standing(fingerprint="ab" * 32, tried_at=at(5), problem="HUB-CRT-007 timeout")
REVOKED = msgspec.structs.replace(
    GOOD, state=Said.REVOKED, revoked_at=at(2), heard_at=at(9), tried_at=at(9), answer=b"no"
)
BARRED = Barred(fingerprint="cd" * 32, name="dau-so 2025", since=at(1), at=at(2), by="an", reason="mất thẻ")


async def words(store: Store) -> list[str]:
    return [row.what for row in await store.journal()]


async def test_an_answer_is_kept_as_it_came(store: Store) -> None:
    await store.trust.hear([GOOD], at(1))
    assert await store.trust.standing(GOOD.fingerprint) == GOOD
    assert await store.trust.standings() == (msgspec.structs.replace(GOOD, answer=b""),)
    assert await store.trust.standing("ef" * 32) is None


async def test_a_try_that_failed_takes_nothing_away(store: Store) -> None:
    await store.trust.hear([GOOD], at(1))
    await store.trust.hear([FAILED], at(5))
    after = await store.trust.standing(GOOD.fingerprint)
    assert after == msgspec.structs.replace(GOOD, tried_at=at(5), problem=FAILED.problem)


async def test_a_try_that_failed_at_first_is_remembered(store: Store) -> None:
    await store.trust.hear([FAILED], at(5))
    assert await store.trust.standing(FAILED.fingerprint) == FAILED


async def test_no_answer_undoes_a_revocation(store: Store) -> None:
    await store.trust.hear([GOOD], at(1))
    await store.trust.hear([REVOKED], at(9))
    await store.trust.hear([msgspec.structs.replace(GOOD, heard_at=at(20), tried_at=at(20))], at(20))
    after = await store.trust.standing(GOOD.fingerprint)
    assert after is not None
    assert (after.state, after.revoked_at, after.answer) == (Said.REVOKED, at(2), b"no")


async def test_only_what_changes_is_journaled(store: Store) -> None:
    for heard in (GOOD, FAILED, GOOD, REVOKED, REVOKED):
        await store.trust.hear([heard], at(9))
    rows = [row for row in await store.journal() if row.what == "certificate_standing"]
    assert [row.facts["state"] for row in rows] == ["good", "revoked"]


async def test_certificates_that_nobody_declares_are_forgotten(store: Store) -> None:
    other = msgspec.structs.replace(GOOD, fingerprint="12" * 32)
    await store.trust.hear([GOOD, other], at(1))
    await store.trust.forget([other.fingerprint])
    assert [one.fingerprint for one in await store.trust.standings()] == [other.fingerprint]


async def test_a_barred_certificate_is_barred_for_every_process_and_once(another: Open) -> None:
    here, elsewhere = another(), another()
    assert await here.trust.bar(BARRED)
    assert not await elsewhere.trust.bar(msgspec.structs.replace(BARRED, reason="khác"))
    assert await elsewhere.trust.barred() == (BARRED,)
    assert (await words(here)).count("certificate_barred") == 1
