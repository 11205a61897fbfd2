"""What is given to hubs below and taken from the one above, built from the settings."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding

from hub.replicating.giving import EVERY, Giving
from hub.replicating.manifest import WRONG, Kind
from hub.replicating.places import Places
from hub.replicating.taking import Taking
from hub.rounds.rounds import again, beside
from hub.settings import replica
from hub.wiring import declared
from hub.wiring.parts import utc_now
from hub.wiring.tools import keys_of
from schemas.problems import refuse
from signing.jose.detached import DetachedVerifier
from signing.trust.pins import load_certificates, load_pins

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from hub.receipts.receipts import Confirm
    from hub.settings.file import Settings
    from hub.store.contract.store import Store
    from hub.wiring.declared import Declared
    from signing.trust.pins import PinFile

GIVING = "giving"
_UNFIT = re.compile(r"[^A-Za-z0-9._-]")


def hub_code(settings: Settings) -> str:
    """What this hub is called by other hubs."""
    return settings.hub.code


def places_of(settings: Settings) -> Places:
    beside = replica.site(settings)
    return Places(
        registries=settings.registries or beside / "registries",
        mappings=settings.mappings or beside / "mappings",
        signatories=settings.signatories or beside / "signatories",
        calendar=settings.calendar or beside / "calendar.toml",
        pins=beside / "pins",
    )


def at(settings: Settings, places: Places) -> Settings:
    """Return the settings as they would be with these places, as far as something stands there."""
    folders = {name: getattr(places, name) for name in ("registries", "mappings", "signatories")}
    told = {name: path if path.is_dir() else None for name, path in folders.items()}
    told["calendar"] = places.calendar if places.calendar.is_file() else None
    return settings.model_copy(update=told)


def readable(settings: Settings, places: Places) -> None:
    """Raises ``Refusal`` when a hub with these settings could not read what stands at the places."""
    told = at(settings, places)
    declared.read(told)
    declared.code_lists_of(told)
    load_certificates(sorted(places.pins.glob("*/*.pem")))


def giving(store: Store, settings: Settings, hub: str, confirm: Confirm) -> Giving:
    return Giving(store, partial(_gathered, settings), confirm, hub, now=utc_now)


@asynccontextmanager
async def giving_down(store: Store, what: Declared, sign: Confirm, name: str) -> AsyncIterator[None]:
    """Make the next version when something changed, while the context lasts; in one worker of the cluster, and only where there are hubs below."""
    if all(each.party.hub != "child" for each in what.partners):
        yield
        return
    gives = giving(store, what.settings, hub_code(what.settings), sign)

    async def once() -> None:
        if await store.turn(GIVING, name, utc_now(), 3 * EVERY):
            await gives.round()

    async with beside(again(EVERY, once, "versions")):
        yield
    await store.end_turn(GIVING, name)


def _gathered(settings: Settings) -> Iterator[tuple[Kind, str, bytes]]:
    """Only what this hub itself can read is given to others. Raises ``Refusal`` otherwise."""
    what = declared.read(settings)
    declared.code_lists_of(settings)
    elsewhere = [
        file.name
        for _, file in what.signatories.files
        if settings.signatories and not file.resolve().is_relative_to(settings.signatories.resolve())
    ]
    if elsewhere:
        raise refuse(
            WRONG, "signatories", rule="certificates below the folder of signatories", detail=elsewhere[0]
        )
    yield from places_of(settings).gather()
    yield from _own_pins(settings)


def _own_pins(settings: Settings) -> Iterator[tuple[Kind, str, bytes]]:
    """By whose certificates those below know this hub, now and when the next generation begins; and whom it believes."""
    name = settings.hub.key or settings.evidence.key
    if name:
        for one in keys_of(settings, name).generations(name):
            yield (
                Kind.PINS,
                f"hub/{one.key.fingerprint}.pem",
                one.key.certificate.public_bytes(Encoding.PEM),
            )
    for folder, files in (
        ("anchors", settings.documents.signatures.anchors),
        ("timestamps", settings.timestamps.certificates),
    ):
        for file in files:
            name = f"{folder}/{_UNFIT.sub('_', file.stem)}.pem"
            yield (
                Kind.PINS,
                name,
                b"".join(each.public_bytes(Encoding.PEM) for each in load_certificates([file])),
            )


def taking(store: Store, settings: Settings, above: str, pins: Iterable[Path | PinFile]) -> Taking:
    """``above``: what the hub above is called; ``pins``: its certificates from the enrolment; those of its versions count beside them."""
    told = tuple(pins)
    return Taking(
        store,
        above,
        partial(_believe, settings, told),
        places_of(settings),
        replica.record(settings),
        partial(readable, settings),
        now=utc_now,
    )


def pins_of_above(settings: Settings) -> tuple[Path, ...]:
    """Certificates of the hub above that came in its versions: its next generations."""
    return tuple(sorted((places_of(settings).pins / "hub").glob("*.pem")))


def _believe(
    settings: Settings, pins: tuple[Path | PinFile, ...], raw: bytes, token: str, at: datetime
) -> None:
    DetachedVerifier(load_pins([*pins, *pins_of_above(settings)])).verify(raw, token, at)
