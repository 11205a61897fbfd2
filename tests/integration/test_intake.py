"""Intake as a whole: uvicorn on loopback, a real store, a real pool of processes where it matters."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import structlog

from hub.api.admission import Watermark
from hub.delivery.sealing import Workbench
from hub.intake import intake
from hub.intake.intake import Intake, judge_all
from hub.intake.spool import Spool
from hub.judging.contract import Inbound
from hub.judging.judge import judge
from hub.processes.crew import Crew
from hub.processes.pool import begin, judging
from hub.settings.sections import Limits, Quota
from hub.store.contract.store import Stale
from hub.store.sqlite.store import open_store
from schemas import errors
from schemas.dossier import Dossier, Event, Kind, Message, to_json
from schemas.problems import refuse
from tests.doubles.pki import Pki
from tests.integration.intake_house import PROVINCE, house, in_thread, partner_files, parts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hub.judging.contract import Desk
    from hub.processes.crew import Answer as Does
    from hub.processes.crew import Make
    from hub.store.contract.intake import Acceptance, Accepted
    from tests.integration.intake_house import Answer, House, Parts

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("house")
    partner_files(place / "partners", Pki(place, NOW)["seal-2048"].certificate_file)
    return place / "partners"


@pytest.fixture(scope="module")
def made(folder: Path) -> Parts:
    return parts(folder)


@pytest.fixture
async def hub(tmp_path: Path, made: Parts) -> AsyncIterator[House]:
    async with house(tmp_path, made, lambda: NOW) as opened:
        yield opened


async def test_a_message_is_accepted_with_a_receipt_and_a_place_to_look(hub: House) -> None:
    code = hub.code()
    answer = await hub.post(hub.received(code), key="a", headers={"X-Request-Id": "request-0001"})
    assert answer.status == 202
    assert answer.headers["Location"] == f"/v1/messages/{answer['message']}"
    assert answer.headers["Idempotency-Key"] == '"a"'
    assert answer.headers["X-Request-Id"] == "request-0001"
    assert [(each["partner"], each["state"]) for each in answer["transfers"]] == [
        ("land", "waiting"),
        ("portal", "waiting"),
    ]
    seen = await hub.get(answer.headers["Location"])
    assert seen["receipt"] == json.loads(answer.body)
    assert (await hub.get(f"/v1/dossiers/{code}"))["transfers"][1]["partner"] == "portal"


async def test_a_yes_is_on_disk(hub: House) -> None:
    answer = await hub.post(hub.received(), key="a")
    await hub.store.close()
    again = open_store(hub.spool.parent / "hub.db", ids=lambda: "x")
    try:
        view = await again.message(answer["message"])
        assert view is not None
        assert view.receipt == answer.body
    finally:
        await again.close()


async def test_a_dossier_travels_its_road(hub: House) -> None:
    code = hub.code()
    kinds = ["received", "transferred", "withdrawn"]
    for kind in kinds:
        body = hub.received(code) if kind == "received" else hub.message(kind, code)
        answer = await hub.post(body, key=kind)
        assert (answer.status, {each.get("problem", "") for each in answer["transfers"]}) == (202, {""}), kind
    known = await hub.store.known(PROVINCE, code)
    assert known is not None
    assert known.version == 3
    assert await hub.store.conservation() == ()


async def test_what_does_not_fit_the_story_is_accepted_and_its_transfers_parked(hub: House) -> None:
    code = hub.code()
    await hub.post(hub.received(code), key="a")
    answer = await hub.post(hub.message("returned", code), key="b")
    assert answer.status == 202
    assert {(each["state"], each["problem"]) for each in answer["transfers"]} == {("parked", "HUB-DOS-004")}


async def test_a_procedure_that_nobody_decides_parks_its_transfer(hub: House) -> None:
    body = hub.received(procedure={"national": "1.009998"})
    answer = await hub.post(body, key="a")
    assert answer.status == 202
    assert ("unrouted", "parked", "HUB-RTE-001") in [
        (each["partner"], each["state"], each.get("problem")) for each in answer["transfers"]
    ]


async def test_one_key_posted_by_many_at_once_is_accepted_once(hub: House) -> None:
    raw = json.dumps(hub.received()).encode()
    answers = await asyncio.gather(*(hub.post(raw, key="a") for _ in range(20)))
    assert {answer.status for answer in answers} == {202}
    assert len({answer.body for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert await hub.store.conservation() == ()


async def test_a_dossier_told_by_many_at_once_is_decided_on_what_is_true(hub: House) -> None:
    code = hub.code()
    await hub.post(hub.received(code), key="a")
    answers = await asyncio.gather(*(hub.post(hub.message("step", code), key=f"k{n}") for n in range(6)))
    assert {answer.status for answer in answers} == {202}
    known = await hub.store.known(PROVINCE, code)
    assert known is not None
    assert known.version == 7


async def test_the_formats_own_key_serves_when_there_is_no_header(hub: House) -> None:
    body = hub.received() | {"key": "of-the-body"}
    first = await hub.post(body)
    again = await hub.post(body)
    other = await hub.post({**body, "subject": "x"})
    assert (first.status, first["key"], again.body) == (202, "of-the-body", first.body)
    assert "Idempotency-Key" not in first.headers
    assert other.code == "HUB-IDM-002"


async def test_no_key_anywhere_is_refused(hub: House) -> None:
    body = hub.received()
    del body["key"]
    refused = await hub.post(body)
    assert (refused.status, refused.code) == (400, "HUB-IDM-001")


async def test_what_is_malformed_is_told_so_also_without_a_key(hub: House) -> None:
    refused = await hub.post(b'{"key": "a",\n "event": }')
    assert (refused.status, refused.code, refused["errors"][0]["line"]) == (400, "HUB-SCH-001", 2)


async def test_two_names_that_are_one_in_nfc_are_refused(hub: House) -> None:
    body = hub.received()
    body["extensions"] = {"x": {"ga\u0300": 1, "g\u00e0": 2}}
    refused = await hub.post(json.dumps(body, indent=1).encode(), key="a")
    assert (refused.status, refused.code) == (400, "HUB-SCH-005")
    assert refused["errors"][0]["pointer"] == "/extensions/x/g\u00e0"


@pytest.mark.parametrize("header", ["Idempotency-Key", "Authorization"])
async def test_a_header_that_stands_twice_is_refused_and_nothing_is_chosen(hub: House, header: str) -> None:
    refused = await hub.post(hub.received(), key="a", twice=header)
    assert (refused.status, refused.code) == (400, "HUB-IDM-004")
    assert refused["errors"][0]["place"] == header
    assert (await hub.post(hub.received(), key="a")).status == 202


async def test_many_at_once_about_one_new_dossier_all_go_through(hub: House) -> None:
    code = hub.code()
    answers = await asyncio.gather(*(hub.post(hub.received(code), key=f"k{n}") for n in range(50)))
    assert {answer.status for answer in answers} == {202}
    assert len({answer["dossier"] for answer in answers}) == 1


async def test_a_body_too_large_for_memory_waits_in_a_file_and_is_gone_afterwards(hub: House) -> None:
    body = hub.received(note="ắ" * 20_000, papers=[{"name": "ằ" * 3_000} for _ in range(20)])
    assert len(json.dumps(body, ensure_ascii=False).encode()) > 200_000
    answer = await hub.post(body, key="a")
    assert answer.status == 202
    payloads = await hub.store.payloads(answer["transfers"][0]["id"])
    assert payloads is not None
    assert json.loads(payloads.raw) == body
    assert list(hub.spool.iterdir()) == []


def test_what_a_crash_left_in_the_spool_is_swept(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", memory=4, limit=100)
    assert spool.sweep() == 0
    left = tmp_path / "spool/a.body"
    left.write_bytes(b"half of a body")
    assert Spool(tmp_path / "spool", memory=4, limit=100).sweep() == 1
    assert not left.exists()


# --- limits -----------------------------------------------------------------------------------------------------


async def raw_request(hub: House, *chunks: bytes, pause: float = 0.0) -> bytes:
    """Speak HTTP by hand; return what came until the other side stopped or said everything."""
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
    try:
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(pause)
        return await asyncio.wait_for(reader.read(65_536), 10)
    finally:
        writer.close()


HEAD = b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key of the desk\r\nContent-Type: application/json\r\nIdempotency-Key: a\r\n"


async def test_a_declared_body_over_the_limit_is_refused_before_it_is_sent(hub: House) -> None:
    answer = await raw_request(hub, HEAD + b"Content-Length: 5000000\r\nExpect: 100-continue\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"HUB-LIM-001" in answer


async def test_a_chunked_body_over_the_limit_is_refused_while_it_comes(hub: House) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    answer = await raw_request(hub, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 20)
    assert answer.startswith(b"HTTP/1.1 413")
    assert list(hub.spool.iterdir()) == []


async def test_a_body_that_drips_is_given_up(tmp_path: Path, made: Parts) -> None:
    async with house(tmp_path, made, lambda: NOW, limits=Limits(body_time="300ms")) as hub:  # type: ignore[arg-type]
        answer = await raw_request(hub, HEAD + b"Content-Length: 100\r\n\r\n", b"{")
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"HUB-LIM-004" in answer


async def test_a_sender_that_hangs_up_leaves_nothing(hub: House) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", hub.port)
    writer.write(HEAD + b"Content-Length: 900000\r\n\r\n" + b"x" * 100_000)
    await writer.drain()
    while not list(hub.spool.iterdir()):  # noqa: ASYNC110 - a file of another task
        await asyncio.sleep(0.01)
    writer.close()
    while list(hub.spool.iterdir()):  # noqa: ASYNC110 - a file of another task
        await asyncio.sleep(0.01)
    assert (await hub.post(hub.received(), key="a")).status == 202


class Gate:
    """A pool function that waits until it is told."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.open = multiprocessing.get_context("spawn").Event()

    def __call__(self, batch: Sequence[Inbound]) -> list[intake.Verdict]:
        self.open.wait(20)
        return judge_all(self.desk, batch)


