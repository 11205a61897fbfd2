"""WS-Security: what we put around a payload, others verify; and of a SOAP message only what was signed is read."""

from __future__ import annotations

import hashlib
import subprocess
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import pytest
from lxml import etree

from schemas.problems import Refusal
from signing.keys.ring import KeySource, load
from signing.profiles import KeyReference, WssPart, WssProfile
from signing.trust.pins import load_pins
from signing.xml.canonical import canonical
from signing.xml.gate import ids
from signing.xml.keyinfo import BASE64, WSSE, X509V3
from signing.xml.names import DSIG, EXCLUSIVE, SOAP
from signing.xml.writing import EXCLUSIVELY, Part, Writer
from signing.xml.wss import WSU, EnvelopeVerifier
from signing.xml.wss_signing import EnvelopeSigner
from tests.doubles.pki import Pki

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from signing.contract import Verified
    from signing.keys.ring import SigningKey

NOW = datetime.now(UTC).replace(microsecond=0)
WSA = "http://www.w3.org/2005/08/addressing"
PAYLOAD = '<hs:hoSo xmlns:hs="urn:vn:ho-so"><hs:ten a="1">Nguyễn Văn A</hs:ten><hs:rong></hs:rong></hs:hoSo>'.encode()
EVIL = b'<hs:hoSo xmlns:hs="urn:vn:ho-so"><hs:ten>Ke Gian</hs:ten></hs:hoSo>'
ADDRESSED = (
    f'<wsa:Action xmlns:wsa="{WSA}">urn:gui</wsa:Action><wsa:MessageID xmlns:wsa="{WSA}">urn:uuid:1</wsa:MessageID>'
    f'<wsa:To xmlns:wsa="{WSA}">http://hub/</wsa:To>'
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


def envelope(header: str | None = ADDRESSED, namespace: str = SOAP[0], payload: bytes = PAYLOAD) -> bytes:
    block = f"<soap:Header>{header}</soap:Header>" if header is not None else ""
    start = (
        f'<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="{namespace}">{block}<soap:Body>'
    )
    return start.encode() + payload + b"</soap:Body></soap:Envelope>"


def sign(pki: Pki, raw: bytes, profile: WssProfile = WssProfile(), name: str = "seal-2048") -> bytes:  # noqa: B008 - frozen
    return EnvelopeSigner(key(pki, name), profile).sign(raw, NOW)


def verify(
    pki: Pki,
    raw: bytes,
    profile: WssProfile = WssProfile(),  # noqa: B008 - frozen
    *,
    now: datetime = NOW,
    names: Sequence[str] = ("seal-2048", "seal-p256"),
) -> Verified:
    return EnvelopeVerifier(load_pins([pki[name].certificate_file for name in names]), profile).verify(
        raw, now
    )


def refused(pki: Pki, raw: bytes, profile: WssProfile = WssProfile(), *, now: datetime = NOW) -> str:  # noqa: B008 - frozen
    with pytest.raises(Refusal) as caught:
        verify(pki, raw, profile, now=now)
    return caught.value.code


# --- ours


@pytest.mark.parametrize("namespace", SOAP)
@pytest.mark.parametrize("header", [None, "", ADDRESSED], ids=["no header", "empty", "addressed"])
@pytest.mark.parametrize("form", KeyReference)
def test_what_we_sign_we_verify(pki: Pki, namespace: str, header: str | None, form: KeyReference) -> None:
    raw = envelope(header, namespace)
    for name in ("seal-2048", "seal-p256"):
        signed = sign(pki, raw, WssProfile(key_reference=form), name)
        verified = verify(pki, signed)
        assert verified.payload == PAYLOAD
        assert verified.digest == hashlib.sha256(PAYLOAD).hexdigest()
        assert verified.signed_at == NOW
        assert verified.profile == "wss@1"
        assert f"CN={name}" in verified.signer.subject
        wanted = {"wsa:Action": "urn:gui", "wsa:MessageID": "urn:uuid:1", "wsa:To": "http://hub/"}
        assert verified.claims == (wanted if header else {})


def test_a_header_without_children_is_opened(pki: Pki) -> None:
    raw = envelope("").replace(b"<soap:Header></soap:Header>", b"<soap:Header />")
    assert verify(pki, sign(pki, raw)).payload == PAYLOAD


def test_an_envelope_without_prefixes_is_signed(pki: Pki) -> None:
    raw = f'<Envelope xmlns="{SOAP[1]}"><Body>'.encode() + PAYLOAD + b"</Body></Envelope>"
    assert verify(pki, sign(pki, raw)).payload == PAYLOAD


def test_the_sealed_payload_is_on_the_wire_byte_for_byte(pki: Pki) -> None:
    raw = envelope()
    first = EnvelopeSigner(key(pki), WssProfile()).sign(raw, NOW)
    later = EnvelopeSigner(key(pki), WssProfile()).sign(raw, NOW + timedelta(hours=1))
    assert PAYLOAD in first
    assert PAYLOAD in later
    assert first != later
    one, other = verify(pki, first), verify(pki, later, now=NOW + timedelta(hours=1))
    assert (one.payload, one.claims) == (other.payload, other.claims)
    assert one.signature != other.signature


@pytest.mark.parametrize("namespace", SOAP)
def test_xmlsec1_verifies_every_part_that_we_sign(pki: Pki, tmp_path: Path, namespace: str) -> None:
    file = tmp_path / "signed.xml"
    signed = sign(pki, envelope(namespace=namespace))
    places = [f"{namespace}:Body", f"{WSU}:Timestamp", f"{WSSE}:BinarySecurityToken"]
    places += [f"{WSA}:{name}" for name in ("Action", "MessageID", "To")]
    ids = [part for place in places for part in ("--id-attr:Id", place)]
    command = [
        "xmlsec1",
        "--verify",
        "--pubkey-cert-pem",
        str(pki["seal-2048"].certificate_file),
        *ids,
        str(file),
    ]
    for change in (b"", b"urn:gui", b"urn:uuid:1", b"http://hub/", b'a="1', b"<wsu:Created>2"):
        file.write_bytes(signed.replace(change, change[:-1] + b"9") if change else signed)
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (told.returncode == 0) is (not change), told.stderr


def test_signing_twice_is_refused(pki: Pki) -> None:
    with pytest.raises(Refusal, match="HUB-SIG-009"):
        sign(pki, sign(pki, envelope()))


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"<a/>", "HUB-SIG-009"),
        (b"<a", "HUB-SIG-005"),
        (f'<s:Envelope xmlns:s="{SOAP[0]}"/>'.encode(), "HUB-SIG-009"),
        (envelope().replace(b"</soap:Body>", b"</soap:Body><soap:Body/>"), "HUB-SIG-009"),
        (envelope().replace(b"</soap:Body>", b"</soap:Body><x/>"), "HUB-SIG-009"),
        (envelope(namespace="urn:other"), "HUB-SIG-009"),
    ],
)
def test_what_is_no_envelope_is_not_signed(pki: Pki, raw: bytes, code: str) -> None:
    with pytest.raises(Refusal, match=code):
        sign(pki, raw)


