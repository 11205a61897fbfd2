"""The hub's own keys on the command line, over the real store: what signs, until when, and taking one out of use."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.doubles.pki import Pki

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.now(UTC)
SETTINGS = """
data = "data"
[[keys.dau-so.generations]]
id = "2025"
file = "seal-p256.key"
certificate = "seal-p256.pem"
[[keys.dau-so.generations]]
id = "2026"
file = "seal-2048.key"
certificate = "seal-2048.pem"
begins = {today}
[[keys.dau-so.generations]]
id = "2027"
file = "seal-2048-next.key"
certificate = "seal-2048-next.pem"
begins = {later}
[keys.other]
file = "seal-p256.key"
certificate = "seal-p256.pem"
"""


@pytest.fixture
def settings(tmp_path: Path) -> str:
    pki = Pki(tmp_path, NOW)
    for name in ("seal-p256", "seal-2048", "seal-2048-next"):
        assert pki[name]
    (tmp_path / "partners").mkdir()
    file = tmp_path / "hub.toml"
    file.write_text(
        SETTINGS.format(today=NOW.isoformat(), later=(NOW + timedelta(days=9)).date().isoformat())
    )
    return str(file)


def ran(settings: str, *words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "hub.cli.main", *words, "--settings", settings, "--lang", "en"]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def listed(settings: str) -> dict[str, str]:
    told = json.loads(ran(settings, "key", "list", "--json").stdout)
    return {f"{row['key']} {row['generation']}": row["state"] for row in told}


def test_a_compromised_key_stops_signing_for_every_process_and_says_what_signs_instead(settings: str) -> None:
    before = listed(settings)
    assert before == {
        "dau-so 2025": "retiring",
        "dau-so 2026": "active",
        "dau-so 2027": "pending",
        "other 1": "active",
    }
    done = ran(settings, "key", "compromise", "dau-so", "2026", "--reason", "INC-1", "--yes")
    assert done.returncode == 0
    assert "generation 2025 signs instead" in done.stderr
    assert listed(settings) == {**before, "dau-so 2025": "active", "dau-so 2026": "compromised"}
    again = ran(settings, "key", "compromise", "dau-so", "2026", "--reason", "INC-1", "--yes")
    assert "nothing changed" in again.stderr


def test_what_nobody_declared_cannot_be_compromised(settings: str) -> None:
    done = ran(settings, "key", "compromise", "dau-so", "2029", "--reason", "INC-1", "--yes")
    assert done.returncode == 1
    assert "There are: dau-so 2025" in done.stderr
    wrong = ran(
        settings, "key", "compromise", "dau-so", "2026", "--since", "hôm qua", "--reason", "x", "--yes"
    )
    assert wrong.returncode == 2
