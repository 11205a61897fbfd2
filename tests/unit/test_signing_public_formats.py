"""The signatures of edXML documents and of tax messages: as their formats have them, old digests only until a day."""

from __future__ import annotations

import subprocess
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import pytest
from lxml import etree

from schemas.problems import Refusal
from signing.keys.ring import KeySource, load
from signing.profiles import EdxmlProfile, ScopedProfile, XmlAlgorithm, XmlProfile
from signing.trust.pins import load_pins
from signing.xml.edxml import EdxmlSigner, EdxmlVerifier
from signing.xml.enveloped import EnvelopedVerifier, canonicalise
from signing.xml.names import (
    DSIG,
    ENVELOPED,
    EXCLUSIVE,
    EXCLUSIVE_COMMENTS,
    INCLUSIVE,
    METHODS,
    SHA256,
    XPATH,
)
from signing.xml.scoped import FILTER, ScopedSigner, ScopedVerifier
from tests.doubles.pki import Pki

if TYPE_CHECKING:
    from pathlib import Path

    from signing.contract import Verified
    from signing.keys.ring import SigningKey

NOW = datetime.now(UTC).replace(microsecond=0)
QCVN = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
EDXML = f"""<?xml version="1.0" encoding="UTF-8"?>
<edXML xmlns="{QCVN}" xmlns:edXML="{QCVN}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <edXML:edXMLEnvelope>
    <edXML:edXMLHeader><edXML:MessageHeader><DocumentId>000.00.15.H47,2026/11/20,12/UBND</DocumentId></edXML:MessageHeader></edXML:edXMLHeader>
    <edXML:edXMLBody><edXML:edXMLManifest version="2.0"/></edXML:edXMLBody>
  </edXML:edXMLEnvelope>
  <AttachmentEncoded><Attachment><ContentId>cid:1</ContentId></Attachment></AttachmentEncoded>
</edXML>""".encode()
DATA = """<DATA xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><!-- x -->
  <HEADER><MSG_ID>H47202611200000001</MSG_ID><!-- y --><SENDER_NAME>Tỉnh</SENDER_NAME></HEADER>
  <BODY><ROW><TYPE xsi:type="t">00046</TYPE><MA_HS>1</MA_HS></ROW></BODY> <SECURITY/></DATA>""".encode()
SCOPED = b"<DATA>%b%b</DATA>" % (
    "<HEADER><MSG_ID>H47202611200000001</MSG_ID><SENDER_NAME>Tỉnh</SENDER_NAME></HEADER>".encode(),
    b'<BODY><ROW><TYPE xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="t">00046</TYPE><MA_HS>1</MA_HS></ROW></BODY>',
)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


def key(pki: Pki, name: str = "seal-2048") -> SigningKey:
    return loaded(name, pki[name].key_file, pki[name].certificate_file)


@cache
def loaded(name: str, file: Path, certificate: Path) -> SigningKey:
    """Load each key once: what takes long is the look at its primes."""
    return load(KeySource(name=name, file=str(file), certificate=str(certificate)))


def edxml(pki: Pki, raw: bytes, profile: EdxmlProfile = EdxmlProfile(), now: datetime = NOW) -> Verified:  # noqa: B008 - frozen
    return EdxmlVerifier(load_pins([pki["seal-2048"].certificate_file]), profile).verify(raw, now)


def scoped(pki: Pki, raw: bytes, profile: ScopedProfile = ScopedProfile()) -> Verified:  # noqa: B008 - frozen
    pins = load_pins([pki[name].certificate_file for name in ("seal-2048", "seal-p256")])
    return ScopedVerifier(pins, profile).verify(raw, NOW)


def refused(pki: Pki, raw: bytes, profile: EdxmlProfile | ScopedProfile, now: datetime = NOW) -> str:
    with pytest.raises(Refusal) as caught:
        edxml(pki, raw, profile, now) if isinstance(profile, EdxmlProfile) else scoped(pki, raw, profile)
    return caught.value.code


