"""The national portal, generation 1: log in, look up, create or update; progress is a transfer of its own.

What ``deliver`` promises (docs/explanation/national-portal.md §6, §8, §10):

* A dossier is looked up first. A lookup that did not answer ends the attempt: nothing of the parcel has left.
* ``DongBoHoSoMC`` replaces the whole record, so the same bytes twice do no harm. *đã tồn tại* on create: update, once.
* ``CapNhatTienDoHoSoMC`` appends and has no record id: it is sent once, and again only after an answer that proves that
  it was not processed (the portal wants a login).
* Questions and answers (``HANDED_ON``) are sent once, too: nothing tells whether the portal has one.
* After a login-class answer: one login, one replay. A page of HTML may come from behind the portal, so a write is not replayed on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.contract import Connector, Deferred, Delivered, Outcome, Parcel, Reason, Unsure
from connectors.credentials.sessions import NotIn
from connectors.national_portal import envelope
from connectors.national_portal.envelope import DOSSIER, HANDED_ON, LOOKUP, PROGRESS
from connectors.national_portal.line import Answered, Line, Said, reason
from connectors.national_portal.replies import (
    ACTIONS,
    confirms,
    known,
    progress_known,
)
from connectors.national_portal.ways import Call
from connectors.replies import Row, Verdict, known_actions, read_json
from connectors.transport import Broken, Http

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from connectors.contract import Exchange
    from connectors.credentials.contract import Credentials
    from connectors.national_portal.settings import Settings

NOT_THERE = Reason(code="HUB-PAR-010")
CANNOT_TELL = Reason(code="HUB-PAR-009")
MAY_BE_REPLACED = Reason(code="HUB-PAR-007")


def connect(
    settings: Settings,
    http: Http,
    replies: Iterable[Row] = (),
    *,
    clock: Callable[[], float],
    credentials: Credentials | None = None,
) -> Connector:
    """Open this portal; ``clock``: seconds that never go back. ``credentials``: what a province's connector is shown.

    Raises ``Refusal`` HUB-CFG-001 when the password cannot be read.
    """
    return _Portal(settings, Line(settings, http, known_actions(replies, ACTIONS), clock, credentials))


class _Portal:
    def __init__(self, settings: Settings, line: Line) -> None:
        self._settings, self._line = settings, line

    async def deliver(self, parcel: Parcel) -> Outcome:
        trail: list[Exchange] = []
        code = _dossier_code(parcel)
        if parcel.operation == PROGRESS or parcel.operation in HANDED_ON:
            return _outcome(await self._line.say(self._write(parcel, {}), trail), trail)
        if parcel.operation != DOSSIER or not code:
            return Deferred(reason=Reason(code="HUB-CFG-001", detail=f"operation {parcel.operation}"))
        if not self._line.looks_up:  # it says by itself what exists
            return await self._store(parcel, trail, there=False)
        asked = await self._look_up(code, trail)
        if not isinstance(asked, tuple):
            return _postponed(asked, trail)
        return await self._store(parcel, trail, there=bool(asked))

    async def find(self, parcel: Parcel) -> Outcome:
        """Ask by the dossier's code. ``Deferred`` also when the dossier is there but nothing proves that this update is."""
        code, progress = _dossier_code(parcel), self._settings.progress
        told = (
            self._line.looks_up
            and parcel.operation not in HANDED_ON
            and (parcel.operation != PROGRESS or progress is not None)
        )
        if not code or not told:
            return Unsure(reason=CANNOT_TELL)
        trail: list[Exchange] = []
        asked = await self._look_up(code, trail)
        exchanges = tuple(trail)
        if not isinstance(asked, tuple):
            return Unsure(reason=reason(asked), exchanges=exchanges)
        sealed = _records(parcel)
        if parcel.operation == PROGRESS and progress is not None:
            return _progress_found(progress_known(asked, sealed, progress), exchanges)
        if confirms(asked, sealed[0], self._settings.lookup):
            return Delivered(exchanges=exchanges)
        return Deferred(reason=MAY_BE_REPLACED if asked else NOT_THERE, exchanges=exchanges)

    async def close(self) -> None:
        await self._line.close()

    async def _store(self, parcel: Parcel, trail: list[Exchange], *, there: bool) -> Outcome:
        said = await self._line.say(self._write(parcel, envelope.updating(yes=there)), trail)
        exists = isinstance(said, Answered) and said.verdict.action == "switch_to_update"
        if exists and not there:
            said = await self._line.say(self._write(parcel, envelope.updating(yes=True)), trail)
        return _outcome(said, trail)

    async def _look_up(self, dossier: str, trail: list[Exchange]) -> tuple[Mapping[str, Any], ...] | Said:
        said = await self._line.say(Call(LOOKUP, envelope.lookup(dossier)), trail)
        if not isinstance(said, Answered):
            return said
        records = known(said.heard, self._settings.lookup, dossier)
        return said if records is None else records

    def _write(self, parcel: Parcel, extra: Mapping[str, str]) -> Call:
        return Call(parcel.operation, extra, parcel.sealed.payload, parcel.sealed.headers)


def _outcome(said: Said, trail: list[Exchange]) -> Outcome:
    """Say in the contract's words what came of a write."""
    exchanges = tuple(trail)
    match said:
        case Answered(verdict=verdict):
            return verdict.outcome(exchanges)
        case Broken(may_have=True):
            return Unsure(reason=reason(said), exchanges=exchanges)
        case _:
            return _postponed(said, trail)


def _postponed(said: Said, trail: list[Exchange]) -> Deferred:
    """Nothing of the parcel has left, whatever was said."""
    match said:
        case NotIn(wait=wait, counts=counts) | Answered(verdict=Verdict(wait=wait, counts=counts)):
            return Deferred(reason=reason(said), wait=wait, counts=counts, exchanges=tuple(trail))
        case _:
            return Deferred(reason=reason(said), exchanges=tuple(trail))


def _progress_found(there: bool | None, exchanges: tuple[Exchange, ...]) -> Outcome:  # noqa: FBT001 - yes, no, cannot tell
    match there:
        case True:
            return Delivered(exchanges=exchanges)
        case False:
            return Deferred(reason=NOT_THERE, exchanges=exchanges)
        case _:
            return Unsure(reason=CANNOT_TELL, exchanges=exchanges)


def _records(parcel: Parcel) -> list[dict[str, Any]]:
    """The sealed records; an empty one for bytes that are none, so that nothing is ever confirmed by them."""
    found = read_json(parcel.sealed.payload)
    records: list[dict[str, Any]] = []
    if isinstance(found, list):
        records = [record for record in found if isinstance(record, dict)]
    return records or [{}]


def _dossier_code(parcel: Parcel) -> str:
    """The code that stands in the sealed record: one dossier, one code, in every call (flaw 17)."""
    code = _records(parcel)[0].get("MaHoSo")
    return code if isinstance(code, str) and code else parcel.dossier
