"""What a hub counts from its ledger beside what the oracle counts from the plan, cell by cell."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from hub.figures.counting import Choice, count
from hub.figures.gathering import by_dossier
from hub.figures.period import Period
from tests.july import oracle
from tests.july.places import PROVINCE

if TYPE_CHECKING:
    from datetime import datetime

    from hub.figures.counting import By, Counted, World
    from hub.store.contract.store import Store
    from tests.july.oracle import Window
    from tests.july.plan import Plan


async def counted(
    store: Store, world: World, window: Window, by: By, known: datetime, agency: str = PROVINCE
) -> Counted:
    """Count as the hub does. ``known``: what it learned later is left out; so is what happened after the window's end."""
    facts = by_dossier(await store.ledger.facts())
    choice = Choice(period=Period(first=window.first, last=window.last), agency=agency, by=by)
    return count(facts, choice, world, (window.until or known).astimezone(UTC))


def differing(found: Counted, made: Plan, window: Window, by: By) -> list[str]:
    """Every cell that is not what the oracle says, with the dossiers that are in one of them only."""
    dossiers, sums = oracle.figures(made, window, by), oracle.money(made, window, by)
    rows = {row.key: row for row in found.rows}
    wrong = [f"no row {key}" for key in {*dossiers, *sums} - rows.keys()]
    for key, row in rows.items():
        for figure, codes in row.dossiers.items():
            other = set(codes) ^ set(dossiers.get(key, {}).get(figure, []))
            wrong += [f"{key} {figure}: {sorted(other)}"] if other or len(codes) != len(set(codes)) else []
        for figure in row.payments:
            wanted = sums.get(key, {}).get(figure, 0)
            wrong += [f"{key} {figure}: {row.value(figure)}, not {wanted}"] * (row.value(figure) != wanted)
    return wrong
