"""The desk of the hub's own SOAP service by itself: what it reads, what it refuses and by which Fault, how it packs."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from connectors.desks import Accepted, Call, Errand, Page, Refused, Say, Standing, Told
from connectors.small import Fetched, Settle
from connectors.soap_desk import multipart
from connectors.soap_desk.desk import Desk
from connectors.soap_desk.names import NS, SOAP, WSSE, XOP, Operation, contract
from schemas.problems import Refusal

DESK = Desk()
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
ACTION = f'"{NS}/SubmitMessage"'
PAYLOAD = "e30="
SUBMIT = f"<SubmitMessage xmlns='{NS}'><Key>k</Key><ContentType>application/json</ContentType><Payload>{PAYLOAD}</Payload></SubmitMessage>"
MUST = f'xmlns:s="{SOAP}" s:mustUnderstand="1"'
SECURITY = f'<w:Security xmlns:w="{WSSE}" {MUST}/>'
BOUNDARY = "=_a b"


def envelope(child: str = SUBMIT, header: str = "", ns: str = SOAP, behind: str = "") -> bytes:
    head = f"<e:Header>{header}</e:Header>" if header else ""
    return f'<e:Envelope xmlns:e="{ns}">{head}<e:Body>{child}</e:Body>{behind}</e:Envelope>'.encode()


def call(body: bytes, action: str = ACTION, media: str = "text/xml; charset=utf-8", **more: Any) -> Call:
    return Call(path="/v1", body=body, headers={"soapaction": action, "content-type": media}, **more)


def said(asked: Call) -> Say:
    wish = DESK.read(asked)
    assert isinstance(wish, Say)
    return wish


def refused(asked: Call) -> str:
    with pytest.raises(Refusal) as caught:
        DESK.read(asked)
    return caught.value.code


def package(*parts: tuple[str, bytes], start: str = "", boundary: str = BOUNDARY) -> Call:
    """MTOM as its peers write it; a part's head as it stands."""
    body = b"".join(f"\r\n--{boundary}\r\n{head}\r\n\r\n".encode() + content for head, content in parts) + (
        f"\r\n--{boundary}--\r\n".encode()
    )
    media = f'multipart/related; type="application/xop+xml"; boundary="{boundary}"' + (
        f'; start="{start}"' if start else ""
    )
    return call(body, media=media)


def include(name: str = "a@b") -> str:
    return f'<x:Include xmlns:x="{XOP}" href="cid:{name}"/>'


ROOT = 'Content-Type: application/xop+xml; charset=utf-8; type="text/xml"\r\nContent-ID: <root>'
PART = "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <a@b>"


