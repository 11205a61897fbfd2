"""Where files of each kind stand at a site: gathered from there for those below, and laid there when they come from above.

A site that names no folder of its own for a kind has it beside its data. What is no file of its kind stays at home; a private key never leaves.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING

import msgspec

from hub.replicating.manifest import LARGEST, NAMES, WRONG, Kind
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = b"PRIVATE KEY-----"


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """``mappings``: the folder of mappings; the schemas that they name stand beside it."""

    registries: Path
    mappings: Path
    signatories: Path
    calendar: Path
    pins: Path

    def path(self, kind: Kind, name: str) -> Path:
        """Return where a file stands. Catalogues stand in the store, not in files."""
        if kind is Kind.CALENDAR:
            return self.calendar
        if kind is Kind.MAPPING:
            first, _, rest = name.partition("/")
            return self.mappings / rest if first == "mappings" else self.mappings.parent / name
        roots = {Kind.REGISTRY: self.registries, Kind.SIGNATORIES: self.signatories, Kind.PINS: self.pins}
        return roots[kind] / name

    def gather(self) -> Iterator[tuple[Kind, str, bytes]]:
        """Read what there is, but for catalogues and the hub's own pins. Raises ``Refusal`` HUB-EDG-042 for what may not leave."""
        yield from _under(Kind.REGISTRY, self.registries, "agencies", "procedures", "codelists", "published")
        for path in sorted(self.mappings.glob("*.toml")):
            yield from _one(Kind.MAPPING, f"mappings/{path.name}", path)
        for path in sorted((self.mappings / "approvals").glob("*.toml")):
            yield from _one(Kind.MAPPING, f"mappings/approvals/{path.name}", path)
        if self.mappings.is_dir():
            yield from _under(Kind.MAPPING, self.mappings.parent, "json", "xsd", "wsdl")
        yield from _under(Kind.SIGNATORIES, self.signatories, "")
        if self.calendar.is_file():
            yield from _one(Kind.CALENDAR, "calendar.toml", self.calendar)


def _under(kind: Kind, root: Path, *folders: str) -> Iterator[tuple[Kind, str, bytes]]:
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file():
                yield from _one(kind, path.relative_to(root).as_posix(), path)


def _one(kind: Kind, name: str, path: Path) -> Iterator[tuple[Kind, str, bytes]]:
    if not NAMES[kind].fullmatch(name):
        return
    content = path.read_bytes()
    if SECRET in content:
        raise refuse(WRONG, f"{kind}/{name}", rule="a file without a private key")
    if len(content) > LARGEST:
        raise refuse(WRONG, f"{kind}/{name}", rule=f"at most {LARGEST} bytes")
    yield kind, name, content
