"""Signatures in PDF files: which hold, which cover the file, what was done after them; openssl as a second opinion."""

from __future__ import annotations

import re
import subprocess
import time
import zlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from schemas.problems import Refusal
from signing.pdf import Anchors, examine, load_anchors
from signing.pdf_signatures import Examined, Holds, is_pdf
from tests.doubles.pdf import pdf, signed
from tests.doubles.pki import Pki

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


@pytest.fixture(scope="module")
def anchors(pki: Pki) -> Anchors:
    return load_anchors([pki["root"].certificate_file])


@pytest.fixture(scope="module")
def once(pki: Pki) -> bytes:
    return signed(pki, pdf())


def held(data: bytes, anchors: Anchors) -> list[tuple[str, bool]]:
    found = examine(data, anchors, NOW)
    assert found.readable
    return [(each.holds, each.whole) for each in found.signatures]


def test_a_signature_under_the_anchors_is_good_and_names_its_signer(anchors: Anchors, once: bytes) -> None:
    [found] = examine(once, anchors, NOW).signatures
    assert (found.holds, found.whole) == (Holds.GOOD, True)
    assert "seal-2048" in found.subject
    assert len(found.fingerprint) == 64
    assert found.signed_at is not None
    assert abs(found.signed_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert found.stamped_at is None


def test_openssl_says_the_same(pki: Pki, once: bytes, tmp_path: Path) -> None:
    told = re.search(rb"/ByteRange\s*\[\s*(\d+) (\d+) (\d+) (\d+)", once)
    assert told is not None
    start, length, after, rest = (int(each) for each in told.groups())
    content = once[start : start + length] + once[after : after + rest]
    cms = bytes.fromhex(once[start + length + 1 : after - 1].decode())  # zeroes behind it are nobody's
    for name, data in (("cms", cms), ("content", content), ("changed", content.replace(b"Giay", b"giay"))):
        (tmp_path / name).write_bytes(data)

    def verifies(name: str) -> bool:
        command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", str(tmp_path / "cms")]
        command += ["-content", str(tmp_path / name), "-CAfile", str(pki["root"].certificate_file)]
        command += ["-purpose", "any", "-out", "/dev/null"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    assert verifies("content")
    assert not verifies("changed")


def test_a_second_signature_leaves_the_first_one_good(pki: Pki, anchors: Anchors, once: bytes) -> None:
    twice = signed(pki, once, "seal-p256", "S2")
    assert held(twice, anchors) == [("good", False), ("good", True)]


def test_a_signer_under_no_anchor_is_unknown(pki: Pki, anchors: Anchors, once: bytes) -> None:
    assert held(once, Anchors()) == [("unknown", True)]
    for name in ("seal-self-signed", "seal-expired", "tsa"):
        assert held(signed(pki, pdf(), name), anchors) == [("unknown", True)]


def test_a_changed_byte_breaks_it(anchors: Anchors, once: bytes) -> None:
    assert held(once.replace(b"Giay", b"giay"), anchors) == [("broken", True)]


def test_what_was_written_behind_a_signature_is_told(anchors: Anchors, once: bytes) -> None:
    assert held(once + b"\n% more\n", anchors) == [("changed", False)]
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources<<>>>>"
    place = len(once)
    update = b"3 0 obj\n%s\nendobj\nxref\n3 1\n%010d 00000 n \n" % (page, place)
    before = once.rpartition(b"startxref")[2].split()[0]
    root = re.findall(rb"/Root (\d+ 0 R)", once)[-1]
    trailer = b"trailer<</Size 9/Root %s/Prev %s>>\nstartxref\n%d\n%%%%EOF\n" % (
        root,
        before,
        place + update.index(b"xref"),
    )
    assert held(once + update + trailer, anchors) == [("changed", False)]


def test_a_time_stamp_vouches_for_a_certificate_that_has_ended_since(pki: Pki, anchors: Anchors) -> None:
    then = NOW - timedelta(hours=13)
    file = signed(pki, pdf(), "seal-ended")
    assert held(file, anchors) == [("unknown", True)]
    [found] = examine(signed(pki, pdf(), "seal-ended", stamped_at=then), anchors, NOW).signatures
    assert (found.holds, found.stamped_at) == (Holds.GOOD, then)
    [alone] = examine(signed(pki, pdf(), "seal-ended", stamped_at=then), Anchors(), NOW).signatures
    assert (alone.holds, alone.stamped_at) == (Holds.UNKNOWN, None)


def test_a_file_without_signatures_is_not_signed(anchors: Anchors) -> None:
    assert examine(pdf(), anchors, NOW) == Examined(readable=True)


def bomb() -> bytes:
    """A cross-reference stream that unpacks to 400 MB."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(400)) + packer.flush()
    told = b"<</Type/XRef/W[1 4 2]/Size 9999999/Root 2 0 R/Filter/FlateDecode/Length %d>>" % len(packed)
    stream = b"1 0 obj\n%s\nstream\n%s\nendstream\nendobj\n" % (told, packed)
    return b"%PDF-1.7\n" + stream + b"startxref\n9\n%%EOF\n"


@pytest.mark.parametrize(
    "data",
    [
        bomb(),
        b"",
        b"%PDF-1.7",
        b"%PDF-1.7\n%%EOF",
        b"%PDF-1.7\nstartxref\n99999999\n%%EOF",
        b"%PDF-1.7\n" + b"[" * 20_000,
        b"%PDF-1.7\ntrailer<</Root 1 0 R/Prev 0>>\nstartxref\n9\n%%EOF",
        b"PK\x03\x04",
    ],
    ids=range(8),
)
def test_what_cannot_be_read_is_told_so_quickly(anchors: Anchors, data: bytes) -> None:
    started = time.process_time()
    assert examine(data, anchors, NOW) == Examined(readable=False)
    assert time.process_time() - started < 2


def test_a_pdf_says_that_it_is_one() -> None:
    assert is_pdf(b"\xef\xbb\xbf%PDF-1.4")
    assert not is_pdf(bytes(2000) + b"%PDF-1.4")


def test_anchors_are_certificates(tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("nothing")
    for name in ("no.pem", "absent.pem"):
        with pytest.raises(Refusal, match="HUB-CRT-003"):
            load_anchors([tmp_path / name])
