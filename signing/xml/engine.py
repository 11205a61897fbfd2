"""These references, over these nodes, by one of these pins: the one way by which signed XML is verified.

Whoever calls has the message through the gate, has found which elements may be signed and which must be, and knows every
reference's element by identity. Here SignedInfo is canonicalised and verified first; only then anything else is, so that
canonicalising content costs an attacker a signature by a pinned key. signxml and xmlsec1 say the same in the tests.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from schemas.problems import Refusal, refuse
from signing import algorithms
from signing.contract import Verified
from signing.profiles import Canonicalisation, XmlAlgorithm, XmlRules, name
from signing.trust.pins import Pin  # noqa: TC001 - msgspec reads the annotations at run time
from signing.xml import keyinfo
from signing.xml.canonical import Step, canonical, foreign
from signing.xml.names import CANONICAL, ENVELOPED, EXCLUSIVE, INCLUSIVE, RSA_SHA1
from signing.xml.shape import Accepted, Referenced, Signed, read_signature

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lxml import etree

    from signing.trust.pins import Pins

VIETNAM: Final = timezone(timedelta(hours=7))
WRITTEN: Final = {Canonicalisation.EXCLUSIVE: EXCLUSIVE, Canonicalisation.INCLUSIVE: INCLUSIVE}

_VERIFIES: Final[dict[str, Callable[[algorithms.PublicKey, bytes, bytes], bool]]] = {
    XmlAlgorithm.RSA_SHA256: algorithms.verifies,
    XmlAlgorithm.ECDSA_SHA256: algorithms.verifies,
    XmlAlgorithm.RSA_PSS_SHA256: algorithms.verifies_pss,
    RSA_SHA1: algorithms.verifies_sha1,
}


class Opened(msgspec.Struct, frozen=True):
    """A signature whose shape is allowed, and the pins that may have made it. Nothing is proven yet."""

    signed: Signed
    pins: tuple[Pin, ...]


class Proven(msgspec.Struct, frozen=True):
    """``contents``: for each reference, in its order, the very bytes whose digest was signed."""

    pin: Pin
    contents: tuple[bytes, ...]


class Engine:
    """The pins of one signer and what its profile allows. Immutable; shared by threads."""

    def __init__(self, pins: Pins, profile: XmlRules, accepted: Accepted) -> None:
        self._pins = pins
        self._directory = keyinfo.Directory(pins)
        self._skew = profile.skew
        self._sha1_until = profile.sha1_until
        self._accepted = accepted
        self._legacy = msgspec.structs.replace(accepted, legacy=True)
        self._name = name(profile)

    def open(
        self, signature: etree._Element, now: datetime, tokens: Mapping[str, bytes] | None = None
    ) -> Opened:
        """Raises HUB-SIG-004, -005, -010, -013; HUB-CRT-001 when nothing named is pinned, -002 when it is not valid now."""
        signed = read_signature(signature, self._legacy if self._sha1_until else self._accepted)
        self._check_sha1(signed, now)
        hints = keyinfo.read(signed.key_info, tokens or {})
        named = self._directory.fingerprints(hints)
        hinted = bool(hints.certificates or hints.named)
        chosen = self._pins.choose(named, now, self._skew, place="Signature/KeyInfo", hinted=hinted)
        fitting = tuple(pin for pin in chosen if _fits(pin, signed.algorithm))
        if not fitting:
            raise refuse("HUB-SIG-004", "SignatureMethod", rule="the algorithm of the pinned key")
        return Opened(signed, fitting)

    def _check_sha1(self, signed: Signed, now: datetime) -> None:
        old = signed.algorithm == RSA_SHA1 or any(one.method == "sha1" for one in signed.references)
        if old and self._sha1_until and now.astimezone(VIETNAM).date() > self._sha1_until:
            raise refuse("HUB-SIG-013", "SignatureMethod", rule=f"SHA-1 until {self._sha1_until.isoformat()}")

    def prove(
        self, opened: Opened, nodes: Sequence[etree._Element], compute: Callable[[], bytes] | None = None
    ) -> Proven:
        """Verify the signature, then each reference over its node. The tree loses its signature by it.

        ``compute``: makes the octets of the only reference, where they are no element's. Raises HUB-SIG-002, -003.
        """
        signed = opened.signed
        pin = _signer(opened)
        enveloping = [any(step.algorithm == ENVELOPED for step in one.steps) for one in signed.references]
        order = sorted(
            range(len(nodes)), key=enveloping.__getitem__
        )  # the signature leaves the tree last of all
        contents: dict[int, bytes] = {}
        for number in order:
            if enveloping[number]:
                remove(signed.element)
            reference = signed.references[number]
            contents[number] = compute() if compute else canonical(nodes[number], canonicalising(reference))
            if (
                hashlib.new(reference.method, contents[number], usedforsecurity=False).digest()
                != reference.digest
            ):
                raise refuse("HUB-SIG-003", "Signature", rule="the digest of what was signed")
        return Proven(pin, tuple(contents[number] for number in range(len(nodes))))

    def verified(
        self, opened: Opened, proven: Proven, payload: bytes, now: datetime, **more: object
    ) -> Verified:
        return Verified(
            payload=payload,
            signer=proven.pin.signer(),
            algorithm=opened.signed.algorithm,
            digest=hashlib.sha256(payload).hexdigest(),
            verified_at=now,
            signature=hashlib.sha256(opened.signed.value).hexdigest(),
            certificate=proven.pin.certificate.public_bytes(Encoding.DER),
            profile=self._name,
            **more,  # type: ignore[arg-type]  # named by the binding: signed_at, stamped_at, claims
        )


def _fits(pin: Pin, algorithm: str) -> bool:
    return isinstance(pin.key, rsa.RSAPublicKey) == (algorithm != XmlAlgorithm.ECDSA_SHA256)


def _signer(opened: Opened) -> Pin:
    signed = opened.signed
    data = canonical(signed.signed_info, signed.canonicalisation)
    for pin in opened.pins:
        if foreign(partial(_VERIFIES[signed.algorithm], pin.key, data, signed.value)):
            return pin
    raise invalid()


def invalid() -> Refusal:
    return refuse("HUB-SIG-002", "Signature", rule="a signature by the pinned certificate")


def canonicalising(reference: Referenced) -> Step:
    """A node-set that no transform made octets is canonicalised by C14N 1.0 (xmldsig-core1 §4.4.3.2)."""
    last = reference.steps[-1] if reference.steps else None
    return last if last is not None and last.algorithm in CANONICAL else Step(INCLUSIVE)


def remove(element: etree._Element) -> None:
    """Take an element out and leave the text after it where it was (xmldsig-core1 §6.6.4)."""
    parent, before, tail = element.getparent(), element.getprevious(), element.tail or ""
    if parent is None:
        return
    element.tail = None
    parent.remove(element)
    if before is None:
        parent.text = (parent.text or "") + tail
    else:
        before.tail = (before.tail or "") + tail