async def test_over_the_bound_a_sender_is_asked_to_wait_and_nothing_is_lost(
    tmp_path: Path, made: Parts
) -> None:
    gate = Gate(made.desk)
    limits = Limits(in_flight=3, sender=Quota(in_flight=2))
    async with house(tmp_path, made, lambda: NOW, limits=limits, run=gate) as hub:
        bodies = [hub.received() for _ in range(2)]
        under_way = [asyncio.create_task(hub.post(body, key=f"k{n}")) for n, body in enumerate(bodies)]
        refused = await until(hub, 429)
        assert (refused.code, refused.headers["Retry-After"], refused["retry_after"]) == (
            "HUB-LIM-002",
            "2",
            2,
        )
        assert refused["retryable"] is True
        third = asyncio.create_task(hub.post(hub.received(), key="n", sender="neighbour"))
        full = await until(hub, 503, sender="stranger")
        assert full.code == "HUB-LIM-003"
        assert (await hub.get("/livez", sender=None)).status == 200
        gate.open.set()
        answers = await asyncio.gather(*under_way, third)
        assert [answer.status for answer in answers] == [202, 202, 202]
        assert (await hub.post(hub.received(), key="later")).status == 202


async def test_a_sender_over_its_rate_is_told_which_quota_and_when_to_come_again(
    tmp_path: Path, made: Parts
) -> None:
    limits = Limits(sender=Quota(rate=0.2, burst=2))
    async with house(tmp_path, made, lambda: NOW, limits=limits) as hub:
        for key in ("a", "b"):
            assert (await hub.post(hub.received(), key=key)).status == 202
        refused = await hub.post(hub.received(), key="c")
        assert (refused.status, refused.code) == (429, "HUB-LIM-002")
        assert refused["errors"][0]["rule"] == "rate: 0.2 requests a second"
        assert refused.headers["Retry-After"] == "5"
        assert (await hub.post(hub.received(), key="c", sender="neighbour")).status == 202


