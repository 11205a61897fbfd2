"""How one partner signs, and how it is signed for: the keys of ``signature`` tables, and the profile that they make.

Every binding takes the keys that mean something to it and no others; what is left out is the strict default of the
binding's version (``signing.profiles``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping  # noqa: TC003 - read at run time
from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal, Self

import msgspec
from pydantic import Field, model_validator

from hub.partners.world import File, HubName, KeyName, Pin
from hub.settings.sections import Revocation
from hub.settings.values import Closed, Seconds
from schemas.dossier import Kind
from signing.profiles import (
    PROFILES,
    Canonicalisation,
    Identity,
    JwsAlgorithm,
    KeyReference,
    Place,
    Profile,
    Reference,
    WssPart,
    XmlAlgorithm,
    XmlRules,
)
from signing.trust.pins import PinFile  # noqa: TC001 - what partner files are read into

Binding = Literal[
    "edxml",
    "jws-detached",
    "modi-rest",
    "wss",
    "xades",
    "xmldsig-detached",
    "xmldsig-enveloped",
    "xmldsig-scoped",
]
Algorithm = Literal["rsa-sha256", "ecdsa-sha256", "rsa-pss-sha256"]
Header = Annotated[str, Field(pattern=r"^([A-Za-z][A-Za-z0-9-]{0,62})?$")]
Version = Annotated[int, Field(ge=1, le=1)]
Skew = Annotated[Seconds, Field(le=300)]
Span = Annotated[Seconds, Field(gt=0)]

HEADERS: Final = {"jws-detached": "X-JWS-Signature", "modi-rest": "Agid-JWT-Signature"}
"""Where each binding's signature travels when the partner's file says nothing else."""

_JOSE: Final = frozenset({"jws-detached", "modi-rest"})
_OFTEN: Final = frozenset({"algorithms", "skew"})
_ANY_XML: Final = _OFTEN | {"sha1_until", "limits"}
_XML: Final = _ANY_XML | {"canonicalisations"}
_ALWAYS: Final = frozenset({"binding", "version", "certificates", "under", "authority", "revocation", "key"})

PROVES: Final[Mapping[str, frozenset[str]]] = {
    "jws-detached": _OFTEN | {"header", "max_age"},
    "modi-rest": _OFTEN | {"header", "identity", "audience"},
    "xmldsig-enveloped": _XML | {"place"},
    "xmldsig-detached": _XML,
    "xades": _XML | {"place", "max_age", "timestamp"},
    "edxml": _XML,
    "xmldsig-scoped": _ANY_XML,
    "wss": _XML | {"max_age", "signed", "audience"},
}
"""The keys of a ``Proof`` that mean something to each binding."""
SEALS: Final[Mapping[str, frozenset[str]]] = {
    "jws-detached": frozenset({"header"}),
    "modi-rest": frozenset({"header", "identity", "audience", "issuer"}),
    "xmldsig-enveloped": frozenset({"reference"}),
    "xmldsig-detached": frozenset(),
    "xades": frozenset({"reference", "timestamp"}),
    "edxml": frozenset(),
    "xmldsig-scoped": frozenset(),
    "wss": frozenset({"key_reference", "time_to_live"}),
}
"""The keys of a ``Seal`` that mean something to each binding."""

_JWS: Final = {"rsa-sha256": JwsAlgorithm.RS256, "ecdsa-sha256": JwsAlgorithm.ES256}
_XML_WORDS: Final = {
    "rsa-sha256": XmlAlgorithm.RSA_SHA256,
    "ecdsa-sha256": XmlAlgorithm.ECDSA_SHA256,
    "rsa-pss-sha256": XmlAlgorithm.RSA_PSS_SHA256,
}


def _seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


SIGNED_ONCE: Final = frozenset({"jws-detached", "xades"})
"""Bindings that say when they signed and keep it over all tries: a message is as old as its first."""

_READS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "canonicalisations": lambda words: frozenset(map(Canonicalisation, words)),
    "signed": lambda words: frozenset(map(WssPart, words)),
    "place": Place,
    "reference": Reference,
    "key_reference": KeyReference,
    "identity": Identity,
    "skew": _seconds,
    "max_age": _seconds,
    "time_to_live": _seconds,
}
"""What a key's word means in a profile, where it is not the word itself."""


def _made(model: Closed, binding: str, keys: frozenset[str], **more: object) -> Profile:
    """The binding's own profile, with what the partner's file says otherwise."""
    said = {name: getattr(model, name) for name in keys & model.model_fields_set - set(more)}
    read = {name: _READS[name](value) if name in _READS else value for name, value in said.items()}
    return msgspec.structs.replace(PROFILES[binding], **read, **more)


class Bounds(Closed):
    """What a signed XML message may cost before its signer is known; what is not said is the binding's own."""

    depth: Annotated[int, Field(ge=4, le=128)] | None = None
    elements: Annotated[int, Field(ge=10, le=200_000)] | None = None
    attributes: Annotated[int, Field(ge=1, le=64)] | None = None
    namespaces: Annotated[int, Field(ge=1, le=64)] | None = None


