"""Where a signature lies on the wire: the one table from a profile's binding to who signs and who verifies by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from signing.jose.detached import DetachedSigner, DetachedVerifier
from signing.jose.modi import ModiSigner, ModiVerifier
from signing.profiles import (
    BesideProfile,
    EdxmlProfile,
    JwsProfile,
    ModiProfile,
    Profile,
    Reference,
    ScopedProfile,
    WssProfile,
    XadesProfile,
    XmlProfile,
)
from signing.xml.detached import BesideSigner, BesideVerifier
from signing.xml.edxml import EdxmlSigner, EdxmlVerifier
from signing.xml.enveloped import EnvelopedSigner, EnvelopedVerifier, with_id
from signing.xml.scoped import ScopedSigner, ScopedVerifier
from signing.xml.wss import EnvelopeVerifier
from signing.xml.wss_signing import EnvelopeSigner
from signing.xml.xades import XadesSigner, XadesVerifier

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from signing.contract import Key, Signer, Verified, Verifier, Wire
    from signing.timestamps import Anchors
    from signing.trust.pins import Pins

_PER_ATTEMPT: frozenset[type[Profile]] = frozenset({ModiProfile, WssProfile})


def per_attempt(profile: Profile) -> bool:
    """Whether what is signed is the envelope, anew on each attempt; the sealed payload inside stays as it is."""
    return type(profile) in _PER_ATTEMPT


def wraps(profile: Profile) -> bool:
    """Whether the body is an envelope around the payload: then one message can come in two bodies."""
    return isinstance(profile, WssProfile)


def signer(key: Key, profile: Profile) -> Signer:
    """Raises ``Refusal`` HUB-SIG-004 when the profile does not allow what the key can do."""
    return _SIGNERS[type(profile)](key, profile)


def verifier(pins: Pins, profile: Profile, anchors: Anchors | None = None) -> Verifier:
    """``anchors``: whose time-stamps are believed where the binding carries any."""
    if isinstance(profile, XadesProfile):
        return FromDocument(XadesVerifier(pins, profile, anchors))
    return _VERIFIERS[type(profile)](pins, profile)


class InBody:
    """The body itself carries the signature, so that it holds inside an envelope and outside of it.

    By id, the signature points at the root's ``Id``; a root without one is given one, made from its digest.
    """

    def __init__(self, key: Key, profile: XmlProfile) -> None:
        self._signer = EnvelopedSigner(key, profile)
        self._by_id = profile.reference is Reference.ID

    def sign(self, wire: Wire, now: datetime) -> Wire:  # noqa: ARG002 - says no time
        body = with_id(wire.body) if self._by_id else wire.body
        return msgspec.structs.replace(wire, body=self._signer.sign(body, canonical=wire.canonical))


class DocumentSigner(Protocol):
    def sign(self, document: bytes, now: datetime) -> bytes: ...


class DocumentVerifier(Protocol):
    def verify(self, raw: bytes, now: datetime) -> Verified: ...


class AsDocument:
    """The body as a whole is what is signed, and what comes back of it is what was."""

    def __init__(self, signer: DocumentSigner) -> None:
        self._signer = signer

    def sign(self, wire: Wire, now: datetime) -> Wire:
        return msgspec.structs.replace(wire, body=self._signer.sign(wire.body, now))


class FromDocument:
    def __init__(self, verifier: DocumentVerifier) -> None:
        self._verifier = verifier

    def verify(self, wire: Wire, now: datetime) -> Verified:
        return self._verifier.verify(wire.body, now)


class BesideBody:
    """A detached JWS over the body's bytes travels in a header beside it."""

    def __init__(self, key: Key, profile: JwsProfile) -> None:
        self._signer = DetachedSigner(key, profile)
        self._header = profile.header

    def sign(self, wire: Wire, now: datetime) -> Wire:
        headers = {**wire.headers, self._header: self._signer.sign(wire.body, now)}
        return msgspec.structs.replace(wire, headers=headers)


class FromBeside:
    def __init__(self, pins: Pins, profile: JwsProfile) -> None:
        self._verifier = DetachedVerifier(pins, profile)
        self._header = profile.header.lower()

    def verify(self, wire: Wire, now: datetime) -> Verified:
        return self._verifier.verify(wire.body, wire.headers.get(self._header, ""), now)


_SIGNERS: dict[type[Profile], Callable[[Key, Any], Signer]] = {
    XmlProfile: InBody,
    BesideProfile: lambda key, profile: AsDocument(BesideSigner(key, profile)),
    XadesProfile: lambda key, profile: AsDocument(XadesSigner(key, profile)),
    EdxmlProfile: lambda key, profile: AsDocument(EdxmlSigner(key, profile)),
    ScopedProfile: lambda key, profile: AsDocument(ScopedSigner(key, profile)),
    WssProfile: lambda key, profile: AsDocument(EnvelopeSigner(key, profile)),
    JwsProfile: BesideBody,
    ModiProfile: ModiSigner,
}
_VERIFIERS: dict[type[Profile], Callable[[Pins, Any], Verifier]] = {
    XmlProfile: lambda pins, profile: FromDocument(EnvelopedVerifier(pins, profile)),
    BesideProfile: lambda pins, profile: FromDocument(BesideVerifier(pins, profile)),
    EdxmlProfile: lambda pins, profile: FromDocument(EdxmlVerifier(pins, profile)),
    ScopedProfile: lambda pins, profile: FromDocument(ScopedVerifier(pins, profile)),
    WssProfile: lambda pins, profile: FromDocument(EnvelopeVerifier(pins, profile)),
    JwsProfile: FromBeside,
    ModiProfile: ModiVerifier,
}
