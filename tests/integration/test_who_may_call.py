"""Who may call, over HTTP: every way to say who one is, only as oneself, only what is allowed, only one's own."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import structlog
from starlette.requests import Request

from hub.api.claims import AT_ONCE
from hub.api.failures import BURST, LEARNING
from hub.api.tokens import AGAIN, LOGINS, Client, Tokens
from hub.partners.access import Credential, Way, day_begins
from hub.settings.sections import Documents
from hub.wiring.callers import doors
from schemas.problems import Refusal, refuse
from signing.contract import Wire
from signing.jose.compact import encode, written
from signing.jose.detached import DetachedSigner
from signing.jose.modi import ModiSigner
from signing.keys.ring import KeySource, load
from signing.profiles import Identity, ModiProfile
from tests.doubles.pki import Pki
from tests.integration.intake_house import (
    KEYS,
    KINDS,
    PROCEDURE,
    PROVINCE,
    House,
    house,
    partner_files,
    parts,
    sender,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from signing.contract import Key
    from tests.integration.intake_house import Answer, Parts

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
HUB = "urn:hub"
SECRET, NEXT = "a secret of 32 bytes or more, or so", "the next secret of 32 bytes or more"
CERTIFICATE = b"a client certificate"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def sha(value: str | bytes) -> str:
    return "sha256:" + hashlib.sha256(value if isinstance(value, bytes) else value.encode()).hexdigest()


class Clock:
    def __init__(self) -> None:
        self.now, self.passed = NOW, 0.0

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.passed

    def go(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.passed += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


def key_of(pki: Pki, name: str = "seal-2048") -> Key:
    one = pki[name]
    return load(KeySource(name=name, file=str(one.key_file), certificate=str(one.certificate_file)))


def bare(name: str, more: str, *, proof: str = "", procedures: str = "") -> str:
    """A sender without API keys under ``[sends]``; ``more`` says how it is known."""
    return (
        f'id = "{name}"\nagency = "{PROVINCE}"\nroom = "rest"\nname = {{ vi = "{name}", en = "{name}" }}\n{more}'
        f'[sends]\nformat = "lienthong.message@1"\nkinds = {json.dumps(KINDS)}\ncodes = ["{PROVINCE}"]\n'
        f'authority = "{PROVINCE}"\n{procedures}{proof}'
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Parts:
    pin, other = pki["seal-2048"].certificate_file, pki["seal-2048-next"].certificate_file
    folder = partner_files(tmp_path_factory.mktemp("house") / "partners", pin)
    jws = f'[sends.signature]\nbinding = "jws-detached"\ncertificates = ["{pin}"]\n'
    modi = f'[sends.signature]\nbinding = "modi-rest"\nidentity = "ID_AUTH_REST_02"\naudience = "{HUB}"\ncertificates = ["{other}"]\n'
    files = {
        "client": bare(
            "client",
            f'[[access.clients]]\nid = "client-1"\nlifetime = "10m"\nsecrets = ["{sha(SECRET)}",'
            f' {{ hash = "{sha(NEXT)}", since = 2026-11-24, name = "next" }}]\n',
        ),
        "windowed": bare(
            "windowed",
            f'[access]\napi_keys = [{{ hash = "{sha("old")}", until = 2026-11-23, name = "old" }},'
            f' {{ hash = "{sha("new")}", since = 2026-11-24 }}]\n',
        ),
        "channel": bare("channel", f'[access]\ncertificates = ["{sha(CERTIFICATE)}"]\n'),
        "sealed": bare("sealed", "[access]\nsignature = true\n", proof=jws),
        "badged": bare("badged", "", proof=modi),
        "narrow": bare(
            "narrow",
            f'[access]\napi_keys = ["{sha("narrow key")}"]\n',
            procedures=f'procedures = ["{PROCEDURE}"]\n',
        ),
        "elsewhere": bare(
            "elsewhere",
            f'[access]\napi_keys = ["{sha("elsewhere key")}"]\n',
            procedures='procedures = ["9.000001"]\n',
        ),
        "both": bare("both", f'[access]\napi_keys = ["{sha("sending key")}"]\n')
        + '[receives]\nkinds = ["received"]\nmapping = "lienthong.message@1"\nacknowledges = true\nrole = "informed"\n'
        + f'authority = "{PROVINCE}"\n[receives.receipts]\napi_keys = ["{sha("receipts key")}"]\n'
        + '[receives.rest]\nbase_url = "http://127.0.0.1:9"\n',
        "neighbour": sender("neighbour", PROVINCE, [PROVINCE]),
    }
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    return parts(folder)


LOOPBACK = "127.0.0.0/8"


async def test_a_bearer_token_is_worth_what_its_certificate_is_worth_now(
    tmp_path: Path, made: Parts, clock: Clock, pki: Pki
) -> None:
    asked: list[tuple[str, str]] = []

    def vouch(partner: str, fingerprint: str, now: datetime, stamped_at: datetime | None) -> None:
        del now, stamped_at
        asked.append((partner, fingerprint))
        raise refuse("HUB-CRT-004")

    profile = ModiProfile(audience=HUB, identity=Identity.ID_AUTH_REST_02)
    said = ModiSigner(key_of(pki, "seal-2048-next"), profile).sign(Wire(body=b"{}"), NOW).headers
    async with house(tmp_path, made, clock) as hub:
        calling = doors(made.partners, (), hub.store.access, clock, clock.seconds, vouch)
        scope = {"type": "http", "query_string": b"", "client": ("192.0.2.1", 1)}
        headers = [(b"authorization", said["Authorization"].encode())]
        with pytest.raises(Refusal, match="HUB-CRT-004"):
            await calling.callers.identify(Request({**scope, "headers": headers}))
    assert asked == [("badged", key_of(pki, "seal-2048-next").fingerprint)]


async def test_a_token_ends_with_the_secret_that_it_was_given_for(hub: House, clock: Clock) -> None:
    def tokens(*secrets: str) -> Tokens:
        known = tuple(
            Credential(partner="client", way=Way.SECRET, digest=sha(each)[7:], label="s") for each in secrets
        )
        client = Client(id="client-1", partner="client", secrets=known, lifetime=600)
        return Tokens((client,), hub.store.access, now=clock, seconds=clock.seconds, randomness=bytes)

    before = tokens(SECRET, NEXT)
    token, _ = await before.issue(*before.secret("client-1", SECRET))
    digest = hashlib.sha256(token.encode()).hexdigest()
    assert (await tokens(SECRET, NEXT).find(digest)).partner == "client"
    with pytest.raises(Refusal, match="HUB-AUT-013"):
        await tokens(NEXT).find(digest)


async def test_a_key_for_receipts_does_not_send_even_for_one_who_may(hub: House) -> None:
    assert (await by(hub, "receipts key")).code == "HUB-AUT-011"
    assert (await by(hub, "sending key")).status == 202


async def test_guessing_a_clients_secret_is_bounded_as_any_other_guess(hub: House) -> None:
    for _ in range(int(BURST)):
        assert (await login(hub, "wrong"))[0] == 401
    assert (await login(hub, "wrong"))[0] == 429


@pytest.fixture
def opened(tmp_path: Path, made: Parts, clock: Clock) -> Callable[[], Any]:
    def again() -> Any:
        more = {"keeping": Documents.model_validate({"proxies": (LOOPBACK,)})}
        return house(tmp_path, made, clock, seconds=clock.seconds, more=more)

    return again


@pytest.fixture
async def hub(opened: Callable[[], Any]) -> AsyncIterator[House]:
    async with opened() as found:
        yield found


async def by(hub: House, bearer: str, **more: Any) -> Answer:
    return await hub.post(hub.received(**more), key=f"k{hub.number}", sender=bearer)


async def login(
    hub: House, secret: str = SECRET, client: str = "client-1", **more: str
) -> tuple[int, dict[str, Any]]:
    form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret, **more}
    async with hub.session.post(f"{hub.url}/token", data=form) as got:
        assert got.status == 429 or got.headers["Cache-Control"] == "no-store"
        return got.status, await got.json()


# --- API keys -----------------------------------------------------------------------------------------------------


async def test_two_keys_live_side_by_side_each_in_its_days(hub: House, clock: Clock) -> None:
    assert (await by(hub, "old")).status == 202
    assert (await by(hub, "new")).code == "HUB-AUT-014"
    midnight = day_begins(datetime(2026, 11, 24, tzinfo=UTC).date())
    assert midnight is not None
    clock.now = midnight
    assert (await by(hub, "new")).status == 202
    assert (await by(hub, "old")).code == "HUB-AUT-014"


async def test_which_key_was_used_and_when_can_be_seen(hub: House, clock: Clock) -> None:
    for _ in range(3):
        await by(hub, "old")
        clock.go(60)
    await hub.uses.write(hub.store.access)
    [used] = await hub.store.access.uses("windowed")
    assert (used.way, used.label, used.uses, used.last_at) == (
        "api_key",
        "old",
        3,
        clock.now - timedelta(seconds=60),
    )


async def test_two_ways_in_at_once_count_as_the_first_and_never_as_the_second(hub: House) -> None:
    told = {"Client-Cert": f":{base64.b64encode(CERTIFICATE).decode()}:"}
    assert (await hub.post(hub.received(), key="a", sender="nobody", headers=told)).code == "HUB-AUT-002"


# --- OAuth2 -------------------------------------------------------------------------------------------------------


async def test_a_client_gets_a_token_as_the_fields_clients_expect_and_comes_in_with_it(hub: House) -> None:
    status, told = await login(hub)
    assert status == 200
    assert (told["token_type"], told["expires_in"], told["scope"]) == ("Bearer", 600, "default")
    assert (await by(hub, told["access_token"])).status == 202


async def test_curl_gets_one_with_basic(hub: House) -> None:
    command = ["curl", "-s", "-u", f"client-1:{SECRET.replace(',', '%2C').replace(' ', '+')}"]
    command += ["-d", "grant_type=client_credentials", f"{hub.url}/token"]
    ran = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True)
    assert (await by(hub, json.loads(ran.stdout)["access_token"])).status == 202


@pytest.mark.parametrize(
    ("secret", "client", "more", "status", "error"),
    [
        ("wrong", "client-1", {}, 401, "invalid_client"),
        (SECRET, "client-2", {}, 401, "invalid_client"),
        (NEXT, "client-1", {}, 401, "invalid_client"),
        ("", "client-1", {}, 400, "invalid_request"),
        (SECRET, "client-1", {"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
async def test_a_login_that_fails_says_so_in_the_words_of_the_standard(
    hub: House, secret: str, client: str, more: dict[str, str], status: int, error: str
) -> None:
    got, told = await login(hub, secret, client, **more)
    assert (got, told["error"]) == (status, error)
    assert told["code"].startswith("HUB-AUT-")
    assert SECRET not in json.dumps(told)


async def test_a_token_ends_on_time_and_outlives_a_restart(opened: Callable[[], Any], clock: Clock) -> None:
    async with opened() as hub:
        token = (await login(hub))[1]["access_token"]
    async with opened() as hub:
        assert (await by(hub, token)).status == 202
        clock.go(601)
        assert (await by(hub, token)).code == "HUB-AUT-013"


async def test_a_token_of_a_clock_that_was_ahead_lives_no_longer_for_it(hub: House, clock: Clock) -> None:
    """Put right by a day, it would have been good for a day and its ten minutes; the client fetches another one."""
    clock.go(86_400)
    early = (await login(hub))[1]["access_token"]
    assert (await by(hub, early)).status == 202
    clock.now -= timedelta(days=1)
    assert (await by(hub, early)).code == "HUB-AUT-013"
    clock.passed += AGAIN
    assert (await by(hub, (await login(hub))[1]["access_token"])).status == 202


async def test_a_revoked_token_has_gone_within_seconds_everywhere(hub: House, clock: Clock) -> None:
    token = (await login(hub))[1]["access_token"]
    assert (await by(hub, token)).status == 202
    await hub.store.access.revoke("client", client="", reason="lost", by="an", now=NOW)
    clock.go(5)
    assert (await by(hub, token)).code == "HUB-AUT-013"


async def test_a_client_that_gets_a_token_for_each_message_is_told_to_keep_them(
    hub: House, clock: Clock
) -> None:
    got = [(await login(hub))[0] for _ in range(int(LOGINS) + 1)]
    assert got == [200] * int(LOGINS) + [429]
    clock.go(AGAIN)
    assert (await login(hub))[0] == 200


async def test_no_secret_is_in_a_log_line(hub: House) -> None:
    token = (await login(hub))[1]["access_token"]
    with structlog.testing.capture_logs() as lines:
        await login(hub, "a wrong secret")
        for bearer in (token, "a guessed key", "lt_" + "A" * 43, KEYS["desk"]):
            await by(hub, bearer)
        await hub.post(hub.received(), key="x", sender=KEYS["desk"], twice="Authorization")
    assert any(line["event"] == "login_failed" for line in lines)
    for secret in (token, "a guessed key", "a wrong secret", "AAAAAAAA", KEYS["desk"]):
        assert secret not in str(lines)


async def test_who_only_claims_to_be_a_sender_leaves_it_its_places(hub: House) -> None:
    lines = []
    head = b"POST /v1/messages?sender=sealed HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
    try:
        for _ in range(AT_ONCE):
            lines.append(await asyncio.open_connection("127.0.0.1", hub.port))
            lines[-1][1].write(head)
            await lines[-1][1].drain()
        await asyncio.sleep(0.2)
        status, told = await unnamed(hub, "/v1/messages?sender=sealed", b"{}", {})
        assert (status, told["code"]) == (429, "HUB-LIM-002")
        elsewhere = {"X-Forwarded-For": "192.0.2.9"}
        assert (await unnamed(hub, "/v1/messages?sender=sealed", b"{}", elsewhere))[1][
            "code"
        ] == "HUB-SIG-001"
        assert (await by(hub, KEYS["desk"])).status == 202
    finally:
        for _, writer in lines:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for _, writer in lines), return_exceptions=True)


async def test_only_the_hash_of_a_token_is_kept(hub: House) -> None:
    token = (await login(hub))[1]["access_token"]
    file = hub.spool.parent
    kept = b"".join(path.read_bytes() for path in file.glob("hub.db*") if path.is_file())
    assert token.encode() not in kept
    assert hashlib.sha256(token.encode()).hexdigest().encode() in kept


async def test_a_token_that_nobody_gave_is_refused(hub: House) -> None:
    assert (await by(hub, "lt_" + "A" * 43)).code == "HUB-AUT-013"


# --- certificates, signatures ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (f":{base64.b64encode(CERTIFICATE).decode()}:", ""),
        (f":{base64.b64encode(b'another').decode()}:", "HUB-AUT-015"),
        (":???:", "HUB-AUT-001"),
        ("", "HUB-AUT-001"),
    ],
)
async def test_a_client_certificate_from_a_trusted_proxy_says_who_calls(
    hub: House, told: str, code: str
) -> None:
    answer = await hub.post(
        hub.received(), key="a", headers={"Client-Cert": told}, leave_out=["Authorization"]
    )
    assert answer.code == code


async def test_a_client_certificate_from_anybody_else_is_just_a_header(
    tmp_path: Path, made: Parts, clock: Clock
) -> None:
    told = {"Client-Cert": f":{base64.b64encode(CERTIFICATE).decode()}:"}
    async with house(tmp_path, made, clock) as hub:
        answer = await hub.post(hub.received(), key="a", headers=told, leave_out=["Authorization"])
        assert answer.code == "HUB-AUT-001"


async def unnamed(
    hub: House, path: str, body: bytes, headers: Mapping[str, str]
) -> tuple[int, dict[str, Any]]:
    said = {"Content-Type": "application/json", **headers}
    async with hub.session.post(f"{hub.url}{path}", data=body, headers=said) as got:
        return got.status, await got.json(content_type=None)


async def test_the_signature_alone_may_say_who_sends(hub: House, pki: Pki) -> None:
    body = json.dumps(hub.received()).encode()
    good = {"X-JWS-Signature": DetachedSigner(key_of(pki)).sign(body, NOW), "Idempotency-Key": "a"}
    bad = {"X-JWS-Signature": DetachedSigner(key_of(pki, "stranger-2048")).sign(body, NOW)}
    path = "/v1/messages?sender=sealed"
    assert (await unnamed(hub, path, body, bad))[1]["code"] == "HUB-CRT-001"
    assert (await unnamed(hub, path, body, {}))[1]["code"] == "HUB-SIG-001"
    assert (await unnamed(hub, path, body, good))[0] == 202
    again = await unnamed(hub, path, body, {"Idempotency-Key": "a"})
    assert again[1]["code"] == "HUB-SIG-001", "the stored receipt is nobody's who cannot sign"
    assert (await unnamed(hub, path, body, good))[0] == 202
    for claimed in ("desk", "client", "nobody", ""):
        status, told = await unnamed(hub, f"/v1/messages?sender={claimed}", body, good)
        assert (status, told["code"]) == (401, "HUB-AUT-002" if claimed else "HUB-AUT-001")
    async with hub.session.get(f"{hub.url}/v1/dossiers/x?sender=sealed") as got:
        assert (await got.json(content_type=None))["code"] == "HUB-AUT-001"


def with_certificate_only(key: Key) -> str:
    """An identity token as most of the pattern's clients make it: ``x5c`` and no other hint."""
    issued = int(NOW.timestamp())
    claims = {"aud": HUB, "iat": issued, "exp": issued + 60, "jti": "i"}
    parts = ({"alg": "RS256", "typ": "JWT", "x5c": [key.certificate_text.decode()]}, claims)
    head = ".".join(written(part) for part in parts)
    return f"{head}.{encode(key.sign(head.encode()))}"


