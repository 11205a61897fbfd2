"""What the hub accepted it signs, once: who asks again gets the very same bytes."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from hub.receipts.receipts import HEADER
from schemas.problems import Refusal
from signing.jose.detached import DetachedSigner, DetachedVerifier
from signing.keys.ring import KeySource, load
from signing.trust.pins import load_pins
from tests.doubles.pki import Pki
from tests.integration.intake_house import house, partner_files, parts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.integration.intake_house import House

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    folder = tmp_path / "pki"
    folder.mkdir()
    return Pki(folder, NOW)


@pytest.fixture
async def hub(tmp_path: Path, pki: Pki) -> AsyncIterator[House]:
    seal = pki["seal-p256"]
    key = load(KeySource(name="evidence", file=str(seal.key_file), certificate=str(seal.certificate_file)))
    partners = tmp_path / "partners"
    partner_files(partners, pki["seal-2048"].certificate_file)
    async with house(tmp_path, parts(partners), lambda: NOW, confirm=DetachedSigner(key).sign) as opened:
        yield opened


def verifier(pki: Pki, name: str = "seal-p256") -> DetachedVerifier:
    return DetachedVerifier(load_pins([pki[name].certificate_file]))


async def test_a_receipt_carries_the_hubs_signature_and_the_digest_of_what_came(hub: House, pki: Pki) -> None:
    raw = json.dumps(hub.received()).encode()
    answer = await hub.post(raw, key="a")
    verified = verifier(pki).verify(answer.body, answer.headers[HEADER], NOW)
    assert verified.payload == answer.body
    assert answer["digest"] == hashlib.sha256(raw).hexdigest()
    with pytest.raises(Refusal, match="HUB-SIG-002"):
        verifier(pki).verify(answer.body.replace(b"received", b"returned"), answer.headers[HEADER], NOW)
    with pytest.raises(Refusal, match="HUB-CRT-001"):
        verifier(pki, "stranger-p256").verify(answer.body, answer.headers[HEADER], NOW)


async def test_many_who_ask_at_once_and_again_hold_one_signature(hub: House) -> None:
    raw = json.dumps(hub.received()).encode()
    answers = await asyncio.gather(*(hub.post(raw, key="a") for _ in range(10)))
    again = await hub.post(raw, key="a")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len({answer.headers[HEADER] for answer in (*answers, again)}) == 1
    seen = await hub.get(again.headers["Location"])
    assert seen["confirmation"] == again.headers[HEADER]
