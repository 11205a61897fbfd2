"""One call to the portal, whatever it is for: shown who calls, said once more with a fresh session where that is safe, and its answer judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from connectors.contract import Reason
from connectors.credentials.sessions import NotIn
from connectors.national_portal.replies import ROWS, Heard
from connectors.national_portal.ways import Adapter, Bare, Call, Way, heard_in
from connectors.replies import Verdict, classify
from connectors.transport import Broken

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.contract import Exchange
    from connectors.credentials.contract import Credentials
    from connectors.national_portal.settings import Settings
    from connectors.replies import Table
    from connectors.transport import Http


class Answered(msgspec.Struct, frozen=True):
    verdict: Verdict
    heard: Heard


Said = Answered | Broken | NotIn


class Line:
    """``credentials``: what a province's connector is shown. Raises ``Refusal`` HUB-CFG-001 when the password cannot be read."""

    def __init__(
        self,
        settings: Settings,
        http: Http,
        rows: Table,
        clock: Callable[[], float],
        credentials: Credentials | None,
    ) -> None:
        self._http, self._rows = http, rows
        front = settings.connector
        self._way: Way = (
            Bare(settings, front, credentials)
            if front is not None and credentials is not None
            else Adapter(settings, http, rows, clock)
        )

    @property
    def looks_up(self) -> bool:
        return self._way.looks_up

    async def say(self, call: Call, trail: list[Exchange]) -> Said:
        """Call with a session; log in and say it again, once, after an answer that proves that nothing was done."""
        said, again = await self._once(call, trail)
        return (await self._once(call, trail))[0] if again else said

    async def close(self) -> None:
        await self._way.close()
        await self._http.close()

    async def _once(self, call: Call, trail: list[Exchange]) -> tuple[Said, bool]:
        """Return the answer and whether a new session may mend it; a session that looks lapsed is dropped."""
        shown, login = await self._way.show(call)
        trail.extend(login)
        if isinstance(shown, NotIn):
            return shown, False
        answer = await self._http.send(shown)
        trail.extend(answer.exchanges)
        if isinstance(answer, Broken):
            return answer, False
        heard = heard_in(answer)
        verdict = classify(heard.reply, self._rows, ROWS)
        wants_login = verdict.action == "log_in_again"
        unreadable = (
            not heard.reply.readable and answer.status // 100 == 2 and verdict.action == "unsure"  # noqa: PLR2004 - RFC 9110 §15.3
        )
        fresh = (wants_login or unreadable) and self._way.lapsed(shown, answer)
        return Answered(verdict, heard), fresh and (wants_login or call.reads)


def reason(said: Said) -> Reason:
    """Say why nothing can be concluded from it."""
    match said:
        case NotIn(reason=why):
            return why
        case Broken():
            return said.outcome().reason
        case Answered(verdict=verdict):  # a success that this room could not read is no success
            return verdict.reason if verdict.code else Reason(code="HUB-PAR-002", detail=verdict.detail)