async def test_who_comes_again_at_once_is_held_back(tmp_path: Path, made: Parts) -> None:
    async with house(tmp_path, made, lambda: NOW, limits=Limits(sender=Quota(rate=0.01, burst=1))) as hub:
        assert (await hub.post(hub.received(), key="a")).status == 202
        began = asyncio.get_running_loop().time()
        assert (await hub.post(hub.received(), key="b")).status == 429
        assert asyncio.get_running_loop().time() - began >= 0.9


async def test_a_replay_uses_up_no_message_of_the_day(tmp_path: Path, made: Parts) -> None:
    limits = Limits(sender=Quota(day_messages=2))
    async with house(tmp_path, made, lambda: NOW, limits=limits) as hub:
        body = hub.received()
        for _ in range(4):
            assert (await hub.post(body, key="a")).status == 202
        assert (await hub.post(hub.received(), key="b")).status == 202
        refused = await hub.post(body, key="a")
        assert (refused.code, refused["errors"][0]["rule"]) == (
            "HUB-LIM-002",
            "day_messages: nhiều nhất 2 một ngày",
        )
        assert 0 < int(refused.headers["Retry-After"]) <= 86_400


async def test_bodies_that_come_together_are_bounded_in_bytes(tmp_path: Path, made: Parts) -> None:
    gate = Gate(made.desk)
    limits = Limits(bytes_in_flight=90_000)
    async with house(tmp_path, made, lambda: NOW, limits=limits, run=gate) as hub:
        first = asyncio.create_task(hub.post(hub.received(papers=[{"name": "x" * 1000}] * 80), key="a"))
        while not list(hub.spool.iterdir()):  # noqa: ASYNC110 - a file of another task
            await asyncio.sleep(0.01)
        refused = await hub.post(hub.received(papers=[{"name": "x" * 1000}] * 20), key="b")
        assert (refused.code, refused["errors"][0]["rule"][:15]) == ("HUB-LIM-003", "bytes_in_flight")
        chunked = HEAD.replace(b": a\r", b": c\r") + b"Transfer-Encoding: chunked\r\n\r\n"
        answer = await raw_request(hub, chunked, b"4e20\r\n" + b"x" * 20_000 + b"\r\n")
        assert b"HUB-LIM-003" in answer
        gate.open.set()
        assert (await first).status == 202
        assert (await hub.post(hub.received(papers=[{"name": "x" * 1000}] * 20), key="b")).status == 202


