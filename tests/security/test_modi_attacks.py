"""Attacks on requests signed after ModI. Tokens are signed with the pinned key where it can be, so that only the guard refuses."""

from __future__ import annotations

import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from schemas.problems import Refusal
from signing.algorithms import sign
from signing.contract import Wire
from signing.jose.compact import encode
from signing.jose.modi import Bearers, ModiSigner, ModiVerifier, digests
from signing.keys.ring import KeySource, load
from signing.profiles import Identity, ModiProfile
from signing.trust.pins import load_pins
from tests.doubles.pki import Pki

NOW = datetime.now(UTC)
SECOND = int(NOW.timestamp())
BODY = b'{"maHoSo": "H47-1"}'
HUB = "urn:lienthong:h47"
PROFILE = ModiProfile(audience=HUB)
WHOLE = msgspec.structs.replace(PROFILE, identity=Identity.ID_AUTH_REST_02)
DIGEST = digests(BODY)["Digest"]
HEADERS = {"content-type": "application/json", "digest": DIGEST}
CLAIMS: dict[str, Any] = {
    "aud": HUB,
    "iat": SECOND,
    "exp": SECOND + 60,
    "jti": "m-1",
    "signed_headers": [{"digest": DIGEST}, {"content-type": "application/json"}],
}


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


def token(
    pki: Pki,
    claims: dict[str, Any] | bytes,
    header: dict[str, Any] | bytes | None = None,
    name: str = "seal-2048",
) -> str:
    """Sign any claims under any header with the pinned key."""
    parts = [
        encode(part if isinstance(part, bytes) else json.dumps(part).encode())
        for part in ({"alg": "RS256", "typ": "JWT"} if header is None else header, claims)
    ]
    signed = ".".join(parts)
    return f"{signed}.{encode(sign(pki[name].key, signed.encode()))}"


def refused(
    pki: Pki,
    value: str,
    *,
    headers: dict[str, str] | None = None,
    body: bytes = BODY,
    profile: ModiProfile = PROFILE,
    now: datetime = NOW,
) -> str:
    wire = Wire(body=body, headers={**(HEADERS if headers is None else headers), "agid-jwt-signature": value})
    with pytest.raises(Refusal) as caught:
        ModiVerifier(load_pins([pki["seal-2048"].certificate_file]), profile).verify(wire, now)
    return caught.value.code


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in CLAIMS.items() if key != name}


def test_the_forge_can_forge(pki: Pki) -> None:
    wire = Wire(body=BODY, headers={**HEADERS, "agid-jwt-signature": token(pki, CLAIMS)})
    verified = ModiVerifier(load_pins([pki["seal-2048"].certificate_file]), PROFILE).verify(wire, NOW)
    assert verified.payload == BODY


def test_a_missing_signature_is_told_so(pki: Pki) -> None:
    assert refused(pki, "") == "HUB-SIG-001"


@pytest.mark.parametrize("algorithm", ["none", "", "HS256", "PS256", "ES256", "rs256", 5, None])
def test_other_algorithms_are_refused(pki: Pki, algorithm: object) -> None:
    assert refused(pki, token(pki, CLAIMS, {"alg": algorithm})) in {"HUB-SIG-004", "HUB-SIG-005"}


def test_no_signature_at_all_is_refused(pki: Pki) -> None:
    unsigned = f"{encode(b'{}')}.{encode(json.dumps(CLAIMS).encode())}."
    assert refused(pki, unsigned) == "HUB-SIG-005"
    none = f"{encode(json.dumps({'alg': 'none'}).encode())}.{encode(json.dumps(CLAIMS).encode())}.AAAA"
    assert refused(pki, none) == "HUB-SIG-004"


def test_a_public_key_is_no_shared_secret(pki: Pki) -> None:
    pem = (
        pki["seal-2048"]
        .certificate.public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    head = f"{encode(json.dumps({'alg': 'HS256'}).encode())}.{encode(json.dumps(CLAIMS).encode())}"
    assert refused(pki, f"{head}.{encode(hmac.digest(pem, head.encode(), 'sha256'))}") == "HUB-SIG-004"


@pytest.mark.parametrize(
    "more",
    [
        {"x5u": "http://127.0.0.1/seal.pem"},
        {"jku": "http://127.0.0.1/keys"},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"crit": ["exp"]},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"zip": "DEF"},
    ],
)
def test_a_token_points_at_no_key_and_changes_no_rule(pki: Pki, more: dict[str, Any]) -> None:
    assert refused(pki, token(pki, CLAIMS, {"alg": "RS256", **more})) == "HUB-SIG-005"


