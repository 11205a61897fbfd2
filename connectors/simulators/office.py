"""A simulated agency without a system: its officer's tool empties the mailbox at the hub, keeps each letter in a folder, and says so.

    python -m connectors.simulators.office --hub http://127.0.0.1:8080 --key-file office.key --folder letters

Loopback only. What it keeps is on disk before it acknowledges; with ``--journal`` each letter is written down there once, when it
is kept first. Ordered misbehaviour: ``refuses`` dossiers by their code, ``dies`` at one of its steps.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from connectors.simulators.desk import Journal, Value

BOX = "/v1/mailbox"
PATIENCE = 30.0


class Died(Exception):  # noqa: N818 - says what it is
    """The tool's machine went off here."""


class Office(Value, frozen=True):
    """``folder``: one file for each letter. ``refuses``: dossier codes; ``dies``: ``fetched`` or ``kept``, or nowhere."""

    hub: str
    api_key: str
    folder: Path
    refuses: frozenset[str] = frozenset()
    dies: str = ""
    journal: Journal | None = None

    def empty(self) -> list[str]:
        """Take what lies there, page by page; return the states that the hub answered. Raises ``OSError``, ``Died``."""
        states, after = [], ""
        while True:
            _, raw = self._call("GET", f"{BOX}?after={quote(after)}")
            page = json.loads(raw)
            states += [self._one(letter) for letter in page["letters"]]
            if page["next"] is None:
                return states
            after = page["next"]

    def _one(self, letter: dict[str, Any]) -> str:
        there = f"{BOX}/{letter['transfer']}"
        status, content = self._call("GET", there)
        digest = hashlib.sha256(content).hexdigest()
        if status != http.client.OK or digest != letter["digest"]:
            return f"HTTP {status}"
        self._maybe_die("fetched")
        said: dict[str, Any] = {"digest": digest}
        if letter["dossier"] in self.refuses:
            said["refused"] = {"code": "KHONG-XU-LY", "reason": "Không thuộc thẩm quyền"}
        else:
            self._keep(letter["transfer"], content)
            self._write_down(letter, content)
            self._maybe_die("kept")
        _, raw = self._call("POST", f"{there}/acknowledgement", json.dumps(said).encode())
        return str(json.loads(raw).get("state", "problem"))

    def _keep(self, transfer: str, content: bytes) -> None:
        """By the transfer's id, so that what comes again is the same file."""
        part = self.folder / f".{transfer}.part"
        with part.open("wb") as file:
            file.write(content)
            os.fsync(file.fileno())
        part.replace(self.folder / f"{transfer}.letter")

    def _write_down(self, letter: dict[str, Any], content: bytes) -> None:
        if self.journal is None or any(entry.key == letter["transfer"] for entry in self.journal.entries):
            return
        self.journal.record(letter["kind"], content, key=letter["transfer"], dossier=letter["dossier"])

    def _maybe_die(self, step: str) -> None:
        if step == self.dies:
            raise Died(step)

    def _call(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        to = urlsplit(self.hub)
        connection = http.client.HTTPConnection(to.hostname or "", to.port, timeout=PATIENCE)
        headers = {"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Simulated agency without a system of its own")
    parser.add_argument("--hub", required=True)
    parser.add_argument("--key-file", required=True, type=Path)
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two rounds")
    parser.add_argument("--refuse", action="append", default=[], help="a dossier code; may be repeated")
    parser.add_argument(
        "--dies", default="", choices=["", "fetched", "kept"], help="its machine goes off there"
    )
    parser.add_argument("--journal", type=Path, help="JSON lines, one per letter kept")
    told = parser.parse_args()
    told.folder.mkdir(parents=True, exist_ok=True)
    office = Office(
        hub=told.hub,
        api_key=told.key_file.read_text("utf-8").strip(),
        folder=told.folder,
        refuses=frozenset(told.refuse),
        dies=told.dies,
        journal=Journal(told.journal, lambda: datetime.now(UTC)) if told.journal else None,
    )
    while True:
        for state in office.empty():
            sys.stdout.write(f"{state}\n")
            sys.stdout.flush()
        time.sleep(told.every)


if __name__ == "__main__":
    main()
