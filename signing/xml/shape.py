"""The one Signature of a message, read as a closed shape.

Exactly the elements and algorithms that a profile allows, in their order, and nothing left over for anybody to interpret
in a way of their own: no comment, no text between elements, no parameter that we do not know. Nothing here is proven.
"""

from __future__ import annotations

import base64
import binascii
from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec
from lxml import etree

from schemas.problems import Refusal, refuse
from signing.profiles import Digest, XmlAlgorithm
from signing.xml.canonical import Step
from signing.xml.names import (
    CANONICAL,
    DIGESTS,
    ENVELOPED,
    EXCLUSIVE,
    INCLUSIVE,
    METHODS,
    RSA_SHA1,
    XPATH,
    ds,
)

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

_ALGORITHMS: Final = {uri: algorithm for algorithm, uri in METHODS.items()}
_DIGESTS: Final = {uri: digest for digest, uri in DIGESTS.items()}
_TRANSFORMS: Final = CANONICAL | {ENVELOPED, XPATH}
_VALUE_CHARACTERS: Final = 2_048
_PREFIXES: Final = 16
_NODES: Final = 512
"""More than any form of XAdES needs; whoever caught a signature may put into its KeyInfo what nobody signed."""
_XPATH_CHARACTERS: Final = 256

Chain = tuple[str, ...]


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Common shape: frozen, named fields."""


class Accepted(Value, frozen=True):
    """What a signature may be made of. ``chains``: the transforms of one reference, in their order.

    ``xpath``: the only texts that an XPath transform may hold; they are compared, never evaluated. ``legacy``: SHA-1, too.
    """

    algorithms: frozenset[XmlAlgorithm]
    canonicalisations: frozenset[str]
    chains: frozenset[Chain]
    references: int = 1
    objects: int = 0
    xpath: frozenset[str] = frozenset()
    legacy: bool = False


class Referenced(Value, frozen=True):
    """One reference. ``type``: its ``Type`` attribute; ``id``: the reference's own id, by which others may mean it."""

    uri: str
    steps: tuple[Step, ...]
    method: Digest
    digest: bytes
    type: str = ""
    id: str = ""


class Signed(Value, frozen=True):
    """A signature as it says itself."""

    element: etree._Element
    signed_info: etree._Element
    canonicalisation: Step
    algorithm: str
    references: tuple[Referenced, ...]
    value: bytes
    key_info: etree._Element | None
    objects: tuple[etree._Element, ...]


def read_signature(signature: etree._Element, accepted: Accepted) -> Signed:
    """Raises HUB-SIG-004 for algorithms, HUB-SIG-005 for shape."""
    if next(islice(signature.iter(), _NODES, None), None) is not None:
        raise wrong(f"a signature of at most {_NODES} elements")
    parts = elements(signature)
    signed_info, value = expect(parts[:2], "SignedInfo", "SignatureValue")
    key_info = parts[2] if len(parts) > 2 and parts[2].tag == ds("KeyInfo") else None  # noqa: PLR2004 - the third child
    objects = parts[2 if key_info is None else 3 :]
    if len(objects) > accepted.objects or any(one.tag != ds("Object") for one in objects):
        raise wrong("Signature of SignedInfo, SignatureValue and KeyInfo")
    inside = elements(signed_info)
    c14n, method = expect(inside[:2], "CanonicalizationMethod", "SignatureMethod")
    references = inside[2:]
    if not references or len(references) > accepted.references:
        raise wrong(f"from 1 to {accepted.references} references")
    return Signed(
        element=signature,
        signed_info=signed_info,
        canonicalisation=_canonicalisation(c14n, accepted.canonicalisations),
        algorithm=_algorithm(method, accepted),
        references=tuple(_reference(one, accepted) for one in references),
        value=binary(value, _VALUE_CHARACTERS),
        key_info=key_info,
        objects=tuple(objects),
    )


def wrong(rule: str) -> Refusal:
    return refuse("HUB-SIG-005", "Signature", rule=rule)


def _not_allowed(place: str) -> Refusal:
    return refuse("HUB-SIG-004", place, rule="an algorithm that this profile allows")


def elements(parent: etree._Element) -> list[etree._Element]:
    """Return the children, with nothing but white space between them; a comment is a child that no shape expects."""
    children = list(parent)
    if any(text and text.strip() for text in (parent.text, *(child.tail for child in children))):
        raise wrong("no text between the elements of the signature")
    return children


def expect(found: Sequence[etree._Element], *names: str) -> Sequence[etree._Element]:
    if [element.tag for element in found] != [ds(name) for name in names]:
        raise wrong("exactly " + ", ".join(names))
    return found


