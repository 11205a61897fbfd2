"""The parts of an edXML document by local names, and the files in it: one record of a manifest's Reference and the Attachment that it means.

A file is known by the SHA-256 and size of what its base64 says. What stands for a file that is elsewhere (``Sha256``, ``Size``,
``Href`` as attributes) is the hub's own way of writing a document whose files are still to be put in (``enclose``).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.sax.saxutils import unescape

from lxml import etree

from schemas import zipped
from schemas.problems import refuse
from schemas.strict_xml import element_path, gate_xml, hardened_parser, parse_gated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.code import Tree

NAMESPACE = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
ENVELOPE, CONTENT, ENCLOSURES = "edXMLEnvelope", "ContentTransferEncoded", "AttachmentEncoded"
META = ("ContentId", "AttachmentName", "Description", "ContentType")
VERSION = {"version": "1.0"}
MANIFEST = (ENVELOPE, "edXMLBody", "edXMLManifest")
_NOT_WORDS = frozenset({"Signature"})
_BLANKS = dict.fromkeys(map(ord, " \t\r\n"))
_STANDS = b"<edXML:ContentTransferEncoded "

Plan = dict[str, tuple[bool, "Plan | None"]]
"""By local name: many or one, and what is inside."""


class File(NamedTuple):
    """One file inside a document."""

    content_id: str
    name: str
    media_type: str
    content: bytes


def files(raw: bytes) -> tuple[File, ...]:
    """Return the files inside a document. Raises ``Refusal`` HUB-SCH-* as reading it does."""
    gate_xml(raw)
    return tuple(_file(each) for each in attachments(parse_gated(raw, hardened_parser())))


def enclose(payload: bytes, contents: Mapping[str, bytes], *, pack: bool = False) -> bytes:
    """Put the files into what ``EdxmlSide.payload`` wrote, by SHA-256. Raises ``Refusal`` HUB-MAP-004 for one that is not there.

    ``pack``: each as a ZIP of itself, as the receiver's software wants them.
    """
    before, *parts = payload.split(b"<edXML:ContentTransferEncoded ")
    for part in parts:
        head, name, before = part[: part.index(b">")], _last_name(before), part
        sha256 = head.partition(b'Sha256="')[2][:64].decode()
        if sha256 not in contents:
            raise refuse("HUB-MAP-004", CONTENT, rule="the content of each file")
        written = b"<edXML:ContentTransferEncoded " + head + b">"
        clean = f'<edXML:ContentTransferEncoded xmlns:edXML="{NAMESPACE}">'.encode()
        content = zipped.packed(name, contents[sha256]) if pack else contents[sha256]
        payload = payload.replace(written, clean + base64.b64encode(content), 1)
    return payload


def _last_name(written: bytes) -> str:
    """The attachment's name, which stands before its content."""
    name = written.rpartition(b"<edXML:AttachmentName>")[2].partition(b"<")[0]
    return unescape(name.decode()) or "file"


def tree_of(element: etree._Element, plan: Plan | None) -> Tree:
    """Read an element's children by local names; what no row knows is kept as it nests."""
    tree: Tree = {}
    own = {str(name): str(value) for name, value in element.attrib.items() if str(name)[0] != "{"}
    if own:
        tree["@"] = own
    for child in element.iterchildren(etree.Element):
        name = local(child)
        if name == ENCLOSURES or (name in _NOT_WORDS and local(element) == "edXMLHeader"):
            continue
        many, inside = (plan or {}).get(name, (False, None))
        nested = inside is not None or (len(child) > 0 and name != CONTENT)
        value: Any = tree_of(child, inside) if nested else child.text or ""
        if many:
            tree.setdefault(name, []).append(value)
        elif name in tree:
            tree.setdefault(f"{name}+", []).append(value)
        else:
            tree[name] = value
    return tree


def at(tree: Any, way: tuple[str, ...] | list[str]) -> Tree:  # noqa: ANN401 - a tree, or what stands in its place
    """Return the record there, an empty one when there is none. What is a text where a record may stand is none."""
    for name in way:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree if isinstance(tree, dict) else {}