async def test_a_signed_bearer_token_says_who_calls(hub: House, pki: Pki) -> None:
    profile = ModiProfile(audience=HUB, identity=Identity.ID_AUTH_REST_02)
    body = json.dumps(hub.received()).encode()
    said = {"Content-Type": "application/json"}
    headers = (
        ModiSigner(key_of(pki, "seal-2048-next"), profile).sign(Wire(body=body, headers=said), NOW).headers
    )
    status, receipt = await unnamed(hub, "/v1/messages", body, headers)
    assert status == 202, receipt
    own = {"Authorization": headers["Authorization"]}
    by_certificate = {"Authorization": f"Bearer {with_certificate_only(key_of(pki, 'seal-2048-next'))}"}
    assert (
        await hub.get(f"/v1/messages/{receipt['message']}", sender=None, headers=by_certificate)
    ).status == 200
    assert (await hub.get(f"/v1/messages/{receipt['message']}", sender=None, headers=own)).status == 200
    stranger = ModiSigner(key_of(pki, "stranger-2048"), profile).sign(Wire(body=body, headers=said), NOW)
    assert (await unnamed(hub, "/v1/messages", body, stranger.headers))[1]["code"] == "HUB-AUT-002"
    elsewhere = ModiSigner(
        key_of(pki, "seal-2048-next"), ModiProfile(audience="x", identity=profile.identity)
    )
    told = elsewhere.sign(Wire(body=body, headers=said), NOW).headers
    assert (await unnamed(hub, "/v1/messages", body, told))[1]["code"] == "HUB-SIG-030"


