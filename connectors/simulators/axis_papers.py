"""What stands in an edXML document (QCVN 102:2016), and everything that is wrong with one that somebody sends.

Names are read without their namespaces; what is sent must have the regulation's. Order is checked where real files agree; in an
organisation and in ``StaffInfo`` they do not. What must be there is this simulator's choice: the parts that every real file has.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from lxml import etree

from connectors.simulators import axis_seal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

NS = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
EDOC, STATUS = "edoc", "status"
MOST = re.compile(r"[0-9A-Z]+(?:\.[0-9A-Z]+){0,7}-\d{6}-\d{4,7}")
"""A dossier's code, wherever it stands."""
_AGENCY = re.compile(r"(?=.{3,35}$)([0-9A-Z]+\.){0,7}[A-Z]\d{2}|(?=.{3,35}$)[A-Z]\d{2}(\.[0-9A-Z]+){0,7}")
_NUMBERED = re.compile(r"([^,]+),(\d{4}/\d{2}/\d{2}),[^/,]+/.+")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Paper(NamedTuple):
    """``to``: who it goes to; a status goes to the organisation in its ``ResponseFor``. ``answers``: the document that a status is about."""

    kind: str
    document_id: str
    sender: str
    to: tuple[str, ...]
    answers: str = ""
    code: str = ""
    title: str = ""
    dossier: str = ""
    day: str = ""


class Unread(Exception):  # noqa: N818 - becomes an answer
    """It is no edXML; the text says why."""


