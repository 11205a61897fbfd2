"""The mailbox over a real socket and the real store: what a worker lays out is listed, fetched, answered, and nothing else leaves."""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from connectors.simulators.desk import Journal
from connectors.simulators.office import Died, Office
from hub.delivery.decide import Policy
from hub.delivery.delivery import Delivery
from hub.delivery.sealing import Pool, Unsigned, Workbench, seal
from hub.lifecycle import Move, State
from hub.partners.partner import capacities
from hub.settings.sections import Limits, Pace
from hub.store.contract.views import Filter
from tests.doubles.pki import Pki
from tests.integration.delivery_house import Partner, until
from tests.integration.intake_house import (
    KEYS,
    KINDS,
    LAND,
    PROVINCE,
    Answer,
    house,
    partner_files,
    parts,
    recipient,
    sender,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from connectors.contract import Sealed
    from hub.delivery.sealing import Order
    from schemas.problems import Problem
    from tests.integration.intake_house import House, Parts

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
BOX = "/v1/mailbox"
FETCHES = Partner(policy=Policy(schedule=(), fetches=True))


def office() -> str:
    """The land department, without a system that anybody could call."""
    key = hashlib.sha256(KEYS["land"].encode()).hexdigest()
    return (
        f'id = "land"\nagency = "{LAND}"\nroom = "mailbox"\nname = {{ vi = "land", en = "land" }}\n'
        f'[access]\napi_keys = ["sha256:{key}"]\n[receives]\nkinds = {json.dumps(KINDS)}\nrole = "decides"\n'
        f'mapping = "lienthong.message@1"\nauthority = "{PROVINCE}"\n'
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    place = tmp_path_factory.mktemp("house")
    folder = partner_files(place / "partners", Pki(place, NOW)["seal-2048"].certificate_file)
    (folder / "land.toml").write_text(office())
    hears = recipient("desk", PROVINCE, "informed").partition("[receives]")[2]
    (folder / "desk.toml").write_text(sender("desk", PROVINCE, [PROVINCE]) + "[receives]" + hears)
    return parts(folder)


@asynccontextmanager
async def working(hub: House) -> AsyncIterator[None]:
    """A worker that seals as the hub does, and that would call nobody else."""
    await hub.store.capacities([one for one in capacities(hub.parts.partners) if one.partner == "land"])
    bench = Workbench(codecs=hub.parts.codecs, sealers=dict.fromkeys(hub.parts.codecs, Unsigned()))

    async def run(orders: Sequence[Order]) -> list[Sealed | Problem]:
        return [seal(bench, order) for order in orders]

    worker = Delivery(
        name="w",
        store=hub.store,
        sealery=Pool(run),
        routes={"land": FETCHES, "portal": Partner(), "desk": Partner()},
        codec_of=hub.parts.codecs.get,
        now=lambda: NOW,
        uniform=lambda low, _: low,
    )
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    try:
        yield
    finally:
        stop.set()
        await running


async def letters(hub: House, query: str = "") -> list[dict[str, Any]]:
    answer = await hub.get(BOX + query, sender="land")
    assert answer.status == 200
    return list(answer["letters"])


async def laid(hub: House, count: int = 1) -> list[dict[str, Any]]:
    async def there() -> bool:
        return len(await letters(hub)) >= count

    await until(there)
    return await letters(hub)


async def says(hub: House, transfer: str, body: Any, by: str = "land") -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {KEYS[by]}", "Content-Type": "application/json"}
    async with hub.session.post(
        f"{hub.url}{BOX}/{transfer}/acknowledgement", data=raw, headers=headers
    ) as got:
        return Answer(got.status, got.headers, await got.read())


async def state(hub: House, transfer: str) -> State:
    found = await hub.store.transfer(transfer)
    assert found is not None
    return found.state


async def test_a_dossier_goes_through_a_mailbox_message_by_message(made: Parts, tmp_path: Path) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub, working(hub):
        code = hub.code()
        assert (await hub.post(hub.received(code), key="a")).status == 202
        (letter,) = await laid(hub)
        assert (letter["kind"], letter["dossier"], letter["fetched_at"]) == ("received", code, None)
        assert (await hub.post(hub.message("withdrawn", code), key="b")).status == 202
        got = await hub.get(f"{BOX}/{letter['transfer']}", sender="land")
        digest = hashlib.sha256(got.body).hexdigest()
        assert got.headers["ETag"] == f'"{digest}"'
        assert digest == letter["digest"]
        assert json.loads(got.body)["dossier"]["code"] == code
        assert await state(hub, letter["transfer"]) is State.IN_DOUBT
        again = await hub.get(f"{BOX}/{letter['transfer']}", sender="land")
        assert again.body == got.body
        assert [one["kind"] for one in await letters(hub)] == ["received"]
        first = await says(hub, letter["transfer"], {"digest": digest.upper()})
        assert (first.status, first["state"], first["key"]) == (200, "acknowledged", letter["key"])
        same = await says(hub, letter["transfer"], {"digest": digest, "at": "2026-11-23T12:00:00+07:00"})
        assert same.body == first.body
        assert same.headers["Idempotency-Replayed"] == "true"
        (following,) = await laid(hub)
        assert following["kind"] == "withdrawn"
        await hub.get(f"{BOX}/{following['transfer']}", sender="land")
        receipt = {"key": following["key"], "at": "2026-11-23T12:00:00+07:00"}
        headers = {"Authorization": f"Bearer {KEYS['land']}"}
        async with hub.session.post(f"{hub.url}/v1/receipts", json=receipt, headers=headers) as said:
            assert (said.status, (await said.json())["state"]) == (200, "acknowledged")
        assert await letters(hub) == []
        assert FETCHES.heard == []
        assert await hub.store.conservation() == ()


async def test_what_cannot_be_processed_is_refused_and_its_sender_is_told(
    made: Parts, tmp_path: Path
) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub, working(hub):
        assert (await hub.post(hub.received(), key="a")).status == 202
        (letter,) = await laid(hub)
        no = {
            "digest": letter["digest"],
            "refused": {"reason": "Tệp hỏng của Nguyễn Văn Ánh", "code": "TC-07"},
        }
        assert (await says(hub, letter["transfer"], no)).code == "HUB-RCP-003"
        await hub.get(f"{BOX}/{letter['transfer']}", sender="land")
        first = await says(hub, letter["transfer"], no)
        assert (first.status, first["state"]) == (200, "refused")
        assert (await says(hub, letter["transfer"], no)).body == first.body
        found = await hub.store.transfer(letter["transfer"])
        assert found is not None
        assert (found.state, found.problem, found.detail) == (State.REFUSED, "HUB-PAR-001", "TC-07")
        (said,) = await hub.store.attempts(letter["transfer"])
        assert json.loads(said.attempt.exchanges[0].received) == no
        rows = await hub.store.journal(limit=1000)
        assert "Nguyễn" not in str(rows)
        told = [row for row in rows if row.facts.get("about") == letter["transfer"]]
        assert [row.facts["code"] for row in told] == ["HUB-PAR-001"]
        late = await says(hub, letter["transfer"], {"digest": letter["digest"]})
        assert late["state"] == "refused"
        seen = await hub.store.transfer(letter["transfer"])
        assert seen is not None
        assert seen.problem == "HUB-RCP-006"


async def test_nobody_else_learns_anything_about_a_mailbox(made: Parts, tmp_path: Path) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub, working(hub):
        assert (await hub.post(hub.received(), key="a")).status == 202
        (letter,) = await laid(hub)
        there = f"{BOX}/{letter['transfer']}"
        assert (await hub.get(there, sender="desk")).code == "HUB-BOX-005"
        assert (await hub.get(BOX, sender="desk")).code == "HUB-BOX-005"
        assert (await hub.get(BOX, sender=None)).code == "HUB-AUT-001"
        assert (await says(hub, letter["transfer"], {"digest": letter["digest"]}, by="desk")).code in {
            "HUB-RCP-005",
            "HUB-BOX-005",
        }
        informed = [one for one in await hub.store.queue() if one.partner == "portal"]
        assert informed
        (other,) = [one.id for one in await hub.store.transfers(Filter()) if one.partner == "portal"]
        for path in (f"{BOX}/{other}", f"{BOX}/{letter['transfer'][:-1]}", f"{BOX}/nothing"):
            assert (await hub.get(path, sender="land")).code == "HUB-BOX-001"
        assert (await says(hub, other, {"digest": letter["digest"]})).code == "HUB-BOX-001"
        assert (await says(hub, letter["transfer"][:-1], {"digest": letter["digest"]})).code == "HUB-BOX-001"
        assert await state(hub, letter["transfer"]) is State.WAITING


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", ""),
        (b"[]", ""),
        ({}, ""),
        ({"digest": "abc"}, "/digest"),
        ({"digest": 7}, "/digest"),
        ({"digest": "0" * 64, "at": "2026-11-23T12:00:00"}, "/at"),
        ({"digest": "0" * 64, "refused": {}}, "/refused"),
        ({"digest": "0" * 64, "refused": {"reason": ""}}, "/refused/reason"),
        ({"digest": "0" * 64, "refused": {"reason": "r", "code": "a b"}}, "/refused/code"),
        ({"digest": "0" * 64, "more": 1}, ""),
    ],
)
async def test_what_is_no_answer_is_refused_with_its_place(
    made: Parts, tmp_path: Path, body: Any, place: str
) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub:
        answer = await says(hub, "x", body)
        assert (answer.status, answer.code) == (400, "HUB-BOX-004")
        assert place in json.dumps(answer["errors"])