# --- theirs: whatever a holder of the pinned key might put together


def built(
    pki: Pki,
    *,
    signed: Callable[[etree._Element], list[etree._Element]] | None = None,
    header: str = ADDRESSED,
    timestamp: str | None = None,
    security: str = "",
    more: str = "",
    attributes: str = 'env:mustUnderstand="1"',
    transforms: str = "",
    value_type: str = X509V3,
) -> bytes:
    """Put a message together by hand and sign the parts that ``signed`` picks; all of them by default."""
    token = key(pki).certificate_text.decode()
    if timestamp is None:
        timestamp = times(NOW, NOW + timedelta(minutes=5))
    raw = f"""<env:Envelope xmlns:env="{SOAP[0]}" xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}" xmlns:wsa="{WSA}"><env:Header>
      {header}<wsse:Security {attributes}><wsse:BinarySecurityToken wsu:Id="t" EncodingType="{BASE64}" ValueType="{value_type}">{token}</wsse:BinarySecurityToken>
      {timestamp}{security}</wsse:Security></env:Header><env:Body wsu:Id="b">{PAYLOAD.decode()}</env:Body>{more}</env:Envelope>"""
    root = etree.fromstring(raw)
    for number, block in enumerate(root.iter(f"{{{WSA}}}*")):
        block.set(f"{{{WSU}}}Id", f"a{number}")
    chosen = [one for one in (signed or everything)(root) if ids(one)]
    info = f'<ds:KeyInfo><wsse:SecurityTokenReference xmlns:wsse="{WSSE}"><wsse:Reference URI="#t"/></wsse:SecurityTokenReference></ds:KeyInfo>'
    parts = [
        Part(uri=f"#{ids(one)[0]}", content=canonical(one), transforms=transforms or EXCLUSIVELY)
        for one in chosen
    ]
    signature = etree.fromstring(
        Writer(key(pki), WssProfile().algorithms, key_info=info.encode()).write(parts)
    )
    root.find(f".//{{{WSSE}}}Security").append(signature)  # type: ignore[union-attr]  # it is there
    return etree.tostring(root)


