"""A time-stamp is believed only when it is over these bytes, for this query, by this authority, valid at that time."""

from __future__ import annotations

import hashlib
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from asn1crypto import cms, core
from asn1crypto import x509 as asn1
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from schemas.problems import Refusal
from signing import timestamps
from signing.timestamps import Authority, examine, load_anchors, question, read, token_of
from tests.doubles.pki import Pki
from tests.doubles.tsa import OTHER_POLICY, POLICY, Tsa, authority, tsa

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from signing.timestamps import Anchors
    from tests.doubles.pki import Issued

NOW = datetime.now(UTC)
DIGEST = hashlib.sha256("hồ sơ".encode()).digest()
OTHER = hashlib.sha256(b"other").digest()


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


@pytest.fixture(scope="module")
def ours(pki: Pki) -> Tsa:
    return authority(pki)


def anchors(pki: Pki, *names: str, policy: str = "") -> Anchors:
    return load_anchors([pki[name].certificate_file for name in names or ("root",)], policy)


def token(tsa: Tsa, digest: bytes = DIGEST, policy: str = "") -> bytes:
    return token_of(tsa.stamp(question(digest, 7, policy)))


def refused(made: bytes, digest: bytes, trusted: Anchors) -> str:
    with pytest.raises(Refusal) as caught:
        examine(made, digest, trusted)
    return caught.value.code


def test_a_stamp_proves_its_time_and_names_who_stamped(pki: Pki, ours: Tsa) -> None:
    stamp = examine(token(ours), DIGEST, anchors(pki))
    assert abs(stamp.time - datetime.now(UTC)) < timedelta(seconds=30)
    assert (stamp.policy, stamp.nonce, stamp.certificate) == (POLICY, 7, pki["tsa-issued"].certificate)


def test_a_chain_in_the_order_of_openssl_is_read(pki: Pki, ours: Tsa) -> None:
    assert read(token(ours), DIGEST, anchors(pki)) < datetime.now(UTC) + timedelta(seconds=2)


def test_the_certificates_order_is_no_ders_order_here(ours: Tsa) -> None:
    """Otherwise the test above would prove nothing."""
    data, _ = timestamps._parsed(token(ours))
    listed = [one.dump() for one in data["certificates"]]
    assert listed != sorted(listed)


