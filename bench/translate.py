"""P4: translate a 5 KB dossier both ways, JSON Schema and XSD included, against parsing the same bytes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from lxml import etree

from schemas.mapping import mappings

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
ROUNDS, REPEATS = 15, 100
SIZE = 5_000


def rows() -> list[dict[str, object]]:
    formats = mappings(ROOT / "schemas" / "mappings")
    onestop, land = formats["motcua.rest@1"], formats["land.soap@1"]
    raw = five_kilobytes()
    message = onestop.read(raw, "sender", "key", "000.00.00.H47")
    document = land.write("TiepNhanHoSo", message, "key")

    def there() -> None:
        land.write("TiepNhanHoSo", onestop.read(raw, "sender", "key", "000.00.00.H47"), "key")

    def back() -> None:
        onestop.write("ThongDiep", land.read(document, "sender", "key", "000.00.15.H47"), "key")

    def parsed() -> None:
        json.loads(raw)
        etree.fromstring(document)

    there_us, back_us, base_us = interleaved(there, back, parsed)
    return [
        {
            "row": "P4",
            "what": "translate 5 KB both ways with JSON Schema and XSD / parse both",
            "value": (there_us + back_us) / base_us,
            "unit": "×",
            "target": "≤ 5",
            "json_to_xml_us": there_us,
            "xml_to_json_us": back_us,
            "parse_us": base_us,
            "json_bytes": len(raw),
            "xml_bytes": len(document),
        }
    ]


def five_kilobytes() -> bytes:
    """The first example with as many documents as 5 KB take."""
    told = json.loads((ROOT / "examples" / "messages" / "01-received.json").read_text("utf-8"))
    documents = told["HoSo"]["TaiLieuNop"]
    number = 0
    while len(raw := json.dumps(told, ensure_ascii=False).encode()) < SIZE:
        number += 1
        documents.append({**documents[0], "TepDinhKemId": f"91{number:04d}"})
    return raw


def interleaved(*calls: Callable[[], None]) -> list[float]:
    """CPU µs of each call, the calls taking turns; the median of the rounds."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, found in zip(calls, times, strict=True):
            began = time.process_time()
            for _ in range(REPEATS):
                call()
            found.append((time.process_time() - began) / REPEATS * 1e6)
    return [median(found) for found in times]