def times(created: datetime, expires: datetime | None) -> str:
    last = f"<wsu:Expires>{expires.isoformat()}</wsu:Expires>" if expires else ""
    return (
        f'<wsu:Timestamp wsu:Id="ts"><wsu:Created>{created.isoformat()}</wsu:Created>{last}</wsu:Timestamp>'
    )


def everything(root: etree._Element) -> list[etree._Element]:
    names = (f"{{{SOAP[0]}}}Body", f"{{{WSU}}}Timestamp", f"{{{WSSE}}}BinarySecurityToken")
    return [*(one for name in names for one in root.iter(name)), *root.iter(f"{{{WSA}}}*")]


def without(*names: str) -> Callable[[etree._Element], list[etree._Element]]:
    return lambda root: [one for one in everything(root) if etree.QName(one).localname not in names]


def test_the_builder_builds_what_is_taken(pki: Pki) -> None:
    """Without an attack it is good: so it is the attack that is refused below."""
    assert verify(pki, built(pki)).payload == PAYLOAD
    assert verify(pki, built(pki, header="")).claims == {}
    assert verify(pki, built(pki, signed=without("BinarySecurityToken"))).payload == PAYLOAD


@pytest.mark.parametrize("name", ["Body", "Timestamp", "Action", "MessageID", "To"])
def test_every_part_that_must_be_signed_is_demanded(pki: Pki, name: str) -> None:
    assert refused(pki, built(pki, signed=without(name))) == "HUB-SIG-006"


def test_a_profile_may_demand_less_but_never_less_than_the_body(pki: Pki) -> None:
    loose = WssProfile(signed=frozenset())
    verified = verify(pki, built(pki, signed=without("Timestamp", "Action")), loose)
    assert "wsa:Action" not in verified.claims
    assert verified.signed_at is None
    assert refused(pki, built(pki, signed=without("Body")), loose) == "HUB-SIG-006"
    token = WssProfile(signed=frozenset(WssPart))
    assert refused(pki, built(pki, signed=without("BinarySecurityToken")), token) == "HUB-SIG-006"


def test_no_timestamp_is_no_timestamp(pki: Pki) -> None:
    assert refused(pki, built(pki, timestamp="")) == "HUB-SIG-006"


@pytest.mark.parametrize("name", ["hoSo", "Security", "Envelope", "Header"])
def test_a_part_that_the_profile_does_not_know_is_refused(pki: Pki, name: str) -> None:
    def with_another(root: etree._Element) -> list[etree._Element]:
        other = next(one for one in root.iter() if etree.QName(one).localname == name)
        other.set("Id", "other")
        return [*everything(root), other]

    assert refused(pki, built(pki, signed=with_another)) == "HUB-SIG-008"


def test_a_part_is_referenced_once(pki: Pki) -> None:
    assert (
        refused(pki, built(pki, signed=lambda root: [*everything(root), *everything(root)[:1]]))
        == "HUB-SIG-007"
    )


def test_the_signature_is_by_the_token_that_it_means(pki: Pki) -> None:
    assert refused(pki, built(pki).replace(b'URI="#t"', b'URI="#b"')) == "HUB-SIG-010"
    assert refused(pki, built(pki, value_type="urn:kerberos")) == "HUB-SIG-010"
    stranger = key(pki, "stranger-2048").certificate_text
    assert refused(pki, built(pki).replace(key(pki).certificate_text, stranger)) == "HUB-CRT-001"