def test_a_message_is_the_payloads_own_bytes_under_the_senders_key() -> None:
    (message,) = said(call(envelope())).messages(Standing())
    assert (message.body, message.key, message.media_type) == (b"{}", "k", "application/json")
    assert message.within == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_both_encodings_of_the_basic_profile_are_read(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>' + envelope().decode()
    for media in ("text/xml", f'text/xml; charset="{encoding}"'):
        assert said(call(text.encode(encoding), media=media))


def test_an_answer_to_a_letter_is_read_with_its_moment() -> None:
    child = f"<Acknowledge xmlns='{NS}'><Transfer>t</Transfer><Digest>{'a' * 64}</Digest><At>2026-11-23T12:00:00.1234567+07:00</At><Refused><Text>x</Text><Code>C</Code></Refused></Acknowledge>"
    settle = DESK.read(call(envelope(child), f'"{NS}/Acknowledge"'))
    assert isinstance(settle, Settle)
    assert settle.at
    assert (settle.at.utcoffset(), settle.reason, settle.code) == (settle.at.utcoffset(), "x", "C")
    assert refused(call(envelope(child.replace("+07:00", "")), f'"{NS}/Acknowledge"')) == "HUB-SCH-002"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "HUB-SCH-001"),
        (b"{}", "HUB-SCH-001"),
        (b"<a/>", "HUB-SOP-001"),
        (envelope(ns=SOAP12), "HUB-SOP-002"),
        (envelope(ns="urn:x"), "HUB-SOP-002"),
        (envelope(""), "HUB-SOP-001"),
        (envelope(SUBMIT * 2), "HUB-SOP-001"),
        (envelope("text" + SUBMIT), "HUB-SOP-001"),
        (envelope(behind="<x/>"), "HUB-SOP-001"),
        (envelope(behind="<e:Header/>"), "HUB-SOP-001"),
        (b"<!DOCTYPE e [<!ENTITY a 'b'>]>" + envelope(), "HUB-SCH-006"),
        (b"<?php x?>" + envelope(), "HUB-SCH-006"),
        (envelope(header=f"<x {MUST}/>"), "HUB-SOP-003"),
        (envelope(header=SECURITY), "HUB-SOP-003"),
        (envelope("<a>" * 70 + "</a>" * 70), "HUB-SCH-012"),
        (envelope("<a>" + "<b/>" * 2000 + "</a>"), "HUB-SCH-012"),
        (
            envelope(SUBMIT.replace("<Key>", "<Key " + " ".join(f"a{n}=''" for n in range(40)) + ">")),
            "HUB-SCH-012",
        ),
        (envelope(SUBMIT.replace("<Key>k", "<Key>" + "k" * (1 << 20) + "k")), "HUB-SCH-012"),
        (envelope(f"<AskStatus xmlns='{NS}'/>"), "HUB-SOP-004"),
        (envelope("<SubmitMessage/>"), "HUB-SOP-004"),
        (envelope(SUBMIT.replace("<Key>k</Key>", "<Key>a b</Key>")), "HUB-SCH-002"),
        (envelope(SUBMIT.replace("<Key>k</Key>", "<Mine/>")), "HUB-SCH-004"),
        (envelope(SUBMIT.replace("e30=", "e30")), "HUB-SCH-002"),
        (envelope(SUBMIT.replace("e30=", "e30=<Payload>e30=</Payload>")), "HUB-SCH-009"),
        (envelope(SUBMIT.replace(f"<Payload>{PAYLOAD}</Payload>", "")), "HUB-SCH-003"),
        (envelope(SUBMIT.replace("e30=", include())), "HUB-SOP-005"),
        (envelope().decode().encode("latin-1") + b"\xff", "HUB-SCH-001"),
        (b'<?xml version="1.0" encoding="koi8-r"?>' + envelope(), "HUB-SCH-008"),
    ],
)
def test_what_is_no_request_of_the_contract_is_refused(body: bytes, code: str) -> None:
    assert refused(call(body)) == code


def test_a_block_for_somebody_else_or_that_may_be_passed_over_is() -> None:
    header = f'<x/><y xmlns:s="{SOAP}" s:mustUnderstand="1" s:actor="urn:other"/><z xmlns:s="{SOAP}" s:mustUnderstand="0"/>'
    assert said(call(envelope(header=header)))


def test_a_signed_envelope_goes_to_the_verifier_whole() -> None:
    (message,) = said(call(envelope(header=SECURITY), enveloped=True)).messages(Standing())
    assert (message.body, message.within) == (b"", (f"{{{NS}}}SubmitMessage", f"{{{NS}}}Payload"))
    mtom = package((ROOT, packed()), (PART, b""))
    signs = Call(path="/v1", body=mtom.body, headers=mtom.headers, enveloped=True)
    assert refused(signs) == "HUB-SOP-005"


@pytest.mark.parametrize(
    ("media", "code"),
    [
        ("application/json", "HUB-SCH-010"),
        ("", "HUB-SCH-010"),
        ("application/soap+xml", "HUB-SOP-002"),
        ("text/xml; charset=koi8-r", "HUB-SCH-008"),
        ("multipart/related", "HUB-SOP-005"),
        ("text/xml; a=" + "b" * 2000, "HUB-SCH-010"),
    ],
)
def test_a_media_type_that_is_not_of_the_binding_is_refused(media: str, code: str) -> None:
    assert refused(call(envelope(), media=media)) == code


