"""Forms as pages: no script, everything escaped, a page that prints on A4 and can be kept as one file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jinja2 import Environment

    from hub.figures.sheets import Column, Sheet

FOLDER = Path(__file__).parent / "templates"
TABLES = (FOLDER / "figures.css").read_text("utf-8")
"""The style of tables, for whoever puts them into a page of their own."""
Link = tuple[str, str]
"""What it says, and its address."""


def dotted(number: int) -> str:
    """``3.408.000``: dots between the thousands, as it is written in Vietnam."""
    return f"{number:,}".replace(",", ".")


@cache
def _templates() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - heavy; only pages need it

    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["dotted"] = dotted
    return made


def nowhere(_key: str, _column: Column) -> str:
    """Figures of a published page lead nowhere: who stands behind them is not for everybody."""
    return ""


def page(sheet: Sheet, language: str, links: Sequence[Link] = ()) -> str:
    """Return a whole page with its style in it."""
    return _templates().get_template("page.html").render(
        sheet=sheet, language=language, links=links, link=nowhere, style=_style()
    )  # fmt: skip


def listed(
    title: str, rows: Sequence[tuple[str, str, str]], nothing: str, language: str, links: Sequence[Link] = ()
) -> str:
    """Return a page of links; each row: what it says, what stands beside it, its address. ``nothing``: said when there is no row."""
    return _templates().get_template("list.html").render(
        title=title, rows=rows, nothing=nothing, language=language, links=links, style=_style()
    )  # fmt: skip


def tables(sheet: Sheet, language: str, link: Callable[[str, Column], str] = nowhere) -> Markup:
    """Return the tables alone. ``link``: where the figure of a line and column leads; empty: nowhere."""
    made = _templates().get_template("tables.html").module.tables  # type: ignore[attr-defined]
    return Markup(made(sheet, link, language))  # noqa: S704 - the template has escaped it


def _style() -> Markup:
    return Markup((FOLDER / "own.css").read_text("utf-8") + TABLES)  # noqa: S704 - our own file
