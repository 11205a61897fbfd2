"""Requests signed after ModI: what is covered, whom it is for, how long it holds; PyJWT and openssl as second opinions."""

from __future__ import annotations

import base64
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import msgspec
import pytest

from schemas.problems import Refusal
from signing.contract import Wire
from signing.jose.compact import decode, encode
from signing.jose.modi import Bearers, ModiSigner, ModiVerifier, digests
from signing.keys.ring import KeySource, load
from signing.profiles import Identity, ModiProfile
from signing.trust.pins import load_pins
from tests.doubles.pki import Pki

if TYPE_CHECKING:
    from pathlib import Path

    from signing.contract import Key, Verified

NOW = datetime.now(UTC)
BODY = '{"soHoSo": "H47-1", "chủ": "Nguyễn Thị Hoa"}'.encode()
HUB = "urn:lienthong:h47"
PROFILE = ModiProfile(audience=HUB, issuer="urn:so-dat", subject="urn:so-dat")
WHOLE = msgspec.structs.replace(PROFILE, identity=Identity.ID_AUTH_REST_02)
WIRE = Wire(
    body=BODY,
    headers={"Content-Type": "application/json", "Idempotency-Key": "k-1", "X-Other": "1"},
    method="POST",
    id="m:p:1",
)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


def key(pki: Pki, name: str = "seal-2048") -> Key:
    one = pki[name]
    return load(KeySource(name=name, file=str(one.key_file), certificate=str(one.certificate_file)))


def came(sent: Wire) -> Wire:
    return msgspec.structs.replace(
        sent, headers={name.lower(): value for name, value in sent.headers.items()}
    )


def sign(pki: Pki, profile: ModiProfile = PROFILE, wire: Wire = WIRE, name: str = "seal-2048") -> Wire:
    return came(ModiSigner(key(pki, name), profile).sign(wire, NOW))


def verify(
    pki: Pki, wire: Wire, profile: ModiProfile = PROFILE, *, at: datetime = NOW, name: str = "seal-2048"
) -> Verified:
    return ModiVerifier(load_pins([pki[name].certificate_file]), profile).verify(wire, at)


def token_of(wire: Wire) -> str:
    return wire.headers["agid-jwt-signature"]


@pytest.mark.parametrize("name", ["seal-2048", "seal-p256"])
@pytest.mark.parametrize("profile", [PROFILE, WHOLE], ids=["integrity", "with identity"])
def test_what_is_signed_comes_back_with_what_was_said_beside_it(
    pki: Pki, name: str, profile: ModiProfile
) -> None:
    verified = verify(pki, sign(pki, profile, name=name), profile, name=name)
    assert verified.payload == BODY
    assert verified.claims == {"jti": "m:p:1", "aud": HUB, "iss": "urn:so-dat", "sub": "urn:so-dat"}
    assert verified.signed_at == NOW.replace(microsecond=0)
    assert verified.profile == "modi-rest@1"
    assert len(verified.signature) == 64
    assert verified.signer.fingerprint == key(pki, name).fingerprint


def test_pyjwt_verifies_what_we_sign_and_finds_the_pattern_in_it(pki: Pki) -> None:
    now = datetime.now(UTC)  # PyJWT looks at the clock itself
    sent = came(ModiSigner(key(pki), WHOLE).sign(WIRE, now))
    public: Any = pki["seal-2048"].certificate.public_key()
    claims = jwt.decode(token_of(sent), public, algorithms=["RS256"], audience=HUB)
    assert claims["signed_headers"] == [
        {"digest": digests(BODY)["Digest"]},
        {"content-digest": digests(BODY)["Content-Digest"]},
        {"content-type": "application/json"},
        {"idempotency-key": "k-1"},
    ]
    assert (claims["jti"], claims["iss"], claims["exp"] - claims["iat"]) == ("m:p:1", "urn:so-dat", 300)
    bearer = jwt.decode(sent.headers["authorization"].split()[1], public, algorithms=["RS256"], audience=HUB)
    assert bearer["jti"] == "m:p:1"
    assert "signed_headers" not in bearer


