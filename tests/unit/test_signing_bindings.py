"""Every profile has a signer and a verifier that keep the one seam: what is signed travels, and only that comes back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, get_args

import msgspec
import pytest

from schemas.problems import Refusal
from signing import bindings
from signing.contract import Wire
from signing.keys.ring import KeySource, load
from signing.profiles import PROFILES, JwsProfile, Profile
from signing.trust.pins import load_pins
from tests.doubles.pki import Pki

if TYPE_CHECKING:
    from pathlib import Path

    from signing.contract import Key
    from signing.trust.pins import Pins

NOW = datetime.now(UTC)
BODY = b'<note xmlns="urn:note">Gi\xe1\xba\xa5y</note>'
SOAP = (
    b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
    + BODY
    + b"</s:Body></s:Envelope>"
)
EDXML = b"<edXML><edXMLEnvelope><edXMLHeader>" + BODY + b"</edXMLHeader></edXMLEnvelope></edXML>"
DATA = b"<DATA><HEADER>" + BODY + b"</HEADER><BODY/><SECURITY/></DATA>"
BODIES = {
    "wss": SOAP,
    "edxml": EDXML,
    "xmldsig-scoped": DATA,
    "xmldsig-detached": b"<both>" + BODY + b"</both>",
}
"""Bindings that want more than a document of their own."""


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


def key(pki: Pki, name: str = "seal-2048") -> Key:
    one = pki[name]
    return load(KeySource(name=name, file=str(one.key_file), certificate=str(one.certificate_file)))


def pins(*files: Path) -> Pins:
    return load_pins(files)


def test_no_profile_is_without_a_binding() -> None:
    assert {type(profile) for profile in PROFILES.values()} == set(get_args(Profile))


@pytest.mark.parametrize("name", PROFILES)
def test_what_one_side_signs_the_other_verifies_and_nobody_else_can_have_signed(pki: Pki, name: str) -> None:
    profile = PROFILES[name]
    sent = bindings.signer(key(pki), profile).sign(Wire(body=BODIES.get(name, BODY)), NOW)
    came = Wire(body=sent.body, headers={name.lower(): value for name, value in sent.headers.items()})
    verified = bindings.verifier(pins(pki["seal-2048"].certificate_file), profile).verify(came, NOW)
    assert b"Gi\xe1\xba\xa5y" in verified.payload
    assert verified.signer.fingerprint == key(pki).fingerprint
    stranger = bindings.verifier(pins(pki["stranger-2048"].certificate_file), profile)
    with pytest.raises(Refusal, match="HUB-CRT-001"):
        stranger.verify(came, NOW)


@pytest.mark.parametrize("name", PROFILES)
def test_a_changed_byte_is_seen(pki: Pki, name: str) -> None:
    profile = PROFILES[name]
    sent = bindings.signer(key(pki), profile).sign(Wire(body=BODIES.get(name, BODY)), NOW)
    headers = {name.lower(): value for name, value in sent.headers.items()}
    forged = Wire(body=sent.body.replace(b"Gi\xe1", b"gi\xe1"), headers=headers)
    with pytest.raises(Refusal, match=r"HUB-SIG-00[23]"):
        bindings.verifier(pins(pki["seal-2048"].certificate_file), profile).verify(forged, NOW)


def test_the_header_is_the_one_that_the_profile_names(pki: Pki) -> None:
    profile = JwsProfile(header="X-Chu-Ky")
    sent = bindings.signer(key(pki), profile).sign(Wire(body=BODY), NOW)
    assert list(sent.headers) == ["X-Chu-Ky"]
    moved = msgspec.structs.replace(sent, headers={"x-jws-signature": sent.headers["X-Chu-Ky"]})
    with pytest.raises(Refusal, match="HUB-SIG-001"):
        bindings.verifier(pins(pki["seal-2048"].certificate_file), profile).verify(moved, NOW)
