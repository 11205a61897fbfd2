"""A version laid into a site's folders: whole or not at all, tried first, and what was the site's own kept.

* What comes from above stands over a file of the site's own with the same name; that one is kept beside it (``.own``).
* What an earlier version had laid and this one no longer lists is taken away, but for mappings: open dossiers finish on theirs.
* What has been laid, in which bytes, is written last (``laid.json``): after a crash in between it is all done again.
"""

from __future__ import annotations

import hashlib
import shutil
from datetime import date  # noqa: TC003 - msgspec reads the annotations at run time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from hub.registries.putting import put
from hub.replicating.manifest import Kind
from hub.replicating.places import Places
from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hub.replicating.manifest import File, Manifest

CANNOT_STAND = "HUB-EDG-043"
OWN = ".own"
KEPT = frozenset({Kind.MAPPING, Kind.CATALOGUE})
"""Kinds of which nothing is ever taken away."""


class Laid(msgspec.Struct, frozen=True, kw_only=True):
    """What stands here of which version: SHA-256 by ``kind/name``."""

    hub: str = ""
    number: int = 0
    digest: str = ""
    from_day: date | None = None
    files: dict[str, str] = {}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """``put``: files whose bytes are not there; ``gone``: ``kind/name`` of what is taken away."""

    put: tuple[File, ...]
    gone: tuple[str, ...]

    @property
    def nothing(self) -> bool:
        return not (self.put or self.gone)


def read(file: Path) -> Laid:
    return msgspec.json.decode(file.read_bytes(), type=Laid) if file.is_file() else Laid()


def plan(manifest: Manifest, places: Places, laid: Laid) -> Plan:
    files = [each for each in manifest.files if each.kind is not Kind.CATALOGUE]
    listed = {each.place for each in files}
    return Plan(
        put=tuple(each for each in files if _sha(places.path(each.kind, each.name)) != each.sha256),
        gone=tuple(
            place
            for place, sha256 in sorted(laid.files.items())
            if place not in listed and _kind(place) not in KEPT and _sha(_path(places, place)) == sha256
        ),
    )


def lay(
    manifest: Manifest,
    digest: str,
    places: Places,
    record: Path,
    content: Mapping[str, bytes],
    check: Callable[[Places], None],
) -> bool:
    """Put a version in place; return whether anything differs from what stood there. ``content``: by SHA-256.

    Raises ``Refusal`` HUB-EDG-043, with nothing changed, when what would stand then cannot be read.
    """
    laid = read(record)
    todo = plan(manifest, places, laid)
    if not todo.nothing:
        _try(todo, places, content, check)
        for each in todo.put:
            _put(places.path(each.kind, each.name), content[each.sha256], laid.files.get(each.place))
        for place in todo.gone:
            _path(places, place).unlink(missing_ok=True)
    stands = {each.place: each.sha256 for each in manifest.files if each.kind is not Kind.CATALOGUE}
    left = {place: sha for place, sha in laid.files.items() if _kind(place) in KEPT}
    new = Laid(
        hub=manifest.hub,
        number=manifest.number,
        digest=digest,
        from_day=manifest.from_day,
        files={**left, **stands},
    )
    put(record, msgspec.json.encode(new, order="deterministic"))
    return not todo.nothing


def _put(path: Path, content: bytes, laid: str | None) -> None:
    here = _sha(path)
    if here and here != laid:
        shutil.copyfile(path, path.with_name(path.name + OWN))
    put(path, content)


def _try(todo: Plan, places: Places, content: Mapping[str, bytes], check: Callable[[Places], None]) -> None:
    """Read everything as it would stand, in copies."""
    with TemporaryDirectory() as beside:
        trial = copied(places, Path(beside))
        for each in todo.put:
            put(trial.path(each.kind, each.name), content[each.sha256])
        for place in todo.gone:
            _path(trial, place).unlink(missing_ok=True)
        try:
            check(trial)
        except (Refusal, ValueError, OSError) as error:
            told = (
                "; ".join(f"{each.code} {each.place} {each.rule} {each.detail}" for each in error.problems)
                if isinstance(error, Refusal)
                else str(error)
            )
            raise refuse(
                CANNOT_STAND,
                "version",
                rule="what can be read with what stands here",
                detail=" ".join(told.split())[:500],
            ) from None


def copied(places: Places, beside: Path) -> Places:
    """Copy what stands at the places to others; schemas go along with the mappings that name them."""
    new = Places(
        registries=beside / "registries",
        mappings=beside / "formats" / "mappings",
        signatories=beside / "signatories",
        calendar=beside / "calendar.toml",
        pins=beside / "pins",
    )
    pairs = [(places.registries, new.registries), (places.mappings, new.mappings)]
    pairs += [(places.signatories, new.signatories), (places.pins, new.pins)]
    pairs += [(places.mappings.parent / name, new.mappings.parent / name) for name in ("json", "xsd", "wsdl")]
    for old, copy in pairs:
        if old.is_dir():
            shutil.copytree(old, copy)
    if places.calendar.is_file():
        shutil.copyfile(places.calendar, new.calendar)
    return new


def _kind(place: str) -> Kind:
    return Kind(place.partition("/")[0])


def _path(places: Places, place: str) -> Path:
    kind, _, name = place.partition("/")
    return places.path(Kind(kind), name)


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
