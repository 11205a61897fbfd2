"""SOAP messages signed by WS-Security, over HTTP: the payload comes in once, whatever envelope it comes in again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import pytest

from signing import bindings
from signing.contract import Wire
from signing.keys.ring import KeySource, load
from signing.profiles import Reference, WssProfile, XmlProfile
from signing.xml.names import SOAP
from signing.xml.wss_signing import EnvelopeSigner
from tests.doubles.pki import Pki
from tests.integration.intake_house import PROVINCE, House, house, partner_files, parts, sender

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.integration.intake_house import Answer, Parts

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
WSA = "http://www.w3.org/2005/08/addressing"
FORM = "land.soap@1"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Parts:
    pin = pki["seal-2048"].certificate_file
    folder = partner_files(tmp_path_factory.mktemp("house") / "partners", pin)
    signed = f'[sends.signature]\nbinding = "wss"\ncertificates = ["{pin}"]\n'
    (folder / "bureau.toml").write_text(sender("bureau", PROVINCE, [PROVINCE], form=FORM, proof=signed))
    inside = (
        f'[sends.signature]\nbinding = "xmldsig-enveloped"\nplace = "soap-body"\ncertificates = ["{pin}"]\n'
    )
    (folder / "office.toml").write_text(sender("office", PROVINCE, [PROVINCE], form=FORM, proof=inside))
    return parts(folder)


@pytest.fixture
async def hub(tmp_path: Path, made: Parts) -> AsyncIterator[House]:
    async with house(tmp_path, made, lambda: NOW) as opened:
        yield opened


@pytest.fixture(scope="module")
def signer(pki: Pki) -> EnvelopeSigner:
    one = pki["seal-2048"]
    return EnvelopeSigner(
        load(KeySource(name="seal", file=str(one.key_file), certificate=str(one.certificate_file))),
        WssProfile(),
    )


async def sent(
    hub: House,
    signer: EnvelopeSigner,
    payload: bytes,
    *,
    message: str = "urn:uuid:1",
    soap: int = 0,
    ago: int = 0,
    key: str | None = None,
) -> Answer:
    header = f'<wsa:MessageID xmlns:wsa="{WSA}">{escape(message)}</wsa:MessageID>'
    raw = f'<s:Envelope xmlns:s="{SOAP[soap]}"><s:Header>{header}</s:Header><s:Body>'.encode() + payload
    envelope = signer.sign(raw + b"</s:Body></s:Envelope>", NOW - timedelta(seconds=ago))
    media = ("text/xml; charset=utf-8", 'application/soap+xml; charset=utf-8; action="urn:x"')[soap]
    return await hub.post(envelope, key=key, sender="bureau", headers={"Content-Type": media})


def said(hub: House, code: str = "", key: str = "natural-1") -> bytes:
    return hub.said(FORM, hub.received(code or hub.code()), key)


@pytest.mark.parametrize("soap", [0, 1])
async def test_a_signed_envelope_is_accepted_as_its_payload(
    hub: House, signer: EnvelopeSigner, soap: int
) -> None:
    answer = await sent(hub, signer, said(hub), soap=soap)
    assert answer.status == 202, answer.body
    assert answer["key"] == "natural-1"


async def test_a_retry_in_a_fresh_envelope_gets_the_stored_receipt(
    hub: House, signer: EnvelopeSigner
) -> None:
    payload = said(hub)
    first = await sent(hub, signer, payload, ago=60)
    again = await sent(hub, signer, payload)
    assert (again.status, again.body) == (202, first.body)
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_one_message_id_names_one_message_whatever_other_key_it_comes_under(
    hub: House, signer: EnvelopeSigner
) -> None:
    payload = said(hub)
    assert (await sent(hub, signer, payload, key="a")).status == 202
    assert (await sent(hub, signer, payload, key="b")).headers.get("Idempotency-Replayed") == "true"
    other = await sent(hub, signer, said(hub, key="natural-2"), key="c")
    assert other.code == "HUB-IDM-002"


async def test_an_envelope_that_was_captured_is_of_no_use_later(hub: House, signer: EnvelopeSigner) -> None:
    assert (await sent(hub, signer, said(hub), ago=361)).code == "HUB-SIG-011"


async def test_an_unsigned_envelope_is_refused_and_leaves_no_row(hub: House) -> None:
    code = hub.code()
    raw = f'<s:Envelope xmlns:s="{SOAP[0]}"><s:Header/><s:Body>'.encode() + said(hub, code)
    answer = await hub.post(
        raw + b"</s:Body></s:Envelope>", key="k", sender="bureau", headers={"Content-Type": "text/xml"}
    )
    assert answer.code == "HUB-SIG-001"
    assert await hub.store.dossier(code) is None


async def test_a_payload_that_is_signed_itself_comes_in_an_envelope_too(hub: House, pki: Pki) -> None:
    one = pki["seal-2048"]
    key = load(KeySource(name="seal", file=str(one.key_file), certificate=str(one.certificate_file)))
    signed = bindings.signer(key, XmlProfile(reference=Reference.ID)).sign(Wire(body=said(hub)), NOW).body
    raw = f'<s:Envelope xmlns:s="{SOAP[1]}"><s:Body>'.encode() + signed + b"</s:Body></s:Envelope>"
    answer = await hub.post(raw, sender="office", headers={"Content-Type": "application/soap+xml"})
    assert answer.status == 202, answer.body
    facts = {row.what: row.facts for row in await hub.store.journal()}
    assert facts["accepted"]["profile"] == "xmldsig-enveloped@1"
