"""XAdES-B and -T (ETSI EN 319 132-1) with explicit transforms: enveloped, over the payload and what the signer says of it.

Every reference that we write names its canonicalisation: without one a verifier takes C14N 1.0, whatever SignedInfo used.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.serialization import Encoding

from schemas.problems import refuse
from signing import timestamps
from signing.profiles import Place, Reference
from signing.xml import moments, properties
from signing.xml.engine import WRITTEN, Engine
from signing.xml.enveloped import canonicalise, locate, root_id, with_id
from signing.xml.gate import Gate, parse
from signing.xml.names import DSIG, ENVELOPED, INCLUSIVE, ds
from signing.xml.references import points_at, require, resolve
from signing.xml.shape import Accepted, Chain
from signing.xml.writing import WITHOUT_THE_SIGNATURE, Part, Writer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lxml import etree

    from signing.contract import Key, Verified
    from signing.profiles import XadesProfile
    from signing.timestamps import Anchors
    from signing.trust.pins import Pins
    from signing.xml.properties import Stamped
    from signing.xml.shape import Signed

_REFERENCES: Final = 3
"""The payload, SignedProperties, KeyInfo."""


class XadesSigner:
    """Signs with one key under one profile. Immutable; shared by threads."""

    def __init__(self, key: Key, profile: XadesProfile) -> None:
        """Raises ``Refusal`` HUB-SIG-004 when the profile does not allow what the key can do."""
        self._key = key
        self._by_id = profile.reference is Reference.ID
        self._writer = Writer(key, profile.algorithms)

    def sign(self, document: bytes, now: datetime) -> bytes:
        """Return the document in exclusive C14N with the signature as the root's last child: XAdES-B.

        Raises HUB-SIG-005 when it is signed already, is not XML, or has no id to be referenced by.
        """
        payload = canonicalise(with_id(document) if self._by_id else document)
        if DSIG.encode() in payload and next(parse(payload).iter(ds("Signature")), None) is not None:
            raise refuse("HUB-SIG-005", rule="a document that is not signed yet")
        names = properties.Names.of(payload)
        said, content = properties.write(self._key, names, now)
        uri = "#" + root_id(payload) if self._by_id else ""
        parts = [
            Part(uri=uri, content=payload, transforms=WITHOUT_THE_SIGNATURE, id=names.reference),
            Part(uri=f"#{names.properties}", content=content, type=properties.SIGNED_PROPERTIES),
        ]
        signature = self._writer.write(parts, id=names.signature, value_id=names.value, after=said)
        end = payload.rindex(b"</")
        return payload[:end] + signature + payload[end:]


class XadesVerifier:
    """Verifies against the pins of one signer under one profile. Immutable; shared by threads.

    ``anchors``: whose time-stamps are believed; without any, time-stamps are not looked at.
    """

    def __init__(self, pins: Pins, profile: XadesProfile, anchors: Anchors | None = None) -> None:
        self._profile = profile
        self._anchors = anchors
        self._gate = Gate(profile.limits)
        self._engine = Engine(pins, profile, _accepted(profile))

    def verify(self, raw: bytes, now: datetime) -> Verified:
        """Return what was signed, when it says it was, and when a time-stamp proves it. Raises as ``signing.contract.Verifier``,
        and HUB-TSP-* for a time-stamp that is there and not good.
        """
        payload, signature = locate(self._gate.admit(raw), self._profile.place)
        opened = self._engine.open(signature, now)
        qualifying = properties.find(opened.signed)
        nodes = _resolve(opened.signed, payload, qualifying.signed, whole=self._profile.place is Place.ROOT)
        stamps = properties.stamps(opened.signed, qualifying)
        proven = self._engine.prove(opened, nodes)
        certificate = proven.pin.certificate.public_bytes(Encoding.DER)
        signed_at = properties.read(proven.contents[nodes.index(qualifying.signed)], certificate)
        skew, max_age = self._profile.skew, self._profile.max_age
        moments.check(signed_at, now, skew=skew, max_age=max_age, place="SigningTime")
        stamped_at = self._stamped(stamps, now)
        content = proven.contents[nodes.index(payload)]
        return self._engine.verified(opened, proven, content, now, signed_at=signed_at, stamped_at=stamped_at)

    def _stamped(self, stamps: Sequence[Stamped], now: datetime) -> datetime | None:
        """Return the earliest proved time; every token that is there must be good."""
        if self._anchors is None:
            stamps = ()
        if not stamps and self._profile.timestamp:
            raise refuse("HUB-SIG-015", "SignatureTimeStamp", rule="a time-stamp of the signature")
        if not stamps or self._anchors is None:
            return None
        first = min(_time(stamp, self._anchors) for stamp in stamps)
        moments.check(first, now, skew=self._profile.skew, max_age=None, place="SignatureTimeStamp")
        return first


def _time(stamp: Stamped, anchors: Anchors) -> datetime:
    digest = hashlib.new(timestamps.digest_of(stamp.token), stamp.content).digest()
    return timestamps.read(stamp.token, digest, anchors)


def _accepted(profile: XadesProfile) -> Accepted:
    written = frozenset(WRITTEN[one] for one in profile.canonicalisations)
    chains: set[Chain] = {chain for uri in written for chain in ((uri,), (ENVELOPED, uri))}
    if INCLUSIVE in written:
        chains |= {(), (ENVELOPED,)}
    return Accepted(
        algorithms=profile.algorithms,
        canonicalisations=written,
        chains=frozenset(chains),
        references=_REFERENCES,
        objects=1,
    )


def _resolve(
    signed: Signed, payload: etree._Element, said: etree._Element, *, whole: bool
) -> list[etree._Element]:
    """Return each reference's element. Raises HUB-SIG-006 when the payload is not signed, HUB-SIG-014 when what the signer says is not."""
    others = [said] if signed.key_info is None else [said, signed.key_info]
    found: list[etree._Element] = []
    for reference in signed.references:
        if (whole and not reference.uri) or points_at(reference.uri, payload):
            found.append(payload)
        else:
            found += resolve([reference], others)
    if len({id(one) for one in found}) != len(found):
        raise refuse("HUB-SIG-007", "Reference", rule="every part is referenced once")
    require(found, [payload])
    of = [one.type for one, element in zip(signed.references, found, strict=True) if element is said]
    if of != [properties.SIGNED_PROPERTIES]:
        raise properties.wrong("a reference of the type SignedProperties")
    return found
