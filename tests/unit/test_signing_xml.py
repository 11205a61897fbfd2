"""What we sign, others verify; what others sign, we verify; and signxml says the same of every document that we accept."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, SignatureConstructionMethod, SignatureMethod
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

from schemas.problems import Refusal
from signing.keys.ring import KeySource, load
from signing.profiles import Place, Reference, XmlAlgorithm, XmlProfile
from signing.trust.pins import load_pins
from signing.xml.enveloped import EnvelopedSigner, EnvelopedVerifier, canonicalise
from signing.xml.names import DSIG, EXCLUSIVE
from tests.doubles.pki import Pki

if TYPE_CHECKING:
    from pathlib import Path

    from signing.keys.ring import SigningKey


NOW = datetime.now(UTC)
BY_ID = XmlProfile(reference=Reference.ID)
IN_BODY = XmlProfile(reference=Reference.ID, place=Place.SOAP_BODY)
SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
SEALS = ["seal-2048", "seal-3072", "seal-p256"]

DOSSIER = """<?xml version="1.0" encoding="UTF-8"?>
<!-- trước gốc -->
<hs:hoSo xmlns:hs="urn:vn:ho-so" xmlns:thừa="urn:khong-dung" Id="hs-1" ma='000.00.15.H47-251122-0001'><!-- ghi chú -->
  <hs:ten>Nguyễn Văn A &amp; <![CDATA[<con>]]></hs:ten>
  <hs:rong/>
  <ghiChu xmlns="urn:khac" b="2" a="1">é&#13; "quoted"</ghiChu>
