"""One session, one login at a time."""

from __future__ import annotations

import asyncio

from connectors.contract import Reason
from connectors.credentials.sessions import Login, NotIn, Session, Sessions


class Portal:
    """Grants numbered sessions, or refuses while ``closed``; counts logins and how many run at once."""

    def __init__(self) -> None:
        self.logins = self.running = self.most = 0
        self.closed = False

    async def login(self) -> Login:
        self.logins, self.running = self.logins + 1, self.running + 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0.01)
        self.running -= 1
        if self.closed:
            return Login(NotIn(reason=Reason(code="HUB-PAR-005")))
        return Login(Session(f"phien-{self.logins}", 100.0))


async def held(sessions: Sessions) -> Session:
    session = (await sessions.get()).result
    assert isinstance(session, Session)
    return session


async def test_a_late_answer_about_an_old_session_does_not_drop_the_new_one() -> None:
    portal = Portal()
    sessions = Sessions(portal.login, lambda: 0.0)
    old = await held(sessions)
    sessions.drop(old.value)
    new = await held(sessions)
    sessions.drop(old.value)
    assert await held(sessions) is new
    assert portal.logins == 2


async def test_many_who_wait_share_one_login_and_its_failure() -> None:
    portal = Portal()
    portal.closed = True
    sessions = Sessions(portal.login, lambda: 0.0)
    told = await asyncio.gather(*(sessions.get() for _ in range(8)))
    assert all(isinstance(login.result, NotIn) for login in told)
    assert (portal.logins, portal.most) == (1, 1)
    portal.closed = False
    assert (await held(sessions)).value == "phien-2"


async def test_closing_ends_a_login_that_is_under_way() -> None:
    portal = Portal()
    sessions = Sessions(portal.login, lambda: 0.0)
    waiting = asyncio.create_task(sessions.get())
    await asyncio.sleep(0)
    await sessions.close()
    assert (await asyncio.gather(waiting, return_exceptions=True))[0].__class__ is asyncio.CancelledError
