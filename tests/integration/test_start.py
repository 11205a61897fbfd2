"""What is wrong with a hub's keys is said when it starts, once, not in every child."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hub.demo.scene import build
from hub.settings import file as settings_file
from hub.wiring.declared import declared
from hub.wiring.parts import store_of
from hub.wiring.tools import key_warnings
from hub.wiring.validating import check_partner
from schemas.problems import Refusal

if TYPE_CHECKING:
    from pathlib import Path

FULL_DISK = """
import resource, sys
from hub.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
sys.exit(main(sys.argv[1:]))
"""
"""To be run with -B: what Python compiles would be cut off and believed by the next process."""


def test_a_key_that_cannot_be_loaded_stops_the_start_with_its_code(tmp_path: Path) -> None:
    scene = build(tmp_path / "site", 1, (2, 3, 4))
    key = scene.settings.parent / "keys" / "province-seal.key"
    key.chmod(0o600)
    key.write_text("not a key", "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "hub.cli.main", "--lang", "en", "serve", "--settings", str(scene.settings)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "HUB-CRT-003" in done.stderr
    assert "province-seal" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_disk_that_takes_nothing_ends_a_worker_with_the_code_that_says_so(tmp_path: Path) -> None:
    scene = build(tmp_path / "site", 1, (2, 3, 4))
    asyncio.run(store_of(settings_file.load(scene.settings)).close())
    done = subprocess.run(
        [sys.executable, "-B", "-c", FULL_DISK, "--lang", "en", "work", "--settings", str(scene.settings)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "HUB-STO-011" in done.stderr
    assert "HUB-INT-001" not in done.stderr


def test_a_key_that_others_may_read_is_named(tmp_path: Path) -> None:
    scene = build(tmp_path / "site", 1, (2, 3, 4))
    key = scene.settings.parent / "keys" / "province-seal.key"
    key.chmod(0o644)
    rules = [warning.rule for warning in key_warnings(str(scene.settings))]
    assert "file mode 0600" in rules
    key.chmod(0o400)
    assert "file mode 0600" not in [warning.rule for warning in key_warnings(str(scene.settings))]


@pytest.mark.parametrize(
    ("instead", "place", "rule"),
    [
        (('wsdl = "land@1"', 'wsdl = "nope@1"'), "receives.soap.wsdl", "a schema of the library"),
        (
            ('operation = "TraCuuGiaoDich"', 'operation = "Nope"'),
            "receives.soap.find.operation",
            "an operation of the WSDL",
        ),
    ],
)
def test_what_only_the_room_can_find_is_told_with_file_line_and_path(
    tmp_path: Path, instead: tuple[str, str], place: str, rule: str
) -> None:
    scene = build(tmp_path / "site", 1, (2, 3, 4))
    file = scene.settings.parent / "partners" / f"{scene.partner('soap')}.toml"
    assert not check_partner(scene.settings, file)
    text = file.read_text("utf-8")
    file.write_text(text.replace(*instead), "utf-8")
    (problem,) = check_partner(scene.settings, file)
    line = 1 + text[: text.index(instead[0])].count("\n")
    assert (problem.code, problem.rule, problem.line) == ("HUB-CFG-001", rule, line)
    assert place in problem.place
    assert file.name in problem.place


def test_no_master_key_is_made_beside_a_database_that_has_one(tmp_path: Path) -> None:
    scene = build(tmp_path / "site", 1, (2, 3, 4))
    data = scene.settings.parent / "data"
    data.mkdir()
    (data / "hub.db").touch()
    with pytest.raises(Refusal, match="HUB-STO-007"):
        store_of(settings_file.load(scene.settings))
    assert not (data / "master.key").exists()


def test_what_is_wrong_with_mappings_and_with_partner_files_is_told_in_one_round(tmp_path: Path) -> None:
    scene = build(tmp_path / "site", 1, (2, 3, 4))
    folder = scene.settings.parent
    (folder / "own").mkdir()
    (folder / "own" / "broken.toml").write_text("nonsense = 1\n", "utf-8")
    text = scene.settings.read_text("utf-8")
    scene.settings.write_text('mappings = "own"\n' + text, "utf-8")
    file = next((folder / "partners").glob("*.toml"))
    file.write_text(file.read_text("utf-8") + "\n[nope]\n", "utf-8")
    with pytest.raises(Refusal) as caught:
        declared(scene.settings)
    places = " ".join(problem.place for problem in caught.value.problems)
    assert "broken.toml" in places
    assert f"{file.name}: nope" in places


def test_the_demonstration_leaves_the_key_that_a_sender_begins_with(tmp_path: Path) -> None:
    scene = build(tmp_path / "site", 1, (2, 3, 4))
    key = scene.sender_key.with_name("api.key")
    assert key.read_text("utf-8").strip() == scene.api_key
    assert key.stat().st_mode & 0o077 == 0
