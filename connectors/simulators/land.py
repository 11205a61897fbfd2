"""The land department's service: SOAP 1.1 and 1.2, document/literal, as ``schemas/wsdl/land/1`` says.

It keeps ``MaGiaoDich``: the same transaction again gets its first receipt, other content under it a Fault. Business
refusals come as ``Ma`` inside a normal answer with HTTP 200, what it cannot read as a Fault. The journal keeps each
document as exclusive C14N, so that an enveloped signature in it can still be verified.

It describes itself under ``?wsdl``, to those whom it knows; below ``/v2`` as it will be one day: a field has another name.

Run: ``python -m connectors.simulators.land --port 9002 --journal var/land.jsonl``
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from connectors.simulators.desk import Said, digest
from connectors.simulators.server import options, secret_of, serve
from schemas.library import Library

if TYPE_CHECKING:
    from connectors.simulators.desk import Call, Entry, Journal

NS = "urn:lienthong:example:land:1"
SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
RECEIVE, UPDATE, LOOK_UP = "TiepNhanHoSo", "CapNhatHoSo", "TraCuuGiaoDich"
DESCRIBE, LATER = "wsdl", "/v2"
TAKEN, TAKEN_BEFORE, UNKNOWN, REFUSED = "0", "1", "2", "-3"
MEDIA_TYPES = {SOAP11: "text/xml; charset=utf-8", SOAP12: "application/soap+xml; charset=utf-8"}


class _Bad(Exception):  # noqa: N818 - becomes a Fault
    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


class Land:
    """``secret``: what ``X-Api-Key`` must hold; empty: anyone may call."""

    def __init__(self, journal: Journal, secret: str = "") -> None:
        self.journal, self._secret = journal, secret
        self._known: dict[str, Entry] = {entry.key: entry for entry in journal.entries}

    def name(self, call: Call) -> str:
        if call.method == "GET":
            return DESCRIBE
        try:
            return etree.QName(_document(call.body)[1]).localname
        except _Bad:
            return ""

    def answer(self, call: Call) -> Said:
        if self._secret and call.headers.get("x-api-key") != self._secret:
            return Said(body=b"Unauthorized", status=401, media_type="text/plain")
        if call.method == "GET":
            return _described(call)
        version = SOAP12 if "soap+xml" in call.headers.get("content-type", "") else SOAP11
        try:
            version, document = _document(call.body)
            return self._do(version, document, call)
        except _Bad as bad:
            return _fault(version, bad)

    def refusal(self, call: Call) -> Said:
        try:
            version, document = _document(call.body)
        except _Bad as bad:
            return _fault(SOAP11, bad)
        return _said(version, REFUSED, "Trường SoBienNhan không hợp lệ", _text(document, "MaGiaoDich"))

    def expire(self) -> None:
        """Nothing to forget: every call proves itself."""

    def secrets(self) -> tuple[str, ...]:
        return (self._secret,) if self._secret else ()

    def _do(self, version: str, document: etree._Element, call: Call) -> Said:
        name = etree.QName(document)
        if name.namespace != NS or name.localname not in {RECEIVE, UPDATE, LOOK_UP}:
            raise _Bad("Client", "Không có thao tác này")
        if name.localname not in call.headers.get("soapaction", name.localname):
            raise _Bad("Client", "SOAPAction không khớp")
        key = _text(document, "MaGiaoDich")
        if not key:
            raise _Bad("Client", "Thiếu MaGiaoDich")
        if name.localname == LOOK_UP:
            return self._look_up(version, key)
        return self._take(version, document, key)

    def _look_up(self, version: str, key: str) -> Said:
        known = self._known.get(key)
        if known is None:
            return _said(version, UNKNOWN, "Chưa nhận giao dịch này", key)
        return _said(version, TAKEN, "Đã tiếp nhận", key, known.reference)

    def _take(self, version: str, document: etree._Element, key: str) -> Said:
        content = etree.tostring(document, method="c14n", exclusive=True, with_tail=False)
        operation, dossier = etree.QName(document).localname, _text(document, "SoBienNhan")
        known = self._known.get(key)
        if known is not None and known.digest != digest(content):
            raise _Bad("Client.Duplicate", "MaGiaoDich đã dùng cho nội dung khác")
        if known is not None:
            return _said(version, TAKEN_BEFORE, "Đã có từ trước", key, known.reference)
        if not dossier:
            return _said(version, REFUSED, "Trường SoBienNhan không được để trống", key)
        number = f"TNMT-{len(self.journal.entries) + 1:06d}"
        self._known[key] = self.journal.record(operation, content, key=key, dossier=dossier, reference=number)
        return _said(version, TAKEN, "Đã tiếp nhận", key, number)


def _described(call: Call) -> Said:
    wsdl = Library().find("wsdl", "land", "1")
    wanted = {"wsdl": wsdl, "land.xsd": wsdl.with_suffix(".xsd")}
    found = wanted.get(call.query.lower() or call.path.rpartition("/")[2])
    if found is None:
        return Said(body=b"Not Found", status=404, media_type="text/plain")
    body = found.read_bytes()
    if call.path.startswith(LATER):
        body = body.replace(b'"land.xsd"', b'"v2/land.xsd"')
        body = body.replace(b'name="SoBienNhan"', b'name="SoBienNhanMoi"')
    return Said(body=body, media_type="text/xml; charset=utf-8")


def _document(body: bytes) -> tuple[str, etree._Element]:
    """Return the SOAP version's namespace and the one child of Body."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        raise _Bad("Client", "Không phải XML đúng chuẩn") from None
    version = etree.QName(root).namespace or ""
    if b"<!DOCTYPE" in body or version not in MEDIA_TYPES:
        raise _Bad("Client", "Không phải phong bì SOAP")
    children = root.findall(f"{{{version}}}Body/*")
    if len(children) != 1:
        raise _Bad("Client", "Body phải có đúng một phần tử")
    return version, children[0]


