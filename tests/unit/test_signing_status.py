"""What an authority says of a certificate counts only when it may say it, about this one, now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from schemas.problems import Refusal
from signing.trust.status import State, from_crl, from_ocsp, issuer_of, question
from tests.doubles.ocsp import authority
from tests.doubles.pki import Pki

if TYPE_CHECKING:
    from signing.trust.status import Answer
    from tests.doubles.ocsp import Ocsp

NOW = datetime.now(UTC)
NONCE = b"\x01" * 16
REVOKED_AT = NOW.replace(microsecond=0) - timedelta(hours=2)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    pki = Pki(tmp_path_factory.mktemp("pki"), NOW)
    for name in ("seal-p256", "seal-non-repudiation", "ocsp"):
        assert pki[name]
    return pki


def moment() -> datetime:
    """Now: the double answers by the real clock, and the tests may have begun long ago."""
    return datetime.now(UTC)


async def asked(
    theirs: Ocsp, name: str = "seal-p256", now: datetime | None = None, nonce: bytes = NONCE
) -> Answer:
    pki = theirs.pki
    query = question(pki[name].certificate, pki["root"].certificate, NONCE)
    return await from_ocsp(
        theirs.told(query), pki[name].certificate, pki["root"].certificate, nonce, now or moment()
    )


async def listed(theirs: Ocsp, name: str = "seal-p256", now: datetime | None = None) -> Answer:
    pki = theirs.pki
    return await from_crl(theirs.crl(), pki[name].certificate, pki["root"].certificate, now or moment())


async def test_a_good_certificate_is_good_for_as_long_as_the_answer_says(pki: Pki) -> None:
    for answer in (await asked(authority(pki)), await listed(authority(pki))):
        assert (answer.state, answer.revoked_at) == (State.GOOD, None)
        assert timedelta(minutes=58) < answer.valid_until - moment() < timedelta(minutes=62)


async def test_a_revoked_one_says_since_when(pki: Pki) -> None:
    theirs = authority(pki)
    theirs.revoke("seal-p256", REVOKED_AT)
    for answer in (await asked(theirs), await listed(theirs)):
        assert (answer.state, answer.revoked_at) == (State.REVOKED, REVOKED_AT)
    assert (await asked(theirs, "seal-non-repudiation")).state is State.GOOD
    assert (await listed(theirs, "seal-non-repudiation")).state is State.GOOD


async def test_the_authority_may_answer_itself(pki: Pki) -> None:
    assert (await asked(authority(pki, signer="root"))).state is State.GOOD


@pytest.mark.parametrize("signer", ["seal-non-repudiation", "tsa", "stranger-p256"])
async def test_nobody_answers_whom_the_authority_did_not_name_for_it(pki: Pki, signer: str) -> None:
    with pytest.raises(Refusal, match="HUB-CRT-007"):
        await asked(authority(pki, signer=signer))


async def test_a_list_counts_only_by_the_authority(pki: Pki) -> None:
    with pytest.raises(Refusal, match="HUB-CRT-007"):
        await listed(authority(pki, signer="stranger-p256"))


async def test_an_answer_is_over_at_its_end_and_not_before_its_beginning(pki: Pki) -> None:
    for ask in (asked, listed):
        for off in (timedelta(hours=2), -timedelta(hours=2)):
            with pytest.raises(Refusal, match="HUB-CRT-007"):
                await ask(authority(pki), now=moment() + off)


async def test_an_answer_that_does_not_say_how_long_it_counts_counts_for_half_an_hour(pki: Pki) -> None:
    theirs = authority(pki)
    theirs.minutes = 0
    answer = await asked(theirs, now=moment() + timedelta(minutes=29))
    assert timedelta(minutes=29) < answer.valid_until - moment() < timedelta(minutes=31)
    with pytest.raises(Refusal, match="HUB-CRT-007"):
        await asked(theirs, now=moment() + timedelta(minutes=36))


async def test_an_answer_about_another_certificate_is_none(pki: Pki) -> None:
    theirs = authority(pki)
    about = question(pki["seal-non-repudiation"].certificate, pki["root"].certificate, NONCE)
    with pytest.raises(Refusal, match="HUB-CRT-007"):
        await from_ocsp(
            theirs.told(about), pki["seal-p256"].certificate, pki["root"].certificate, NONCE, moment()
        )


async def test_an_old_answer_that_is_played_again_is_none(pki: Pki) -> None:
    with pytest.raises(Refusal, match="HUB-CRT-007"):
        await asked(authority(pki), nonce=b"\x02" * 16)


async def test_a_certificate_that_the_authority_does_not_know_is_not_good(pki: Pki) -> None:
    theirs = authority(pki)
    theirs.mood = "nobody"
    with pytest.raises(Refusal, match="HUB-CRT-007"):
        await asked(theirs)


@pytest.mark.parametrize(
    "raw", [b"", b"<html>", b"\x30\x03\x0a\x01\x06", b"\x30\x80", b"-----BEGIN X509 CRL-----"]
)
async def test_what_is_no_answer_is_none(pki: Pki, raw: bytes) -> None:
    seal, root = pki["seal-p256"].certificate, pki["root"].certificate
    with pytest.raises(Refusal, match="HUB-CRT-007"):
        await from_ocsp(raw, seal, root, NONCE, moment())
    with pytest.raises(Refusal, match="HUB-CRT-007"):
        await from_crl(raw, seal, root, moment())


def test_an_issuer_is_known_by_its_signature_and_not_by_its_name_alone(pki: Pki) -> None:
    others = [pki[name].certificate for name in ("seal-self-signed", "issuing")]
    assert (
        issuer_of(pki["seal-p256"].certificate, [*others, pki["root"].certificate]) == pki["root"].certificate
    )
    assert issuer_of(pki["seal-p256"].certificate, others) is None
    assert issuer_of(pki["tsa-issued"].certificate, others) == pki["issuing"].certificate
