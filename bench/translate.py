"""P4: translate a 5 KB dossier both ways, JSON Schema and XSD included, against parsing the same bytes; then every operation of every format."""

from __future__ import annotations

import json
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from lxml import etree

from schemas.dossier import from_json
from schemas.mapping import mappings
from schemas.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from schemas.dossier import Message
    from schemas.mapping import Mapping

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden" / "full"
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
        },
        *each_operation(),
    ]


def each_operation() -> Iterator[dict[str, object]]:
    """Every operation of every format, by its golden message, in which every row says something."""
    for ref, format_ in sorted(mappings(ROOT / "schemas" / "mappings").items()):
        for file in sorted(GOLDEN.glob(f"{ref}.*.canonical.json")):
            operation = file.name.removeprefix(f"{ref}.").removesuffix(".canonical.json")
            said = file.with_name(f"{ref}.{operation}.{format_.media}").read_bytes()
            raw = (
                json.dumps(json.loads(said), ensure_ascii=False).encode() if format_.media == "json" else said
            )
            message = from_json(file.read_bytes())
            yield _both_ways(format_, operation, raw, message)


def _both_ways(format_: Mapping, operation: str, raw: bytes, message: Message) -> dict[str, object]:
    """``value``: reading and writing, as far as this operation goes either way, by what parsing the same bytes takes."""

    def read() -> None:
        format_.read(raw, "sender", "key", "000.00.00.H47")

    def write() -> None:
        format_.write(operation, message, "key")

    def parse() -> None:
        json.loads(raw) if format_.media == "json" else etree.fromstring(raw)

    ways = {"read": read, "write": write}
    possible = {name: way for name, way in ways.items() if _goes(way)}
    *times, base = interleaved(*possible.values(), parse)
    return {
        "row": "P4",
        "what": f"{format_.ref} {operation}: {' and '.join(possible)} {len(raw):,} bytes / parse them",
        "value": sum(times) / base,
        "unit": "×",
        "target": "≤ 5",
        **{f"{name}_us": took for name, took in zip(possible, times, strict=True)},
        "parse_us": base,
        "bytes": len(raw),
    }


def _goes(way: Callable[[], None]) -> bool:
    """Some operations are only read, others only written."""
    try:
        way()
    except Refusal:
        return False
    return True


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