def xmlsec1(pki: Pki, raw: bytes, folder: Path) -> bool:
    file = folder / "signed.xml"
    file.write_bytes(raw)
    command = ["xmlsec1", "--verify", "--pubkey-cert-pem", str(pki["seal-2048"].certificate_file), str(file)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def by_xmlsec1(
    pki: Pki,
    folder: Path,
    document: bytes,
    before: bytes,
    *,
    c14n: str = EXCLUSIVE,
    method: str = METHODS[XmlAlgorithm.RSA_SHA256],
    digest: str = SHA256,
    transforms: str = "",
) -> bytes:
    """Let xmlsec1 sign, its signature standing before ``before``."""
    blank = (
        f'<Signature xmlns="{DSIG}"><SignedInfo><CanonicalizationMethod Algorithm="{c14n}"/>'
        f'<SignatureMethod Algorithm="{method}"/><Reference URI=""><Transforms>{transforms}</Transforms>'
        f'<DigestMethod Algorithm="{digest}"/><DigestValue/></Reference></SignedInfo><SignatureValue/>'
        "<KeyInfo><X509Data><X509SubjectName/><X509Certificate/></X509Data></KeyInfo></Signature>"
    )
    file = folder / "blank.xml"
    file.write_bytes(document.replace(before, blank.encode() + before))
    pair = f"{pki['seal-2048'].key_file},{pki['seal-2048'].certificate_file}"
    done = subprocess.run(
        ["xmlsec1", "--sign", "--privkey-pem", pair, str(file)], capture_output=True, check=True
    )
    return done.stdout


def steps(*uris: str) -> str:
    return "".join(f'<Transform Algorithm="{uri}"/>' for uri in uris)


# --- edXML


def test_our_edxml_signature_stands_in_the_header_and_others_verify_it(pki: Pki, tmp_path: Path) -> None:
    signed = EdxmlSigner(key(pki), EdxmlProfile()).sign(EDXML, NOW)
    assert etree.fromstring(signed)[0][0][-1].tag == f"{{{DSIG}}}Signature"
    assert xmlsec1(pki, signed, tmp_path)
    assert not xmlsec1(pki, signed.replace(b"12/UBND", b"13/UBND"), tmp_path)
    verified = edxml(pki, signed)
    assert verified.payload == canonicalise(EDXML)
    assert verified.profile == "edxml@1"


HEADER_END = b"</edXML:edXMLHeader>"
OLD = {
    "method": METHODS["RSA_SHA1"],
    "digest": f"{DSIG}sha1",
    "c14n": INCLUSIVE,
    "transforms": steps(ENVELOPED, EXCLUSIVE),
}


@pytest.mark.parametrize(
    ("c14n", "chain"),
    [
        (INCLUSIVE, (ENVELOPED, EXCLUSIVE)),
        (INCLUSIVE, (ENVELOPED, INCLUSIVE)),
        (INCLUSIVE, (ENVELOPED,)),
        (EXCLUSIVE, (ENVELOPED, EXCLUSIVE)),
    ],
)
def test_edxml_as_others_sign_it_is_taken(
    pki: Pki, tmp_path: Path, c14n: str, chain: tuple[str, ...]
) -> None:
    signed = by_xmlsec1(pki, tmp_path, EDXML, HEADER_END, c14n=c14n, transforms=steps(*chain))
    assert b"12/UBND" in edxml(pki, signed).payload
    assert refused(pki, signed.replace(b"12/UBND", b"13/UBND"), EdxmlProfile()) == "HUB-SIG-003"
    with pytest.raises(Refusal, match=r"HUB-SIG-00[45]"):
        EnvelopedVerifier(load_pins([pki["seal-2048"].certificate_file]), XmlProfile()).verify(signed, NOW)


def test_sha1_is_taken_until_its_day_and_not_after(pki: Pki, tmp_path: Path) -> None:
    signed = by_xmlsec1(pki, tmp_path, EDXML, HEADER_END, **OLD)
    day = date(2026, 12, 31)
    until = EdxmlProfile(sha1_until=day)
    end = datetime(2026, 12, 31, 16, 59, 59, tzinfo=UTC)  # a second before midnight in Vietnam
    assert edxml(pki, signed, until, end).algorithm == "RSA_SHA1"
    assert refused(pki, signed, until, end + timedelta(seconds=1)) == "HUB-SIG-013"
    assert refused(pki, signed, EdxmlProfile()) == "HUB-SIG-004"
    new = EdxmlSigner(key(pki), until).sign(EDXML, NOW)
    assert edxml(pki, new, until, end + timedelta(days=1)).algorithm == "RSA_SHA256"


@pytest.mark.parametrize(
    "part", [{"method": OLD["method"]}, {"digest": OLD["digest"]}], ids=["method", "digest"]
)
def test_half_of_sha1_is_sha1(pki: Pki, tmp_path: Path, part: dict[str, str]) -> None:
    signed = by_xmlsec1(pki, tmp_path, EDXML, HEADER_END, **{"transforms": OLD["transforms"], **part})
    assert refused(pki, signed, EdxmlProfile()) == "HUB-SIG-004"
    yesterday = EdxmlProfile(sha1_until=NOW.date() - timedelta(days=2))
    assert refused(pki, signed, yesterday) == "HUB-SIG-013"
    assert edxml(pki, signed, EdxmlProfile(sha1_until=NOW.date() + timedelta(days=2))).payload


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ((b"edXML:edXMLHeader>", b"edXML:edXMLHeading>"), "HUB-SIG-009"),
        ((b"edXMLEnvelope", b"Envelope"), "HUB-SIG-009"),
        ((b"<edXML:edXMLBody>", b"<edXML:edXMLHeader></edXML:edXMLHeader><edXML:edXMLBody>"), "HUB-SIG-009"),
        ((b"</edXML>", b" </edXML>"), "HUB-SIG-003"),
        ((b'URI=""', b'URI="#x"'), "HUB-SIG-006"),
    ],
)
def test_a_signature_elsewhere_in_an_edxml_document_is_not_looked_for(
    pki: Pki, change: tuple[bytes, bytes], code: str
) -> None:
    signed = EdxmlSigner(key(pki), EdxmlProfile()).sign(EDXML, NOW)
    changed = signed.replace(*change)
    assert changed != signed
    assert refused(pki, changed, EdxmlProfile()) == code


