"""What is put into an envelope that is signed: keys and large files under WS-Security, and never under a signature that they would break."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import pytest
from lxml import etree

from connectors.contract import Delivered
from connectors.soap.client import connect
from connectors.soap.settings import Settings
from connectors.transport import Http
from hub.partners import reading
from schemas.problems import Refusal
from signing.keys.ring import KeySource, load
from signing.profiles import Limits, WssProfile
from signing.trust.pins import load_pins
from signing.xml.wss import EnvelopeVerifier
from signing.xml.wss_signing import EnvelopeSigner
from tests.contract.room import shows
from tests.doubles.pki import Pki
from tests.unit.test_partners import GOOD, WORLD, write
from tests.unit.test_soap_client import NS, TAKEN, answers, envelope, library, parcel  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_httpserver import HTTPServer

    from connectors.contract import Envelope, Opened
    from schemas.library import Library

SECRET = "kh<óa & 12345"
LARGE = bytes(7_600_000)
"""In base64 more than the ten million characters at which libxml2 ends a text."""
NOW = datetime.now(UTC).replace(microsecond=0)
PINNED = '[receives.signature]\nbinding = "xmldsig-enveloped"\nkey = "province-seal"\n'


class Signs:
    """``connectors.contract.Envelopes``, in this process."""

    signs, checks = True, False

    def __init__(self, signer: EnvelopeSigner) -> None:
        self._signer = signer

    async def sign(self, envelope: Envelope) -> Envelope:
        return msgspec.structs.replace(envelope, body=self._signer.sign(envelope.body, NOW))

    async def open(self, envelope: Envelope) -> Opened:
        raise AssertionError(envelope)


async def test_a_key_and_a_large_file_stand_under_the_signature_of_the_envelope(
    httpserver: HTTPServer,
    library: Library,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    seal = Pki(tmp_path, NOW)["seal-2048"]
    (tmp_path / "key").write_text(SECRET, "utf-8")
    auth = {"kind": "soap_element", "element": "HoSo.Ma", "secret_file": str(tmp_path / "key")}
    settings = Settings.model_validate(
        {"base_url": httpserver.url_for("/soap"), "wsdl": "intake@1", "auth": auth}
    )
    http = Http(settings, clock=lambda: NOW)
    key = load(KeySource(name="seal", file=str(seal.key_file), certificate=str(seal.certificate_file)))
    room = connect(
        settings,
        http,
        shows(settings, http),
        library=library,
        clock=lambda: NOW,
        envelopes=Signs(EnvelopeSigner(key, WssProfile())),
    )
    file = b64encode(LARGE).decode()
    payload = f'<Submit xmlns="{NS}"><HoSo><Ma>-</Ma></HoSo><Tep>{file}</Tep></Submit>'.encode()
    answers(httpserver, envelope(TAKEN))
    outcome = await room.deliver(parcel(payload))
    await room.close()
    assert isinstance(outcome, Delivered)
    assert "óa" not in repr(outcome)
    profile = WssProfile(limits=Limits(bytes=16 << 20))
    verifier = EnvelopeVerifier(load_pins([seal.certificate_file]), profile)
    said = etree.fromstring(
        verifier.verify(httpserver.log[0][0].data, NOW).payload, etree.XMLParser(huge_tree=True)
    )
    assert said.findtext("{*}HoSo/{*}Ma") == SECRET
    assert b64decode(said.findtext("{*}Tep") or "") == LARGE


@pytest.mark.parametrize(
    ("auth", "signature", "refused"),
    [
        ('kind = "soap_element", element = "HoSo.Ma"', PINNED, "wss: "),
        (
            'kind = "soap_element", element = "HoSo.Ma"',
            PINNED.replace("xmldsig-enveloped", "jws-detached"),
            "wss: ",
        ),
        ('kind = "soap_element", element = "HoSo.Ma"', PINNED.replace("xmldsig-enveloped", "wss"), ""),
        ('kind = "soap_user", username = "hub"', PINNED.replace("xmldsig-enveloped", "wss"), "not wss: "),
        ('kind = "soap_user", username = "hub"', PINNED, ""),
    ],
)
def test_what_would_break_a_signature_is_refused_with_the_file(
    tmp_path: Path, auth: str, signature: str, refused: str
) -> None:
    soap = f'base_url = "https://so.example.vn/s"\nwsdl = "intake@1"\nauth = {{ {auth}, secret_file = "keys/ring" }}\n'
    text = GOOD.replace('room = "pigeon"', 'room = "soap"').replace(PINNED, signature)
    head, _, tail = text.partition("[receives.pigeon]\n")
    text = f"{head}[receives.soap]\n{soap}\n[[receives.replies]]{tail.partition('[[receives.replies]]')[2]}"
    write(tmp_path, text)
    world = msgspec.structs.replace(WORLD, rooms={"soap": Settings})
    if not refused:
        assert reading.load(tmp_path, world)
        return
    with pytest.raises(Refusal) as refusal:
        reading.load(tmp_path, world)
    (problem,) = refusal.value.problems
    assert (problem.code, problem.place.rpartition(": ")[2]) == ("HUB-CFG-001", "receives.signature.binding")
    assert problem.rule.startswith(refused)