</hs:hoSo>
""".encode()

ASCII_NAMES = DOSSIER.replace("thừa".encode(), b"thua")  # signxml's signer cannot write other names


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


def signer(pki: Pki, name: str = "seal-2048", profile: XmlProfile = XmlProfile()) -> EnvelopedSigner:  # noqa: B008 - frozen
    issued = pki[name]
    return EnvelopedSigner(loaded(name, issued.key_file, issued.certificate_file), profile)


@cache
def loaded(name: str, file: Path, certificate: Path) -> SigningKey:
    """Load each key once: what takes long is the look at its primes."""
    return load(KeySource(name=name, file=str(file), certificate=str(certificate)))


def verifier(pki: Pki, *names: str, profile: XmlProfile = XmlProfile()) -> EnvelopedVerifier:  # noqa: B008 - frozen
    return EnvelopedVerifier(load_pins([pki[name].certificate_file for name in names]), profile)


def xmlsec1(pki: Pki, file: Path, *id_attributes: str) -> subprocess.CompletedProcess[str]:
    ids = [part for element in id_attributes for part in ("--id-attr:Id", element)]
    command = [
        "xmlsec1",
        "--verify",
        "--enabled-key-data",
        "x509",
        "--trusted-pem",
        str(pki["root"].certificate_file),
    ]
    return subprocess.run([*command, *ids, str(file)], capture_output=True, text=True, check=False)


def envelope(payload: bytes, namespace: str = SOAP_11) -> bytes:
    return (
        f'<soap:Envelope xmlns:soap="{namespace}" xmlns="urn:mac-dinh" xml:lang="vi"><soap:Header/>\n'
        "<soap:Body> ".encode()
        + payload
        + b"</soap:Body></soap:Envelope>"
    )


def by_signxml(raw: bytes, pki: Pki, name: str, location: str = "./") -> bytes:
    config = SignatureConfiguration(location=location)
    result = XMLVerifier().verify(raw, x509_cert=pki[name].certificate, expect_config=config)
    assert isinstance(result, VerifyResult)
    return result.signed_data


@pytest.mark.parametrize("name", SEALS)
def test_our_verifier_returns_what_our_signer_signed(pki: Pki, name: str) -> None:
    signed = signer(pki, name).sign(DOSSIER)
    verified = verifier(pki, name).verify(signed, NOW)
    assert verified.payload == canonicalise(DOSSIER)
    assert verified.digest == sha256(verified.payload).hexdigest()
    assert verified.signer.fingerprint == pki[name].certificate.fingerprint(SHA256()).hex()
    assert f"CN={name}" in verified.signer.subject
    assert verified.algorithm == ("ECDSA_SHA256" if name == "seal-p256" else "RSA_SHA256")
    assert verified.verified_at == NOW


@pytest.mark.parametrize("name", SEALS)
@pytest.mark.parametrize("profile", [XmlProfile(), BY_ID], ids=["document", "by-id"])
def test_signxml_and_xmlsec1_verify_what_we_sign(
    pki: Pki, tmp_path: Path, name: str, profile: XmlProfile
) -> None:
    signed = signer(pki, name, profile).sign(DOSSIER)
    assert by_signxml(signed, pki, name) == canonicalise(DOSSIER)
    file = tmp_path / "signed.xml"
    file.write_bytes(signed)
    told = xmlsec1(pki, file, "urn:vn:ho-so:hoSo")
    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize("name", SEALS)
@pytest.mark.parametrize("namespace", [SOAP_11, SOAP_12])
def test_a_payload_signed_by_its_id_verifies_inside_a_soap_body(
    pki: Pki, tmp_path: Path, name: str, namespace: str
) -> None:
    message = envelope(signer(pki, name, BY_ID).sign(DOSSIER), namespace)
    assert verifier(pki, name, profile=IN_BODY).verify(message, NOW).payload == canonicalise(DOSSIER)
    assert by_signxml(message, pki, name, f"./{{{namespace}}}Body/*/") == canonicalise(DOSSIER)
    file = tmp_path / "message.xml"
    file.write_bytes(message)
    told = xmlsec1(pki, file, "urn:vn:ho-so:hoSo")
    assert told.returncode == 0, told.stderr


def test_xmlsec1_notices_when_the_content_is_changed(pki: Pki, tmp_path: Path) -> None:
    file = tmp_path / "changed.xml"
    file.write_bytes(signer(pki).sign(DOSSIER).replace("Nguyễn".encode(), b"Le"))
    assert xmlsec1(pki, file).returncode != 0


def test_the_result_is_in_canonical_form_with_the_signature_last(pki: Pki) -> None:
    signed = signer(pki).sign(DOSSIER)
    assert canonicalise(signed) == signed
    assert etree.fromstring(signed)[-1].tag == f"{{{DSIG}}}Signature"


def test_canonical_bytes_need_not_be_parsed_again(pki: Pki) -> None:
    one = signer(pki)
    assert one.sign(canonicalise(DOSSIER), canonical=True) == one.sign(DOSSIER)


def test_a_signed_document_is_not_signed_twice(pki: Pki) -> None:
    one = signer(pki)
    signed = one.sign(DOSSIER)
    for canonical in (True, False):
        with pytest.raises(Refusal, match="HUB-SIG-005"):
            one.sign(signed, canonical=canonical)


def test_a_document_that_only_mentions_signatures_is_signed(pki: Pki) -> None:
    mention = f'<a>&lt;Signature xmlns="{DSIG}"/&gt;</a>'.encode()
    assert verifier(pki, "seal-2048").verify(signer(pki).sign(mention), NOW).payload == canonicalise(mention)


@pytest.mark.parametrize(
    "root", ["<a/>", '<a Id=""/>', '<a Id="x" ID="x"/>', '<a Id="#x"/>', '<a Id="a&quot;b"/>']
)
def test_signing_by_id_needs_one_plain_id(pki: Pki, root: str) -> None:
    with pytest.raises(Refusal, match="HUB-SIG-005"):
        signer(pki, profile=BY_ID).sign(root.encode())


@pytest.mark.parametrize(
    "broken", [b"", b"<!DOCTYPE a><a/>", b"<a>", b"\xff", b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>']
)
def test_what_is_not_plain_xml_is_not_signed(pki: Pki, broken: bytes) -> None:
    with pytest.raises(Refusal, match="HUB-SIG-005"):
        signer(pki).sign(broken)


def test_a_profile_without_the_keys_algorithm_refuses_the_key(pki: Pki) -> None:
    with pytest.raises(Refusal, match="HUB-SIG-004"):
        signer(pki, "seal-2048", XmlProfile(algorithms=frozenset({XmlAlgorithm.ECDSA_SHA256})))


def test_two_pins_make_a_change_of_keys_without_a_gap(pki: Pki) -> None:
    both = verifier(pki, "seal-2048", "seal-2048-next")
    for name in ("seal-2048", "seal-2048-next"):
        assert name in both.verify(signer(pki, name).sign(DOSSIER), NOW).signer.subject


# --- a second opinion on everything


class Oracle(XMLVerifier):
    """signxml copies trees through ASCII, which breaks element names and prefixes with Vietnamese letters."""

    def _tostring(self, xml_node: etree._Element, **options: Any) -> bytes:
        return bytes(etree.tostring(xml_node, encoding="utf-8", **options))


def second_opinion(pki: Pki, name: str, raw: bytes) -> bytes | str:
    """Signxml's word on what our gate and shape let through: what was signed, or what it complains of."""
    config = SignatureConfiguration(
        location="./", signature_methods=frozenset({SignatureMethod.RSA_SHA256, SignatureMethod.ECDSA_SHA256})
    )
    try:
        result = Oracle().verify(
            raw, x509_cert=pki[name].certificate, expect_config=config, validate_schema=False
        )
    except Exception as error:  # noqa: BLE001 - signxml, lxml and cryptography complain in many ways
        return type(error).__name__
    assert isinstance(result, VerifyResult)
    return result.signed_data


