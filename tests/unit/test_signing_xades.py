"""XAdES: others verify ours, we verify theirs; what the signer says of itself counts only when it was signed."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from lxml import etree
from signxml.algorithms import CanonicalizationMethod
from signxml.verifier import SignatureConfiguration
from signxml.xades.xades import XAdESSigner, XAdESVerifier

from schemas.problems import Refusal
from signing import timestamps
from signing.keys.ring import KeySource, load
from signing.profiles import Canonicalisation, Place, Reference, XadesProfile
from signing.trust.pins import load_pins
from signing.xml import properties
from signing.xml.canonical import canonical
from signing.xml.enveloped import canonicalise
from signing.xml.names import DSIG, SOAP
from signing.xml.properties import SIGNED_PROPERTIES, XADES
from signing.xml.writing import WITHOUT_THE_SIGNATURE, Part, Writer
from signing.xml.xades import XadesSigner, XadesVerifier
from tests.doubles.pki import Pki
from tests.doubles.tsa import Tsa, authority

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from signing.contract import Verified
    from signing.keys.ring import SigningKey

NOW = datetime.now(UTC).replace(microsecond=0)
DOSSIER = '<hs:hoSo xmlns:hs="urn:vn:ho-so" xmlns:khong="urn:k" Id="hs-1"><hs:ten>Nguyễn &amp; A</hs:ten></hs:hoSo>'.encode()
BY_ID = XadesProfile(reference=Reference.ID)
OLD = XadesProfile(canonicalisations=frozenset(Canonicalisation))


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


@pytest.fixture(scope="module")
def tsa(pki: Pki) -> Tsa:
    return authority(pki)


def key(pki: Pki, name: str = "seal-2048") -> SigningKey:
    return loaded(name, pki[name].key_file, pki[name].certificate_file)


@cache
def loaded(name: str, file: Path, certificate: Path) -> SigningKey:
    """Load each key once: what takes long is the look at its primes."""
    return load(KeySource(name=name, file=str(file), certificate=str(certificate)))


def sign(pki: Pki, profile: XadesProfile = XadesProfile(), name: str = "seal-2048") -> bytes:  # noqa: B008 - frozen
    return XadesSigner(key(pki, name), profile).sign(DOSSIER, NOW)


def verify(
    pki: Pki,
    raw: bytes,
    profile: XadesProfile = XadesProfile(),  # noqa: B008 - frozen
    *,
    stamps: bool = False,
    now: datetime = NOW,
) -> Verified:
    pins = load_pins([pki[name].certificate_file for name in ("seal-2048", "seal-p256")])
    anchors = timestamps.load_anchors([pki["root"].certificate_file]) if stamps else None
    return XadesVerifier(pins, profile, anchors).verify(raw, now)


def refused(pki: Pki, raw: bytes, profile: XadesProfile = XadesProfile(), **more: Any) -> str:  # noqa: B008 - frozen
    with pytest.raises(Refusal) as caught:
        verify(pki, raw, profile, **more)
    return caught.value.code


@pytest.mark.parametrize("profile", [XadesProfile(), BY_ID], ids=["document", "by id"])
@pytest.mark.parametrize("name", ["seal-2048", "seal-p256"])
def test_signxml_and_xmlsec1_verify_what_we_sign_and_so_do_we(
    pki: Pki, tmp_path: Path, name: str, profile: XadesProfile
) -> None:
    signed = sign(pki, profile, name)
    verified = verify(pki, signed)
    assert verified.payload == canonicalise(DOSSIER)
    assert (verified.signed_at, verified.stamped_at, verified.profile) == (NOW, None, "xades@1")
    results = XAdESVerifier().verify(
        signed, x509_cert=pki[name].certificate, expect_config=SignatureConfiguration(expect_references=2)
    )
    assert results[0].signed_data == canonicalise(DOSSIER)
    file = tmp_path / "signed.xml"
    command = [
        "xmlsec1",
        "--verify",
        "--enabled-key-data",
        "x509",
        "--trusted-pem",
        str(pki["root"].certificate_file),
    ]
    ids = ["--id-attr:Id", "urn:vn:ho-so:hoSo", "--id-attr:Id", f"{XADES}:SignedProperties"]
    for change, good in ((b"", True), (b"text/xml", False), (b"&amp; A", False)):
        file.write_bytes(signed.replace(change, b"x" * len(change)) if change else signed)
        told = subprocess.run([*command, *ids, str(file)], capture_output=True, text=True, check=False)
        assert (told.returncode == 0) is good, told.stderr


def by_signxml(pki: Pki, c14n: CanonicalizationMethod, **options: Any) -> bytes:
    one = XAdESSigner(c14n_algorithm=c14n, **options)
    signed = one.sign(
        etree.fromstring(DOSSIER),
        key=pki["seal-2048"].key,
        cert=[pki["seal-2048"].certificate],
        always_add_key_value=False,
    )
    return etree.tostring(signed)


def test_inclusive_xades_of_others_is_taken_by_the_profile_that_allows_it(pki: Pki) -> None:
    signed = by_signxml(pki, CanonicalizationMethod.CANONICAL_XML_1_0)
    now = datetime.now(UTC)  # signxml says the time at which it signs
    assert verify(pki, signed, OLD, now=now).payload.startswith(b"<hs:hoSo")
    assert refused(pki, signed, now=now) == "HUB-SIG-004"


# --- whatever a holder of the pinned key might put together


def built(
    pki: Pki,
    change: Callable[[bytes], bytes] = lambda said: said,
    *,
    kind: str = SIGNED_PROPERTIES,
    signs: tuple[bool, bool] = (True, True),
) -> bytes:
    """Sign by hand. ``change``: of the Object before its properties are signed; ``signs``: payload, properties."""
    payload = canonicalise(DOSSIER)
    names = properties.Names.of(payload)
    said = change(properties.write(key(pki), names, NOW)[0])
    tree = etree.fromstring(b'<ds:Signature xmlns:ds="%s">%s</ds:Signature>' % (DSIG.encode(), said))
    found = next(tree.iter(f"{{{XADES}}}SignedProperties"), None)
    parts = [Part(uri="", content=payload, transforms=WITHOUT_THE_SIGNATURE)]
    if found is not None:
        parts.append(Part(uri=f"#{names.properties}", content=canonical(found), type=kind))
    chosen = [part for part, yes in zip(parts, signs, strict=False) if yes]
    signature = Writer(key(pki), XadesProfile().algorithms).write(chosen, id=names.signature, after=said)
    return payload.replace(b"</hs:hoSo>", signature + b"</hs:hoSo>")


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(said: bytes) -> bytes:
        assert old in said
        return said.replace(old, new)

    return change


def test_the_builder_builds_what_is_taken(pki: Pki) -> None:
    assert verify(pki, built(pki)).signed_at == NOW


OWN = b'Target="#xs-'
PROPERTIES = {
    "another certificate": lambda said: said.replace(_digest(said), base64.b64encode(bytes(32))),
    "no certificate": replaced(b"xades:CertDigest>", b"xades:Other>"),
    "no time": lambda said: said.replace(b"SigningTime", b"Time"),
    "another digest": replaced(b"xmlenc#sha256", b"xmlenc#md5"),
    "another target": replaced(OWN, b'Target="#xx-'),
    "no target": replaced(b" Target=", b" Goal="),
    "another version": lambda said: said.replace(b"v1.3.2#", b"v1.1.1#"),
    "two objects in one": lambda said: said.replace(b"</ds:Object>", b"<x></x></ds:Object>"),
    "nothing in it": lambda _: b"<ds:Object></ds:Object>",
    "nothing at all": lambda _: b"",
    "more than properties": replaced(
        b"</xades:QualifyingProperties>", b"<x></x></xades:QualifyingProperties>"
    ),
}


def _digest(said: bytes) -> bytes:
    start = said.index(b"<ds:DigestValue>") + len(b"<ds:DigestValue>")
    return said[start : said.index(b"</ds:DigestValue>")]


@pytest.mark.parametrize("change", PROPERTIES.values(), ids=PROPERTIES)
def test_properties_that_say_nothing_of_this_signature_are_refused(
    pki: Pki, change: Callable[[bytes], bytes]
) -> None:
    assert refused(pki, built(pki, change)) == "HUB-SIG-014"


def test_properties_and_payload_must_both_be_signed(pki: Pki) -> None:
    assert refused(pki, built(pki, signs=(True, False))) == "HUB-SIG-014"
    assert refused(pki, built(pki, signs=(False, True))) == "HUB-SIG-006"
    assert refused(pki, built(pki, kind="")) == "HUB-SIG-014"
    assert refused(pki, built(pki, kind="http://uri.etsi.org/01903#CountersignedSignature")) == "HUB-SIG-014"


def test_what_is_signed_is_changed_by_nobody(pki: Pki) -> None:
    signed = sign(pki)
    for old, new in (
        (b"text/xml", b"text/xmx"),
        (b"&amp; A", b"&amp; B"),
        (NOW.isoformat()[:10].encode(), b"2020-01-01"),
    ):
        assert refused(pki, signed.replace(old, new)) == "HUB-SIG-003"


def test_signed_properties_that_were_moved_away_do_not_count(pki: Pki) -> None:
    root = etree.fromstring(sign(pki))
    (own,) = root.iter(f"{{{XADES}}}SignedProperties")
    parent = own.getparent()
    assert parent is not None
    forged = etree.fromstring(etree.tostring(own).replace(b"20", b"19"))
    for identity in ("other", own.get("Id")):
        forged.set("Id", identity or "")
        parent.replace(parent[0], forged)
        root.insert(0, own)
        assert refused(pki, etree.tostring(root)) in {"HUB-SIG-007", "HUB-SIG-008"}


def test_plain_xml_dsig_is_no_xades(pki: Pki) -> None:
    bare = sign(pki)
    start, end = bare.index(b"<ds:Object>"), bare.index(b"</ds:Object>") + len(b"</ds:Object>")
    assert refused(pki, bare[:start] + bare[end:]) == "HUB-SIG-014"


def test_inside_soap_the_payload_is_meant_by_its_id(pki: Pki) -> None:
    inside = XadesProfile(reference=Reference.ID, place=Place.SOAP_BODY)

    def around(payload: bytes) -> bytes:
        return f'<s:Envelope xmlns:s="{SOAP[0]}"><s:Body>'.encode() + payload + b"</s:Body></s:Envelope>"

    assert verify(pki, around(sign(pki, BY_ID)), inside).payload == canonicalise(DOSSIER)
    assert refused(pki, around(sign(pki)), inside) == "HUB-SIG-008"


@pytest.mark.parametrize(
    ("seconds", "code"), [(-61, "HUB-SIG-012"), (-60, ""), (659, ""), (661, "HUB-SIG-011")]
)
def test_the_signing_time_is_held_to_the_profile(pki: Pki, seconds: int, code: str) -> None:
    profile = XadesProfile(max_age=timedelta(minutes=10))
    now = NOW + timedelta(seconds=seconds)
    if code:
        assert refused(pki, sign(pki), profile, now=now) == code
    else:
        assert verify(pki, sign(pki), profile, now=now).signed_at == NOW


# --- time-stamps


def stamped(pki: Pki, tsa: Tsa, digest: bytes | None = None) -> bytes:
    signed = sign(pki)
    query = timestamps.question(digest or properties.imprint(signed), 7)
    return properties.with_stamp(signed, timestamps.token_of(tsa.stamp(query)))


def test_a_time_stamp_proves_when_it_was_signed(pki: Pki, tsa: Tsa, tmp_path: Path) -> None:
    raw = stamped(pki, tsa)
    later = datetime.now(UTC) + timedelta(minutes=1)
    demanding = XadesProfile(timestamp=True)
    verified = verify(pki, raw, demanding, stamps=True, now=later)
    assert verified.stamped_at is not None
    assert abs(verified.stamped_at - datetime.now(UTC)) < timedelta(minutes=2)
    assert verify(pki, raw).stamped_at is None  # nobody's time is believed without anchors
    file = tmp_path / "stamped.xml"
    file.write_bytes(raw)
    command = ["xmlsec1", "--verify", "--pubkey-cert-pem", str(pki["seal-2048"].certificate_file)]
    ids = ["--id-attr:Id", f"{XADES}:SignedProperties"]
    subprocess.run([*command, *ids, str(file)], capture_output=True, check=True)


def test_a_time_stamp_that_is_demanded_must_be_there_and_believed(pki: Pki, tsa: Tsa) -> None:
    demanding = XadesProfile(timestamp=True)
    assert refused(pki, sign(pki), demanding, stamps=True) == "HUB-SIG-015"
    assert refused(pki, stamped(pki, tsa), demanding) == "HUB-SIG-015"


def test_a_time_stamp_over_something_else_is_refused(pki: Pki, tsa: Tsa) -> None:
    raw = stamped(pki, tsa, hashlib.sha256(b"other").digest())
    assert refused(pki, raw, stamps=True, now=datetime.now(UTC) + timedelta(minutes=1)) == "HUB-TSP-004"
    garbage = properties.with_stamp(sign(pki), b"no token")
    assert refused(pki, garbage, stamps=True).startswith("HUB-TSP-")


def test_a_time_stamp_to_come_is_refused(pki: Pki, tsa: Tsa) -> None:
    long_ago = NOW - timedelta(hours=2)
    signed = XadesSigner(key(pki), XadesProfile()).sign(DOSSIER, long_ago)
    query = timestamps.question(properties.imprint(signed), 7)
    raw = properties.with_stamp(signed, timestamps.token_of(tsa.stamp(query)))
    assert verify(pki, raw, stamps=True, now=datetime.now(UTC) + timedelta(minutes=1)).signed_at == long_ago
    with pytest.raises(Refusal) as caught:
        verify(pki, raw, stamps=True, now=NOW - timedelta(hours=1))
    (problem,) = caught.value.problems
    assert (problem.code, problem.place) == ("HUB-SIG-012", "SignatureTimeStamp")


def test_more_time_stamps_than_anybody_needs_are_not_looked_at(pki: Pki, tsa: Tsa) -> None:
    raw = stamped(pki, tsa)
    start = raw.index(b"<xades:SignatureTimeStamp>")
    end = raw.index(b"</xades:SignatureTimeStamp>") + len(b"</xades:SignatureTimeStamp>")
    one = raw[start:end]
    assert verify(
        pki, raw.replace(one, one * 3), stamps=True, now=datetime.now(UTC) + timedelta(minutes=1)
    ).stamped_at
    assert refused(pki, raw.replace(one, one * 4), stamps=True) == "HUB-SIG-014"
    assert refused(pki, raw.replace(one, one.replace(b"exc-c14n#", b"other")), stamps=True) == "HUB-SIG-004"
