"""The hub's own SOAP service over a real socket: the same doors, bounds and refusals as everywhere, told as Faults."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import pytest
from lxml import etree

from connectors.catalogue import DESKS
from connectors.soap_desk.names import NS, SOAP, contract
from hub.intake.spool import Spool
from hub.settings.sections import Limits, Pace
from schemas import errors
from signing.jose.detached import DetachedSigner
from signing.keys.ring import KeySource, load
from signing.profiles import WssProfile
from signing.xml.wss_signing import EnvelopeSigner
from tests.doubles.pki import Pki
from tests.integration.intake_house import KEYS, PROVINCE, House, house, partner_files, parts, sender
from tests.integration.test_mailbox_door import laid, office, working
from tests.integration.test_receipts_door import jws

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.integration.intake_house import Parts

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
CALL = 256 << 10


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Parts:
    pin = pki["seal-2048"].certificate_file
    folder = partner_files(tmp_path_factory.mktemp("house") / "partners", pin)
    (folder / "land.toml").write_text(office())
    signed = f'[access]\nsignature = true\n[sends.signature]\nbinding = "wss"\ncertificates = ["{pin}"]\n'
    (folder / "bureau.toml").write_text(sender("bureau", PROVINCE, [PROVINCE], proof=signed))
    return parts(folder)


@pytest.fixture
async def hub(tmp_path: Path, made: Parts) -> AsyncIterator[House]:
    (tmp_path / "spool").mkdir()
    calls = Spool(tmp_path / "spool", memory=1024, limit=CALL)
    more = {"desks": {"/soap": DESKS["soap"]}, "calls": calls}
    async with house(tmp_path, made, lambda: NOW, more=more) as running:
        yield running


class Said(NamedTuple):
    status: int
    headers: Mapping[str, str]
    child: etree._Element

    def at(self, path: str) -> str:
        """What stands at a path of the contract's names."""
        return self.child.findtext("/".join(f"{{{NS}}}{name}" for name in path.split("/"))) or ""

    @property
    def refusal(self) -> str:
        assert self.status == 500
        detail = self.child.find("detail")
        assert detail is not None
        assert contract().problems(detail[0]) == ()
        return detail[0].findtext(f"{{{NS}}}Code") or ""


def envelope(child: str, header: str = "") -> bytes:
    return f'<e:Envelope xmlns:e="{SOAP}"><e:Header>{header}</e:Header><e:Body>{child}</e:Body></e:Envelope>'.encode()


async def asked(
    hub: House, operation: str, child: str | bytes, by: str = "desk", query: str = "", **headers: str
) -> Said:
    body = child if isinstance(child, bytes) else envelope(f'<{operation} xmlns="{NS}">{child}</{operation}>')
    sent = {"SOAPAction": f'"{NS}/{operation}"', "Content-Type": "text/xml; charset=utf-8"}
    if by:
        sent["Authorization"] = f"Bearer {KEYS.get(by, by)}"
    data = io.BytesIO(body)
    async with hub.session.post(f"{hub.url}/soap/v1{query}", data=data, headers={**sent, **headers}) as got:
        assert got.content_type == "text/xml"
        child_ = etree.fromstring(await got.read())[0][0]
        if got.status == 200:
            assert contract().problems(child_) == ()
        return Said(got.status, got.headers, child_)


def message(hub: House, key: str = "k", code: str = "", more: str = "", **dossier: object) -> str:
    payload = base64.b64encode(json.dumps(hub.received(code, **dossier)).encode()).decode()
    return f"<Key>{key}</Key><ContentType>application/json</ContentType><Payload>{payload}</Payload>{more}"


