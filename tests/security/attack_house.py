"""A hub with a sender for every binding, our own freshly signed messages, and a witness for what goes out.

``Street.refuse`` posts what an attacker made and holds what every attack is held to: the protocol's own refusal with a code of
signatures or certificates, in less than a second, no row, nothing in the spool, and nobody called.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from resource import RUSAGE_SELF, getrusage
from typing import TYPE_CHECKING

import msgspec

from signing import bindings
from signing.contract import Wire
from signing.keys.ring import KeySource, load
from signing.xml.names import SOAP
from tests.foreign.forms import envelope
from tests.integration.intake_house import PROVINCE, house, parts, recipient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime
    from pathlib import Path

    from signing.contract import Key, Signer
    from tests.doubles.pki import Pki
    from tests.integration.intake_house import Answer, House, Parts

SECONDS = 1.0
KILOBYTES = 100 * 1024
SEAL, NEXT, STRANGER = "seal-2048", "seal-2048-next", "stranger-2048"
XML = "application/xml"
HUB = "urn:hub"
NAME = "Nguyễn Văn Ánh"
QCVN = "http://www.mic.gov.vn/TBT/QCVN_102_2016"


@dataclass(frozen=True)
class Way:
    """One binding as a partner may declare it. ``says``: further lines of ``[sends.signature]``; ``around``: what our
    message is put into before it is signed; ``header``: where a token travels.
    ``readable``: whether this hub has a format to read it by; a good signature is then seen by what is refused next.
    """

    binding: str
    form: str
    media: str = XML
    says: str = ""
    around: Callable[[bytes], bytes] = lambda document: document
    header: str = ""
    readable: bool = True

    @property
    def is_xml(self) -> bool:
        return self.media != "application/json"


def beside(document: bytes) -> bytes:
    return b"<both>" + document + b"</both>"


def in_soap(document: bytes) -> bytes:
    """Without addressing headers, as the plainest peers send it."""
    head = f'<s:Envelope xmlns:s="{SOAP[0]}"><s:Body>'.encode()
    return head + document + b"</s:Body></s:Envelope>"


def as_tax(_: bytes) -> bytes:
    return f"<DATA><HEADER><TEN>{NAME}</TEN></HEADER><BODY><SO>1</SO></BODY><SECURITY/></DATA>".encode()


def as_edxml(_: bytes) -> bytes:
    subject = f"<edXMLHeader><Subject>{NAME}</Subject></edXMLHeader><edXMLBody/>"
    return f'<edXML xmlns="{QCVN}"><edXMLEnvelope>{subject}</edXMLEnvelope></edXML>'.encode()


WAYS: dict[str, Way] = {
    "enveloped": Way("xmldsig-enveloped", "land.soap@1"),
    "xades": Way("xades", "land.soap@1"),
    "beside": Way("xmldsig-detached", "land.soap@1", around=beside),
    "soap": Way("wss", "land.soap@1", "text/xml", around=in_soap),
    "soap-12": Way(
        "wss",
        "land.soap@1",
        "application/soap+xml",
        f'audience = "{HUB}"\n',
        around=partial(envelope, SOAP[1]),
    ),
    "tax": Way("xmldsig-scoped", "land.soap@1", around=as_tax, readable=False),
    "edxml": Way("edxml", "land.soap@1", around=as_edxml, readable=False),
    "jws": Way("jws-detached", "motcua.rest@1", "application/json", header="X-JWS-Signature"),
    "plain": Way("jws-detached", "lienthong.message@1", "application/json", header="X-JWS-Signature"),
    "modi": Way(
        "modi-rest",
        "lienthong.message@1",
        "application/json",
        f'audience = "{HUB}"\n',
        header="Agid-JWT-Signature",
    ),
}
"""By the sender's id."""

XML_WAYS = [name for name, way in WAYS.items() if way.is_xml]
JSON_WAYS = [name for name, way in WAYS.items() if not way.is_xml]


def sender(name: str, way: Way, pin: Path) -> str:
    key = hashlib.sha256(name.encode()).hexdigest()
    return (
        f'id = "{name}"\nagency = "{PROVINCE}"\nroom = "rest"\nname = {{ vi = "{name}", en = "{name}" }}\n'
        f'[sends]\nformat = "{way.form}"\nkinds = ["received", "step"]\ncodes = ["{PROVINCE}"]\n'
        f'authority = "{PROVINCE}"\napi_keys = ["sha256:{key}"]\n[sends.signature]\nbinding = "{way.binding}"\n'
        f'certificates = ["{pin}"]\n{way.says}'
    )


