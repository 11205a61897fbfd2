"""Officers of agencies without a system of their own, and who of them is signed in."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import NamedTuple, Protocol

from hub.store.contract.value import Value


class Officer(Value, frozen=True):
    """``id``: all that the journal says of a person. ``password``: argon2id with its parameters; ``failures``: wrong ones in a row."""

    id: str
    login: str
    name: str
    partner: str
    password: str
    added_at: datetime
    added_by: str
    disabled: bool = False
    failures: int = 0
    locked_until: datetime | None = None


class Session(Value, frozen=True):
    """``digest``: SHA-256 of its token, hex. ``ends_at``: whatever happens; ``seen_at``: when its officer last did something."""

    digest: str
    officer: str
    began_at: datetime
    seen_at: datetime
    ends_at: datetime


class SignedIn(NamedTuple):
    session: Session
    officer: Officer


class PeopleStore(Protocol):
    async def add(self, officer: Officer) -> None:
        """Raises ``Refusal`` HUB-OFF-002 when the login is taken. Journaled."""
        ...

    async def officer(self, login: str) -> Officer | None: ...

    async def officers(self, partner: str = "") -> tuple[Officer, ...]:
        """By partner and login; of one partner where it is named."""
        ...

    async def set_password(self, officer: str, password: str, *, by: str, now: datetime) -> None:
        """A new one: nobody stays signed in by the old one, and nothing stays locked. Journaled."""
        ...

    async def disable(self, officer: str, *, reason: str, by: str, now: datetime) -> None:
        """It signs in no more, and is signed out. Journaled."""
        ...

    async def failed(self, officer: str, *, most: int, until: datetime, now: datetime) -> None:
        """Count a wrong password; the ``most``-th in a row locks until then, journaled."""
        ...

    async def begin(self, session: Session) -> None:
        """Sign in; wrong passwords are forgotten, and so are this officer's sessions that have ended. Journaled."""
        ...

    async def session(self, digest: str) -> SignedIn | None: ...

    async def seen(self, digest: str, now: datetime) -> None: ...

    async def end(self, digest: str, now: datetime) -> None:
        """Sign out. Journaled."""
        ...

    async def note(self, officer: str, what: str, *, transfer: str, now: datetime) -> None:
        """Write into the journal what an officer did with a letter."""
        ...