def test_openssl_agrees_with_what_we_ask_and_believe(pki: Pki, ours: Tsa) -> None:
    asked, told = ours.folder / "asked", ours.folder / "told"
    asked.write_bytes(question(DIGEST, 7))
    told.write_bytes(ours.stamp(asked.read_bytes()))
    root, issuing = pki["root"].certificate_file, pki["issuing"].certificate_file
    done = subprocess.run(
        [
            "openssl",
            "ts",
            "-verify",
            "-queryfile",
            asked,
            "-in",
            told,
            "-CAfile",
            root,
            "-untrusted",
            issuing,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Verification: OK" in done.stdout


def test_a_stamp_over_other_bytes_is_refused(pki: Pki, ours: Tsa) -> None:
    assert refused(token(ours, OTHER), DIGEST, anchors(pki)) == "HUB-TSP-004"


def test_a_stamp_under_another_root_is_refused(pki: Pki, ours: Tsa) -> None:
    assert refused(token(ours), DIGEST, anchors(pki, "seal-self-signed")) == "HUB-TSP-006"


def test_without_any_root_nothing_is_believed(pki: Pki, ours: Tsa) -> None:
    assert refused(token(ours), DIGEST, anchors(pki, "issuing")) == "HUB-TSP-006"


def signed_anew(made: bytes, by: Issued, time: datetime | None = None) -> bytes:
    """The same stamp as another certificate would make it, or at another time, with every other thing right."""
    content = cms.ContentInfo.load(made).copy()
    data, der = content["content"], by.certificate.public_bytes(Encoding.DER)
    (signer,) = data["signer_infos"]
    info = data["encap_content_info"]["content"].parsed.copy()
    info["gen_time"] = time or info["gen_time"].native
    data["encap_content_info"]["content"] = core.ParsableOctetString(info.dump())
    for attribute in signer["signed_attrs"]:
        if attribute["type"].native == "message_digest":
            attribute["values"] = [hashlib.sha256(info.dump()).digest()]
        if attribute["type"].native == "signing_certificate_v2":
            attribute["values"] = [{"certs": [{"cert_hash": hashlib.sha256(der).digest()}]}]
    data["certificates"] = cms.CertificateSet([cms.CertificateChoices.load(der)])
    theirs = asn1.Certificate.load(der)
    signer["sid"] = cms.SignerIdentifier(
        "issuer_and_serial_number", {"issuer": theirs.issuer, "serial_number": theirs.serial_number}
    )
    said = cms.CMSAttributes(list(signer["signed_attrs"])).dump()
    signer["signed_attrs"] = cms.CMSAttributes.load(said)
    assert isinstance(by.key, ec.EllipticCurvePrivateKey)
    signer["signature"] = by.key.sign(said, ec.ECDSA(SHA256()))
    return bytes(content.dump())


def test_only_a_certificate_for_stamping_stamps(pki: Pki, ours: Tsa) -> None:
    assert read(signed_anew(token(ours), pki["tsa"]), DIGEST, anchors(pki))
    for name in ("tls-client", "seal-p256", "ocsp", "root"):
        assert refused(signed_anew(token(ours), pki[name]), DIGEST, anchors(pki)) == "HUB-TSP-006", name


def test_the_certificate_is_the_one_whose_digest_was_signed(pki: Pki, ours: Tsa) -> None:
    """Two certificates of one key and one name: only one of them was meant."""
    made = signed_anew(token(ours), pki["tsa"])
    digest = hashlib.sha256(pki["tsa"].certificate.public_bytes(Encoding.DER)).digest()
    assert digest in made
    with pytest.raises(Refusal, match="HUB-TSP-006"):
        timestamps._signer(timestamps._parsed(made.replace(digest, bytes(32)))[0])


def test_a_stamp_under_another_policy_is_refused_where_one_is_declared(pki: Pki, ours: Tsa) -> None:
    made = token(ours, policy=OTHER_POLICY)
    assert examine(made, DIGEST, anchors(pki, policy=OTHER_POLICY)).policy == OTHER_POLICY
    assert refused(made, DIGEST, anchors(pki, policy=POLICY)) == "HUB-TSP-007"


def test_every_changed_byte_of_what_is_signed_is_seen(pki: Pki, ours: Tsa) -> None:
    made, trusted = token(ours), anchors(pki)
    _, info = timestamps._parsed(made)
    start = made.index(info.dump())
    for place in range(start, start + len(info.dump()), 7):
        changed = bytearray(made)
        changed[place] ^= 1
        assert refused(bytes(changed), DIGEST, trusted).startswith("HUB-TSP-")


@pytest.mark.parametrize("made", [b"", b"<html>", b"\x30\x80", b"\x30\x03\x02\x01\x01", b"\x30" * 100_000])
def test_what_is_no_token_is_refused(pki: Pki, made: bytes) -> None:
    assert refused(made, DIGEST, anchors(pki)) == "HUB-TSP-003"
    with pytest.raises(Refusal, match="HUB-TSP-003"):
        token_of(made)


def test_a_cut_token_is_refused(pki: Pki, ours: Tsa) -> None:
    made = token(ours)
    for length in range(0, len(made), 97):
        assert refused(made[:length], DIGEST, anchors(pki)) == "HUB-TSP-003"


def test_a_refusal_of_the_authority_says_why(ours: Tsa) -> None:
    with pytest.raises(Refusal) as caught:
        token(ours, policy="1.2.3")
    assert (caught.value.code, caught.value.problems[0].rule) == (
        "HUB-TSP-002",
        "rejection unaccepted_policy",
    )


def test_a_stamp_outlives_its_authoritys_certificate(pki: Pki, ours: Tsa) -> None:
    then = NOW.replace(microsecond=0) - timedelta(days=300)
    made = signed_anew(token(ours), pki["tsa-expired"], then)
    assert read(made, DIGEST, anchors(pki)) == then


def test_a_certificate_that_was_over_when_it_stamped_is_not_believed(pki: Pki, ours: Tsa) -> None:
    made = signed_anew(token(ours), pki["tsa-expired"])
    assert refused(made, DIGEST, anchors(pki)) == "HUB-TSP-006"


def asking(tsa: Tsa) -> Callable[[bytes], Awaitable[bytes]]:
    async def ask(query: bytes) -> bytes:
        return tsa.answer(query)[1]

    return ask


async def test_an_authority_is_asked_once_and_its_token_is_kept_as_it_came(pki: Pki, ours: Tsa) -> None:
    stamper = Authority(asking(ours), anchors(pki, policy=POLICY), lambda size: b"\x7f" * size)
    made = await stamper.stamp(DIGEST)
    assert made in ours.first
    assert read(made, DIGEST, anchors(pki)) is not None


async def test_an_old_reply_that_is_played_again_is_refused(pki: Pki) -> None:
    nonces = iter((b"\x01" * 8, b"\x02" * 8))
    with tsa(pki) as server:
        server.mood = "again"
        stamper = Authority(asking(server), anchors(pki), lambda _: next(nonces))
        await stamper.stamp(DIGEST)
        with pytest.raises(Refusal, match="HUB-TSP-005"):
            await stamper.stamp(DIGEST)


def stamped_by_openssl(ours: Tsa, algorithm: str) -> bytes:
    (ours.folder / "data").write_bytes(b"data")
    said = f"-data {ours.folder}/data -{algorithm} -cert -out {ours.folder}/q".split()
    subprocess.run(["openssl", "ts", "-query", *said], check=True, capture_output=True)
    return token_of(ours.stamp((ours.folder / "q").read_bytes()))


def test_a_stamp_by_sha_512_says_so(pki: Pki, ours: Tsa) -> None:
    made = stamped_by_openssl(ours, "sha512")
    assert timestamps.digest_of(made) == "sha512"
    assert read(made, hashlib.sha512(b"data").digest(), anchors(pki)) is not None


def test_a_stamp_by_sha_1_proves_nothing(pki: Pki, ours: Tsa) -> None:
    made = stamped_by_openssl(ours, "sha1")
    assert refused(made, hashlib.sha1(b"data").digest(), anchors(pki)) == "HUB-TSP-003"  # noqa: S324 - what is refused