def test_a_strangers_token_is_refused_however_it_names_itself(pki: Pki) -> None:
    pinned = load_pins([pki["seal-2048"].certificate_file])
    [pin] = pinned
    by_stranger = token(pki, CLAIMS, {"alg": "RS256", "kid": pin.fingerprint}, "stranger-2048")
    assert refused(pki, by_stranger) == "HUB-SIG-002"
    assert refused(pki, token(pki, CLAIMS, {"alg": "RS256", "kid": "other"})) == "HUB-CRT-001"


@pytest.mark.parametrize(
    "audience", ["urn:lienthong:h48", HUB + "/", HUB.upper(), "", None, [HUB], [HUB, "urn:other"], {"a": HUB}]
)
def test_a_token_for_somebody_else_is_refused(pki: Pki, audience: object) -> None:
    assert refused(pki, token(pki, {**CLAIMS, "aud": audience})) in {
        "HUB-SIG-005",
        "HUB-SIG-006",
        "HUB-SIG-030",
    }
    assert refused(pki, token(pki, without("aud"))) == "HUB-SIG-030"


@pytest.mark.parametrize(
    "times",
    [
        {"exp": SECOND - 61},
        {"exp": SECOND + 86_401},
        {"exp": SECOND - 1, "iat": SECOND},
        {"iat": SECOND + 120, "exp": SECOND + 180},
        {"nbf": SECOND + 120},
        {"exp": "9999999999"},
        {"exp": 1.5},
        {"exp": True},
        {"iat": None},
        {"exp": 2**53},
        {"exp": -1},
        {"nbf": "0"},
    ],
)
def test_a_token_that_is_not_in_force_is_refused(pki: Pki, times: dict[str, Any]) -> None:
    assert refused(pki, token(pki, {**CLAIMS, **times})) == "HUB-SIG-031"


@pytest.mark.parametrize("name", ["iat", "exp"])
def test_a_token_without_a_time_is_refused(pki: Pki, name: str) -> None:
    assert refused(pki, token(pki, without(name))) == "HUB-SIG-031"


def test_a_captured_request_is_worth_nothing_after_it_has_ended(pki: Pki) -> None:
    late = NOW + timedelta(seconds=121)
    assert refused(pki, token(pki, CLAIMS), now=late) == "HUB-SIG-031"


def test_another_body_under_the_same_headers_is_refused(pki: Pki) -> None:
    assert refused(pki, token(pki, CLAIMS), body=BODY + b" ") == "HUB-SIG-003"
    assert refused(pki, token(pki, CLAIMS), body=b"") == "HUB-SIG-003"
    forged = {**HEADERS, "digest": digests(b"{}")["Digest"]}
    assert refused(pki, token(pki, CLAIMS), body=b"{}", headers=forged) == "HUB-SIG-032"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"content-type": "application/xml", "digest": DIGEST}, "HUB-SIG-032"),
        ({"digest": DIGEST}, "HUB-SIG-032"),
        ({**HEADERS, "content-encoding": "gzip"}, "HUB-SIG-006"),
        ({**HEADERS, "idempotency-key": "another"}, "HUB-SIG-006"),
        ({"content-type": "application/json"}, "HUB-SIG-032"),
    ],
)
def test_headers_are_those_that_were_signed(pki: Pki, headers: dict[str, str], code: str) -> None:
    assert refused(pki, token(pki, CLAIMS), headers=headers) == code


@pytest.mark.parametrize(
    ("signed", "code"),
    [
        (None, "HUB-SIG-006"),
        ([], "HUB-SIG-006"),
        ([{"content-type": "application/json"}], "HUB-SIG-006"),
        ([{"digest": DIGEST}], "HUB-SIG-006"),
        ({"digest": DIGEST, "content-type": "application/json"}, "HUB-SIG-005"),
        ([{"digest": DIGEST, "content-type": "application/json"}], "HUB-SIG-005"),
        ([{"digest": DIGEST}, {"digest": DIGEST}, {"content-type": "application/json"}], "HUB-SIG-005"),
        ([{"Digest": DIGEST}, {"content-type": "application/json"}], "HUB-SIG-005"),
        ([{"digest": 1}, {"content-type": "application/json"}], "HUB-SIG-005"),
        ([{"digest": DIGEST}, {"content-type": "application/json"}, {"x-y": "1"}], "HUB-SIG-005"),
        ([{"digest": DIGEST}, "content-type"], "HUB-SIG-005"),
        ([[]] * 50, "HUB-SIG-005"),
    ],
)
def test_the_list_of_signed_headers_is_read_strictly(pki: Pki, signed: Any, code: str) -> None:
    claims = without("signed_headers") if signed is None else {**CLAIMS, "signed_headers": signed}
    assert refused(pki, token(pki, claims)) == code


