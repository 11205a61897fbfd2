"""Attacks on detached JWS. Where it can be, the token is signed with the pinned key, so that only the guard refuses it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import RSAKey

from schemas.problems import Refusal
from signing.algorithms import sign
from signing.jose.compact import encode
from signing.jose.detached import DetachedSigner, DetachedVerifier
from signing.keys.ring import KeySource, load
from signing.profiles import DETACHED, JwsAlgorithm, JwsProfile
from signing.trust.pins import load_pins
from tests.doubles.pki import Pki

NOW = datetime.now(UTC)
BODY = b'{"maHoSo": "H47-1"}'


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


def forge(pki: Pki, header: dict[str, Any] | bytes, *, name: str = "seal-2048", body: bytes = BODY) -> str:
    """Sign any header with the pinned key."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    protected = encode(raw)
    return f"{protected}..{encode(sign(pki[name].key, f'{protected}.{encode(body)}'.encode()))}"


def refused(
    pki: Pki, token: str, *names: str, body: bytes = BODY, profile: JwsProfile = DETACHED, now: datetime = NOW
) -> str:
    pins = load_pins([pki[name].certificate_file for name in names or ("seal-2048",)])
    with pytest.raises(Refusal) as caught:
        DetachedVerifier(pins, profile).verify(body, token, now)
    return caught.value.code


def verify(pki: Pki, token: str, *names: str, now: datetime = NOW) -> bytes:
    pins = load_pins([pki[name].certificate_file for name in names or ("seal-2048",)])
    return DetachedVerifier(pins).verify(BODY, token, now).payload


def token_of(pki: Pki, name: str = "seal-2048", key_id: str = "") -> str:
    issued = pki[name]
    source = KeySource(name=name, file=str(issued.key_file), certificate=str(issued.certificate_file))
    return DetachedSigner(load(source), key_id=key_id).sign(BODY, NOW)


def public_pem(pki: Pki) -> bytes:
    return (
        pki["seal-2048"]
        .certificate.public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )


def test_the_forge_can_forge(pki: Pki) -> None:
    assert verify(pki, forge(pki, {"alg": "RS256"})) == BODY
    assert verify(pki, forge(pki, {"alg": "RS256", "kid": "seal-2048", "cty": "application/json"})) == BODY


def test_a_missing_signature_is_told_so(pki: Pki) -> None:
    assert refused(pki, "") == "HUB-SIG-001"


@pytest.mark.parametrize(
    "algorithm",
    ["none", "None", "", "HS256", "HS512", "PS256", "RS512", "RS1", "ES256", "EdDSA", "rs256", 5, None],
)
def test_other_algorithms_are_refused(pki: Pki, algorithm: object) -> None:
    assert refused(pki, forge(pki, {"alg": algorithm})) in {"HUB-SIG-004", "HUB-SIG-005"}


def test_no_algorithm_is_refused(pki: Pki) -> None:
    assert refused(pki, forge(pki, {})) == "HUB-SIG-004"
    assert refused(pki, encode(b'{"alg":"none"}') + "..") == "HUB-SIG-005"


def test_a_public_key_is_no_shared_secret(pki: Pki) -> None:
    protected = encode(b'{"alg":"HS256"}')
    mac = hmac.digest(public_pem(pki), f"{protected}.{encode(BODY)}".encode(), "sha256")
    assert refused(pki, f"{protected}..{encode(mac)}") == "HUB-SIG-004"


def test_a_profile_narrows_the_algorithms(pki: Pki) -> None:
    narrow = JwsProfile(algorithms=frozenset({JwsAlgorithm.ES256}))
    assert refused(pki, token_of(pki), profile=narrow) == "HUB-SIG-004"


@pytest.mark.parametrize(
    "more",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"x5u": "http://127.0.0.1/seal.pem"},
        {"jku": "http://127.0.0.1/keys"},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"zip": "DEF"},
        {"x5t": "AAAA"},
        {"unknown": 1},
        {"kid": 5},
        {"typ": ["JOSE"]},
        {"x5c": "AAAA"},
        {"x5c": []},
        {"x5c": ["%"]},
        {"x5c": ["AAAA"] * 6},
    ],
)
def test_a_header_we_do_not_know_is_refused(pki: Pki, more: dict[str, Any]) -> None:
    assert refused(pki, forge(pki, {"alg": "RS256", **more})) == "HUB-SIG-005"


