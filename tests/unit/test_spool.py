"""The spool: bodies in memory while small, in a private file while large, nowhere afterwards."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from hub.spool import Spool
from schemas.problems import Refusal

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    made = Spool(tmp_path / "spool", memory=8, limit=20)
    made.sweep()
    return made


def test_a_small_body_never_touches_the_disk(spool: Spool, tmp_path: Path) -> None:
    with spool.sheet("a") as sheet:
        sheet.write(b"1234")
        sheet.write(b"5678")
        assert (sheet.read(), sheet.path, list((tmp_path / "spool").iterdir())) == (b"12345678", None, [])


def test_a_large_body_is_one_file_until_the_check_is_over(spool: Spool) -> None:
    with spool.sheet("a") as sheet:
        for piece in (b"12345", b"67890", b"12345"):
            sheet.write(piece)
        assert sheet.path is not None
        assert sheet.path.read_bytes() == sheet.read() == b"123456789012345"
        sheet.write(b"6")
        assert sheet.read() == b"1234567890123456"
        assert sheet.digest == hashlib.sha256(b"1234567890123456").hexdigest()
    assert not sheet.path.exists()


def test_the_file_is_gone_after_an_error_too(spool: Spool) -> None:
    sheet = spool.sheet("a")
    sheet.write(b"123456789")
    with pytest.raises(ZeroDivisionError), sheet:
        raise ZeroDivisionError
    assert sheet.path is not None
    assert not sheet.path.exists()


def test_the_piece_over_the_limit_is_refused_and_not_kept(spool: Spool) -> None:
    with spool.sheet("a") as sheet:
        sheet.write(b"x" * 20)
        with pytest.raises(Refusal, match="HUB-LIM-001"):
            sheet.write(b"y")
        assert sheet.read() == b"x" * 20


def test_the_folder_is_private(spool: Spool, tmp_path: Path) -> None:
    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0
    assert spool.limit == 20
