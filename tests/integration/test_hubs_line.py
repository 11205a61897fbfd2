"""What a line does to a greeting, and what goes back to a hub that was restored: nothing sound is stopped, and nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.edges.below import Below
from tests.doubles.proxy import Fault
from tests.integration.hubs import AT_PROVINCE, AT_TAM_KY, BY_WARD, hubs, received, said
from tests.integration.test_hubs import settled

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from connectors.edge.values import Hello
    from hub.edges.peers import Peer


async def test_a_greeting_that_comes_again_after_batches_have_moved_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[Below, Peer, Hello]] = []
    greet = Below.hello

    async def listening(below: Below, peer: Peer, hello: Hello) -> Hello:
        heard.append((below, peer, hello))
        return await greet(below, peer, hello)

    monkeypatch.setattr(Below, "hello", listening)
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        code = tam_ky.code()
        await tam_ky.say("mot-cua", received(code, BY_WARD))
        await tam_ky.say("mot-cua", said("step", code))
        await settled(tam_ky, "above", 2)
        below, peer, hello = heard[0]
        assert hello.made.seq == 0
        answer = await greet(below, peer, hello)
        assert answer.acks.upto > 0
        assert not (await province.store.edges.link("tam-ky")).stands
        await tam_ky.say("mot-cua", said("finished", code))
        await province.knows(code, "received", "step", "finished")


async def test_a_line_on_which_everything_is_said_twice_stops_nobody(tmp_path: Path) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        assert tam_ky.line is not None
        tam_ky.line.faults(Fault(again=True))
        tam_ky.line.cut()
        codes = [tam_ky.code() for _ in range(5)]
        for code in codes:
            await tam_ky.say("mot-cua", received(code, BY_WARD))
            await province.knows(code, "received")
        await settled(tam_ky, "above", 5)
        assert not (await province.store.edges.link("tam-ky")).stands
        assert not (await tam_ky.store.edges.link("above")).stands