@pytest.mark.parametrize("action", ["", '""', "SubmitMessage", f'"{NS}/Nothing"'])
def test_which_door_a_call_goes_through_is_told_before_its_body(action: str) -> None:
    with pytest.raises(Refusal, match="HUB-SOP-004"):
        DESK.errand("POST", "/v1", {"soapaction": action})


def test_errands() -> None:
    assert DESK.errand("POST", "/v1", {"soapaction": ACTION}) is Errand.SAY
    assert DESK.errand("POST", "/v1", {"soapaction": f"{NS}/GetMessage"}) is Errand.SMALL
    assert DESK.errand("GET", "/v1", {}) is Errand.OPEN
    assert DESK.errand("POST", "/v2", {}) is None
    with pytest.raises(Refusal, match="HUB-INT-004"):
        DESK.errand("PUT", "/v1", {})


def test_the_contract_is_shown_with_its_own_addresses() -> None:
    at = "https://hub.example.vn/soap?a=1&b=2"
    pages = [
        DESK.read(Call(path="/v1", method="GET", query=query, address=at))
        for query in ("wsdl", "WSDL", "xsd")
    ]
    wsdl, same, xsd = (page.reply.body for page in pages if isinstance(page, Page))
    assert wsdl == same
    root = etree.fromstring(wsdl)
    (location,) = (
        each.get("location") for each in root.iter("{http://schemas.xmlsoap.org/wsdl/soap/}address")
    )
    (schema,) = (each.get("schemaLocation") for each in root.iter("{http://www.w3.org/2001/XMLSchema}import"))
    assert (location, schema) == (f"{at}/v1", f"{at}/v1?xsd")
    assert etree.fromstring(xsd).get("targetNamespace") == NS
    operations = [each.get("name") for each in root.iterfind("{*}portType/{*}operation")]
    assert operations == [str(each) for each in Operation]
    with pytest.raises(Refusal):
        DESK.read(Call(path="/v1", method="GET", query="other"))


# --- MTOM


def packed(payload: str = include()) -> bytes:
    return envelope(SUBMIT.replace(PAYLOAD, payload))


def test_an_attachment_is_the_content_that_names_it() -> None:
    content = bytes(range(256)) + b"\r\n--=_a\r\n"
    for asked in (
        package((ROOT, packed()), (PART, content)),
        package((PART, content), (ROOT, packed()), start="<root>"),
    ):
        (message,) = said(asked).messages(Standing())
        assert message.body == content


@pytest.mark.parametrize(
    "asked",
    [
        package((ROOT, packed("x" + include())), (PART, b"")),
        package((ROOT, packed(include() * 2)), (PART, b"")),
        package((ROOT, packed(include("other"))), (PART, b"")),
        package((ROOT, packed()), (PART, b""), (PART, b"")),
        package((ROOT, packed()), (PART.replace("binary", "x-gzip64"), b"")),
        package((ROOT, packed()), (PART.replace("binary", "base64"), b"%")),
        package((PART, b""), start="<root>"),
        package(
            (ROOT, packed()), (PART, b""), *[(PART.replace("a@b", str(each)), b"") for each in range(100)]
        ),
        package((ROOT + "\r\nX: " + "x" * 5000, packed()), (PART, b"")),
        package((ROOT, packed()), (PART, b""), boundary="a" * 71),
        call(b"--b\r\n\r\n\r\nno end", media='multipart/related; boundary="b"'),
        call(b"--bc\r\n\r\n\r\n\r\n--b--", media='multipart/related; boundary="b"'),
        call(b"nothing", media='multipart/related; boundary="b"'),
    ],
)
def test_a_package_that_cannot_be_parted_is_refused(asked: Call) -> None:
    assert refused(asked) == "HUB-SOP-005"


def test_one_part_is_one_files_content() -> None:
    """Many files that mean one attachment would cost many times what was brought."""
    file = f"<File><Name>a</Name><ContentType>a/b</ContentType><Content>{include()}</Content></File>"
    head = f"<SendResult xmlns='{NS}'><ContentType>a/b</ContentType><Payload>e30=</Payload>"

    def asked(files: str) -> Call:
        came = package((ROOT, envelope(f"{head}{files}</SendResult>")), (PART, b"x"))
        return Call(path="/v1", body=came.body, headers={**came.headers, "soapaction": f'"{NS}/SendResult"'})

    (one,) = said(asked(file)).encloses
    assert one.content == b"x"
    assert refused(asked(file * 2)) == "HUB-SOP-005"