def test_the_digest_is_what_openssl_says(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(BODY)
    raw = subprocess.run(
        ["openssl", "dgst", "-sha256", "-binary", str(tmp_path / "body")], capture_output=True, check=True
    ).stdout
    assert digests(BODY) == {
        "Digest": f"SHA-256={base64.b64encode(raw).decode()}",
        "Content-Digest": f"sha-256=:{base64.b64encode(raw).decode()}:",
    }


@pytest.mark.parametrize("names", [("digest",), ("content-digest",), ("digest", "content-digest")])
def test_what_pyjwt_signs_is_verified(pki: Pki, names: tuple[str, ...]) -> None:
    said = {name.lower(): value for name, value in digests(BODY).items() if name.lower() in names}
    issued = int(NOW.timestamp())
    claims = {
        "aud": HUB,
        "iat": issued,
        "exp": issued + 60,
        "jti": "their-own",
        "signed_headers": [{"content-type": "application/json"}, *({n: v} for n, v in said.items())],
    }
    private: Any = pki["seal-2048"].key
    header = {"x5c": [base64.b64encode(_der(pki)).decode()]}
    token = jwt.encode(claims, private, "RS256", headers=header)
    wire = Wire(body=BODY, headers={**said, "content-type": "application/json", "agid-jwt-signature": token})
    assert verify(pki, wire).claims["jti"] == "their-own"


def _der(pki: Pki) -> bytes:
    return bytes.fromhex(
        subprocess.run(
            ["openssl", "x509", "-in", str(pki["seal-2048"].certificate_file), "-outform", "DER"],
            capture_output=True,
            check=True,
        ).stdout.hex()
    )


def test_every_attempt_is_signed_anew_under_the_same_message_id(pki: Pki) -> None:
    signer = ModiSigner(key(pki), PROFILE)
    first, later = (came(signer.sign(WIRE, NOW + timedelta(minutes=m))) for m in (0, 10))
    assert token_of(first) != token_of(later)
    at = NOW + timedelta(minutes=10)
    assert verify(pki, later, at=at).claims["jti"] == "m:p:1"
    with pytest.raises(Refusal, match="HUB-SIG-031"):
        verify(pki, first, at=at)


def test_a_request_without_a_body_says_only_who_calls(pki: Pki) -> None:
    sent = ModiSigner(key(pki), WHOLE).sign(Wire(body=b"", method="GET"), NOW)
    assert list(sent.headers) == ["Authorization"]
    pin = Bearers(load_pins([pki["seal-2048"].certificate_file]), WHOLE).verify_identity(
        sent.headers["Authorization"], NOW
    )
    assert pin.fingerprint == key(pki).fingerprint


def test_a_certificate_goes_along_for_those_who_look_there(pki: Pki) -> None:
    profile = msgspec.structs.replace(PROFILE, carries_certificate=True)
    sent = sign(pki, profile)
    header = jwt.get_unverified_header(token_of(sent))
    assert base64.b64decode(header["x5c"][0]) == _der(pki)
    assert len(token_of(sent).split(".")[0]) > 512, "joserfc's own bound"
    assert verify(pki, sent).payload == BODY


def test_the_signers_token_takes_the_place_of_another(pki: Pki) -> None:
    wire = msgspec.structs.replace(WIRE, headers={"authorization": "Bearer old", "digest": "old"})
    sent = ModiSigner(key(pki), WHOLE).sign(wire, NOW)
    assert [name.lower() for name in sent.headers].count("authorization") == 1
    assert sent.headers["Authorization"] != "Bearer old"


def test_parts_are_written_without_padding() -> None:
    assert decode(encode(b"\xff\xfe")) == b"\xff\xfe"
    assert "=" not in encode(b"a")
