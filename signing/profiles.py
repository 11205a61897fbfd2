"""How a partner signs, as small frozen values: what may be used, what must be signed, how much is looked at.

A profile never names a partner. The defaults are the strict ones; what a partner needs beyond them is said in its file.
"""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum

import msgspec


class Reference(StrEnum):
    """What the one reference of a signature points at: the whole document (``URI=""``) or the payload by its id."""

    DOCUMENT = "document"
    ID = "id"


class Place(StrEnum):
    """Where the signed payload stands in what is received: it is the document, or the one child of the SOAP Body."""

    ROOT = "root"
    SOAP_BODY = "soap-body"


class XmlAlgorithm(StrEnum):
    RSA_SHA256 = "RSA_SHA256"
    ECDSA_SHA256 = "ECDSA_SHA256"
    RSA_PSS_SHA256 = "RSA_PSS_SHA256"


class Canonicalisation(StrEnum):
    """Exclusive C14N, or C14N 1.0 as older peers write it."""

    EXCLUSIVE = "exclusive"
    INCLUSIVE = "inclusive"


class Digest(StrEnum):
    SHA256 = "sha256"
    SHA1 = "sha1"


class JwsAlgorithm(StrEnum):
    RS256 = "RS256"
    ES256 = "ES256"


class Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Common shape: closed, frozen, named fields."""


class Limits(Shape, frozen=True):
    """What a message may cost before its signer is known.

    ``attributes`` counts per element and with namespace declarations; ``namespaces`` are those in scope at one place,
    because canonicalisation costs by them.
    """

    bytes: int = 8 * 1024 * 1024
    depth: int = 64
    elements: int = 100_000
    attributes: int = 64
    namespaces: int = 64


class XmlRules(Shape, frozen=True):
    """What every profile of signed XML says. ``version`` of the binding's rules; ``skew``: how far clocks may differ.

    ``canonicalisations``: of SignedInfo and of what is signed. ``sha1_until``: RSA and digests with SHA-1 are verified up
    to and including this day (Vietnam's), for partners that cannot do better yet.
    """

    version: int = 1
    algorithms: frozenset[XmlAlgorithm] = frozenset(XmlAlgorithm)
    canonicalisations: frozenset[Canonicalisation] = frozenset({Canonicalisation.EXCLUSIVE})
    limits: Limits = Limits()
    skew: timedelta = timedelta(seconds=60)
    sha1_until: date | None = None


class XmlProfile(XmlRules, frozen=True, tag_field="binding", tag="xmldsig-enveloped"):
    """Enveloped XML-DSig; one signature, one reference."""

    reference: Reference = Reference.DOCUMENT
    place: Place = Place.ROOT


class BesideProfile(XmlRules, frozen=True, tag_field="binding", tag="xmldsig-detached"):
    """XML-DSig beside the element that it signs, by its id; both are children of the root."""


class XadesProfile(XmlRules, frozen=True, tag_field="binding", tag="xades"):
    """Enveloped XAdES-B over the payload; with ``timestamp`` only XAdES-T is taken.

    ``max_age``: of the signing time. A sealed message is as old as its first attempt, so that it is off by default.
    """

    reference: Reference = Reference.DOCUMENT
    place: Place = Place.ROOT
    timestamp: bool = False
    max_age: timedelta | None = None


class EdxmlProfile(XmlRules, frozen=True, tag_field="binding", tag="edxml"):
    """The signature of an edXML document (QCVN 102:2016), in the header of its envelope."""

    canonicalisations: frozenset[Canonicalisation] = frozenset(Canonicalisation)
    limits: Limits = Limits(elements=50_000, namespaces=16)  # C14N 1.0 costs by both, multiplied


class ScopedProfile(XmlRules, frozen=True, tag_field="binding", tag="xmldsig-scoped"):
    """XML-DSig over HEADER and BODY of a DATA message by an XPath filter, as the tax gateway has it."""


class WssPart(StrEnum):
    """A part of a SOAP message. ``ADDRESSING``: every WS-Addressing header that is there."""

    BODY = "body"
    TIMESTAMP = "timestamp"
    TOKEN = "token"  # noqa: S105 - a certificate
    ADDRESSING = "addressing"


class KeyReference(StrEnum):
    """How a SOAP message names the signer's certificate: it brings it along, or means it by one of its marks."""

    TOKEN = "token"  # noqa: S105 - a certificate
    KEY_IDENTIFIER = "key-identifier"
    ISSUER_SERIAL = "issuer-serial"
    THUMBPRINT = "thumbprint"


class WssProfile(XmlRules, frozen=True, tag_field="binding", tag="wss"):
    """WS-Security 1.1 with X.509 (INTEGRITY_SOAP_01 of Italy's ModI), SOAP 1.1 and 1.2.

    ``signed``: what must be; token, body, timestamp and addressing headers may be, and nothing else. ``max_age``: of
    ``Created``, whatever ``Expires`` says: senders sign every attempt anew. ``time_to_live``: ``Expires`` of what we send.
    ``audiences``: what ``wsa:To`` must be, where it matters.
    """

    signed: frozenset[WssPart] = frozenset({WssPart.BODY, WssPart.TIMESTAMP, WssPart.ADDRESSING})
    max_age: timedelta = timedelta(minutes=5)
    time_to_live: timedelta = timedelta(minutes=5)
    key_reference: KeyReference = KeyReference.TOKEN
    audiences: frozenset[str] = frozenset()


class JwsProfile(Shape, frozen=True, tag_field="binding", tag="jws-detached"):
    """Compact JWS with detached payload (RFC 7515 appendix F) over the body's exact bytes.

    ``says_time``: put ``iat`` into the header. ``max_age``: refuse an older ``iat``, and a missing one; retries of a
    sealed message are as old as their first attempt, so it is off by default.
    """

    algorithms: frozenset[JwsAlgorithm] = frozenset(JwsAlgorithm)
    body_bytes: int = 8 * 1024 * 1024
    header_bytes: int = 16 * 1024
    type: str = "JOSE"
    header: str = "X-JWS-Signature"
    says_time: bool = True
    max_age: timedelta | None = None
    skew: timedelta = timedelta(seconds=60)


class Identity(StrEnum):
    """Which of ModI's identity patterns ``Authorization: Bearer`` follows; 02 also says a ``jti``."""

    NONE = "none"
    ID_AUTH_REST_01 = "ID_AUTH_REST_01"
    ID_AUTH_REST_02 = "ID_AUTH_REST_02"


class ModiProfile(Shape, frozen=True, tag_field="binding", tag="modi-rest"):
    """Signed requests after Italy's interoperability model (AgID, ModI): INTEGRITY_REST_01, with or without ID_AUTH_REST.

    ``header`` carries a JWS over the digest of the body and the headers that say what the body is. ``audience``: who is
    called, as both sides agreed; ``issuer`` and ``subject``: who calls, empty: not said. ``lifetime``: of what we sign;
    ``longest``: of what we take. ``carries_certificate``: send ``x5c`` along for those who look there.
    """

    algorithms: frozenset[JwsAlgorithm] = frozenset(JwsAlgorithm)
    body_bytes: int = 8 * 1024 * 1024
    header_bytes: int = 16 * 1024
    header: str = "Agid-JWT-Signature"
    identity: Identity = Identity.NONE
    audience: str = ""
    issuer: str = ""
    subject: str = ""
    lifetime: timedelta = timedelta(minutes=5)
    longest: timedelta = timedelta(hours=24)
    carries_certificate: bool = False
    skew: timedelta = timedelta(seconds=60)


JoseProfile = JwsProfile | ModiProfile
Profile = (
    XmlProfile
    | BesideProfile
    | XadesProfile
    | EdxmlProfile
    | ScopedProfile
    | WssProfile
    | JwsProfile
    | ModiProfile
)

ENVELOPED = XmlProfile()
DETACHED = JwsProfile()
MODI = ModiProfile()

PROFILES: dict[str, Profile] = {
    "xmldsig-enveloped": ENVELOPED,
    "xmldsig-detached": BesideProfile(),
    "xades": XadesProfile(),
    "edxml": EdxmlProfile(),
    "xmldsig-scoped": ScopedProfile(),
    "wss": WssProfile(),
    "jws-detached": DETACHED,
    "modi-rest": MODI,
}
"""The profile that a partner file's ``binding`` means when it says nothing more."""


def name(profile: Shape) -> str:
    """What a verdict says of the rules that it was made by: binding and version."""
    version = getattr(profile, "version", 1)
    return f"{profile.__struct_config__.tag}@{version}"