async def test_what_is_said_here_and_at_rest_is_one_message(hub: House) -> None:
    raw = json.dumps(hub.received()).encode()
    rest = await hub.post(raw, key="k")
    payload = base64.b64encode(raw).decode()
    said = await asked(
        hub,
        "SubmitMessage",
        f"<Key>k</Key><ContentType>application/json</ContentType><Payload>{payload}</Payload>",
    )
    assert (said.at("Replayed"), base64.b64decode(said.at("Document"))) == ("true", rest.body)
    assert said.at("Digest") == hashlib.sha256(raw).hexdigest()


@pytest.mark.parametrize(
    "payload", [rb'{"\u0001": 1, "\u0001": 2}', rb'{"\ud800": 1, "\ud800": 2}', rb'{"\u0001": "\u0001"}']
)
async def test_names_that_an_answer_cannot_carry_are_refused_like_others(hub: House, payload: bytes) -> None:
    child = f"<Key>k</Key><ContentType>application/json</ContentType><Payload>{base64.b64encode(payload).decode()}</Payload>"
    said = (await asked(hub, "SubmitMessage", child)).refusal
    assert said == ("HUB-SCH-005" if b"2" in payload else "HUB-SCH-002")
    assert (await hub.post(payload, key="k")).status in {400, 422}


async def test_a_key_may_come_as_the_header_that_rest_has(hub: House) -> None:
    child = message(hub).replace("<Key>k</Key>", "")
    assert (await asked(hub, "SubmitMessage", child, **{"Idempotency-Key": "h"})).at("Key") == "h"


async def test_where_things_stand_is_told_to_whose_they_are(hub: House) -> None:
    code = hub.code()
    sent = await asked(hub, "SubmitMessage", message(hub, code=code))
    transfer = sent.at("Transfer/Id")
    for of, id_ in (("message", sent.at("Message")), ("transfer", transfer), ("dossier", code)):
        child = f"<Of>{of}</Of><Id>{id_}</Id>"
        mine = await asked(hub, "AskStatus", child)
        assert mine.status == 200
        assert mine.at("Message/Kind") == ("" if of == "transfer" else "received")
        assert mine.at("Transfer/State") == ("" if of == "message" else "waiting")
        theirs = await asked(hub, "AskStatus", child, by="stranger")
        for them in (theirs, await asked(hub, "AskStatus", child, by="neighbour")):
            assert them.refusal == ("HUB-LAN-004" if of == "transfer" else "HUB-INT-003")
    assert (await asked(hub, "AskStatus", child, by="land")).refusal == "HUB-AUT-011"


async def test_a_mailbox_is_emptied_and_what_cannot_be_processed_is_refused(hub: House) -> None:
    async with working(hub):
        for key in ("a", "b"):
            assert (await asked(hub, "SubmitMessage", message(hub, key))).status == 200
        await laid(hub, 2)
        page = await asked(hub, "FetchPending", "<Limit>1</Limit>", by="land")
        behind = f"<After>{page.at('Next')}</After>"
        rest = await asked(hub, "FetchPending", behind, by="land")
        assert (len(page.child), rest.at("Next")) == (2, "")
        assert (await asked(hub, "FetchPending", "<After>x</After>", by="land")).refusal == "HUB-BOX-006"
        assert (await asked(hub, "FetchPending", "", by="desk")).refusal == "HUB-BOX-005"
        for answer, state in (("", "acknowledged"), ("<Refused><Text>hỏng</Text></Refused>", "refused")):
            letter = page if state == "acknowledged" else rest
            transfer, digest = letter.at("Letter/Transfer"), letter.at("Letter/Digest")
            yes = f"<Transfer>{transfer}</Transfer><Digest>{digest}</Digest>{answer}"
            assert (await asked(hub, "Acknowledge", yes, by="land")).refusal == "HUB-RCP-003"
            get = f"<Transfer>{transfer}</Transfer>"
            got = await asked(hub, "GetMessage", get, by="land")
            assert hashlib.sha256(base64.b64decode(got.at("Payload"))).hexdigest() == digest
            assert (await asked(hub, "GetMessage", get, by="desk")).refusal == "HUB-BOX-005"
            other = yes.replace(digest, "0" * 64)
            assert (await asked(hub, "Acknowledge", other, by="land")).refusal == "HUB-RCP-002"
            said = await asked(hub, "Acknowledge", yes, by="land")
            assert (said.at("State"), said.at("Replayed")) == (state, "false")
            assert (await asked(hub, "Acknowledge", yes, by="land")).at("Replayed") == "true"
            assert (await asked(hub, "Acknowledge", yes, by="desk")).refusal == "HUB-RCP-005"
        assert await hub.store.conservation() == ()