async def test_intake_stops_before_the_disk_is_full(tmp_path: Path, made: Parts) -> None:
    room, at = [50], [0.0]
    watermark = Watermark(lambda: (room[0], 0), lambda: at[0], free=100, database=0)
    async with house(tmp_path, made, lambda: NOW, watermark=watermark) as hub:
        refused = await hub.post(hub.received(), key="a")
        assert (refused.status, refused.code, refused.headers["Retry-After"]) == (503, "HUB-LIM-003", "30")
        room[0], at[0] = 200, 1.0
        assert (await hub.post(hub.received(), key="a")).status == 202


@pytest.mark.parametrize("instead", [None, "a file"])
async def test_a_spool_that_cannot_be_written_is_no_defect_of_ours(
    tmp_path: Path, made: Parts, instead: str | None
) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub:
        hub.spool.rmdir()
        if instead:
            hub.spool.write_text(instead)
        refused = await hub.post(hub.received(papers=[{"name": "x" * 1000}] * 90), key="a")
        assert (refused.status, refused.code, refused.headers["Retry-After"]) == (503, "HUB-LIM-003", "30")
        assert (await hub.post(hub.received(), key="small")).status == 202


async def test_a_body_that_is_gone_from_the_spool_while_it_waits_is_no_defect_of_ours(
    tmp_path: Path, made: Parts
) -> None:
    def swept(batch: Sequence[Inbound]) -> list[intake.Verdict]:
        for inbound in batch:
            Path(inbound.file).unlink()
        return judge_all(made.desk, batch)

    async with house(tmp_path, made, lambda: NOW, run=swept) as hub:
        refused = await hub.post(hub.received(papers=[{"name": "x" * 1000}] * 90), key="a")
        assert (refused.status, refused.code) == (503, "HUB-LIM-003")


