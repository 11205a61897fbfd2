"""Opening HTTP: what left, what came, what broke, and what is kept of it."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import time
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.contract import Deferred, Unsure
from connectors.http1 import Break
from connectors.reach import Reach, read_secret, tls
from connectors.transport import Answer, Broken, Http, Request, _Place
from connectors.wire import cut, unpack
from schemas.problems import Refusal
from tests.doubles.loopback import mute, nobody
from tests.doubles.pki import Pki
from tests.doubles.raw import ok, raw

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

CAP = 10_000


def now() -> datetime:
    return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


async def send(url: str, request: Request | None = None, **limits: Any) -> Answer | Broken:
    reach = {
        "connect_timeout": 0.5,
        "read_timeout": 0.3,
        "total_timeout": 0.8,
        "max_reply_bytes": CAP,
        "connect_tries": 1,
    }
    http = Http(Reach.model_validate({"base_url": url, **reach, **limits}), clock=now)
    try:
        return await http.send(request or Request(path="/x", body=b"{}"))
    finally:
        await http.close()


@pytest.fixture
async def one_session() -> AsyncIterator[list[Http]]:
    opened: list[Http] = []
    yield opened
    for http in opened:
        await http.close()


# --- settings ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.7/x",
        "http://partner.example.vn",
        "ftp://127.0.0.1/",
        "https:///x",
        "https://me:pw@h/",
        "https://h/?k=1",
        "h",
        "https://h:0/",
        "https://h:99999/",
        "https://h/a b",
        "https://h\n/a",
        "https://h/\r\nX: y",
        "https://a..vn",
        f"https://{'a' * 64}.vn",
    ],
)
def test_an_address_that_is_not_safe_to_call_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        Reach(base_url=url)


@pytest.mark.parametrize(
    "url", ["https://partner.example.vn/a/", "http://127.0.0.1:8080", "http://[::1]:1/x", "http://localhost"]
)
def test_https_and_loopback_are_accepted(url: str) -> None:
    assert Reach(base_url=url).base_url == url.rstrip("/")


def test_there_is_no_switch_for_the_certificate_check() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Reach.model_validate({"base_url": "https://h", "verify": False})


def test_durations_may_be_written_as_people_write_them() -> None:
    reach = Reach.model_validate({"base_url": "https://h", "connect_timeout": "500ms", "total_timeout": "2m"})
    assert (reach.connect_timeout, reach.total_timeout) == (0.5, 120.0)


def test_a_missing_authority_file_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="HUB-CFG-001"):
        Http(Reach(base_url="https://h", ca_file=tmp_path / "none.pem"), clock=now)


def test_only_partners_that_name_no_file_share_what_they_are_checked_with(tmp_path: Path) -> None:
    pki = Pki(tmp_path, now())
    client = pki["tls-client"]
    plain, other = Reach(base_url="https://h"), Reach(base_url="https://i")
    pinned = Reach(base_url="https://h", ca_file=pki["root"].certificate_file)
    shown = Reach(
        base_url="https://h",
        client_certificate_file=client.certificate_file,
        client_key_file=client.key_file,
    )
    contexts = [tls(reach) for reach in (plain, other, pinned, shown, shown)]
    assert contexts[0] is contexts[1]
    assert len({id(context) for context in contexts}) == 4
    assert len(contexts[2].get_ca_certs()) == 1
    for context in contexts:
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_secret_is_one_line_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(" 0123456789\n", "utf-8")
    assert read_secret(file) == "0123456789"


@pytest.mark.parametrize("content", [b"", b"short", b"two\nlines-of-it", b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8"])
def test_a_file_that_is_no_secret_is_refused_without_showing_it(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(Refusal) as refused:
        read_secret(file)
    assert refused.value.code == "HUB-CFG-001"
    assert content.decode("latin-1") not in repr(refused.value.problems) or not content


# --- answers ----------------------------------------------------------------------------------------------------


async def test_the_recorded_bytes_are_the_bytes_on_the_wire() -> None:
    answer = ok(b'{"code":"0"}', "Content-Type: application/json", "X-Twice: a", "X-Twice: b")
    async with raw(answer) as (said, url):
        request = Request(
            path="/a/b%2Fc?q=%C4%91", body="Nguyễn".encode(), headers={"Content-Type": "text/plain"}
        )
        result = await send(url, request)
    assert isinstance(result, Answer)
    exchange = result.exchanges[0]
    assert exchange.sent == said.heard[0]
    assert exchange.received == answer
    assert (exchange.url, exchange.status, exchange.error) == (url + "/a/b%2Fc?q=%C4%91", 200, "")
    assert (result.body, result.media_type, result.headers["x-twice"]) == (
        b'{"code":"0"}',
        "application/json",
        "b",
    )


@pytest.mark.parametrize("where", ["header", "body", "path", "reply"])
async def test_a_secret_is_cut_wherever_it_shows_up(where: str) -> None:
    secret = "s3cr3t-k3y-0001"
    async with raw(ok(f'{{"echo":"{secret}"}}'.encode() if where == "reply" else b"{}")) as (said, url):
        request = Request(
            path="/x" + (f"?key={quote(secret)}" if where == "path" else ""),
            body=secret.encode() if where == "body" else b"{}",
            headers={"X-Key": secret} if where == "header" else {},
            secrets=(secret,),
        )
        result = await send(url, request)
    exchange = result.exchanges[0]
    assert secret.encode() in said.heard[0] + ok(secret.encode() if where == "reply" else b"")
    assert secret not in exchange.url
    assert secret.encode() not in exchange.sent + exchange.received
    assert b"[cut]" in exchange.sent + exchange.received


async def test_headers_that_carry_secrets_by_their_nature_are_cut_unasked() -> None:
    async with raw(ok(b"{}", "Set-Cookie: sid=abcdef")) as (_, url):
        result = await send(url, Request(path="/", headers={"Authorization": "Basic Zm9vOmJhcg=="}))
    assert b"Zm9v" not in result.exchanges[0].sent
    assert b"abcdef" not in result.exchanges[0].received


async def test_nothing_of_a_private_call_is_kept_but_its_size() -> None:
    async with raw(ok(b'{"session":"abc"}')) as (_, url):
        result = await send(url, Request(path="/login", body=b"password", private=True))
    assert isinstance(result, Answer)
    assert result.body == b'{"session":"abc"}'
    assert result.exchanges[0].sent.endswith(b"[cut: 8 bytes]")
    assert result.exchanges[0].received.endswith(b"[cut: 17 bytes]")


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=0x1EF9), min_size=8, max_size=30))
def test_every_written_form_of_a_secret_is_cut(secret: str) -> None:
    for form in (secret, json.dumps(secret)[1:-1], quote(secret, safe=""), escape(secret)):
        assert (
            form.encode() not in cut(b"before " + form.encode() + b" after", (secret,))
            or form in "before  after"
        )


@pytest.mark.parametrize(
    "form", ["aB+\\/1%&cd", "aB%2b%2f1%25%26cd", "aB%2B/1%25%26cd", "aB+/1%&amp;cd"], ids=str
)
def test_a_secret_is_cut_however_a_partner_writes_it(form: str) -> None:
    assert cut(f"before {form} after".encode(), ("aB+/1%&cd",)) == b"before [cut] after"


async def test_a_secret_is_cut_out_of_what_came_packed() -> None:
    said = gzip.compress(b'{"token":"secret-of-ours"}')
    async with raw(ok(said, "Content-Encoding: gzip")) as (_, url):
        result = await send(url, Request(path="/", body=b"{}", secrets=("secret-of-ours",)))
    assert isinstance(result, Answer)
    assert result.body == b'{"token":"secret-of-ours"}'
    assert result.exchanges[0].received.endswith(b"\r\n\r\n[cut: %d bytes]" % len(said))


async def test_no_cookie_comes_back() -> None:
    async with raw(ok(b"{}", "Set-Cookie: a=b"), keep=True) as (said, url):
        http = Http(Reach(base_url=url), clock=now)
        await http.send(Request(path="/"))
        await http.send(Request(path="/"))
        await http.close()
    assert not any(b"ookie" in heard for heard in said.heard)


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with raw(ok(b"proxy")) as (proxy, proxy_url), raw(ok(b"{}")) as (said, url):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy_url)
        monkeypatch.delenv("no_proxy", raising=False)
        await send(url)
    assert (len(proxy.heard), len(said.heard)) == (0, 1)


# --- what breaks ------------------------------------------------------------------------------------------------


async def test_connecting_is_tried_again_while_nothing_has_left() -> None:
    with nobody() as port:
        result = await send(f"http://127.0.0.1:{port}", connect_tries=3)
    assert isinstance(result, Broken)
    assert (result.error, result.may_have, result.code, len(result.exchanges)) == (
        Break.CONNECT,
        False,
        "HUB-NET-001",
        3,
    )
    assert isinstance(result.outcome(), Deferred)
    assert isinstance(result.cannot_tell(), Unsure)


@pytest.mark.parametrize("method", ["POST", "PUT", "GET"])
async def test_nothing_is_sent_twice_when_a_kept_connection_breaks(
    one_session: list[Http], method: str
) -> None:
    async with raw(ok(b"{}"), b"", ok(b"{}"), keep=True) as (said, url):
        http = Http(Reach(base_url=url, connect_tries=3), clock=now)
        one_session.append(http)
        assert isinstance(await http.send(Request(path="/1", method=method)), Answer)
        result = await http.send(Request(path="/2", method=method))
    assert isinstance(result, Broken)
    assert (result.error, result.may_have) == (Break.RESET, True)
    assert len(said.heard) == 2


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"", Break.RESET),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", Break.TRUNCATED),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", Break.TRUNCATED),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab", Break.GARBLED),
        (b"HTTP/1.1 200 OK\r\nContent-Le", Break.RESET),
        (b"SSH-2.0-OpenSSH\r\n\r\n", Break.GARBLED),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", Break.GARBLED),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n", Break.TOO_LARGE),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 20_000, Break.TOO_LARGE),
        (ok(gzip.compress(b"a" * 20_000, mtime=0), "Content-Encoding: gzip"), Break.TOO_LARGE),
        (ok(gzip.compress(b"a" * 2_000, mtime=0)[:-9], "Content-Encoding: gzip"), Break.TRUNCATED),
        (ok(b"not gzip", "Content-Encoding: gzip"), Break.GARBLED),
        (ok(b"{}", "Content-Encoding: br"), Break.GARBLED),
        (b"HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n", Break.REDIRECT),
    ],
)  # fmt: skip
async def test_what_breaks_after_sending_leaves_the_partner_in_doubt(said: bytes, error: Break) -> None:
    async with raw(said) as (partner, url):
        result = await send(url)
    assert isinstance(result, Broken)
    assert (result.error, result.may_have) == (error, True)
    assert isinstance(result.outcome(), Unsure)
    assert len(partner.heard) == 1
    assert result.exchanges[0].error == error


@pytest.mark.parametrize("status", [301, 307, 308])
async def test_a_redirect_that_means_ask_elsewhere_was_not_done(status: int) -> None:
    async with raw(f"HTTP/1.1 {status} X\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n".encode()) as (
        partner,
        url,
    ):
        result = await send(url)
    assert isinstance(result, Broken)
    assert (result.error, result.may_have, len(partner.heard)) == (Break.REDIRECT, False, 1)


async def test_a_header_that_http_cannot_carry_opens_nothing() -> None:
    async with raw(ok(b"{}")) as (partner, url):
        result = await send(url, Request(path="/", headers={"X": "a\r\nY: b"}))
    assert isinstance(result, Broken)
    assert (result.error, result.may_have, partner.heard) == (Break.UNSENDABLE, False, [])


async def test_connecting_has_a_time_of_its_own() -> None:
    started = time.monotonic()
    async with mute() as port:
        result = await send(f"https://127.0.0.1:{port}", connect_timeout=0.3, total_timeout=30)
    assert time.monotonic() - started < 5
    assert isinstance(result, Broken)
    assert (result.error, result.may_have, result.code) == (Break.TIMEOUT, False, "HUB-NET-003")


async def test_a_slow_drip_ends_with_the_total_time() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            for byte in ok(b"x" * 500):
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.1)
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    started = time.monotonic()
    result = await send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert time.monotonic() - started < 2
    assert isinstance(result, Broken)
    assert (result.error, result.may_have, result.code) == (Break.TIMEOUT, True, "HUB-NET-004")
    server.close()
    await server.wait_closed()


async def test_a_large_body_is_sent_whole() -> None:
    body = b"x" * 5_000_000
    async with raw(ok(b"{}")) as (partner, url):
        result = await send(url, Request(path="/", body=body), total_timeout=10)
    assert isinstance(result, Answer)
    assert partner.heard[0].endswith(body)


# --- unpacking --------------------------------------------------------------------------------------------------


@given(st.binary(max_size=500), st.integers(min_value=1, max_value=3))
def test_what_was_packed_is_unpacked(body: bytes, members: int) -> None:
    assert unpack(gzip.compress(body, mtime=0) * members, "gzip", CAP) == body * members
    assert unpack(zlib.compress(body), "deflate", CAP) == body
    assert unpack(body, "identity", CAP) == body


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate"]))
def test_unpacking_never_raises(body: bytes, encoding: str) -> None:
    assert isinstance(unpack(body, encoding, 10), bytes | Break)


def test_many_small_members_do_not_pass_the_cap_together() -> None:
    assert unpack(gzip.compress(b"a" * 100, mtime=0) * 200, "gzip", CAP) is Break.TOO_LARGE


def test_members_without_content_cost_no_time() -> None:
    """Each one costs a copy of what follows it."""
    began = time.process_time()
    assert unpack(gzip.compress(b"") * 100_000, "gzip", CAP) is Break.GARBLED
    assert time.process_time() - began < 0.5


def test_a_host_in_vietnamese_letters_is_called_by_its_other_name() -> None:
    place = _Place.of("https://bộ.vn:8443/a")
    assert (place.host, place.netloc) == ("xn--b-8xm.vn", "xn--b-8xm.vn:8443")