async def test_an_acknowledgement_is_signed_over_the_whole_envelope_where_the_file_says_so(
    tmp_path: Path, pki: Pki
) -> None:
    folder = partner_files(tmp_path / "partners", pki["seal-2048"].certificate_file)
    pin = pki["seal-p256"].certificate_file
    proof = f'[receives.receipt_signature]\nbinding = "jws-detached"\ncertificates = ["{pin}"]\n'
    (folder / "land.toml").write_text(
        office().replace("[receives]\n", "[receives]\nacknowledges = true\n") + proof
    )
    more = {"desks": {"/soap": DESKS["soap"]}}
    async with house(tmp_path, parts(folder), lambda: NOW, more=more) as hub, working(hub):
        assert (await asked(hub, "SubmitMessage", message(hub))).status == 200
        await laid(hub, 1)
        letter = await asked(hub, "FetchPending", "", by="land")
        transfer, digest = letter.at("Letter/Transfer"), letter.at("Letter/Digest")
        get = f"<Transfer>{transfer}</Transfer>"
        assert (await asked(hub, "GetMessage", get, by="land")).status == 200
        said = f"{get}<Digest>{digest}</Digest>"
        body = envelope(f'<Acknowledge xmlns="{NS}">{said}</Acknowledge>')
        header = hub.parts.partners[[each.id for each in hub.parts.partners].index("land")]
        assert header.receives
        assert header.receives.receipt_signature
        name = header.receives.receipt_signature.carried_in

        async def acknowledged(token: str) -> Said:
            return await asked(hub, "Acknowledge", body, by="land", **({name: token} if token else {}))

        assert (await acknowledged("")).refusal == "HUB-SIG-001"
        assert (await acknowledged(jws(pki, "seal-p256", said.encode()))).refusal == "HUB-SIG-002"
        assert (await acknowledged(jws(pki, "stranger-p256", body))).refusal == "HUB-CRT-001"
        token = jws(pki, "seal-p256", body)
        assert (await acknowledged(token)).at("State") == "acknowledged"
        kept = await hub.store.evidence.their_receipt(transfer)
        assert kept is not None
        assert (kept.raw, kept.signature) == (body, token)


async def test_files_become_documents_of_the_dossier(hub: House) -> None:
    content = b"%PDF-1.7" * 999
    digest = hashlib.sha256(content).hexdigest()
    file = f"<File><Name>a.pdf</Name><ContentType>application/pdf</ContentType><Content>{base64.b64encode(content).decode()}</Content></File>"
    named = [{"id": "1", "name": "a.pdf", "sha256": digest, "size": len(content)}]
    said = await asked(hub, "SendResult", message(hub, more=file, documents=named))
    assert said.status == 200
    enclosed = await hub.store.documents.enclosed([said.at("Message")])
    assert [each.sha256 for each in enclosed[said.at("Message")]] == [digest]
    claimed = await asked(
        hub, "SendResult", message(hub, more=file, documents=named), by="", query="?sender=bureau"
    )
    assert claimed.refusal == "HUB-AUT-001"
    assert len(await hub.store.documents.held()) == 1


