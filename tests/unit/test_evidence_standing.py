"""What a bundle says of certificates counts only where their authority said it, for the time that is asked about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from hub.evidence import papers
from hub.evidence.standing import standings
from schemas.problems import Refusal
from signing.trust.status import question
from tests.doubles.ocsp import authority
from tests.doubles.pki import Pki

if TYPE_CHECKING:
    from hub.evidence.parts import Holds
    from tests.doubles.ocsp import Ocsp

NOW = datetime.now(UTC)
SEAL = "seal-p256"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    made = Pki(tmp_path_factory.mktemp("pki"), NOW)
    assert made[SEAL].certificate
    return made


def ocsp(pki: Pki, theirs: Ocsp) -> bytes:
    return theirs.told(question(pki[SEAL].certificate, pki["root"].certificate, b"12345678"))


async def said(pki: Pki, raw: bytes, *, under: str = "root", signed: datetime | None = None) -> list[Holds]:
    certificate = pki[SEAL].certificate
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
    files = {
        papers.certificate(fingerprint): certificate.public_bytes(Encoding.PEM),
        f"{papers.REVOCATION}{fingerprint}.der": raw,
        f"{papers.REVOCATION}{'0' * 64}.der": raw,
    }
    now = datetime.now(UTC)
    return await standings(files, [pki[under].certificate], now, [(fingerprint, signed or now)])


async def test_an_answer_of_the_authority_or_its_list_is_told_with_its_time(pki: Pki) -> None:
    theirs = authority(pki)
    for raw in (ocsp(pki, theirs), theirs.crl()):
        (held,) = await said(pki, raw)
        assert held.check == "standing"
        assert "seal-p256" in held.about
        assert held.at is not None
        assert abs(held.at - datetime.now(UTC)) < timedelta(minutes=1)


async def test_what_nobody_may_say_or_nobody_can_read_says_nothing(pki: Pki) -> None:
    assert await said(pki, ocsp(pki, authority(pki)), under="stranger-p256") == []
    assert await said(pki, ocsp(pki, authority(pki, signer="stranger-p256"))) == []
    assert await said(pki, b"what an authority said") == []
    assert await said(pki, b"") == []


async def test_what_is_no_certificate_is_a_contradiction() -> None:
    with pytest.raises(Refusal, match="HUB-EVD-010"):
        await standings({papers.certificate("aa"): b"x", f"{papers.REVOCATION}aa.der": b"x"}, [], NOW, [])


async def test_a_certificate_that_was_revoked_before_vouches_for_nothing(pki: Pki) -> None:
    theirs = authority(pki)
    theirs.revoke(SEAL, NOW - timedelta(minutes=5))
    for raw in (ocsp(pki, theirs), theirs.crl()):
        with pytest.raises(Refusal, match="HUB-CRT-004"):
            await said(pki, raw)
        (held,) = await said(pki, raw, signed=NOW - timedelta(minutes=6))
        assert (held.check, held.proved) == ("revoked", True), (
            "an earlier key of the hub's, revoked meanwhile"
        )
    later = authority(pki)
    later.revoke(SEAL, NOW + timedelta(hours=1))
    assert len(await said(pki, later.crl())) == 1, "what it signed before stands"
