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
from signing.xml.gate import parse
from signing.xml.names import EXCLUSIVE, EXCLUSIVE_COMMENTS, INCLUSIVE

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_DEFAULT: Final = "#default"
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
    if how == PLAIN or (how.algorithm == EXCLUSIVE_COMMENTS and not how.prefixes):
        return foreign(lambda: _written(element))
    return foreign(lambda: _in_context(element, how))


def _written(element: etree._Element, prefixes: tuple[str, ...] = (), *, exclusive: bool = True) -> bytes:
    return etree.tostring(
        element,
        method="c14n",
        exclusive=exclusive,
        with_comments=False,
        with_tail=False,
        inclusive_ns_prefixes=list(prefixes) or None,
    )


def _in_context(element: etree._Element, how: Step) -> bytes:
    """Canonicalise with what is in scope: as the root of a document of its own, which declares all of it.

    Inside a larger document lxml loses the default namespace of what lies deeper. C14N 1.0 §2.4 gives an apex the
    ``xml:`` attributes of all its ancestors, too; exclusive C14N does not.
    """
    apex = _alone(element, how.prefixes)
    if how.algorithm != INCLUSIVE:
        return _written(apex, how.prefixes)
    for above in element.iterancestors():
        for name, value in above.attrib.items():
            if str(name).startswith(_XML) and name not in apex.attrib:
                apex.set(name, value)
    return _written(apex, exclusive=False)


def _alone(element: etree._Element, prefixes: tuple[str, ...]) -> etree._Element:
    """Lxml leaves out of a prefix list what its dictionary has never seen, and ``#default`` is no name that a document
    holds: a parser that waits for such a tag has put it there. Without it peers that list it would not verify.
    """
    raw = etree.tostring(element, encoding="utf-8", with_tail=False)
    if _DEFAULT not in prefixes:
        return parse(raw)
    parser = etree.XMLPullParser(
        events=("end",),
        tag=_DEFAULT,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        encoding="utf-8",
    )
    parser.feed(raw)
    return parser.close()
