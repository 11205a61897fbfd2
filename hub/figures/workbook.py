"""A form as a spreadsheet (Office Open XML). Texts are written as texts, so that none of them is ever taken for a formula."""

from __future__ import annotations

import io
from datetime import datetime  # noqa: TC003 - part of a public signature
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hub.figures.sheets import Column, Sheet

NUMBER = "#,##0"
WIDE, NARROW = 42, 12


def workbook(told: Sheet, made_at: datetime) -> bytes:
    """Return the file: the form on the first page, what belongs to it on further ones. The same values make the same bytes."""
    from xlsxwriter import Workbook  # noqa: PLC0415 - only spreadsheets need it

    kept = io.BytesIO()
    book = Workbook(kept, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": told.title, "created": made_at.replace(tzinfo=None)})
    faces = _faces(book)
    for n, one in enumerate((told, *told.more), 1):
        _page(book.add_worksheet(str(n)), one, faces)
    book.close()
    return kept.getvalue()


def _faces(book: Any) -> dict[str, Any]:  # noqa: ANN401 - the library's own class
    cell = {"border": 1, "valign": "top", "text_wrap": True}
    return {
        "title": book.add_format({"bold": True, "font_size": 13}),
        "head": book.add_format({**cell, "bold": True, "align": "center"}),
        "": book.add_format({**cell, "num_format": NUMBER}),
        "silent": book.add_format({**cell, "num_format": NUMBER, "italic": True}),
        "total": book.add_format({**cell, "num_format": NUMBER, "bold": True}),
        "group": book.add_format({"bold": True}),
    }


def _page(page: Any, told: Sheet, faces: dict[str, Any]) -> None:  # noqa: ANN401 - the library's own class
    page.write_string(0, 0, told.title, faces["title"])
    for n, text in enumerate(told.under, 1):
        page.write_string(n, 0, text)
    at = len(told.under) + 2
    _head(page, at, told.columns, faces["head"])
    for n, row in enumerate(told.rows, at + 2):
        for place, cell in enumerate(row.cells):
            write = page.write_number if isinstance(cell, int) else page.write_string
            write(n, place, cell, faces[row.face])
    for n, note in enumerate(told.notes, at + 3 + len(told.rows)):
        page.write_string(n, 0, note)
    for place, column in enumerate(told.columns):
        page.set_column(place, place, NARROW if column.figures else WIDE)
    page.set_landscape()
    page.set_paper(9)  # A4
    page.fit_to_pages(1, 0)
    page.repeat_rows(at, at + 1)
    page.freeze_panes(at + 2, 1)


def _head(page: Any, at: int, columns: tuple[Column, ...], face: Any) -> None:  # noqa: ANN401 - the library's own classes
    """Two lines: groups above, names below; a column without a group takes both."""
    place = 0
    while place < len(columns):
        group = columns[place].group
        end = place
        while group and end + 1 < len(columns) and columns[end + 1].group == group:
            end += 1
        if not group:
            page.merge_range(at, place, at + 1, place, columns[place].name, face)
        else:
            if end > place:
                page.merge_range(at, place, at, end, group, face)
            else:
                page.write_string(at, place, group, face)
            for n in range(place, end + 1):
                page.write_string(at + 1, n, columns[n].name, face)
        place = end + 1