SIGNATURE = f'<x:Signature xmlns:x="{DSIG}"/>'


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"security": f'<wsse:Security xmlns:wsse="{WSSE}"/>'}, "HUB-SIG-009"),
        ({"header": f'<wsse:Security xmlns:wsse="{WSSE}"/>'}, "HUB-SIG-009"),
        ({"security": SIGNATURE}, "HUB-SIG-005"),
        ({"header": SIGNATURE}, "HUB-SIG-005"),
        ({"security": "<wsse:UsernameToken/>"}, "HUB-SIG-009"),
        ({"security": times(NOW, None)}, "HUB-SIG-007"),
        ({"security": times(NOW, None).replace(' wsu:Id="ts"', "")}, "HUB-SIG-009"),
        ({"more": "<env:Body/>"}, "HUB-SIG-009"),
        ({"more": "<x/>"}, "HUB-SIG-009"),
        ({"header": '<x env:mustUnderstand="1"/>'}, "HUB-SIG-009"),
        ({"header": '<x env:mustUnderstand=" true "/>'}, "HUB-SIG-009"),
        ({"attributes": 'env:actor="urn:somebody"'}, "HUB-SIG-009"),
        ({"header": ADDRESSED + ADDRESSED.replace("urn:uuid:1", "urn:uuid:2")}, "HUB-SIG-009"),
        ({"header": "<wsa:MessageID>a<b/></wsa:MessageID>"}, "HUB-SIG-009"),
        ({"transforms": f'<ds:Transform Algorithm="{EXCLUSIVE}"></ds:Transform>' * 2}, "HUB-SIG-004"),
    ],
)
def test_an_envelope_of_another_shape_is_refused(pki: Pki, changes: dict[str, str], code: str) -> None:
    assert refused(pki, built(pki, **changes)) == code  # type: ignore[arg-type]  # texts, all of them


def test_a_header_that_need_not_be_understood_is_nobodys_business(pki: Pki) -> None:
    assert verify(pki, built(pki, header='<x env:mustUnderstand="0"/>')).payload == PAYLOAD


def test_a_message_without_security_is_told_to_be_unsigned(pki: Pki) -> None:
    assert refused(pki, envelope()) == "HUB-SIG-001"
    assert refused(pki, envelope(f'<x:Signature xmlns:x="{DSIG}"/>')) == "HUB-SIG-001"


def moved(raw: bytes, *, keep: str) -> bytes:
    """The signed Body goes elsewhere with its id, another stands in its place."""
    root = etree.fromstring(raw)
    body = root[1]
    header = root[0]
    other = etree.fromstring(
        f'<env:Body xmlns:env="{SOAP[0]}" xmlns:wsu="{WSU}" {keep}>{EVIL.decode()}</env:Body>'
    )
    root.replace(body, other)
    wrapper = etree.SubElement(header, "wrapper")
    wrapper.append(body)
    return etree.tostring(root)


@pytest.mark.parametrize(
    ("keep", "code"),
    [
        ("", "HUB-SIG-008"),
        ('wsu:Id="other"', "HUB-SIG-008"),
        ('wsu:Id="b"', "HUB-SIG-007"),
        ('Id="b"', "HUB-SIG-007"),
        ('ID="b"', "HUB-SIG-007"),
        ('id="b"', "HUB-SIG-007"),
        ('xml:id="b"', "HUB-SIG-007"),
    ],
)
def test_a_wrapped_body_is_refused(pki: Pki, keep: str, code: str) -> None:
    assert refused(pki, moved(built(pki), keep=keep)) == code


def test_a_wrapped_timestamp_or_header_is_refused(pki: Pki) -> None:
    late = NOW + timedelta(hours=1)
    for name, forged in (
        ("Timestamp", times(late, None).replace('wsu:Id="ts"', "")),
        ("MessageID", "<wsa:MessageID>2</wsa:MessageID>"),
    ):
        root = etree.fromstring(built(pki))
        part = next(one for one in root.iter() if etree.QName(one).localname == name)
        parent = part.getparent()
        assert parent is not None
        fresh = etree.fromstring(f'<r xmlns:wsu="{WSU}" xmlns:wsa="{WSA}">{forged}</r>')[0]
        parent.replace(part, fresh)
        etree.SubElement(root[0], "wrapper").append(part)
        assert refused(pki, etree.tostring(root), now=late) == "HUB-SIG-008"


