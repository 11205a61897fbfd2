"""A whole hub, seen from outside: real processes, killed and stopped; the partners' journals and the store's file tell."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import aiohttp
import pytest

from hub.demo.processes import owns_port
from hub.lifecycle import State
from hub.processes.supervisor import GRACE
from tests.acceptance.hub_house import (
    LAND_KEY,
    LEASE,
    OTHER_KEY,
    House,
    alive,
    assert_arrived,
    house,
    kill,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hub.demo.messages import Said

pytestmark = pytest.mark.xdist_group("hub")

PATIENCE = 30.0


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("hub")) as house_:
        yield house_


@pytest.fixture
async def hub(opened: House) -> House:
    """The one hub of this module; what an earlier test killed has come back."""
    await opened.ready()
    return opened


async def state_of(hub: House, transfer: str) -> str:
    return str((await hub.get(f"/v1/transfers/{transfer}"))["state"])


async def copy_for(hub: House, message: str, partner: str) -> str:
    """The id of the transfer that carries a message to a partner."""
    for transfer in (await hub.get(f"/v1/messages/{message}"))["transfers"]:
        if (await hub.get(f"/v1/transfers/{transfer}"))["partner"] == hub.scene.partner(partner):
            return str(transfer)
    raise AssertionError(partner)


async def test_a_message_travels_to_every_recipient_with_a_signature_that_others_verify(
    hub: House, tmp_path: Path
) -> None:
    story = next(hub.told)[:3]
    for said in story:
        answer = await hub.send(said)
        assert answer.headers["Location"].endswith(f"/v1/messages/{answer['message']}")
    await assert_arrived(hub, story)
    for number, entry in enumerate(hub.entries("land", story[0].dossier)):
        file = tmp_path / f"{number}.xml"
        root = f"urn:lienthong:example:land:1:{entry['operation']}"
        command = ["xmlsec1", "--verify", "--trusted-pem", str(hub.scene.root), "--id-attr:Id", root]
        for body, status in ((entry["body"], 0), (entry["body"].replace("-261120-", "-261121-"), 1)):
            file.write_text(body, "utf-8")
            done = subprocess.run([*command, str(file)], capture_output=True, check=False)  # noqa: ASYNC221 - nothing else runs in this loop
            assert done.returncode == status, done.stderr
    (first, *_) = hub.entries("portal", story[0].dossier)
    assert first["operation"] == "DongBoHoSoMC"


async def test_a_sender_sees_its_own_messages_only(hub: House) -> None:
    (said, *_) = next(hub.told)
    message = (await hub.send(said))["message"]
    mine = await hub.get(f"/v1/messages/{message}")
    assert mine.status == 200
    bureau = {"Authorization": f"Bearer {OTHER_KEY}"}
    paths = [f"/v1/messages/{message}", f"/v1/dossiers/{said.dossier}"]
    paths += [f"/v1/transfers/{transfer}" for transfer in mine["transfers"]]
    assert len(paths) >= 4
    for path in paths:
        assert (await hub.get(path)).status == 200
        assert (await hub.get(path, bureau)).status == 404
        assert (await hub.get(path, {})).status == 401
        assert (await hub.get(path, {"Authorization": "Bearer guessed"})).status == 401
    unknown = await hub.get("/v1/messages/01ARZ3NDEKTSV4RRFFQ69G5FAV", bureau)
    foreign = await hub.get(paths[0], bureau)
    ignored = {"instance", "request"}
    told = [{k: v for k, v in json.loads(one.body).items() if k not in ignored} for one in (unknown, foreign)]
    assert told[0] == told[1]  # not even that it exists is told


async def test_a_refusal_inside_200_comes_back_to_the_sender_by_its_own_room(hub: House) -> None:
    said, *_ = next(hub.told)
    await until(lambda: nothing_under_way(hub), PATIENCE, "what was sent before")  # or it meets the refusal
    await hub.order("land", kind="refuse", operation="TiepNhanHoSo")
    message = (await hub.send(said))["message"]
    land, portal = [await copy_for(hub, message, room) for room in ("soap", "national_portal")]
    await until(lambda: bool(_failures(hub, land)), PATIENCE, "told")
    (told,) = _failures(hub, land)
    assert "HUB-PAR-001" in told
    assert said.dossier in told
    refused = await hub.get(f"/v1/transfers/{land}")
    assert (refused["state"], refused["problem"], refused["sends"]) == (State.REFUSED, "HUB-PAR-001", 1)

    async def delivered() -> bool:
        return await state_of(hub, portal) == State.DELIVERED

    await until(delivered, PATIENCE, "the other recipient")
    assert hub.land(said.dossier) == []


async def test_a_partners_receipt_is_proof_and_brought_again_gets_the_same_answer(hub: House) -> None:
    said, *_ = next(hub.told)
    message = (await hub.send(said))["message"]
    land = await copy_for(hub, message, "soap")
    await until(lambda: len(hub.land(said.dossier)) == 1, PATIENCE, "there")

    async def delivered() -> bool:
        return await state_of(hub, land) == State.DELIVERED

    await until(delivered, PATIENCE, "delivered")
    stolen = await hub.receipt("land", said.dossier, api_key=OTHER_KEY)
    assert (stolen[0], stolen[1]["code"]) == (403, "HUB-RCP-005")
    other = await hub.receipt("land", said.dossier, digest="0" * 64)
    assert (other[0], other[1]["code"]) == (422, "HUB-RCP-002")
    assert (await hub.get(f"/v1/transfers/{land}"))["problem"] == "HUB-RCP-002"
    status, answer = await hub.receipt("land", said.dossier, by="reference")
    assert (status, answer["transfer"], answer["state"]) == (200, land, State.ACKNOWLEDGED)
    assert await hub.receipt("land", said.dossier) == (200, answer)
    after = await hub.get(f"/v1/transfers/{land}")
    assert (after["state"], after["problem"]) == (State.ACKNOWLEDGED, "")


async def test_a_receipt_decides_what_an_answer_that_was_cut_off_left_in_doubt(hub: House) -> None:
    """The partner takes it, hangs, and its receipt is quicker than its answer: nothing later undoes that."""
    said, *_ = next(hub.told)
    await hub.order("land", kind="late", after=True, seconds=4.0, times=1, operation="TiepNhanHoSo")
    message = (await hub.send(said))["message"]
    land = await copy_for(hub, message, "soap")
    await until(lambda: len(hub.land(said.dossier)) == 1, PATIENCE, "there")
    status, answer = await hub.receipt("land", said.dossier)
    assert (status, answer["state"]) == (200, State.ACKNOWLEDGED)
    assert await state_of(hub, land) == State.ACKNOWLEDGED

    async def settled() -> bool:
        async with hub.store() as store:
            return bool(await store.attempts(land))

    await until(settled, PATIENCE, "settled")
    assert await state_of(hub, land) == State.ACKNOWLEDGED
    async with hub.store() as store:
        assert await store.conservation() == ()


async def nothing_under_way(hub: House) -> bool:
    async with hub.store() as store:
        return not any(row.counts.get("waiting") or row.counts.get("in_doubt") for row in await store.queue())


def _failures(hub: House, transfer: str) -> list[str]:
    return [
        body
        for line in _lines(hub.scene.journal("onestop"))
        if transfer in (body := json.loads(line)["body"])
    ]


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines() if path.exists() else []


async def test_a_killed_web_process_comes_back_and_owes_nothing(hub: House) -> None:
    story = [next(hub.told)[0] for _ in range(24)]
    receipts: dict[str, bytes] = {}
    (web,) = hub.children("web")
    judging = hub.pool(web)
    assert judging
    places = asyncio.Semaphore(3)

    async def one(said: Said) -> None:
        with contextlib.suppress(aiohttp.ClientError):
            async with places:
                receipts[said.key] = (await hub.send(said)).body
            if len(receipts) == 6:
                kill(
                    web
                )  # right after this 202; who connects now waits in the supervisor's socket for the next one

    await asyncio.gather(*(one(said) for said in story))
    await until(lambda: not any(map(alive, (web, *judging))), 5, "gone, and its pool with it")
    assert len(receipts) >= 6
    async with hub.store() as store:  # nobody has taken anything up again for these: what is here was here
        for receipt in receipts.values():
            assert await store.message(json.loads(receipt)["message"]) is not None
    began = time.monotonic()
    await hub.ready()
    assert time.monotonic() - began < 20
    assert hub.children("web") != [web]
    for said in story:
        again = await hub.send(said)
        known = said.key in receipts
        assert not known or again.body == receipts[said.key]
        assert not known or again.headers.get("Idempotency-Replayed") == "true"
    mended = story[0].body.replace("Nguyễn".encode(), "Nguyên".encode())
    conflict = await hub.post(mended, story[0].key)
    assert (conflict.status, conflict["code"]) == (422, "HUB-IDM-002")
    await assert_arrived(hub, story)


async def test_a_worker_killed_while_sending_costs_one_lease_and_no_second_copy(hub: House) -> None:
    story = next(hub.told)[:3]
    others = [next(hub.told)[0] for _ in range(4)]
    await hub.order("land", kind="late", after=True, seconds=3.0, times=1, operation="TiepNhanHoSo")
    await hub.send(story[0])

    async def held() -> bool:
        return bool(await hub.held("land"))

    await until(held, PATIENCE, "a call under way")
    (port,) = await hub.held("land")
    (victim,) = [pid for pid in hub.children("work") if owns_port(pid, port)]
    sealing = hub.pool(victim)
    assert sealing
    kill(victim)
    began = time.monotonic()
    for said in (*story[1:], *others):
        await hub.send(said)

    async def delivered() -> bool:
        async with hub.store() as store:
            found = await store.message(first)
            assert found is not None
            views = [await store.transfer(one) for one in found.transfers]
            return all(view is not None and view.state is State.DELIVERED for view in views)

    first = json.loads((await hub.send(story[0])).body)["message"]
    await until(delivered, LEASE + 5, "recovered")
    assert time.monotonic() - began < LEASE + 5
    await assert_arrived(hub, [*story, *others])
    land = await copy_for(hub, first, "soap")
    async with hub.store() as store:
        verbs = [one.attempt.verb for one in await store.attempts(land)]
        asked = [one for one in await store.journal(transfer=land) if one.what == "lease_expired"]
    assert (verbs, len(asked)) == (["find"], 1)
    await until(lambda: not any(map(alive, sealing)), 5, "its pool is gone with it")
    await until(lambda: len(hub.children("work")) == 2, PATIENCE, "a new worker")


async def test_killed_pool_processes_are_replaced(hub: House) -> None:
    story = next(hub.told)[:2]
    for pid in [*hub.children("web"), *hub.children("work")]:
        for below in hub.pool(pid):
            kill(below)
    answer = await hub.post(story[0].body, story[0].key)
    assert answer.status in {202, 503}
    await hub.ready()
    for said in story:
        await hub.send(said)
    await assert_arrived(hub, story)


async def test_a_killed_supervisor_leaves_no_process_behind_and_nothing_is_lost(hub: House) -> None:
    story = [next(hub.told)[0] for _ in range(6)]
    await hub.order("land", kind="late", after=True, seconds=1.0, times=2)
    receipts = [(await hub.send(said)).body for said in story]
    await until(lambda: any(map(hub.pool, hub.children("work"))), PATIENCE, "a sealing process")
    family = hub.family()
    assert len(hub.children("web")) + len(hub.children("work")) == 3
    assert set(hub.pool(*hub.children("web"))) < set(family)
    kill(family[0])
    await until(lambda: not any(map(alive, family)), 10, "gone")
    hub.processes.stop("hub")
    hub.start()
    await hub.ready()
    assert [(await hub.send(said)).body for said in story] == receipts
    await assert_arrived(hub, story)


async def test_asked_to_stop_it_finishes_what_is_under_way_and_ends_cleanly(hub: House) -> None:
    said, *_ = next(hub.told)
    await hub.order("land", kind="late", after=True, seconds=2.0, times=1, operation="TiepNhanHoSo")
    message = (await hub.send(said))["message"]
    land = await copy_for(hub, message, "soap")

    async def held() -> bool:
        return bool(await hub.held("land"))

    await until(held, PATIENCE, "a call under way")
    family = hub.family()
    os.kill(family[0], signal.SIGTERM)
    took = await until(lambda: not alive(family[0]), GRACE, "stopped")
    assert took > 1  # it waited for the answer
    assert not any(map(alive, family))
    process = hub.processes._running["hub"]
    assert process.wait(1) == 0
    hub.processes.stop("hub")
    async with hub.store() as store:
        view = await store.transfer(land)
        assert view is not None
        assert view.state is State.DELIVERED
        assert [one.attempt.verb for one in await store.attempts(land)] == ["deliver"]
        assert await store.conservation() == ()
    hub.start()
    await hub.ready()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_child_that_is_asked_to_stop_closes_what_it_opened(
    hub: House, number: signal.Signals
) -> None:
    said, *_ = next(hub.told)
    await hub.send(said)
    await assert_arrived(hub, [said])
    log = hub.scene.folder / "log" / "hub.log"
    before = len(log.read_bytes())
    asked = [*hub.children("web"), hub.children("work")[0]]
    for pid in asked:
        os.kill(pid, number)
    await until(lambda: not any(map(alive, asked)), PATIENCE, "ended")
    await hub.ready()
    await until(lambda: len(hub.children("work")) == 2, PATIENCE, "back")
    said_since = log.read_bytes()[before:].decode()
    ended = [json.loads(line) for line in said_since.splitlines() if '"child_ended"' in line]
    assert [line["status"] for line in ended] == [0, 0]
    assert "leaked" not in said_since


def test_nothing_said_about_a_citizen_or_a_key_reached_a_log(hub: House) -> None:
    """Last: it reads what all the others made the hub say, errors and kills included."""
    told = "".join(path.read_text("utf-8") for path in (hub.scene.folder / "log").glob("hub.log"))
    assert told
    for secret in (hub.scene.api_key, OTHER_KEY, LAND_KEY, "Nguyễn Văn Mẫu", "049000000001", "An Mỹ"):
        assert secret not in told
    assert "Traceback" not in told