async def until(hub: House, status: int, sender: str = "desk") -> Answer:
    """Post until the hub is as full as that."""
    for _ in range(100):
        try:
            answer = await asyncio.wait_for(hub.post(b"{}", key="x", sender=sender), 1.5)
        except TimeoutError:
            continue
        if answer.status == status:
            return answer
    raise AssertionError(f"never {status}")


# --- when something of ours breaks ------------------------------------------------------------------------------


class Broken(Intake):
    """An intake with a defect whose words must not get out."""

    def __init__(self) -> None:
        pass

    async def receive(self, inbound: Inbound, sender: str) -> Accepted:
        raise RuntimeError(f"swordfish {sender} {inbound.message}")


async def test_a_defect_of_ours_is_told_without_its_words(tmp_path: Path, made: Parts) -> None:
    async with house(tmp_path, made, lambda: NOW, intake=lambda _: Broken()) as hub:
        with structlog.testing.capture_logs() as lines:
            answer = await hub.post(hub.received(), key="a")
        assert [line["event"] for line in lines] == ["request failed"]
        assert (answer.status, answer.code) == (500, "HUB-INT-001")
        assert b"swordfish" not in answer.body
        assert answer.headers["X-Request-Id"] == answer["request"]
        assert (await hub.get("/livez", sender=None)).status == 200


async def test_a_pool_that_died_is_told_as_not_ready(tmp_path: Path, made: Parts) -> None:
    async with (
        crewed(deadly, tmp_path) as crew,
        house(tmp_path, made, lambda: NOW, pooled=judging(crew)) as hub,
    ):
        answer = await hub.post(hub.received(), key="a")
        assert (answer.status, answer.code) == (503, "HUB-INT-002")
        assert answer.headers["Retry-After"] == "2"
        ready = await hub.get("/readyz", sender=None)
        assert (ready.status, ready["errors"][0]["place"]) == (503, "pool")


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


@asynccontextmanager
async def crewed(make: Make, settings: Path) -> AsyncIterator[Crew]:
    crew = Crew(make, str(settings), 1)
    try:
        yield crew
    finally:
        await crew.close()


def deadly(_: str) -> Does:
    """Runs in the pool process: it ends as the kernel would end it, whatever is asked."""

    def answer(_: bytes) -> bytes:
        os.kill(os.getpid(), signal.SIGKILL)
        return b""

    return answer


def killed_once(settings: str) -> Does:
    """Runs in the pool process: the first one that is asked dies, the next ones judge."""
    once, judged = Path(settings) / "killed", at_desk(settings)

    def answer(frame: bytes) -> bytes:
        if not once.exists():
            once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return judged(frame)

    return answer


def hanging(settings: str) -> Does:
    """Runs in the pool process: a message with this mark is never judged to the end."""
    judged = at_desk(settings)

    def answer(frame: bytes) -> bytes:
        while b"HANG" in frame:
            time.sleep(1)
        return judged(frame)

    return answer


async def test_a_pool_that_died_is_replaced_and_the_message_can_be_sent_again(
    tmp_path: Path, folder: Path, made: Parts
) -> None:
    async with (
        crewed(killed_once, folder) as crew,
        house(tmp_path, made, lambda: NOW, pooled=judging(crew)) as hub,
    ):
        raw = json.dumps(hub.received()).encode()
        first = await hub.post(raw, key="a")
        again = await hub.post(raw, key="a")
        assert (first.code, again.status) == ("HUB-INT-002", 202)
        assert (await hub.get("/readyz", sender=None)).status == 200


async def test_a_message_that_takes_too_long_is_refused_alone_and_its_process_replaced(
    tmp_path: Path, folder: Path, made: Parts
) -> None:
    """Its neighbours in the batch are judged all the same."""
    async with (
        crewed(hanging, folder) as crew,
        house(tmp_path, made, lambda: NOW, pooled=judging(crew, 2.5)) as hub,
    ):
        assert (await hub.post(hub.received(), key="first")).status == 202
        before = crew.pids
        others = [hub.post(hub.received(), key=f"k{number}") for number in range(10)]
        slow, *told = await asyncio.gather(hub.post(b'{"HANG": 1}', key="slow"), *others)
        assert (slow.status, slow.code) == (422, "HUB-LIM-005")
        assert [answer.status for answer in told] == [202] * 10
        assert crew.pids.isdisjoint(before)
        async with asyncio.timeout(5):
            while not all(map(gone, before)):  # noqa: ASYNC110 - another process ends
                await asyncio.sleep(0.02)
        mended = await hub.post(hub.received(), key="slow")
        assert mended.status == 202


