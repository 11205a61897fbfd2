"""WS-Security 1.1 with X.509 tokens (OASIS WSS 1.1.1, X.509 token profile 1.1.1) over whole SOAP envelopes.

A message is one Header and one Body, with one Security header that holds nothing but a token, a Timestamp and the one
Signature of the document. A reference counts only when it means one of *these* elements, by identity: this Body, this
Timestamp, this token, the WS-Addressing headers of this Header. What must be signed is demanded element by element, so that
moving the signed Body aside and putting another in its place is seen whatever the ids say.

What is read on is made from the canonical bytes whose digest was signed: Body, Timestamp and headers alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from lxml import etree

from schemas.problems import Refusal, refuse
from signing.profiles import WssPart
from signing.xml import moments
from signing.xml.canonical import Step, canonical
from signing.xml.engine import WRITTEN, Engine
from signing.xml.gate import Gate, ids, parse
from signing.xml.keyinfo import BASE64, WSSE, X509V3
from signing.xml.names import ENVELOPED, EXCLUSIVE, SOAP, ds
from signing.xml.references import require, resolve
from signing.xml.shape import Accepted, binary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from signing.contract import Verified
    from signing.profiles import WssProfile
    from signing.trust.pins import Pins
    from signing.xml.shape import Referenced

WSU: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
ADDRESSING: Final = frozenset(
    {"http://www.w3.org/2005/08/addressing", "http://schemas.xmlsoap.org/ws/2004/08/addressing"}
)
_CLAIMS: Final = frozenset({"MessageID", "Action", "To", "RelatesTo"})
_TOKEN_CHARACTERS: Final = 16_384
_REFERENCES: Final = 16


def wsse(name: str) -> str:
    return f"{{{WSSE}}}{name}"


def wsu(name: str) -> str:
    return f"{{{WSU}}}{name}"


class Envelope(msgspec.Struct, frozen=True):
    """The parts of a SOAP message that a signature may be about."""

    namespace: str
    header: etree._Element
    body: etree._Element
    security: etree._Element
    addressing: tuple[etree._Element, ...]
    token: etree._Element | None
    timestamp: etree._Element | None
    signature: etree._Element

    def parts(self) -> list[etree._Element]:
        """Whatever may be signed."""
        single = (self.body, self.timestamp, self.token)
        return [*(part for part in single if part is not None), *self.addressing]

    def required(self, parts: frozenset[WssPart]) -> Iterator[etree._Element]:
        """Whatever must be signed. Raises HUB-SIG-006 for a part that is not even there."""
        single = {WssPart.BODY: self.body, WssPart.TIMESTAMP: self.timestamp, WssPart.TOKEN: self.token}
        for part in sorted(parts & set(single)):
            element = single[part]
            if element is None:
                raise refuse("HUB-SIG-006", part, rule="every part that this profile demands is there")
            yield element
        if WssPart.ADDRESSING in parts:
            yield from self.addressing


def read_envelope(root: etree._Element) -> Envelope:
    """Read the closed shape of a signed SOAP message. Raises HUB-SIG-009; HUB-SIG-001 without a Security header."""
    namespace = etree.QName(root).namespace or ""
    header, body = _frame(root, namespace)
    security = _security(root, header, namespace)
    parts = _children(security)
    known = {ds("Signature"): None, wsse("BinarySecurityToken"): None, wsu("Timestamp"): None}
    found: dict[str, etree._Element | None] = dict(known)
    for part in parts:
        if part.tag not in known or found[str(part.tag)] is not None:
            raise malformed("a Security header of one token, one Timestamp and one Signature")
        found[str(part.tag)] = part
    signature = found[ds("Signature")]
    if signature is None:
        raise malformed("the signature in the Security header")
    return Envelope(
        namespace=namespace,
        header=header,
        body=body,
        security=security,
        addressing=tuple(part for part in _children(header) if _is_addressing(part)),
        token=found[wsse("BinarySecurityToken")],
        timestamp=found[wsu("Timestamp")],
        signature=signature,
    )


def malformed(rule: str) -> Refusal:
    return refuse("HUB-SIG-009", "Envelope", rule=rule)


def _frame(root: etree._Element, namespace: str) -> Sequence[etree._Element]:
    """SOAP 1.1 §4, SOAP 1.2 part 1 §5.1: a Header, then a Body; nothing may follow it here."""
    parts = _children(root)
    wanted = [f"{{{namespace}}}Header", f"{{{namespace}}}Body"]
    is_soap = namespace in SOAP and root.tag == f"{{{namespace}}}Envelope"
    if not is_soap or [part.tag for part in parts] != wanted:
        raise malformed("a SOAP envelope of exactly one Header and one Body")
    return parts


def _security(root: etree._Element, header: etree._Element, namespace: str) -> etree._Element:
    everywhere = list(root.iter(wsse("Security")))
    if not everywhere:
        raise refuse("HUB-SIG-001", "Header", rule="one wsse:Security header")
    if len(everywhere) != 1 or everywhere[0].getparent() is not header:
        raise malformed("one wsse:Security header")
    (security,) = everywhere
    if any(security.get(f"{{{namespace}}}{role}") for role in ("actor", "role")):
        raise malformed("a Security header for the receiver of the message")
    for block in _children(header):
        must = (block.get(f"{{{namespace}}}mustUnderstand") or "").strip() in {"1", "true"}
        if must and block is not security and not _is_addressing(block):
            raise malformed("no header that must be understood and is not known")
    return security


def _children(parent: etree._Element) -> list[etree._Element]:
    return [child for child in parent if isinstance(child.tag, str)]


def _is_addressing(block: etree._Element) -> bool:
    return etree.QName(block).namespace in ADDRESSING


class EnvelopeVerifier:
    """Verifies against the pins of one signer under one profile. Immutable; shared by threads."""

    def __init__(self, pins: Pins, profile: WssProfile) -> None:
        written = frozenset(WRITTEN[one] for one in profile.canonicalisations)
        # Some peers write the enveloped transform for parts that never held the signature; it changes nothing there.
        chains = frozenset(chain for uri in written for chain in ((uri,), (ENVELOPED, uri)))
        accepted = Accepted(
            algorithms=profile.algorithms,
            canonicalisations=written,
            chains=chains,
            references=_REFERENCES,
        )
        self._profile = profile
        self._required = profile.signed | {WssPart.BODY}
        self._gate = Gate(profile.limits)
        self._engine = Engine(pins, profile, accepted)

    def verify(self, raw: bytes, now: datetime) -> Verified:
        """Return the one child of the signed Body; ``claims``: the signed ``wsa:`` headers by their names.

        Raises as ``signing.contract.Verifier``.
        """
        envelope = read_envelope(self._gate.admit(raw))
        opened = self._engine.open(envelope.signature, now, _tokens(envelope))
        found = resolve(opened.signed.references, envelope.parts())
        require(found, envelope.required(self._required))
        proven = self._engine.prove(opened, found)
        signed = dict(zip(map(id, found), proven.contents, strict=True))
        created = self._check_time(signed.get(id(envelope.timestamp)), now)
        claims = _claims(parse(signed[id(one)]) for one in envelope.addressing if id(one) in signed)
        self._check_audience(claims)
        payload = _payload(opened.signed.references[found.index(envelope.body)], signed[id(envelope.body)])
        return self._engine.verified(
            opened, proven, payload, now, signed_at=created, claims=claims, wrapped=True
        )

    def _check_time(self, timestamp: bytes | None, now: datetime) -> datetime | None:
        """WSS 1.1.1 §10: Created, then Expires; neither of them more than once."""
        if timestamp is None:
            return None
        parts = _children(parse(timestamp))
        names = [part.tag for part in parts]
        if names not in ([wsu("Created")], [wsu("Created"), wsu("Expires")]):
            raise malformed("a Timestamp of Created and Expires")
        skew, max_age = self._profile.skew, self._profile.max_age
        created, *expires = (moments.read(part.text or "", "Timestamp") for part in parts)
        if expires and expires[0] <= created:
            raise refuse("HUB-SIG-012", "Timestamp", rule="Expires after Created")
        moments.check(created, now, skew=skew, max_age=max_age, place="Timestamp")
        if expires and now - expires[0] > skew:
            raise refuse("HUB-SIG-011", "Timestamp", rule="Expires not passed")
        return created

    def _check_audience(self, claims: dict[str, str]) -> None:
        audiences = self._profile.audiences
        if audiences and claims.get("wsa:To") not in audiences:
            raise refuse("HUB-SIG-006", "To", rule="a signed wsa:To that names this hub")


def _tokens(envelope: Envelope) -> dict[str, bytes]:
    token = envelope.token
    if token is None:
        return {}
    if token.get("ValueType") != X509V3 or token.get("EncodingType", BASE64) != BASE64:
        raise refuse("HUB-SIG-010", "BinarySecurityToken", rule="an X.509 token in base64")
    return dict.fromkeys(ids(token), binary(token, _TOKEN_CHARACTERS))


def _claims(headers: Iterator[etree._Element]) -> dict[str, str]:
    claims: dict[str, str] = {}
    for header in headers:
        name = etree.QName(header).localname
        if name not in _CLAIMS:
            continue
        if f"wsa:{name}" in claims or len(header):
            raise malformed("every addressing header once, with text in it")
        claims[f"wsa:{name}"] = (header.text or "").strip()
    return claims


def _payload(reference: Referenced, body: bytes) -> bytes:
    """Return the only element in the signed Body; prefixes that the signer listed come along, as values may use them."""
    payloads = _children(parse(body))
    if len(payloads) != 1:
        raise malformed("one element in the Body")
    return canonical(payloads[0], Step(EXCLUSIVE, reference.steps[-1].prefixes))