def first_opinion(one: EnvelopedVerifier, raw: bytes) -> bytes | str:
    try:
        return one.verify(raw, NOW).payload
    except Refusal as refusal:
        return refusal.code


NAMES = st.sampled_from(["a", "b", "hs:c", "d"])
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="￾￿"), max_size=12)


@st.composite
def elements(draw: st.DrawFn, depth: int = 3) -> str:
    """A small document in spellings that canonicalisation has to even out."""
    name = draw(NAMES)
    space = draw(st.sampled_from(["", ' xmlns="urn:x"', ' xmlns:hs="urn:y"', ' xmlns:unused="urn:z"', "  "]))
    attribute = draw(st.sampled_from(["", " z='1' a=\"2\"", ' hs:k="&#9;&lt;"', ' xml:lang = "vi"']))
    inside = [
        draw(TEXTS.map(_escape)),
        draw(st.sampled_from(["", "<!-- c -->", "<![CDATA[<&]]>", "\r\n\t", "&#13;"])),
    ]
    if depth:
        inside += draw(st.lists(elements(depth=depth - 1), max_size=3))
        inside.append(draw(TEXTS.map(_escape)))
    return f"<{name}{space}{attribute}>{''.join(inside)}</{name}>"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@settings(deadline=None, max_examples=150)
@given(content=elements(), spelling=st.sampled_from(["", "\n  ", "<!-- x -->"]), by_id=st.booleans())
def test_we_and_signxml_agree_on_every_document(
    pki: Pki, content: str, spelling: str, *, by_id: bool
) -> None:
    document = f'<r xmlns:hs="urn:vn:ho-so" Id="r1">{content}{spelling}</r>'.encode()
    signed = signer(pki, "seal-p256", BY_ID if by_id else XmlProfile()).sign(document)
    respelt = signed.replace(b"</ds:Signature>", b"</ds:Signature>" + spelling.encode().replace(b"\n  ", b""))
    ours, library = (
        first_opinion(verifier(pki, "seal-p256"), respelt),
        second_opinion(pki, "seal-p256", respelt),
    )
    assert ours == library == canonicalise(document)


@settings(deadline=None, max_examples=400)
@given(data=st.data())
def test_whatever_is_changed_the_signed_content_or_nothing_comes_out(pki: Pki, data: st.DataObject) -> None:
    signed = signer(pki, "seal-p256").sign(DOSSIER)
    at = data.draw(st.integers(0, len(signed) - 1))
    length = data.draw(st.integers(0, 12))
    pieces = [
        b"",
        b" ",
        b"<",
        b">",
        b'"',
        b"<!-- -->",
        b"<a/>",
        b"x",
        b"=",
        b"A",
        b"/",
        b"\xc3",
        b"Id='hs-1'",
        b"&#65;",
    ]
    put = data.draw(st.sampled_from(pieces))
    changed = signed[:at] + put + signed[at + length :]
    ours = first_opinion(verifier(pki, "seal-p256"), changed)
    if isinstance(ours, bytes):
        assert ours == canonicalise(DOSSIER) == second_opinion(pki, "seal-p256", changed)
    else:
        assert ours.startswith("HUB-")


# --- made by others


