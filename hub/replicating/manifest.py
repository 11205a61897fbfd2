"""A version of everything that a hub gives to those below it: a numbered, signed list of files by their hashes. Pure.

Canonical JSON ``{"v":1, "hub", "number", "previous", "made_at", "from_day", "files":[{"kind", "name", "sha256", "size"}]}``; ``previous`` is the
SHA-256 of the manifest before it, empty for the first. The signature is a detached JWS over these bytes. Files are asked for by their hash.
A version never changes; one that is older than what is known, or another one under a known number, is not believed.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Iterable

REGRESSES: Final = "HUB-EDG-041"
WRONG: Final = "HUB-EDG-042"
LARGEST: Final = 16 << 20
"""Bytes of one file."""
MOST: Final = 20_000
"""Files of one version."""
AHEAD: Final = timedelta(minutes=5)
"""How far a version may come from the future: what two clocks may differ by."""
PREVIOUS: Final = re.compile(r"([0-9a-f]{64})?")
_SHA: Final = re.compile(r"[0-9a-f]{64}")
_STEP = r"[A-Za-z0-9][A-Za-z0-9._@-]{0,119}"


class Kind(StrEnum):
    CATALOGUE = "catalogue"
    CALENDAR = "calendar"
    REGISTRY = "registry"
    MAPPING = "mapping"
    PINS = "pins"
    SIGNATORIES = "signatories"


NAMES: Final = {
    Kind.CATALOGUE: re.compile(rf"{_STEP}\.json"),
    Kind.CALENDAR: re.compile(r"calendar\.toml"),
    Kind.REGISTRY: re.compile(
        rf"(agencies/{_STEP}\.csv|procedures/{_STEP}\.toml|codelists/{_STEP}/{_STEP}\.toml|published/{_STEP}/{_STEP}\.json)"
    ),
    Kind.MAPPING: re.compile(
        rf"(mappings/{_STEP}\.toml|mappings/approvals/{_STEP}\.toml|(json|xsd|wsdl)/({_STEP}/){{1,2}}{_STEP})"
    ),
    Kind.PINS: re.compile(rf"(hub|anchors|timestamps)/{_STEP}\.pem"),
    Kind.SIGNATORIES: re.compile(rf"({_STEP}/){{0,2}}{_STEP}\.(toml|pem|crt|cer)"),
}
"""What a file of each kind may be called; nothing else ever becomes a path."""


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Common shape: closed, frozen, named fields."""


class File(Value, frozen=True):
    kind: Kind
    name: str
    sha256: str
    size: int

    @property
    def place(self) -> str:
        return f"{self.kind}/{self.name}"


class Manifest(Value, frozen=True):
    """``from_day``: the first day on which it counts, in Vietnam. ``files``: by kind and name."""

    hub: str
    number: int
    made_at: datetime
    from_day: date
    files: tuple[File, ...]
    previous: str = ""
    v: int = 1


class Known(Value, frozen=True):
    """The newest version that is known of a hub."""

    number: int
    digest: str
    made_at: datetime


def file_of(kind: Kind, name: str, content: bytes) -> File:
    return File(kind=kind, name=name, sha256=hashlib.sha256(content).hexdigest(), size=len(content))


def follow(
    before: Manifest | None, files: Iterable[File], *, hub: str, made_at: datetime, from_day: date
) -> Manifest | None:
    """Return the version that follows, ``None`` where nothing differs. It counts no sooner than the one before it."""
    listed = tuple(sorted(files, key=lambda each: (each.kind, each.name)))
    if before is not None and before.files == listed:
        return None
    return Manifest(
        hub=hub,
        number=before.number + 1 if before else 1,
        previous=digest(to_json(before)) if before else "",
        made_at=made_at,
        from_day=max(from_day, before.from_day) if before else from_day,
        files=listed,
    )


def to_json(manifest: Manifest) -> bytes:
    return msgspec.json.encode(manifest, order="deterministic")


def digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def read(raw: bytes) -> Manifest:
    """Raises ``Refusal`` HUB-EDG-042 for what is no version, or lists what no version may hold."""
    try:
        told = msgspec.json.decode(raw, type=Manifest)
    except msgspec.MsgspecError as error:
        raise refuse(
            WRONG, "version", rule="a version as the protocol writes it", detail=str(error)
        ) from None
    if told.v != 1 or told.number < 1 or not told.hub or not PREVIOUS.fullmatch(told.previous):
        raise refuse(WRONG, "version", rule="a version as the protocol writes it")
    if told.made_at.tzinfo is None:
        raise refuse(WRONG, "version/made_at", rule="a moment with its offset from UTC")
    if len(told.files) > MOST:
        raise refuse(WRONG, "version/files", rule=f"at most {MOST} files")
    for each in told.files:
        if not NAMES[each.kind].fullmatch(each.name) or not _SHA.fullmatch(each.sha256):
            raise refuse(
                WRONG,
                "version/files",
                rule="names and hashes of the kinds that replicate",
                detail=each.place[:200],
            )
        if not 0 <= each.size <= LARGEST:
            raise refuse(WRONG, "version/files", rule=f"at most {LARGEST} bytes", detail=each.place)
    doubled = [place for place, number in Counter(each.place for each in told.files).items() if number > 1]
    if doubled:
        raise refuse(WRONG, "version/files", rule="each file once", detail=doubled[0])
    return told


def is_news(told: Manifest, told_digest: str, known: Known | None, now: datetime) -> bool:
    """Whether this is a version that was not known. Raises ``Refusal`` HUB-EDG-041 for one that cannot follow on what is known."""
    if told.made_at > now + AHEAD:
        raise refuse(REGRESSES, "version/made_at", rule="a version from the past", detail=str(told.number))
    if known is None:
        return True
    if (told.number, told_digest) == (known.number, known.digest):
        return False
    if told.number <= known.number:
        raise refuse(
            REGRESSES, "version/number", rule=f"later than version {known.number}", detail=str(told.number)
        )
    if told.made_at < known.made_at:
        raise refuse(
            REGRESSES, "version/made_at", rule=f"made after version {known.number}", detail=str(told.number)
        )
    if told.number == known.number + 1 and told.previous != known.digest:
        raise refuse(
            REGRESSES,
            "version/previous",
            rule=f"a version that follows on version {known.number}",
            detail=str(told.number),
        )
    return True


def check_file(listed: File, content: bytes) -> None:
    """Raises ``Refusal`` HUB-EDG-042 for other bytes than the manifest lists."""
    if len(content) != listed.size or hashlib.sha256(content).hexdigest() != listed.sha256:
        raise refuse(WRONG, listed.place, rule="the bytes that the version lists")
