"""Signing a SOAP envelope when it is sent: a fresh Timestamp and signature around the same sealed payload.

Signed are Body, Timestamp, the token where one is brought along, and every WS-Addressing header. What is added is spliced
into the envelope's own bytes, so that the payload stays byte for byte what was sealed.
"""

from __future__ import annotations

import base64
import re
from pyexpat import ExpatError, ParserCreate
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

import msgspec

from schemas.problems import refuse
from signing.profiles import KeyReference
from signing.xml import keyinfo, moments
from signing.xml.canonical import canonical
from signing.xml.gate import ids, parse
from signing.xml.keyinfo import BASE64, SKI, THUMBPRINT, WSSE, X509V3
from signing.xml.names import SOAP
from signing.xml.writing import Part, Writer
from signing.xml.wss import ADDRESSING, WSU, malformed

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from lxml import etree

    from signing.contract import Key
    from signing.profiles import WssProfile

_TAG: Final = re.compile(rb"""<([^\s/>]+)((?:[^>"']|"[^"]*"|'[^']*')*?)(/?)>""")
_ID: Final = re.compile(rb"""\s(?:[^\s=:]+:)?(?:Id|ID|id)\s*=""")
_END: Final = b"</wsse:Security>"
_HEADER_DEPTH: Final = 2


class EnvelopeSigner:
    """Signs with one key under one profile. Immutable; shared by threads."""

    def __init__(self, key: Key, profile: WssProfile) -> None:
        """Raises ``Refusal`` HUB-SIG-004 when the profile does not allow what the key can do."""
        self._writer = Writer(key, profile.algorithms, key_info=_key_info(key, profile.key_reference))
        brings = profile.key_reference is KeyReference.TOKEN
        self._token = _token(key) if brings else ""
        self._time_to_live = profile.time_to_live

    def sign(self, envelope: bytes, now: datetime) -> bytes:
        """Return the envelope with a Security header, first of its Header. Raises HUB-SIG-005, HUB-SIG-009."""
        places = _Places(envelope)
        security = self._security(places.namespace, now)
        ready, end = places.splice(security)
        parts = _parts(parse(ready))
        written = [Part(uri=f"#{ids(part)[0]}", content=canonical(part)) for part in parts]
        return ready[:end] + self._writer.write(written) + ready[end:]

    def _security(self, namespace: str, now: datetime) -> bytes:
        created, expires = moments.write(now), moments.write(now + self._time_to_live)
        return (
            f'<wsse:Security xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}" xmlns:env="{namespace}" env:mustUnderstand="1">'
            f'{self._token}<wsu:Timestamp wsu:Id="ws-timestamp"><wsu:Created>{created}</wsu:Created>'
            f"<wsu:Expires>{expires}</wsu:Expires></wsu:Timestamp>"
        ).encode() + _END


def _token(key: Key) -> str:
    return (
        f'<wsse:BinarySecurityToken EncodingType="{BASE64}" ValueType="{X509V3}" wsu:Id="ws-token">'
        f"{key.certificate_text.decode()}</wsse:BinarySecurityToken>"
    )


def _parts(root: etree._Element) -> list[etree._Element]:
    """Return what is signed, in the order of the document: each has been given an id."""
    header, body = root
    blocks = [block for block in header if isinstance(block.tag, str) and _namespace(block) in ADDRESSING]
    return [*header[0], *blocks, body]


def _namespace(element: etree._Element) -> str:
    return str(element.tag)[1:].partition("}")[0]


# --- how the key is named -----------------------------------------------------------------------------------------


def _key_info(key: Key, form: KeyReference) -> bytes:
    inside = _FORMS[form](key)
    return (
        f'<ds:KeyInfo><wsse:SecurityTokenReference xmlns:wsse="{WSSE}">{inside}</wsse:SecurityTokenReference></ds:KeyInfo>'
    ).encode()


def _identifier(kind: str, value: bytes) -> str:
    text = base64.b64encode(value).decode()
    return f'<wsse:KeyIdentifier EncodingType="{BASE64}" ValueType="{kind}">{text}</wsse:KeyIdentifier>'


def _issuer_serial(key: Key) -> str:
    issuer = escape(key.certificate.issuer.rfc4514_string())
    return (
        f"<ds:X509Data><ds:X509IssuerSerial><ds:X509IssuerName>{issuer}</ds:X509IssuerName>"
        f"<ds:X509SerialNumber>{key.certificate.serial_number}</ds:X509SerialNumber></ds:X509IssuerSerial></ds:X509Data>"
    )


