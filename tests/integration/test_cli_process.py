"""The installed command, run as a process: streams, statuses, languages, encodings, start-up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).with_name("lienthong")
PLAIN = {key: value for key, value in os.environ.items() if not key.startswith(("LIENTHONG_", "LC_", "LANG"))}
COMMANDS = ([str(BIN)], [sys.executable, "-m", "hub.cli.main"])


def ran(
    *words: str, program: list[str] | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*(program or COMMANDS[1]), *words],
        capture_output=True,
        encoding="utf-8",
        cwd=ROOT,
        env={**PLAIN, **environment},
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("program", COMMANDS, ids=["lienthong", "python -m"])
def test_both_ways_of_calling_it_work(program: list[str]) -> None:
    done = ran("version", "--json", program=program)
    assert done.returncode == 0
    assert json.loads(done.stdout)["python"]
    assert done.stderr == ""


@pytest.mark.parametrize("locale", ["C", "POSIX", "en_US.ISO-8859-1", ""])
def test_vietnamese_comes_out_whole_in_any_locale(locale: str) -> None:
    done = ran("--help", LC_ALL=locale, PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert done.returncode == 0
    assert "Hàng đợi" in done.stdout


def test_the_language_comes_from_the_environment_or_the_line() -> None:
    assert "Usage" in ran("--help", LIENTHONG_LANG="en").stdout
    assert "Cách dùng" in ran("--help").stdout
    assert "Cách dùng" in ran("--help", "--lang", "vi", LIENTHONG_LANG="en").stdout


def test_wrong_use_is_two_with_a_clean_stdout() -> None:
    done = ran("transfer", "list", "--nonsense")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "--nonsense" in done.stderr


def test_missing_settings_are_told_with_a_code_and_no_traceback(tmp_path: Path) -> None:
    done = ran("queue", "list", "--settings", str(tmp_path / "none.toml"))
    assert done.returncode == 1
    assert "HUB-CFG-002" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_enough_ends_it_quietly() -> None:
    script = f"{sys.executable} -m hub.cli.main error list | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        encoding="utf-8",
        cwd=ROOT,
        env=PLAIN,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_help_starts_without_the_heavy_parts() -> None:
    """What makes a start slow must not be imported for a page of help."""
    probe = (
        "import sys; from hub.cli.main import main; main(['transfer', '--help']);"
        "print(sorted({'lxml', 'aiohttp', 'fastapi', 'apsw', 'cryptography', 'pydantic', 'rich', 'zeep'} & set(sys.modules)))"
    )
    done = ran(program=[sys.executable, "-c", probe])
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_start_takes_well_under_a_second() -> None:
    def once() -> float:
        began = time.perf_counter()
        assert ran("version").returncode == 0
        return time.perf_counter() - began

    assert min(once() for _ in range(3)) < 1.0


# --- with a hub that is really set up

PARTNER = 'id = "so-dat"\nagency = "000.00.15.H47"\nroom = "rest"\n[name]\nvi = "Sở Đất đai"\nen = "Land department"\n'


@pytest.fixture
def settings(tmp_path: Path) -> str:
    (tmp_path / "partners").mkdir()
    (tmp_path / "partners" / "so-dat.toml").write_text(PARTNER, "utf-8")
    path = tmp_path / "lienthong.toml"
    path.write_text('data = "var"\n', "utf-8")
    return str(path)


def test_a_partner_is_paused_and_stays_paused_for_the_next_process(settings: str) -> None:
    assert ran("partner", "pause", "so-dat", "--reason", "x", "--yes", "--settings", settings).returncode == 0
    shown = ran("partner", "show", "so-dat", "--json", "--settings", settings)
    assert json.loads(shown.stdout)["door"] == "paused"


def test_a_fresh_hub_is_empty_and_whole(settings: str) -> None:
    assert json.loads(ran("transfer", "list", "--json", LIENTHONG_SETTINGS=settings).stdout) == []
    assert ran("queue", "verify", LIENTHONG_SETTINGS=settings).returncode == 0


def test_a_partner_file_is_checked_beside_its_settings(settings: str, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(f"{PARTNER}[sends]\ncolour = 1\n", "utf-8")
    done = ran("partner", "check", str(wrong), "--settings", settings)
    assert done.returncode == 3
    assert f"{wrong}:8\tHUB-CFG-001\tsends.colour\tunknown key" in done.stdout
    good = tmp_path / "partners" / "so-dat.toml"
    assert ran("partner", "check", str(good), "--settings", settings).returncode == 0
