"""A partner behind WSS4J: it takes only what WSS4J verifies, and answers with what WSS4J signs.

The other half of the double is the land department's simulator, so that what comes of a call is real business.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import pytest
from lxml import etree

from connectors.contract import Deferred, Delivered, Draft, Parcel, Reason, Refused, Sealed, Unsure
from connectors.simulators.desk import Journal, Said
from connectors.simulators.land import LOOK_UP, NS, RECEIVE, Land
from connectors.soap.client import connect
from connectors.soap.settings import Settings
from connectors.transport import Http
from hub.delivery.sealing import Workbench, Wrapping
from hub.demo.scene import build
from hub.judging.contract import Desk
from hub.processes import pool
from hub.trust.state import Known
from hub.wiring.declared import declared
from hub.wiring.parts import store_of
from hub.wiring.tools import pool_tools
from hub.wiring.validating import check_partner
from hub.wiring.worker import connect as wired
from schemas.agencies import Agencies
from schemas.library import Library
from schemas.problems import Refusal
from schemas.procedures import Procedures
from signing import bindings
from signing.keys.ring import KeySource, load
from signing.profiles import WssProfile
from signing.trust.pins import load_pins
from tests.contract.room import shows
from tests.doubles.loopback import loopback
from tests.foreign.forms import WSA

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from connectors.contract import Connector, Outcome
    from connectors.simulators.desk import Call
    from hub.processes.crew import Answer
    from signing.contract import Key
    from tests.doubles.pki import Pki
    from tests.foreign.peers import Peers

pytestmark = pytest.mark.xdist_group("foreign")

Version = Literal["1.1", "1.2"]
STATUS = {"code": "Ma", "message": "ThongDiep", "delivered": ["0", "1"]}
FIND = {
    "operation": LOOK_UP,
    "arguments": {"MaGiaoDich": "key"},
    "element": "Ma",
    "has": ["0", "1"],
    "has_not": ["2"],
}
PARTS = {"Body", "Timestamp", "BinarySecurityToken", "Action", "MessageID", "To"}


class Guarded(Land):
    """``forge`` may do something to a signed reply; ``took``: what WSS4J said was signed; ``sender``: whom it knows."""

    def __init__(self, peers: Peers, pki: Pki, seal: str) -> None:
        super().__init__(Journal(None, now))
        self._peers, self._pki, self._seal = peers, pki, seal
        self.sender = (pki["seal-2048"].certificate_file, pki["root"].certificate_file)
        self.took: list[set[str]] = []
        self.replies: list[bytes] = []
        self.forge: Callable[[bytes], bytes] = lambda reply: reply

    def answer(self, call: Call) -> Said:
        certificate, root = (file.read_bytes() for file in self.sender)
        told = {"document": call.body, "certificate": certificate, "root": root}
        verified = self._peers.ask("wss4j", "verify", told)
        if not verified.good:
            raise AssertionError(verified.said.decode())
        self.took.append(set(verified.said.decode().split()))
        said = super().answer(call)
        reply = related(said.body, call.body)
        seal = self._pki[self._seal]
        job = {"document": reply, "by": b"token", "certificate": seal.certificate_file.read_bytes()}
        job["key"] = seal.key_file.read_bytes()
        signed = self._peers.ask("wss4j", "sign", job)
        assert signed.word == "done", signed.said.decode()
        self.replies.append(signed.said)
        return msgspec.structs.replace(said, body=self.forge(signed.said))


def related(reply: bytes, request: bytes) -> bytes:
    """Put a Header with RelatesTo before the reply's Body (WS-Addressing 1.0 §3.4)."""
    root = etree.fromstring(reply)
    asked = etree.fromstring(request).find(f".//{{{WSA}}}MessageID")
    header = etree.Element(f"{{{etree.QName(root).namespace}}}Header")
    etree.SubElement(header, f"{{{WSA}}}RelatesTo").text = asked.text if asked is not None else ""
    root.insert(0, header)
    return etree.tostring(root, encoding="utf-8")


def now() -> datetime:
    return datetime.now(UTC)


def key_of(pki: Pki, name: str) -> Key:
    one = pki[name]
    return load(KeySource(name=name, file=str(one.key_file), certificate=str(one.certificate_file)))


class Near:
    """A crew whose one process is this one."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def ask(self, frame: bytes, seconds: float | None = None) -> bytes:
        del seconds
        return self._answer(frame)


def envelopes(pki: Pki, partner: str, clock: Callable[[], datetime] = now) -> pool.Envelopes:
    """Ours as the wiring makes them: signed by our seal, replies pinned to ``partner``'s."""
    agencies = Agencies.load()
    desk = Desk(senders={}, recipients=(), agencies=agencies, procedures=Procedures.load(agencies), limit=1)
    wrapping = Wrapping(
        signer=bindings.signer(key_of(pki, "seal-2048"), WssProfile()),
        verifier=bindings.verifier(load_pins([pki[partner].certificate_file]), WssProfile()),
    )
    bench = Workbench(codecs={}, sealers={}, wrappings={"dat": wrapping})
    crew = Near(pool.begin(lambda _: (desk, bench), ""))
    return pool.Envelopes(crew, pool.Wraps("dat", signs=True, checks=True), clock)  # type: ignore[arg-type]  # asked only