async def test_a_replay_is_answered_without_judging_it_again(tmp_path: Path, made: Parts) -> None:
    judged: list[int] = []

    def run(batch: Sequence[Inbound]) -> list[intake.Verdict]:
        judged.append(len(batch))
        return judge_all(made.desk, batch)

    async with house(tmp_path, made, lambda: NOW, run=run) as hub:
        raw = json.dumps(hub.received()).encode()
        answers = [await hub.post(raw, key="a") for _ in range(3)]
        conflict = await hub.post(b"anything else", key="a")
    assert {answer.body for answer in answers} == {answers[0].body}
    assert (conflict.code, judged) == ("HUB-IDM-002", [1])


async def test_a_store_that_was_closed_is_told_as_not_ready(hub: House) -> None:
    assert (await hub.get("/readyz", sender=None)).status == 200
    await hub.store.close()
    ready = await hub.get("/readyz", sender=None)
    assert (ready.status, ready.code, ready["errors"][0]["place"]) == (503, "HUB-INT-002", "store")


class Moving:
    """A store whose dossier moves between reading and accepting, a number of times."""

    def __init__(self, store: Any, times: int) -> None:
        self._store, self.times = store, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def accept(self, acceptance: Acceptance) -> Accepted:
        if self.times > 0:
            self.times -= 1
            raise Stale
        accepted: Accepted = await self._store.accept(acceptance)
        return accepted


@pytest.mark.parametrize(("times", "status"), [(1, 202), (intake.TRIES - 1, 202), (intake.TRIES, 503)])
async def test_a_decision_is_made_anew_while_the_dossier_moves_but_not_for_ever(
    tmp_path: Path, made: Parts, times: int, status: int
) -> None:
    def moving(one: Intake) -> Intake:
        one._store = Moving(one._store, times)
        return one

    async with house(tmp_path, made, lambda: NOW, intake=moving) as hub:
        assert (await hub.post(hub.received(), key="a")).status == status


async def test_the_judging_pool_can_be_processes(tmp_path: Path, folder: Path, made: Parts) -> None:
    async with (
        crewed(at_desk, folder) as crew,
        house(tmp_path, made, lambda: NOW, pooled=judging(crew)) as hub,
    ):
        answers = await asyncio.gather(*(hub.post(hub.received(), key=f"k{n}") for n in range(40)))
        assert [answer.status for answer in answers] == [202] * 40
        refused = await hub.post({"event": 3}, key="k40")
        assert refused.status == 422
        assert refused["errors"][0]["line"] == 1


def at_desk(settings: str) -> Does:
    """Runs in the pool process: partner files in, what judges out."""
    return begin(lambda folder: (parts(Path(folder)).desk, Workbench(codecs={}, sealers={})), settings)


async def test_what_waits_while_the_pool_is_busy_goes_there_together() -> None:
    sizes: list[int] = []

    def count(batch: Sequence[Inbound]) -> list[intake.Verdict]:
        sizes.append(len(batch))
        return [refuse("HUB-SCH-001") for _ in batch]

    def inbound(number: int) -> Inbound:
        return Inbound(message=str(number), sender="desk", headers={}, body=b"", received_at=NOW)

    with ThreadPoolExecutor(1) as executor:
        bench = intake.Bench(in_thread(executor, count), processes=1, batch=8)
        done = await asyncio.gather(*(bench.judge(inbound(n)) for n in range(20)), return_exceptions=True)
    assert len(done) == 20
    assert sum(sizes) == 20
    assert max(sizes) <= 8
    assert len(sizes) <= 5


