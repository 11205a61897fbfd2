"""The messages of the demonstration: the story of ``examples/messages``, told of many dossiers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Said(msgspec.Struct, frozen=True):
    """One message as the one-stop sends it. ``step`` counts from 1 within its dossier; ``at``: when it happened, wall time."""

    key: str
    dossier: str
    step: int
    kind: str
    at: str
    body: bytes


def stories(folder: Path, dossiers: int) -> Iterator[tuple[Said, ...]]:
    """Yield one story per dossier: the examples in the order of their names, under a code of its own."""
    parts = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]
    shown = parts[0]["HoSo"]["MaHoSo"]
    front = shown.rpartition("-")[0]
    for number in range(1, dossiers + 1):
        code = f"{front}-{number:04d}"
        yield tuple(_said(part, step, shown, code) for step, part in enumerate(parts, 1))


def _said(example: dict[str, Any], step: int, shown: str, code: str) -> Said:
    text = json.dumps(example, ensure_ascii=False)
    text = text.replace(shown, code).replace(_short(shown), _short(code))
    told = json.loads(text)
    return Said(
        key=told["MaThongDiep"],
        dossier=code,
        step=step,
        kind=told["LoaiSuKien"],
        at=told["ThoiDiem"],
        body=text.encode(),
    )


def _short(code: str) -> str:
    """Return what the same dossier is called with the agency's newer code: the examples name it as an alias."""
    return "-".join(code.rsplit("-", 2)[1:])
