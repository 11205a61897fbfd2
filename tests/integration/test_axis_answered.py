"""What organisations on the axis say about documents that the hub sent them: who decides moves the dossier, who has a copy does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from connectors.contract import Picked
from hub.judging.contract import Answers, Inbound, Meant
from hub.story import record
from schemas.dossier import Kind
from tests.contract.room import SECRET
from tests.contract.room_edxml import OWN, THEIRS
from tests.integration.collecting_house import NOON
from tests.integration.intake_house import LAND, OTHER, PROCEDURE, PROVINCE, partner_files, parts
from tests.integration.test_document_axis import PARTNER, STATUS, staged

if TYPE_CHECKING:
    from pathlib import Path

    from hub.store.contract.views import DossierView
    from tests.integration.intake_house import Parts
    from tests.integration.test_document_axis import Stage

CODE = "000.00.15.H47-190412-0007"
HEARS = """[receives]
kinds = ["received", "transferred", "step"]
role = "{role}"
mapping = "edxml.qcvn102@1"
authority = "000.00.00.H47"
"""


def axis_parts(folder: Path, role: str, agency: str) -> Parts:
    """The province's partners, and on the axis an organisation of that agency; of the agency that decides it is the only one."""
    pin = folder / "pin.pem"
    pin.write_text("")
    files = partner_files(folder / "partners", pin)
    for name in ("counter", "bureau", *(("land",) if agency == LAND else ())):
        (files / f"{name}.toml").unlink()
    text = PARTNER.replace(f'agency = "{THEIRS}"', f'agency = "{agency}"')
    text = text.replace('"received", "step", "finished"', '"step", "finished"').replace(
        "sends.edxml", "receives.edxml"
    )
    text = text.replace("[receives.edxml]", HEARS.format(role=role) + "[receives.edxml]")
    (files / "axis.toml").write_text(text, "utf-8")
    (files / "unit.txt").write_text(SECRET, "utf-8")
    return parts(files)


async def says(stage: Stage, kind: str) -> str:
    """The one-stop says it; return the key of the letter about it to the organisation on the axis."""
    dossier = {"code": CODE, "procedure": {"national": PROCEDURE}}
    event = {"kind": kind, "at": "2019-04-12T02:00:00Z"}
    told = {"event": event, "key": "", "sender": "", "agency": "", "dossier": dossier}
    picked = Picked(id=kind, body=msgspec.json.encode(told), media_type="application/json", key=kind)
    accepted = await stage.worker.take("desk", picked)
    found = await seen(stage)
    return next(
        each.key for each in found.transfers if (each.message, each.partner) == (accepted.message, "axis")
    )


async def answers(stage: Stage, key: str, code: str) -> None:
    """The organisation on the axis says a status about that letter, and the hub picks it up."""
    about = f">{OWN},2019/04/12,{key}/{CODE}<"
    raw = STATUS.replace(">000.00.00.H47,2019/04/12,9/000.00.15.H47-190412-0007<", about)
    assert about in raw
    name = stage.axis.lodge(THEIRS, raw.replace(">03<", f">{code}<").encode(), kind="status")
    assert await stage.round() == 1
    assert stage.state(name) == "DONE"
    assert not any(row.facts.get("quarantine") for row in await stage.hub.store.journal())


async def seen(stage: Stage) -> DossierView:
    known = await stage.hub.store.known(PROVINCE, CODE)
    assert known
    found = await stage.hub.store.dossier(known.dossier)
    assert found
    return found


async def stands(stage: Stage) -> tuple[str, tuple[str, ...]]:
    """The dossier's state, and who has it in hand."""
    story = record.from_json((await seen(stage)).story)
    return str(story.state), tuple(leg.agency for leg in story.legs if not leg.passed_to)


async def test_who_has_a_copy_says_what_it_likes_and_the_dossier_stays_where_it_is(tmp_path: Path) -> None:
    async with staged(tmp_path, axis_parts(tmp_path, "informed", OTHER)) as stage:
        letters = [await says(stage, "received"), await says(stage, "transferred")]
        before = await seen(stage)
        for key in letters:
            for code in ("03", "04", "06", "02"):
                await answers(stage, key, code)
        after = await seen(stage)
        assert await stands(stage) == ("processing", (PROVINCE,))
        assert after.transfers == before.transfers
        assert [each.sender for each in after.messages] == ["desk"] * 2 + ["axis"] * 8


async def test_who_decides_takes_over_what_was_transferred_and_ends_it_by_the_document_that_brought_it(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path, axis_parts(tmp_path, "decides", LAND)) as stage:
        received = await says(stage, "received")
        await answers(stage, received, "03")  # sends.kinds need not name it
        assert await stands(stage) == ("accepted", (PROVINCE,))
        await answers(stage, await says(stage, "transferred"), "03")
        assert await stands(stage) == ("processing", (LAND,))
        second = await says(stage, "step")
        for code in ("03", "05", "06"):
            await answers(stage, second, code)
            assert await stands(stage) == ("processing", (LAND,))
        await answers(stage, received, "06")
        assert await stands(stage) == ("finished", (LAND,))


async def test_a_key_of_nothing_that_was_sent_there_makes_no_status_of_ours(tmp_path: Path) -> None:
    async with staged(tmp_path, axis_parts(tmp_path, "decides", LAND)) as stage:
        key = await says(stage, "received")
        raw = STATUS.replace("9/000.00.15", f"{key.replace(':axis:', ':land:')}/000.00.15").encode()
        name = stage.axis.lodge(THEIRS, raw, kind="status")
        assert await stage.round() == 1
        assert stage.state(name) == "FAIL"  # as a message of its own it needs sends.kinds


@pytest.mark.parametrize(
    "meant", [Answers(kind=Kind.STEP), Meant(kind=Kind.WITHDRAWN, code=CODE, corrects="m1"), None]
)
def test_what_a_message_is_about_crosses_into_the_judging_processes(meant: Meant | Answers | None) -> None:
    told = Inbound(message="m", sender="axis", headers={}, received_at=NOON, meant=meant)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(told), type=Inbound) == told
