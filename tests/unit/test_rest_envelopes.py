"""A partner whose envelopes are signed: anew on each attempt around the same bytes, and a reply proves only what it signs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from werkzeug import Response

from connectors.contract import Deferred, Delivered, Parcel, Sealed, Unsure
from connectors.line import Line
from connectors.rest.client import connect
from connectors.rest.settings import Settings
from connectors.transport import Http
from hub.delivery.sealing import Workbench, Wrapping
from hub.intake.intake import believed
from hub.judging.contract import Desk
from hub.processes import pool
from schemas.agencies import Agencies
from schemas.problems import refuse
from schemas.procedures import Procedures
from signing.bindings import signer, verifier
from signing.contract import Wire
from signing.keys.generations import Bars, Generation, Rolling
from signing.keys.ring import KeySource, load
from signing.profiles import Identity, ModiProfile
from signing.trust.pins import load_pins
from tests.contract.room import shows
from tests.doubles.pki import Pki

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pytest_httpserver import HTTPServer
    from werkzeug import Request

    from connectors.contract import Connector
    from hub.intake.intake import Vouch
    from hub.processes.crew import Answer
    from signing.contract import Key, Signer

BODY = '{"tên": "Hoa"}'.encode()
PARCEL = Parcel(key="m:p:1", operation="o", sealed=Sealed(payload=BODY, media_type="application/json"))
OURS = ModiProfile(audience="urn:dat", issuer="urn:hub", identity=Identity.ID_AUTH_REST_02)
THEIRS = ModiProfile(audience="urn:hub")


class Near:
    """A crew whose one process is this one."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def ask(self, frame: bytes, seconds: float | None = None) -> bytes:
        del seconds
        return self._answer(frame)


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), datetime.now(UTC))


def key(pki: Pki, name: str) -> Key:
    one = pki[name]
    return load(KeySource(name=name, file=str(one.key_file), certificate=str(one.certificate_file)))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def partner(httpserver: HTTPServer, pki: Pki, clock: Clock) -> AsyncIterator[Callable[..., Connector]]:
    opened: list[Connector] = []
    desk = Desk(
        senders={},
        recipients=(),
        agencies=Agencies.load(),
        procedures=Procedures.load(Agencies.load()),
        limit=1,
    )

    def make(*, checks: bool = False, broken: Signer | None = None, vouch: Vouch = believed) -> Connector:
        wrapping = Wrapping(
            signer=broken or signer(key(pki, "seal-2048"), OURS),
            verifier=verifier(load_pins([pki["seal-p256"].certificate_file]), THEIRS),
        )
        bench = Workbench(codecs={}, sealers={}, wrappings={"dat": wrapping})
        crew = Near(pool.begin(lambda _: (desk, bench), ""))
        envelopes = pool.Envelopes(crew, pool.Wraps("dat", signs=True, checks=checks, vouch=vouch), clock)  # type: ignore[arg-type]  # asked only
        settings = Settings.model_validate(
            {
                "base_url": httpserver.url_for("/api"),
                "path": "/in",
                "find": {"path": "/in/{key}", "key": "/key"},
                "reply": {"code": "/code"},
            }
        )
        http = Http(settings, clock=clock)
        opened.append(connect(settings, Line(http, shows(settings, http), envelopes)))
        return opened[-1]

    yield make
    for connector in opened:
        await connector.close()


def verified(pki: Pki, request: Request, at: datetime) -> str:
    """What the partner does with it; returns the message's id."""
    wire = Wire(body=request.get_data(), headers={n.lower(): v for n, v in request.headers.items()})
    pins = load_pins([pki["seal-2048"].certificate_file])
    return verifier(pins, OURS).verify(wire, at).claims["jti"]


async def test_each_attempt_is_signed_anew_around_the_same_bytes(
    httpserver: HTTPServer, partner: Callable[..., Connector], pki: Pki, clock: Clock
) -> None:
    httpserver.expect_request("/api/in").respond_with_json({"code": "0"})
    connector = partner()
    moments = []
    for _ in range(2):
        assert isinstance(await connector.deliver(PARCEL), Delivered)
        moments.append(clock.now)
        clock.now += timedelta(hours=1)
    requests = [request for request, _ in httpserver.log]
    assert [verified(pki, one, at) for one, at in zip(requests, moments, strict=True)] == ["m:p:1"] * 2
    assert [one.get_data() for one in requests] == [BODY] * 2
    assert requests[0].headers["Agid-JWT-Signature"] != requests[1].headers["Agid-JWT-Signature"]
    assert requests[0].headers["Idempotency-Key"] == "m:p:1"


async def test_the_record_says_which_generation_of_the_key_signed(
    httpserver: HTTPServer, partner: Callable[..., Connector], pki: Pki, clock: Clock
) -> None:
    httpserver.expect_request("/api/in").respond_with_json({"code": "0"})
    one, begins = key(pki, "seal-2048"), clock.now - timedelta(days=1)
    generation = Generation(id="1", key=one, begins=begins, ends=clock.now + timedelta(days=1))
    connector = partner(broken=Rolling("k", [generation], lambda _: signer(one, OURS), Bars()))
    (call,) = (await connector.deliver(PARCEL)).exchanges
    assert call.ours == one.fingerprint


