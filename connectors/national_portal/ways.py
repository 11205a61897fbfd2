"""Two ways in: the adapter, where every body carries a session, and a province's own connector, whose methods take the bare array.

A way turns a call into a request that may be sent. It keeps what shows who we are, and drops it when an answer says that it lapsed.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING, Protocol

import msgspec

from connectors.contract import Reason
from connectors.credentials.contract import Shown
from connectors.credentials.sessions import Login, NotIn, Session, Sessions
from connectors.national_portal import envelope
from connectors.national_portal.replies import LOGIN, hear, session_in
from connectors.reach import read_secret
from connectors.replies import classify, wait_of
from connectors.transport import Broken, Http, Request
from schemas.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.credentials.contract import Credentials
    from connectors.national_portal.replies import Heard
    from connectors.national_portal.settings import Front, Settings
    from connectors.replies import Table
    from connectors.transport import Answer


class Call(msgspec.Struct, frozen=True):
    """One service call, before it is said who calls. ``data``: the sealed array; without it the call only reads."""

    service: str
    extra: Mapping[str, str]
    data: bytes | None = None
    headers: Mapping[str, str] = {}

    @property
    def reads(self) -> bool:
        """Harmless to repeat."""
        return self.data is None


class Way(Protocol):
    @property
    def looks_up(self) -> bool:
        """Whether the other side answers ``TraCuuHoSo``."""
        ...

    async def show(self, call: Call) -> Shown:
        """Return the request, or why it cannot be made now."""
        ...

    def lapsed(self, shown: Request, answer: Answer) -> bool:
        """Forget what was shown; whether something fresh can be shown next time."""
        ...

    async def close(self) -> None: ...


class Adapter:
    """The portal behind the security server: one session for all, one login at a time."""

    looks_up = True

    def __init__(self, settings: Settings, http: Http, rows: Table, clock: Callable[[], float]) -> None:
        """Raises ``Refusal`` HUB-CFG-001 when the password cannot be read."""
        self._settings, self._http, self._rows, self._clock = settings, http, rows, clock
        self._sessions = Sessions(self._log_in, clock)
        read_secret(settings.account.password_file)

    async def show(self, call: Call) -> Shown:
        settings = self._settings
        login = await self._sessions.get()
        if isinstance(login.result, NotIn):
            return Shown(login.result, login.exchanges)
        session = login.result.value
        path = settings.account.share_path if call.reads else settings.account.integration_path
        request = Request(
            path=envelope.target(settings, path),
            body=envelope.call(session, settings.agency, call.service, call.extra, call.data),
            headers={**call.headers, **envelope.headers(settings)},
            secrets=(session,),
        )
        return Shown(request, login.exchanges)

    def lapsed(self, shown: Request, answer: Answer) -> bool:  # noqa: ARG002 - whatever it said, the session is not trusted further
        self._sessions.drop(shown.secrets[0])
        return True

    async def close(self) -> None:
        await self._sessions.close()

    async def _log_in(self) -> Login:
        account = self._settings.account
        try:
            password = read_secret(account.password_file)  # each time: it may be changed while the hub runs
        except Refusal as refusal:
            return Login(NotIn(reason=Reason(code=refusal.code, detail="password_file")))
        answer = await self._http.send(
            Request(
                path=envelope.target(self._settings, self._settings.login_path),
                body=envelope.login(account.username, password),
                headers=envelope.headers(self._settings),
                secrets=(password,),
                private=True,
            )
        )
        if isinstance(answer, Broken):
            return Login(NotIn(reason=answer.outcome().reason), answer.exchanges)
        heard = heard_in(answer)
        if session := session_in(heard):
            return Login(Session(session, self._clock() + self._settings.session_for), answer.exchanges)
        verdict = classify(heard.reply, (row for row in self._rows if row.outcome == "deferred"), LOGIN)
        return Login(NotIn(reason=verdict.reason, wait=verdict.wait, counts=verdict.counts), answer.exchanges)


class Bare:
    """A province's own connector: it holds the session, each service is a method, and the body is the sealed array."""

    def __init__(self, settings: Settings, front: Front, credentials: Credentials) -> None:
        self._settings, self._front, self._credentials = settings, front, credentials
        self.looks_up = front.lookup is not None

    async def show(self, call: Call) -> Shown:
        path, query = envelope.method(self._front, self._settings.agency, call.service, call.extra)
        return await self._credentials.show(
            Request(
                path=envelope.target(self._settings, path, query),
                method="GET" if call.reads else "POST",
                body=call.data or b"",
                headers={**call.headers, **envelope.headers(self._settings)},
            )
        )

    def lapsed(self, shown: Request, answer: Answer) -> bool:
        return self._credentials.lapsed(shown, answer)

    async def close(self) -> None:
        await self._credentials.close()


def heard_in(answer: Answer) -> Heard:
    """Read an answer; an announced wait counts from when it arrived."""
    wait = wait_of(answer.headers.get("retry-after", ""), answer.arrived_at)
    return hear(answer.status, answer.media_type, answer.body, wait)
