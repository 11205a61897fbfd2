"""Writes the golden examples anew: ``python tests/golden/make.py``. Look at the difference before you commit it.

``full/``: one message per operation in which every row of its table says something. ``story/``: the messages of
``examples/messages`` in every format that a recipient gets. ``wire/``: what partners write, written by hand; only what each case
means (``meaning.json``) is made, from its ``sample`` or its first file.
``kinds/``: what each format makes of each kind (``telling.py``). ``answers/``: what the hub answers at its desks (``answering.py``).
``requests/``: what it sends to the partners of the example files (``asking.py``).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import json  # noqa: E402 - the path comes first
from itertools import count  # noqa: E402

import msgspec  # noqa: E402

from connectors.catalogue import DESKS  # noqa: E402
from schemas.convert import spelled  # noqa: E402
from schemas.dossier import Message, to_json  # noqa: E402
from schemas.mapping import mappings  # noqa: E402
from schemas.table import CANONICAL, Row, Shape, Table, read_table, step_into  # noqa: E402
from tests.golden import answering, asking, telling  # noqa: E402
from tests.golden.meanings import WIRE, meaning  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Made = Iterator[tuple[Path, bytes]]

HERE = Path(__file__).parent
TABLES = ROOT / "schemas" / "mappings"
KEY = "MC-000.00.15.H47-261120-0001-0001"


def value(table: Table, row: Row, shape: Shape, number: int) -> Any:
    if row.constant is not None:
        return row.constant
    if row.codes is not None:
        return spelled(next(iter(table.codes[row.codes])), number=row.as_ == "number")
    target = step_into(shape, row.at)[0] if row.at else shape
    if target.pattern:
        return f"{number:064x}"
    day = 1 + number % 28
    made: dict[str, Any] = {
        "integer": number,
        "digits": str(number),
        "vnd": str(number * 1000),
        "True/False": "True",
        "payment": '{"requestPayment":2,"feeAmount":"7000"}',
        "xs:boolean": "true",
        "yyyyMMddHHmmss": f"202611{day:02d}0800{number % 60:02d}",
        "xs:dateTime": f"2026-11-{day:02d}T08:00:{number % 60:02d}+07:00",
        "xs:date": f"2026-11-{day:02d}",
        "iso:wall": f"2026-11-{day:02d}T08:00:{number % 60:02d}.000Z",
        "iso:utc": f"2026-11-{day:02d}T08:00:{number % 60:02d}",
        "yyyy-MM-dd HH:mm:ss": f"2026-11-{day:02d} 08:00:{number % 60:02d}",
        "yyyy-MM-ddTHH:mm:ss.fff": f"2026-11-{day:02d}T08:00:{number % 60:02d}.000",
        "tax date": f"2026-11-{day:02d} 08:00:{number % 60:02d}.0",
        "number": number,
        "boolean": True,
        "yyyy/MM/dd": f"2026/11/{day:02d}",
        "yyyy/MM/dd, its end": f"2026/11/{day:02d}",
        "yyyy/MM/dd HH:mm:ss": f"2026/11/{day:02d} 08:00:{number % 60:02d}",
        "dossier code in a text": f"V/v chuyển hồ sơ 000.00.00.H47-261120-{number:04d}",
    }
    if row.as_ in made:
        return made[row.as_]
    fixed = {"LaQuyTrinhCapTinh": "true", "BussinessDocType": "2"}
    return fixed.get(row.wire) or f"{row.wire} {number}"[: row.max or 200]


def record(table: Table, name: str, shape: Shape, numbers: count[int]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for row in table.records[name]:
        if row.fixed is not None or row.wire in made:
            continue
        if row.source is not None:
            made[row.wire] = KEY
            continue
        target = step_into(shape, row.at)[0] if row.at else shape
        target = (target.item or target) if row.many else target
        if row.record is not None:
            inside = [record(table, row.record, target, numbers) for _ in range(2 if row.many else 1)]
            made[row.wire] = inside if row.many else inside[0]
        elif row.many:
            made[row.wire] = [f"{row.wire} {next(numbers)}", f"{row.wire} {next(numbers)}"]
        else:
            made[row.wire] = value(table, row, shape, next(numbers))
    return made


def full(loaded: Mapping[str, Any]) -> Made:
    for path in sorted(TABLES.glob("*.toml")):
        table = read_table(path)
        mapping = loaded[table.ref]
        for name in table.operation or ("message",):
            operation = table.operation.get(name)
            if operation is None or operation.only:
                message = told(loaded, table, name)
                raw = mapping.write(name, message, KEY)
            else:
                tree = record(table, operation.record, CANONICAL, count(1))
                raw = mapping._side.payload(tree, operation)
                message = mapping.read(raw, "motcua-tinh", KEY, "000.00.00.H47")
            stem = HERE / "full" / f"{table.ref}.{name}"
            yield stem.with_name(f"{stem.name}.{table.media}"), pretty(raw, table.media)
            yield stem.with_name(f"{stem.name}.canonical.json"), pretty(to_json(message), "json")


def told(loaded: Mapping[str, Any], table: Table, operation: str) -> Message:
    """What a one-stop says in full, of the first kind that the operation is for."""
    raw = (HERE / "full" / "motcua.rest@1.ThongDiep.json").read_bytes()
    message: Message = loaded["motcua.rest@1"].read(raw, "motcua-tinh", KEY, "000.00.00.H47")
    kind = next((kind for kind, names in table.operations.items() if operation in names), message.event.kind)
    event = msgspec.structs.replace(message.event, kind=kind)
    return msgspec.structs.replace(message, event=event, extensions={})


def story(loaded: Mapping[str, Any]) -> Made:
    sender = loaded["motcua.rest@1"]
    for path in sorted((ROOT / "examples" / "messages").glob("*.json")):
        raw = path.read_bytes()
        message = sender.read(raw, "motcua-tinh", sender.natural_key(raw) or "", "000.00.00.H47")
        for ref in ("lienthong.message@1", "land.soap@1", "dvcqg.g1@1"):
            for name in loaded[ref].operations(message):
                made = loaded[ref].write(name, message, f"T-{path.stem}")
                media = loaded[ref].media
                yield HERE / "story" / f"{path.stem}.{ref}.{name}.{media}", pretty(made, media)


def each_kind(loaded: Mapping[str, Any]) -> Made:
    for ref, mapping in loaded.items():
        table = read_table(TABLES / f"{ref.replace('@', '-')}.toml")
        if table.operations:
            yield HERE / "kinds" / f"{ref}.json", telling.told(mapping, table)


def each_answer(_loaded: Mapping[str, Any]) -> Made:
    for name in DESKS:
        yield HERE / "answers" / f"{name}.json", answering.answers(name)


def each_request(loaded: Mapping[str, Any]) -> Made:
    for name in asking.TOLD:
        yield HERE / "requests" / f"{name.rpartition('/')[2]}.json", asking.requests(name, loaded)


def every(loaded: Mapping[str, Any]) -> Made:
    """Every file that is not written by hand, but for what cases of ``wire/`` mean."""
    for one in (full, story, each_kind, each_answer, each_request):
        yield from one(loaded)


def wire() -> Made:
    for case in sorted(path for path in WIRE.glob("*/*") if path.is_dir()):
        files = sorted(file for file in case.iterdir() if file.name != "meaning.json")
        first = next((file for file in files if file.stem == "sample"), files[0])
        means = meaning(case.parent.name, case.name, first.read_bytes())
        yield case / "meaning.json", pretty(json.dumps(means).encode(), "json")


def pretty(raw: bytes, media: str) -> bytes:
    """JSON is indented for the reader's sake; XML stays byte for byte, it is what gets signed."""
    return (
        raw if media == "xml" else (json.dumps(json.loads(raw), ensure_ascii=False, indent=1) + "\n").encode()
    )


if __name__ == "__main__":
    for path, content in (*every(mappings(TABLES)), *wire()):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