_FORMS: Final[dict[KeyReference, Callable[[Key], str]]] = {
    KeyReference.TOKEN: lambda _: f'<wsse:Reference URI="#ws-token" ValueType="{X509V3}"></wsse:Reference>',
    KeyReference.KEY_IDENTIFIER: lambda key: _identifier(SKI, keyinfo.key_identifier(key.certificate)),
    KeyReference.THUMBPRINT: lambda key: _identifier(THUMBPRINT, keyinfo.thumbprint(key.certificate)),
    KeyReference.ISSUER_SERIAL: _issuer_serial,
}


# --- where it goes ------------------------------------------------------------------------------------------------


class _Place(msgspec.Struct, frozen=True):
    """A start tag that something is put into: its offset, and the ``wsu:Id`` that it is given."""

    at: int
    name: str


class _Edit(msgspec.Struct, frozen=True):
    """From ``start`` to ``end`` stands ``text`` from now on."""

    start: int
    end: int
    text: bytes


class _Places:
    """Where Header, addressing headers and Body of an envelope begin, in bytes. Raises HUB-SIG-005, HUB-SIG-009."""

    def __init__(self, envelope: bytes) -> None:
        self._envelope = envelope
        self._path: list[str] = []
        self._marked: list[_Place] = []
        self._header = self._body = -1
        self.namespace = ""
        self._parser = parser = ParserCreate("utf-8", "}")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        try:
            parser.Parse(envelope, True)
        except ExpatError as error:
            raise refuse("HUB-SIG-005", line=error.lineno, rule="well-formed XML in UTF-8") from error
        if self._body < 0:
            raise malformed("a SOAP envelope of at most one Header and one Body")

    def _start(self, name: str, _: object) -> None:
        depth, parent = len(self._path), self._path[-1] if self._path else ""
        self._path.append(name)
        namespace, _, local = name.rpartition("}")
        if depth == 0:
            self.namespace = namespace if namespace in SOAP and local == "Envelope" else ""
        elif depth == 1:
            self._frame(name, local)
        elif depth == _HEADER_DEPTH and parent == f"{self.namespace}}}Header":
            if name == f"{WSSE}}}Security":
                raise malformed("an envelope that is not signed yet")
            if namespace in ADDRESSING:
                self._mark(f"ws-{len(self._marked) + 1}")

    def _frame(self, name: str, local: str) -> None:
        expected = {"Header": self._header < 0 and self._body < 0, "Body": self._body < 0}.get(local, False)
        if not self.namespace or name != f"{self.namespace}}}{local}" or not expected:
            raise malformed("a SOAP envelope of at most one Header and one Body")
        if local == "Header":
            self._header = self._parser.CurrentByteIndex
        else:
            self._body = self._parser.CurrentByteIndex
            self._mark("ws-body")

    def _end(self, _: str) -> None:
        self._path.pop()

    def _mark(self, name: str) -> None:
        self._marked.append(_Place(self._parser.CurrentByteIndex, name))

    def splice(self, security: bytes) -> tuple[bytes, int]:
        """Return the envelope with ids and the Security header, and the offset at which that header ends."""
        edits = [self._id(place) for place in self._marked]
        opening = self._opening(security)
        made, at, end = b"", 0, 0
        for edit in sorted((*edits, opening), key=lambda edit: edit.start):
            made += self._envelope[at : edit.start] + edit.text
            at = edit.end
            if edit is opening:
                end = len(made) - len(edit.text) + edit.text.rindex(_END)
        return made + self._envelope[at:], end

    def _id(self, place: _Place) -> _Edit:
        tag = self._tag(place.at)
        text = b"" if _ID.search(tag[2]) else f' xmlns:wsu="{WSU}" wsu:Id="{place.name}"'.encode()
        return _Edit(tag.end(1), tag.end(1), text)

    def _opening(self, security: bytes) -> _Edit:
        """The Security header goes first into the Header; an envelope without one is given one before its Body."""
        if self._header < 0:
            prefix, colon, _ = self._tag(self._body)[1].rpartition(b":")
            name = prefix + colon + b"Header"
            return _Edit(self._body, self._body, b"<%b>%b</%b>" % (name, security, name))
        tag = self._tag(self._header)
        if not tag[3]:
            return _Edit(tag.end(), tag.end(), security)
        return _Edit(tag.start(), tag.end(), b"<%b%b>%b</%b>" % (tag[1], tag[2], security, tag[1]))

    def _tag(self, at: int) -> re.Match[bytes]:
        found = _TAG.match(self._envelope, at)
        if found is None:
            raise malformed("start tags that can be read")
        return found