async def test_a_signed_envelope_proves_who_sends_and_its_payload_comes_in_once(hub: House, pki: Pki) -> None:
    one = pki["seal-2048"]
    key = KeySource(name="seal", file=str(one.key_file), certificate=str(one.certificate_file))
    signer = EnvelopeSigner(load(key), WssProfile())
    child = f'<SubmitMessage xmlns="{NS}">{message(hub)}</SubmitMessage>'

    async def sent(body: bytes) -> Said:
        return await asked(hub, "SubmitMessage", body, by="", query="?sender=bureau")

    first, again = [await sent(signer.sign(envelope(child), NOW)) for _ in range(2)]
    assert (first.status, first.at("Replayed"), again.at("Replayed")) == (200, "false", "true")
    assert first.at("Document") == again.at("Document")
    code = hub.code()
    decoy = f'<SubmitMessage xmlns="{NS}">{message(hub, "d")}</SubmitMessage>'
    true = f'<SubmitMessage xmlns="{NS}">{message(hub, "d", code)}</SubmitMessage>'
    beside = await sent(signer.sign(envelope(true, decoy), NOW))
    assert (beside.status, beside.at("Code")) == (200, code)
    forged = signer.sign(envelope(child), NOW).replace(b"<Key>k</Key>", b"<Key>j</Key>")
    assert (await sent(forged)).refusal == "HUB-SIG-003"
    assert (await sent(envelope(child))).refusal == "HUB-SIG-001"
    wrong = f'<SubmitMessage xmlns="{NS}">{message(hub, "w", "nothing")}</SubmitMessage>'
    assert (await sent(signer.sign(envelope(wrong), NOW))).refusal == "HUB-DOS-001"


async def test_who_is_not_let_in_is_told_by_a_fault_too(hub: House) -> None:
    for by, code in (("", "HUB-AUT-001"), ("nobody at all", "HUB-AUT-002")):
        for operation in ("SubmitMessage", "FetchPending"):
            said = await asked(hub, operation, message(hub), by=by)
            assert (said.refusal, said.child.findtext("faultcode")) == (code, "soap:Client")
    assert (await asked(hub, "SubmitMessage", message(hub), by="land")).refusal == "HUB-AUT-011"
    assert (await asked(hub, "Nothing", "")).refusal == "HUB-SOP-004"
    assert (await asked(hub, "AskStatus", b" " * (65 << 10))).refusal == "HUB-LIM-001"
    assert (await asked(hub, "SubmitMessage", b" " * (CALL + 1))).refusal == "HUB-LIM-001"
    mandatory = envelope("<a/>", f'<b xmlns:e="{SOAP}" e:mustUnderstand="1"/>')
    said = await asked(hub, "SubmitMessage", mandatory)
    assert (said.refusal, said.child.findtext("faultcode")) == ("HUB-SOP-003", "soap:MustUnderstand")
    async with hub.session.get(f"{hub.url}/soap/v2") as got:
        assert got.status == 500
    async with hub.session.put(f"{hub.url}/soap/v1") as got:
        assert got.status == 500


async def test_a_signature_beside_the_payload_is_what_its_header_is_elsewhere(hub: House, pki: Pki) -> None:
    one = pki["seal-2048"]
    key = KeySource(name="seal", file=str(one.key_file), certificate=str(one.certificate_file))
    raw = hub.said("motcua.rest@1", hub.received())
    proof = DetachedSigner(load(key)).sign(raw, NOW)
    child = f"<Key>k</Key><ContentType>application/json</ContentType><Payload>{base64.b64encode(raw).decode()}</Payload>"
    unsigned = await asked(hub, "SubmitMessage", child, by="counter")
    assert unsigned.refusal == "HUB-SIG-001"
    said = await asked(hub, "SubmitMessage", f"{child}<Signature>{proof}</Signature>", by="counter")
    assert (said.status, said.at("Digest")) == (200, hashlib.sha256(raw).hexdigest())