def _reference(reference: etree._Element, accepted: Accepted) -> Referenced:
    parts = expect([reference], "Reference") and elements(reference)
    steps: tuple[Step, ...] = ()
    if parts and parts[0].tag == ds("Transforms"):
        steps = _steps(elements(parts[0]), accepted.xpath)
        parts = parts[1:]
    method, digest = expect(parts, "DigestMethod", "DigestValue")
    if tuple(step.algorithm for step in steps) not in accepted.chains:
        raise _not_allowed("Transforms")
    uri = reference.get("URI")
    if uri is None:
        raise wrong("a Reference with a URI")
    return Referenced(
        uri=uri,
        steps=steps,
        method=_digest(method, legacy=accepted.legacy),
        digest=binary(digest, _VALUE_CHARACTERS),
        type=reference.get("Type") or "",
        id=reference.get("Id") or "",
    )


def _steps(transforms: Sequence[etree._Element], xpath: Container[str]) -> tuple[Step, ...]:
    if any(transform.tag != ds("Transform") for transform in transforms):
        raise wrong("Transforms of Transform")
    return tuple(_step(transform, xpath) for transform in transforms)


def _step(transform: etree._Element, xpath: Container[str]) -> Step:
    algorithm = transform.get("Algorithm") or ""
    if algorithm not in _TRANSFORMS:
        raise _not_allowed("Transforms")
    if algorithm == XPATH:
        _check_xpath(transform, xpath)
        return Step(algorithm)
    return Step(algorithm, _prefixes(transform, algorithm))


def _check_xpath(transform: etree._Element, allowed: Container[str]) -> None:
    """Recognise an expression by its text, white space apart. Nothing that a message brings is ever evaluated."""
    (inside,) = expect(elements(transform), "XPath")
    text = inside.text or ""
    if len(inside) or len(text) > _XPATH_CHARACTERS or " ".join(text.split()) not in allowed:
        raise _not_allowed("Transforms")


def _canonicalisation(element: etree._Element, allowed: Container[str]) -> Step:
    algorithm = element.get("Algorithm") or ""
    if algorithm not in allowed:
        raise _not_allowed("CanonicalizationMethod")
    return Step(algorithm, _prefixes(element, algorithm))


def _prefixes(element: etree._Element, algorithm: str) -> tuple[str, ...]:
    """Read the one parameter of exclusive C14N, which Java peers write: a short list of prefixes (exc-c14n §4)."""
    found = elements(element)
    if not found:
        return ()
    listed = found[0].get("PrefixList")
    known = found[0].tag == f"{{{EXCLUSIVE}}}InclusiveNamespaces" and not len(found[0]) and listed is not None
    if not known or algorithm in {INCLUSIVE, ENVELOPED}:
        raise _not_allowed(etree.QName(element).localname)
    prefixes = (listed or "").split()
    if len(found) > 1 or len(prefixes) > _PREFIXES:
        raise wrong(f"one list of at most {_PREFIXES} inclusive prefixes")
    return tuple(prefixes)


def _digest(element: etree._Element, *, legacy: bool) -> Digest:
    digest = _DIGESTS.get(element.get("Algorithm") or "")
    if digest is None or (digest is Digest.SHA1 and not legacy):
        raise _not_allowed("DigestMethod")
    _empty(element)
    return digest


def _algorithm(method: etree._Element, accepted: Accepted) -> str:
    algorithm = _ALGORITHMS.get(method.get("Algorithm") or "")
    known = algorithm in accepted.algorithms or (accepted.legacy and algorithm == RSA_SHA1)
    if algorithm is None or not known:
        raise _not_allowed("SignatureMethod")
    _empty(method)
    return algorithm


def _empty(element: etree._Element) -> None:
    if len(element) or (element.text and element.text.strip()):
        raise _not_allowed(etree.QName(element).localname)


def binary(element: etree._Element, most: int) -> bytes:
    """Decode strictly: white space may stand anywhere (xsd:base64Binary), nothing else that is foreign."""
    text = (element.text or "").encode()
    if len(element) or len(text) > most:
        raise wrong(f"{etree.QName(element).localname} of at most {most} characters")
    try:
        decoded = base64.b64decode(text.translate(None, b" \t\r\n"), validate=True)
    except binascii.Error as error:
        raise wrong(f"{etree.QName(element).localname} in base64") from error
    if not decoded:
        raise wrong(f"{etree.QName(element).localname} is not empty")
    return decoded
