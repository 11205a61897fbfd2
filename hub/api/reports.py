"""``/reports``: published reports as pages and files, for everybody. They name no dossier and no citizen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Request  # noqa: TC002 - FastAPI reads the annotations at run time
from starlette.responses import Response

from hub.api import problems
from hub.api.figures import desk_of, number
from hub.deadlines.calendar import VIETNAM
from hub.figures.files import MEDIA, Ending, file_of
from hub.figures.page import Link, listed, page
from hub.figures.sheets import WORDS, sheet
from schemas.problems import refuse

if TYPE_CHECKING:
    from fastapi import FastAPI

    from hub.api.desk import Deps
    from hub.figures.publishing import Edition, FigureDesk
    from hub.store.contract.ledger import Publication
    from schemas.errors import Language

PATH = "/reports"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Language",
}
TITLE = {"vi": "Báo cáo đã công bố", "en": "Published reports"}
NONE = {"vi": "Chưa công bố báo cáo nào.", "en": "No report was published yet."}
EDITION = {"vi": "lần {edition}, công bố {at}", "en": "edition {edition}, published {at}"}
OTHER = {"vi": ("English", "en"), "en": ("Tiếng Việt", "vi")}
SHEET = {"vi": "Bảng tính (xlsx)", "en": "Spreadsheet (xlsx)"}
SIGNED = {"vi": "Bản đã ký (json)", "en": "As it was signed (json)"}
NEWEST = 500
"""Editions that the list shows, the newest first."""


def add(app: FastAPI, deps: Deps) -> None:
    """People open these: they are no part of the described API."""
    desk = desk_of(deps)
    if desk is None:
        return
    pages = Pages(deps, desk)
    for path, endpoint in ((PATH, pages.all), (f"{PATH}/{{id}}/{{file}}", pages.one)):
        app.add_api_route(path, endpoint, methods=["GET"], response_class=Response, include_in_schema=False)


class Pages:
    def __init__(self, deps: Deps, desk: FigureDesk) -> None:
        self._deps, self._desk = deps, desk

    def _language(self, request: Request) -> Language:
        said = request.query_params.get("lang")
        if said in ("vi", "en"):
            return "en" if said == "en" else "vi"
        return problems.language(request.headers.get("accept-language", ""), self._deps.language)

    async def all(self, request: Request) -> Response:
        language = self._language(request)
        found = list(await self._deps.store.ledger.publications())[-NEWEST:]
        rows = [_listed(each, language) for each in reversed(found)]
        links = [_other(language)]
        return _html(listed(TITLE[language], rows, NONE[language], language, links), language)

    async def one(self, request: Request) -> Response:
        """Show an edition, by its number or ``current``; with the ending of a file, that file. Raises ``Refusal`` HUB-FIG-002."""
        said, _, ending = str(request.path_params["file"]).partition(".")
        language = self._language(request)
        edition = await self._desk.edition(str(request.path_params["id"]), number(said))
        if not ending:
            return _html(page(sheet(edition.report, language), language, _links(edition, language)), language)
        wanted: Ending | None = next((each for each in MEDIA if each == ending), None)
        if wanted is None:
            raise refuse("HUB-FIG-002", "file", rule=" | ".join(MEDIA))
        name = f"{edition.report.id.replace(':', '-')}-{edition.report.edition}.{wanted}"
        headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
        return Response(file_of(edition, wanted, language), media_type=MEDIA[wanted], headers=headers)


def _listed(told: Publication, language: Language) -> tuple[str, str, str]:
    form, _, rest = told.id.partition(":")
    agency, _, days = rest.partition(":")
    title = WORDS[form][language == "en"].capitalize() if form in WORDS else form
    at = f"{told.at.astimezone(VIETNAM):%d/%m/%Y}"
    small = f"{agency} · {EDITION[language].format(edition=told.edition, at=at)}"
    address = f"{PATH}/{told.id}/{told.edition}?lang={language}"
    return f"{title}, {days.replace(':', ' – ')}", small, address


def _links(edition: Edition, language: Language) -> list[Link]:
    one = f"{PATH}/{edition.report.id}/{edition.report.edition}"
    return [
        (TITLE[language], f"{PATH}?lang={language}"),
        (SHEET[language], f"{one}.xlsx?lang={language}"),
        (SIGNED[language], f"{one}.json"),
        _other(language),
    ]


def _other(language: Language) -> Link:
    text, code = OTHER[language]
    return text, f"?lang={code}"


def _html(html: str, language: Language) -> Response:
    return Response(html, media_type="text/html", headers={**HEADERS, "Content-Language": language})
