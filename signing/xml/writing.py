"""Signatures written by us: SignedInfo comes into being in canonical form, so that it never has to be canonicalised.

Every element has its end tag, attributes stand in canonical order, and the namespace of XML-DSig has the prefix ``ds``,
declared on the Signature: exclusive C14N of SignedInfo alone then differs by that one declaration.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import quoteattr

import msgspec

from schemas.problems import refuse
from signing.profiles import XmlAlgorithm
from signing.xml.names import DSIG, ENVELOPED, EXCLUSIVE, METHODS, SHA256

if TYPE_CHECKING:
    from collections.abc import Iterable

    from signing.contract import Key

_DECLARATION: Final = f' xmlns:ds="{DSIG}"'
_EXCLUSIVE_STEP: Final = f'<ds:Transform Algorithm="{EXCLUSIVE}"></ds:Transform>'
_ENVELOPED_STEP: Final = f'<ds:Transform Algorithm="{ENVELOPED}"></ds:Transform>'
_REFERENCE: Final = (
    "<ds:Reference%s><ds:Transforms>%s</ds:Transforms>"
    f'<ds:DigestMethod Algorithm="{SHA256}"></ds:DigestMethod><ds:DigestValue>%s</ds:DigestValue></ds:Reference>'
)
_SIGNED_INFO: Final = (
    '><ds:CanonicalizationMethod Algorithm="%s"></ds:CanonicalizationMethod>'
    '<ds:SignatureMethod Algorithm="%s"></ds:SignatureMethod>%s</ds:SignedInfo>'
)
PLAIN_ID: Final = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,127}")
"""Ids that every verifier reads alike: some take ``##x`` for ``#x``, others evaluate what is in brackets."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is signed: its canonical bytes, and by which reference others find it.

    ``transforms``: the elements as they stand in the message; ``type`` and ``id``: attributes of the reference.
    """

    uri: str
    content: bytes
    transforms: str = _EXCLUSIVE_STEP
    type: str = ""
    id: str = ""

    def reference(self) -> str:
        named = (("Id", self.id), ("Type", self.type))
        attributes = "".join(f" {name}={quoteattr(value)}" for name, value in named if value)
        digest = base64.b64encode(hashlib.sha256(self.content).digest()).decode()
        return _REFERENCE % (f'{attributes} URI="{self.uri}"', self.transforms, digest)


EXCLUSIVELY: Final = _EXCLUSIVE_STEP
WITHOUT_THE_SIGNATURE: Final = _ENVELOPED_STEP + _EXCLUSIVE_STEP


def method_of(key: Key, allowed: Iterable[XmlAlgorithm]) -> str:
    """Return the algorithm that this key signs with. Raises HUB-SIG-004 when a profile does not allow it."""
    algorithm = XmlAlgorithm.RSA_SHA256 if key.is_rsa else XmlAlgorithm.ECDSA_SHA256
    if algorithm not in allowed:
        raise refuse("HUB-SIG-004", key.name, rule="a key for an algorithm that this profile allows")
    return METHODS[algorithm]


def certificate_info(key: Key) -> bytes:
    """KeyInfo with the signer's certificate in it."""
    return (
        b"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>"
        + key.certificate_text
        + b"</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
    )


class Writer:
    """Writes signatures by one key. Immutable; shared by threads. ``key_info``: canonical, as it stands in the signature."""

    def __init__(
        self, key: Key, allowed: Iterable[XmlAlgorithm], *, key_info: bytes = b"", c14n: str = EXCLUSIVE
    ) -> None:
        self._key = key
        self._method = method_of(key, allowed)
        self._c14n = c14n
        self._tail = b"</ds:SignatureValue>" + (key_info or certificate_info(key))

    def write(
        self,
        parts: Iterable[Part],
        *,
        id: str = "",  # noqa: A002 - the attribute's name
        value_id: str = "",
        after: bytes = b"",
    ) -> bytes:
        """Return a Signature. ``id`` and ``value_id``: of it and its SignatureValue; ``after``: what follows KeyInfo."""
        references = "".join(part.reference() for part in parts)
        signed_info = _SIGNED_INFO % (self._c14n, self._method, references)
        value = self._key.sign(f"<ds:SignedInfo{_DECLARATION}{signed_info}".encode())
        named, value_named = (f' Id="{one}"' if one else "" for one in (id, value_id))
        head = (
            f"<ds:Signature{_DECLARATION}{named}><ds:SignedInfo{signed_info}<ds:SignatureValue{value_named}>"
        )
        return b"".join((head.encode(), base64.b64encode(value), self._tail, after, b"</ds:Signature>"))
