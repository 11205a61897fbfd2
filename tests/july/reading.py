"""Reads a published report as whoever gets it does: the page's table, the spreadsheet's cells; shares nothing with what writes them."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

from lxml import etree, html

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
Table = dict[str, dict[str, int | str]]
"""Line → column → what stands there. A column in a group is called ``group: name``."""


def of_page(document: bytes) -> list[Table]:
    """Every table of a page."""
    root = html.document_fromstring(document.decode())
    return [_of_table(table) for table in root.iter("table")]


def _of_table(table: etree._Element) -> Table:
    found: Table = {}
    for row in table.iter("tr"):
        name, cells = row.find("th[@scope='row']"), row.findall("td")
        if name is None or not cells:
            continue
        told = {cell.get("data-label", ""): _value(_text(cell)) for cell in cells}
        quiet = name.find("span[@class='quiet']")
        if quiet is not None:  # a silent line says so beside its name, and its note is empty
            told[cells[-1].get("data-label", "")] = _text(quiet)
        found[(name.text or "").strip()] = told
    return found


def _text(element: etree._Element) -> str:
    return "".join(map(str, element.itertext())).strip()


def _value(text: str) -> int | str:
    bare = text.replace(".", "")
    return int(bare) if bare.isdigit() else text


def of_workbook(document: bytes, name: str = "xl/worksheets/sheet1.xml") -> Table:
    """The table of one sheet: the first line whose first cell heads a column, its names below, and all lines that follow."""
    book = zipfile.ZipFile(io.BytesIO(document))
    strings = [
        "".join(map(str, each.itertext()))
        for each in etree.fromstring(book.read("xl/sharedStrings.xml")).findall(f"{MAIN}si")
    ]
    sheet = etree.fromstring(book.read(name))
    rows = [_cells(row, strings) for row in sheet.iter(f"{MAIN}row")]
    rows = [row for row in rows if row]
    head = next(number for number, row in enumerate(rows) if len(row) > 2)
    columns = _columns(rows[head], rows[head + 1])
    found: Table = {}
    for row in rows[head + 2 :]:
        if len(row) > 1:
            found[str(row[0])] = {label: row[place] for place, label in columns.items() if place in row}
    return found


def _cells(row: etree._Element, strings: Sequence[str]) -> dict[int, int | str]:
    found: dict[int, int | str] = {}
    for cell in row.iter(f"{MAIN}c"):
        value = cell.findtext(f"{MAIN}v")
        if value is not None:
            found[_place(cell.get("r", ""))] = strings[int(value)] if cell.get("t") == "s" else int(value)
    return found


def _place(reference: str) -> int:
    """``AB12`` → 27."""
    place = 0
    for letter in reference.rstrip("0123456789"):
        place = place * 26 + ord(letter) - ord("A") + 1
    return place - 1


def _columns(groups: Mapping[int, int | str], names: Mapping[int, int | str]) -> dict[int, str]:
    found, group = {}, ""
    for place in range(1, max((*groups, *names)) + 1):
        group = str(groups.get(place, group))
        found[place] = f"{group}: {names[place]}" if place in names else group
    return found
