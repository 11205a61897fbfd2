"""SOAP envelopes: what goes in is on the wire, what comes back is read hardened."""

from __future__ import annotations

import pytest
from lxml import etree

from connectors.soap.envelope import (
    NAMESPACES,
    Fault,
    Unreadable,
    Version,
    addressing,
    frame,
    read,
    root,
    text_at,
    wrap,
)

PAYLOAD = (
    '<t:Submit xmlns:t="urn:test:intake"><t:Ten a="1>0">Nguyễn Văn Mẫu &amp; con</t:Ten></t:Submit>'.encode()
)


def envelope(body: str, version: str = "1.1") -> bytes:
    return f'<s:Envelope xmlns:s="{NAMESPACES[version]}"><s:Body>{body}</s:Body></s:Envelope>'.encode()


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_the_sealed_bytes_stand_in_the_envelope_byte_for_byte(version: Version) -> None:
    raw = wrap(frame(version, "urn:a"), PAYLOAD)
    assert raw.count(PAYLOAD) == 1
    child = read(raw, version)
    assert isinstance(child, etree._Element)
    assert child.tag == "{urn:test:intake}Submit"


def test_an_envelope_does_not_change_the_exclusive_canonical_form_of_what_it_carries() -> None:
    child = read(wrap(frame("1.1", ""), PAYLOAD), "1.1")
    assert isinstance(child, etree._Element)
    alone = etree.tostring(etree.fromstring(PAYLOAD), method="c14n", exclusive=True)
    assert etree.tostring(child, method="c14n", exclusive=True) == alone


def test_soap_1_1_quotes_its_action_in_a_header_and_1_2_in_the_media_type() -> None:
    old, new = frame("1.1", "urn:a"), frame("1.2", "urn:a")
    assert (old.content_type, dict(old.headers)) == ("text/xml; charset=utf-8", {"SOAPAction": '"urn:a"'})
    assert (new.content_type, dict(new.headers)) == (
        'application/soap+xml; charset=utf-8; action="urn:a"',
        {},
    )


def test_no_action_is_an_empty_quoted_string_in_1_1() -> None:
    assert frame("1.1", "").headers["SOAPAction"] == '""'


def test_addressing_headers_escape_what_they_carry() -> None:
    raw = wrap(frame("1.1", "urn:a", header=addressing("urn:a", "https://x/?a&b", "urn:k<1>")), PAYLOAD)
    header = etree.fromstring(raw)[0]
    assert [child.text for child in header] == ["urn:a", "urn:k<1>", "https://x/?a&b"]


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        (PAYLOAD, "{urn:test:intake}Submit"),
        (b'<Submit xmlns="urn:x" a=">"/>', "{urn:x}Submit"),
        (b"<Submit/>", "Submit"),
        (b'<?xml version="1.0"?><Submit/>', ""),
        (b"<!DOCTYPE a><a/>", ""),
        (b"", ""),
        (b"text", ""),
        (b"<", ""),
    ],
)
def test_a_payload_names_its_root_or_cannot_stand_in_a_body(payload: bytes, name: str) -> None:
    assert root(payload) == name


def test_a_soap_1_1_fault_is_read() -> None:
    body = "<s:Fault><faultcode>s:Client.Duplicate</faultcode><faultstring> đã có </faultstring><detail><e><Ma>7</Ma></e></detail></s:Fault>"
    assert read(envelope(body), "1.1", detail="e.Ma") == Fault("Client.Duplicate", "đã có", "7")


def test_a_soap_1_2_fault_is_read_with_its_subcodes() -> None:
    body = (
        "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>m:NoSuchCase</s:Value></s:Subcode></s:Code>"
        '<s:Reason><s:Text xml:lang="vi">không có</s:Text></s:Reason><s:Detail><Ma>9</Ma></s:Detail></s:Fault>'
    )
    assert read(envelope(body, "1.2"), "1.2", detail="Ma") == Fault("Sender.NoSuchCase", "không có", "9")


BOMB = '<!DOCTYPE a [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html><body>502</body></html>",
        b"<html><body>502<br></html>",
        b"\xff\xfe\x00",
        envelope("<a/>")[:-5],
        envelope("<a/>", "1.2"),
        envelope("<a/><b/>"),
        envelope("<a/>").replace(b"</s:Envelope>", b"<s:Body/></s:Envelope>"),
        BOMB.encode() + envelope("<a/>"),
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x">' + envelope("<a/>"),
        envelope("<a>" * 100 + "</a>" * 100),
        envelope("<a>" + "<b/>" * 100_001 + "</a>"),
        envelope("<a " + " ".join(f'b{n}=""' for n in range(65)) + "/>"),
        b'<?xml version="1.0" encoding="no-such"?>' + envelope("<a/>"),
    ],
    ids=lambda raw: repr(raw[:40]),
)
def test_what_is_not_a_safe_envelope_is_unreadable(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        read(raw, "1.1")


def test_an_entity_never_becomes_text() -> None:
    with pytest.raises(Unreadable):
        read(b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>' + envelope("<a>&x;</a>"), "1.1")


def test_an_element_that_stands_twice_has_no_value() -> None:
    child = read(envelope("<a><Ma>0</Ma><Ma>1</Ma><b><c>x</c></b></a>"), "1.1")
    assert isinstance(child, etree._Element)
    assert text_at(child, "Ma") is None
    assert text_at(child, "b.c") == "x"
    assert text_at(child, "none") is None
