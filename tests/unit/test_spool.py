"""The spool: bodies in memory while small, in a private file while large, nowhere afterwards."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hub.intake.spool import Spool
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


def test_a_body_that_is_being_checked_is_not_swept_by_another_process(spool: Spool, tmp_path: Path) -> None:
    sweep = "import sys, pathlib; from hub.intake.spool import Spool; print(Spool(pathlib.Path(sys.argv[1]), memory=8, limit=20).sweep())"
    with spool.sheet("a") as sheet:
        sheet.write(b"123456789")
        (tmp_path / "spool" / "left.body").write_bytes(b"of a crash")
        done = subprocess.run(
            [sys.executable, "-c", sweep, str(tmp_path / "spool")], capture_output=True, text=True, check=True
        )
        assert done.stdout == "1\n"
        assert sheet.path is not None
        assert sheet.path.read_bytes() == b"123456789"


def test_the_folder_is_private(spool: Spool, tmp_path: Path) -> None:
    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0
    assert spool.limit == 20


def test_a_disk_that_takes_only_part_of_a_write_is_an_error_and_never_half_a_body(tmp_path: Path) -> None:
    """A limit on file sizes does what a disk with little room does: the first write keeps what fits, the next one fails."""
    program = (
        "import resource, signal, sys, pathlib\n"
        "from hub.intake.spool import Spool\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "spool = Spool(pathlib.Path(sys.argv[1]), memory=8, limit=1000); spool.sweep()\n"
        "with spool.sheet('a') as sheet:\n"
        "    sheet.write(b'x' * 90)\n"
        "    try:\n"
        "        sheet.write(b'x' * 90)\n"
        "    except OSError:\n"
        "        print('refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "s")], capture_output=True, text=True, check=True
    )
    assert done.stdout == "refused\n"