def foreign(pki: Pki, name: str, *, prefix: str | None = None, document: bytes = ASCII_NAMES) -> bytes:
    """Sign with signxml in a form that is not our template: another prefix for the signature's namespace."""
    one = XMLSigner(
        method=SignatureConstructionMethod.enveloped,
        signature_algorithm="ecdsa-sha256" if name == "seal-p256" else "rsa-sha256",
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    one.namespaces = {prefix: DSIG}  # type: ignore[dict-item]  # lxml takes None for no prefix
    signed = one.sign(etree.fromstring(document), key=pki[name].key, cert=[pki[name].certificate])
    return etree.tostring(signed)


@pytest.mark.parametrize("name", SEALS)
@pytest.mark.parametrize("prefix", ["ds", None, "sig"])
def test_what_signxml_signs_is_verified_in_any_spelling(pki: Pki, name: str, prefix: str | None) -> None:
    signed = foreign(pki, name, prefix=prefix)
    assert verifier(pki, name).verify(signed, NOW).payload == canonicalise(DOSSIER)


def test_a_seal_for_non_repudiation_alone_is_a_seal(pki: Pki) -> None:
    name = "seal-non-repudiation"
    for signed in (signer(pki, name).sign(DOSSIER), _with_key_name(signer(pki, name).sign(DOSSIER))):
        assert verifier(pki, name).verify(signed, NOW).payload == canonicalise(DOSSIER)


def test_vietnamese_names_of_elements_verify(pki: Pki) -> None:
    document = '<hồSơ Id="a"><tên ngày="1">Nguyễn</tên></hồSơ>'.encode()
    signed = signer(pki, "seal-p256", BY_ID).sign(document)
    ours = first_opinion(verifier(pki, "seal-p256"), signed)
    assert ours == second_opinion(pki, "seal-p256", signed) == canonicalise(document)


def _with_key_name(signed: bytes) -> bytes:
    return signed.replace(b"<ds:KeyInfo>", b"<ds:KeyInfo><ds:KeyName>seal</ds:KeyName>")


def test_key_info_is_only_a_hint(pki: Pki) -> None:
    signed = signer(pki).sign(DOSSIER)
    start, end = signed.index(b"<ds:KeyInfo>"), signed.index(b"</ds:Signature>")
    both = verifier(pki, "seal-2048-next", "seal-2048", "seal-p256")
    assert "CN=seal-2048," in both.verify(signed[:start] + signed[end:], NOW).signer.subject
    assert both.verify(_with_key_name(signed), NOW).payload == canonicalise(DOSSIER)


def test_without_key_info_every_pin_is_tried(pki: Pki) -> None:
    tree = etree.fromstring(foreign(pki, "seal-2048"))
    signature = tree.find(f"{{{DSIG}}}Signature")
    assert signature is not None
    signature.remove(signature[2])
    both = verifier(pki, "seal-2048-next", "seal-2048")
    assert "CN=seal-2048," in both.verify(etree.tostring(tree), NOW).signer.subject


def by_xmlsec1(pki: Pki, folder: Path, blank: etree._Element) -> bytes:
    """Let xmlsec1 fill in digest, value and certificate of one of our signatures."""
    for name in ("DigestValue", "SignatureValue", "X509Certificate"):
        for element in blank.iter(f"{{{DSIG}}}{name}"):
            element.text = ""
    file = folder / "blank.xml"
    file.write_bytes(etree.tostring(blank, pretty_print=True, encoding="utf-8"))
    key = f"{pki['seal-2048'].key_file},{pki['seal-2048'].certificate_file}"
    told = subprocess.run(
        ["xmlsec1", "--sign", "--privkey-pem", key, str(file)], capture_output=True, check=True
    )
    return told.stdout


def test_what_xmlsec1_signs_is_verified(pki: Pki, tmp_path: Path) -> None:
    signed = by_xmlsec1(pki, tmp_path, etree.fromstring(signer(pki).sign(DOSSIER)))
    assert verifier(pki, "seal-2048").verify(signed, NOW).payload.startswith(canonicalise(DOSSIER)[:-20])


def test_a_java_peers_prefix_list_is_read(pki: Pki, tmp_path: Path) -> None:
    """WSS4J and CXF write ``InclusiveNamespaces``, also under ``CanonicalizationMethod``, where signxml's XSD forbids it."""
    tree = etree.fromstring(DOSSIER)
    tree.append(etree.fromstring(signer(pki).sign(DOSSIER))[-1])
    methods = [*tree.iter(f"{{{DSIG}}}CanonicalizationMethod"), list(tree.iter(f"{{{DSIG}}}Transform"))[-1]]
    for method in methods:
        etree.SubElement(method, f"{{{EXCLUSIVE}}}InclusiveNamespaces", PrefixList="hs thừa")
    payload = verifier(pki, "seal-2048").verify(by_xmlsec1(pki, tmp_path, tree), NOW).payload
    assert payload.startswith('<hs:hoSo xmlns:hs="urn:vn:ho-so" xmlns:thừa="urn:khong-dung"'.encode())