def test_a_wrapped_edxml_document_is_refused(pki: Pki) -> None:
    signed = EdxmlSigner(key(pki), EdxmlProfile()).sign(EDXML, NOW)
    forged = signed.replace(b"12/UBND", b"99/UBND")
    inside = b"<wrapper>" + signed[signed.index(b"<edXML") :] + b"</wrapper></edXML>"
    start, end = forged.index(b"<ds:Signature"), forged.index(b"</ds:Signature>") + len(b"</ds:Signature>")
    bare = forged[:start] + forged[end:]
    assert refused(pki, bare.replace(b"</edXML>", inside), EdxmlProfile()) == "HUB-SIG-009"
    assert refused(pki, forged.replace(b"</edXML>", inside), EdxmlProfile()) == "HUB-SIG-005"
    with pytest.raises(Refusal, match="HUB-SIG-005"):
        EdxmlSigner(key(pki), EdxmlProfile()).sign(signed, NOW)


# --- tax


@pytest.mark.parametrize("document", [DATA, DATA.replace(b"<SECURITY/>", b"")], ids=["empty", "absent"])
def test_our_scoped_signature_is_over_header_and_body_and_others_verify_it(
    pki: Pki, tmp_path: Path, document: bytes
) -> None:
    signed = ScopedSigner(key(pki), ScopedProfile()).sign(document, NOW)
    assert scoped(pki, signed).payload == SCOPED
    assert xmlsec1(pki, signed, tmp_path)
    assert (
        scoped(pki, ScopedSigner(key(pki, "seal-p256"), ScopedProfile()).sign(document, NOW)).payload
        == SCOPED
    )
    for change in ((b"00046", b"00047"), (b"0000001", b"0000002")):
        assert not xmlsec1(pki, signed.replace(*change), tmp_path)
        assert refused(pki, signed.replace(*change), ScopedProfile()) == "HUB-SIG-003"