async def test_pages_go_on_where_the_one_before_ended(made: Parts, tmp_path: Path) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub, working(hub):
        for number in range(3):
            assert (await hub.post(hub.received(), key=f"k{number}")).status == 202
        every = await laid(hub, 3)
        page = await hub.get(f"{BOX}?limit=2", sender="land")
        rest = await letters(hub, f"?limit=2&after={page['next']}")
        assert [*page["letters"], *rest] == every
        for query in (
            "?limit=0",
            "?limit=201",
            "?limit=x",
            "?after=x",
            "?limit=" + "1" * 400,
            "?limit=0000002005",
        ):
            assert (await hub.get(BOX + query, sender="land")).code == "HUB-BOX-006"


async def test_a_paused_mailbox_says_when_to_come_again_and_an_eager_caller_is_held_back(
    made: Parts, tmp_path: Path
) -> None:
    limits = Limits(receiver=Pace(rate=0.001, burst=5))
    async with house(tmp_path, made, lambda: NOW, limits=limits, seconds=lambda: 0.0) as hub:
        async with working(hub):
            assert (await hub.post(hub.received(), key="a")).status == 202

            async def lies() -> bool:
                return bool(await hub.store.mailbox.letters("land"))

            await until(lies)
        (letter,) = await letters(hub)
        await hub.store.pause("land", paused=True, reason="r", by="op", now=NOW)
        shut = await hub.get(f"{BOX}/{letter['transfer']}", sender="land")
        assert (shut.status, shut.code) == (503, "HUB-BOX-002")
        assert "Retry-After" in shut.headers
        assert await letters(hub) == []
        answers = [await hub.get(BOX, sender="land") for _ in range(3)]
        assert [one.code for one in answers] == ["", "", "HUB-LIM-002"]


