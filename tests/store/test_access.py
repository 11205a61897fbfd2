"""Tokens and the use of credentials: bounded, gone when they were revoked, known to every session."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hub.store.contract.access import CredentialUse, Token

if TYPE_CHECKING:
    from hub.store.contract.store import Store
    from tests.store.engines import Open

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)


def token(number: int, client: str = "a", partner: str = "desk", *, lives: float = 3600) -> Token:
    at = NOW + timedelta(seconds=number)
    return Token(
        digest=hashlib.sha256(f"{client} {number}".encode()).hexdigest(),
        partner=partner,
        client=client,
        secret="s" * 64,
        issued_at=at,
        expires_at=at + timedelta(seconds=lives),
    )


async def living(store: Store, *tokens: Token) -> list[bool]:
    return [await store.access.token(each.digest) is not None for each in tokens]


async def test_a_token_is_known_to_every_session_as_it_was_given(another: Open) -> None:
    one, other = another(), another()
    await one.access.issue(token(1), 5)
    assert await other.access.token(token(1).digest) == token(1)
    assert await other.access.token("0" * 64) is None


async def test_of_too_many_the_oldest_go_and_nobody_elses(store: Store) -> None:
    await store.access.issue(token(1, "b"), 3)
    for number in range(5):
        await store.access.issue(token(number), 3)
    assert await living(store, *(token(number) for number in range(5))) == [False, False, True, True, True]
    assert await living(store, token(1, "b")) == [True]


async def test_what_has_ended_goes_when_the_next_is_given(store: Store) -> None:
    await store.access.issue(token(1, lives=60), 5)
    await store.access.issue(token(61), 5)
    assert await living(store, token(1, lives=60), token(61)) == [False, True]


async def test_a_partners_tokens_can_be_revoked_all_or_those_of_one_client(store: Store) -> None:
    for each in (token(1, "a"), token(2, "b"), token(3, "c", "other")):
        await store.access.issue(each, 5)
    access = store.access
    assert await access.revoke("desk", client="b", reason="lost", by="an", now=NOW) == 1
    assert await living(store, token(1, "a"), token(2, "b")) == [True, False]
    assert await access.revoke("desk", client="", reason="lost", by="an", now=NOW) == 1
    assert await living(store, token(1, "a"), token(3, "c", "other")) == [False, True]
    rows = await store.journal()
    assert [row.facts for row in rows if row.what == "tokens_revoked"] == [
        {"partner": "desk", "client": "b", "count": "1", "reason": "lost", "by": "an"},
        {"partner": "desk", "client": "", "count": "1", "reason": "lost", "by": "an"},
    ]


async def test_uses_are_added_up_and_the_last_one_stands(store: Store) -> None:
    def use(count: int, minute: int, label: str = "k") -> CredentialUse:
        at = NOW + timedelta(minutes=minute)
        return CredentialUse(partner="desk", way="api_key", label=label, uses=count, last_at=at)

    await store.access.used([use(2, 5), use(1, 1, "old")])
    await store.access.used([use(3, 4)])
    assert await store.access.uses("desk") == (use(5, 5), use(1, 1, "old"))
    assert await store.access.uses("nobody") == ()
