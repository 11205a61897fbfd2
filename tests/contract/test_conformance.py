"""The one suite that every room passes: what it says is held against what the partner's own journal holds."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from base64 import b64encode
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import connectors
from connectors.contract import Deferred, Delivered, Exchange, Outcome, Refused, Unsure
from connectors.simulators.orders import ELSEWHERE, Order
from schemas.errors import load
from tests.doubles.loopback import loopback, mute, nobody

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from connectors.contract import Connector, Parcel
    from connectors.simulators.server import Server
    from tests.contract.room import RoomUnderTest
    from tests.doubles.pki import Pki

PATIENCE = 8.0
"""Seconds one ``deliver`` or ``find`` may take with the suite's timeouts, a dialogue of several calls included."""

CATALOGUE = load()


class Stage(NamedTuple):
    room: RoomUnderTest
    server: Server
    connector: Connector

    def order(self, kind: str, **more: object) -> None:
        self.server.order(Order(kind=kind, operation=self.room.wire_name, **more))  # type: ignore[arg-type]

    async def deliver(self, parcel: Parcel) -> Outcome:
        return await asyncio.wait_for(self.connector.deliver(parcel), PATIENCE)

    async def find(self, parcel: Parcel) -> Outcome:
        return await asyncio.wait_for(self.connector.find(parcel), PATIENCE)

    def processed(self) -> int:
        return len(list(self.server.desk.journal.of(self.room.wire_name)))


@asynccontextmanager
async def staged(
    room: RoomUnderTest, folder: Path, tls: ssl.SSLContext | None = None, ca_file: Path | None = None
) -> AsyncIterator[Stage]:
    async with loopback(room.partner(), tls) as (server, url):
        connector = room.connect(url, folder, ca_file)
        try:
            yield Stage(room, server, connector)
        finally:
            await connector.close()


class Case(NamedTuple):
    """One misbehaviour and what may be said of it."""

    name: str
    order: dict[str, object]
    says: tuple[type[Outcome], ...]
    code: str = ""


