"""Hubs that hear about one dossier without knowing of each other end with the same story, and say which change gave way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.story import merging, record, tellings
from hub.story.truth import truth
from tests.integration.hubs import AT_PROVINCE, AT_TAM_KY, DISTRICT, LAND, hubs, received, said, until
from tests.integration.test_hubs import off

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.hubs import Hub


async def truth_at(hub: Hub, code: str) -> bytes:
    found = await hub.dossier(code)
    return truth(record.from_json(found.story)) if found else b""


async def agree(code: str, count: int, *at: Hub) -> bytes:
    """Wait until all have heard so many messages of the dossier; return the truth that all of them hold."""

    async def heard() -> bool:
        return all([len(await hub.kinds(code)) == count for hub in at])

    await until(heard)
    found = {await truth_at(hub, code) for hub in at}
    assert len(found) == 1, found
    return found.pop()


async def asides(hub: Hub, code: str) -> list[tuple[str, str, str]]:
    """What does not count: kind, rule, and the kind of what stands instead."""
    dossier = await hub.dossier(code)
    assert dossier is not None
    kept = await hub.store.said.tellings(dossier.id)
    kinds = {(told := tellings.from_json(each.telling)).message: told.words.kind for each in kept.said}
    found = [merging.from_json(each.aside) for each in kept.said if each.aside]
    return [(kinds[each.message], each.rule, kinds.get(each.by, "")) for each in found]


async def test_every_hub_holds_the_same_truth_of_what_was_said_in_turn(tmp_path: Path) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        code = tam_ky.code()
        await tam_ky.say("mot-cua", received(code))
        await tam_ky.say("mot-cua", said("transferred", code, to_agency=LAND))
        await province.hears("land", "received", "transferred")
        await province.say("land", said("step", code))
        await agree(code, 3, province, tam_ky)
        assert await asides(province, code) == await asides(tam_ky, code) == []


async def test_of_two_ends_without_a_line_the_agencys_stands_at_both_hubs_and_the_other_says_why(
    tmp_path: Path,
) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        code = tam_ky.code()
        await tam_ky.say("mot-cua", received(code))
        await tam_ky.say("mot-cua", said("transferred", code, to_agency=LAND))
        await province.hears("land", "received", "transferred")
        await province.say("land", said("step", code))
        await agree(code, 3, province, tam_ky)
        await off(tam_ky)
        await province.say("land", said("finished", code))
        await tam_ky.say("mot-cua", said("withdrawn", code))
        assert tam_ky.line is not None
        tam_ky.line.faults()
        await agree(code, 5, province, tam_ky)
        for hub in (province, tam_ky):
            found = await hub.dossier(code)
            assert found is not None
            assert record.from_json(found.story).state == "finished"
            assert await asides(hub, code) == [("withdrawn", "withdrawal", "finished")]
        *_, notice = await tam_ky.hears("mot-cua", "step", "finished", "delivery_failed")
        assert notice["failure"]["code"] == "HUB-DOS-011"
        (withdrawn,) = [
            one for one in await tam_ky.store.messages("mot-cua", "", 9) if one.kind == "withdrawn"
        ]
        told = [row for row in await tam_ky.store.journal(message=withdrawn.id) if row.what == "set_aside"]
        assert [(row.facts["code"], row.facts["rule"]) for row in told] == [("HUB-DOS-011", "withdrawal")]


async def test_both_changes_count_where_both_can(tmp_path: Path) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        code = province.code()
        await province.say("motcua-tinh", received(code))
        await province.say("motcua-tinh", said("transferred", code, to_agency=DISTRICT))
        await tam_ky.hears("mot-cua", "transferred")
        await agree(code, 2, province, tam_ky)
        await off(tam_ky)
        await tam_ky.say("mot-cua", said("step", code))
        await province.say("motcua-tinh", said("due_date_changed", code, due_at="2026-12-31T10:00:00+07:00"))
        await tam_ky.say("mot-cua", said("finished", code))
        assert tam_ky.line is not None
        tam_ky.line.faults()
        assert (
            b"2026-12-31T10:00:00+07:00" in (found := await agree(code, 5, province, tam_ky))
            or b"2026-12-31T03:00:00Z" in found
        )
        assert await asides(province, code) == await asides(tam_ky, code) == []