async def test_what_a_person_took_back_is_gone_before_it_is_fetched(made: Parts, tmp_path: Path) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub, working(hub):
        assert (await hub.post(hub.received(), key="a")).status == 202
        (letter,) = await laid(hub)
        await hub.store.act(
            letter["transfer"], Move.WITHDRAW, expected=State.WAITING, reason="wrong", by="op", now=NOW
        )
        assert (await hub.get(f"{BOX}/{letter['transfer']}", sender="land")).code == "HUB-BOX-001"
        assert (await says(hub, letter["transfer"], {"digest": letter["digest"]})).code == "HUB-RCP-003"


async def test_an_office_that_dies_at_any_step_ends_up_with_each_letter_once(
    made: Parts, tmp_path: Path
) -> None:
    async with house(tmp_path / "hub", made, lambda: NOW) as hub, working(hub):
        (tmp_path / "letters").mkdir()
        code, refused = hub.code(), hub.code()
        office = Office(
            hub=hub.url,
            api_key=KEYS["land"],
            folder=tmp_path / "letters",
            refuses=frozenset({refused}),
            journal=Journal(tmp_path / "journal", lambda: NOW),
        )
        for number, body in enumerate(
            (hub.received(code), hub.message("withdrawn", code), hub.received(refused))
        ):
            assert (await hub.post(body, key=f"k{number}")).status == 202
        await laid(hub, 2)
        for step in ("fetched", "kept"):
            with pytest.raises(Died):
                await asyncio.to_thread(msgspec.structs.replace(office, dies=step).empty)
        assert sorted(await asyncio.to_thread(office.empty)) == ["acknowledged", "refused"]
        await laid(hub)
        assert await asyncio.to_thread(office.empty) == ["acknowledged"]
        assert await letters(hub) == []
        kept = [json.loads(one.read_bytes())["event"]["kind"] for one in _files(tmp_path / "letters")]
        assert sorted(kept) == ["received", "withdrawn"]
        told = Journal(tmp_path / "journal", lambda: NOW).entries
        assert [(one.operation, one.dossier) for one in told] == [("received", code), ("withdrawn", code)]
        assert await hub.store.conservation() == ()


def _files(folder: Path) -> list[Path]:
    return list(folder.glob("*.letter"))
