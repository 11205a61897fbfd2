"""The forms of the matrix: how we sign each, and what a foreign signer is given to make one."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from signing import bindings, timestamps
from signing.contract import Wire
from signing.keys.ring import KeySource, load
from signing.profiles import (
    DETACHED,
    BesideProfile,
    EdxmlProfile,
    JwsProfile,
    KeyReference,
    ModiProfile,
    Profile,
    Reference,
    ScopedProfile,
    WssProfile,
    XadesProfile,
    XmlProfile,
)
from signing.trust.pins import load_pins
from signing.xml import properties
from signing.xml.names import SOAP
from tests.doubles.tsa import authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from signing.contract import Verifier
    from tests.doubles.pki import Pki

MATRIX: dict[str, Any] = tomllib.loads((Path(__file__).parent / "matrix.toml").read_text("utf-8"))
PEERS: dict[str, str] = MATRIX["peers"]
ROWS: dict[str, dict[str, str]] = {row["id"]: row for row in MATRIX["row"]}

DOSSIER = (
    '<hs:hoSo xmlns:hs="urn:vn:ho-so" Id="hs-1"><hs:ten>Nguyễn Văn Á</hs:ten><hs:ghiChu>so 12 &lt; 13</hs:ghiChu></hs:hoSo>'
).encode()
CHANGED = (b"so 12", b"so 22")
"""One byte of what is signed, before and after."""


@dataclass(frozen=True)
class Form:
    """``seal``: whose key. ``finish``: what is done to it after it is signed. ``task``: what a foreign signer is told beside document, key and certificate."""

    profile: Profile
    seal: str = "seal-2048"
    document: bytes = DOSSIER
    headers: Mapping[str, str] = field(default_factory=dict)
    verb: str = ""
    finish: Callable[[bytes, Pki], bytes] = lambda signed, _: signed
    task: Mapping[str, bytes] = field(default_factory=dict)


HELD = b"<giu>" + DOSSIER + b"</giu>"
WSA = "http://www.w3.org/2005/08/addressing"
WSS = {"form": b"wss", "by": b"token"}


def envelope(namespace: str, payload: bytes = DOSSIER, message: str = "urn:uuid:1") -> bytes:
    """A SOAP message with the WS-Addressing headers that this hub writes."""
    told = {"Action": "urn:gui", "MessageID": message, "To": "urn:hub"}
    blocks = "".join(f'<wsa:{name} xmlns:wsa="{WSA}">{value}</wsa:{name}>' for name, value in told.items())
    head = f'<soap:Envelope xmlns:soap="{namespace}"><soap:Header>{blocks}</soap:Header><soap:Body>'
    return head.encode() + payload + b"</soap:Body></soap:Envelope>"


EDXML = (
    '<edXML xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016"><edXMLEnvelope><edXMLHeader><MessageHeader>'
    "<Subject>Công văn so 12</Subject></MessageHeader></edXMLHeader><edXMLBody/></edXMLEnvelope></edXML>"
).encode()
TAX = "<DATA><HEADER><MSG_ID>so 12</MSG_ID></HEADER><BODY><TEN>Thuế</TEN></BODY><SECURITY/></DATA>".encode()


def stamped(signed: bytes, pki: Pki) -> bytes:
    """XAdES-T: our signature with a token of the test authority."""
    query = timestamps.question(properties.imprint(signed), 7)
    return properties.with_stamp(signed, timestamps.token_of(authority(pki).stamp(query)))


BESIDE = BesideProfile()
BY_ID = XmlProfile(reference=Reference.ID)

MODI = ModiProfile(audience="urn:hub")
JSON = {"Content-Type": "application/json"}

FORMS: dict[str, Form] = {
    "enveloped-document-rsa": Form(XmlProfile(), task={"reference": b""}),
    "enveloped-document-ec": Form(XmlProfile(), "seal-p256", task={"reference": b""}),
    "enveloped-id-rsa": Form(BY_ID, task={"reference": b"#hs-1"}),
    "enveloped-id-ec": Form(BY_ID, "seal-p256", task={"reference": b"#hs-1"}),
    "detached-rsa": Form(BESIDE, document=HELD, task={"reference": b"#hs-1", "beside": b"yes"}),
    "detached-ec": Form(BESIDE, "seal-p256", HELD, task={"reference": b"#hs-1", "beside": b"yes"}),
    "xades-rsa": Form(XadesProfile()),
    "xades-ec": Form(XadesProfile(), "seal-p256"),
    "xades-id": Form(XadesProfile(reference=Reference.ID)),
    "xades-t": Form(XadesProfile(timestamp=True), finish=stamped),
    "scoped": Form(ScopedProfile(), document=TAX),
    "edxml": Form(EdxmlProfile(), document=EDXML, task={"reference": b"", "into": b"edXMLHeader"}),
    "edxml-sha1": Form(
        EdxmlProfile(sha1_until=datetime.now(UTC).date() + timedelta(days=2)),
        document=EDXML,
        task={"reference": b"", "into": b"edXMLHeader", "sha1": b"yes"},
    ),
    "wss-11-rsa": Form(WssProfile(), document=envelope(SOAP[0]), task=WSS),
    "wss-12-rsa": Form(WssProfile(), document=envelope(SOAP[1]), task=WSS),
    "wss-11-ec": Form(WssProfile(), "seal-p256", envelope(SOAP[0]), task=WSS),
    **{
        f"wss-{form}": Form(
            WssProfile(key_reference=form), document=envelope(SOAP[0]), task={**WSS, "by": form.encode()}
        )
        for form in KeyReference
        if form is not KeyReference.TOKEN
    },
    "jws-rsa": Form(DETACHED, verb="-jws", task={"header": b'{"alg":"RS256","typ":"JOSE"}'}),
    "jws-ec": Form(JwsProfile(), "seal-p256", verb="-jws", task={"header": b'{"alg":"ES256","typ":"JOSE"}'}),
    "modi-rsa": Form(
        MODI, headers=JSON, verb="-modi", task={"header": b'{"alg":"RS256"}', "audience": b"urn:hub"}
    ),
    "modi-ec": Form(
        MODI,
        "seal-p256",
        headers=JSON,
        verb="-modi",
        task={"header": b'{"alg":"ES256"}', "audience": b"urn:hub"},
    ),
}


def signed_by_us(pki: Pki, form: Form) -> Wire:
    seal = pki[form.seal]
    source = KeySource(name=seal.name, file=str(seal.key_file), certificate=str(seal.certificate_file))
    wire = Wire(body=form.document, headers=form.headers)
    signed = bindings.signer(load(source), form.profile).sign(wire, datetime.now(UTC))
    return msgspec.structs.replace(signed, body=form.finish(signed.body, pki))


def verifier_of(form: Form, pin: Path, root: Path) -> Verifier:
    """Ours, for this form and that pin; time-stamps of the root's authority are believed."""
    anchors = timestamps.load_anchors([root])
    return bindings.verifier(load_pins([pin]), form.profile, anchors)


