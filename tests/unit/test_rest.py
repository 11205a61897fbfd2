"""The REST room's settings, and what only a question can get wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from connectors.contract import Deferred, Delivered, Parcel, Refused, Sealed, Unsure
from connectors.line import Line
from connectors.replies import Row
from connectors.rest.client import connect, fill
from connectors.rest.codec import build
from connectors.rest.settings import Settings
from connectors.transport import Http
from schemas.dossier import Dossier, Event, Kind, Message
from schemas.problems import Refusal
from tests.contract.room import shows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from pytest_httpserver import HTTPServer

    from connectors.contract import Connector

KEY = "m1:p/2:0"
PARCEL = Parcel(
    key=KEY,
    operation="tao moi",
    dossier="000.1-190412-0001",
    sealed=Sealed(payload=b"{}", media_type="application/json"),
)
REPLY = {"code": "/code", "reference": "/so"}
FIND = {"path": "/messages/{key}", "key": "/key"}


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
async def partner(httpserver: HTTPServer) -> AsyncIterator[Callable[..., Connector]]:
    opened: list[Connector] = []

    def make(rows: tuple[Row, ...] = (), **keys: Any) -> Connector:
        settings = Settings.model_validate(
            {"base_url": httpserver.url_for("/api"), "reply": REPLY, "find": FIND, **keys}
        )
        http = Http(settings, clock=now)
        opened.append(connect(settings, Line(http, shows(settings, http)), rows))
        return opened[-1]

    yield make
    for connector in opened:
        await connector.close()


# --- delivering -------------------------------------------------------------------------------------------------


async def test_the_key_the_proof_and_the_sealed_headers_travel(
    httpserver: HTTPServer, partner: Callable[..., Connector], tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("0123456789\n", "utf-8")
    httpserver.expect_request("/api/put/tao moi", method="PUT").respond_with_json({"code": "00", "so": 7})
    connector = partner(
        paths={"tao moi": "/put/{operation}"},
        method="PUT",
        idempotency_header="X-Key",
        headers={"X-Fixed": "1"},
        auth={"kind": "api_key", "secret_file": tmp_path / "key", "header": "X-Proof"},
    )
    sealed = Sealed(payload="Đất".encode(), media_type="text/plain", headers={"X-JWS-Signature": "a..b"})
    outcome = await connector.deliver(Parcel(key=KEY, operation="tao moi", sealed=sealed))
    assert isinstance(outcome, Delivered)
    assert outcome.reference == "7"
    assert outcome.exchanges[0].url.endswith("/api/put/tao%20moi")
    request, _ = httpserver.log[0]
    assert request.get_data() == sealed.payload
    told = {
        name: request.headers[name]
        for name in ("X-Key", "X-Fixed", "X-Proof", "X-JWS-Signature", "Content-Type")
    }
    assert told == {
        "X-Key": KEY,
        "X-Fixed": "1",
        "X-Proof": "0123456789",
        "X-JWS-Signature": "a..b",
        "Content-Type": "text/plain",
    }


@pytest.mark.parametrize(
    ("reply", "status", "body", "outcome"),
    [
        (REPLY, 200, {"code": 0, "so": "1"}, Delivered),
        (REPLY, 200, {"code": "0"}, Delivered),
        (REPLY, 200, {"so": "1"}, Unsure),
        (REPLY, 200, {"code": "-3"}, Unsure),
        (REPLY, 200, ["0"], Unsure),
        (REPLY, 422, {"title": "no"}, Refused),
        (REPLY, 404, {"code": "404"}, Unsure),
        ({"reference": "/so"}, 202, {"so": "1"}, Delivered),
        ({"reference": "/so"}, 202, {"other": "1"}, Unsure),
        ({"reference": "/so"}, 409, {"so": "1"}, Unsure),
    ],
)
async def test_body_and_status_decide_together(
    httpserver: HTTPServer,
    partner: Callable[..., Connector],
    reply: dict[str, str],
    status: int,
    body: Any,
    outcome: type,
) -> None:
    httpserver.expect_request("/api/").respond_with_json(body, status=status)
    assert isinstance(await partner(reply=reply).deliver(PARCEL), outcome)


def test_nothing_in_a_key_can_leave_its_segment_of_the_path() -> None:
    hostile = Parcel(key="../../x?a=b#c{operation}", operation="o", sealed=PARCEL.sealed)
    assert fill("/m/{key}", hostile) == "/m/..%2F..%2Fx%3Fa%3Db%23c%7Boperation%7D"


# --- asking -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("find", "status", "body", "outcome"),
    [
        ({}, 200, {"code": "0", "key": KEY}, Delivered),
        ({}, 200, {"code": "0", "key": "another"}, Unsure),
        ({}, 200, {"code": "0"}, Unsure),
        ({}, 200, {"key": KEY}, Unsure),
        ({}, 404, {"detail": "Not Found"}, Deferred),
        ({}, 404, "<html>nginx</html>", Unsure),
        ({"absent_code": ["44"]}, 404, {"detail": "Not Found"}, Unsure),
        ({"absent_code": ["44"]}, 404, {"code": 44}, Deferred),
        ({"absent_status": [200], "absent_code": ["44"]}, 200, {"code": 44}, Deferred),
        ({}, 410, {"code": "44"}, Unsure),
        ({}, 401, {"code": "44"}, Unsure),
        ({}, 400, {"code": "44"}, Unsure),
        ({}, 429, {"code": "44"}, Unsure),
        ({}, 200, {"code": "-3", "key": KEY}, Refused),
        ({}, 200, {"code": "-3", "key": "another"}, Unsure),
    ],
)
async def test_only_an_answer_about_this_key_proves_anything(
    httpserver: HTTPServer,
    partner: Callable[..., Connector],
    find: dict[str, Any],
    status: int,
    body: Any,
    outcome: type,
) -> None:
    expected = httpserver.expect_request(f"/api/messages/{KEY}", method="GET")
    if isinstance(body, str):
        expected.respond_with_data(body, status=status, content_type="text/html")
    else:
        expected.respond_with_json(body, status=status)
    connector = partner((Row(code=("-3",), outcome="refused"),), find=FIND | find)
    found = await connector.find(PARCEL)
    assert isinstance(found, outcome), found
    if isinstance(found, Deferred):
        assert found.reason.code == "HUB-PAR-010"


async def test_a_partner_without_a_question_cannot_be_asked(partner: Callable[..., Connector]) -> None:
    found = await partner(find=None).find(PARCEL)
    assert isinstance(found, Unsure)
    assert found.reason.code == "HUB-PAR-009"


# --- settings ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"colour": "red"},
        {"auth": {"kind": "bearer", "secret": "in the file itself"}},
        {"auth": {"kind": "basic"}},
        {"path": "no-slash"},
        {"path": "/{who}"},
        {"path": "/{key!r}"},
        {"path": "/{key"},
        {"path": "/a b"},
        {"idempotency_header": "Bad Header"},
        {"headers": {"X": "a\nb"}},
        {"method": "GET"},
        {"reply": {"code": "code"}},
        {"reply": {}, "find": {"path": "/{key}"}},
    ],
)
def test_settings_are_closed_and_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"base_url": "https://h", **wrong})


def test_an_unreadable_secret_and_a_useless_row_are_refused_when_connecting(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"base_url": "https://h", "auth": {"kind": "bearer", "secret_file": tmp_path / "none"}}
    )
    with pytest.raises(Refusal, match="HUB-CFG-001"):
        shows(settings, Http(settings, clock=now))
    plain = Settings(base_url="https://h")
    http = Http(plain, clock=now)
    with pytest.raises(Refusal, match="HUB-CFG-001"):
        connect(plain, Line(http, shows(plain, http)), (Row(code=("1",), outcome="log_in_again"),))


# --- codec ------------------------------------------------------------------------------------------------------


class Words:
    id = "any"

    def operations(self, message: Message) -> tuple[str, ...]:
        return (str(message.kind),)

    def write(self, operation: str, message: Message, key: str) -> bytes:
        return f"{operation} {message.key} {key}".encode()


def test_the_codec_adds_the_media_type_to_what_the_mapping_writes() -> None:
    message = Message(event=Event(kind=Kind.STEP, at=now()), key="k", sender="s", agency="a")
    codec = build(Settings(base_url="https://h", media_type="application/vnd.x+json"), Words())
    (operation,) = codec.operations(message)
    draft = codec.encode(operation, message, "t1")
    assert (draft.payload, draft.media_type) == (b"step k t1", "application/vnd.x+json")


class Saying:
    id = "any"

    def operations(self, message: Message) -> tuple[str, ...]:  # noqa: ARG002 - the protocol's
        return ("message",)

    def write(self, operation: str, message: Message, key: str) -> bytes:  # noqa: ARG002 - the protocol's
        return b"{}"


def said(path: str, message: Message) -> str:
    """The path that a message is sent to, from its draft as the hub makes the parcel of it."""
    settings = Settings.model_validate({"base_url": "http://127.0.0.1:1", "path": path})
    draft = build(settings, Saying()).encode("message", message, "K")
    sealed = Sealed(payload=draft.payload, media_type=draft.media_type, facts=draft.facts)
    return fill(
        path, Parcel(key="K", operation="message", sealed=sealed, dossier=sealed.facts.get("dossier", ""))
    )


def test_the_dossiers_code_is_filled_into_the_path() -> None:
    event = Event(kind=Kind.RECEIVED, at=datetime(2026, 11, 20, tzinfo=UTC))
    about = Message(event=event, key="k", sender="s", agency="a", dossier=Dossier(code="H47/1"))
    assert said("/dossiers/{dossier}/{key}", about) == "/dossiers/H47%2F1/K"


def test_a_message_without_a_dossier_cannot_go_where_the_path_needs_one() -> None:
    event = Event(kind=Kind.CATALOGUE_PUBLISHED, at=datetime(2026, 11, 20, tzinfo=UTC))
    without = Message(event=event, key="k", sender="s", agency="a", subject="x")
    assert said("/all/{key}", without) == "/all/K"
    with pytest.raises(Refusal, match="HUB-MAP-004"):
        said("/dossiers/{dossier}", without)
