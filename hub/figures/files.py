"""An edition as a file: the page, the spreadsheet, or the bytes that were signed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from hub.figures.page import page
from hub.figures.sheets import sheet
from hub.figures.workbook import workbook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.figures.publishing import Edition

Ending = Literal["xlsx", "json", "html"]
MEDIA: Mapping[Ending, str] = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
    "html": "text/html",
}


def file_of(edition: Edition, ending: Ending, language: str) -> bytes:
    """The same edition makes the same bytes."""
    if ending == "json":
        return edition.raw
    told = sheet(edition.report, language)
    if ending == "xlsx":
        return workbook(told, edition.publication.at)
    return page(told, language).encode()
