"""The portal fetches documents by the links that it was sent (facts §1.7), at its own pace, and writes down what came.

One JSON line for each document that came whole: ``dossier``, ``link``, ``sha256``, ``size``. What does not come is tried again until it does; what the
journal names and the notes do not is fetched after a restart.
"""

from __future__ import annotations

import hashlib
import json
import queue
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

AGAIN = 0.5
PATIENCE = 20.0
LINKS: Mapping[str, str] = {"TaiLieuNop": "DuongDanTaiTepTin", "DanhSachGiayToKetQua": "DuongDanTepTinKetQua"}


def links(records: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Give each dossier's code with each link in it."""
    for record in records:
        for name, link in LINKS.items():
            for paper in record.get(name, ()):
                if paper.get("IsDeleted") != "True":
                    yield record["MaHoSo"], paper[link]


class Puller:
    """``notes``: where it writes. A daemon thread: it ends with the program."""

    def __init__(self, notes: Path) -> None:
        notes.parent.mkdir(parents=True, exist_ok=True)
        self._notes, self._seen = notes, set(_noted(notes))
        self._wanted: queue.Queue[tuple[str, str]] = queue.Queue()
        threading.Thread(target=self._work, daemon=True).start()

    def want(self, records: Iterable[Mapping[str, Any]]) -> None:
        for dossier, link in links(records):
            if (dossier, link) not in self._seen:
                self._seen.add((dossier, link))
                self._wanted.put((dossier, link))

    def _work(self) -> None:
        while True:
            dossier, link = self._wanted.get()
            content = _fetched(link)
            if content is None:
                self._later(dossier, link)
                continue
            told = {
                "dossier": dossier,
                "link": link,
                "sha256": hashlib.sha256(content).hexdigest(),
                "size": len(content),
            }
            with self._notes.open("a", encoding="utf-8") as file:
                file.write(json.dumps(told) + "\n")

    def _later(self, dossier: str, link: str) -> None:
        timer = threading.Timer(AGAIN, self._wanted.put, ((dossier, link),))
        timer.daemon = True
        timer.start()


def _noted(notes: Path) -> Iterator[tuple[str, str]]:
    lines = notes.read_text("utf-8").splitlines() if notes.exists() else []
    for told in map(json.loads, lines):
        yield told["dossier"], told["link"]


def _fetched(link: str) -> bytes | None:
    """Return the whole document, or ``None``: an error, or fewer bytes than were announced."""
    if urlsplit(link).scheme not in {"http", "https"}:
        return None
    try:
        with urllib.request.urlopen(link, timeout=PATIENCE) as answer:  # noqa: S310 - the scheme was looked at
            content: bytes = answer.read()
            return content if answer.status == 200 else None  # noqa: PLR2004 - not a part of it
    except (OSError, ValueError):
        return None
