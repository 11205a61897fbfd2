"""Lost, doubled, out of order? Counted from the partners' own journals; the hub is not asked."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from hub.demo.messages import Said


class Arrival(msgspec.Struct, frozen=True):
    """One thing that a partner processed. ``at``: when the event happened, ``yyyyMMddHHmmss``."""

    dossier: str
    at: str
    operation: str


class Count(msgspec.Struct, frozen=True):
    """``sent``: copies that this partner had to get; ``delivered``: different ones that it did get."""

    partner: str
    sent: int
    delivered: int
    lost: int
    doubled: int
    out_of_order: int
    foreign: int

    @property
    def clean(self) -> bool:
        return self.sent == self.delivered and not (
            self.lost or self.doubled or self.out_of_order or self.foreign
        )


def count(partner: str, sent: Iterable[Said], arrivals: Sequence[Arrival]) -> Count:
    """Hold what arrived against what was sent. Events of one dossier have times of their own, so time tells them apart."""
    wanted = {(said.dossier, said.at) for said in sent}
    got = Counter((one.dossier, one.at) for one in arrivals)
    by_dossier: dict[str, list[str]] = defaultdict(list)
    for one in arrivals:
        by_dossier[one.dossier].append(one.at)
    return Count(
        partner=partner,
        sent=len(wanted),
        delivered=len(wanted & got.keys()),
        lost=len(wanted - got.keys()),
        doubled=sum(times - 1 for times in got.values()),
        out_of_order=sum(
            earlier > later for times in by_dossier.values() for earlier, later in pairwise(times)
        ),
        foreign=len(got.keys() - wanted),
    )


def entries(journal: Path) -> list[Mapping[str, str]]:
    """Return what a simulated partner wrote down, in its order."""
    return [json.loads(line) for line in journal.read_text("utf-8").splitlines()] if journal.exists() else []


def of_land(journal: Path) -> list[Arrival]:
    """Every document that the land department took, by its own event time."""
    found = []
    for entry in entries(journal):
        document = etree.fromstring(
            entry["body"].encode(), etree.XMLParser(resolve_entities=False, no_network=True)
        )
        moment = document.findtext("{*}ThoiDiem") or ""
        found.append(
            Arrival(entry["dossier"], "".join(c for c in moment[:19] if c.isdigit()), entry["operation"])
        )
    return found


def of_portal(journal: Path, operation: str) -> list[Arrival]:
    """Every record that the portal took by this operation. A progress record carries its own time."""
    return [
        Arrival(record["MaHoSo"], record.get("ThoiDiemXuLy", ""), entry["operation"])
        for entry in entries(journal)
        if entry["operation"] == operation
        for record in json.loads(entry["body"])
    ]