def opened(url: str, pki: Pki, partner: str, version: Version = "1.1", **more: Any) -> Connector:
    told = {"base_url": url, "wsdl": "land@1", "version": version, "status": STATUS, "find": FIND}
    settings = Settings.model_validate({**told, "addressing": True, **more})
    http = Http(settings, clock=now)
    return connect(
        settings,
        http,
        shows(settings, http),
        (),
        library=Library(),
        clock=now,
        envelopes=envelopes(pki, partner),
    )


def parcel(number: int = 1, code: str = "000.00.15.H47-190412-0001") -> Parcel:
    key = f"01K9:land:{number}"
    payload = (
        f'<TiepNhanHoSo xmlns="{NS}"><MaGiaoDich>{key}</MaGiaoDich><ThoiDiem>2019-04-12T16:00:00+07:00</ThoiDiem>'
        f"<SoBienNhan>{code}</SoBienNhan><NguoiTiepNhan>Trần Thị Một Cửa</NguoiTiepNhan></TiepNhanHoSo>"
    )
    return Parcel(key=key, operation=RECEIVE, sealed=Sealed(payload=payload.encode(), media_type="text/xml"))


@pytest.fixture
async def land(peers: Peers, pki: Pki) -> AsyncIterator[tuple[Guarded, str]]:
    guarded = Guarded(peers, pki, "seal-2048-next")
    async with loopback(guarded) as (_, url):
        yield guarded, url


def doubted(outcome: Outcome) -> Reason:
    assert isinstance(outcome, Unsure), outcome
    assert outcome.reason.code == "HUB-PAR-013"
    assert outcome.exchanges
    return outcome.reason


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@pytest.mark.parametrize("seal", ["seal-2048-next", "seal-p256"])
async def test_a_partner_takes_what_wss4j_verifies_and_is_believed_by_what_wss4j_signs(
    peers: Peers, pki: Pki, version: Version, seal: str
) -> None:
    guarded = Guarded(peers, pki, seal)
    async with loopback(guarded) as (_, url):
        partner = opened(url, pki, seal, version, reference="SoTiepNhan")
        try:
            assert isinstance(await partner.find(parcel()), Deferred)
            delivered = await partner.deliver(parcel())
            assert isinstance(delivered, Delivered), delivered
            assert delivered.reference == "TNMT-000001"
            assert isinstance(await partner.find(parcel()), Delivered)
        finally:
            await partner.close()
    assert guarded.took == [PARTS] * 3


async def test_every_attempt_is_a_fresh_envelope_around_the_same_bytes_and_name(
    land: tuple[Guarded, str], pki: Pki
) -> None:
    partner = opened(land[1], pki, "seal-2048-next")
    try:
        sent = [(await partner.deliver(parcel())).exchanges[0].sent for _ in range(2)]
    finally:
        await partner.close()
    assert all(parcel().sealed.payload in one for one in sent)
    names = [re.findall(rb">(urn:lienthong:transfer:[^<]+)</wsa:MessageID>", one) for one in sent]
    assert names == [[b"urn:lienthong:transfer:01K9:land:1"]] * 2
    for varying in (rb"<wsu:Created>([^<]+)<", rb"<ds:SignatureValue>([^<]+)<"):
        first, second = (re.search(varying, one) for one in sent)
        assert first is not None
        assert second is not None
        assert first[1] != second[1]


async def test_a_reply_proves_only_what_its_signature_holds(land: tuple[Guarded, str], pki: Pki) -> None:
    guarded, url = land
    partner, stranger = opened(url, pki, "seal-2048-next"), opened(url, pki, "seal-p256")
    try:
        assert doubted(await stranger.deliver(parcel())).detail == "HUB-CRT-001"
        guarded.forge = lambda reply: reply.replace(b"TNMT-000001", b"TNMT-000009")
        assert doubted(await partner.deliver(parcel())).detail == "HUB-SIG-003"
        guarded.forge = lambda reply: re.sub(rb"<wsse:Security.*</wsse:Security>", b"", reply)
        assert doubted(await partner.deliver(parcel())).detail == "HUB-SIG-001"
        assert doubted(await partner.find(parcel())).detail == "HUB-SIG-001"
        guarded.forge = lambda reply: reply
        assert isinstance(await partner.deliver(parcel()), Delivered)
    finally:
        await partner.close()
        await stranger.close()


async def test_a_signed_reply_to_another_request_proves_nothing(land: tuple[Guarded, str], pki: Pki) -> None:
    """Whoever caught *not received* or *received* says it again: to another transfer, and to a later question."""
    guarded, url = land
    partner = opened(url, pki, "seal-2048-next")
    try:
        assert isinstance(await partner.find(parcel(1)), Deferred)
        assert isinstance(await partner.deliver(parcel(1)), Delivered)
        not_there, taken = guarded.replies
        guarded.forge = lambda _: taken
        assert doubted(await partner.deliver(parcel(2))).detail == "not about this request"
        guarded.forge = lambda _: not_there
        assert doubted(await partner.find(parcel(1))).detail == "not about this request"
    finally:
        await partner.close()