async def test_a_defect_of_the_hub_is_a_fault_of_the_server(tmp_path: Path, made: Parts) -> None:
    class Broken:
        async def receive(self, *_: object) -> None:
            raise RuntimeError

    more = {"desks": {"/soap": DESKS["soap"]}}
    async with house(tmp_path, made, lambda: NOW, intake=lambda _: Broken(), more=more) as hub:
        said = await asked(hub, "SubmitMessage", message(hub))
        assert (said.refusal, said.child.findtext("faultcode")) == ("HUB-INT-001", "soap:Server")


async def test_a_paused_mailbox_says_when_to_come_again(hub: House) -> None:
    async with working(hub):
        assert (await asked(hub, "SubmitMessage", message(hub))).status == 200
        (letter,) = await laid(hub)
        await hub.store.pause("land", paused=True, reason="r", by="op", now=NOW)
        said = await asked(hub, "GetMessage", f"<Transfer>{letter['transfer']}</Transfer>", by="land")
    assert (said.refusal, said.headers["Retry-After"]) == ("HUB-BOX-002", str(Limits().retry_after))


async def test_who_comes_too_often_is_told_when_to_come_again(tmp_path: Path, made: Parts) -> None:
    limits = Limits(receiver=Pace(rate=0.1, burst=1))
    more = {"desks": {"/soap": DESKS["soap"]}}
    async with house(tmp_path, made, lambda: NOW, limits=limits, more=more) as hub:
        assert (await asked(hub, "FetchPending", "", by="land")).status == 200
        said = await asked(hub, "FetchPending", "", by="land", **{"Accept-Language": "en"})
        assert said.refusal == "HUB-LIM-002"
        assert 0 < int(said.headers["Retry-After"]) <= 10
        text = said.child.findtext("faultstring") or ""
        assert text == f"HUB-LIM-002: {errors.load()['HUB-LIM-002'].title.en}"


async def test_a_signed_envelope_with_a_file_is_looked_at_up_to_eight_mebibytes(
    tmp_path: Path, made: Parts, pki: Pki
) -> None:
    """What is larger is refused by its size, not for what it is; its file is brought before."""
    one = pki["seal-2048"]
    key = KeySource(name="seal", file=str(one.key_file), certificate=str(one.certificate_file))
    signer = EnvelopeSigner(load(key), WssProfile())
    (tmp_path / "spool").mkdir()
    calls = Spool(tmp_path / "spool", memory=1024, limit=32 << 20)
    more = {"desks": {"/soap": DESKS["soap"]}, "calls": calls}
    async with house(tmp_path, made, lambda: NOW, more=more) as hub:
        for size, refused in ((6_000_000, ""), (6_400_000, "HUB-SIG-005")):
            content = bytes(size)
            digest = hashlib.sha256(content).hexdigest()
            file = f"<File><Name>a</Name><ContentType>application/pdf</ContentType><Content>{base64.b64encode(content).decode()}</Content></File>"
            named = [{"id": "1", "name": "a", "sha256": digest, "size": size}]
            child = (
                f'<SendResult xmlns="{NS}">{message(hub, str(size), more=file, documents=named)}</SendResult>'
            )
            said = await asked(hub, "SendResult", signer.sign(envelope(child), NOW), by="bureau")
            if refused:
                assert said.refusal == refused
                assert b"8388608" in etree.tostring(said.child)
            else:
                enclosed = await hub.store.documents.enclosed([said.at("Message")])
                assert [each.sha256 for each in enclosed[said.at("Message")]] == [digest]
        padded = base64.b64encode(json.dumps(hub.received()).encode() + b" " * (1 << 20)).decode()
        large = f"<Key>k</Key><ContentType>application/json</ContentType><Payload>{padded}</Payload>"
        child = f'<SubmitMessage xmlns="{NS}">{large}</SubmitMessage>'
        said = await asked(hub, "SubmitMessage", signer.sign(envelope(child), NOW), by="bureau")
        assert said.refusal == "HUB-LIM-001"  # the message in it is no larger than one that comes by itself