async def test_the_bearer_token_is_in_no_record_and_the_signature_is(
    httpserver: HTTPServer, partner: Callable[..., Connector]
) -> None:
    httpserver.expect_request("/api/in").respond_with_json({"code": "0"})
    outcome = await partner().deliver(PARCEL)
    [request] = [request for request, _ in httpserver.log]
    token = request.headers["Authorization"].split()[1]
    sent = outcome.exchanges[0].sent
    assert token.encode() not in sent
    assert request.headers["Agid-JWT-Signature"].encode() in sent


async def test_a_question_says_who_asks(httpserver: HTTPServer, partner: Callable[..., Connector]) -> None:
    httpserver.expect_request("/api/in/m:p:1").respond_with_json({"code": "0", "key": "m:p:1"})
    assert isinstance(await partner().find(PARCEL), Delivered)
    [request] = [request for request, _ in httpserver.log]
    assert request.headers["Authorization"].count(".") == 2
    assert "Agid-JWT-Signature" not in request.headers


async def test_only_a_reply_that_the_partner_signed_proves_anything(
    httpserver: HTTPServer, partner: Callable[..., Connector], pki: Pki, clock: Clock
) -> None:
    made = signer(key(pki, "seal-p256"), THEIRS)
    told = b'{"code": "0", "key": "m:p:1"}'
    headers = dict(
        made.sign(Wire(body=told, headers={"Content-Type": "application/json"}), clock.now).headers
    )
    forged = told.replace(b'"0"', b'"1"')
    for path in ("/api/in", "/api/in/m:p:1"):
        for body, said in ((told, headers), (forged, headers), (told, {"Content-Type": "application/json"})):
            httpserver.expect_ordered_request(path).respond_with_response(Response(body, headers=said))
    connector = partner(checks=True)
    for ask in (connector.deliver, connector.find):
        believed_ = await ask(PARCEL)
        assert isinstance(believed_, Delivered)
        (call,) = believed_.exchanges
        assert (call.signer, call.profile) == (key(pki, "seal-p256").fingerprint, "modi-rest@1")
        for detail in ("HUB-SIG-003", "HUB-SIG-001"):
            outcome = await ask(PARCEL)
            assert isinstance(outcome, Unsure)
            assert (outcome.reason.code, outcome.reason.detail) == ("HUB-PAR-013", detail)
            assert [one.signer for one in outcome.exchanges] == [""]


async def test_a_signed_reply_about_another_parcel_proves_nothing(
    httpserver: HTTPServer, partner: Callable[..., Connector], pki: Pki, clock: Clock
) -> None:
    """An old *received*, caught and sent again."""
    made = signer(key(pki, "seal-p256"), THEIRS)
    for told, outcome in ((b'{"code": "0", "key": "m:p:9"}', Unsure), (b'{"code": "0"}', Delivered)):
        headers = dict(
            made.sign(Wire(body=told, headers={"Content-Type": "application/json"}), clock.now).headers
        )
        httpserver.expect_ordered_request("/api/in").respond_with_response(Response(told, headers=headers))
        assert isinstance(await partner(checks=True).deliver(PARCEL), outcome)


async def test_a_reply_by_whom_nobody_vouches_for_now_proves_nothing(
    httpserver: HTTPServer, partner: Callable[..., Connector], pki: Pki, clock: Clock
) -> None:
    made = signer(key(pki, "seal-p256"), THEIRS)
    told = b'{"code": "0", "key": "m:p:1"}'
    said = Wire(body=told, headers={"Content-Type": "application/json"})
    headers = dict(made.sign(said, clock.now).headers)
    httpserver.expect_request("/api/in").respond_with_response(Response(told, headers=headers))
    asked: list[tuple[str, str]] = []

    def nobody(partner: str, fingerprint: str, now: datetime, stamped_at: datetime | None) -> None:
        del now, stamped_at
        asked.append((partner, fingerprint))
        raise refuse("HUB-CRT-004")

    outcome = await partner(checks=True, vouch=nobody).deliver(PARCEL)
    assert isinstance(outcome, Unsure)
    assert (outcome.reason.code, outcome.reason.detail) == ("HUB-PAR-013", "HUB-CRT-004")
    assert asked == [("dat", key(pki, "seal-p256").fingerprint)]


async def test_what_cannot_be_signed_has_not_left(
    httpserver: HTTPServer, partner: Callable[..., Connector]
) -> None:
    class Lost:
        def sign(self, wire: Wire, now: datetime) -> Wire:
            del wire, now
            raise refuse("HUB-CRT-003", rule="a key that is there")

    connector = partner(broken=Lost())
    delivered = await connector.deliver(PARCEL)
    assert isinstance(delivered, Deferred)
    assert (delivered.reason.code, delivered.counts) == ("HUB-CRT-003", False)
    assert isinstance(await connector.find(PARCEL), Unsure)
    assert not httpserver.log
