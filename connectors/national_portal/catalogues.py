"""Asks the portal for what it publishes. One procedure that does not come makes the list incomplete, and an incomplete list is none."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from connectors import dictionaries
from connectors.contract import Missed, Reason
from connectors.national_portal import published
from connectors.national_portal.line import Answered, reason
from connectors.national_portal.replies import ROWS
from connectors.national_portal.ways import Call
from connectors.portal_lists import DICTIONARIES
from connectors.replies import fits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from connectors.catalogues import Agency, Dictionary, Field, Item, Procedure
    from connectors.contract import Exchange
    from connectors.dictionaries import Columns
    from connectors.national_portal.line import Line

AT_ONCE = 4
UNREADABLE, EMPTY = "HUB-PAR-002", "HUB-PAR-015"

Read = TypeVar("Read")


class PortalCatalogues:
    registers = True

    def __init__(self, line: Line, levels: Mapping[str, str], columns: Mapping[str, Columns]) -> None:
        self._line, self._levels, self._columns = line, levels, columns
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def procedures(self) -> tuple[Procedure, ...] | Missed:
        """The list names them, ``LayThuTuc`` says each whole."""
        records = await self._records("LayDanhSachTTHC")
        if isinstance(records, Missed):
            return records
        found = published.codes(records)
        if found is None:
            return _missed("LayDanhSachTTHC", UNREADABLE)
        told = await asyncio.gather(*(self._procedure(code) for code in found))
        missed = next((each for each in told if isinstance(each, Missed)), None)
        return missed or tuple(each for each in told if not isinstance(each, Missed))

    async def agencies(self) -> tuple[Agency, ...] | Missed:
        return await self._list("LayDanhMucCoQuan", lambda each: published.agency(each, self._levels))

    async def fields(self) -> tuple[Field, ...] | Missed:
        return await self._list("LayDanhMucLinhVuc", published.field)

    @property
    def dictionaries(self) -> tuple[Dictionary, ...]:
        return DICTIONARIES

    async def items(self, of: Dictionary) -> tuple[Item, ...] | Missed:
        columns = self._columns.get(of.id)
        records = await self._records(of.source, **(columns.query if columns else {}))
        if isinstance(records, Missed):
            return records
        return dictionaries.read(records, columns) or _missed(
            of.source, UNREADABLE, "MA…, TEN…: dictionaries"
        )

    async def close(self) -> None:
        await self._line.close()

    async def _procedure(self, code: str) -> Procedure | Missed:
        async with self._turns:
            records = await self._records("LayThuTuc", maTTHC=code)
        if isinstance(records, Missed):
            return records
        found = published.procedure(records[0])
        return found if found and found.code == code else _missed(f"LayThuTuc {code}", UNREADABLE)

    async def _list(
        self, service: str, read: Callable[[Mapping[str, Any]], Read | None]
    ) -> tuple[Read, ...] | Missed:
        records = await self._records(service)
        if isinstance(records, Missed):
            return records
        found = tuple(each for record in records if (each := read(record)) is not None)
        return found if len(found) == len(records) else _missed(service, UNREADABLE)

    async def _records(self, service: str, **about: str) -> tuple[Mapping[str, Any], ...] | Missed:
        trail: list[Exchange] = []
        said = await self._line.say(Call(service, about), trail)
        if not isinstance(said, Answered):
            why = reason(said)
            return _missed(service, why.code, why.detail)
        heard = said.heard
        bare = isinstance(heard.document, list) and heard.reply.status // 100 == 2  # noqa: PLR2004 - RFC 9110 §15.3
        records = published.listed(heard) if bare or fits(ROWS[0], heard.reply) else None
        if records is None:
            if published.is_empty(heard) and (bare or fits(ROWS[0], heard.reply)):
                return _missed(service, EMPTY, " ".join(about.values()))
            why = reason(said)
            return _missed(service, why.code, why.detail)
        return records


def _missed(service: str, code: str, detail: str = "") -> Missed:
    return Missed(reason=Reason(code=code, detail=f"{service} {detail}".strip()))