def test_who_asked_in_a_package_is_answered_in_one() -> None:
    child = f"<GetMessage xmlns='{NS}'><Transfer>t</Transfer></GetMessage>"
    body = package((ROOT, envelope(child)))
    headers = {**body.headers, "soapaction": f'"{NS}/GetMessage"'}
    ask: Any = DESK.read(Call(path="/v1", body=body.body, headers=headers))
    content = b"\0\r\n" * 99
    found = Fetched(transfer="t", payload=content, media_type="a/b", digest="a" * 64, headers={"X": "y"})
    reply = ask.write(found)
    read = multipart.unpack(reply.body, multipart.media(reply.media_type))
    assert list(read.parts.values()) == [content]
    assert b"Include" in read.root
    plain: Any = DESK.read(call(envelope(child), f'"{NS}/GetMessage"'))
    inline = plain.write(found)
    assert base64.b64encode(content) in inline.body
    (answer,) = etree.fromstring(inline.body)[0]
    assert contract().problems(answer) == ()


# --- answers


def test_a_fault_says_code_place_rule_and_advice_in_both_languages() -> None:
    def told(language: Any) -> Refused:
        problem = Told(code="HUB-SCH-003", title=f"title {language}", place="/a", rule="r", line=3)
        return Refused(
            status=422,
            problems=(problem,),
            advice="do",
            request="q",
            wait=7,
            retry="yes",
            fault="Server",
            language=language,
        )

    vi, en = told("vi"), told("en")
    reply = DESK.write(
        Refused(**{name: getattr(vi, name) for name in vi.__struct_fields__ if name != "other"}, other=en)
    )
    assert reply.status == 500
    fault = etree.fromstring(reply.body)[0][0]
    assert fault.findtext("faultcode") == "soap:Server"
    refusal = fault.find("detail")[0]  # type: ignore[index]  # it is there
    assert contract().problems(refusal) == ()
    assert [each.text for each in refusal.iterfind(f"{{{NS}}}Text/{{{NS}}}Title")] == ["title vi", "title en"]
    assert refusal.findtext(f"{{{NS}}}RetryAfter") == "7"
    assert refusal.findtext(f"{{{NS}}}Problem/{{{NS}}}Line") == "3"


def test_every_answer_of_the_golden_file_is_of_the_contract() -> None:
    golden = Path(__file__).parents[1] / "golden" / "answers" / "soap.json"
    told = json.loads(golden.read_bytes())
    faults = 0
    for case, reply in told.items():
        (inside,) = etree.fromstring(reply["body"].encode())[0]
        faults += inside.tag == f"{{{SOAP}}}Fault"
        said = inside.find("detail")[0] if inside.tag == f"{{{SOAP}}}Fault" else inside  # type: ignore[index]  # it is there
        assert contract().problems(said) == (), case
        assert (reply["status"] == 500) == (said is not inside), case
    assert (len(told), faults) == (12, 6)


def test_a_receipt_is_told_as_the_contract_says() -> None:
    receipt = (
        b'{"message":"m","digest":"'
        + b"a" * 64
        + b'","accepted_at":"2026-11-23T05:00:00Z","kind":"received","key":"k","transfers":[{"id":"t","partner":"p","operation":"o","state":"waiting"}]}'
    )
    reply = said(call(envelope())).write(Accepted(ids=("m",), receipts=(receipt,), confirmations=("",)))  # type: ignore[misc]  # it writes itself
    (answer,) = etree.fromstring(reply.body)[0]
    assert contract().problems(answer) == ()
    assert answer.tag == f"{{{NS}}}SubmitMessageResponse"
    assert base64.b64decode(answer.findtext(f"{{{NS}}}Document") or "") == receipt
