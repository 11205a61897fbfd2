"""A hub below in JavaScript, written from docs/reference/edge-protocol.md alone, and the hub above as it is."""

from __future__ import annotations

import asyncio
import base64
import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.edge.frames import Frames
from hub.lifecycle import State
from hub.store.contract.views import Filter
from tests.golden.hubs import FOLDER
from tests.integration.hubs import AT_PROVINCE, AT_TAM_KY, DISTRICT, LAND, PROVINCE, hubs, said, until

if TYPE_CHECKING:
    from tests.integration.hubs import Hub

PROGRAM = Path(__file__).parent / "node" / "edge.mjs"


async def node(*words: str | Path) -> dict[str, Any]:
    """Run it; what it says."""
    program = await asyncio.create_subprocess_exec(
        "node", PROGRAM, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(program.communicate(), 60)
    assert out, err.decode()
    return dict(json.loads(out))


async def test_the_published_vectors_say_there_what_they_say_here() -> None:
    told = await node("vectors", FOLDER)
    written = base64.b64decode(told.pop("frame"))
    assert told == {
        "seqs": [1, 2],
        "chain": True,
        "holds": True,
        "swapped": False,
        "token": True,
        "entries": ["m-1", "m-2"],
        "ours": True,
    }
    (framed,) = Frames().feed(written)
    assert framed.raw == (FOLDER / "manifest-1.json").read_bytes()


def key_of(hub: Hub) -> tuple[str, str]:
    told = tomllib.loads(hub.settings.read_text())["keys"]["hub"]
    return told["file"], told["certificate"]


async def test_a_foreign_hub_pushes_through_a_cut_and_pulls_what_comes_back(tmp_path: Path) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        await tam_ky.stop()
        first, second = tam_ky.code(), tam_ky.code()

        async def synced(*codes: str) -> dict[str, Any]:
            (key, own), theirs = key_of(tam_ky), key_of(province)[1]
            state = tmp_path / "state.json"
            return await node("sync", province.url, DISTRICT, PROVINCE, key, own, theirs, state, *codes)

        told = await synced(first, second)
        assert told["pushed"]["cut"]["upto"] == 1, told
        assert told["pushed"]["whole"]["upto"] == 2
        assert told["pushed"]["whole"]["head"] == told["pushed"]["head"]
        assert "refused" not in told["pushed"]["whole"]
        await province.hears("land", "received", "received")
        await province.knows(first, "received")
        await province.knows(second, "received")

        await province.say("land", said("step", first))
        again = await synced()
        assert again["hello"]["acks"]["upto"] == 2
        (entry,) = again["pulled"]
        assert entry["message"]["event"]["kind"] == "step"
        assert (entry["agency"], entry["stamp"]["hub"], entry["stamp"]["seen"]) == (
            LAND,
            PROVINCE,
            {DISTRICT: 1},
        )

        async def acknowledged() -> bool:
            found = await province.store.transfers(Filter(partner="tam-ky", limit=9))
            return [each.state for each in found] == [State.ACKNOWLEDGED]

        await until(acknowledged)


async def test_a_stranger_with_the_right_name_is_turned_away(tmp_path: Path) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        await tam_ky.stop()
        theirs = key_of(province)[1]
        told = await node(
            *(
                "sync",
                province.url,
                DISTRICT,
                PROVINCE,
                FOLDER / "key.pem",
                theirs,
                theirs,
                tmp_path / "s.json",
            )
        )
        assert told == {"error": "401 HUB-SIG-002"}
