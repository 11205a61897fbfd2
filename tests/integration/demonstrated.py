"""What the demonstration must have done when it says that it ended well: counted, survived, proved, and nothing left running."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from hub.demo.scene import MARK
from hub.wiring.bundles import check

ROOT = Path(__file__).parents[2]
MESSAGES = 45
HAD = {
    "motcua-tinh": "6",
    "so-tnmt": "55",
    "vpdk-dat-dai": "2",
    "thue": "1",
    "so-tai-chinh": "4",
    "so-xay-dung": "2",
    "tp-tam-ky": "2",
    "phuong-an-my": "2",
    "dvcqg": "71",
}
"""Transfers to each system, of so many messages about land and one dossier of each story."""


def ended_well(told: str, directory: Path) -> None:
    """``told``: what it printed. ``directory``: what it left there."""
    assert "Đạt: mất 0, trùng 0, sai thứ tự 0" in told
    assert "Good: lost 0, doubled 0, out of order 0" in told
    rows = re.findall(r"^ {4}(\S+)  +\S.*?  +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)$", told, re.MULTILINE)
    assert {row[0]: row[1:] for row in rows} == {
        partner: (had, had, "0", "0", "0") for partner, had in HAD.items()
    }
    for sign in ("HUB-SCH-007", "SIGKILL", "xmlsec1 --verify", "OK"):
        assert sign in told
    assert int(re.search(r"^  (\d+) transfers were left in doubt", told, re.MULTILINE)[1]) >= 1  # type: ignore[index]
    (bundle,) = (directory / "evidence").iterdir()
    root = [directory / "hub" / "keys" / "root.pem"]
    assert asyncio.run(check(None, bundle.read_bytes(), root, datetime.now(UTC))).checked.stamped_at
    settings = str(directory / "hub" / "lienthong.toml")
    looked = [sys.executable, "-m", "hub.cli.main", "evidence", "check", "--json", "--settings", settings]
    found = subprocess.run(looked, capture_output=True, cwd=ROOT, check=False)
    assert found.returncode == 0, found.stdout
    assert json.loads(found.stdout)["entries"] > MESSAGES * 6
    assert (directory / MARK).exists()
    for pid in _pids(directory):
        assert not Path(f"/proc/{pid}").exists()


def _pids(directory: Path) -> set[int]:
    log = (directory / "log" / "hub.log").read_text("utf-8").splitlines()
    told = [json.loads(line) for line in log if line.startswith("{")]
    return {line["pid"] for line in told if "pid" in line}
