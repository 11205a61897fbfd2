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


def told(site: Path, *words: str) -> tuple[int, dict[str, object]]:
    done = ran(str(site), "reconcile", *words, "--day", DAY, "--json")
    return done.status, json.loads(done.out) if done.out else {}


def test_a_day_is_kept_mended_by_two_compared_again_signed_off_and_printed(site: Path) -> None:
    compared(site, "way,id\nreceived,m2:so-dat:0\n")
    status, shown = told(site, "show", PARTNER)
    assert (status, shown["version"], shown["differing"], shown["unsettled"]) == (3, 1, 1, 1)
    early = ran(str(site), "reconcile", "sign", PARTNER, "--day", DAY, "--yes")
    assert (early.status != 0, "HUB-RCN-004" in early.err) == (True, True)
    mend = ("approve", PARTNER, "m1:so-dat:0", "--reason", "DS-1", "--yes")
    assert ran(str(site), "reconcile", *mend, "--day", DAY).status == 6
    again = ran(str(site), "reconcile", *mend, "--day", DAY, "--approver", "chi.hoa", "--json")
    assert again.status == 0
    assert [(each["mending"], each["approved_by"]) for each in json.loads(again.out)] == [
        ("resend", "chi.hoa")
    ]
    twice = ran(str(site), "reconcile", *mend, "--day", DAY, "--approver", "chi.hoa")
    assert twice.status != 0
    asyncio.run(_a_day(site, ()))
    assert compared(site, "way,id\nreceived,m1:so-dat:0\nreceived,m2:so-dat:0\n") == (0, [])
    status, shown = told(site, "show", PARTNER)
    assert (status, shown["version"], shown["differing"]) == (0, 2, 0)
    assert ran(str(site), "reconcile", "sign", PARTNER, "--day", DAY, "--yes").status == 0
    once = ran(str(site), "reconcile", "sign", PARTNER, "--day", DAY, "--yes")
    assert (once.status != 0, "HUB-RCN-003" in once.err) == (True, True)
    page = ran(str(site), "reconcile", "print", PARTNER, "--day", DAY)
    assert page.status == 0
    assert page.out.startswith("RECONCILIATION OF")
    assert str(shown["digest"]) in page.out


def test_what_is_explained_is_settled_and_what_cannot_be_done_here_is_said(site: Path) -> None:
    listed = f"way,id,digest\nreceived,m1:so-dat:0,{'0' * 64}\nreceived,m2:so-dat:0,\n"
    compared(site, listed)
    wrong = ran(
        str(site),
        *("reconcile", "approve", PARTNER, "m1:so-dat:0", "--fix", "resend", "--day", DAY),
        *("--reason", "x", "--approver", "chi.hoa", "--yes"),
    )
    assert (wrong.status != 0, "HUB-RCN-005" in wrong.err) == (True, True)
    unknown = ran(str(site), "reconcile", "approve", PARTNER, "m9", "--day", DAY, "--reason", "x", "--yes")
    assert "HUB-RCN-002" in unknown.err
    explain = ("reconcile", "approve", PARTNER, "m1:so-dat:0", "--day", DAY, "--reason", "giấy", "--yes")
    assert ran(str(site), *explain).status == 0
    assert "HUB-RCN-003" in ran(str(site), *explain).err
    compared(site, listed)
    assert told(site, "show", PARTNER)[1]["version"] == 1
    assert ran(str(site), "reconcile", "sign", PARTNER, "--day", DAY, "--yes").status == 0


def test_every_partner_is_listed_also_those_that_nobody_compared(site: Path) -> None:
    for day in ("", DAY):
        shown = ran(str(site), "reconcile", "show", "--json")
        assert {each["partner"]: each["day"] for each in json.loads(shown.out)} == {PARTNER: day}
        compared(site, "way,id\nreceived,m2:so-dat:0\n")
    missing = ran(str(site), "reconcile", "show", PARTNER, "--day", "2020-01-01")
    assert (missing.status, "2020-01-01" in missing.err) == (1, True)