# --- what is allowed ------------------------------------------------------------------------------------------------


async def test_a_sender_speaks_only_of_its_own_procedures(hub: House) -> None:
    code = hub.code()
    assert (await by(hub, "narrow key", code=code)).status == 202
    assert (await by(hub, "elsewhere key")).code == "HUB-AUT-010"
    late = hub.message("withdrawn", code)
    refused = await hub.post(late, key="w", sender="elsewhere key")
    assert refused.code in {"HUB-AUT-010", "HUB-DOS-007"}


async def test_failed_logins_are_bounded_by_address_and_shut_out_nobody_who_was_in(
    hub: House, clock: Clock
) -> None:
    clock.go(LEARNING)
    assert (await by(hub, KEYS["desk"])).status == 202
    for _ in range(int(BURST)):
        assert (await by(hub, "a guess")).code == "HUB-AUT-002"
    refused = await by(hub, "a guess")
    assert (refused.code, refused.status) == ("HUB-AUT-012", 429)
    assert int(refused.headers["Retry-After"]) > 0
    assert (await by(hub, "narrow key")).code == "HUB-AUT-012", "a right guess must wait, too"
    assert (await login(hub))[0] == 429
    assert (await by(hub, KEYS["desk"])).status == 202
    elsewhere = {"X-Forwarded-For": "192.0.2.7"}
    assert (await hub.post(hub.received(), key="z", sender="narrow key", headers=elsewhere)).status == 202


