"""Signed containers: what is in them holds years later, and whoever changed, added or took away anything is found."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import subprocess
import time
import zipfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest
from cryptography import x509
from lxml import etree

from schemas.problems import Refusal
from signing.asic.anchors import Anchors, load
from signing.asic.container import MANIFEST, MIMETYPE, SIGNATURE, File, pack, unpack
from signing.asic.opinion import agree
from signing.asic.signature import seal, verify
from signing.keys.ring import KeySource
from signing.keys.ring import load as load_key
from signing.timestamps import Anchors as StampAnchors
from signing.timestamps import load_anchors, token_of
from tests.doubles.pki import Pki
from tests.doubles.tsa import POLICY, Tsa, authority

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from signing.contract import Key

NOW = datetime.now(UTC)
YEARS = timedelta(days=3 * 365)
FILES = (
    File("received.json", "application/json", '{"hoTen":"Nguyễn Văn Á"}'.encode()),
    File("sent/sealed.xml", "text/xml", b"<a>1</a>"),
    File("note.txt", "text/plain", b""),
)
NO_STAMPS = StampAnchors(roots=())


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


@pytest.fixture(scope="module")
def tsa(pki: Pki) -> Tsa:
    return authority(pki)


def key(pki: Pki, name: str = "seal-p256") -> Key:
    issued = pki[name]
    return load_key(KeySource(name=name, file=str(issued.key_file), certificate=str(issued.certificate_file)))


def anchors(pki: Pki, *names: str) -> Anchors:
    stamps = load_anchors([pki[name].certificate_file for name in ("root", "issuing")], POLICY)
    return load([pki[name].certificate_file for name in names or ("root",)], stamps)


def asking(tsa: Tsa) -> Callable[[bytes], Awaitable[bytes]]:
    async def stamp(digest: bytes) -> bytes:
        from signing.timestamps import question  # noqa: PLC0415 - only here

        return token_of(tsa.stamp(question(digest, 7, POLICY)))

    return stamp


async def made(pki: Pki, name: str = "seal-p256", tsa: Tsa | None = None) -> bytes:
    return await seal(FILES, key(pki, name), NOW, asking(tsa) if tsa else None)


def refused(raw: bytes, by: Anchors, at: datetime = NOW) -> str:
    try:
        verify(raw, by, at)
    except Refusal as refusal:
        return refusal.code
    return ""


# --- what holds -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["seal-p256", "seal-2048", "seal-non-repudiation"])
async def test_a_container_holds_under_the_authority_above_its_signer(pki: Pki, name: str) -> None:
    checked = verify(await made(pki, name), anchors(pki), NOW)
    assert checked.files == {file.name: file.content for file in FILES}
    assert checked.signer.fingerprint == key(pki, name).fingerprint
    assert (checked.stamped_at, checked.at) == (None, NOW)
    assert abs(checked.signed_at - NOW) < timedelta(seconds=1)


async def test_it_holds_under_the_certificate_itself_and_under_nobody_elses(pki: Pki) -> None:
    raw = await made(pki, "seal-self-signed")
    assert verify(raw, anchors(pki, "seal-self-signed"), NOW)
    assert refused(raw, anchors(pki)) == "HUB-EVD-007"
    assert refused(raw, anchors(pki, "stranger-p256")) == "HUB-EVD-007"


async def test_a_stamp_keeps_it_good_after_its_certificate_has_ended(pki: Pki, tsa: Tsa) -> None:
    checked = verify(await made(pki, tsa=tsa), anchors(pki), NOW + YEARS)
    assert checked.stamped_at is not None
    assert abs(checked.stamped_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert refused(await made(pki), anchors(pki), NOW + YEARS) == "HUB-EVD-008"


async def test_nobody_signs_with_a_certificate_for_something_else(pki: Pki) -> None:
    for name in ("tsa", "ocsp", "tls-server", "issuing"):
        issued = pki[name]
        signer = msgspec.structs.replace(
            key(pki),
            certificate=issued.certificate,
            private=issued.key,  # type: ignore[type-var]
        )
        assert refused(await seal(FILES, signer, NOW), anchors(pki)) == "HUB-EVD-007", name


async def test_who_signs_with_an_ended_certificate_is_refused(pki: Pki) -> None:
    assert refused(await made(pki, "seal-expired"), anchors(pki)) == "HUB-EVD-008"
    assert refused(await made(pki, "seal-future"), anchors(pki)) == "HUB-EVD-008"


# --- what was changed -----------------------------------------------------------------------------------------------


async def test_every_changed_byte_is_noticed(pki: Pki, tsa: Tsa) -> None:
    raw, by = await made(pki, tsa=tsa), anchors(pki)
    for place in range(len(raw)):
        other = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        assert refused(other, by) == "HUB-EVD-001"
    for cut in (raw[:-1], raw[1:], raw + b"x", b"x" + raw, raw[: len(raw) // 2], b"", raw * 2):
        assert refused(cut, by) == "HUB-EVD-001"


def again(parts: list[tuple[str, bytes]], *, stored: bool = True) -> bytes:
    """Write an archive with a right checksum, as somebody would who knows the format."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, content in parts:
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr, entry.create_system = 0o100600 << 16, 3
            entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
        archive.comment = b"sha256:" + b"0" * 64
    body = held.getvalue()[:-64]
    return body + hashlib.sha256(body).hexdigest().encode()


