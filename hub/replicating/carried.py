"""A published catalogue as a file of a version: its document byte for byte, with what its publisher wrote down of it."""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING

import msgspec

from hub.registries import catalogues
from hub.replicating.manifest import WRONG, Value
from hub.store.contract.catalogues import Version
from schemas.problems import refuse

if TYPE_CHECKING:
    from hub.store.contract.catalogues import CatalogueStore

OTHER = "HUB-EDG-043"


class Carried(Value, frozen=True):
    id: str
    version: int
    effective: date
    at: datetime
    signature: str
    by: str
    reason: str
    document: str


def name_of(version: Version) -> str:
    return f"{version.id}@{version.version}.json"


def to_bytes(version: Version, document: bytes) -> bytes:
    told = Carried(
        id=version.id,
        version=version.version,
        effective=version.effective,
        at=version.at,
        signature=version.signature,
        by=version.by,
        reason=version.reason,
        document=document.decode(),
    )
    return msgspec.json.encode(told, order="deterministic")


def from_bytes(raw: bytes, name: str) -> tuple[Version, bytes]:
    """Raises ``Refusal`` HUB-EDG-042 for what is no catalogue, or one under another name."""
    try:
        told = msgspec.json.decode(raw, type=Carried)
    except msgspec.MsgspecError as error:
        raise refuse(WRONG, name, rule="a catalogue as the protocol writes it", detail=str(error)) from None
    document = told.document.encode()
    version = Version(
        id=told.id,
        version=told.version,
        effective=told.effective,
        at=told.at,
        digest=catalogues.digest(document),
        signature=told.signature,
        by=told.by,
        reason=told.reason,
    )
    if name_of(version) != name or not catalogues.ID.fullmatch(version.id):
        raise refuse(WRONG, name, rule="a catalogue under its own name")
    return version, document


async def put(store: CatalogueStore, version: Version, document: bytes) -> None:
    """Publish it here as it was published above. Raises ``Refusal`` HUB-EDG-043 where another one has its number."""
    if await store.publish(version, document):
        return
    known = next((each for each in await store.versions(version.id) if each.version == version.version), None)
    if known is None or known.digest != version.digest:
        raise refuse(OTHER, name_of(version), rule="catalogues that are published above, not here")