def attacked(folder: Path, pki: Pki) -> Parts:
    """Read a partner file for every way in, and one for ``other``, who signs with another seal."""
    folder.mkdir(parents=True)
    files = {name: sender(name, way, pki[SEAL].certificate_file) for name, way in WAYS.items()}
    for name, way in WAYS.items():
        files[f"other-{name}"] = sender(f"other-{name}", way, pki[NEXT].certificate_file)
    files["land"] = recipient("land", "000.00.15.H47", "decides")
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    return parts(folder)


def key_of(pki: Pki, name: str) -> Key:
    seal = pki[name]
    return load(KeySource(name=name, file=str(seal.key_file), certificate=str(seal.certificate_file)))


@dataclass
class Canary:
    """A listener that nobody has a reason to call."""

    address: str = ""
    calls: int = 0

    async def called(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        writer.close()


@asynccontextmanager
async def canary() -> AsyncIterator[Canary]:
    bird = Canary()
    server = await asyncio.start_server(bird.called, "127.0.0.1", 0)
    bird.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x"
    try:
        yield bird
    finally:
        server.close()


@dataclass
class Street:
    """The hub, the hands that sign, and the canary."""

    hub: House
    pki: Pki
    bird: Canary
    now: datetime
    peak: int = field(default_factory=lambda: getrusage(RUSAGE_SELF).ru_maxrss)

    def signer(self, name: str, seal: str = SEAL) -> Signer:
        (partner,) = (each for each in self.hub.parts.partners if each.id == name)
        assert partner.sends is not None
        assert partner.sends.signature is not None
        profile = partner.sends.signature.profile
        return bindings.signer(key_of(self.pki, seal), profile)

    def unsigned(self, name: str, key: str, code: str = "") -> Wire:
        """A message of our own in the sender's format and wrapping."""
        way = WAYS[name.removeprefix("other-")]
        code = code or self.hub.code()
        said = self.hub.said(way.form, self.hub.received(code), key)
        return Wire(
            body=way.around(said).replace(b">urn:uuid:1<", f">urn:uuid:{key}<".encode()),
            headers={"Content-Type": way.media},
            method="POST",
            target=f"{self.hub.url}/v1/messages",
            id=key,
        )

    def signed(self, name: str, key: str = "k", *, seal: str = SEAL, code: str = "") -> Wire:
        return self.signer(name, seal).sign(self.unsigned(name, key, code), self.now)

    async def post(self, name: str, wire: Wire, key: str = "k", sender: str = "") -> Answer:
        """``key``: of HTTP; where it must be signed, the format's or the signature's own is enough."""
        sent = None if WAYS[name].binding == "modi-rest" else key
        return await self.hub.post(wire.body, key=sent, sender=sender or name, headers=wire.headers)

    async def refuse(self, name: str, wire: Wire, *codes: str, about: str = "", sender: str = "") -> str:
        """Post it and hold the refusal. ``codes``: what it may be, any of signatures and certificates by default."""
        answer = await self.quickly(name, wire, about, sender)
        assert 400 <= answer.status < 500, (about, answer.status, answer.body)
        allowed = answer.code in codes if codes else answer.code[:8] in {"HUB-SIG-", "HUB-CRT-"}
        assert allowed, (about, answer.code, answer.body)
        return answer.code

    async def quickly(self, name: str, wire: Wire, about: str, sender: str = "") -> Answer:
        """Post it; when the machine had something else to do, once or twice more: the quickest counts."""
        for _ in range(3):
            started = time.monotonic()
            answer = await self.post(name, wire, sender=sender)
            seconds = time.monotonic() - started
            if seconds < SECONDS:
                return answer
        raise AssertionError((about, seconds))

    async def untouched(self) -> None:
        """Nothing was kept of all that, nobody was called, and it took no memory to speak of."""
        assert getrusage(RUSAGE_SELF).ru_maxrss - self.peak < KILOBYTES
        assert await self.hub.store.journal() == ()
        assert not list(self.hub.spool.iterdir())
        assert self.bird.calls == 0

    async def still_open(self, name: str) -> None:
        """The honest message is taken: so it was the attack that was refused."""
        answer = await self.post(name, self.signed(name, "honest"), key="honest")
        taken = answer.status == 202 if WAYS[name].readable else answer.code.startswith("HUB-SCH-")
        assert taken, answer.body


def with_body(wire: Wire, body: bytes) -> Wire:
    return msgspec.structs.replace(wire, body=body)


@asynccontextmanager
async def street(folder: Path, made: Parts, pki: Pki, now: datetime) -> AsyncIterator[Street]:
    async with canary() as bird, house(folder, made, lambda: now) as hub:
        yield Street(hub, pki, bird, now)
