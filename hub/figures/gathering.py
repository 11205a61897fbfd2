"""From the store's ledger to dossiers with their facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub.figures.counting import Known
from hub.figures.facts import from_json
from schemas.dossier import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from hub.figures.facts import Fact
    from hub.store.contract.ledger import KeptFact


def by_dossier(kept: Iterable[KeptFact]) -> list[Known]:
    """Bring together what was said of each dossier, in the order of acceptance."""
    found: dict[str, list[tuple[datetime, Fact]]] = {}
    for each in kept:
        fact = _dated(from_json(each.fact), each.known_at)
        found.setdefault(each.dossier, []).append((each.known_at, fact))
    return [Known(dossier=dossier, facts=tuple(facts)) for dossier, facts in found.items()]


def _dated(fact: Fact, known: datetime) -> Fact:
    """A correction says what is so when it is told, whatever its date: desks of systems that publish a record date it by the record."""
    return msgspec.structs.replace(fact, at=max(fact.at, known)) if fact.kind is Kind.CORRECTED else fact