@pytest.mark.parametrize(
    "said",
    [
        "SHA-512=" + DIGEST.partition("=")[2],
        "MD5=AAAA",
        DIGEST.partition("=")[2],
        DIGEST + ",SHA-512=AAAA",
        DIGEST.rstrip("="),
        "",
    ],
)
def test_no_weaker_digest_is_taken(pki: Pki, said: str) -> None:
    claims = {**CLAIMS, "signed_headers": [{"digest": said}, {"content-type": "application/json"}]}
    assert refused(pki, token(pki, claims), headers={**HEADERS, "digest": said}) == "HUB-SIG-003"


@pytest.mark.parametrize(
    "raw",
    [
        json.dumps(CLAIMS).encode()[:-1] + b',"aud":"urn:other"}',
        b"[]",
        b"{",
        b'{"exp": NaN}',
        b"[" * 4000,
        b"\xff\xfe",
        b'{"a":"' + b"x" * 20_000 + b'"}',
    ],
    ids=range(7),
)
def test_claims_that_can_be_read_in_two_ways_are_refused(pki: Pki, raw: bytes) -> None:
    assert refused(pki, token(pki, raw)) == "HUB-SIG-005"


@pytest.mark.parametrize("value", [5, "", "x" * 513, "a\nb", ["m-1"]])
def test_a_message_id_is_a_short_text(pki: Pki, value: object) -> None:
    assert refused(pki, token(pki, {**CLAIMS, "jti": value}), profile=PROFILE) == "HUB-SIG-005"


def test_id_auth_02_needs_its_token_and_an_id_in_both(pki: Pki) -> None:
    identity = {"aud": HUB, "iat": SECOND, "exp": SECOND + 60, "jti": "i-1"}
    integrity = token(pki, CLAIMS)
    assert refused(pki, integrity, profile=WHOLE) == "HUB-SIG-001"
    for authorization, code in (
        ("Basic abc", "HUB-SIG-001"),
        ("Bearer ", "HUB-SIG-001"),
        (f"Bearer {token(pki, {**identity, 'aud': 'urn:other'})}", "HUB-SIG-030"),
        (f"Bearer {token(pki, {k: v for k, v in identity.items() if k != 'jti'})}", "HUB-SIG-006"),
        (f"Bearer {token(pki, identity, name='stranger-2048')}", "HUB-SIG-002"),
    ):
        assert (
            refused(pki, integrity, headers={**HEADERS, "authorization": authorization}, profile=WHOLE)
            == code
        )
    good = {**HEADERS, "authorization": f"Bearer {token(pki, identity)}"}
    assert refused(pki, token(pki, without("jti")), headers=good, profile=WHOLE) == "HUB-SIG-006"


def test_a_hostile_token_costs_little(pki: Pki) -> None:
    one = Bearers(load_pins([pki["seal-2048"].certificate_file]), PROFILE)
    for value in (
        "." * 1_000_000,
        "a" * 1_000_000,
        f"{encode(b'{}')}.{'a' * 1_000_000}.AAAA",
        "a." * 500_000,
    ):
        started = time.process_time()
        with pytest.raises(Refusal):
            one.verify(value, NOW)
        assert time.process_time() - started < 0.2


def test_a_certificate_is_believed_only_while_it_is_valid(pki: Pki) -> None:
    issued = pki["seal-2048-expired"]
    expired = load(KeySource(name="x", file=str(issued.key_file), certificate=str(issued.certificate_file)))
    sent = ModiSigner(expired, PROFILE).sign(Wire(body=BODY, headers={}), NOW)
    wire = Wire(body=BODY, headers={name.lower(): value for name, value in sent.headers.items()})
    with pytest.raises(Refusal, match="HUB-CRT-002"):
        ModiVerifier(load_pins([issued.certificate_file]), PROFILE).verify(wire, NOW)
