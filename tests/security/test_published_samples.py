"""Published signatures, good and hostile, that nobody made for us: all refused at every way in, and none believed by us alone.

Two sets: the tests of signxml (among them W3C's, merlin's and phaos' interoperability samples, ETSI's good and bad XAdES, the bombs of
defusedxml) and those of xmlsec1. ``tools/obtain.py`` brings both; without them these tests fail.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from schemas.problems import Refusal
from signing import bindings
from signing.contract import Wire
from signing.trust.pins import Pins, pin
from tests.doubles.pki import Pki
from tests.foreign.forms import FORMS
from tests.foreign.peers import Xmlsec1
from tests.security.attack_house import WAYS, XML_WAYS, attacked, street
from tools import obtain

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.now(UTC)
SETS = {"signxml": obtain.signxml_samples, "xmlsec1": obtain.xmlsec_samples}
LEAST = {"signxml": 190, "xmlsec1": 150}
BELIEVED = {"signxml": 2, "xmlsec1": 0}
"""How many there are at least; and how many a strict profile would take from whoever signed them."""
_SHOWN = re.compile(rb"<(?:\w+:)?(?:X509Certificate|BinarySecurityToken)[^>]*>([^<]+)<")


def samples(name: str) -> list[Path]:
    return sorted(file for file in SETS[name]().rglob("*.xml") if file.is_file())


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


@pytest.mark.parametrize("name", SETS)
async def test_every_sample_is_refused_at_every_way_in(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, pki: Pki, name: str
) -> None:
    made = attacked(tmp_path_factory.mktemp("attacked") / "partners", pki)
    files = samples(name)
    assert len(files) >= LEAST[name]
    async with street(tmp_path, made, pki, NOW) as town:
        for way in XML_WAYS:
            for file in files:
                wire = Wire(body=file.read_bytes(), headers={"Content-Type": WAYS[way].media})
                await town.refuse(way, wire, about=f"{way} {file.name}")
        await town.untouched()


def pinned(raw: bytes) -> list[x509.Certificate]:
    """The certificates that a sample brings along: pinned, so that not only trust refuses it."""
    found = []
    for text in _SHOWN.findall(raw):
        try:
            found.append(x509.load_der_x509_certificate(base64.b64decode(text)))
        except (ValueError, binascii.Error):
            continue
    return found


def believed(raw: bytes, form: str) -> x509.Certificate | None:
    """Return by which of its own certificates we would have believed a sample while that was valid."""
    for certificate in pinned(raw):
        try:
            pins = Pins([pin(certificate, minimum_rsa_bits=1024)])
        except Refusal:
            continue
        wire = Wire(body=raw)
        try:
            bindings.verifier(pins, FORMS[form].profile).verify(wire, certificate.not_valid_before_utc)
        except Refusal:
            continue
        return certificate
    return None


@pytest.mark.filterwarnings(
    "ignore"
)  # old certificates with names and keys that cryptography complains about
@pytest.mark.parametrize("name", SETS)
def test_what_we_would_believe_xmlsec1_believes_too(name: str) -> None:
    """Their own certificates pinned, at a time when these were valid: then nothing but the signature and its form counts."""
    forms = ("enveloped-document-rsa", "enveloped-id-rsa", "detached-rsa", "xades-rsa", "edxml", "scoped")
    agreed = 0
    for file in samples(name):
        raw = file.read_bytes()
        for form in forms:
            certificate = believed(raw, form)
            if certificate is not None:
                pem = certificate.public_bytes(Encoding.PEM)
                answer = Xmlsec1().ask({"verb": b"verify", "document": raw, "certificate": pem})
                assert answer.good, (file.name, form, answer.said.decode())
                agreed += 1
    assert agreed >= BELIEVED[name]
