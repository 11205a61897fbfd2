"""The office that reads and writes files: nothing is taken twice, nothing half."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from connectors.simulators.clerk import drop, take
from connectors.simulators.desk import Journal

if TYPE_CHECKING:
    from pathlib import Path


def journal(folder: Path) -> Journal:
    return Journal(folder / "journal", lambda: datetime(2026, 11, 23, tzinfo=UTC))


def test_what_was_dropped_first_is_taken_first_and_written_down_and_gone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for second, name in enumerate(("b", "a")):
        (out / f"{name}.json").write_text(f'{{"dossier": {{"code": "D-{name}"}}}}', "utf-8")
        os.utime(out / f"{name}.json", (second, second))
    (out / ".c.part").write_text("{", "utf-8")
    (out / ".d.json").write_text("{", "utf-8")
    assert take(out, journal(tmp_path)) == 2
    assert [(one.key, one.dossier) for one in journal(tmp_path).entries] == [
        ("b.json", "D-b"),
        ("a.json", "D-a"),
    ]
    assert sorted(file.name for file in out.iterdir()) == [".c.part", ".d.json"]
    assert take(out, journal(tmp_path)) == 0


def test_what_is_dropped_is_there_whole_under_its_own_name_alone(tmp_path: Path) -> None:
    drop(tmp_path, "x", b"{}")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("x.json", b"{}")]