def test_a_token_never_brings_its_own_key(pki: Pki) -> None:
    own = RSAKey.import_key(pki["stranger-2048"].key_file.read_bytes())
    stranger = pki["stranger-2048"].certificate.public_bytes(Encoding.DER)
    embedded = {"alg": "RS256", "jwk": own.as_dict(private=False)}
    assert refused(pki, forge(pki, embedded, name="stranger-2048")) == "HUB-SIG-005"
    chain = {"alg": "RS256", "x5c": [base64.b64encode(stranger).decode()]}
    assert refused(pki, forge(pki, chain, name="stranger-2048")) == "HUB-CRT-001"


@pytest.mark.parametrize(
    "raw",
    [
        b'{"alg":"none","alg":"RS256"}',
        b'{"alg":"RS256","alg":"RS256"}',
        b'{"alg":"RS256","kid":"a","kid":"seal-2048"}',
        b'{"alg":"RS256","\\u0061lg":"RS256"}',
        b'["alg"]',
        b'"RS256"',
        b"{",
        b"\xff",
        b'{"alg":"RS256"} {}',
        b"[" * 5_000,
        '{"alg":"RS256"}'.encode("utf-16"),
    ],
)
def test_a_header_that_can_be_read_in_two_ways_is_refused(pki: Pki, raw: bytes) -> None:
    assert refused(pki, forge(pki, raw)) == "HUB-SIG-005"


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t + "=",
        lambda t: t + "==",
        lambda t: t.replace("..", "=.."),
        lambda t: t.replace("..", "." + encode(BODY) + "."),
        lambda t: t.replace("..", "."),
        lambda t: t.replace("..", "..."),
        lambda t: t + ".",
        lambda t: " " + t,
        lambda t: t + "\n",
        lambda t: t[:-1],
        lambda t: t[:10] + "\n" + t[10:],
        lambda t: t.rsplit(".", 1)[0] + ".",
        lambda t: "." + t.split(".", 1)[1],
        lambda t: t + "A" * 2_000,
        lambda t: "a" * 20_000 + t,
        lambda t: t.replace("..", "..é"),
    ],
)
def test_another_form_of_the_token_is_refused(pki: Pki, change: Any) -> None:
    token = forge(pki, {"alg": "RS256", "kid": "seal-2048"})
    assert change(token) != token
    assert refused(pki, change(token)) == "HUB-SIG-005"


def test_spare_bits_of_base64_are_refused(pki: Pki) -> None:
    """RFC 4648 §3.5: 256 bytes end in two characters, of which the last has four spare bits."""
    token = forge(pki, {"alg": "RS256"})
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spare = token[:-1] + alphabet[alphabet.index(token[-1]) + 1]
    assert base64.urlsafe_b64decode(spare.split(".")[2] + "==") == base64.urlsafe_b64decode(
        token.split(".")[2] + "=="
    )
    assert refused(pki, spare) == "HUB-SIG-005"


def test_another_body_is_refused(pki: Pki) -> None:
    for body in (b"", BODY + b"\n", BODY.replace(b" ", b""), BODY.replace(b"1", b"2")):
        assert refused(pki, token_of(pki), body=body) == "HUB-SIG-002"


def test_a_wrong_key_id_is_not_pinned(pki: Pki) -> None:
    assert refused(pki, token_of(pki, key_id="other")) == "HUB-CRT-001"
    assert refused(pki, forge(pki, {"alg": "RS256", "kid": "../../etc/passwd"})) == "HUB-CRT-001"


def test_hints_that_disagree_are_not_pinned(pki: Pki) -> None:
    header = {"alg": "RS256", "kid": "seal-2048", "x5t#S256": encode(hashlib.sha256(b"").digest())}
    assert refused(pki, forge(pki, header)) == "HUB-CRT-001"
    one_of_each = {"alg": "RS256", "kid": "seal-2048-next", "x5t#S256": _thumbprint(pki, "seal-2048")}
    assert refused(pki, forge(pki, one_of_each), "seal-2048", "seal-2048-next") == "HUB-CRT-001"