def arrived(wire: Wire) -> Wire:
    """The same as the hub gets it: with names of headers in lower case."""
    headers = {name.lower(): value for name, value in wire.headers.items()}
    return msgspec.structs.replace(wire, headers=headers)


CONTAINERS = {"asic-rsa": "seal-2048", "asic-ec": "seal-p256"}
"""Rows about evidence containers, and whose seal each is under."""


def cells(*words: str, of: Iterable[str] = FORMS) -> list[tuple[str, str]]:
    """Return (form, peer) of every cell that begins with one of the words."""
    return [
        (name, peer) for name in of for peer in PEERS if ROWS[name].get(peer, "").partition(":")[0] in words
    ]


def seen(told: list[str]) -> list[str]:
    """Draw the matrix of what a run saw. ``told``: form, peer and ``verifies``, ``signs`` or ``no``, parted by blanks."""
    marks: dict[tuple[str, str], set[str]] = {}
    for name, peer, what in map(str.split, told):
        marks.setdefault((name, peer), set()).add(what)
    width = max(map(len, ROWS)) + 2
    columns = {peer: max(len(peer), len("both ways")) + 2 for peer in PEERS}
    lines = [" " * width + "".join(peer.ljust(wide) for peer, wide in columns.items())]
    for name in ROWS:
        said = (_word(marks.get((name, peer), set())).ljust(wide) for peer, wide in columns.items())
        lines.append(name.ljust(width) + "".join(said).rstrip())
    return lines


def _word(marks: set[str]) -> str:
    return "both ways" if {"verifies", "signs"} <= marks else "".join(marks)
