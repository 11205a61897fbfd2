"""Documents travel between hubs by their digest, and their bytes only when somebody at the other side needs them."""

from __future__ import annotations

import asyncio
import hashlib
import io
from typing import TYPE_CHECKING

from hub.rounds.syncing import PAPERS_EVERY
from tests.integration.hubs import (
    AT_PROVINCE,
    AT_TAM_KY,
    BY_DEPARTMENT,
    BY_WARD,
    DISTRICT,
    PROVINCE,
    At,
    Body,
    hubs,
    said,
    until,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.hubs import Hub

CONTENT = b"%PDF-1.4 " + bytes(range(256)) * 40_000
"""More than two pieces."""
SHA256 = hashlib.sha256(CONTENT).hexdigest()


PAPERS: Body = {
    "documents": [{"id": "1", "name": "don.pdf", "sha256": SHA256, "media_type": "application/pdf"}]
}


def opening(national: str) -> Body:
    return {**PAPERS, "procedure": {"national": national}, "applicant": {"name": "Nguyễn Văn Ánh"}}


async def uploaded(hub: Hub, system: str) -> None:
    assert hub.session is not None
    headers = {"Authorization": f"Bearer key of {system}"}
    told = {"sha256": SHA256, "size": len(CONTENT), "media_type": "application/pdf", "name": "don.pdf"}
    async with hub.session.post(f"{hub.url}/v1/documents", json=told, headers=headers) as got:
        assert got.status == 201, await got.text()
        place = got.headers["Location"]
    more = {**headers, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    async with hub.session.patch(place, data=io.BytesIO(CONTENT), headers=more) as got:
        assert got.status < 300, await got.text()


async def has(hub: Hub) -> bool:
    return any(each.sha256 == SHA256 for each in await hub.store.documents.held())


async def test_a_document_stays_where_it_is_until_a_recipient_at_the_other_hub_needs_it(
    tmp_path: Path,
) -> None:
    departments = At(PROVINCE, AT_PROVINCE.systems[:2])  # nobody there is told of what wards decide
    async with hubs(tmp_path, province=departments, tam_ky=AT_TAM_KY) as (province, tam_ky):
        await uploaded(tam_ky, "mot-cua")
        own = tam_ky.code()
        await tam_ky.say("mot-cua", said("received", own, opening(BY_WARD)))
        await province.knows(own, "received")
        await asyncio.sleep(PAPERS_EVERY + 1)
        assert not await has(province)
        needed = tam_ky.code()
        await tam_ky.say("mot-cua", said("received", needed, opening(BY_DEPARTMENT)))

        async def lies_there() -> bool:
            return bool(await province.store.mailbox.letters("land"))

        await until(lies_there)
        assert await has(province)
        (letter,) = await province.letters("land")
        link = letter["dossier"]["documents"][0]["reference"]
        assert province.session is not None
        async with province.session.get(link) as got:
            assert (got.status, hashlib.sha256(await got.read()).hexdigest()) == (200, SHA256)


async def test_a_hub_below_fetches_what_its_systems_need_through_the_hub_above(tmp_path: Path) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        await uploaded(province, "motcua-tinh")
        code = province.code()
        await province.say("motcua-tinh", said("received", code, opening(BY_DEPARTMENT)))
        assert not await has(tam_ky)

        await province.say("motcua-tinh", said("transferred", code, PAPERS, to_agency=DISTRICT))
        (letter,) = await tam_ky.hears("mot-cua", "transferred")
        assert await has(tam_ky)
        assert letter["dossier"]["documents"][0]["reference"].startswith(tam_ky.url)
