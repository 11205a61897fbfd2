"""Canonical bytes of one element: exclusive C14N (xml-exc-c14n) and C14N 1.0, always without comments.

A reference by ``URI=""`` or ``#id`` means a node-set without comments (xmldsig-core1 §4.4.3.3), so the ``WithComments``
variants see none either; a comment inside SignedInfo is refused before (``signing.xml.shape``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from lxml import etree

from schemas.problems import Refusal, refuse
from signing.xml.names import EXCLUSIVE, INCLUSIVE

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_XML: Final = "{http://www.w3.org/XML/1998/namespace}"


class Step(msgspec.Struct, frozen=True):
    """One transform, or the canonicalisation of SignedInfo. ``prefixes``: treated as inclusive C14N would (exc-c14n §4)."""

    algorithm: str
    prefixes: tuple[str, ...] = ()


PLAIN: Final = Step(EXCLUSIVE)


def foreign(call: Callable[[], T]) -> T:
    """Cross into libxml2 or cryptography: whatever breaks there comes out as a refusal, never as a 500."""
    try:
        return call()
    except Refusal:
        raise
    except InvalidSignature as error:
        raise refuse("HUB-SIG-002", "Signature", rule="a signature by the pinned certificate") from error
    except Exception as error:
        raise refuse(
            "HUB-SIG-005", "Signature", rule="XML that can be verified", detail=type(error).__name__
        ) from error


def canonical(element: etree._Element, how: Step = PLAIN) -> bytes:
    """Return the element with all that is in it. Raises HUB-SIG-005 for what cannot be canonicalised."""
    if how.algorithm == INCLUSIVE:
        return foreign(lambda: _inclusive(element))
    return foreign(lambda: _exclusive(element, how.prefixes))


def _exclusive(element: etree._Element, prefixes: tuple[str, ...]) -> bytes:
    listed = list(prefixes) or None
    return etree.tostring(
        element,
        method="c14n",
        exclusive=True,
        with_comments=False,
        with_tail=False,
        inclusive_ns_prefixes=listed,
    )


def _inclusive(element: etree._Element) -> bytes:
    """An apex bears the ``xml:`` attributes of all ancestors (C14N 1.0 §2.4), which libxml2 does only for node-sets."""
    inherited = {
        name: value
        for above in reversed(list(element.iterancestors()))
        for name, value in above.attrib.items()
        if str(name).startswith(_XML) and name not in element.attrib
    }
    element.attrib.update(inherited)
    try:
        return etree.tostring(element, method="c14n", with_comments=False, with_tail=False)
    finally:
        for name in inherited:
            del element.attrib[name]
