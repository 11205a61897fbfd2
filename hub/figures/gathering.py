"""From the store's ledger to dossiers with their facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.figures.counting import Known
from hub.figures.facts import from_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from hub.figures.facts import Fact
    from hub.store.contract.ledger import KeptFact


def by_dossier(kept: Iterable[KeptFact]) -> list[Known]:
    """Bring together what was said of each dossier, in the order of acceptance."""
    found: dict[str, list[tuple[datetime, Fact]]] = {}
    for each in kept:
        found.setdefault(each.dossier, []).append((each.known_at, from_json(each.fact)))
    return [Known(dossier=dossier, facts=tuple(facts)) for dossier, facts in found.items()]
