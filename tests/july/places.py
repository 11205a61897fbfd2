"""Who takes part: the units and procedures of the registry's seed data, and the desk through which each unit's messages come.

Read as data, with ``csv`` and ``tomllib`` alone.
"""

from __future__ import annotations

import csv
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

REGISTRIES = Path(__file__).parents[2] / "schemas" / "registries"
PROVINCE, CENTRE = "000.00.00.H47", "000.00.43.H47"
LAND, LAND_OFFICE, BUILDING, FINANCE, JUSTICE = (
    *("000.00.15.H47", "000.01.15.H47", "000.00.09.H47"),
    *("000.00.05.H47", "000.00.03.H47"),
)
TAM_KY, HOI_AN, DIEN_BAN = "000.00.21.H47", "000.00.22.H47", "000.00.23.H47"
INSURANCE = "000.00.47.G24"
CHAINED = "2.009986"
DUTIES = frozenset({"1.009999", "1.009998", "1.009997"})
"""Procedures about land, by which taxes fall due."""


@dataclass(frozen=True)
class Work:
    """A procedure as far as it matters here. ``codes``: national, local; ``hours``: of processing."""

    national: str | None
    local: str
    hours: float
    level: str
    field: str

    @property
    def code(self) -> str:
        return self.national or self.local


@dataclass(frozen=True)
class Counter:
    """Units whose dossiers come by one desk. ``share``: of all that is received. ``done_by``: who decides and tells results.

    ``desk``: ``rest``, ``motcua``, ``soap``, ``lgsp`` or ``mapi``: how what is received is told. ``beside``: the voice that says
    what the desk's own protocol has no words for.
    """

    name: str
    desk: str
    units: tuple[str, ...]
    work: tuple[str, ...]
    share: int
    done_by: str
    beside: str
    portal: bool = False


@cache
def procedures() -> dict[str, Work]:
    """By national code, or by the local one where there is no other."""
    told = tomllib.loads((REGISTRIES / "procedures" / "quang-nam.toml").read_text("utf-8"))["procedure"]
    return {work.code: work for work in map(_work, told)}


def _work(entry: dict[str, Any]) -> Work:
    return Work(
        entry.get("national"),
        entry["local"][0]["code"],
        entry["hours"],
        entry["level"],
        entry["field"]["code"],
    )


@cache
def agencies() -> dict[str, dict[str, str]]:
    """Every unit of the province that stood in 2017, with its parent; itself included."""
    rows: list[dict[str, str]] = []
    with (REGISTRIES / "agencies" / "quang-nam.csv").open(encoding="utf-8", newline="") as file:
        rows += csv.DictReader(file)
    return {row["code"]: row for row in rows if not row["since"]}


def below(unit: str, count: int) -> tuple[str, ...]:
    """The first communes of a district."""
    return tuple(code for code, row in agencies().items() if row["parent"] == unit)[:count]


DISTRICT_WORK = ("1.009998", "1.009997", "1.009993", "1.009991")
COMMUNE_WORK = ("1.009989", "1.009988", "1.009987", "2.009984", "1.009985")


@cache
def counters() -> tuple[Counter, ...]:
    """The desks, in an order that never changes."""
    return (
        Counter(
            "trung-tam", "motcua", (LAND,), ("1.009999", "1.009995"), 14, "so-tnmt", "so-tnmt", portal=True
        ),
        Counter("trung-tam", "motcua", (LAND_OFFICE,), ("1.009996",), 12, "vp-dat-dai", "vp-dat-dai"),
        Counter("trung-tam", "motcua", (FINANCE,), ("1.009992",), 9, "so-tai-chinh", "so-tai-chinh"),
        Counter("trung-tam", "motcua", (JUSTICE,), ("1.009990",), 5, "so-tu-phap", "so-tu-phap"),
        Counter("so-xay-dung", "soap", (BUILDING,), ("1.009994",), 8, "so-xay-dung", "so-xay-dung"),
        Counter("tam-ky", "rest", (TAM_KY,), (*DISTRICT_WORK, "QNM-NB-01"), 8, "tam-ky", "tam-ky"),
        Counter("tam-ky", "rest", below(TAM_KY, 5), (*COMMUNE_WORK, CHAINED), 12, "tam-ky", "tam-ky"),
        Counter("hoi-an", "lgsp", (HOI_AN,), DISTRICT_WORK, 6, "hoi-an", "hoi-an-2"),
        Counter("hoi-an", "lgsp", below(HOI_AN, 4), COMMUNE_WORK, 9, "hoi-an", "hoi-an-2"),
        Counter("dien-ban", "mapi", (DIEN_BAN,), DISTRICT_WORK, 7, "dien-ban", "dien-ban-2"),
        Counter("dien-ban", "mapi", below(DIEN_BAN, 4), COMMUNE_WORK, 10, "dien-ban", "dien-ban-2"),
    )
