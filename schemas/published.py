"""The JSON Schemas that we publish, generated: of the canonical message from its types, of our JSON formats from their tables.

``python -m schemas.published`` writes the files and their ``SOURCE.toml``; a test fails when a file is not what this
module makes.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from typing import TYPE_CHECKING, Any

import msgspec

from schemas.dossier import Message
from schemas.library import BUILTIN
from schemas.table import CANONICAL, Row, Shape, Table, converter_of, read_table, step_into

if TYPE_CHECKING:
    from pathlib import Path

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def message_schema() -> bytes:
    """The canonical message, ``json/lienthong.message/1.json``."""
    (top,), components = msgspec.json.schema_components([Message], ref_template="#/$defs/{name}")
    head = {
        "$schema": DIALECT,
        "$id": "urn:lienthong:schema:lienthong.message:1",
        "title": "lienthong.message@1",
    }
    return _bytes({**head, **top, "$defs": dict(sorted(components.items()))})


def payload_schema(table: Table, operation: str) -> bytes:
    """One operation of a JSON format: names, types, lengths and what is required; unknown fields stay allowed (they are kept)."""
    name, version = table.operation[operation].schema.removeprefix("json:").split("@")
    body = _record(table, table.operation[operation].record, CANONICAL)
    if table.array:
        body = {"type": "array", "minItems": 1, "maxItems": 1, "items": body}
    head = {"$schema": DIALECT, "$id": f"urn:lienthong:schema:{name}:{version}", "title": f"{name}@{version}"}
    return _bytes({**head, **body})


def _bytes(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"


def _record(table: Table, record: str, shape: Shape) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for row in table.records[record]:
        if row.fixed is None and row.wire not in properties:
            properties[row.wire] = _property(table, row, shape)
    required = [row.wire for row in table.records[record] if row.required and row.only != "read"]
    body: dict[str, Any] = {"type": "object", "properties": properties}
    return {**body, "required": required} if required else body


def _property(table: Table, row: Row, shape: Shape) -> dict[str, Any]:
    target = step_into(shape, row.at)[0] if row.at else shape
    if row.many:
        target = target.item or target
    if row.record is not None:
        body = _record(table, row.record, target)
    elif row.source is not None:
        body = {"type": "string", "minLength": 1, "maxLength": row.max or 200}
    else:
        body = _value(table, row, target)
    least = {"minItems": 1} if row.required else {}
    whole = {"type": "array", **least, "items": body} if row.many else body
    if table.lone and row.many and row.record is not None:
        nothing = [{"type": "null"}] if table.nulls and not row.required else []
        return {"anyOf": [whole, body, *nothing]}
    return _or_null(whole) if table.nulls and not row.required else whole


def _or_null(body: dict[str, Any]) -> dict[str, Any]:
    """What has no type takes anything already."""
    if "type" not in body:
        return body
    kinds = body["type"] if isinstance(body["type"], list) else [body["type"]]
    more = {"enum": [*body["enum"], None]} if "enum" in body else {}
    return {**body, "type": [*kinds, "null"], **more}


def _value(table: Table, row: Row, target: Shape) -> dict[str, Any]:
    wire = dict(converter_of(table, row).wire)
    pattern = wire.get("pattern") or (target.pattern if row.codes is None and row.as_ == "text" else None)
    if table.absent == "empty" and not row.required:
        if pattern:
            wire["pattern"] = f"^({pattern.removeprefix('^').removesuffix('$')})?$"
        if "enum" in wire:
            wire["enum"] = ["", *wire["enum"]]
        if str(wire.get("type", "")) in {"integer", "boolean"}:
            return {"anyOf": [wire, {"const": ""}]}
        return {**wire, **_longest(row, target)}
    if pattern:
        wire["pattern"] = (
            pattern
            if row.required or table.absent == "empty"
            else f"^({pattern.removeprefix('^').removesuffix('$')})?$"
        )
    if "enum" in wire and not row.required:
        wire["enum"] = ["", *wire["enum"]]
    return {
        **wire,
        **({"minLength": 1} if row.required and wire["type"] == "string" else {}),
        **_longest(row, target),
    }


def _longest(row: Row, target: Shape) -> dict[str, Any]:
    if row.as_ != "text" or row.codes is not None:
        return {}
    limits = [limit for limit in (row.max, target.longest) if limit is not None]
    return {"maxLength": min(limits)} if limits else {}


def files(folder: Path = BUILTIN) -> dict[Path, bytes]:
    """Every generated file and what it must hold."""
    made = {folder / "json" / "lienthong.message" / "1.json": message_schema()}
    for path in sorted((folder / "mappings").glob("*.toml")):
        table = read_table(path)
        for name, operation in table.operation.items():
            if operation.schema.startswith("json:"):
                schema, version = operation.schema.removeprefix("json:").split("@")
                made[folder / "json" / schema / f"{version}.json"] = payload_schema(table, name)
    return made


def seal_source(folder: Path) -> None:
    """Write the digests of a folder's files into its ``SOURCE.toml``; what stands before ``[files]`` stays."""
    source = folder / "SOURCE.toml"
    head = source.read_text("utf-8").split("[files]")[0]
    tomllib.loads(head)
    named = sorted(path for path in folder.iterdir() if path.is_file() and path != source)
    lines = [f'"{path.name}" = "{hashlib.sha256(path.read_bytes()).hexdigest()}"' for path in named]
    source.write_text(head + "[files]\n" + "\n".join(lines) + "\n", "utf-8")


def main() -> None:
    for path, body in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    for source in sorted(BUILTIN.rglob("SOURCE.toml")):
        seal_source(source.parent)


if __name__ == "__main__":
    main()