async def test_a_fault_decides_only_when_it_is_signed(land: tuple[Guarded, str], pki: Pki) -> None:
    guarded, url = land
    partner = opened(url, pki, "seal-2048-next")
    try:
        assert isinstance(await partner.deliver(parcel()), Delivered)
        other = parcel(1, "000.00.15.H47-190412-0002")
        assert isinstance(await partner.deliver(other), Refused)
        guarded.forge = lambda reply: re.sub(rb"<wsse:Security.*</wsse:Security>", b"", reply)
        assert doubted(await partner.deliver(other)).detail == "HUB-SIG-001, fault Client.Duplicate"
    finally:
        await partner.close()


async def test_an_old_reply_is_not_believed(land: tuple[Guarded, str], pki: Pki) -> None:
    told = {"base_url": land[1], "wsdl": "land@1", "status": STATUS, "addressing": True}
    settings = Settings.model_validate(told)
    later = envelopes(pki, "seal-2048-next", lambda: now() + timedelta(minutes=7))
    fresh = envelopes(pki, "seal-2048-next")
    later.sign = fresh.sign  # type: ignore[method-assign]  # only the reader's clock is ahead
    http = Http(settings, clock=now)
    partner = connect(
        settings, http, shows(settings, http), (), library=Library(), clock=now, envelopes=later
    )
    try:
        assert doubted(await partner.deliver(parcel())).detail == "HUB-SIG-011"
    finally:
        await partner.close()


def test_a_partner_whose_replies_cannot_say_what_they_are_about_is_refused(pki: Pki) -> None:
    with pytest.raises(Refusal, match="HUB-CFG-001 addressing"):
        opened("http://127.0.0.1:9", pki, "seal-2048-next", addressing=False)
    with pytest.raises(Refusal, match=r"HUB-CFG-001 find\.key"):
        opened("http://127.0.0.1:9", pki, "seal-2048-next", addressing=False, key="MaGiaoDich")


def test_a_file_whose_signed_replies_could_be_old_is_refused_when_it_is_checked(
    pki: Pki, tmp_path: Path
) -> None:
    scene = build(tmp_path / "site", 1, (2, 3, 4))
    file = scene.settings.parent / "partners" / f"{scene.partner('soap')}.toml"
    reply = f'[receives.reply_signature]\nbinding = "wss"\ncertificates = ["{pki["seal-p256"].certificate_file}"]\n'
    text = file.read_text("utf-8").replace('key = "MaGiaoDich"', "")
    file.write_text(text.replace("[receives.soap]\n", reply + "[receives.soap]\n"), "utf-8")
    (problem,) = check_partner(scene.settings, file)
    assert (problem.code, problem.rule) == ("HUB-CFG-001", "addressing or key, where replies are signed")


async def test_a_partner_file_is_all_that_it_takes(peers: Peers, pki: Pki, tmp_path: Path) -> None:
    """From the file to the wire as the wiring does it: sealed bytes inside an envelope that WSS4J verifies."""
    scene = build(tmp_path / "site", 1, (2, 3, 4))
    home = scene.settings.parent
    name = scene.partner("soap")
    file = home / "partners" / f"{name}.toml"
    reply = pki["seal-2048-next"].certificate_file
    signs = f'binding = "wss"\nkey = "province-seal"\n[receives.reply_signature]\nbinding = "wss"\ncertificates = ["{reply}"]\n'
    guarded = Guarded(peers, pki, "seal-2048-next")
    guarded.sender = (home / "keys" / "province-seal.pem", scene.root)
    async with loopback(guarded) as (_, url):
        text = file.read_text("utf-8").replace("http://127.0.0.1:3", url)
        text = text.replace('binding = "xmldsig-enveloped"\nkey = "province-seal"\n', signs)
        file.write_text(text.replace("[receives.soap]\n", "[receives.soap]\naddressing = true\n"), "utf-8")
        what = declared(scene.settings, thorough=True)
        desk, bench = pool_tools(str(scene.settings))
        ((partner, receives),) = [each for each in what.receiving if each[0].id == name]
        sealed = bench.sealers[name].seal(
            Draft(payload=parcel().sealed.payload, media_type="text/xml", canonical=True)
        )
        assert sealed.payload == parcel().sealed.payload
        crew = Near(pool.begin(lambda _: (desk, bench), ""))
        store = store_of(what.settings)
        room = wired(partner, receives, what, crew, Known(store.trust))  # type: ignore[arg-type]  # asked only
        try:
            outcome = await room.deliver(msgspec.structs.replace(parcel(), sealed=sealed))
        finally:
            await room.close()
            await store.close()
    assert isinstance(outcome, Delivered), outcome
    assert guarded.took == [PARTS]
