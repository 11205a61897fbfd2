"""How the hub shows partners who it is: keys in every place, tokens, packed headers, gateways' own codes; secrets are never recorded."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from base64 import b64decode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from pydantic import ValidationError
from werkzeug.wrappers import Response

from connectors.contract import Deferred, Delivered, Exchange, Outcome, Parcel, Sealed
from connectors.credentials.contract import Clocks
from connectors.credentials.showing import credentials
from connectors.line import Line
from connectors.rest.client import connect
from connectors.rest.settings import Settings
from connectors.transport import Http
from schemas.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_httpserver import HTTPServer
    from werkzeug.wrappers import Request

SECRET, CLIENT, PASSWORD = "key/with ?&odd", "client-s3cret+/=", "p@ss w0rd:long"
NOON = datetime(2026, 11, 23, 5, 0, 0, tzinfo=UTC)
PAYLOAD = b'{ "MaHoSo":"000.00.15.H47-261123-0001"}'


class Partner:
    """A gateway: gives tokens at ``/token``, takes whatever else comes, and keeps what it heard."""

    def __init__(self, server: HTTPServer) -> None:
        self.server, self.heard, self.logins = server, list[Any](), list[Any]()
        self.lets_in: Callable[[Request], bool] = lambda _: True
        self.token: Callable[[], Response] = lambda: granted(f"token-{len(self.logins)}", expires_in=3600)
        server.expect_request("/token", method="POST").respond_with_handler(self._login)
        server.expect_request("/gw/token", method="POST").respond_with_handler(self._login)
        server.expect_request("/ho-so", method="POST").respond_with_handler(self._take)
        server.expect_request(f"/ho-so/{SECRET}", method="POST").respond_with_handler(self._take)

    def _login(self, request: Request) -> Response:
        request.get_data()
        self.logins.append(request)
        return self.token()

    def _take(self, request: Request) -> Response:
        request.get_data()
        self.heard.append(request)
        return Response('{"ok":1}' if self.lets_in(request) else "no", 200 if self.lets_in(request) else 401)


def granted(token: str, **more: object) -> Response:
    told = {"access_token": token, "token_type": "Bearer", "scope": "default", **more}
    return Response(json.dumps(told), content_type="application/json")


@pytest.fixture
def partner(httpserver: HTTPServer) -> Partner:
    return Partner(httpserver)


class Clock:
    def __init__(self) -> None:
        self.at = 0.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Caller:
    def __init__(self, partner: Partner, folder: Path, clock: Clock, auth: dict[str, Any]) -> None:
        for name, text in {"key": SECRET, "client": CLIENT, "password": PASSWORD}.items():
            (folder / name).write_text(f"{text}\n", "utf-8")
        files = {name: str(folder / told) for name, told in auth.items() if name.endswith("_file")}
        self.settings = Settings.model_validate(
            {
                "base_url": partner.server.url_for("").rstrip("/"),
                "path": "/ho-so",
                "connect_timeout": 1,
                "read_timeout": 2,
                "total_timeout": 4,
                "auth": {**auth, **files},
            }
        )
        self.http = Http(self.settings, clock=lambda: NOON)
        shows = credentials(
            self.settings.auth, self.settings, self.http, Clocks(lambda: NOON, lambda: clock.at)
        )
        self.room = connect(self.settings, Line(self.http, shows))

    async def deliver(self, payload: bytes = PAYLOAD) -> Outcome:
        sealed = Sealed(payload=payload, media_type="application/json")
        return await self.room.deliver(Parcel(key="k1", operation="message", sealed=sealed))


@pytest.fixture
def opens(partner: Partner, tmp_path: Path, clock: Clock) -> Callable[..., Caller]:
    return lambda **auth: Caller(partner, tmp_path, clock, auth)


def exchanges(outcome: Outcome) -> tuple[Exchange, ...]:
    for each in outcome.exchanges:
        kept = msgspec.json.encode(each).decode() + (each.sent + each.received).decode("utf-8", "replace")
        for secret in (SECRET, CLIENT, PASSWORD, "token-1", "token-2", "p%40ss"):
            assert secret not in kept
    return outcome.exchanges


# --- keys -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "found"),
    [
        ({"place": "header", "header": "AcceptKey"}, lambda it: it.headers["AcceptKey"]),
        ({"place": "query", "name": "key"}, lambda it: it.args["key"]),
        ({"place": "path"}, lambda it: it.path.removeprefix("/ho-so/")),
        ({"place": "body", "name": "SecurityKey"}, lambda it: json.loads(it.data)["SecurityKey"]),
    ],
    ids=["header", "query", "path", "body"],
)
async def test_a_key_stands_where_the_partner_looks_for_it(
    opens: Callable[..., Caller], partner: Partner, auth: dict[str, Any], found: Callable[[Any], str]
) -> None:
    caller = opens(kind="api_key", secret_file="key", **auth)
    outcome = await caller.deliver()
    assert isinstance(outcome, Delivered)
    assert found(partner.heard[0]) == SECRET
    assert json.loads(partner.heard[0].data)["MaHoSo"] == "000.00.15.H47-261123-0001"
    exchanges(outcome)
    await caller.room.close()


async def test_what_was_sealed_stands_behind_a_key_in_the_body_byte_for_byte(
    opens: Callable[..., Caller], partner: Partner
) -> None:
    caller = opens(kind="api_key", secret_file="key", place="body", name="SecurityKey")
    for payload in (PAYLOAD, b"{}"):
        await caller.deliver(payload)
        assert partner.heard[-1].data.endswith(payload[1:].lstrip())
    assert json.loads(partner.heard[-1].data) == {"SecurityKey": SECRET}
    refused = await caller.deliver(b"[1]")
    assert isinstance(refused, Deferred)
    assert (refused.reason.code, refused.counts, len(partner.heard)) == ("HUB-CFG-001", False, 2)
    await caller.room.close()


# --- tokens ---------------------------------------------------------------------------------------------------------


OAUTH: dict[str, Any] = {"kind": "oauth", "client_id": "motcua", "client_secret_file": "client"}


async def test_many_share_one_login_and_the_token_is_used_until_it_ends(
    opens: Callable[..., Caller], partner: Partner, clock: Clock
) -> None:
    caller = opens(**OAUTH)
    outcomes = await asyncio.gather(*(caller.deliver() for _ in range(8)))
    assert all(isinstance(one, Delivered) for one in outcomes)
    assert [str(each.authorization.token) for each in partner.heard] == ["token-1"] * 8
    (login,) = partner.logins
    assert (login.authorization.username, login.authorization.password) == ("motcua", CLIENT)
    assert login.form.to_dict() == {"grant_type": "client_credentials"}
    for one in outcomes:
        exchanges(one)
    clock.at = 3600 * 0.9 + 1
    await caller.deliver()
    assert len(partner.logins) == 2
    await caller.room.close()


async def test_a_password_grant_with_the_client_in_the_body_below_another_path(
    opens: Callable[..., Caller], partner: Partner
) -> None:
    more = {"grant": "password", "username": "h47", "password_file": "password", "client_in": "body"}
    caller = opens(**OAUTH, **more, token_path="/gw/token", scope="ho-so doc")
    assert isinstance(await caller.deliver(), Delivered)
    assert partner.logins[0].form.to_dict() == {
        "grant_type": "password",
        "username": "h47",
        "password": PASSWORD,
        "scope": "ho-so doc",
        "client_id": "motcua",
        "client_secret": CLIENT,
    }
    assert partner.logins[0].authorization is None
    await caller.room.close()


async def test_a_token_that_counts_no_more_is_fetched_anew_once_and_the_request_said_again(
    opens: Callable[..., Caller], partner: Partner
) -> None:
    caller = opens(**OAUTH)
    await caller.deliver()
    partner.lets_in = lambda request: request.headers["Authorization"] == "Bearer token-2"
    outcome = await caller.deliver()
    assert isinstance(outcome, Delivered)
    assert [each.status for each in exchanges(outcome)] == [401, 200, 200]
    partner.lets_in = lambda _: False
    shut_out = await caller.deliver()
    assert isinstance(shut_out, Deferred), "401 twice: nothing was done, and nobody hammers the login"
    assert (shut_out.reason.code, len(partner.logins)) == ("HUB-PAR-005", 3)
    await caller.room.close()


@pytest.mark.parametrize(
    ("answer", "code", "detail"),
    [
        (Response('{"error":"invalid_client"}', 401), "HUB-PAR-005", "token 401 invalid_client"),
        (Response("<html>Sign in", 200), "HUB-PAR-002", "token 200"),
        (Response('{"access_token":"two words"}', 200), "HUB-PAR-002", "token 200"),
        (Response('{"access_token":"a\\r\\nX-Evil: 1"}', 200), "HUB-PAR-002", "token 200"),
        (Response('{"access_token":7}', 200), "HUB-PAR-002", "token 200"),
        (Response("", 503, {"Retry-After": "30"}), "HUB-PAR-002", "token 503"),
    ],
    ids=["client", "page", "space", "header", "number", "later"],
)
async def test_without_a_token_nothing_has_left(
    opens: Callable[..., Caller], partner: Partner, answer: Response, code: str, detail: str
) -> None:
    partner.token = lambda: answer
    caller = opens(**OAUTH)
    outcome = await caller.deliver()
    assert isinstance(outcome, Deferred)
    assert (outcome.reason.code, outcome.reason.detail, partner.heard) == (code, detail, [])
    assert outcome.wait == (30 if answer.status_code == 503 else None)
    assert len(exchanges(outcome)) == 1
    await caller.room.close()


async def test_a_token_that_says_no_lifetime_is_used_for_as_long_as_the_file_says(
    opens: Callable[..., Caller], partner: Partner, clock: Clock
) -> None:
    partner.token = lambda: granted("token-1")
    caller = opens(**OAUTH, token_for="5m")
    for clock.at in (0.0, 299.0, 301.0):
        await caller.deliver()
    assert len(partner.logins) == 2
    await caller.room.close()


async def test_a_packed_header_goes_with_the_login_and_with_every_call(
    opens: Callable[..., Caller], partner: Partner, tmp_path: Path
) -> None:
    (tmp_path / "sk").write_text(SECRET, "utf-8")
    told = {"AppName": "motcua", "PartnerCode": "000.00.15.H47"}
    caller = opens(**OAUTH, packed={"fields": told, "secret_files": {"SecretKey": str(tmp_path / "sk")}})
    outcome = await caller.deliver()
    for request in (*partner.logins, *partner.heard):
        assert json.loads(b64decode(request.headers["lgspaccesstoken"])) == {**told, "SecretKey": SECRET}
    packed = partner.logins[0].headers["lgspaccesstoken"].encode()
    assert all(packed not in each.sent for each in exchanges(outcome))
    await caller.room.close()


async def test_a_secret_that_can_be_read_no_more_defers_and_nothing_leaves(
    opens: Callable[..., Caller], partner: Partner, tmp_path: Path
) -> None:
    caller = opens(**OAUTH)
    (tmp_path / "client").unlink()
    outcome = await caller.deliver()
    assert isinstance(outcome, Deferred)
    assert (outcome.reason.code, partner.logins) == ("HUB-CFG-001", [])
    with pytest.raises(Refusal, match="HUB-CFG-001"):
        opens(kind="bearer", secret_file="nowhere")
    await caller.room.close()


# --- codes over a request -------------------------------------------------------------------------------------------


async def test_a_gateways_recipe_is_configuration(opens: Callable[..., Caller], partner: Partner) -> None:
    caller = opens(
        kind="mac",
        secret_file="key",
        over=["{method}", "{target}", "{time}", "{body_sha256}"],
        joined="\n",
        encoding="base64",
        header="X-Signature",
        value="{id}:{mac}",
        id="h47",
        id_header="X-System",
        time_header="X-Time",
        time="%d%m%YT%H%M%S%z",
    )
    outcome = await caller.deliver()
    heard = partner.heard[0].headers
    over = f"POST\n/ho-so\n23112026T120000+0700\n{hashlib.sha256(PAYLOAD).hexdigest()}"
    name, _, made = heard["X-Signature"].partition(":")
    assert (name, heard["X-System"], heard["X-Time"]) == ("h47", "h47", "23112026T120000+0700")
    assert b64decode(made) == hmac.digest(SECRET.encode(), over.encode(), "sha256")
    exchanges(outcome)
    await caller.room.close()


async def test_a_plain_digest_over_secret_and_body(opens: Callable[..., Caller], partner: Partner) -> None:
    caller = opens(
        kind="mac",
        secret_file="key",
        algorithm="sha256",
        over=["{secret}|{time}|", "{body}"],
        header="checksum",
    )
    await caller.deliver()
    over = f"{SECRET}|{int(NOON.timestamp())}|".encode() + PAYLOAD
    assert partner.heard[0].headers["checksum"] == hashlib.sha256(over).hexdigest()
    await caller.room.close()


@pytest.mark.parametrize(
    "auth",
    [
        {"kind": "api_key", "secret_file": "k", "place": "query"},
        {"kind": "api_key", "secret_file": "k", "name": "x"},
        {"kind": "oauth", "client_id": "a", "client_secret_file": "k", "grant": "password"},
        {"kind": "oauth", "client_id": "a", "client_secret_file": "k", "username": "u", "password_file": "p"},
        {"kind": "oauth", "client_id": "a:b", "client_secret_file": "k"},
        {"kind": "oauth", "client_id": "a", "client_secret_file": "k", "token_address": "http://far.example"},
        {"kind": "mac", "secret_file": "k", "over": ["{password}"], "header": "X"},
        {"kind": "mac", "secret_file": "k", "over": ["{body.__class__}"], "header": "X"},
        {"kind": "mac", "secret_file": "k", "over": ["{body"], "header": "X"},
        {"kind": "mac", "secret_file": "k", "over": ["{secret}"], "header": "X"},
        {"kind": "mac", "secret_file": "k", "over": ["{body}"], "header": "X", "algorithm": "sha256"},
        {"kind": "mac", "secret_file": "k", "over": ["{body}"], "header": "X", "value": "no place for it"},
    ],
)
def test_what_would_show_nothing_is_refused_in_the_file(auth: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"base_url": "https://h", "auth": auth})