class Proof(Closed):
    """How what this partner says is signed. ``certificates``: the pins, at least one but for a hub below, which has its own by enrolment; ``header`` carries a JWS.

    ``authority``: kinds that only a signatory may sign who has the right to (``hub.signatories``); their certificates are
    pinned beside these. ``under``: authorities that the pins must stand under. ``revocation``: whether authorities are asked about the pinned certificates.
    For ``modi-rest``: ``identity``: the pattern of its bearer tokens; ``audience``: what it calls this hub, when not as the
    settings do; for ``wss``: what a signed ``wsa:To`` must say. ``max_age``: how old a signature may be when it comes.
    ``sha1_until``: SHA-1 is verified up to and including this day.
    """

    binding: Binding
    certificates: tuple[Pin, ...] = ()
    version: Version = 1
    header: Header = ""
    authority: tuple[Kind, ...] = ()
    identity: Identity = Identity.NONE
    audience: HubName = Field(default="", validate_default=True)
    under: tuple[File, ...] = ()
    revocation: Revocation = Revocation()
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] | None = None
    canonicalisations: (
        Annotated[tuple[Literal["exclusive", "inclusive"], ...], Field(min_length=1)] | None
    ) = None
    signed: tuple[Literal["body", "timestamp", "token", "addressing"], ...] | None = None
    place: Literal["root", "soap-body"] = "root"
    timestamp: bool = False
    max_age: Span | None = None
    skew: Skew = 60.0
    sha1_until: date | None = None
    limits: Bounds = Bounds()

    @property
    def pins(self) -> tuple[PinFile, ...]:
        return tuple(msgspec.structs.replace(one.pin, under=self.under) for one in self.certificates)

    @property
    def carried_in(self) -> str:
        """The header with the signature; empty when the body carries it."""
        return self.header or HEADERS.get(self.binding, "")

    @property
    def in_xml(self) -> bool:
        """Whether the signature stands in the document: then it is parsed before anybody reads its letters."""
        return self.binding not in _JOSE

    @property
    def in_soap(self) -> bool:
        """Whether what comes is a SOAP envelope."""
        return self.binding == "wss" or self.place == "soap-body"

    @property
    def profile(self) -> Profile:
        more: dict[str, object] = {}
        if self.binding in _JOSE:
            more["header"] = self.carried_in
        if self.binding == "modi-rest":
            more["audience"] = self.audience
        if self.binding == "wss" and "audience" in self.model_fields_set:
            more["audiences"] = frozenset({self.audience})
        if self.algorithms:
            words: Mapping[str, object] = _JWS if self.binding in _JOSE else _XML_WORDS
            more["algorithms"] = frozenset(words[word] for word in self.algorithms)
        made = _made(self, self.binding, PROVES[self.binding] - {"audience", "algorithms", "limits"}, **more)
        if isinstance(made, XmlRules):
            told = self.limits.model_dump(exclude_none=True)
            return msgspec.structs.replace(made, limits=msgspec.structs.replace(made.limits, **told))
        return made

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        if self.binding == "modi-rest" and not self.audience:
            raise ValueError("audience, or a name (or public_url) in the hub's settings")
        if (
            self.binding in _JOSE
            and "algorithms" in self.model_fields_set
            and not set(self.algorithms or ()) <= set(_JWS)
        ):
            raise ValueError(f"algorithms: {' | '.join(_JWS)}")
        return self


class Seal(Closed):
    """How the hub signs what this partner receives, by the name of a key in the settings.

    ``reference``: whether an XML signature points at the payload by its ``Id`` or at the whole document; ``header``
    carries a JWS. For ``modi-rest``: ``audience``: what the partner calls itself; ``issuer``: what it calls this hub, when
    not as the settings do; ``identity``: the pattern of the bearer token that goes along. For ``wss``: ``key_reference``:
    how the envelope names our certificate; ``time_to_live``: when it expires. ``timestamp``: the authority under
    ``[timestamps]`` stamps each signature (XAdES-T).
    """

    binding: Binding
    key: KeyName
    version: Version = 1
    reference: Literal["id", "document"] = "id"
    header: Header = ""
    identity: Identity = Identity.NONE
    audience: Annotated[str, Field(max_length=512)] = ""
    issuer: HubName = Field(default="", validate_default=True)
    key_reference: Literal["token", "key-identifier", "issuer-serial", "thumbprint"] = "token"
    time_to_live: Annotated[Seconds, Field(ge=30, le=3600)] = 300.0
    timestamp: bool = False

    @property
    def profile(self) -> Profile:
        more: dict[str, object] = {}
        if self.binding in _JOSE:
            more["header"] = self.header or HEADERS[self.binding]
        if self.binding == "modi-rest":
            more |= {"issuer": self.issuer, "subject": self.issuer}
        if "reference" in SEALS[self.binding]:
            more["reference"] = Reference(self.reference)
        return _made(self, self.binding, SEALS[self.binding], **more)

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        if self.binding == "modi-rest" and not self.audience:
            raise ValueError("audience, for modi-rest")
        return self


def strange(said: Proof | Seal) -> list[str]:
    """Name the keys that mean nothing to the binding."""
    takes = PROVES if isinstance(said, Proof) else SEALS
    return sorted(said.model_fields_set - takes[said.binding] - _ALWAYS)
