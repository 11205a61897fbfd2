"""One verifier object, many threads: what was refused alone is refused in a crowd.

signxml's ``XMLVerifier`` keeps the certificate of a call on itself. Shared by two threads it accepted a wrong one; the
test that shows it (``test_a_shared_library_verifier_would_fail_open``) tells when that changes.
"""

from __future__ import annotations

import base64
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from signxml.verifier import SignatureConfiguration, XMLVerifier

from schemas.problems import Refusal
from signing.keys.ring import KeySource, load
from signing.trust.pins import load_pins
from signing.xml.enveloped import EnvelopedSigner, EnvelopedVerifier, canonicalise
from tests.doubles.pki import Pki

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime.now(UTC)
DOCUMENT = b'<hs:hoSo xmlns:hs="urn:vn:hs">' + b"<hs:ten>A</hs:ten>" * 30 + b"</hs:hoSo>"
ROUNDS = 150


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


@pytest.fixture
def eager_threads() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def signed_by(pki: Pki, name: str, *, shows: str, template: bool) -> bytes:
    """Sign with one seal and show the certificate of another. Without the template, signxml has to verify it."""
    issued = pki[name]
    source = KeySource(name=name, file=str(issued.key_file), certificate=str(issued.certificate_file))
    signed = EnvelopedSigner(load(source)).sign(DOCUMENT)
    own, other = (base64.b64encode(pki[n].certificate.public_bytes(Encoding.DER)) for n in (name, shows))
    signed = signed.replace(own, other)
    return signed if template else signed.replace(b"<ds:KeyInfo>", b"<ds:KeyInfo><ds:KeyName>k</ds:KeyName>")


def verdict(verifier: EnvelopedVerifier, raw: bytes) -> str:
    try:
        verified = verifier.verify(raw, NOW)
    except Refusal as refusal:
        return refusal.code
    assert verified.payload == canonicalise(DOCUMENT)
    return verified.signer.subject.split(",")[0]


@pytest.mark.usefixtures("eager_threads")
@pytest.mark.parametrize("template", [True, False], ids=["direct", "signxml"])
def test_threads_that_share_one_verifier_never_accept_the_wrong_certificate(
    pki: Pki, *, template: bool
) -> None:
    pins = load_pins([pki["seal-2048"].certificate_file, pki["seal-2048-next"].certificate_file])
    shared = EnvelopedVerifier(pins)
    honest = signed_by(pki, "seal-2048", shows="seal-2048", template=template)
    forged = signed_by(pki, "seal-2048", shows="seal-2048-next", template=template)
    with ThreadPoolExecutor(4) as pool:
        verdicts = list(pool.map(lambda raw: verdict(shared, raw), [honest, forged] * ROUNDS))
    assert set(verdicts[::2]) == {"CN=seal-2048"}
    assert set(verdicts[1::2]) == {"HUB-SIG-002"}


@pytest.mark.usefixtures("eager_threads")
def test_a_shared_library_verifier_would_fail_open(pki: Pki) -> None:
    """The reason for a new ``XMLVerifier`` per call. When signxml is mended, this fails and may go."""
    raw = signed_by(pki, "seal-2048", shows="seal-2048", template=False)
    shared = XMLVerifier()
    config = SignatureConfiguration(location="./")

    def accepts(name: str) -> bool:
        try:
            shared.verify(raw, x509_cert=pki[name].certificate, expect_config=config)
        except Exception:  # noqa: BLE001 - a race breaks in many ways
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            accepted = list(pool.map(accepts, ["seal-2048", "seal-2048-next"] * ROUNDS))
            if any(accepted[1::2]):
                return
    pytest.fail("a shared XMLVerifier no longer accepts the wrong certificate")