# --- only one's own -------------------------------------------------------------------------------------------------


class Route(NamedTuple):
    method: str
    path: str


OPEN = {
    *(Route("GET", path) for path in ("/livez", "/readyz", "/errors", "/errors/{code}", "/openapi.json")),
    *(
        Route("GET", path)
        for path in ("/reports", "/reports/{id}/{file}", "/v1/reports", "/v1/reports/{id}/{version}")
    ),
    Route("POST", "/token"),
}
"""For everybody: nothing of anybody's is there, and what was published is everybody's."""
BY_LINK = {Route(method, "/f/{uid}") for method in ("GET", "HEAD")}
"""For whoever was given the link (tests of documents)."""
SAYS = {Route("POST", "/v1/messages"), Route("POST", "/v1/receipts"), Route("POST", "/v1/documents")}
"""Where something is said, by whoever says who it is."""
MAILBOX = "/v1/mailbox"
"""For partners that fetch: whose is whose there, the tests of the mailbox say."""

CATALOGUES = "/v1/catalogues"
"""For every partner: what is published is nobody's own."""
FIGURES = "/v1/figures"
"""Of whose dossiers somebody may see the figures, the tests of figures say."""


def routes(hub: House) -> set[Route]:
    app: Any = hub.app
    return {Route(method, each.path) for each in app._app.routes for method in each.methods}


