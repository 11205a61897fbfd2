"""At the door: a message whose signer nobody vouches for now comes again later; one of a revoked certificate is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from hub.trust.contract import Barred, Said, Standing
from signing.jose.modi import ModiSigner
from signing.keys.ring import KeySource, load
from signing.profiles import ModiProfile
from signing.trust.pins import pin
from tests.doubles.pki import Pki
from tests.integration.intake_house import PROVINCE, House, house, partner_files, parts, sender
from tests.integration.test_modi import HUB, NOW, sent, signed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path, NOW)


@pytest.fixture
def signer(pki: Pki) -> ModiSigner:
    one = pki["seal-p256"]
    key = load(KeySource(name="seal", file=str(one.key_file), certificate=str(one.certificate_file)))
    return ModiSigner(key, ModiProfile(audience=HUB))


@pytest.fixture
async def hub(tmp_path: Path, pki: Pki) -> AsyncIterator[House]:
    file = pki["seal-p256"].certificate_file
    folder = partner_files(tmp_path / "partners", file)
    proof = (
        f'[sends.signature]\nbinding = "modi-rest"\naudience = "{HUB}"\ncertificates = ["{file}"]\n'
        '[sends.signature.revocation]\nmode = "require"\ngrace = "1h"\nocsp = "http://ocsp.example.vn"\n'
    )
    (folder / "desk.toml").write_text(sender("desk", PROVINCE, [PROVINCE], proof=proof))
    made = parts(folder)
    (desk,) = (one for one in made.partners if one.id == "desk")
    assert desk.sends
    assert desk.sends.signature
    told = desk.sends.signature.revocation
    assert (told.mode, told.grace, told.ocsp) == ("require", 3600.0, "http://ocsp.example.vn")
    rules = {"desk": told}
    async with house(tmp_path, made, lambda: NOW, rules=rules) as opened:
        yield opened


async def test_the_same_message_is_taken_once_its_authority_has_answered(
    hub: House, pki: Pki, signer: ModiSigner
) -> None:
    what = signed(signer, hub.received())
    waits = await sent(hub, what)
    assert (waits.status, waits.code) == (503, "HUB-CRT-005")
    assert int(waits.headers["Retry-After"]) > 0
    assert await hub.store.journal() == ()
    good = Standing(
        fingerprint=pin(pki["seal-p256"].certificate).fingerprint,
        state=Said.GOOD,
        heard_at=NOW - timedelta(hours=3),
        valid_until=NOW - timedelta(minutes=59),
        tried_at=NOW,
    )
    await hub.store.trust.hear([good], NOW)
    await hub.trust.read()
    assert (await sent(hub, what)).status == 202
    gone = msgspec.structs.replace(good, state=Said.REVOKED, revoked_at=NOW - timedelta(hours=1))
    await hub.store.trust.hear([gone], NOW)
    await hub.trust.read()
    assert (await sent(hub, what)).status == 202  # it had been taken: the stored receipt
    refused = await sent(hub, signed(signer, hub.received(), "m-2", Idempotency_Key="k-2"))
    assert (refused.status, refused.code) == (401, "HUB-CRT-004")


async def test_what_a_person_barred_is_refused(hub: House, pki: Pki, signer: ModiSigner) -> None:
    told = Barred(
        fingerprint=pin(pki["seal-p256"].certificate).fingerprint,
        name="x",
        since=NOW,
        at=NOW,
        by="an",
        reason="mất thẻ",
    )
    await hub.store.trust.bar(told)
    await hub.trust.read()
    refused = await sent(hub, signed(signer, hub.received()))
    assert (refused.status, refused.code) == (401, "HUB-CRT-004")
