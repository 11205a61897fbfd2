"""An office whose software can only read and write files: it takes what was dropped for it, and drops what it has to say.

What it takes it writes into its journal before the file is gone; names that begin with a dot it leaves alone.
Run: ``python -m connectors.simulators.clerk --outbox share/out --journal var/clerk.jsonl``
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from connectors.simulators.desk import Journal
from connectors.simulators.onestop import dossier_of

SUFFIX = ".json"


def take(outbox: Path, journal: Journal) -> int:
    """Take what lies there, what was dropped first first; return how many files it was."""
    found = [file for file in outbox.glob(f"*{SUFFIX}") if not file.name.startswith(".")]
    for file in sorted(found, key=lambda one: one.stat().st_mtime_ns):
        body = file.read_bytes()
        journal.record("taken", body, key=file.name, dossier=dossier_of(msgspec.json.decode(body)))
        file.unlink()
    return len(found)


def drop(inbox: Path, name: str, body: bytes) -> None:
    """Write a file so that nobody ever sees half of it."""
    part = inbox / f".{name}.part"
    part.write_bytes(body)
    part.rename(inbox / f"{name}{SUFFIX}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Simulated office that reads and writes files")
    parser.add_argument("--outbox", required=True, type=Path, help="where the hub drops")
    parser.add_argument("--journal", required=True, type=Path, help="JSON lines, one per file taken")
    parser.add_argument("--every", type=float, default=0.5, help="seconds between two rounds")
    told = parser.parse_args()
    told.journal.parent.mkdir(parents=True, exist_ok=True)
    journal = Journal(told.journal, lambda: datetime.now(UTC))
    while True:
        take(told.outbox, journal)
        time.sleep(told.every)


if __name__ == "__main__":
    main()