def _text(document: etree._Element, name: str) -> str:
    return (document.findtext(f".//{{{NS}}}{name}") or "").strip()


def _said(version: str, code: str, message: str, key: str, number: str = "") -> Said:
    result = etree.Element(f"{{{NS}}}KetQua", nsmap={"d": NS})
    for name, value in (("Ma", code), ("ThongDiep", message), ("MaGiaoDich", key), ("SoTiepNhan", number)):
        if value:
            etree.SubElement(result, f"{{{NS}}}{name}").text = value
    return _envelope(version, result)


def _fault(version: str, bad: _Bad) -> Said:
    """SOAP 1.1 §4.4 with HTTP 500; SOAP 1.2 part 1 §5.4, ``Sender`` with 400 (part 2 §7.5.2.2)."""
    fault = etree.Element(f"{{{version}}}Fault", nsmap={"soap": version})
    if version == SOAP11:
        etree.SubElement(fault, "faultcode").text = f"soap:{bad.code}"
        etree.SubElement(fault, "faultstring").text = bad.text
        return _envelope(version, fault, 500)
    code = etree.SubElement(fault, f"{{{version}}}Code")
    etree.SubElement(code, f"{{{version}}}Value").text = "soap:Sender"
    if "." in bad.code:
        subcode = etree.SubElement(code, f"{{{version}}}Subcode")
        value = etree.SubElement(subcode, f"{{{version}}}Value", nsmap={"d": NS})
        value.text = "d:" + bad.code.rpartition(".")[2]
    reason = etree.SubElement(fault, f"{{{version}}}Reason")
    text = etree.SubElement(reason, f"{{{version}}}Text")
    text.set("{http://www.w3.org/XML/1998/namespace}lang", "vi")
    text.text = bad.text
    return _envelope(version, fault, 400)


def _envelope(version: str, child: etree._Element, status: int = 200) -> Said:
    envelope = etree.Element(f"{{{version}}}Envelope", nsmap={"soap": version})
    etree.SubElement(envelope, f"{{{version}}}Body").append(child)
    body = etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
    return Said(body=body, status=status, media_type=MEDIA_TYPES[version])


def main() -> None:
    arguments = options("Simulated land department").parse_args()
    secret = secret_of(arguments)
    serve(arguments.port, arguments.journal, lambda journal: Land(journal, secret))


if __name__ == "__main__":
    main()
