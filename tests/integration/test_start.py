"""What is wrong with a hub's keys is said when it starts, once, not in every child."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from hub.demo.scene import build
from hub.wiring.tools import key_warnings

if TYPE_CHECKING:
    from pathlib import Path


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


def test_a_key_that_others_may_read_is_named(tmp_path: Path) -> None:
    scene = build(tmp_path / "site", 1, (2, 3, 4))
    key = scene.settings.parent / "keys" / "province-seal.key"
    key.chmod(0o644)
    rules = [warning.rule for warning in key_warnings(str(scene.settings))]
    assert "file mode 0600" in rules
    key.chmod(0o400)
    assert "file mode 0600" not in [warning.rule for warning in key_warnings(str(scene.settings))]
