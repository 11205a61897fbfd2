"""The library of vendored schemas: found by kind, id and version, offline; what is not listed is not in the library.

Layout: ``json/<id>/<version>.json``, ``xsd/<id>/<version>/<id>.xsd``, ``wsdl/<id>/<version>/<id>.{wsdl,xsd}``. Every folder
that holds schemas has a ``SOURCE.toml``: origin, version, date, licence, and the SHA-256 of each file. A site adds folders
of the same layout; the first folder that lists a schema wins.

References: ``json:motcua.rest@1``, ``xsd:land@1``, ``wsdl:land@1``.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from datetime import date  # noqa: TC003 - msgspec reads the annotations at run time
from pathlib import Path
from typing import Any

import msgspec
from lxml import etree

from schemas.problems import refuse
from schemas.validation import JsonSchema, Schema, XmlSchema

BUILTIN = Path(__file__).parent
KINDS = ("json", "xsd", "wsdl")


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a folder's files come from. ``files``: name → SHA-256 hex. ``invented``: made up here as an example."""

    origin: str
    version: str
    date: date
    files: dict[str, str]
    licence: str = ""
    note: str = ""
    invented: bool = False


def source_of(folder: Path) -> Source:
    """Read a folder's ``SOURCE.toml``; HUB-SCH-011 when there is none or it does not say what it must."""
    try:
        return msgspec.convert(tomllib.loads((folder / "SOURCE.toml").read_text("utf-8")), Source)
    except (OSError, ValueError) as error:
        raise refuse("HUB-SCH-011", f"{folder.name}/SOURCE.toml", detail=type(error).__name__) from None


class Library:
    """All schemas that may be used. Compiled schemas are kept: build it once, in the wiring."""

    def __init__(self, folders: tuple[Path, ...] = (BUILTIN,)) -> None:
        self.folders = folders
        self._compiled: dict[str, Schema] = {}

    def find(self, kind: str, name: str, version: str) -> Path:
        """Return the file; HUB-SCH-011 when no folder lists it, or its bytes are not the listed ones."""
        for folder in self.folders:
            for path in _candidates(folder, kind, name, version):
                if path.is_file() and _listed(path):
                    return path
        raise refuse("HUB-SCH-011", f"{kind}:{name}@{version}")

    def schema(self, ref: str) -> Schema:
        """Return the compiled schema of ``json:<id>@<version>`` or ``xsd:<id>@<version>``; HUB-SCH-011."""
        if ref not in self._compiled:
            kind, _, rest = ref.partition(":")
            name, _, version = rest.rpartition("@")
            path = self.find(kind, name, version)
            self._compiled[ref] = _compile(ref, kind, path)
        return self._compiled[ref]


def _candidates(folder: Path, kind: str, name: str, version: str) -> tuple[Path, ...]:
    if kind not in KINDS or not _plain(name) or not _plain(version):
        return ()
    if kind == "json":
        return (folder / "json" / name / f"{version}.json",)
    if kind == "xsd":
        return tuple(folder / home / name / version / f"{name}.xsd" for home in ("xsd", "wsdl"))
    return (folder / "wsdl" / name / version / f"{name}.wsdl",)


def _plain(step: str) -> bool:
    """Letters, digits, dot, dash, underscore: a reference never leaves its folder."""
    return bool(step) and not step.startswith(".") and all(c.isalnum() or c in "._-" for c in step)


def _listed(path: Path) -> bool:
    listed = source_of(path.parent).files.get(path.name)
    return listed == hashlib.sha256(path.read_bytes()).hexdigest()


def _compile(ref: str, kind: str, path: Path) -> Schema:
    if kind == "json":
        return JsonSchema(ref, json.loads(path.read_bytes()))
    if kind != "xsd":
        raise refuse("HUB-SCH-011", ref, detail="a WSDL is read by its room")
    try:
        return XmlSchema(ref, etree.XMLSchema(etree.parse(str(path), listed_parser())))
    except (etree.XMLSchemaParseError, etree.XMLSyntaxError, OSError) as error:
        raise refuse("HUB-SCH-011", ref, detail=type(error).__name__) from None


def listed_parser() -> etree.XMLParser:
    """Make a parser for schemas: what they include or import is read from listed files, and from nowhere else."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    parser.resolvers.add(_Listed())
    return parser


class _Listed(etree.Resolver):
    """Includes and imports come from listed files only."""

    def resolve(self, system_url: str, public_id: str, context: Any) -> Any:  # type: ignore[override]  # noqa: ANN401, ARG002 - lxml passes its context; the stubs leave it out
        path = Path((system_url or "").removeprefix("file://"))
        if path.is_file() and _listed(path):
            return self.resolve_filename(str(path), context)  # type: ignore[attr-defined]
        raise OSError("not in the library")