def attachments(root: etree._Element) -> list[etree._Element]:
    return [
        each
        for group in root.iterchildren(etree.Element)
        if local(group) == ENCLOSURES
        for each in group.iterchildren(etree.Element)
        if local(each) == "Attachment"
    ]


def _file(element: etree._Element) -> File:
    said = {local(child): child for child in element.iterchildren(etree.Element)}
    texts = {name: (child.text or "").strip() for name, child in said.items() if name != CONTENT}
    encoded = said.get(CONTENT)
    text = (encoded.text or "").translate(_BLANKS) if encoded is not None else ""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise refuse("HUB-SCH-002", element_path(element), line=line_of(element), rule="base64") from None
    name = texts.get("AttachmentName", "")
    try:
        content = zipped.unpacked(name, content)
    except zipped.TooLarge:
        rule = f"at most {zipped.MOST} bytes in a ZIP"
        raise refuse("HUB-LIM-001", element_path(element), line=line_of(element), rule=rule) from None
    called = texts.get("ContentId") or _named(name, content)
    return File(called, name, texts.get("ContentType", ""), content)


def _named(name: str, content: bytes = b"") -> str:
    return f"cid:{hashlib.sha256(name.encode() + content).hexdigest()[:32]}"


def bring_together(tree: Tree, root: etree._Element) -> None:
    """Put into each Reference of the manifest what its Attachment says; one without a Reference gets one."""
    manifest = at(tree, MANIFEST)
    if manifest.get("@") == VERSION:
        del manifest["@"]
    listed = manifest.get("Reference")
    references = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    for each in references:
        each["ContentId"] = each.get("ContentId") or _named(str(each.get("AttachmentName")))
    if len({each["ContentId"] for each in references}) < len(references):
        raise refuse("HUB-SCH-009", "Reference", line=line_of(root), rule="one Reference for each ContentId")
    for element in attachments(root):
        _join(references, element)
    if references:
        _made(tree, MANIFEST)["Reference"] = references


def _join(references: list[Tree], element: etree._Element) -> None:
    file, said = _file(element), tree_of(element, None)
    said.pop(CONTENT, None)
    reference = _meant(references, file)
    if reference is None:
        reference = {name: said[name] for name in META if said.get(name)} | {"ContentId": file.content_id}
        references.append(reference)
    elif CONTENT in reference:
        rule = "one Attachment for each ContentId"
        raise refuse("HUB-SCH-009", element_path(element), line=line_of(element), rule=rule)
    reference[CONTENT] = _known(element, file.content)
    other = {name: said[name] for name in said if name in META and said[name] != reference.get(name)}
    if other:
        reference["Attachment"] = other


def _meant(references: list[Tree], file: File) -> Tree | None:
    """Find a file's Reference: by its ContentId, else by its name."""
    by_id = (each for each in references if each["ContentId"] == file.content_id)
    by_name = (
        each
        for each in references
        if file.name and each.get("AttachmentName") == file.name and CONTENT not in each
    )
    return next(by_id, None) or next(by_name, None)


def _known(element: etree._Element, content: bytes) -> Tree:
    for child in element.iterchildren(etree.Element):
        told = {str(name): str(value) for name, value in child.attrib.items()}
        if local(child) == CONTENT and told and not content:
            return {name: told[name] for name in ("Sha256", "Size", "Href") if name in told}
    if not content:
        return {}
    return {"Sha256": hashlib.sha256(content).hexdigest(), "Size": str(len(content))}


def _made(tree: Tree, way: tuple[str, ...]) -> Tree:
    for name in way:
        inner = tree.get(name)
        if not isinstance(inner, dict):
            inner = tree[name] = {}
        tree = inner
    return tree


def local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def line_of(element: etree._Element) -> int:
    line: Any = element.sourceline  # the stubs leave its type open
    return line or 0