def _thumbprint(pki: Pki, name: str) -> str:
    return encode(hashlib.sha256(pki[name].certificate.public_bytes(Encoding.DER)).digest())


def test_a_stranger_is_refused(pki: Pki) -> None:
    assert refused(pki, token_of(pki, "stranger-2048")) == "HUB-CRT-001"
    assert refused(pki, forge(pki, {"alg": "RS256"}, name="stranger-2048")) == "HUB-SIG-002"
    assert (
        refused(pki, forge(pki, {"alg": "RS256", "kid": "seal-2048"}, name="stranger-2048")) == "HUB-SIG-002"
    )


def test_the_signature_of_one_partner_is_not_anothers(pki: Pki) -> None:
    assert refused(pki, token_of(pki, "seal-2048-next")) == "HUB-CRT-001"
    assert (
        refused(
            pki,
            forge(pki, {"alg": "RS256", "kid": "seal-2048"}, name="seal-2048-next"),
            "seal-2048",
            "seal-2048-next",
        )
        == "HUB-SIG-002"
    )


def test_the_algorithm_must_fit_the_pinned_key(pki: Pki) -> None:
    assert refused(pki, forge(pki, {"alg": "ES256", "kid": "seal-2048"})) == "HUB-SIG-004"
    assert refused(pki, forge(pki, {"alg": "RS256"}), "seal-p256") == "HUB-SIG-004"


def test_a_signature_of_nothing_is_refused(pki: Pki) -> None:
    """CVE-2022-21449: zeroes are no ECDSA signature."""
    protected = encode(b'{"alg":"ES256"}')
    for value in (bytes(64), bytes(63), b"\x00", bytes(31) + b"\x01" + bytes(31) + b"\x01"):
        assert refused(pki, f"{protected}..{encode(value)}", "seal-p256") == "HUB-SIG-002"


def test_a_certificate_is_believed_only_while_it_is_valid(pki: Pki) -> None:
    assert refused(pki, token_of(pki, "seal-expired"), "seal-expired") == "HUB-CRT-002"
    assert refused(pki, token_of(pki, "seal-future"), "seal-future") == "HUB-CRT-002"
    end = pki["seal-2048"].certificate.not_valid_after_utc
    assert verify(pki, token_of(pki), now=end + DETACHED.skew) == BODY
    assert refused(pki, token_of(pki), now=end + DETACHED.skew + timedelta(seconds=1)) == "HUB-CRT-002"


@pytest.mark.parametrize(
    "issued",
    [int(NOW.timestamp()) + 120, "1", 1.5, True, None, -1, -(10**400), 10**400],
    ids=lambda value: str(value)[:9],
)
def test_an_impossible_time_is_refused(pki: Pki, issued: object) -> None:
    assert refused(pki, forge(pki, {"alg": "RS256", "iat": issued}, body=BODY)) == "HUB-SIG-002"


def test_sizes_are_bounded(pki: Pki) -> None:
    small = JwsProfile(body_bytes=5, header_bytes=100)
    assert (
        refused(pki, forge(pki, {"alg": "RS256"}, body=b"123456"), body=b"123456", profile=small)
        == "HUB-SIG-005"
    )
    assert refused(pki, token_of(pki), profile=JwsProfile(header_bytes=100)) == "HUB-SIG-005"
    large = bytes(3_000_000)
    token = forge(pki, {"alg": "RS256"}, body=large)
    pins = load_pins([pki["seal-2048"].certificate_file])
    assert DetachedVerifier(pins).verify(large, token, NOW).payload == large


def test_a_hostile_token_costs_little(pki: Pki) -> None:
    one = DetachedVerifier(load_pins([pki["seal-2048"].certificate_file]))
    for token in ("." * 1_000_000, "a" * 1_000_000, encode(b"[" * 10_000) + "..AAAA", "a." * 500_000):
        started = time.process_time()
        with pytest.raises(Refusal):
            one.verify(BODY, token, NOW)
        assert time.process_time() - started < 0.2
