"""A day compared by the command line over the real store: what was lost after a false "taken" is found, sent again, and the day agrees."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from hub.cli.opening import wired
from hub.deadlines.calendar import VIETNAM
from tests.integration.test_cli_keys import ran
from tests.integration.test_cli_live import settings  # noqa: F401 - a fixture
from tests.store.samples import acceptance, delivered, sealed

if TYPE_CHECKING:
    from pathlib import Path

    from hub.store.contract.store import Store

NOW = datetime.now(UTC)
DAY = NOW.astimezone(VIETNAM).date().isoformat()
PARTNER = "so-dat"


async def deliver(store: Store) -> None:
    while works := await store.claim("w", NOW, 10, 30):
        for work in works:
            await store.seal(work.token, {work.transfer: sealed()})
            await store.settle(work.token, [delivered(work.transfer)], NOW)


async def _a_day(path: Path, names: tuple[str, ...]) -> None:
    hub = await wired(path)
    try:
        for name in names:
            await hub.store.accept(acceptance(name, dossier=name, partners=(PARTNER,), when=NOW))
        await deliver(hub.store)
    finally:
        await hub.close()


@pytest.fixture
def site(settings: Path) -> Path:  # noqa: F811 - a fixture
    asyncio.run(_a_day(settings, ("m1", "m2")))
    return settings


def compared(site: Path, listed: str) -> tuple[int, list[dict[str, object]]]:
    file = site.parent / "theirs.csv"
    file.write_text(listed)
    told = ran(str(site), "reconcile", "run", PARTNER, "--day", DAY, "--list", str(file), "--json")
    return told.status, json.loads(told.out) if told.out else []


def test_what_they_lost_is_found_and_sent_again_and_the_day_agrees(site: Path) -> None:
    status, found = compared(site, "way,id\nreceived,m2:so-dat:0\n")
    assert status == 3
    (lost,) = found
    assert (lost["direction"], lost["difference"], lost["key"]) == ("sent", "missing", "m1:so-dat:0")
    assert lost["mending"] == ["ask", "resend", "explain"]
    again = ("transfer", "send-again", "m1.so-dat.0", "--reason", "DS-1", "--yes")
    assert ran(str(site), *again).status == 6
    assert ran(str(site), *again, "--approver", "chi.hoa").status == 0
    asyncio.run(_a_day(site, ()))
    assert compared(site, "way,id\nreceived,m1:so-dat:0\nreceived,m2:so-dat:0\n") == (0, [])


def test_what_they_have_and_nobody_sent_and_other_bytes_are_told(site: Path) -> None:
    listed = f"way,id,digest\nreceived,m1:so-dat:0,{'0' * 64}\nreceived,m2:so-dat:0,\nreceived,m3:so-dat:0,\nsent,theirs-1,\n"
    status, found = compared(site, listed)
    assert status == 3
    assert [(each["direction"], each["difference"], each["key"]) for each in found] == [
        ("sent", "digest", "m1:so-dat:0"),
        ("sent", "extra", "m3:so-dat:0"),
        ("received", "missing", "theirs-1"),
    ]


def test_a_list_with_a_fault_says_nothing_and_a_partner_without_receipts_needs_one(site: Path) -> None:
    file = site.parent / "theirs.csv"
    file.write_text("way,id\nboth,k\n")
    refused = ran(str(site), "reconcile", "run", PARTNER, "--list", str(file))
    assert (refused.status, "HUB-RCN-001" in refused.err) == (1, True)
    unasked = ran(str(site), "reconcile", "run", PARTNER)
    assert (unasked.status, "--list" in unasked.err) == (1, True)
