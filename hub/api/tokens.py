"""Access tokens of our own (RFC 6749 §4.4): given out at ``POST /token``, opaque, remembered by their hash alone.

They live in the store, so that they outlast a restart and are known to every web process. What a process has looked up counts
for some seconds: within these a token that was revoked elsewhere has gone everywhere.
"""

from __future__ import annotations

import base64
import hashlib
from collections import OrderedDict
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from hub.api.later import Later
from hub.partners.access import Identity, Way, label_of
from hub.store.contract.access import Token
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from hub.partners.access import Credential
    from hub.store.contract.access import AccessStore

PREFIX = "lt_"
"""How every token begins, so that a scanner for leaked secrets knows one when it sees it."""
BYTES = 32
SKEW = timedelta(minutes=5)
"""Between machines. A token from further ahead was given by a clock that was put right since, and would live too long."""
MOST = 100
"""Living tokens of one client; of more the oldest end."""
LOGINS, AGAIN = 50.0, 0.5
"""Tokens that a client may get at once, and seconds after which it may get one more."""
REMEMBERED = 5.0
"""Seconds for which a look at the store counts."""
KEPT = 10_000


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """One OAuth2 client. ``secrets``: those that count, or will; ``lifetime``: of its tokens, seconds."""

    id: str
    partner: str
    secrets: tuple[Credential, ...]
    lifetime: float


class Tokens:
    """One per web process; one event loop. ``seconds``: a clock that never goes back; ``randomness``: bytes."""

    def __init__(
        self,
        clients: Iterable[Client],
        store: AccessStore,
        *,
        now: Callable[[], datetime],
        seconds: Callable[[], float],
        randomness: Callable[[int], bytes],
    ) -> None:
        self._clients = {client.id: client for client in clients}
        self._store, self._now, self._seconds, self._randomness = store, now, seconds, randomness
        self._seen: OrderedDict[str, tuple[Token, float]] = OrderedDict()
        self._logins: dict[str, tuple[float, float]] = {}

    def made(self, said: str) -> bool:
        """Whether it looks like one of ours."""
        return said.startswith(PREFIX)

    def secret(self, client: str, secret: str) -> tuple[Client, Credential]:
        """Return the client with the secret that it showed. Raises ``Refusal`` HUB-AUT-002, -014.

        An unknown client costs what a wrong secret does.
        """
        digest = hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
        known = self._clients.get(client)
        found = next((each for each in known.secrets if each.digest == digest), None) if known else None
        if known is None or found is None:
            raise refuse("HUB-AUT-002", "client_id")
        if not found.counts(self._now()):
            raise refuse("HUB-AUT-014", "client_secret")
        return known, found

    async def issue(self, client: Client, secret: Credential) -> tuple[str, int]:
        """Return a fresh token and the seconds that it lives: never longer than the secret counts.

        Raises ``Later`` HUB-LIM-002 when a client gets too many: one that gets one for each message is told so.
        """
        self._pace(client.id)
        now = self._now()
        ends = now + timedelta(seconds=client.lifetime)
        ends = min(ends, secret.ends) if secret.ends else ends
        said = PREFIX + base64.urlsafe_b64encode(self._randomness(BYTES)).rstrip(b"=").decode()
        token = Token(
            digest=hashlib.sha256(said.encode()).hexdigest(),
            partner=client.partner,
            client=client.id,
            secret=secret.digest,
            issued_at=now,
            expires_at=ends,
        )
        await self._store.issue(token, MOST)
        return said, int((ends - now).total_seconds())

    def _pace(self, client: str) -> None:
        spent, at = self._logins.get(client, (0.0, 0.0))
        spent = max(0.0, spent - (self._seconds() - at) / AGAIN)
        if spent + 1 > LOGINS:
            raise Later(
                "HUB-LIM-002",
                f"tokens: at most {1 / AGAIN:g} a second of one client",
                (spent + 1 - LOGINS) * AGAIN,
            )
        self._logins[client] = (spent + 1, self._seconds())

    async def find(self, digest: str, place: str = "Authorization") -> Identity:
        """Return whose token it is. Raises ``Refusal`` HUB-AUT-013: ended, revoked, or its secret counts no more."""
        token, now = await self._token(digest), self._now()
        if token is None or not token.issued_at - SKEW <= now < token.expires_at or not self._still(token):
            raise refuse("HUB-AUT-013", place)
        return Identity(partner=token.partner, way=Way.TOKEN, label=label_of(token.client, token.secret))

    def _still(self, token: Token) -> bool:
        client = self._clients.get(token.client)
        return (
            client is not None
            and client.partner == token.partner
            and any(each.digest == token.secret and each.counts(self._now()) for each in client.secrets)
        )

    async def _token(self, digest: str) -> Token | None:
        seen = self._seen.get(digest)
        if seen is not None and self._seconds() < seen[1]:
            return seen[0]
        self._seen.pop(digest, None)
        token = await self._store.token(digest)
        if token is not None:
            self._seen[digest] = (token, self._seconds() + REMEMBERED)
            while len(self._seen) > KEPT:
                self._seen.popitem(last=False)
        return token
