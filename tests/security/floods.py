"""Messages that are made to cost: each about 100 KB of one thing, put wherever a signed message has room for it.

Each is our own signed message, so that whatever is looked at early looks right. None of these needs a key.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lxml import etree

from signing.xml.names import DSIG, EXCLUSIVE, INCLUSIVE
from tests.security.hostile_xml import ds, parsed, the, written

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = 100_000
"""Bytes of each flood, roughly."""


def repeated(piece: str) -> bytes:
    """As many pieces as make a flood; ``%d`` counts."""
    count = SIZE // max(len(piece) + 2, 1)
    return "".join(piece.replace("%d", str(number)) for number in range(count)).encode()


ATTRIBUTES = {
    "attributes": ' a%d="x"',
    "attributes of one namespace each": ' xmlns:q%d="urn:%d" q%d:a="x"',
    "namespaces": ' xmlns:n%d="urn:%d"',
    "one long attribute": "",
    "references to characters in an attribute": "",
}
CONTENTS = {
    "elements": "<f/>",
    "elements with ids": '<f Id="i%d"/>',
    "elements with ids of one hash bucket's look": '<f ID="iiiiiiiiiiiiiiii%d"/>',
    "elements of many names": "<f%d/>",
    "elements with a namespace each": '<f xmlns="urn:%d"/>',
    "elements with a prefix each": '<p%d:f xmlns:p%d="urn:%d"/>',
    "elements with attributes": '<f a="1" b="2" c="3" d="4"/>',
    "attributes in a namespace that is far": '<f xml:lang="vi" xml:space="preserve"/>',
    "comments": "<!--c-->",
    "empty comments": "<!---->",
    "CDATA": "<![CDATA[x]]>",
    "empty CDATA": "<![CDATA[]]>",
    "references to characters": "&#65;",
    "entities": "&amp;",
    "blanks": " ",
    "line ends": "\r\n",
    "letters of four bytes": "\U0001f600",
    "instructions": "<?p?>",
    "signatures": f'<s:Signature xmlns:s="{DSIG}"/>',
    "objects": f'<s:Object xmlns:s="{DSIG}"/>',
    "manifests": f'<s:Manifest xmlns:s="{DSIG}"><s:Reference URI=""/></s:Manifest>',
}


def _open_tags(element: etree._Element) -> bytes:
    """A way to find an element in the text of the message: its name as it is written there."""
    prefix, local = element.prefix, etree.QName(element).localname
    return f"<{prefix}:{local}".encode() if prefix else f"<{local}".encode()


def places(raw: bytes) -> Iterator[tuple[str, re.Match[bytes]]]:
    """Return start tags worth flooding: the root, its branches, and every part of the signature once."""
    root = parsed(raw)
    signature = the(root, "Signature")
    wanted = [root, *list(root)[:2], signature, *signature.iter("*")]
    seen: set[bytes] = set()
    for element in wanted:
        name = _open_tags(element)
        if name in seen:
            continue
        seen.add(name)
        found = re.search(re.escape(name) + rb"(?=[\s/>])[^>]*?(/?)>", raw)
        if found:
            yield name[1:].decode(), found


def in_tags(raw: bytes) -> Iterator[tuple[str, bytes]]:
    for place, tag in places(raw):
        at = tag.start() + len(place) + 1
        for name, piece in ATTRIBUTES.items():
            flood = repeated(piece) if piece else _long(name)
            yield f"{name} of {place}", raw[:at] + flood + raw[at:]


def _long(name: str) -> bytes:
    return b' long="' + repeated("&#65;" if "characters" in name else "x") + b'"'


def in_contents(raw: bytes) -> Iterator[tuple[str, bytes]]:
    for place, tag in places(raw):
        if tag.group(1):
            continue
        for name, piece in CONTENTS.items():
            yield f"{name} in {place}", raw[: tag.end()] + repeated(piece) + raw[tag.end() :]
        for depth in (50, 250, SIZE // 7):
            nest = b"<d>" * depth + b"</d>" * depth
            yield f"{depth} levels in {place}", raw[: tag.end()] + nest + raw[tag.end() :]
        spaced = b"".join(b'<d xmlns:n%d="u">' % number for number in range(62)) + b"<x/>" * (SIZE // 4)
        yield f"namespaces over depth in {place}", raw[: tag.end()] + spaced + b"</d>" * 62 + raw[tag.end() :]


def _references(root: etree._Element) -> None:
    one = etree.tostring(the(root, "Reference"), with_tail=False)
    for _ in range(SIZE // len(one)):
        the(root, "SignedInfo").append(etree.fromstring(one))


def _transforms(root: etree._Element) -> None:
    for _ in range(SIZE // 80):
        etree.SubElement(the(root, "Transforms"), ds("Transform"), Algorithm=EXCLUSIVE)


def _prefixes(root: etree._Element) -> None:
    listed = " ".join(f"n{number}" for number in range(SIZE // 7))
    for parent in ("CanonicalizationMethod", "Transform"):
        each = etree.SubElement(the(root, parent), f"{{{EXCLUSIVE}}}InclusiveNamespaces")
        each.set("PrefixList", listed)


def _certificates(root: etree._Element) -> None:
    for _ in range(SIZE // 100):
        data = etree.SubElement(the(root, "KeyInfo"), ds("X509Data"))
        etree.SubElement(data, ds("X509Certificate")).text = "AAAA"


def _long_reference(root: etree._Element) -> None:
    the(root, "Reference").set("URI", "#" + "x" * SIZE)


def of_the_signature(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """More of what a signature may hold some of."""
    for change in (_references, _transforms, _prefixes, _certificates, _long_reference):
        root = parsed(raw)
        change(root)
        yield change.__name__[1:], written(root)
    for name in ("DigestValue", "SignatureValue", "X509Certificate", "BinarySecurityToken"):
        opening = re.search(rb"<\w+:" + name.encode() + rb"[^>]*>", raw)
        for what, piece in (("blanks", " \n"), ("base64", "AAAA"), ("others", "!")) if opening else ():
            at = opening.end()  # type: ignore[union-attr]  # there is one, or there is no loop
            yield f"{what} in {name}", raw[:at] + repeated(piece) + raw[at:]


def inclusive(raw: bytes) -> bytes:
    """The same message asking for the canonicalisation that is quadratic in namespaces."""
    return raw.replace(f'"{EXCLUSIVE}"'.encode(), f'"{INCLUSIVE}"'.encode())


def floods(raw: bytes) -> Iterator[tuple[str, bytes]]:
    for told, message in (("", raw), (", inclusive", inclusive(raw))):
        for make in (in_tags, in_contents, of_the_signature):
            if told and make is in_contents:
                continue
            for about, made in make(message):
                yield about + told, made
