"""Detached XML-DSig in one document: the signature stands beside the element that it signs, both children of the root.

The root is only what holds the two together: it is not signed, and nothing of it is read.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from schemas.problems import refuse
from signing.xml.canonical import canonical
from signing.xml.engine import WRITTEN, Engine
from signing.xml.gate import Gate, ids, parse
from signing.xml.names import DSIG, INCLUSIVE, ds
from signing.xml.references import points_at
from signing.xml.shape import Accepted, Chain
from signing.xml.writing import PLAIN_ID, Part, Writer

if TYPE_CHECKING:
    from datetime import datetime

    from lxml import etree

    from signing.contract import Key, Verified
    from signing.profiles import BesideProfile
    from signing.trust.pins import Pins


class BesideSigner:
    """Signs with one key under one profile. Immutable; shared by threads."""

    def __init__(self, key: Key, profile: BesideProfile) -> None:
        """Raises ``Refusal`` HUB-SIG-004 when the profile does not allow what the key can do."""
        self._writer = Writer(key, profile.algorithms)

    def sign(self, document: bytes, now: datetime) -> bytes:  # noqa: ARG002 - says no time
        """Return the document in exclusive C14N, its root's only child signed, the signature behind it.

        A child without an id is given one, made from its digest. Raises HUB-SIG-005 for another form of document.
        """
        root = parse(document)
        children = [child for child in root if isinstance(child.tag, str)]
        if len(children) != 1 or children[0].tag == ds("Signature"):
            raise refuse("HUB-SIG-005", rule="a root with the one element that is to be signed")
        uri = "#" + identify(children[0])
        signature = self._writer.write([Part(uri=uri, content=canonical(children[0]))])
        whole = canonical(root)
        if DSIG.encode() in whole and next(root.iter(ds("Signature")), None) is not None:
            raise refuse("HUB-SIG-005", rule="a document that is not signed yet")
        end = whole.rindex(b"</")
        return whole[:end] + signature + whole[end:]


def identify(element: etree._Element, name: str = "Id") -> str:
    """Return the element's id; one without is given one under ``name``, made from its digest. Raises HUB-SIG-005."""
    found = ids(element)
    if not found:
        found = ["_" + hashlib.sha256(canonical(element)).hexdigest()[:32]]
        element.set(name, found[0])
    if len(found) > 1 or not PLAIN_ID.fullmatch(found[0]):
        raise refuse("HUB-SIG-005", rule="one Id of letters, digits, '.', '_' or '-'")
    return found[0]


class BesideVerifier:
    """Verifies against the pins of one signer under one profile. Immutable; shared by threads."""

    def __init__(self, pins: Pins, profile: BesideProfile) -> None:
        written = frozenset(WRITTEN[one] for one in profile.canonicalisations)
        chains: set[Chain] = {(uri,) for uri in written}
        if INCLUSIVE in written:
            chains.add(())
        accepted = Accepted(
            algorithms=profile.algorithms, canonicalisations=written, chains=frozenset(chains)
        )
        self._gate = Gate(profile.limits)
        self._engine = Engine(pins, profile, accepted)

    def verify(self, raw: bytes, now: datetime) -> Verified:
        """Return the signed element, and nothing else of the document. Raises as ``signing.contract.Verifier``."""
        root = self._gate.admit(raw)
        payload, signature = _locate(root)
        opened = self._engine.open(signature, now)
        if not points_at(opened.signed.references[0].uri, payload):
            raise refuse("HUB-SIG-006", "Reference", rule="a reference to the payload")
        proven = self._engine.prove(opened, (payload,))
        return self._engine.verified(opened, proven, proven.contents[0], now)


def _locate(root: etree._Element) -> tuple[etree._Element, etree._Element]:
    children = [child for child in root if isinstance(child.tag, str)]
    signatures = [child for child in children if child.tag == ds("Signature")]
    payloads = [child for child in children if child.tag != ds("Signature")]
    if len(signatures) != 1 or len(payloads) != 1:
        raise refuse("HUB-SIG-005", rule="a root with the payload and the signature beside it")
    return payloads[0], signatures[0]
