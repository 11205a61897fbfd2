"""Documents at their sender's own address: fetched before anyone is sent them, from listed hosts only, whatever the line does."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import pytest_asyncio

from connectors.contract import Sealed
from connectors.downloads import Downloads
from connectors.reach import Reach
from hub.documents.contract import New, Safety, Waits
from hub.documents.fetching import Fetching, Sources
from hub.documents.links import Desk, Linking
from hub.judging.enclosing import enclosures
from hub.lifecycle import Move
from hub.store.contract.delivery import Settlement
from schemas.dossier import Document, Dossier, Event, Kind, Message, to_json
from schemas.problems import Problem, Refusal
from tests.store.engines import ENGINES, Place
from tests.store.samples import NOON, acceptance, at, roomy
from tests.store.test_documents import bring, content, digest, naming, whole
from tests.store.test_documents import new as upload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from hub.store.contract.delivery import Work
    from hub.store.contract.store import Store

DATA = content(600_000)
SCHEDULE = (10.0, 20.0)


class Server:
    """A sender's document server. ``cut``: bytes after which it hangs up; ``status`` instead of the content; ``ranges``: it knows them;
    ``refuses``: its answer to any range; ``drips``: tenths of a second that it takes.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.cut, self.status, self.ranges, self.data = 0, 0, True, DATA
        self.refuses, self.drips = "", 0
        self.answering: set[asyncio.Task[None]] = set()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.answering.add(task)
        try:
            await self.answer(reader, writer)
        except ConnectionError:
            """Whoever asked has gone."""
        finally:
            self.answering.discard(task)
            writer.close()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(
            next((line[13:] for line in head.split("\r\n") if line.lower().startswith("range:")), "")
        )
        start = int(self.asked[-1].strip("-") or 0) if self.ranges else 0
        body = self.data[start:]
        if self.status:
            writer.write(
                f"HTTP/1.1 {self.status} x\r\nContent-Length: 0\r\nLocation: http://127.0.0.1:1/\r\n\r\n".encode()
            )
        elif start and self.refuses:
            writer.write(f"HTTP/1.1 {self.refuses}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
        else:
            first = (
                f"206 x\r\nContent-Range: bytes {start}-{len(self.data) - 1}/{len(self.data)}"
                if start
                else "200 x"
            )
            writer.write(f"HTTP/1.1 {first}\r\nContent-Length: {len(body)}\r\n\r\n".encode())
            for piece in self._pieces(body):
                writer.write(piece)
                if self.drips:
                    await asyncio.sleep(0.1)
        await writer.drain()
        await asyncio.sleep(
            0.5 if self.cut else 0
        )  # it is read before the line breaks, on a busy machine too

    def _pieces(self, body: bytes) -> list[bytes]:
        if not self.drips:
            return [body[: self.cut] if self.cut else body]
        step = len(body) // self.drips + 1
        return [body[at_ : at_ + step] for at_ in range(0, len(body), step)]


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await listening.wait_closed()
        await asyncio.gather(*server.answering)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as opened:
        yield opened


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> Any:
        return self.now


class House:
    def __init__(self, store: Store, server: Server) -> None:
        self.store, self.server, self.clock = store, server, Clock()
        host = f"127.0.0.1:{server.port}"
        self.http = Downloads(Reach(base_url=f"http://{host}", total_timeout=20))
        self.sources = {"motcua-tinh": Sources(hosts={host: self.http}, schedule=SCHEDULE)}
        self.unscanned = Safety.CLEAN
        self.limit = 1 << 20

    async def step(self, seconds: float = 0) -> bool:
        self.clock.now += timedelta(seconds=seconds)
        fetching = Fetching(
            self.store.documents, self.sources, limit=self.limit, unscanned=self.unscanned, now=self.clock
        )
        return await fetching.fetch()

    async def accept(self, sha256: str = "", size: int | None = None, path: str = "/f/1?x=y") -> None:
        url = f"http://127.0.0.1:{self.server.port}{path}"
        message = Message(
            event=Event(kind=Kind.RECEIVED, at=NOON),
            key="k",
            sender="motcua-tinh",
            agency="a",
            dossier=Dossier(
                code="c", documents=(Document(id="1", sha256=sha256 or None, size=size, reference=url),)
            ),
        )
        (new,) = enclosures(message, frozenset({f"127.0.0.1:{self.server.port}"}))
        assert new == New(
            place="documents/0", pointer="/dossier/documents/0/reference", sha256=sha256, size=size, url=url
        )
        await self.store.capacities(roomy("so-tnmt"))
        told = acceptance("m1", dossier="d1")
        await self.store.accept(msgspec.structs.replace(told, documents=(new,), canonical=to_json(message)))

    async def sealed(self) -> Sealed | Problem | Waits:
        """What sealing would make of the transfer now."""
        works = await self.store.claim("w", self.clock.now, 10, 30)
        desk = Desk(base="http://hub/f", grace=60)
        made = await Linking(Inner(), self.store.documents, {"so-tnmt": desk}, b"s").seal(works)
        back = Settlement(transfer=works[0].transfer, move=Move.UNSENT, wake_at=self.clock.now, counts=False)
        assert await self.store.settle(works[0].token, [back], self.clock.now)
        await self.store.tick(self.clock.now)
        return made[works[0].transfer]


class Inner:
    async def seal(self, works: Sequence[Work]) -> Mapping[str, Sealed | Problem]:
        return {work.transfer: Sealed(payload=work.canonical, media_type="x/y") for work in works}


@pytest_asyncio.fixture(params=["sqlite-encrypted", "postgres-encrypted"])
async def house(request: pytest.FixtureRequest, tmp_path: Path, server: Server) -> AsyncIterator[House]:
    database = request.getfixturevalue("database") if request.param.startswith("postgres") else ""
    store = ENGINES[request.param](Place(tmp_path, database), 1)
    opened = House(store, server)
    yield opened
    await opened.http.close()
    await store.close()


@pytest.mark.parametrize(("sha256", "size"), [(digest(DATA), len(DATA)), ("", None)])
async def test_a_document_is_fetched_and_then_sent_by_a_link_of_the_hubs(
    house: House, sha256: str, size: int | None
) -> None:
    await house.accept(sha256, size)
    assert await house.sealed() == Waits(code="HUB-DOC-014", place="documents/0", seconds=2.0)
    while await house.step():
        pass
    made = await house.sealed()
    assert isinstance(made, Sealed)
    assert b"http://hub/f/" in made.payload
    assert [link.sha256 for link in made.links] == [digest(DATA)]
    assert await whole(house.store.documents.content(digest(DATA))) == DATA
    assert {row.what for row in await house.store.journal()} >= {"document_fetched"}
    (held,) = await house.store.documents.held()
    assert held.owners == 1


async def test_a_cut_line_goes_on_where_it_was(house: House) -> None:
    house.server.cut = 250_000
    await house.accept()
    assert await house.step()
    assert not await house.step()
    assert await house.step(11)
    house.server.cut = 0
    assert await house.step(21)
    assert house.server.asked == ["", "250000-", "500000-"]
    await house.step(21)
    assert isinstance(await house.sealed(), Sealed)


@pytest.mark.parametrize("told", ["", "Content-Range: bytes */600000\r\n"])
async def test_a_server_that_will_not_go_on_from_there_sends_all_of_it_again(house: House, told: str) -> None:
    house.server.cut = 250_000
    await house.accept()
    await house.step()
    house.server.cut, house.server.refuses = 0, f"416 x\r\n{told}"
    await house.step(11)
    assert house.server.asked == ["", "250000-", ""]
    assert isinstance(await house.sealed(), Sealed)
    assert await whole(house.store.documents.content(digest(DATA))) == DATA


async def test_what_arrives_slowly_stays_with_the_worker_that_brings_it(house: House) -> None:
    """It takes six times as long as the lease, and another worker looks all the time."""
    begun = asyncio.get_running_loop().time()

    def clock() -> datetime:
        return NOON + timedelta(seconds=asyncio.get_running_loop().time() - begun)

    def worker() -> Fetching:
        limit, unscanned = house.limit, Safety.CLEAN
        return Fetching(
            house.store.documents, house.sources, limit=limit, unscanned=unscanned, now=clock, lease=0.6
        )

    house.server.drips = 36
    await house.accept()
    bringing = asyncio.create_task(worker().fetch())
    taken = []
    while not bringing.done():
        await asyncio.sleep(0.05)
        taken.append(await house.store.documents.to_fetch(clock(), lease=0.6))
    assert await bringing
    assert len(taken) > 20
    assert taken[1:-1] == [None] * (len(taken) - 2)
    assert house.server.asked == [""]
    assert (await house.store.documents.enclosed(["m1"]))["m1"][0].sha256 == digest(DATA)


async def test_who_lost_a_document_says_nothing_about_it_any_more(house: House) -> None:
    documents = house.store.documents
    await house.accept()
    slow = await documents.to_fetch(house.clock.now, lease=60)
    assert slow is not None
    later = house.clock.now + timedelta(seconds=61)
    other = await documents.to_fetch(later, lease=60)
    assert other is not None
    assert await documents.fetch_kept(slow, later + timedelta(seconds=60)) is None
    await documents.fetch_again(slow, later)
    await documents.fetch_given_up(slow, "HUB-DOC-015", later)
    assert await documents.to_fetch(later, lease=60) is None
    assert isinstance(await house.sealed(), Waits)
    assert await documents.fetch_kept(other, later + timedelta(seconds=90)) is not None


async def test_a_server_without_ranges_sends_all_of_it_again(house: House) -> None:
    house.server.cut, house.server.ranges = 250_000, False
    await house.accept()
    await house.step()
    house.server.cut = 0
    await house.step(11)
    assert isinstance(await house.sealed(), Sealed)
    assert await whole(house.store.documents.content(digest(DATA))) == DATA


@pytest.mark.parametrize("status", [404, 401, 410])
async def test_what_is_not_there_is_given_up_and_told(house: House, status: int) -> None:
    house.server.status = status
    await house.accept()
    await house.step()
    assert await house.sealed() == Problem(code="HUB-DOC-015", place="documents/0")
    assert not await house.step(10**6)


@pytest.mark.parametrize("status", [500, 503, 429, 302])
async def test_what_may_pass_is_tried_by_schedule_and_then_given_up(house: House, status: int) -> None:
    house.server.status = status
    await house.accept()
    for seconds in (0, 11, 21):
        assert isinstance(await house.sealed(), Waits)
        assert await house.step(seconds)
    assert len(house.server.asked) == 3
    assert isinstance(await house.sealed(), Problem)


@pytest.mark.parametrize(("sha256", "size"), [("00" * 32, None), (digest(DATA), len(DATA) - 1), ("", 10)])
async def test_what_is_not_as_it_was_told_is_given_up_and_gone(
    house: House, tmp_path: Path, sha256: str, size: int | None
) -> None:
    await house.accept(sha256, size)
    await house.step()
    assert await house.sealed() == Problem(code="HUB-DOC-015", place="documents/0")
    assert not [path for path in (tmp_path / "hub.db.blobs").rglob("*") if path.is_file()]


async def test_what_is_too_large_is_given_up(house: House) -> None:
    house.limit = 1000
    await house.accept()
    await house.step()
    assert isinstance(await house.sealed(), Problem)


@pytest.mark.parametrize(("safety", "made"), [(Safety.CLEAN, Sealed), (Safety.INFECTED, Problem)])
async def test_what_was_fetched_waits_for_the_scanner(house: House, safety: Safety, made: type) -> None:
    house.unscanned = Safety.CHECKING
    await house.accept()
    await house.step()
    assert isinstance(await house.sealed(), Waits)
    for _ in range(5):
        assert await house.step(3)
        assert isinstance(await house.sealed(), Waits)
    await house.store.documents.checked(digest(DATA), safety, finding="x", now=house.clock.now)
    await house.step(3)
    found = await house.sealed()
    assert isinstance(found, made)
    assert not isinstance(found, Problem) or found.code == "HUB-DOC-003"


async def test_what_the_sender_has_brought_is_not_fetched(house: House) -> None:
    await bring(house.store, "u1", DATA)
    await house.accept(digest(DATA))
    assert not await house.step()
    assert isinstance(await house.sealed(), Sealed)
    assert house.server.asked == []


async def test_what_the_hub_fetches_itself_is_not_its_senders_to_end(house: House) -> None:
    """The same content announced, or named by another message, while the first one's is on its way."""
    documents = house.store.documents
    house.unscanned = Safety.CHECKING
    await house.accept(digest(DATA), len(DATA))
    told = await documents.announce(upload("u1", DATA), quota=1 << 20, now=at(1))
    assert (told.id, told.received) == ("u1", 0)
    await documents.cancel("u1", at(1))
    await house.step()
    await documents.checked(digest(DATA), Safety.CLEAN, finding="", now=house.clock.now)
    await house.store.accept(naming("m2", digest(DATA), dossier="d2"))
    await house.step(3)
    (enclosed,) = (await documents.enclosed(["m1"]))["m1"]
    assert (enclosed.sha256, enclosed.problem) == (digest(DATA), "")
    assert not await house.step(10**6)


async def test_what_was_here_to_the_last_byte_when_a_worker_died_is_not_asked_for_again(house: House) -> None:
    await house.accept("", len(DATA))
    what = await house.store.documents.to_fetch(house.clock.now, lease=60)
    assert what is not None
    async with await house.store.documents.receive(what.upload, 0) as incoming:
        await incoming.write(DATA)
        await incoming.keep()
    await house.step(61)
    assert isinstance(await house.sealed(), Sealed)
    assert house.server.asked == []


async def test_what_was_wrong_when_a_worker_died_is_given_up(house: House) -> None:
    await house.accept("00" * 32)
    what = await house.store.documents.to_fetch(house.clock.now, lease=60)
    assert what is not None
    await house.store.documents.cancel(what.upload, house.clock.now)
    await house.step(61)
    assert isinstance(await house.sealed(), Problem)
    assert not await house.step(10**6)


async def test_a_sender_whose_server_drips_keeps_nobody_elses_documents_waiting(house: House) -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(mute, "127.0.0.1", 0)
    host = f"127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    http = Downloads(Reach(base_url=f"http://{host}", total_timeout=20))
    house.sources["another"] = Sources(hosts={host: http}, schedule=SCHEDULE)
    await house.store.capacities(roomy("so-tnmt"))
    for number in range(8):
        new = New(place="documents/0", pointer="/x", sha256="", url=f"http://{host}/{number}")
        told = acceptance(f"s{number}", dossier=f"s{number}")
        await house.store.accept(msgspec.structs.replace(told, sender="another", documents=(new,)))
    await house.accept(digest(DATA))
    house.clock.now += timedelta(seconds=5)
    fetching = Fetching(
        house.store.documents, house.sources, limit=1 << 20, unscanned=Safety.CLEAN, now=house.clock
    )
    running = asyncio.create_task(fetching.run())
    try:
        async with asyncio.timeout(10):
            while not (await house.store.documents.enclosed(["m1"]))["m1"][0].sha256:  # noqa: ASYNC110 - a file's row
                await asyncio.sleep(0.05)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await http.close()
        silent.close()


async def test_a_host_that_is_no_longer_listed_is_not_asked(house: House) -> None:
    await house.accept()
    house.sources = {}
    await house.step()
    assert isinstance(await house.sealed(), Problem)
    assert house.server.asked == []


async def test_a_waiting_transfer_uses_no_attempts_and_says_why(house: House) -> None:
    await house.accept()
    (work,) = await house.store.claim("w", at(1), 10, 30)
    waits = Settlement(
        transfer=work.transfer,
        move=Move.UNSENT,
        code="HUB-DOC-014",
        detail="documents/0",
        wake_at=at(3),
        counts=False,
    )
    assert await house.store.settle(work.token, [waits], at(1))
    view = await house.store.transfer(work.transfer)
    assert view is not None
    assert (view.state, view.problem, view.attempts) == ("waiting", "HUB-DOC-014", 0)


@pytest.mark.parametrize(
    "address",
    [
        "https://other.example.vn/f/1",
        "http://docs.example.vn/f/1",
        "https://docs.example.vn:8443/f/1",
        "https://docs.example.vn@evil.example/f/1",
        "https://user@docs.example.vn/f/1",
        "https://docs.example.vn/f 1",
        "https://docs.example.vn/f\r\nX: y",
        "https://docs.example.vn/f#x",
        "ftp://docs.example.vn/f",
        "//docs.example.vn/f",
        "https://[::1/f",
        "https://docs.example.vn/é",
    ],
)
def test_only_listed_hosts_are_fetched_from(address: str) -> None:
    dossier = Dossier(code="c", documents=(Document(id="1", reference=address),))
    message = Message(event=Event(kind=Kind.STEP, at=NOON), key="k", sender="s", agency="a", dossier=dossier)
    with pytest.raises(Refusal) as told:
        enclosures(message, frozenset({"docs.example.vn"}))
    assert [(each.code, each.place) for each in told.value.problems] == [
        ("HUB-DOC-015", "/dossier/documents/0/reference")
    ]
    assert enclosures(message) == ()


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ("/f/1?id=2", "https://docs.example.vn/api/f/1?id=2"),
        ("f/1", "https://docs.example.vn/api/f/1"),
        ("//evil.example/f", "https://docs.example.vn/api/evil.example/f"),
        ("https://docs.example.vn/f/1", "https://docs.example.vn/f/1"),
    ],
)
def test_an_address_without_a_server_stands_behind_the_senders_own(told: str, asked: str) -> None:
    dossier = Dossier(code="c", documents=(Document(id="1", reference=told),))
    message = Message(event=Event(kind=Kind.STEP, at=NOON), key="k", sender="s", agency="a", dossier=dossier)
    hosts = frozenset({"docs.example.vn"})
    (new,) = enclosures(message, hosts, "https://docs.example.vn/api")
    assert new.url == asked
    if "://" not in told:
        with pytest.raises(Refusal):
            enclosures(message, hosts, "https://elsewhere.example/api")