async def test_no_address_is_without_a_door(hub: House) -> None:
    closed = {each for each in routes(hub) if each not in OPEN | BY_LINK and each.method != "HEAD"} | SAYS
    assert len(closed) >= 8
    for method, path in closed:
        target = f"{hub.url}{path.format(id='x', code='x', transfer='x', version='1', figure='x')}"
        async with hub.session.request(method, target, data=b"{}") as got:
            assert (got.status, (await got.json(content_type=None))["code"]) == (401, "HUB-AUT-001"), path


async def test_what_is_somebody_elses_is_not_there(hub: House) -> None:
    code = hub.code()
    accepted = await by(hub, KEYS["desk"], code=code)
    message, transfer = accepted["message"], accepted["transfers"][0]["id"]
    announced = json.dumps({"size": 3, "sha256": hashlib.sha256(b"abc").hexdigest()}).encode()
    async with hub.session.post(
        f"{hub.url}/v1/documents", data=announced, headers={"Authorization": f"Bearer {KEYS['desk']}"}
    ) as got:
        upload = (await got.json())["id"]
    ids = {"/v1/messages/{id}": message, "/v1/transfers/{id}": transfer, "/v1/documents/{id}": upload}
    own = {each for each in routes(hub) if "{" in each.path and each not in OPEN | BY_LINK}
    own = {each for each in own if not each.path.startswith((MAILBOX, CATALOGUES, FIGURES))}
    assert {each.path for each in own} == {*ids, "/v1/dossiers/{code}"}
    ids["/v1/dossiers/{code}"] = code
    for method, path in own:
        target = f"{hub.url}{path.format(id=ids[path], code=ids[path])}"
        said = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
        for bearer in (KEYS["stranger"], "narrow key"):
            headers = {**said, "Authorization": f"Bearer {bearer}"}
            async with hub.session.request(method, target, headers=headers, data=b"abc") as got:
                assert got.status == 404, (method, path)
    mine = {"Authorization": f"Bearer {KEYS['desk']}"}
    for path, found in ids.items():
        assert (await hub.get(path.format(id=found, code=found), sender=None, headers=mine)).status == 200


async def test_a_receipt_is_taken_from_its_own_partner_only(hub: House) -> None:
    accepted = await by(hub, KEYS["desk"])
    [told] = [each for each in accepted["transfers"] if each["partner"] == "portal"]
    found = await hub.store.transfer(told["id"])
    assert found is not None
    receipt = json.dumps({"key": found.key, "at": NOW.isoformat()}).encode()
    for bearer, code in ((KEYS["land"], "HUB-RCP-001"), (KEYS["desk"], "HUB-RCP-005")):
        status, said = await unnamed(hub, "/v1/receipts", receipt, {"Authorization": f"Bearer {bearer}"})
        assert (status >= 400, said["code"]) == (True, code)