def tree(body: bytes) -> etree._Element:
    try:
        root = etree.fromstring(body.strip(), etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        raise Unread(f"không phải XML: {error}") from error
    if root.getroottree().docinfo.internalDTD is not None or _name(root) != "edXML":
        raise Unread("không phải gói tin edXML")
    return root


def read(body: bytes) -> Paper:
    """Raises ``Unread``."""
    root = tree(body)
    header = root.find("{*}edXMLEnvelope/{*}edXMLHeader/{*}MessageHeader")
    if header is None:
        raise Unread("thiếu MessageHeader")
    sender = _text(header, "From/OrganId")
    if header.find("{*}StatusCode") is not None:
        about = _text(header, "ResponseFor/DocumentId")
        to = tuple(filter(None, [_text(header, "ResponseFor/OrganId")]))
        return Paper(STATUS, "", sender, to, answers=about, code=_text(header, "ResponseFor/Code"))
    to = tuple(_text(one, "OrganId") for one in header.findall("{*}To"))
    code = f"{_text(header, 'Code/CodeNumber')}/{_text(header, 'Code/CodeNotation')}"
    return Paper(
        EDOC,
        _text(header, "DocumentId"),
        sender,
        to,
        code=code,
        title=_text(header, "Subject"),
        dossier=_dossier(root, header),
        day=_text(header, "PromulgationInfo/PromulgationDate"),
    )


def faults(body: bytes) -> list[str]:
    """Name everything that is wrong with what somebody sends."""
    try:
        root, paper = tree(body), read(body)
    except Unread as error:
        return [str(error)]
    header = root.find("{*}edXMLEnvelope/{*}edXMLHeader")
    if header is None:
        return ["thiếu edXMLHeader"]
    found = [
        *_strangers(root),
        *_unordered(root),
        *_wrong(header, STATUS_RULES if paper.kind == STATUS else EDOC_RULES),
    ]
    found += _unsealed(root)
    return found + (list(_bodiless(root)) if paper.kind == STATUS else [*_parties(header), *_attached(root)])


def _given(text: str) -> bool:
    return bool(text)


def is_agency(text: str) -> bool:
    """By QCVN 102:2016 (level 1 last) or by QĐ 20/2020 (level 1 first)."""
    return bool(_AGENCY.fullmatch(text))


def _is(form: str) -> Callable[[str], bool]:
    def holds(text: str) -> bool:
        try:
            return datetime.strptime(text, form).strftime(form) == text  # noqa: DTZ007 - wall time without a zone is the format
        except ValueError:
            return False

    return holds


_day, _moment = _is("%Y/%m/%d"), _is("%Y/%m/%d %H:%M:%S")


def _identifies(text: str) -> bool:
    numbered = _NUMBERED.fullmatch(text)
    return bool(_UUID.fullmatch(text)) or bool(numbered and is_agency(numbered[1]) and _day(numbered[2]))


def _one_of(*codes: str) -> Callable[[str], bool]:
    return lambda text: text in codes


EDOC_RULES: Mapping[str, Callable[[str], bool]] = {
    "MessageHeader/From/OrganId": is_agency,
    "MessageHeader/From/OrganName": _given,
    "MessageHeader/To/OrganId": is_agency,
    "MessageHeader/To/OrganName": _given,
    "MessageHeader/DocumentId": _identifies,
    "MessageHeader/Code/CodeNumber": _given,
    "MessageHeader/Code/CodeNotation": _given,
    "MessageHeader/PromulgationInfo/Place": _given,
    "MessageHeader/PromulgationInfo/PromulgationDate": _day,
    "MessageHeader/DocumentType/Type": str.isdigit,
    "MessageHeader/DocumentType/TypeName": _given,
    "MessageHeader/Subject": _given,
    "MessageHeader/DueDate?": _day,
    "MessageHeader/OtherInfo/Priority?": _one_of("0", "1", "2", "3", "4"),
    "MessageHeader/SteeringType?": _one_of("1", "2", "3"),
    "MessageHeader/ResponseFor/OrganId?": is_agency,
    "MessageHeader/ResponseFor/PromulgationDate?": _day,
    "MessageHeader/ResponseFor/DocumentId?": _identifies,
    "TraceHeaderList/TraceHeader/OrganId": is_agency,
    "TraceHeaderList/TraceHeader/Timestamp": _moment,
    "TraceHeaderList/Bussiness/BussinessDocType": _one_of("0", "1", "2", "3"),
    "TraceHeaderList/Bussiness/DocumentId?": _identifies,
    "TraceHeaderList/Bussiness/Paper?": _one_of("0", "1"),
    "TraceHeaderList/Bussiness/BussinessDocumentInfo/ReceiverList/Receiver/ReceiverType?": _one_of("0", "1"),
    "TraceHeaderList/Bussiness/ReplacementInfoList/ReplacementInfo/DocumentId?": _identifies,
}
"""By path below ``edXMLHeader``; with ``?`` it may be absent."""
STATUS_CODES = ("01", "02", "03", "04", "05", "06", "13", "15", "16")
STATUS_RULES: Mapping[str, Callable[[str], bool]] = {
    "MessageHeader/From/OrganId": is_agency,
    "MessageHeader/ResponseFor/OrganId": is_agency,
    "MessageHeader/ResponseFor/Code": lambda text: "/" in text,
    "MessageHeader/ResponseFor/PromulgationDate": _day,
    "MessageHeader/ResponseFor/DocumentId": _identifies,
    "MessageHeader/StatusCode": _one_of(*STATUS_CODES),
    "MessageHeader/Timestamp": _moment,
}
ORDER: Mapping[str, tuple[str, ...]] = {
    "edXML": ("edXMLEnvelope", "AttachmentEncoded"),
    "edXMLEnvelope": ("edXMLHeader", "edXMLBody"),
    "edXMLHeader": ("MessageHeader", "TraceHeaderList", "Signature"),
    "MessageHeader": (
        "From", "To", "DocumentId", "Code", "PromulgationInfo", "DocumentType", "Subject", "Content", "SignerInfo", "DueDate", "OtherInfo",
        "ResponseFor", "SteeringType", "ToPlaces", "StaffInfo", "StatusCode", "Description", "Timestamp",
    ),
    "Code": ("CodeNumber", "CodeNotation"),
    "PromulgationInfo": ("Place", "PromulgationDate"),
    "DocumentType": ("Type", "TypeDetail", "TypeName"),
    "SignerInfo": ("Competence", "Position", "FullName"),
    "OtherInfo": (
        "Priority", "SphereOfPromulgation", "TyperNotation", "PromulgationAmount", "PageAmount", "Direction", "Appendixes",
    ),
    "ResponseFor": ("OrganId", "Code", "PromulgationDate", "DocumentId"),
    "TraceHeaderList": ("TraceHeader", "Bussiness"),
    "TraceHeader": ("OrganId", "Timestamp"),
    "Bussiness": (
        "DocumentId", "BussinessDocType", "BussinessDocReason", "Paper", "BussinessDocumentInfo", "ReplacementInfoList", "StaffInfo",
    ),
    "BussinessDocumentInfo": ("DocumentInfo", "DocumentReceiver", "ReceiverList"),
    "Receiver": ("OrganId", "ReceiverType"),
    "ReplacementInfo": ("DocumentId", "OrganIdList"),
    "edXMLManifest": ("Reference",),
    "Reference": ("ContentId", "ContentType", "Description", "AttachmentName"),
    "AttachmentEncoded": ("Attachment",),
    "Attachment": ("ContentId", "AttachmentName", "Description", "ContentType", "ContentTransferEncoded"),
}  # fmt: skip
TRADE, REPLACEMENT = ("TraceHeaderList", "Bussiness"), "3"
OPEN = "edXMLHeader"
"""Here the standard has an ``ErrorList`` that nobody at hand ever saw: what is unknown is left alone."""
LATER = frozenset({"Author", "ResponseForTask", "ApplicationType"})
"""Parts that later builders write, wherever they stand."""


def _strangers(root: etree._Element) -> Iterator[str]:
    for node in _unsigned(root):
        if etree.QName(node).namespace != NS:
            yield f"{_name(node)} không thuộc không gian tên của QCVN 102"


def _unordered(root: etree._Element) -> Iterator[str]:
    for node in _unsigned(root):
        known = ORDER.get(_name(node))
        if known is None or not len(node):
            continue
        names = [_name(child) for child in node.iterchildren(etree.Element) if _name(child) not in LATER]
        if _name(node) == OPEN:
            names = [name for name in names if name in known]
        if unknown := set(names) - set(known):
            yield f"{_name(node)} có phần lạ: {', '.join(sorted(unknown))}"
        elif names != sorted(names, key=known.index):
            yield f"các phần của {_name(node)} sai thứ tự: {', '.join(names)}"


def _wrong(header: etree._Element, rules: Mapping[str, Callable[[str], bool]]) -> Iterator[str]:
    for path, rule in rules.items():
        values = list(_values(header, path.removesuffix("?").split("/")))
        if not values and not path.endswith("?"):
            yield f"thiếu {path}"
        for value in values:
            if not rule(value) and not (value == "" and path.endswith("?")):
                yield f"{path.removesuffix('?')} sai: {value!r}"


def _values(node: etree._Element, path: list[str]) -> Iterator[str]:
    """A last step that is missing counts as empty where the step before it is there."""
    first, *rest = path
    for one in node.findall(f"{{*}}{first}"):
        if not rest:
            yield (one.text or "").strip()
        elif len(rest) == 1 and one.find(f"{{*}}{rest[0]}") is None:
            yield ""
        else:
            yield from _values(one, rest)


def _unsealed(root: etree._Element) -> Iterator[str]:
    try:
        axis_seal.check(root)
    except axis_seal.Broken as broken:
        yield f"Signature: {broken}"


def _bodiless(root: etree._Element) -> Iterator[str]:
    if root.find("{*}edXMLEnvelope/{*}edXMLBody") is not None:
        yield "gói tin trạng thái không có edXMLBody"


def _parties(header: etree._Element) -> Iterator[str]:
    """What is replaced must be named, and nobody gets the same document twice."""
    to = list(_values(header, ["MessageHeader", "To", "OrganId"]))
    if len(to) != len(set(to)):
        yield "một nơi nhận đứng hai lần"
    replaced = _values(header, [*TRADE, "ReplacementInfoList", "ReplacementInfo", "DocumentId"])
    if _text(header, "/".join((*TRADE, "BussinessDocType"))) == REPLACEMENT and not any(replaced):
        yield "văn bản thay thế thiếu ReplacementInfo/DocumentId"


def _attached(root: etree._Element) -> Iterator[str]:
    """Hold the manifest against what is attached: both name the same, and what is there can be decoded."""
    manifest = root.find("{*}edXMLEnvelope/{*}edXMLBody/{*}edXMLManifest")
    if manifest is not None and not manifest.get("version"):
        yield "edXMLManifest thiếu version"
    listed = [] if manifest is None else manifest.findall("{*}Reference")
    there = {_text(one, "ContentId"): one for one in root.findall("{*}AttachmentEncoded/{*}Attachment")}
    for one in listed:
        name = _text(one, "ContentId")
        attached = there.pop(name, None)
        if attached is None:
            yield f"không có tệp cho {name!r}"
        else:
            yield from _differs(one, attached)
    yield from (f"tệp {name!r} không có trong edXMLManifest" for name in there)


def _differs(listed: etree._Element, attached: etree._Element) -> Iterator[str]:
    name = _text(listed, "ContentId")
    if not name.startswith("cid:"):
        yield f"ContentId {name!r} không bắt đầu bằng cid:"
    for part in ("ContentType", "AttachmentName"):
        if not _text(listed, part) or _text(listed, part) != _text(attached, part):
            yield f"{part} của {name!r} thiếu hoặc khác nhau"
    if not content(attached):
        yield f"nội dung của {name!r} rỗng hoặc không phải base64"


def content(attached: etree._Element) -> bytes:
    """Return an attachment's bytes; empty where they cannot be decoded."""
    try:
        return base64.b64decode("".join(_text(attached, "ContentTransferEncoded").split()), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _dossier(root: etree._Element, header: etree._Element) -> str:
    """Return the first dossier code in the header, else in what is attached."""
    said = [" ".join(map(str, header.itertext()))]
    said += [
        content(one).decode("utf-8", "replace") for one in root.findall("{*}AttachmentEncoded/{*}Attachment")
    ]
    for text in said:
        if found := MOST.search(text):
            return found[0]
    return ""


def _unsigned(root: etree._Element) -> Iterator[etree._Element]:
    """Everything but the insides of the signature, which has a grammar of its own."""
    for node in root.iter(etree.Element):
        if not any(_name(above) == "Signature" for above in (node, *node.iterancestors())):
            yield node


def _text(node: etree._Element, path: str) -> str:
    return (node.findtext("/".join(f"{{*}}{step}" for step in path.split("/"))) or "").strip()


def _name(node: etree._Element) -> str:
    return etree.QName(node).localname
