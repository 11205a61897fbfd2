"""Figures of an officer's agency and what stands below it: a period's table, each number of which opens its dossiers."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from hub.api.figures import desk_of
from hub.console import acts, visits
from hub.console.visits import ROOT
from hub.figures.counting import Choice
from hub.figures.definition import DOSSIERS, FIGURES, definition
from hub.figures.page import tables
from hub.figures.period import period, week_before
from hub.figures.sheets import sheet
from schemas.problems import refuse

if TYPE_CHECKING:
    from starlette.responses import Response

    from hub.console.office import Office
    from hub.console.visits import Work
    from hub.figures.counting import Counted
    from hub.figures.course import Payment
    from hub.figures.period import Period
    from hub.figures.publishing import FigureDesk
    from hub.figures.sheets import Column

NOT_HERE = "HUB-OFF-008"
LATE = ("resolved_late", "open_late")
LONGEST = 500
MOST = 2000
"""Dossiers that a page lists; all of them stand in the command line's answer."""
PAGE = f"{ROOT}/figures"


class FigurePages:
    def __init__(self, office: Office) -> None:
        self._office, self._desk = office, desk_of(office.deps)

    def _counts(self) -> FigureDesk:
        if self._desk is None:
            raise refuse(NOT_HERE)
        return self._desk

    async def page(self, work: Work) -> Response:
        """Show the figures so far, counted now; nothing of it is published."""
        now, language = self._office.deps.now(), work.visit.language
        span = self._period(work) or week_before(now)
        draft = await self._counts().draft("weekly", work.agency.code, span, None, now)
        told = msgspec.structs.replace(sheet(draft.report, language), notes=())

        def link(line: str, column: Column) -> str:
            asked = {"figure": ",".join(column.figures), "line": line, **_days(span)}
            return f"{PAGE}/dossiers?{urlencode(asked)}" if column.figures else ""

        return self._office.html(
            work.visit,
            "figures.html",
            tab="figures",
            tables=tables(told, language, link),
            span=span,
            reports=await self._published(work),
        )

    async def _published(self, work: Work) -> list[str]:
        """Addresses of what was published for this agency or one above it, the newest first."""
        agencies = self._counts().world.agencies
        found = await self._office.deps.store.ledger.publications()
        return [
            f"{each.id}/{each.edition}"
            for each in reversed(found)
            if agencies.is_within(work.agency.code, each.id.split(":")[1])
        ][:20]

    def _period(self, work: Work) -> Period | None:
        """Raises ``Refusal`` HUB-FIG-001."""
        asked = work.visit.request.query_params
        if "from" not in asked and "to" not in asked:
            return None
        return period(asked.get("from", ""), asked.get("to", ""))

    async def dossiers(self, work: Work) -> Response:
        """List what is behind figures of one line. Raises ``Refusal`` HUB-OFF-008 for another agency's."""
        asked, language = work.visit.request.query_params, work.visit.language
        figures = [each for each in asked.get("figure", "").split(",") if each in FIGURES]
        span = self._period(work)
        if not figures or span is None:
            raise refuse(NOT_HERE)
        agencies = self._counts().world.agencies
        own = agencies.successor(work.agency.code, span.last).code
        line = asked.get("line", "") or own
        if not agencies.is_within(line, own):
            raise refuse(NOT_HERE)
        counted = await self._counts().count(Choice(period=span, agency=line), self._office.deps.now())
        codes, paid = _behind(counted, figures)
        wanted = [each for each in LATE if each in figures]
        late = await self._counts().late(counted, wanted) if wanted else ()
        return self._office.html(
            work.visit,
            "figure.html",
            tab="figures",
            names=[definition().figure[each].say(language) for each in figures],
            rules=[definition().figure[each].rule.say(language) for each in figures],
            agency_name=self._office.agency_name(work.visit, line),
            codes=codes[:MOST],
            more=max(0, len(codes) - MOST),
            standing=counted.standing,
            why={each.code: each.why for each in late},
            paid=paid[:MOST],
            total=sum(amount for amount, _ in paid),
            span=span,
            back=f"{PAGE}?{urlencode(_days(span))}",
            back_here=f"{PAGE}/dossiers?{urlencode({'figure': ','.join(figures), 'line': line, **_days(span)})}",
            note=self._office.note(work.visit),
        )

    async def explain(self, work: Work) -> Response:
        """Say why a dossier of this agency is late; somebody at the centre accepts it. Raises ``Refusal`` HUB-OFF-003, -007, -008."""
        form = await self._office.small(work.visit)
        visits.check_stamp(work.visit, form)
        code, now = form["code"], self._office.deps.now()
        unit, reason = form["unit"].strip()[:LONGEST], form["reason"].strip()[:LONGEST]
        if not (unit and reason):
            raise refuse(acts.MISSING, "unit" if reason else "reason")
        span = period(form["from"], form["to"])
        counted = await self._counts().count(Choice(period=span, agency=work.agency.code), now)
        if code not in _behind(counted, list(LATE))[0]:
            raise refuse(NOT_HERE)
        dossier = counted.standing[code].dossier
        await self._counts().propose(dossier, reason, unit, work.officer.id, now)
        return visits.go(f"{visits.own(form['back'])}&done=figures.said")


def _days(span: Period) -> dict[str, str]:
    return {"from": str(span.first), "to": str(span.last)}


def _behind(counted: Counted, figures: list[str]) -> tuple[list[str], list[tuple[int, Payment]]]:
    row = counted.row()
    codes = sorted({code for figure in figures if figure in DOSSIERS for code in row.dossiers[figure]})
    paid = [each for figure in figures if figure not in DOSSIERS for each in row.payments[figure]]
    return codes, paid