def filtered(text: str = FILTER) -> str:
    return f'<Transform Algorithm="{XPATH}"><XPath>{text}</XPath></Transform>'


@pytest.mark.parametrize("before", ["", steps(ENVELOPED)], ids=["", "enveloped"])
@pytest.mark.parametrize(
    "after", [(), (EXCLUSIVE,), (EXCLUSIVE_COMMENTS,)], ids=["none", "exclusive", "comments"]
)
def test_a_scoped_signature_as_others_make_it_is_taken(
    pki: Pki, tmp_path: Path, before: str, after: tuple[str, ...]
) -> None:
    document = DATA.replace(b"<SECURITY/>", b"<SECURITY></SECURITY>")
    transforms = before + filtered(FILTER.replace(" or ", "\n  or ")) + steps(*after)
    signed = by_xmlsec1(
        pki, tmp_path, document, b"</SECURITY>", c14n=EXCLUSIVE_COMMENTS, transforms=transforms
    )
    assert scoped(pki, signed).payload == SCOPED
    # what stands outside of the two is nobody's word
    assert scoped(pki, signed.replace(b"<BODY>", b" \n<!-- z --><BODY>")).payload == SCOPED


@pytest.mark.parametrize(
    "text",
    [
        "true()",
        "1",
        "ancestor-or-self::BODY",
        FILTER + " or self::text()",
        FILTER.upper(),
        "count(//*) > 0",
        FILTER + " " * 300,
        "document('http://127.0.0.1/')",
    ],
)
def test_no_other_filter_is_taken_nor_evaluated(pki: Pki, tmp_path: Path, text: str) -> None:
    document = DATA.replace(b"<SECURITY/>", b"<SECURITY></SECURITY>")
    signed = by_xmlsec1(pki, tmp_path, document, b"</SECURITY>", transforms=filtered() + steps(EXCLUSIVE))
    changed = signed.replace(FILTER.encode(), text.encode().replace(b">", b"&gt;"))
    assert refused(pki, changed, ScopedProfile()) == "HUB-SIG-004"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ((b"<DATA", b"<x><DATA"), "HUB-SIG-009"),
        ((b"<HEADER>", b"<HEADER><A/></HEADER><HEADER>"), "HUB-SIG-009"),
        ((b"<BODY>", b"<BODY><A/></BODY><BODY>"), "HUB-SIG-009"),
        ((b"<SECURITY>", b"<MORE/><SECURITY>"), "HUB-SIG-009"),
        ((b"SECURITY>", b"SAFETY>"), "HUB-SIG-009"),
        ((b"<SECURITY>", b"<SECURITY><x>"), "HUB-SIG-009"),
        ((b'URI=""', b'URI="#x"'), "HUB-SIG-006"),
    ],
)
def test_a_tax_message_of_another_shape_is_refused(pki: Pki, change: tuple[bytes, bytes], code: str) -> None:
    signed = ScopedSigner(key(pki), ScopedProfile()).sign(DATA, NOW)
    changed = signed.replace(*change)
    if change[0] == b"<DATA":
        changed += b"</x>"
    if change[1].endswith(b"<x>"):
        changed = changed.replace(b"</SECURITY>", b"</x></SECURITY>")
    assert refused(pki, changed, ScopedProfile()) == code


def test_what_is_no_tax_message_is_not_signed(pki: Pki) -> None:
    one = ScopedSigner(key(pki), ScopedProfile())
    for document, code in ((b"<DATA/>", "HUB-SIG-009"), (one.sign(DATA, NOW), "HUB-SIG-005")):
        with pytest.raises(Refusal, match=code):
            one.sign(document, NOW)
