"""The tax gateway's signature: over HEADER and BODY of a DATA message, by an XPath filter, kept in its SECURITY element.

The filter is recognised by its text and computed here; nothing that a message brings is ever evaluated. It takes HEADER and
BODY with all that is in them and nothing else of the document, so that their canonical forms, one after the other, are
what is signed (xmldsig-core1 §6.6.3). What is read on is a DATA of just these two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from schemas.problems import refuse
from signing.xml.canonical import Step, canonical
from signing.xml.engine import Engine, canonicalising
from signing.xml.gate import Gate, parse
from signing.xml.names import ENVELOPED, EXCLUSIVE, EXCLUSIVE_COMMENTS, XPATH, ds
from signing.xml.shape import Accepted
from signing.xml.writing import Part, Writer

if TYPE_CHECKING:
    from datetime import datetime

    from lxml import etree

    from signing.contract import Key, Verified
    from signing.profiles import ScopedProfile
    from signing.trust.pins import Pins

FILTER: Final = "ancestor-or-self::HEADER or ancestor-or-self::BODY"
FILTERS: Final = frozenset({FILTER, "ancestor-or-self::BODY or ancestor-or-self::HEADER"})
_LAST: Final = (EXCLUSIVE, EXCLUSIVE_COMMENTS)
_ACCEPTED: Final = {
    "canonicalisations": frozenset(_LAST),
    "chains": frozenset(
        (*first, *last)
        for first in ((XPATH,), (ENVELOPED, XPATH))
        for last in ((), *((uri,) for uri in _LAST))
    ),
    "xpath": FILTERS,
}
_TRANSFORMS: Final = (
    f'<ds:Transform Algorithm="{XPATH}"><ds:XPath>{FILTER}</ds:XPath></ds:Transform>'
    f'<ds:Transform Algorithm="{EXCLUSIVE_COMMENTS}"></ds:Transform>'
)
_SCOPE: Final = ["HEADER", "BODY"]


class ScopedSigner:
    """Signs with one key under one profile. Immutable; shared by threads."""

    def __init__(self, key: Key, profile: ScopedProfile) -> None:
        """Raises ``Refusal`` HUB-SIG-004 when the profile does not allow what the key can do."""
        info = (
            f"<ds:KeyInfo><ds:X509Data><ds:X509SubjectName>{_escaped(key.subject)}</ds:X509SubjectName>"
            f"<ds:X509Certificate>{key.certificate_text.decode()}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
        )
        self._writer = Writer(key, profile.algorithms, key_info=info.encode(), c14n=EXCLUSIVE_COMMENTS)

    def sign(self, document: bytes, now: datetime) -> bytes:  # noqa: ARG002 - says no time
        """Return the DATA message in exclusive C14N with the signature in its SECURITY. Raises HUB-SIG-005, HUB-SIG-009."""
        root = parse(document)
        parts = _parts(root)
        if len(parts) == len(_SCOPE):
            parts.append(root.makeelement("SECURITY", {}))
            root.append(parts[-1])
        *scope, security = parts
        if len(security):
            raise refuse("HUB-SIG-005", "SECURITY", rule="a message that is not signed yet")
        content = _content(scope, Step(EXCLUSIVE_COMMENTS))
        security.text = None
        security.append(parse(self._writer.write([Part(uri="", content=content, transforms=_TRANSFORMS)])))
        return canonical(root)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _parts(root: etree._Element) -> list[etree._Element]:
    parts = [child for child in root if isinstance(child.tag, str)]
    if root.tag != "DATA" or [part.tag for part in parts] not in (_SCOPE, [*_SCOPE, "SECURITY"]):
        raise refuse("HUB-SIG-009", "DATA", rule="a DATA of HEADER, BODY and SECURITY")
    return parts


def _content(scope: list[etree._Element], how: Step) -> bytes:
    return b"".join(canonical(part, how) for part in scope)


class ScopedVerifier:
    """Verifies against the pins of one signer under one profile. Immutable; shared by threads."""

    def __init__(self, pins: Pins, profile: ScopedProfile) -> None:
        self._gate = Gate(profile.limits)
        accepted = Accepted(algorithms=profile.algorithms, **_ACCEPTED)  # type: ignore[arg-type]  # named above
        self._engine = Engine(pins, profile, accepted)

    def verify(self, raw: bytes, now: datetime) -> Verified:
        """Return a DATA of the signed HEADER and BODY. Raises as ``signing.contract.Verifier``."""
        root = self._gate.admit(raw)
        *scope, security = _parts(root)
        signature = security.find(ds("Signature")) if security.tag == "SECURITY" else None
        if signature is None:
            raise refuse("HUB-SIG-009", "SECURITY", rule="the signature in SECURITY")
        opened = self._engine.open(signature, now)
        (reference,) = opened.signed.references
        if reference.uri:
            raise refuse("HUB-SIG-006", "Reference", rule="a reference to the whole message, filtered")
        how = canonicalising(reference)
        proven = self._engine.prove(opened, (root,), lambda: _content(scope, how))
        payload = b"<DATA>" + _content(scope, Step(EXCLUSIVE)) + b"</DATA>"
        return self._engine.verified(opened, proven, payload, now)
