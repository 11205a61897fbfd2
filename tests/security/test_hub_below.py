"""A hub below whose machine is somebody else's: what it signs is well signed, and no more is believed than its agencies may say.

Two real hubs over loopback. The one below runs as ever, but for what it writes into its entries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from hub.edges.relaying import Relaying
from hub.lifecycle import State
from hub.store.contract.views import Filter
from hub.story import record
from schemas.dossier import Kind, from_json, to_json
from tests.integration.hubs import (
    AT_HOI_AN,
    AT_PROVINCE,
    AT_TAM_KY,
    BY_WARD,
    DISTRICT,
    LAND,
    OTHER_DISTRICT,
    PROVINCE,
    hubs,
    received,
    said,
    until,
)

if TYPE_CHECKING:
    from pathlib import Path

    from hub.store.contract.delivery import Work
    from tests.integration.hubs import Hub

Lie = dict[str, Any]
OPENING = {"by_origin", "received_by", "opened_on"}
"""Words of a message that opens a dossier."""


def lies(monkeypatch: pytest.MonkeyPatch, lie: Lie) -> None:
    """From here on the hub below seals ``lie``: ``code``, ``kind`` of the message, and what else its entry says of it."""
    honest = Relaying._with_place

    async def dishonest(self: Relaying, work: Work) -> Work:
        work = await honest(self, work)
        if self._hub != DISTRICT or work.relayed is None:
            return work
        message = from_json(work.canonical)
        assert message.dossier is not None
        dossier = msgspec.structs.replace(message.dossier, code=lie["code"])
        event = msgspec.structs.replace(message.event, kind=lie.get("kind", message.kind))
        words = {**work.relayed.words, "kind": event.kind, "code": lie["code"], **lie.get("words", {})}
        if "kind" in lie:
            words = {name: value for name, value in words.items() if name not in OPENING}
        told = msgspec.structs.replace(work.relayed, history=(), words=words, **lie.get("about", {}))
        message = msgspec.structs.replace(message, event=event, dossier=dossier)
        return msgspec.structs.replace(work, canonical=to_json(message), relayed=told)

    monkeypatch.setattr(Relaying, "_with_place", dishonest)


async def refused(below: Hub, count: int) -> list[str]:
    """Wait until so many transfers to the hub above were answered; the codes of those that were refused."""

    async def answered() -> bool:
        found = await below.store.transfers(Filter(partner="above", limit=100))
        return len([each for each in found if each.state in {State.REFUSED, State.ACKNOWLEDGED}]) == count

    await until(answered)
    found = await below.store.transfers(Filter(partner="above", limit=100))
    return [each.problem for each in found if each.state is State.REFUSED]


@pytest.mark.parametrize("kind", [Kind.FINISHED, Kind.WITHDRAWN, Kind.STEP])
async def test_it_ends_no_dossier_of_a_department(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        code = province.code()
        await province.say("motcua-tinh", received(code))
        await province.say("motcua-tinh", said("transferred", code, to_agency=LAND))
        lies(monkeypatch, {"code": code, "kind": kind, "about": {"seen": {PROVINCE: 2}}})
        await tam_ky.say("mot-cua", received(tam_ky.code(), BY_WARD))
        assert await refused(tam_ky, 1) == ["HUB-DOS-003"]
        there = await province.dossier(code)
        assert there is not None
        story = record.from_json(there.story)
        assert (story.state, dict(story.heard)) == ("processing", {PROVINCE: 2})


@pytest.mark.parametrize("hub", [PROVINCE, OTHER_DISTRICT])
async def test_it_gives_no_number_in_another_hubs_name(
    hub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY, hoi_an=AT_HOI_AN) as (province, low, _):
        code = low.code()
        lies(monkeypatch, {"code": code, "about": {"hub": hub}})
        await low.say("mot-cua", received(code, BY_WARD))
        assert await refused(low, 1) == ["HUB-EDG-022"]
        assert await province.dossier(code) is None


async def test_it_opens_no_dossier_that_counts_for_another_agency(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, low):
        code = low.code()
        lies(monkeypatch, {"code": code, "words": {"received_by": OTHER_DISTRICT}})
        await low.say("mot-cua", received(code, BY_WARD))
        assert await refused(low, 1) == ["HUB-DOS-012"]
        assert await province.dossier(code) is None
