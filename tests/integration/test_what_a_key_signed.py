"""A key got into other hands: what the hub itself signed with it is listed, so that whatever else bears it is known to be forged."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from connectors.contract import Draft
from hub.cli.opening import wired
from hub.lifecycle import Move
from hub.settings.file import load
from hub.store.contract.delivery import Settlement
from hub.wiring.parts import store_of
from hub.wiring.tools import pool_tools
from tests.doubles.evidence_site import filled, site
from tests.doubles.pki import Pki
from tests.store.samples import acceptance, attempt, roomy, sealed
from tests.unit.test_cli_double import line

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.contract import Sealed


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def settings(tmp_path: Path, now: datetime) -> Path:
    return site(tmp_path, Pki(tmp_path, now))


def listed(settings: Path, key: str, now: datetime, *more: str) -> list[tuple[str, str]]:
    words = ("key", "signed", key, "1", *more, "--settings", str(settings), "--json")
    done = line(*words, opener=wired, now=now)
    assert done.status == 0, done.err
    return [(one["what"], one["transfer"] or one["message"]) for one in json.loads(done.out)]


def test_receipts_are_listed_by_the_key_that_signed_them(settings: Path, now: datetime) -> None:
    async def fill() -> None:
        await (await filled(settings, now, more=1)).close()

    asyncio.run(fill())
    own = [("accepted", "m1"), ("accepted", "more1"), ("accepted", "m2"), ("accepted", "m2.so-tnmt.0.failed")]
    found = listed(settings, "bang-chung", now)
    assert found[:3] == own[:3]
    assert len(found) == len(own), "what could not be delivered is confirmed, too"
    assert listed(settings, "bang-chung", now, "--limit", "1") == own[:1]
    assert listed(settings, "province-seal", now) == []
    tomorrow = (now + timedelta(days=2)).date().isoformat()
    later = now + timedelta(days=3)
    assert listed(settings, "bang-chung", later, "--since", tomorrow) == []


def test_what_is_sealed_and_the_envelopes_of_attempts_are_listed(settings: Path, now: datetime) -> None:
    """The sealer says which generation of the day it used; the journal keeps it with the step."""
    made = sealed_by(settings)
    assert made.signer

    async def deliver() -> None:
        store = store_of(load(settings, {}))
        await store.capacities(roomy("so-tnmt"))
        await store.accept(acceptance("m1", dossier="d1", when=now))
        (work,) = await store.claim("w", now, 10, 30)
        told = msgspec.structs.replace(sealed(), signer=made.signer)
        await store.seal(work.token, {work.transfer: told})
        (call,) = attempt().exchanges
        tried = msgspec.structs.replace(
            attempt(), exchanges=(msgspec.structs.replace(call, ours=made.signer),)
        )
        await store.settle(
            work.token, [Settlement(transfer=work.transfer, move=Move.DELIVER, attempts=(tried,))], now
        )
        await store.close()

    asyncio.run(deliver())
    assert listed(settings, "province-seal", now) == [("sealed", "m1.so-tnmt.0"), ("deliver", "m1.so-tnmt.0")]


def sealed_by(settings: Path) -> Sealed:
    _, bench = pool_tools(str(settings))
    return bench.sealers["so-tnmt"].seal(Draft(payload=b"<a/>", media_type="text/xml"))