def parts(raw: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return [(entry.filename, archive.read(entry)) for entry in archive.infolist()]


@pytest.mark.filterwarnings("ignore:Duplicate name")
async def test_who_knows_the_format_is_found_by_the_signature(pki: Pki, tsa: Tsa) -> None:
    raw, by = await made(pki, tsa=tsa), anchors(pki)
    found = parts(raw)
    assert again(found) == raw
    names = [name for name, _ in found]
    changed = [(name, b"{}" if name == "received.json" else content) for name, content in found]
    assert refused(again(changed), by) == "HUB-EVD-005"
    assert refused(again([*found, ("added.txt", b"x")]), by) == "HUB-EVD-003"
    assert refused(again([*found, (f"{MANIFEST}.old", b"x")]), by) == "HUB-EVD-001"
    assert refused(again([*found, ("received.json", b"{}")]), by) == "HUB-EVD-002"
    for missing, code in {
        "received.json": "HUB-EVD-004",
        MANIFEST: "HUB-EVD-004",
        SIGNATURE: "HUB-EVD-004",
        MIMETYPE: "HUB-EVD-001",
    }.items():
        assert refused(again([each for each in found if each[0] != missing]), by) == code, missing
    assert refused(again(list(reversed(found))), by) == "HUB-EVD-001"
    assert refused(again([found[0], *reversed(found[1:-2]), *found[-2:]]), by) == "HUB-EVD-001"
    assert refused(again(found, stored=False), by) == "HUB-EVD-009"
    lied = [(name, content.replace(b"text/xml", b"text/css")) for name, content in found]
    assert refused(again(lied), by) == "HUB-EVD-006"
    manifest = [(name, content + b" " if name == MANIFEST else content) for name, content in found]
    assert refused(again(manifest), by) == "HUB-EVD-001"
    assert names[0] == MIMETYPE


async def test_nothing_stands_in_the_signature_that_the_hub_would_not_write(pki: Pki, tsa: Tsa) -> None:
    raw, by = await made(pki, tsa=tsa), anchors(pki)
    signature = dict(parts(raw))[SIGNATURE]
    other = await made(pki, "stranger-p256")
    mixed = dict(parts(other))[SIGNATURE]
    certificate = base64.b64encode(key(pki, "seal-non-repudiation").certificate_text)
    value = signature.partition(b'Id="S0-value">')[2].partition(b"<")[0]
    for wrong in (
        b"",
        b"<a/>",
        signature + b" ",
        signature.replace(b"<ds:KeyInfo>", b"<ds:KeyInfo><!-- -->"),
        b"<!DOCTYPE a>" + signature,
        signature.replace(b"ecdsa-sha256", b"rsa-sha256"),
        signature.replace(b"<ds:Object>", b"<ds:Object></ds:Object><ds:Object>"),
        signature.replace(value, base64.b64encode(bytes(64))),
        signature.replace(b"SigningTime>2", b"SigningTime>1"),
        signature.replace(key(pki).certificate_text, certificate),
    ):
        with_it = [(name, wrong if name == SIGNATURE else content) for name, content in parts(raw)]
        assert refused(again(with_it), by) == "HUB-EVD-006", wrong[:80]
    swapped = [(name, mixed if name == SIGNATURE else content) for name, content in parts(raw)]
    assert refused(again(swapped), by) == "HUB-EVD-007"


async def test_a_certificate_of_any_odd_form_is_refused_and_nothing_breaks(pki: Pki) -> None:
    """A stranger may sign with a certificate of its own making, so that what is odd in it is read after its signature held."""
    raw, by, ours = await made(pki), anchors(pki), key(pki)
    der, text, found = base64.b64decode(ours.certificate_text), ours.certificate_text, parts(raw)
    for place in range(2, len(der), 2):
        odd = der[:place] + bytes([der[place] ^ 0xFF]) + der[place + 1 :]
        try:
            certificate = x509.load_der_x509_certificate(odd)
            signer = msgspec.structs.replace(ours, certificate=certificate)  # type: ignore[type-var]
            other = await seal(FILES, signer, NOW)
        except (ValueError, Warning):
            other = again([(name, content.replace(text, base64.b64encode(odd))) for name, content in found])
        assert refused(other, by) in {"HUB-EVD-006", "HUB-EVD-007", "HUB-EVD-008"}, place


async def test_a_stamp_over_another_signature_is_refused(pki: Pki, tsa: Tsa) -> None:
    one, two = await made(pki, tsa=tsa), await made(pki, tsa=tsa)
    tokens = [
        dict(parts(raw))[SIGNATURE]
        .partition(b"TimeStamp>")[2]
        .partition(b"EncapsulatedTimeStamp>")[2]
        .partition(b"<")[0]
        for raw in (one, two)
    ]
    swapped = [(name, content.replace(tokens[0], tokens[1])) for name, content in parts(one)]
    assert refused(again(swapped), anchors(pki)) == "HUB-TSP-004"
    nobody = msgspec.structs.replace(anchors(pki), stamps=NO_STAMPS)
    assert refused(one, nobody) == "HUB-TSP-006"


def test_names_that_lead_elsewhere_are_not_written() -> None:
    for name in ("../a", "/a", "a//b", "a b", "é", MIMETYPE, MANIFEST, "a/../b", ""):
        with pytest.raises(ValueError, match="names"):
            pack([File(name, "text/plain", b"")], b"")


# --- others read it -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["seal-p256", "seal-2048"])
def test_xmlsec1_verifies_it_in_the_unpacked_folder(pki: Pki, tsa: Tsa, tmp_path: Path, name: str) -> None:
    raw = asyncio.run(made(pki, name, tsa))
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        archive.extractall(tmp_path)
    command = ["xmlsec1", "--verify", "--id-attr:Id", "http://uri.etsi.org/01903/v1.3.2#:SignedProperties"]
    command += ["--trusted-pem", str(pki["root"].certificate_file), SIGNATURE]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "References (ok/all): 4/4" in done.stderr
    (tmp_path / "received.json").write_bytes(b"{}")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0


async def test_what_is_signed_is_what_canonical_xml_makes_of_it(pki: Pki, tsa: Tsa) -> None:
    """The template writes canonical forms; lxml computes them."""
    signature = etree.fromstring(dict(parts(await made(pki, tsa=tsa)))[SIGNATURE])
    for name in ("SignedProperties", "SignatureValue", "SignedInfo"):
        found = next(each for each in signature.iter() if etree.QName(each).localname == name)
        canonical = etree.tostring(found, method="c14n", exclusive=True)
        digest = base64.b64encode(hashlib.sha256(canonical).digest()).decode()
        if name == "SignedProperties":
            assert signature.findall(".//{*}SignedInfo/{*}Reference")[-1].findtext("{*}DigestValue") == digest


# --- the second opinion


async def test_another_library_agrees_with_what_we_seal(pki: Pki, tsa: Tsa) -> None:
    for name in ("seal-p256", "seal-2048"):
        sealed = await seal(FILES, key(pki, name), NOW, asking(tsa))
        agree(sealed, pki[name].certificate)


@pytest.mark.parametrize("change", [b"received", b"<a>1</a>", b"application/json"])
async def test_another_library_does_not_agree_with_what_was_changed(pki: Pki, change: bytes) -> None:
    raw = await seal(FILES, key(pki), NOW)
    files, _, signature = unpack(raw)
    listed = [
        File(name, "text/plain", content.replace(change, b"x" * len(change)))
        for name, content in files.items()
    ]
    with pytest.raises(Refusal, match="HUB-EVD-012"):
        agree(pack(listed, signature.replace(change, b"x" * len(change))), pki["seal-p256"].certificate)


async def test_another_library_does_not_agree_with_another_signer_or_a_further_file(pki: Pki) -> None:
    raw = await seal(FILES, key(pki), NOW)
    with pytest.raises(Refusal, match="HUB-EVD-012"):
        agree(raw, pki["stranger-p256"].certificate)
    _, _, signature = unpack(raw)
    with pytest.raises(Refusal, match="HUB-EVD-012"):
        agree(pack((*FILES, File("more", "text/plain", b"")), signature), pki["seal-p256"].certificate)


async def test_the_second_opinion_on_a_large_dossier_takes_seconds(pki: Pki) -> None:
    """In the library's own way it takes a copy of the whole signature for each file: minutes for thousands."""
    raw = await seal([File(f"{n}.txt", "text/plain", b"a") for n in range(2000)], key(pki), NOW)
    before = time.process_time()
    agree(raw, pki["seal-p256"].certificate)
    assert time.process_time() - before < 5
