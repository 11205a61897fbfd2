"""The examples travel to the portal's double: mapping, room, and the portal's own validation at the end."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from connectors.catalogue import ROOMS, Outfit
from connectors.contract import Delivered, Parcel, Sealed
from connectors.simulators.desk import Journal
from connectors.simulators.portal import DSTCODE, PROGRESS, SYNC, Portal
from schemas.library import BUILTIN, Library
from schemas.mapping import mappings
from tests.doubles.loopback import loopback

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = sorted((BUILTIN.parent / "examples" / "messages").glob("*.json"))
PASSWORD = "m4t-kh4u-r4t-d4i"


def now() -> datetime:
    return datetime.now(UTC)


async def test_a_whole_dossier_reaches_the_portal_once_and_in_order(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    formats = mappings(BUILTIN / "mappings")
    outfit = Outfit(library=Library(), now=now, seconds=time.monotonic)
    async with loopback(Portal(Journal(None, now), PASSWORD, clock=now, generation="1+")) as (server, url):
        settings = ROOMS["national_portal"].settings.model_validate(
            {
                "base_url": url,
                "agency": "000.00.00.H47",
                "username": "000.00.00.H47",
                "password_file": tmp_path / "password",
                "integration_path": "/mapi/g",
                "share_path": "/mapi/g",
                "dstcode": DSTCODE,
            }
        )
        codec = ROOMS["national_portal"].build(settings, formats["dvcqg.g1@1"])
        room = ROOMS["national_portal"].connect(settings, (), outfit)
        sent = []
        for number, example in enumerate(EXAMPLES):
            message = formats["motcua.rest@1"].read(
                example.read_bytes(), "motcua-tinh", f"k-{number}", "000.00.00.H47"
            )
            for part, operation in enumerate(codec.operations(message)):
                draft = codec.encode(operation, message, f"t-{number}-{part}")
                sealed = Sealed(payload=draft.payload, media_type=draft.media_type, facts=draft.facts)
                parcel = Parcel(key=f"t-{number}-{part}", operation=operation, sealed=sealed)
                outcome = await room.deliver(parcel)
                assert isinstance(outcome, Delivered), (example.name, operation, outcome)
                sent.append(operation)
                if number % 3 == 1:
                    server.desk.expire()
        await room.close()
    entries = server.desk.journal.entries
    assert [entry.operation for entry in entries] == sent
    assert [entry.reference for entry in entries if entry.operation == SYNC][:2] == ["create", "update"]
    assert sum(entry.operation == PROGRESS for entry in entries) == len(EXAMPLES)
