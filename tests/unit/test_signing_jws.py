"""What we sign over a REST body, joserfc verifies; what joserfc signs, we verify."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from schemas.problems import Refusal
from signing.jose.compact import decode, encode
from signing.jose.detached import DetachedSigner, DetachedVerifier
from signing.keys.ring import KeySource, load
from signing.profiles import DETACHED, JwsAlgorithm, JwsProfile
from signing.trust.pins import load_pins
from tests.doubles.pki import Issued, Pki

NOW = datetime.now(UTC).replace(microsecond=0)
BODY = '{"maHoSo": "000.00.15.H47-251122-0001", "ten": "Nguyễn Văn A"}'.encode()
SEALS = ["seal-2048", "seal-3072", "seal-p256"]


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


def signer(pki: Pki, name: str, profile: JwsProfile = DETACHED, key_id: str = "") -> DetachedSigner:
    issued = pki[name]
    source = KeySource(name=name, file=str(issued.key_file), certificate=str(issued.certificate_file))
    return DetachedSigner(load(source), profile, key_id)


def verifier(pki: Pki, *names: str, profile: JwsProfile = DETACHED) -> DetachedVerifier:
    return DetachedVerifier(load_pins([pki[name].certificate_file for name in names]), profile)


def jwk(issued: Issued) -> RSAKey | ECKey:
    kind = ECKey if issued.name == "seal-p256" else RSAKey
    return kind.import_key(issued.key_file.read_bytes())


def header_of(token: str) -> dict[str, Any]:
    header: dict[str, Any] = json.loads(decode(token.split(".", maxsplit=1)[0]))
    return header


@pytest.mark.parametrize("name", SEALS)
def test_our_verifier_takes_what_our_signer_signed(pki: Pki, name: str) -> None:
    token = signer(pki, name).sign(BODY, NOW)
    verified = verifier(pki, name).verify(BODY, token, NOW)
    assert verified.payload == BODY
    assert verified.digest == hashlib.sha256(BODY).hexdigest()
    assert verified.algorithm == ("ES256" if name == "seal-p256" else "RS256")
    assert verified.signer.key_id == verified.signer.fingerprint
    assert f"CN={name}" in verified.signer.subject


def test_the_header_names_algorithm_key_time_and_certificate(pki: Pki) -> None:
    token = signer(pki, "seal-p256", key_id="tỉnh-2025").sign(BODY, NOW)
    assert token.split(".")[1] == ""
    digest = base64.urlsafe_b64encode(hashlib.sha256(_der(pki["seal-p256"])).digest()).rstrip(b"=").decode()
    assert header_of(token) == {
        "alg": "ES256",
        "kid": "tỉnh-2025",
        "typ": "JOSE",
        "x5t#S256": digest,
        "iat": int(NOW.timestamp()),
    }


def _der(issued: Issued) -> bytes:
    pem = issued.certificate_file.read_text().split("-----")[2]
    return base64.b64decode(pem)


def test_time_is_left_out_when_the_profile_says_so(pki: Pki) -> None:
    silent = JwsProfile(says_time=False)
    assert "iat" not in header_of(signer(pki, "seal-p256", silent).sign(BODY, NOW))


@pytest.mark.parametrize("name", SEALS)
@pytest.mark.parametrize("body", [BODY, b"x", bytes(range(256)) * 800])
def test_joserfc_verifies_what_we_sign(pki: Pki, name: str, body: bytes) -> None:
    header, _, signature = signer(pki, name).sign(body, NOW).split(".")
    registry = jws.JWSRegistry(algorithms=["RS256", "ES256"], strict_check_header=False)
    registry.max_payload_length = 1_000_000
    attached = f"{header}.{encode(body)}.{signature}"
    assert jws.deserialize_compact(attached, jwk(pki[name]), registry=registry).payload == body


@pytest.mark.parametrize("name", SEALS)
@pytest.mark.parametrize("hint", ["kid", "x5t#S256", "x5c", None])
def test_we_verify_what_joserfc_signs(pki: Pki, name: str, hint: str | None) -> None:
    issued = pki[name]
    hints = {
        "kid": name,
        "x5t#S256": encode(hashlib.sha256(_der(issued)).digest()),
        "x5c": [base64.b64encode(_der(issued)).decode()],
    }
    header = {
        "alg": "ES256" if name == "seal-p256" else "RS256",
        **{k: v for k, v in hints.items() if k == hint},
    }
    token = jws.detach_content(jws.serialize_compact(header, BODY, jwk(issued), ["ES256", "RS256"]))
    assert verifier(pki, name, "seal-2048-next").verify(BODY, token, NOW).payload == BODY


def test_an_empty_body_can_be_signed(pki: Pki) -> None:
    token = signer(pki, "seal-p256").sign(b"", NOW)
    assert verifier(pki, "seal-p256").verify(b"", token, NOW).payload == b""
    with pytest.raises(Refusal, match="HUB-SIG-002"):
        verifier(pki, "seal-p256").verify(b" ", token, NOW)


def test_two_pins_make_a_change_of_keys_without_a_gap(pki: Pki) -> None:
    both = verifier(pki, "seal-2048", "seal-2048-next", "seal-p256")
    for name in ("seal-2048", "seal-2048-next", "seal-p256"):
        assert name in both.verify(BODY, signer(pki, name).sign(BODY, NOW), NOW).signer.subject


def test_a_file_name_is_a_key_id(pki: Pki) -> None:
    token = signer(pki, "seal-p256", key_id="seal-p256").sign(BODY, NOW)
    assert verifier(pki, "seal-p256").verify(BODY, token, NOW).signer.key_id == "seal-p256"


def test_a_profile_without_the_keys_algorithm_refuses_the_key(pki: Pki) -> None:
    with pytest.raises(Refusal, match="HUB-SIG-004"):
        signer(pki, "seal-2048", JwsProfile(algorithms=frozenset({JwsAlgorithm.ES256})))


@pytest.mark.parametrize("age", [timedelta(0), timedelta(days=400), timedelta(seconds=-60)])
def test_an_old_signature_is_good_because_retries_are_old(pki: Pki, age: timedelta) -> None:
    token = signer(pki, "seal-p256", JwsProfile(says_time=True)).sign(BODY, NOW - age)
    assert verifier(pki, "seal-p256").verify(BODY, token, NOW).payload == BODY


def test_a_profile_can_set_a_greatest_age(pki: Pki) -> None:
    young = verifier(pki, "seal-p256", profile=JwsProfile(max_age=timedelta(minutes=5)))
    good = signer(pki, "seal-p256").sign(BODY, NOW - timedelta(minutes=6))
    assert young.verify(BODY, good, NOW).payload == BODY
    for token in (
        signer(pki, "seal-p256").sign(BODY, NOW - timedelta(minutes=6, seconds=1)),
        signer(pki, "seal-p256", JwsProfile(says_time=False)).sign(BODY, NOW),
    ):
        with pytest.raises(Refusal, match="HUB-SIG-002 JWS/iat"):
            young.verify(BODY, token, NOW)


@given(data=st.binary(max_size=40))
def test_base64url_is_read_back(data: bytes) -> None:
    if data:
        assert decode(encode(data)) == data


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_whatever_is_changed_in_token_or_body_is_refused(pki: Pki, data: st.DataObject) -> None:
    token = signer(pki, "seal-p256").sign(BODY, NOW)
    one = verifier(pki, "seal-p256")
    alphabet = st.sampled_from([*'AZaz09-_.=+/ {}"', ""])
    at = data.draw(st.integers(0, len(token) - 1))
    changed = token[:at] + data.draw(alphabet) + token[at + data.draw(st.integers(0, 2)) :]
    if changed != token:
        with pytest.raises(Refusal):
            one.verify(BODY, changed, NOW)
    other = data.draw(st.binary(min_size=1, max_size=3))
    with pytest.raises(Refusal, match="HUB-SIG-002"):
        one.verify(BODY + other, token, NOW)