UNSURE = (Unsure,)
BOTH = ("before", "after")
CASES = [
    *(
        Case(
            f"500 {when}", {"kind": "status", "status": 500, "after": when == "after"}, UNSURE, "HUB-PAR-003"
        )
        for when in BOTH
    ),
    *(
        Case(
            f"502 {when}", {"kind": "status", "status": 502, "after": when == "after"}, UNSURE, "HUB-PAR-003"
        )
        for when in BOTH
    ),
    *(
        Case(
            f"bare 503 {when}",
            {"kind": "status", "status": 503, "after": when == "after"},
            UNSURE,
            "HUB-PAR-003",
        )
        for when in BOTH
    ),
    *(
        Case(f"html 200 {when}", {"kind": "html", "after": when == "after"}, UNSURE, "HUB-PAR-002")
        for when in BOTH
    ),
    *(
        Case(f"empty 200 {when}", {"kind": "empty", "after": when == "after"}, UNSURE, "HUB-PAR-002")
        for when in BOTH
    ),
    *(
        Case(f"silence {when}", {"kind": "silence", "after": when == "after"}, UNSURE, "HUB-NET-004")
        for when in BOTH
    ),
    *(
        Case(f"reset {when}", {"kind": "reset", "after": when == "after"}, UNSURE, "HUB-NET-004")
        for when in BOTH
    ),
    *(
        Case(f"close {when}", {"kind": "close", "after": when == "after"}, UNSURE, "HUB-NET-004")
        for when in BOTH
    ),
    *(
        Case(f"not http {when}", {"kind": "not-http", "after": when == "after"}, UNSURE, "HUB-NET-004")
        for when in BOTH
    ),
    *(
        Case(
            f"redirect 302 {when}",
            {"kind": "redirect", "status": 302, "after": when == "after"},
            UNSURE,
            "HUB-NET-006",
        )
        for when in BOTH
    ),
    *(
        Case(f"huge {when}", {"kind": "huge", "after": when == "after"}, UNSURE, "HUB-NET-005")
        for when in BOTH
    ),
    *(
        Case(f"gzip bomb {when}", {"kind": "gzip-bomb", "after": when == "after"}, UNSURE, "HUB-NET-005")
        for when in BOTH
    ),
    *(
        Case(f"xml bomb {when}", {"kind": "xml-bomb", "after": when == "after"}, UNSURE, "HUB-PAR-002")
        for when in BOTH
    ),
    *(
        Case(f"deep json {when}", {"kind": "deep-json", "after": when == "after"}, UNSURE, "HUB-PAR-002")
        for when in BOTH
    ),
    *(Case(f"deep xml {when}", {"kind": "deep-xml", "after": when == "after"}, UNSURE) for when in BOTH),
    Case("redirect 307", {"kind": "redirect", "status": 307}, (Deferred,), "HUB-NET-006"),
    Case("truncated", {"kind": "truncate", "after": True}, UNSURE, "HUB-NET-004"),
    Case("slow drip", {"kind": "drip", "after": True}, UNSURE, "HUB-NET-004"),
    Case("invalid utf-8", {"kind": "bad-utf8", "after": True}, UNSURE, "HUB-PAR-002"),
    Case("wrong content type", {"kind": "wrong-type", "after": True}, (Delivered, Unsure)),
    Case("503 and when", {"kind": "status", "status": 503, "retry_after": "7"}, (Deferred,), "HUB-PAR-003"),
    Case("429 and when", {"kind": "status", "status": 429, "retry_after": "7"}, (Deferred,), "HUB-PAR-008"),
    Case("429", {"kind": "status", "status": 429}, (Deferred,), "HUB-PAR-008"),
    *(
        Case(
            f"{status} whoever we say we are",
            {"kind": "status", "status": status, "times": 9},
            (Deferred,),
            "HUB-PAR-005",
        )
        for status in (401, 403)
    ),
    *(
        Case(f"page of a gateway, {status}", {"kind": "page", "status": status, "times": times}, says, code)
        for status, times, says, code in (
            (401, 9, (Deferred,), "HUB-PAR-005"),
            (403, 9, (Deferred,), "HUB-PAR-005"),
            (429, 1, (Deferred,), "HUB-PAR-008"),
            (504, 1, UNSURE, "HUB-PAR-003"),
        )
    ),
    Case("sessions forgotten", {"kind": "expire"}, (Delivered,)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_what_is_said_of_a_misbehaving_partner_is_true(
    room: RoomUnderTest, tmp_path: Path, case: Case
) -> None:
    async with staged(room, tmp_path) as stage:
        stage.order(**case.order)  # type: ignore[arg-type]
        parcel = room.parcel()
        outcome = await stage.deliver(parcel)
        assert isinstance(outcome, case.says), outcome
        assert_true(stage, outcome)
        if case.code and not isinstance(outcome, Delivered):
            assert outcome.reason.code == case.code
        if isinstance(outcome, Unsure):
            await assert_the_question_is_answered_truly(stage, parcel)


def assert_true(stage: Stage, outcome: Outcome) -> None:
    """The promises of the contract, against the journal."""
    if isinstance(outcome, Delivered):
        assert stage.processed() == 1
    elif isinstance(outcome, Deferred | Refused):
        assert stage.processed() == 0
    if not isinstance(outcome, Delivered):
        assert outcome.reason.code in CATALOGUE
    assert ELSEWHERE.encode() not in b"".join(request.split(b"\r\n")[0] for request in stage.server.requests)


async def assert_the_question_is_answered_truly(stage: Stage, parcel: Parcel) -> None:
    found = await stage.find(parcel)
    if not stage.room.can_be_asked:
        assert isinstance(found, Unsure)
    elif stage.processed():
        assert isinstance(found, Delivered), found
    else:
        assert isinstance(found, Deferred), found
        assert isinstance(await stage.deliver(parcel), Delivered)
        assert stage.processed() == 1


async def test_a_wait_that_the_partner_names_is_told(room: RoomUnderTest, tmp_path: Path) -> None:
    async with staged(room, tmp_path) as stage:
        stage.order("status", status=503, retry_after="7")
        outcome = await stage.deliver(room.parcel())
        assert isinstance(outcome, Deferred)
        assert outcome.wait == 7.0


async def test_an_error_inside_200_is_no_success(room: RoomUnderTest, tmp_path: Path) -> None:
    async with staged(room, tmp_path) as stage:
        stage.order("refuse")
        outcome = await stage.deliver(room.parcel())
        assert isinstance(outcome, Refused if room.codes_decide else (Refused, Unsure))
        assert stage.processed() == 0


async def test_a_parcel_is_delivered_and_found(room: RoomUnderTest, tmp_path: Path) -> None:
    async with staged(room, tmp_path) as stage:
        parcel = room.parcel()
        before = await stage.find(parcel)
        assert isinstance(before, Deferred if room.can_be_asked else Unsure)
        outcome = await stage.deliver(parcel)
        assert isinstance(outcome, Delivered)
        assert stage.processed() == 1
        if room.can_be_asked:
            assert isinstance(await stage.find(parcel), Delivered)


async def test_another_parcel_is_not_found_for_this_one(room: RoomUnderTest, tmp_path: Path) -> None:
    async with staged(room, tmp_path) as stage:
        assert isinstance(await stage.deliver(room.parcel(1)), Delivered)
        assert not isinstance(await stage.find(room.parcel(2)), Delivered)


async def test_a_second_copy_makes_no_second_record(keeping_room: RoomUnderTest, tmp_path: Path) -> None:
    async with staged(keeping_room, tmp_path) as stage:
        parcel = keeping_room.parcel()
        first, second = await stage.deliver(parcel), await stage.deliver(parcel)
        assert isinstance(first, Delivered)
        assert isinstance(second, Delivered)
        assert first.reference == second.reference != ""
        assert stage.processed() == 1


async def test_many_parcels_at_once_stay_apart(room: RoomUnderTest, tmp_path: Path) -> None:
    async with staged(room, tmp_path) as stage:
        parcels = [room.parcel(number) for number in range(1, 13)]
        outcomes = await asyncio.gather(*(stage.deliver(parcel) for parcel in parcels))
        assert all(isinstance(outcome, Delivered) for outcome in outcomes), outcomes
        journal = stage.server.desk.journal.of(room.wire_name)
        assert sorted(entry.dossier for entry in journal) == [parcel.dossier for parcel in parcels]


# --- below HTTP -------------------------------------------------------------------------------------------------


async def test_a_refused_connection_is_deferred_and_tells_nothing_when_asking(
    room: RoomUnderTest, tmp_path: Path
) -> None:
    with nobody() as port:
        connector = room.connect(f"http://127.0.0.1:{port}", tmp_path)
        try:
            outcome, found = await connector.deliver(room.parcel()), await connector.find(room.parcel())
        finally:
            await connector.close()
    assert isinstance(outcome, Deferred)
    assert outcome.reason.code == "HUB-NET-001"
    assert isinstance(found, Unsure)


async def test_tls_with_the_pinned_authority_is_spoken(room: RoomUnderTest, tmp_path: Path, pki: Pki) -> None:
    async with staged(room, tmp_path, pki.server_context(), pki["root"].certificate_file) as stage:
        assert isinstance(await stage.deliver(room.parcel()), Delivered)


@pytest.mark.parametrize("certificate", ["tls-wrong-name", "tls-expired", "tls-self-signed"])
async def test_a_wrong_certificate_gets_nothing(
    room: RoomUnderTest, tmp_path: Path, pki: Pki, certificate: str
) -> None:
    async with staged(room, tmp_path, pki.server_context(certificate), pki["root"].certificate_file) as stage:
        outcome = await stage.deliver(room.parcel())
        assert isinstance(outcome, Deferred)
        assert outcome.reason.code == "HUB-NET-002"
        assert stage.server.requests == []


async def test_a_certificate_of_an_authority_that_is_not_pinned_gets_nothing(
    room: RoomUnderTest, tmp_path: Path, pki: Pki
) -> None:
    async with staged(room, tmp_path, pki.server_context(), pki["tls-self-signed"].certificate_file) as stage:
        outcome = await stage.deliver(room.parcel())
        assert isinstance(outcome, Deferred)
        assert stage.server.requests == []


async def test_a_handshake_that_never_ends_is_deferred(room: RoomUnderTest, tmp_path: Path, pki: Pki) -> None:
    async with mute() as port:
        connector = room.connect(f"https://127.0.0.1:{port}", tmp_path, pki["root"].certificate_file)
        try:
            outcome = await asyncio.wait_for(connector.deliver(room.parcel()), PATIENCE)
        finally:
            await connector.close()
    assert isinstance(outcome, Deferred)
    assert outcome.reason.code == "HUB-NET-003"


# --- evidence ---------------------------------------------------------------------------------------------------


async def test_the_sealed_bytes_and_the_answer_are_recorded_as_they_went(
    room: RoomUnderTest, tmp_path: Path
) -> None:
    async with staged(room, tmp_path) as stage:
        parcel = room.parcel()
        outcome = await stage.deliver(parcel)
        payload = parcel.sealed.payload  # as it stands, or in base64 where the interface wants that
        forms = (
            payload,
            b64encode(payload),
            payload[1:],
        )  # the last: behind members that the call puts in front
        carried = [one for one in outcome.exchanges if any(form in one.sent for form in forms)]
        assert len(carried) == 1
        assert carried[0].received in stage.server.written
        assert any(form in request for request in stage.server.requests for form in forms)
        assert carried[0].status == 200
        assert carried[0].seconds >= 0


@pytest.mark.parametrize("kind", ["", "echo", "truncate", "html"])
async def test_no_secret_is_ever_recorded(room: RoomUnderTest, tmp_path: Path, kind: str) -> None:
    async with staged(room, tmp_path) as stage:
        if kind:
            stage.order(kind, after=True)
        outcomes = [await stage.deliver(room.parcel()), await stage.find(room.parcel())]
        secrets = stage.server.desk.secrets()
        assert secrets
        sent = b"".join(stage.server.requests)
        assert any(secret.encode() in sent for secret in secrets), (
            "the partner never saw a secret: nothing is proved"
        )
        for outcome in outcomes:
            told = repr(outcome) + "".join(map(all_text, outcome.exchanges))
            assert not any(secret in told for secret in secrets)


def all_text(exchange: Exchange) -> str:
    return exchange.url + (exchange.sent + exchange.received).decode("latin-1") + exchange.error


@pytest.mark.parametrize("kind", ["huge", "gzip-bomb", "xml-bomb"])
async def test_a_hostile_reply_costs_little(room: RoomUnderTest, tmp_path: Path, kind: str) -> None:
    async with staged(room, tmp_path) as stage:
        await stage.find(room.parcel())  # sessions, connections and tables are there
        stage.order(kind)
        started = time.monotonic()
        tracemalloc.start()
        try:
            await stage.deliver(room.parcel())
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert time.monotonic() - started < PATIENCE
        assert peak < 8 * 2**20


def test_every_room_stands_in_the_suite() -> None:
    folders = {file.parent.name for file in Path(connectors.__file__).parent.glob("*/client.py")}
    listed = {file.stem.removeprefix("room_") for file in Path(__file__).parent.glob("room_*.py")}
    assert folders == listed