@pytest.mark.parametrize("place", [b"Nguy", b"urn:uuid", b"urn:gui"])
def test_a_comment_changes_nothing_that_is_read(pki: Pki, place: bytes) -> None:
    verified = verify(pki, built(pki).replace(place, place[:2] + b"<!-- x -->" + place[2:]))
    assert verified.payload == PAYLOAD
    assert verified.claims["wsa:MessageID"] == "urn:uuid:1"


def test_changed_content_is_seen(pki: Pki) -> None:
    for change in ((b'a="1"', b'a="2"'), (b"urn:uuid:1", b"urn:uuid:2"), (b"+00:00<", b"+00:30<")):
        assert refused(pki, built(pki).replace(*change)) == "HUB-SIG-003"


# --- times


@pytest.mark.parametrize(
    ("created", "expires", "code"),
    [
        (0, 300, ""),
        (0, None, ""),
        (59, 300, ""),
        (61, 300, "HUB-SIG-012"),
        (-359, 10, ""),
        (-361, 10, "HUB-SIG-011"),
        (-361, 86_400, "HUB-SIG-011"),
        (-361, None, "HUB-SIG-011"),
        (-100, -59, ""),
        (-100, -61, "HUB-SIG-011"),
        (0, 0, "HUB-SIG-012"),
        (0, -1, "HUB-SIG-012"),
    ],
)
def test_a_message_is_taken_only_in_its_time(pki: Pki, created: int, expires: int | None, code: str) -> None:
    last = None if expires is None else NOW + timedelta(seconds=expires)
    raw = built(pki, timestamp=times(NOW + timedelta(seconds=created), last))
    if code:
        assert refused(pki, raw) == code
    else:
        assert verify(pki, raw).signed_at == NOW + timedelta(seconds=created)


@pytest.mark.parametrize(
    "timestamp",
    [
        '<wsu:Timestamp wsu:Id="ts"/>',
        '<wsu:Timestamp wsu:Id="ts"><wsu:Expires>2099-01-01T00:00:00Z</wsu:Expires></wsu:Timestamp>',
        '<wsu:Timestamp wsu:Id="ts"><wsu:Created>2026-01-01T00:00:00</wsu:Created></wsu:Timestamp>',
        '<wsu:Timestamp wsu:Id="ts"><wsu:Created>now</wsu:Created></wsu:Timestamp>',
        '<wsu:Timestamp wsu:Id="ts"><wsu:Created>9999-99-99T99:99:99Z</wsu:Created></wsu:Timestamp>',
        '<wsu:Timestamp wsu:Id="ts"><wsu:Created>0001-01-01T00:00:00+14:00</wsu:Created></wsu:Timestamp>',
    ],
)
def test_a_timestamp_that_says_nothing_is_refused(pki: Pki, timestamp: str) -> None:
    assert refused(pki, built(pki, timestamp=timestamp)) in {"HUB-SIG-009", "HUB-SIG-005"}


def test_fractions_and_zones_are_read(pki: Pki) -> None:
    vietnam = (NOW + timedelta(hours=7)).isoformat().replace("+00:00", ".25+07:00")
    raw = built(
        pki, timestamp=f'<wsu:Timestamp wsu:Id="ts"><wsu:Created>{vietnam}</wsu:Created></wsu:Timestamp>'
    )
    assert verify(pki, raw).signed_at == NOW + timedelta(milliseconds=250)


def test_a_message_to_somebody_else_is_refused(pki: Pki) -> None:
    ours = WssProfile(audiences=frozenset({"http://hub/"}))
    assert verify(pki, built(pki), ours).payload == PAYLOAD
    others = WssProfile(audiences=frozenset({"http://other/"}))
    assert refused(pki, built(pki), others) == "HUB-SIG-006"
    assert refused(pki, built(pki, header=""), ours) == "HUB-SIG-006"
