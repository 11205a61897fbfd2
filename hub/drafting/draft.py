"""A description and a partner's id → every file that a person then finishes: partner, mapping, schemas with their source."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import PurePath
from typing import TYPE_CHECKING

import msgspec

from hub.drafting import folder, guess, jsons, openapi, partner, sample, table, wsdl
from hub.drafting.outline import Operation, Outline, unusable
from hub.drafting.xsd import XS
from schemas.strict_json import parse_json
from schemas.strict_xml import parse_xml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from schemas.table import Table

_MOST = 16 * 1024 * 1024
_LOOKED = 64 * 1024
_YAML = re.compile(rb"""^(["']?)(openapi|swagger)\1[ \t]*:""", re.MULTILINE)
"""How an OpenAPI document in YAML tells what it is: a key at the beginning of a line."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """``partner``, ``mapping``: texts. ``library``: files below the site's folder. ``left``: operations that cannot be spoken, and why.

    ``others``: operations that could be, and were not asked for.
    """

    kind: str
    ref: str
    partner: str
    mapping: str
    library: Mapping[PurePath, bytes]
    proposed: int
    unknown: int
    operations: tuple[str, ...]
    others: tuple[str, ...]
    left: Mapping[str, str]


class Laid(msgspec.Struct, frozen=True, kw_only=True):
    """``files``: every file at its place, the partner's own last."""

    draft: Draft
    partner: Path
    mapping: Path
    files: Mapping[Path, bytes]


def draft(
    path: Path, name: str, agency: str, wanted: Sequence[str], tables: Iterable[Table], today: date
) -> Draft:
    """Read the description and write everything. Raises ``Refusal`` HUB-CFG-003 or HUB-SCH-* when it cannot be used."""
    try:
        outline = outlined(path, name)
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise unusable(path.name, "a description as its own standard has it", type(error).__name__) from None
    chosen = _chosen(outline, wanted, path.name)
    room = partner.room_of(outline)
    mapping = f"{name}.{room}"
    library, schemas = _library(outline, chosen, name, path.name, today)
    names = {"id": mapping, "origin": path.name, **{f"schema {each}": ref for each, ref in schemas.items()}}
    known = guess.names(tables)
    made = table.drafted(outline, chosen, known, names)
    return Draft(
        kind=outline.kind,
        ref=f"{mapping}@1",
        partner=partner.drafted(outline, chosen, known, (name, agency, f"{mapping}@1")),
        mapping=made.text,
        library=library,
        proposed=made.proposed,
        unknown=made.unknown,
        operations=tuple(each.name for each in chosen),
        others=tuple(each.name for each in outline.operations if each not in chosen),
        left=outline.left,
    )


def outlined(path: Path, name: str) -> Outline:
    """Tell by its first letter and element what a file is, and read it."""
    try:
        raw = path.read_bytes() if path.stat().st_size <= _MOST else b""
    except OSError as error:
        raise unusable(path.name, "a file that can be read", type(error).__name__) from None
    begins = raw.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if begins in {b"{", b"["}:
        tree = parse_json(raw)
        kind = openapi if openapi.described(tree) else jsons if jsons.described(tree) else None
        return sample.read_json(raw, path.name) if kind is None else kind.read(raw, path.name)
    if _YAML.search(raw[:_LOOKED]):
        raise unusable(path.name, "JSON; what is YAML becomes JSON by: yq -o json")
    if begins != b"<":
        raise unusable(
            path.name,
            "a WSDL, an XSD, OpenAPI, Swagger 2 or a JSON Schema in JSON, or a sample in XML or JSON",
        )
    root = parse_xml(folder.plain(raw)).tag
    if root == f"{{{folder.WSDL}}}definitions":
        return wsdl.read(path, name)
    if root == f"{{{XS}}}schema":
        return wsdl.read_schema(path, name)
    return sample.read_xml(raw, name)


def _chosen(outline: Outline, wanted: Sequence[str], file: str) -> tuple[Operation, ...]:
    """Return the operations that were asked for; without a word, the one that takes most."""
    if not wanted:
        return (max(outline.operations, key=lambda each: each.takes.leaves),)
    known = {each.name: each for each in outline.operations}
    for name in wanted:
        if name not in known:
            why = outline.left.get(name) or f"there are: {', '.join(known)}"
            raise unusable(file, "an operation that can be spoken", f"{name}: {why}"[:500])
    found = tuple(known[name] for name in dict.fromkeys(wanted))
    spaces = {each.takes.namespace for each in found}
    if outline.media == "xml" and len(spaces) > 1:
        raise unusable(file, "operations of one namespace in one mapping", ", ".join(sorted(spaces))[:300])
    if len({each.takes.many for each in found}) > 1:
        raise unusable(file, "operations in one mapping that all take a record, or all a list of them")
    if any(not each.takes.fields for each in found):
        raise unusable(file, "an operation whose element holds others")
    return found


def _library(
    outline: Outline, chosen: tuple[Operation, ...], name: str, origin: str, today: date
) -> tuple[dict[PurePath, bytes], dict[str, str]]:
    if outline.media == "xml":
        home = PurePath("wsdl" if outline.kind == "wsdl" else "xsd") / name / "1"
        files = {home / each: content for each, content in outline.files.items()}
        files[home / "SOURCE.toml"] = _source(outline.files, origin, today)
        return files, dict.fromkeys((each.name for each in chosen), f"xsd:{name}@1")
    found: dict[PurePath, bytes] = {}
    schemas: dict[str, str] = {}
    for each in chosen:
        content = outline.files.get(f"{each.name}.json") or outline.files["1.json"]
        own = f"{name}.{each.name.lower()}" if len(chosen) > 1 else name
        home = PurePath("json") / own
        found[home / "1.json"] = content
        found[home / "SOURCE.toml"] = _source({"1.json": content}, origin, today)
        schemas[each.name] = f"json:{own}@1"
    return found, schemas


def _source(files: Mapping[str, bytes], origin: str, today: date) -> bytes:
    listed = (
        f"{json.dumps(name)} = {json.dumps(hashlib.sha256(content).hexdigest())}"
        for name, content in files.items()
    )
    lines = (
        f"origin = {json.dumps(origin, ensure_ascii=False)}",
        'version = "1"',
        f"date = {today.isoformat()}",
        "[files]",
        *listed,
    )
    return ("\n".join(lines) + "\n").encode()
