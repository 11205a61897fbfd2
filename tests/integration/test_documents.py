"""Documents over real sockets: brought in pieces, named by messages, fetched by their links."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import io
import json
import random
import socket
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from multidict import CIMultiDict

from connectors.contract import Sealed
from hub.api.admission import Watermark
from hub.api.downloads import Downloader
from hub.documents.contract import Safety
from hub.documents.links import Desk, Linking
from hub.lifecycle import Move
from hub.settings.sections import Documents as Keeping
from hub.settings.sections import Limits, Pace
from hub.store.contract.delivery import Settlement
from hub.store.contract.views import Filter
from tests.integration.intake_house import KEYS, Answer, House, house, partner_files, parts
from tests.store.samples import roomy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from hub.store.contract.delivery import Work
    from hub.store.contract.views import JournalRow
    from schemas.problems import Problem
    from tests.integration.intake_house import Parts

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
OFFSET_STREAM = "application/offset+octet-stream"


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    folder = tmp_path_factory.mktemp("partners")
    return parts(_files(folder / "files"))


def _files(folder: Path) -> Path:
    """Only those who need no certificate."""
    pin = folder.parent / "pin.pem"
    partner_files(folder, pin)
    for name in ("counter", "bureau"):
        (folder / f"{name}.toml").unlink()
    return folder


@pytest.fixture
async def hub(tmp_path: Path, made: Parts, clock: Clock) -> AsyncIterator[House]:
    more = {"downloaders": {name: Downloader(id=name, path="downloadfile") for name in ("land", "portal")}}
    async with house(tmp_path, made, clock, more=more) as opened:
        yield opened


def content(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311 - numbers that repeat


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def call(
    hub: House,
    method: str,
    path: str,
    *,
    sender: str | None = "desk",
    data: bytes | None = None,
    **headers: str,
) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if sender:
        sent["Authorization"] = f"Bearer {KEYS[sender]}"
    path = urlsplit(path).path
    body = io.BytesIO(data) if data else data
    async with hub.session.request(method, f"{hub.url}{path}", data=body, headers=sent) as got:
        return Answer(got.status, got.headers, await got.read())


async def announce(hub: House, data: bytes, *, sender: str = "desk", **more: Any) -> Answer:
    said = {
        "size": len(data),
        "sha256": sha(data),
        "media_type": "application/pdf",
        "name": "Đơn.pdf",
        **more,
    }
    body = json.dumps(said).encode()
    return await call(hub, "POST", "/v1/documents", sender=sender, data=body, Content_Type="application/json")


async def patch(hub: House, where: str, offset: int, data: bytes, **more: Any) -> Answer:
    headers = {"Content_Type": OFFSET_STREAM, "Upload_Offset": str(offset), **more}
    return await call(hub, "PATCH", where, data=data, **headers)


async def bring(hub: House, data: bytes, sender: str = "desk") -> Answer:
    told = await announce(hub, data, sender=sender)
    return await call(
        hub,
        "PATCH",
        told.headers["Location"],
        sender=sender,
        data=data,
        Content_Type=OFFSET_STREAM,
        Upload_Offset="0",
    )


def naming(hub: House, data: bytes, code: str = "", **more: Any) -> dict[str, Any]:
    document = {
        "id": "900001",
        "name": "Đơn của ông Ánh.pdf",
        "sha256": sha(data),
        "media_type": "application/pdf",
    }
    return hub.received(code, documents=[{**document, **more}])


# --- upload


async def test_a_document_comes_in_pieces_and_goes_on_where_it_was(hub: House) -> None:
    data = content(300_000)
    told = await announce(hub, data)
    assert (told.status, told["state"], told["offset"]) == (201, "uploading", 0)
    where = told.headers["Location"]
    first = await patch(hub, where, 0, data[:100_001])
    assert (first.status, first.headers["Upload-Offset"]) == (204, "100001")
    asked = await call(hub, "HEAD", where)
    assert (asked.status, asked.headers["Upload-Offset"], asked.headers["Upload-Length"]) == (
        200,
        "100001",
        "300000",
    )
    assert asked.headers["Cache-Control"] == "no-store"
    last = await patch(hub, where, 100_001, data[100_001:])
    assert (last.status, last.headers["Upload-Offset"]) == (204, "300000")
    assert (await call(hub, "GET", where))["state"] == "clean"


async def test_a_tus_client_announces_in_headers(hub: House) -> None:
    data = content(10)
    pairs = {"sha256": sha(data), "filetype": "text/plain", "filename": "Đơn.txt"}
    metadata = ",".join(
        f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in pairs.items()
    )
    told = await call(hub, "POST", "/v1/documents", Upload_Length="10", Upload_Metadata=metadata)
    assert told.status == 201
    assert (await patch(hub, told.headers["Location"], 0, data)).status == 204


async def test_an_empty_document_is_whole_at_once(hub: House) -> None:
    assert (await announce(hub, b""))["state"] == "clean"


async def test_a_wrong_offset_tells_the_right_one_and_changes_nothing(hub: House) -> None:
    where = (await announce(hub, content(1000))).headers["Location"]
    await patch(hub, where, 0, content(1000)[:10])
    told = await patch(hub, where, 11, b"x")
    assert (told.status, told.code, told["errors"][0]["rule"]) == (409, "HUB-DOC-006", "10")
    assert (await call(hub, "HEAD", where)).headers["Upload-Offset"] == "10"


async def test_what_its_digest_does_not_fit_is_refused_and_gone(hub: House, tmp_path: Path) -> None:
    where = (await announce(hub, b"right")).headers["Location"]
    told = await patch(hub, where, 0, b"wrong")
    assert (told.status, told.code) == (422, "HUB-DOC-007")
    assert (await call(hub, "HEAD", where)).status == 404
    assert not [path for path in (tmp_path / "hub.db.blobs").rglob("*") if path.is_file()]


async def test_a_cut_line_loses_only_what_had_not_arrived(hub: House) -> None:
    data = content(400_000)
    where = urlsplit((await announce(hub, data)).headers["Location"]).path
    head = (
        f"PATCH {where} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEYS['desk']}\r\nUpload-Offset: 0\r\n"
        f"Content-Type: {OFFSET_STREAM}\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", hub.port)) as line:
        await asyncio.to_thread(line.sendall, head.encode() + data[:250_000])
        await asyncio.sleep(0.3)
    async with asyncio.timeout(10):
        while (at := int((await call(hub, "HEAD", where)).headers["Upload-Offset"])) == 0:  # noqa: ASYNC110 - as a sender asks
            await asyncio.sleep(0.02)
    assert at == 250_000
    assert (await patch(hub, where, at, data[at:])).status == 204


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"sha256": "ABC"}, "sha256"),
        ({"size": -1}, "size"),
        ({"media_type": "text/html; x"}, "media_type"),
        ({"name": "x" * 4001}, "name"),
    ],
)
async def test_a_wrong_announcement_is_told_its_place(hub: House, more: dict[str, Any], place: str) -> None:
    told = await announce(hub, b"x", **more)
    assert (told.status, told.code, told["errors"][0]["place"]) == (422, "HUB-DOC-008", place)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"\xff", b'{"size":1,"sha256":"a","more":1}', b'{"size":"1"}']
)
async def test_what_is_no_announcement_is_refused(hub: House, body: bytes) -> None:
    assert (await call(hub, "POST", "/v1/documents", data=body)).code == "HUB-DOC-008"


async def test_uploads_of_others_do_not_exist(hub: House) -> None:
    where = (await announce(hub, b"right")).headers["Location"]
    for method in ("HEAD", "GET", "DELETE"):
        assert (await call(hub, method, where, sender="neighbour")).status == 404
    other = await call(
        hub, "PATCH", where, sender="neighbour", data=b"right", Content_Type=OFFSET_STREAM, Upload_Offset="0"
    )
    assert other.code == "HUB-DOC-005"
    assert (await call(hub, "HEAD", where, sender=None)).status == 401
    assert (await call(hub, "DELETE", where)).status == 204
    assert (await call(hub, "GET", where)).code == "HUB-DOC-005"


async def test_sizes_and_quotas_are_bounded(tmp_path: Path, made: Parts, clock: Clock) -> None:
    limits = Limits(document=100_000, unclaimed=150_000)
    async with house(tmp_path, made, clock, limits=limits) as hub:
        assert (await announce(hub, content(100_001))).code == "HUB-DOC-009"
        assert (await announce(hub, content(100_000))).status == 201
        told = await announce(hub, content(100_000, 2))
        assert (told.status, told.code, "Retry-After" in told.headers) == (429, "HUB-DOC-010", True)


async def test_no_bytes_come_in_while_the_disk_is_short_and_documents_still_go_out(
    tmp_path: Path, made: Parts, clock: Clock
) -> None:
    room, seconds = [200], [0.0]
    watermark = Watermark(lambda: (room[0], 0), lambda: seconds[0], free=100, database=0)
    more = {"downloaders": {name: Downloader(id=name, path="downloadfile") for name in ("land", "portal")}}
    async with house(tmp_path, made, clock, watermark=watermark, more=more) as hub:
        data = content(100_000)
        link = (await send(hub, data, clock)).popitem()[1]
        where = (await announce(hub, content(5000, 2))).headers["Location"]
        room[0], seconds[0] = 50, 1.0
        refused = await patch(hub, where, 0, content(5000, 2))
        assert (refused.status, refused.code, refused.headers["Retry-After"]) == (503, "HUB-LIM-003", "30")
        assert (await call(hub, "GET", link, sender=None)).body == data
        room[0], seconds[0] = 200, 2.0
        assert (await patch(hub, where, 0, content(5000, 2))).status == 204


async def test_a_silent_sender_is_told_and_keeps_what_it_sent(
    tmp_path: Path, made: Parts, clock: Clock
) -> None:
    async with house(tmp_path, made, clock, limits=Limits.model_validate({"body_time": "300ms"})) as hub:
        where = urlsplit((await announce(hub, content(1000))).headers["Location"]).path

        async def slowly() -> AsyncIterator[bytes]:
            yield b"a" * 100
            await asyncio.sleep(2)
            yield b"b"

        headers = {
            "Authorization": f"Bearer {KEYS['desk']}",
            "Content-Type": OFFSET_STREAM,
            "Upload-Offset": "0",
        }
        with contextlib.suppress(ConnectionError):
            async with hub.session.patch(f"{hub.url}{where}", data=slowly(), headers=headers) as got:
                assert got.status == 408
        assert (await call(hub, "HEAD", where)).headers["Upload-Offset"] == "100"


async def test_an_announcement_that_drips_is_given_up(tmp_path: Path, made: Parts, clock: Clock) -> None:
    async with house(tmp_path, made, clock, limits=Limits.model_validate({"body_time": "300ms"})) as hub:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(hub.url).port)
        head = f"POST /v1/documents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEYS['desk']}\r\nContent-Length: 9000\r\n\r\n{{"
        writer.write(head.encode())
        async with asyncio.timeout(5):
            assert b" 408 " in await reader.readline()
        writer.close()


# --- messages


async def test_a_message_that_names_a_document_is_accepted_when_it_is_here(hub: House) -> None:
    data = content(1000)
    missing = await hub.post(naming(hub, data, "000.00.00.H47-261120-0001"), key="k1")
    assert (missing.status, missing.code) == (422, "HUB-DOC-001")
    assert missing["errors"][0]["pointer"] == "/dossier/documents/0/sha256"
    await bring(hub, data)
    assert (await hub.post(naming(hub, data, "000.00.00.H47-261120-0001"), key="k1")).status == 202
    step = hub.message("step", "000.00.00.H47-261120-0001", documents=[{"id": "900001", "sha256": sha(data)}])
    assert (await hub.post(step, key="k2")).status == 202


async def test_the_place_is_told_in_the_senders_own_words(hub: House) -> None:
    said = hub.said("land.soap@1", naming(hub, b"x", "000.00.00.H47-261120-0007"))
    told = await hub.post(said, key="k1", sender="office", headers={"Content-Type": "application/xml"})
    assert told.code == "HUB-DOC-001"
    assert told["errors"][0]["xpath"].endswith("MaBam")
    assert told["errors"][0]["line"] > 0


async def test_an_address_of_the_senders_own_travels_on_as_it_is(hub: House) -> None:
    body = naming(hub, b"x", "000.00.00.H47-261120-0002", reference="https://motcua.example.vn/f/1")
    assert (await hub.post(body, key="k1")).status == 202


async def test_what_waits_for_the_scanner_may_come_again_and_what_is_infected_may_not(
    tmp_path: Path, made: Parts, clock: Clock
) -> None:
    async with house(tmp_path, made, clock, more={"unscanned": Safety.CHECKING}) as hub:
        data = content(1000)
        await bring(hub, data)
        told = await hub.post(naming(hub, data, "000.00.00.H47-261120-0001"), key="k1")
        assert (told.status, told.code, "Retry-After" in told.headers) == (409, "HUB-DOC-002", True)
        await hub.store.documents.checked(sha(data), Safety.INFECTED, finding="Eicar", now=clock())
        told = await hub.post(naming(hub, data, "000.00.00.H47-261120-0001"), key="k1")
        assert (told.status, told.code) == (422, "HUB-DOC-003")
        shown = await announce(hub, data)
        assert (shown["state"], shown["code"]) == ("infected", "HUB-DOC-003")


# --- links


class Inner:
    """Seals by saying the canonical message."""

    async def seal(self, works: Sequence[Work]) -> Mapping[str, Sealed | Problem]:
        return {
            work.transfer: Sealed(payload=work.canonical, media_type="application/json") for work in works
        }


async def send(hub: House, data: bytes, clock: Clock, **more: Any) -> dict[str, str]:
    """A message with a document, sealed for its recipients; returns the links by partner."""
    await hub.store.capacities(roomy("land", "portal"))
    await bring(hub, data)
    assert (await hub.post(naming(hub, data, **more), key="k1")).status == 202
    works = await hub.store.claim("w", clock(), 10, 3000)
    desks = {name: Desk(base=f"{hub.url}/downloadfile", grace=60) for name in ("land", "portal")}
    linking = Linking(Inner(), hub.store.documents, desks, b"secret")
    made = await linking.seal(works)
    assert made == await linking.seal(works)
    new = {transfer: each for transfer, each in made.items() if isinstance(each, Sealed)}
    assert await hub.store.seal(works[0].token, new)
    told = {}
    for work in works:
        document = json.loads(new[work.transfer].payload)["dossier"]["documents"][0]
        assert document["id"] == "900001"
        told[work.partner] = document["reference"]
    done = [Settlement(transfer=work.transfer, move=Move.DELIVER) for work in works]
    assert await hub.store.settle(works[0].token, done, clock())
    return told


async def downloads(hub: House, count: int) -> list[JournalRow]:
    """What the journal says of them; a download is written down when its last byte has left."""
    async with asyncio.timeout(10):
        while True:
            told = [row for row in await hub.store.journal() if row.what == "downloaded"]
            if len(told) >= count:
                return told
            await asyncio.sleep(0.02)


async def test_each_recipient_fetches_by_a_link_of_its_own(hub: House, clock: Clock) -> None:
    data = content(300_000)
    links = await send(hub, data, clock)
    assert len(set(links.values())) == len(links) >= 1
    for link in links.values():
        assert len(link.rpartition("/")[2]) == 36
        for path in (link, link.replace("downloadfile", "f")):
            got = await call(hub, "GET", path, sender=None)
            assert (got.status, got.body) == (200, data)
        assert got.headers["Content-Type"] == "application/pdf"
        assert got.headers["Cache-Control"] == "no-store"
        assert got.headers["X-Content-Type-Options"] == "nosniff"
        assert got.headers["Content-Disposition"].startswith('attachment; filename="on cua ong Anh.pdf"') or (
            got.headers["Content-Disposition"].startswith('attachment; filename="Don cua ong Anh.pdf"')
        )
        assert "%C4%90%C6%A1n" in got.headers["Content-Disposition"]
    told = await downloads(hub, 2 * len(links))
    assert {row.facts["partner"] for row in told} == set(links)
    assert {row.facts["bytes"] for row in told} == {"300000"}
    assert "Ánh" not in str(told)


async def test_ranges_heads_and_digests_let_a_partner_go_on(hub: House, clock: Clock) -> None:
    data = content(300_000)
    link = (await send(hub, data, clock)).popitem()[1]
    head = await call(hub, "HEAD", link, sender=None)
    assert (head.status, head.headers["Content-Length"], head.body) == (200, "300000", b"")
    etag = head.headers["ETag"]
    assert (
        head.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"
    )
    part = await call(hub, "GET", link, sender=None, Range="bytes=100000-", If_Range=etag)
    assert (part.status, part.body) == (206, data[100_000:])
    assert part.headers["Content-Range"] == "bytes 100000-299999/300000"
    changed = await call(hub, "GET", link, sender=None, Range="bytes=100000-", If_Range='"other"')
    assert (changed.status, changed.body) == (200, data)
    outside = await call(hub, "GET", link, sender=None, Range="bytes=300000-")
    assert (outside.status, outside.code) == (416, "HUB-DOC-017")
    assert (await call(hub, "GET", link, sender=None, If_None_Match=etag)).status == 304


async def test_words_that_no_header_can_carry_neither_break_a_download_nor_keep_its_place(
    tmp_path: Path, made: Parts, clock: Clock
) -> None:
    more = {"downloaders": {name: Downloader(id=name, path="downloadfile") for name in ("land", "portal")}}
    limits = Limits(documents_per_sender=2)
    async with house(tmp_path, made, clock, limits=limits, more=more) as hub:
        said = {"media_type": "application/chữ", "name": 'x"\r\nSet-Cookie: a=b\u202e.pdf'}
        link = (await send(hub, content(1000), clock, **said)).popitem()[1]
        for _ in range(3):
            got = await call(hub, "GET", link, sender=None)
            assert (got.status, got.body) == (200, content(1000))
            assert got.headers["Content-Type"] == "application/octet-stream"
            assert "Set-Cookie" not in got.headers
            await asyncio.sleep(0.1)  # its place is free when its end is journaled, which nobody waits for


async def test_unknown_ids_are_not_found_whatever_they_look_like(hub: House, clock: Clock) -> None:
    link = (await send(hub, content(1000), clock)).popitem()[1]
    for wrong in (
        link[:-1] + ("0" if link[-1] != "0" else "1"),
        "/f/x",
        "/f/%00",
        "/f/" + "9" * 36,
        "/f/%F0%9F%92%A9",
    ):
        got = await call(hub, "GET", wrong, sender=None)
        assert (got.status, got.code) == (404, "HUB-DOC-011")
    assert (await call(hub, "GET", "/f/", sender=None)).status == 404
    assert (await call(hub, "POST", link, sender=None)).status == 405


async def test_a_link_is_over_when_its_grace_is(hub: House, clock: Clock) -> None:
    link = (await send(hub, content(1000), clock)).popitem()[1]
    clock.now += timedelta(seconds=59)
    assert (await call(hub, "GET", link, sender=None)).status == 200
    clock.now += timedelta(seconds=2)
    got = await call(hub, "GET", link, sender=None)
    assert (got.status, got.code) == (410, "HUB-DOC-012")


async def test_a_link_is_over_when_its_dossier_is_forgotten(hub: House, clock: Clock) -> None:
    link = (await send(hub, content(1000), clock)).popitem()[1]
    (view, *_) = await hub.store.transfers(Filter())
    assert view.dossier
    await hub.store.forget(view.dossier, reason="asked", by="x", now=clock())
    assert (await call(hub, "GET", link, sender=None)).code == "HUB-DOC-012"


async def test_a_damaged_document_is_never_served(hub: House, clock: Clock, tmp_path: Path) -> None:
    link = (await send(hub, content(300_000), clock)).popitem()[1]
    (file,) = [path for path in (tmp_path / "hub.db.blobs").rglob("*") if path.is_file()]
    file.write_bytes(file.read_bytes()[:1000] + b"x" + file.read_bytes()[1001:])
    got = await call(hub, "GET", link, sender=None)
    assert (got.status, got.code) == (500, "HUB-DOC-016")
    assert [row for row in await hub.store.journal() if row.what == "downloaded"] == []


async def test_who_goes_away_in_the_middle_is_journaled_with_what_it_got(hub: House, clock: Clock) -> None:
    data = content(30_000_000)
    link = urlsplit((await send(hub, data, clock)).popitem()[1]).path
    with socket.create_connection(("127.0.0.1", hub.port)) as line:
        await asyncio.to_thread(line.sendall, f"GET {link} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await asyncio.to_thread(line.recv, 1000)
    told = await downloads(hub, 1)
    assert told[0].facts["whole"] == "no"
    assert int(told[0].facts["bytes"]) < len(data)


NET = ip_network("10.1.0.0/16")
LOOPBACK = ip_network("127.0.0.0/8")
CERTIFICATE = b"the partner's certificate"


@pytest.mark.parametrize(
    ("declared", "proxies", "headers", "status"),
    [
        ({"addresses": (LOOPBACK,)}, (), {}, 200),
        ({"addresses": (NET,)}, (), {}, 403),
        ({"addresses": (NET,)}, (), {"X_Forwarded_For": "10.1.2.3"}, 403),
        ({"addresses": (NET,)}, (LOOPBACK,), {"X_Forwarded_For": "10.1.2.3"}, 200),
        ({"addresses": (NET,)}, (LOOPBACK,), {"X_Forwarded_For": "10.1.2.3, 192.0.2.1"}, 403),
        ({"known": True}, (), {}, 403),
        ({"known": True}, (), {"Authorization": "Bearer nobody's"}, 403),
        ({"known": True}, (), {"Authorization": f"Bearer {KEYS['desk']}"}, 403),
        ({"known": True}, (), {"Authorization": f"Bearer {KEYS['land']}"}, 200),
        (
            {"certificates": (sha(CERTIFICATE),)},
            (),
            {"Client_Cert": f":{base64.b64encode(CERTIFICATE).decode()}:"},
            403,
        ),
        (
            {"certificates": (sha(CERTIFICATE),)},
            (LOOPBACK,),
            {"Client_Cert": f":{base64.b64encode(CERTIFICATE).decode()}:"},
            200,
        ),
        ({"certificates": (sha(CERTIFICATE),)}, (LOOPBACK,), {"Client_Cert": ":b3RoZXI=:"}, 403),
        ({"certificates": (sha(CERTIFICATE),)}, (LOOPBACK,), {}, 403),
    ],
)
async def test_a_partner_downloads_only_as_its_file_declares(
    tmp_path: Path,
    made: Parts,
    clock: Clock,
    declared: dict[str, Any],
    proxies: tuple[Any, ...],
    headers: dict[str, Any],
    status: int,
) -> None:
    more = {
        "downloaders": {
            name: Downloader(id=name, path="downloadfile", **declared) for name in ("land", "portal")
        },
        "keeping": Keeping(proxies=proxies),
    }
    async with house(tmp_path, made, clock, more=more) as hub:
        link = (await send(hub, content(1000), clock))["land"]
        got = await call(hub, "GET", link, sender=None, **headers)
        assert got.status == status
        assert got.code == ("HUB-DOC-013" if status == 403 else "")


async def test_a_partner_that_downloads_too_often_is_told_when_to_come_again(
    tmp_path: Path, made: Parts, clock: Clock
) -> None:
    limits = Limits(receiver=Pace(rate=0.1, burst=2))
    more = {"downloaders": {name: Downloader(id=name, path="downloadfile") for name in ("land", "portal")}}
    async with house(tmp_path, made, clock, limits=limits, more=more, seconds=lambda: 7.0) as hub:
        links = await send(hub, content(1000), clock)
        link = links.pop("land")
        assert [(await call(hub, method, link, sender=None)).status for method in ("GET", "HEAD")] == [
            200
        ] * 2
        refused = await call(hub, "GET", link, sender=None)
        assert (refused.status, refused.code, refused.headers["Retry-After"]) == (429, "HUB-LIM-002", "10")
        assert all([(await call(hub, "GET", other, sender=None)).status == 200 for other in links.values()])


@pytest.mark.parametrize("header", ["Authorization", "Client-Cert"])
async def test_of_two_proofs_of_who_downloads_none_counts(hub: House, clock: Clock, header: str) -> None:
    link = (await send(hub, content(1000), clock)).popitem()[1]
    headers = CIMultiDict([(header, "Bearer mine"), (header, "Bearer other")])
    async with hub.session.get(link, headers=headers) as got:
        assert (got.status, (await got.json())["code"]) == (400, "HUB-IDM-004")


async def test_what_a_proxy_adds_in_a_line_of_its_own_goes_before_what_the_caller_wrote(
    tmp_path: Path, made: Parts, clock: Clock
) -> None:
    declared = {
        name: Downloader(id=name, path="downloadfile", addresses=(NET,)) for name in ("land", "portal")
    }
    more = {"downloaders": declared, "keeping": Keeping(proxies=(LOOPBACK,))}
    async with house(tmp_path, made, clock, more=more) as hub:
        link = (await send(hub, content(1000), clock)).popitem()[1]
        hops = [("X-Forwarded-For", "10.1.2.3"), ("X-Forwarded-For", "192.0.2.1")]
        for told, status in ((hops, 403), (hops[::-1], 200)):
            async with hub.session.get(link, headers=CIMultiDict(told)) as got:
                assert got.status == status


async def test_a_partner_that_is_declared_no_more_downloads_nothing(
    tmp_path: Path, made: Parts, clock: Clock
) -> None:
    async with house(tmp_path, made, clock) as hub:
        link = (await send(hub, content(1000), clock)).popitem()[1].replace("downloadfile", "f")
        assert (await call(hub, "GET", link, sender=None)).code == "HUB-DOC-013"
