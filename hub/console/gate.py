"""Who may work at the pages: passwords, sessions and the token that every form carries.

An unknown name, a wrong password, a locked and a disabled account are answered alike and after the same work, so that nobody
learns by asking who is known here. A session is known by the hash of its token; a new one begins with every sign-in.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
from argon2.exceptions import Argon2Error, InvalidHashError

from hub.api.admission import NO_ROOM
from hub.api.later import Later
from hub.console.passwords import LONGEST, spelled
from hub.store.contract.people import Session, SignedIn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from argon2 import PasswordHasher

    from hub.api.failures import Failures
    from hub.settings.sections import Console as Times
    from hub.store.contract.people import Officer, PeopleStore

TOKEN_BYTES = 32
SEEN_EVERY = timedelta(seconds=60)
"""So often it is written down that somebody is still there."""
REFUSED_AFTER = 1.0
"""Seconds after which a no is said, whatever it took to find out: what is written down for a known name tells nobody that it is known."""
MOST_WAITING, WAIT = 32, 2
"""Sign-ins that wait for their turn, and seconds that further ones are asked to wait."""
AT_ONCE = 2
"""Passwords that are looked at at the same time: each takes a processor and 64 MiB for a moment."""


class Entered(msgspec.Struct, frozen=True):
    """``token``: what the browser keeps; it is nowhere else. ``partner``: whose officer it is."""

    token: str
    partner: str
    session: Session


class Gate:
    """One per web process. ``randomness``: that many random bytes; ``failures``: of sign-ins, by address."""

    def __init__(  # noqa: PLR0913 - what it is built from
        self,
        people: PeopleStore,
        hasher: PasswordHasher,
        failures: Failures,
        times: Times,
        *,
        now: Callable[[], datetime],
        randomness: Callable[[int], bytes],
        refused_after: float = REFUSED_AFTER,
        looks_for: float | None = None,
    ) -> None:
        """``looks_for``: seconds for which somebody known is looked at who comes from an address that must wait; then it waits, too."""
        self._people, self._hasher, self._failures, self._times = people, hasher, failures, times
        self._now, self._randomness, self._refused_after = now, randomness, refused_after
        self._places, self._waiting = asyncio.Semaphore(AT_ONCE), 0
        self._nobodys = ""
        self._looks_for = refused_after if looks_for is None else looks_for
        self._left: set[asyncio.Task[Entered | None]] = set()

    def token(self) -> str:
        return base64.urlsafe_b64encode(self._randomness(TOKEN_BYTES)).decode().rstrip("=")

    async def sign_in(self, address: str, login: str, password: str) -> Entered | None:
        """``None``: no. Raises ``Later``: HUB-AUT-012 for an address that has guessed too often, HUB-LIM-003 when too many wait."""
        clock = asyncio.get_running_loop().time
        told = clock() + self._refused_after
        shut = self._failures.shut(address)
        try:
            if shut is not None:
                return await self._at_shut(shut, address, login, password)
            entered = await self._enter(address, login, password)
            if entered is None:
                self._failures.failed(address)
        except Later:
            await asyncio.sleep(max(0.0, told - clock()))
            raise
        if entered is None:
            await asyncio.sleep(max(0.0, told - clock()))
        return entered

    async def _at_shut(self, shut: Later, address: str, login: str, password: str) -> Entered:
        """Let somebody in who is known here. Everybody else is told ``shut``, as soon and in the same words as a stranger: neither how
        long it took to look, nor that a wrong password was noted, tells who is known.
        """
        entering = asyncio.create_task(self._enter(address, login, password))
        self._left.add(entering)
        entering.add_done_callback(self._left.discard)
        done, _ = await asyncio.wait({entering}, timeout=self._looks_for)
        if not done:  # it goes on, so that a wrong password counts
            entering.add_done_callback(_looked)
            raise shut
        try:
            entered = entering.result()
        except Later:
            raise shut from None
        if entered is None:
            raise shut
        return entered

    async def _enter(self, address: str, login: str, password: str) -> Entered | None:
        found = await self._people.officer(login)
        now = self._now()
        if found is None or _shut(found, now):
            self._failures.check(address)
        else:
            self._failures.check(address, found.partner, found.id)
        verified = found.password if found else ""
        async with self._place():
            right = await asyncio.to_thread(self._verified, verified, spelled(password[: 2 * LONGEST]))
            found = await self._people.officer(login)  # meanwhile others guessed, or it was changed
            if found is None or found.password != verified or _shut(found, now):
                return None
            if not right:
                until = now + timedelta(seconds=self._times.locked)
                await self._people.failed(found.id, most=self._times.tries, until=until, now=now)
                return None
        self._failures.passed(address, found.partner, found.id)
        token = self.token()
        session = Session(
            digest=digest_of(token),
            officer=found.id,
            began_at=now,
            seen_at=now,
            ends_at=now + timedelta(seconds=self._times.longest),
        )
        await self._people.begin(session)
        return Entered(token, found.partner, session)

    @contextlib.asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """One of the few who are looked at at once, until what came of it is written down."""
        if self._waiting >= MOST_WAITING:
            raise Later(NO_ROOM, f"at most {MOST_WAITING} sign-ins at once", WAIT)
        self._waiting += 1
        try:
            async with self._places:
                yield
        finally:
            self._waiting -= 1

    def _verified(self, stored: str, password: str) -> bool:
        """Whether it is the password; for nobody's, the same work."""
        self._nobodys = self._nobodys or self._hasher.hash(self.token())
        try:
            return self._hasher.verify(stored or self._nobodys, password)
        except (Argon2Error, InvalidHashError):
            return False

    async def visitor(self, token: str) -> SignedIn | None:
        """Return who is signed in by this, if anybody still is."""
        if not token:
            return None
        digest = digest_of(token)
        found = await self._people.session(digest)
        now = self._now()
        if found is None:
            return None
        idle = timedelta(seconds=self._times.idle)
        if found.officer.disabled or now >= found.session.ends_at or now - found.session.seen_at >= idle:
            await self._people.end(digest, now)
            return None
        if now - found.session.seen_at >= SEEN_EVERY:
            await self._people.seen(digest, now)
        return found

    async def sign_out(self, token: str) -> None:
        if token:
            await self._people.end(digest_of(token), self._now())


def _looked(entering: asyncio.Task[Entered | None]) -> None:
    """Nobody waits for it any more; a session that it began has no token outside and ends by itself."""
    if not entering.cancelled():
        entering.exception()


def _shut(officer: Officer, now: datetime) -> bool:
    """Nobody comes in by this account now, whatever the password: it opens no way past an address that must wait."""
    return officer.disabled or (officer.locked_until is not None and now < officer.locked_until)


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def stamp(token: str) -> str:
    """Return what a form of this browser carries: made from its cookie, so that no other site can write it."""
    return hmac.new(token.encode(errors="surrogatepass"), b"lienthong form", hashlib.sha256).hexdigest()


def stamped(token: str, said: str) -> bool:
    return bool(token) and hmac.compare_digest(stamp(token).encode(), said.encode(errors="surrogatepass"))
