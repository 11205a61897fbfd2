"""``GET /v1/figures`` and the dossiers behind each, for whoever may see them; ``GET /v1/reports``: what was published, for everybody.

Who operates the hub sees everything, another caller what is its own agency's and below.
"""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003 - msgspec reads the annotations at run time
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from fastapi import Request  # noqa: TC002 - FastAPI reads the annotations at run time
from starlette.responses import Response

from hub.api.coverage import NOT_YOURS, known
from hub.figures.counting import BYS, Choice, World
from hub.figures.course import Payment  # noqa: TC001 - msgspec reads the annotations at run time
from hub.figures.definition import DOSSIERS, FIGURES, definition, digest
from hub.figures.period import period
from hub.figures.publishing import FigureDesk
from hub.figures.report import Defined
from hub.receipts.receipts import HEADER
from schemas.problems import refuse

if TYPE_CHECKING:
    from fastapi import FastAPI

    from hub.api.desk import Deps

PATH, REPORTS = "/v1/figures", "/v1/reports"
CURRENT = "current"
UNKNOWN = "HUB-FIG-001"
LONGEST = 6


class FigureRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line; ``silent``: 0, and nothing behind it."""

    key: str
    figures: dict[str, int]
    silent: bool


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """``first`` … ``last``: both days whole; ``until``: up to which moment; ``known_at``: by what was known then."""

    first: date
    last: date
    agency: str
    by: str
    until: datetime
    known_at: datetime
    definition: Defined
    rows: tuple[FigureRow, ...]


class Paid(msgspec.Struct, frozen=True, kw_only=True):
    """What one payment adds to a figure of money."""

    amount: int
    payment: Payment


class BehindFigure(msgspec.Struct, frozen=True, kw_only=True):
    """``value``: how many dossiers, or the sum of ``payments``."""

    figure: str
    value: int
    dossiers: tuple[str, ...] = ()
    payments: tuple[Paid, ...] = ()


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """One edition, as everybody may know it: not who among the officers published it. The rest: as of ``Publication``."""

    id: str
    edition: int
    at: datetime
    known_at: datetime
    digest: str
    signature: str
    reason: str


class Reports(msgspec.Struct, frozen=True, kw_only=True):
    """Every edition of every report, oldest first."""

    reports: tuple[Published, ...]


def desk_of(deps: Deps) -> FigureDesk | None:
    """``None`` where there are no registries to place dossiers by."""
    if deps.registries is None:
        return None
    world = World(agencies=deps.registries.agencies, procedures=deps.registries.procedures)
    return FigureDesk(deps.store, world)


def add(app: FastAPI, deps: Deps) -> None:
    desk = desk_of(deps)
    if desk is None:
        return
    door = Door(deps, desk)
    for path, endpoint in (
        (PATH, door.figures),
        (f"{PATH}/{{figure}}", door.behind),
        (REPORTS, door.reports),
        (f"{REPORTS}/{{id}}/{{version}}", door.report),
    ):
        app.add_api_route(path, endpoint, methods=["GET"], response_class=Response, name=f"GET {path}")


class Door:
    """The endpoints."""

    def __init__(self, deps: Deps, desk: FigureDesk) -> None:
        self._deps, self._desk = deps, desk

    async def figures(self, request: Request) -> Response:
        """Count a period."""
        choice = await self._choice(request)
        counted = await self._desk.count(choice, self._deps.now())
        told = Figures(
            first=choice.period.first,
            last=choice.period.last,
            agency=counted.choice.agency,
            by=choice.by,
            until=counted.until,
            known_at=counted.known,
            definition=Defined(version=definition().version, digest=digest()),
            rows=tuple(
                FigureRow(key=row.key, figures={name: row.value(name) for name in FIGURES}, silent=row.silent)
                for row in counted.rows
            ),
        )
        return _json(told)

    async def behind(self, request: Request) -> Response:
        """Open one figure."""
        choice = msgspec.structs.replace(await self._choice(request), by="all")
        figure = str(request.path_params["figure"])
        if figure not in FIGURES:
            raise refuse(UNKNOWN, "figure", rule="docs/reference/figures.md")
        row = (await self._desk.count(choice, self._deps.now())).row()
        paid = () if figure in DOSSIERS else row.payments[figure]
        told = BehindFigure(
            figure=figure,
            value=row.value(figure),
            dossiers=row.dossiers.get(figure, ()),
            payments=tuple(Paid(amount=amount, payment=payment) for amount, payment in paid),
        )
        return _json(told)

    async def _choice(self, request: Request) -> Choice:
        """Raises ``Refusal`` HUB-AUT-011 for another agency's, HUB-FIG-001."""
        asked = request.query_params
        partner = await known(request, self._deps)
        agency = asked.get("agency", "")
        if partner not in self._deps.operators:
            agency = self._own(partner, agency)
        by = next((each for each in BYS if each == asked.get("by", "all")), None)
        if by is None:
            raise refuse(UNKNOWN, "by", rule=" | ".join(BYS))
        return Choice(
            period=period(asked.get("from", ""), asked.get("to", "")),
            agency=agency,
            level=asked.get("level", ""),
            procedure=asked.get("procedure", ""),
            field=asked.get("field", ""),
            channel=asked.get("channel", ""),
            by=by,
        )

    def _own(self, partner: str, agency: str) -> str:
        own = self._deps.speaks_for.get(partner, "")
        agencies = self._desk.world.agencies
        if not own or not (agency == "" or agencies.is_within(agency, own)):
            raise refuse(NOT_YOURS, rule="[access] operator")
        return agency or own

    async def reports(self, request: Request) -> Response:
        """List what was published."""
        del request
        found = await self._deps.store.ledger.publications()
        return _json(
            Reports(reports=tuple(msgspec.convert(each, Published, from_attributes=True) for each in found))
        )

    async def report(self, request: Request) -> Response:
        """Fetch one edition: the bytes that were signed, the same for ever. 304 to who names its ETag."""
        found = await self._desk.edition(str(request.path_params["id"]), _number(request))
        tag = f'"{found.publication.digest}"'
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": tag})
        signed = {HEADER: found.publication.signature} if found.publication.signature else {}
        return Response(found.raw, media_type="application/json", headers={"ETag": tag, **signed})


def _number(request: Request) -> int:
    """0: the newest. Raises ``Refusal`` HUB-FIG-002."""
    said = str(request.path_params["version"])
    return number(said)


def number(said: str) -> int:
    if said == CURRENT:
        return 0
    if not (said.isascii() and said.isdecimal() and len(said) <= LONGEST and int(said)):
        raise refuse("HUB-FIG-002", "edition")
    return int(said)


def _json(told: msgspec.Struct) -> Response:
    return Response(
        msgspec.json.encode(told), media_type="application/json", headers={"Cache-Control": "no-store"}
    )
