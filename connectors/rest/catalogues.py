"""Shared dictionaries that a partner lists over REST, as a province's gateway does: one path each, by the same credentials as everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from connectors import dictionaries
from connectors.catalogues import Dictionary
from connectors.contract import Missed, Reason
from connectors.credentials.showing import called
from connectors.replies import at, looks_like_html, normal_code, read_json
from connectors.rest.replies import TAKEN
from connectors.transport import Answer, Broken, Http, Request

if TYPE_CHECKING:
    from connectors.catalogues import Agency, Field, Item, Procedure
    from connectors.credentials.contract import Credentials
    from connectors.rest.settings import Listing, Settings

UNREADABLE, EMPTY = "HUB-PAR-002", "HUB-PAR-015"


class RestCatalogues:
    """It lists dictionaries and nothing else."""

    registers = False

    def __init__(self, settings: Settings, http: Http, credentials: Credentials) -> None:
        self._settings, self._http, self._credentials = settings, http, credentials

    @property
    def dictionaries(self) -> tuple[Dictionary, ...]:
        return tuple(
            Dictionary(id=id_, source=told.path, field=told.path.rpartition("/")[2], vi=told.vi, en=told.en)
            for id_, told in self._settings.dictionaries.items()
        )

    async def items(self, of: Dictionary) -> tuple[Item, ...] | Missed:
        told = self._settings.dictionaries[of.id]
        query = f"?{urlencode(told.query)}" if told.query else ""
        request = Request(path=f"{told.path}{query}", method="GET", headers=self._settings.headers)
        said = await called(request, self._credentials, self._http.send)
        if not isinstance(said, Answer):
            return Missed(reason=said.outcome().reason if isinstance(said, Broken) else said.reason)
        records = self._records(told, said)
        if records == []:
            return _missed(told, "", EMPTY)
        return (records and dictionaries.read(records, told)) or _missed(told, f"HTTP {said.status}")

    def _records(self, told: Listing, said: Answer) -> list[dict[str, Any]] | None:
        """``None`` for a page, an error, a code that is not 0, and what holds no such list."""
        if said.status not in TAKEN or looks_like_html(said.body, said.media_type):
            return None
        document = read_json(said.body)
        code = self._settings.reply.code
        if code and normal_code(at(document, code)) != "0":
            return None
        records = at(document, told.at)
        if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
            return None
        return records

    async def procedures(self) -> tuple[Procedure, ...] | Missed:
        return NOT_LISTED

    async def agencies(self) -> tuple[Agency, ...] | Missed:
        return NOT_LISTED

    async def fields(self) -> tuple[Field, ...] | Missed:
        return NOT_LISTED

    async def close(self) -> None:
        await self._credentials.close()
        await self._http.close()


def _missed(told: Listing, detail: str, code: str = UNREADABLE) -> Missed:
    return Missed(reason=Reason(code=code, detail=f"{told.path} {detail}".strip()))


NOT_LISTED = Missed(reason=Reason(code=UNREADABLE, detail="not listed over REST"))