# --- what is shown ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "spoken", "word"),
    [
        ("", "vi", "Không nhận ra bên gửi"),
        ("en", "en", "Unknown sender"),
        ("en-GB,en;q=0.9,vi;q=0.1", "en", "Unknown sender"),
        ("en;q=0.2, vi;q=0.8", "vi", "Không nhận ra bên gửi"),
        ("fr", "vi", "Không nhận ra bên gửi"),
        (";;;q=x,", "vi", "Không nhận ra bên gửi"),
    ],
)
async def test_a_refusal_speaks_the_callers_language(hub: House, accept: str, spoken: str, word: str) -> None:
    answer = await hub.post(b"{}", key="a", sender="nobody", headers={"Accept-Language": accept})
    assert (answer["title"], answer.headers["Content-Language"]) == (word, spoken)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_every_type_leads_to_a_page_that_needs_nothing_from_outside(hub: House) -> None:
    refused = await hub.post(b"", key="a")
    page = await hub.get(
        refused["type"], sender=None, headers={"Accept": "text/html", "Accept-Language": "en"}
    )
    assert page.status == 200
    assert b"What you do" in page.body
    assert b"http:" not in page.body
    assert b"https:" not in page.body
    told = await hub.get(refused["type"], sender=None, headers={"Accept": "application/json"})
    assert told["code"] == refused.code
    index = await hub.get("/errors", sender=None)
    assert index.body.count(b"<li>") == len(errors.load().entries)


async def test_addresses_and_methods_that_are_not_ours_are_problems_too(hub: House) -> None:
    assert (await hub.get("/nowhere")).code == "HUB-INT-003"
    assert (await hub.get("/docs")).code == "HUB-INT-003"
    async with hub.session.put(f"{hub.url}/v1/messages") as got:
        assert (got.status, got.headers["Allow"], (await got.json(content_type=None))["code"]) == (
            405,
            "POST",
            "HUB-INT-004",
        )


async def test_the_api_describes_itself(hub: House) -> None:
    described = json.loads((await hub.get("/openapi.json", sender=None)).body)
    app: Any = hub.app
    addresses = {
        (method.lower(), route.path)
        for route in app._app.routes
        for method in route.methods
        if (route.include_in_schema and method != "HEAD") or route.path == "/v1/documents/{id}"
    }
    told = {(method, path) for path, methods in described["paths"].items() for method in methods}
    assert {each for each in told if not each[1].startswith("/edge/")} == addresses
    assert described["openapi"].startswith("3.1")
    assert set(described["paths"]["/v1/messages"]["post"]["responses"]) >= {"202", "401", "413", "422", "503"}
    assert "text/html" not in json.dumps(described["paths"]["/v1/messages"])
    known = described["components"]["securitySchemes"]
    for path, methods in described["paths"].items():
        for told in methods.values():
            named = {name for way in told.get("security", ()) for name in way}
            assert named <= known.keys()
            assert named or not path.startswith("/v1/") or path.startswith("/v1/reports"), path


async def test_a_refusal_says_the_rule_in_the_language_of_its_reader(hub: House) -> None:
    for language, rule in (("vi", "Bearer <khóa API>"), ("en", "Bearer <API key>")):
        answer = await hub.post(
            hub.received(), key="k", leave_out=["Authorization"], headers={"Accept-Language": language}
        )
        assert answer["errors"][0]["rule"] == rule


def test_a_partners_file_says_whether_its_finish_settles_duties(tmp_path: Path) -> None:
    place = partner_files(tmp_path / "partners", Pki(tmp_path, NOW)["seal-2048"].certificate_file)
    file = place / "desk.toml"
    file.write_text(file.read_text("utf-8").replace("api_keys", "settles_duty = true\napi_keys", 1), "utf-8")
    desk = parts(place).desk
    said = Message(
        event=Event(kind=Kind.STEP, at=NOW),
        key="k",
        sender="?",
        agency="?",
        dossier=Dossier(code=f"{PROVINCE}-261120-0001"),
    )
    asked = Inbound(
        message="m",
        sender="desk",
        headers={"content-type": "application/json"},
        body=to_json(said),
        received_at=NOW,
    )
    found = [judge(msgspec.structs.replace(asked, sender=name), desk, NOW) for name in ("desk", "neighbour")]
    assert [each.settles_duty for each in found] == [True, False]
