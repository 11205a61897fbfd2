"""What the partners themselves wrote down: each of them notes what it processed, in its own words; here it becomes dossier and time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from lxml import etree

from hub.demo.cast import AXIS, COMMUNE, DISTRICT, FINANCE, LAND, ONESTOP, PORTAL, REGISTRY, TAX
from hub.demo.count import Arrival

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    Entry = Mapping[str, str]

VIETNAM = timezone(timedelta(hours=7))
PROGRESS = "CapNhatTienDoHoSoMC"
_HANDED, _RETURNED = "tiepnhan", "capnhattrangthaitraketquahoso"


def entries(journal: Path) -> list[Entry]:
    """Return what a simulated partner wrote down, in its order; a line that it is still writing comes the next time."""
    written = journal.read_bytes() if journal.exists() else b""
    return [json.loads(line) for line in written[: written.rfind(b"\n") + 1].splitlines()]


class Noted(NamedTuple):
    """One thing that a partner processed, and what it was handed: JSON as read, else nothing."""

    arrival: Arrival
    body: Any = None


def digits(moment: str) -> str:
    """Return ``yyyyMMddHHmmss`` of a wall time as any of the formats writes it."""
    return "".join(c for c in moment[:19] if c.isdigit())


def wall(moment: str) -> str:
    """The same of a time with a zone, as Vietnam's clocks show it; without a zone it is UTC."""
    told = datetime.fromisoformat(moment)
    return f"{told.replace(tzinfo=told.tzinfo or UTC).astimezone(VIETNAM):%Y%m%d%H%M%S}"


def _xml(text: str) -> etree._Element:
    return etree.fromstring(text.encode(), etree.XMLParser(resolve_entities=False, no_network=True))


def _land(entry: Entry) -> Iterator[Noted]:
    moment = _xml(entry["body"]).findtext("{*}ThoiDiem") or ""
    yield Noted(Arrival(entry["dossier"], digits(moment), entry["operation"]))


def _portal(entry: Entry) -> Iterator[Noted]:
    """Every record of progress; it carries its own time."""
    if entry["operation"] == PROGRESS:
        for record in json.loads(entry["body"]):
            yield Noted(Arrival(record["MaHoSo"], record.get("ThoiDiemXuLy", ""), PROGRESS), record)


def _onestop(entry: Entry) -> Iterator[Noted]:
    body = json.loads(entry["body"])
    yield Noted(Arrival(entry["dossier"], body["ThoiDiem"], body["LoaiSuKien"]), body)


def _message(entry: Entry) -> Iterator[Noted]:
    """The hub's own words, in a letter or a file."""
    body = json.loads(entry["body"])
    yield Noted(Arrival(entry["dossier"], wall(body["event"]["at"]), body["event"]["kind"]), body)


def _axis(entry: Entry) -> Iterator[Noted]:
    """Documents that the hub sent; statuses and what the department itself sent are none."""
    if entry["operation"] == "sendEdoc":
        moment = _xml(entry["body"]).findtext(".//{*}TraceHeader/{*}Timestamp") or ""
        yield Noted(Arrival(entry["dossier"], digits(moment), entry["operation"]))


def _registry(entry: Entry) -> Iterator[Noted]:
    body = json.loads(entry["body"])
    moment = body["NgayTiepNhan"] if entry["operation"] == _HANDED else body["NgayTra"]
    yield Noted(Arrival(entry["dossier"], wall(moment), entry["operation"]), body)


def _tax(entry: Entry) -> Iterator[Noted]:
    """A question says of which dossier, not when."""
    yield Noted(Arrival(entry["dossier"], "", entry["operation"]))


READ: Mapping[str, Callable[[Entry], Iterator[Noted]]] = {
    ONESTOP: _onestop,
    LAND: _land,
    REGISTRY: _registry,
    TAX: _tax,
    FINANCE: _message,
    AXIS: _axis,
    DISTRICT: _onestop,
    COMMUNE: _message,
    PORTAL: _portal,
}


def noted(name: str, journal: Path) -> list[Noted]:
    return [one for entry in entries(journal) for one in READ[name](entry)]


def arrivals(name: str, journal: Path) -> list[Arrival]:
    """Everything that this system processed, in its order."""
    return [one.arrival for one in noted(name, journal)]


class Ears:
    """Reads on in a journal that grows."""

    def __init__(self, name: str, journal: Path) -> None:
        self._read, self._journal, self._at = READ[name], journal, 0
        self.heard: list[Noted] = []

    def listen(self) -> list[Noted]:
        if self._journal.exists():
            with self._journal.open("rb") as file:
                file.seek(self._at)
                whole = file.read()
            whole = whole[: whole.rfind(b"\n") + 1]
            self._at += len(whole)
            self.heard += [one for line in whole.splitlines() for one in self._read(json.loads(line))]
        return self.heard
