"""The one way to open HTTP. ``send`` answers or says what broke; it never raises for what a network does.

Rules of this file:

* The certificate check has no switch. With ``ca_file`` only that bundle is trusted (pinned per partner).
* No redirects, no proxies or credentials from the environment, no cookies, no second try on a kept connection that broke.
* Nothing of a request has left until a connection stands. From then on the partner *may have it*; tenacity tries again
  only before.
* ``Exchange`` holds the bytes as they went over the wire, both heads included; secrets are cut out before they are kept.
* Replies are read up to a cap, and unpacked up to the same cap.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Container, Iterable, Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from contextlib import asynccontextmanager
from datetime import datetime  # noqa: TC003
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace  # noqa: TC003
from typing import Annotated, Any, NamedTuple, Self
from urllib.parse import quote, quote_plus, urlsplit
from xml.sax.saxutils import escape

import aiohttp
import msgspec
from aiohappyeyeballs import start_connection
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)
from tenacity import AsyncRetrying, retry_if_result, stop_after_attempt, wait_exponential
from yarl import URL

from connectors.contract import Deferred, Exchange, Reason, Unsure
from connectors.http1 import Bounds, Break, Connection, Reply
from schemas.problems import refuse

USER_AGENT = "lienthong/1"
CUT = b"[cut]"
SECRET_HEADERS = frozenset({b"authorization", b"proxy-authorization", b"cookie", b"set-cookie", b"x-api-key"})
SHORTEST_SECRET = 8
MEMBERS = 256
"""Parts that a packed body may consist of; each costs a copy of what follows it."""
IN_ONE_PIECE = 256 * 1024
KEPT = 15.0
"""Seconds for which a connection without work is kept: shorter than what servers usually grant."""
NEXT_ADDRESS = 0.25
"""Seconds until a host's next address is tried beside the first (RFC 8305 §5)."""

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h)$")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_CONTENT_RANGE = re.compile(r"bytes (\d{1,15})-\d{1,15}/(\d{1,15}|\*)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HEXADECIMAL = re.compile(r"%[0-9A-F]{2}")
_ANY = "surrogatepass"
_FRAMING = frozenset({"content-length", "transfer-encoding"})
_NO_TARGET = re.compile(r"[\x00-\x20\x7f#]")


# --- settings ---------------------------------------------------------------------------------------------------


def _seconds(value: object) -> object:
    match = _DURATION.match(value) if isinstance(value, str) else None
    return float(match[1]) * _UNITS[match[2]] if match else value


def _reachable(url: str) -> str:
    if _NO_TARGET.search(url):
        raise ValueError("an address holds no spaces, control characters or fragment")
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("an http(s) address with a host is expected")
    if parts.username is not None or parts.query or parts.port == 0:
        raise ValueError("an address holds no credentials or query, and no port 0")
    parts.hostname.encode("idna")  # raises UnicodeError, which is a ValueError
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("http:// is for loopback only; use https://")
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """True for ``localhost`` and loopback addresses."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0, le=86_400)]
"""A number of seconds or ``"500ms"``, ``"30s"``, ``"5m"``, ``"1h"``."""

LocalFile = Path
"""A file of the partner's; whoever reads the partner's file makes it absolute."""

Address = Annotated[str, AfterValidator(_reachable)]


class Reach(BaseModel):
    """How a partner is reached; every HTTP room's settings begin with these."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: Address
    ca_file: LocalFile | None = None
    client_certificate_file: LocalFile | None = None
    client_key_file: LocalFile | None = None
    connect_timeout: Seconds = 10.0
    read_timeout: Seconds = 60.0
    total_timeout: Seconds = 120.0
    max_reply_bytes: Annotated[int, Field(gt=0, le=64 * 2**20)] = 4 * 2**20
    connect_tries: Annotated[int, Field(ge=1, le=5)] = 3

    @model_validator(mode="after")
    def _a_key_needs_its_certificate(self) -> Self:
        if (self.client_key_file is None) != (self.client_certificate_file is None):
            raise ValueError("client_certificate_file and client_key_file stand together")
        return self


def read_secret(path: Path) -> str:
    """Read a secret's file (one line of text). Raises ``Refusal`` HUB-CFG-001; the path is named, the content never."""
    try:
        text = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise refuse("HUB-CFG-001", str(path), rule="secret file", detail="cannot be read") from None
    if len(text) < SHORTEST_SECRET or _CONTROL.search(text):
        raise refuse("HUB-CFG-001", str(path), rule="secret file", detail="one line of at least 8 characters")
    return text


# --- values -----------------------------------------------------------------------------------------------------


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Common shape: frozen, named fields."""


class Request(Value, frozen=True):
    """One call. ``path`` is appended to ``base_url`` as it is. ``secrets``: values never to be recorded, wherever they
    show up. ``private``: record no bodies at all (a login).
    """

    path: str
    body: bytes = b""
    method: str = "POST"
    headers: Mapping[str, str] = {}
    secrets: tuple[str, ...] = ()
    private: bool = False


class Answer(Value, frozen=True):
    """A whole reply. Header names are lower case; ``body`` is unpacked. ``exchanges`` holds every try, the last one last."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    arrived_at: datetime
    exchanges: tuple[Exchange, ...]

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Cut(Exception):  # noqa: N818 - says what it is
    """A download broke off; what had arrived is whole as far as it goes."""


class Pulled(NamedTuple):
    """A download: its status, where it begins, how long the whole content is (``None``: not told), and its bytes."""

    status: int
    begins: int
    size: int | None
    pieces: AsyncIterator[bytes]


_BEFORE = {
    Break.TLS: "HUB-NET-002",
    Break.TIMEOUT: "HUB-NET-003",
    Break.REDIRECT: "HUB-NET-006",
    Break.UNSENDABLE: "HUB-INT-001",
}
_AFTER = {Break.TLS: "HUB-NET-002", Break.TOO_LARGE: "HUB-NET-005", Break.REDIRECT: "HUB-NET-006"}


class Broken(Value, frozen=True):
    """No whole reply. ``may_have``: the partner may have got the request."""

    error: Break
    may_have: bool
    exchanges: tuple[Exchange, ...] = ()

    @property
    def code(self) -> str:
        if self.may_have:
            return _AFTER.get(self.error, "HUB-NET-004")
        return _BEFORE.get(self.error, "HUB-NET-001")

    def outcome(self, before: tuple[Exchange, ...] = ()) -> Deferred | Unsure:
        """Say it in the contract's words; ``before``: exchanges of earlier calls of the same attempt."""
        reason = Reason(code=self.code, detail=self.error)
        exchanges = (*before, *self.exchanges)
        return (
            Unsure(reason=reason, exchanges=exchanges)
            if self.may_have
            else Deferred(reason=reason, exchanges=exchanges)
        )

    def cannot_tell(self, before: tuple[Exchange, ...] = ()) -> Unsure:
        """A question that broke tells nothing, even when it never left."""
        return Unsure(reason=Reason(code=self.code, detail=self.error), exchanges=(*before, *self.exchanges))


# --- pure parts -------------------------------------------------------------------------------------------------


def classify(error: BaseException, *, left: bool) -> Break:
    """One table for all that ssl, the system and aiohttp (downloads only) raise. ``left``: a connection stood."""
    match error:
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return Break.TLS
        case TimeoutError():
            return Break.TIMEOUT
        case aiohttp.ClientPayloadError():
            return Break.TRUNCATED
        case aiohttp.ClientResponseError() | HttpProcessingError():
            return Break.GARBLED
        case _:
            return Break.RESET if left else Break.CONNECT


def cut(data: bytes, secrets: Iterable[str]) -> bytes:
    """Replace every form in which a secret may stand in a head, a URL, JSON or XML."""
    for secret in secrets:
        for form in _forms(secret):
            data = data.replace(form, CUT)
    return data


@lru_cache(256)
def _forms(secret: str) -> tuple[bytes, ...]:
    """The longest first. Some escape the slash in JSON, and write hexadecimal digits in small letters."""
    told = (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    inside = (
        quote(secret, safe="", errors=_ANY),
        quote(secret, errors=_ANY),
        quote_plus(secret, errors=_ANY),
    )
    forms = {secret, *told, *(each.replace("/", "\\/") for each in told), *inside}
    forms |= {_HEXADECIMAL.sub(lambda found: found[0].lower(), each) for each in inside}
    forms |= {escape(secret), escape(secret, {'"': "&quot;"})}
    return tuple(form.encode(errors=_ANY) for form in sorted(forms, key=len, reverse=True))


def head(
    first: bytes, headers: Iterable[tuple[bytes, bytes]], hidden: Container[bytes] = SECRET_HEADERS
) -> bytes:
    """Write a head as HTTP/1.1 does, with the values of ``hidden`` headers cut."""
    lines = [name + b": " + (CUT if name.lower() in hidden else value) for name, value in headers]
    return b"\r\n".join([first, *lines, b"", b""])


def unpack(body: bytes, encoding: str, cap: int) -> bytes | Break:
    """Undo gzip or deflate (RFC 9110 §8.4.1), never past ``cap`` bytes."""
    if encoding in {"", "identity"}:
        return body
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        return Break.GARBLED
    return _joined(body, cap)


def _joined(body: bytes, cap: int) -> bytes | Break:
    """Gzip members may follow one another (RFC 1952 §2.2)."""
    pieces: list[bytes] = []
    size = 0
    while body and len(pieces) < MEMBERS:
        stream = zlib.decompressobj(wbits=47)  # zlib or gzip, told by its header
        try:
            piece = stream.decompress(body, cap + 1 - size)
        except zlib.error:
            return Break.GARBLED
        size += len(piece)
        if size > cap:
            return Break.TOO_LARGE
        if not stream.eof:
            return Break.TRUNCATED
        pieces.append(piece)
        body = stream.unused_data
    return Break.GARBLED if body else b"".join(pieces)


# --- the network ------------------------------------------------------------------------------------------------


async def _connected(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    context.trace_request_ctx["left"] = True


def _trace() -> aiohttp.TraceConfig:
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(_connected)
    trace.on_connection_reuseconn.append(_connected)
    return trace


def _tls(reach: Reach) -> ssl.SSLContext:
    """TLS 1.2 or newer, names and chains checked. Raises ``Refusal`` when a file is missing or wrong."""
    try:
        context = ssl.create_default_context(cafile=reach.ca_file)
    except (OSError, ssl.SSLError):
        raise refuse("HUB-CFG-001", "ca_file", rule="PEM bundle", detail=str(reach.ca_file)) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if reach.client_certificate_file is not None:
        try:
            context.load_cert_chain(reach.client_certificate_file, reach.client_key_file)
        except (OSError, ssl.SSLError):
            raise refuse("HUB-CRT-003", "client_certificate_file", rule="PEM pair") from None
    return context


class Http:
    """Opens HTTP to one partner; built once per process and used on one event loop."""

    def __init__(self, reach: Reach, *, clock: Callable[[], datetime], kept: float = KEPT) -> None:
        """Read the certificate files now. Raises ``Refusal`` HUB-CFG-001 or HUB-CRT-003 when they are wrong."""
        self._reach = reach
        self._kept_for = kept
        self._clock = clock
        self._tls = _tls(reach)
        self._place = _Place.of(reach.base_url)
        self._idle: list[Connection] = []
        self._sweeper: asyncio.TimerHandle | None = None
        self._lookup: asyncio.Future[list[Any]] | None = None
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: Request) -> Answer | Broken:
        """Send once; again only while nothing has left. Ends within ``connect_tries`` connects and one total timeout."""
        if not _is_sendable(request):
            return Broken(error=Break.UNSENDABLE, may_have=False)
        exchanges: list[Exchange] = []
        result = await self._once(request, exchanges)
        if _never_left(result) and self._reach.connect_tries > 1:
            result = await self._again(request, exchanges, result)
        return msgspec.structs.replace(result, exchanges=tuple(exchanges))

    async def _again(
        self, request: Request, exchanges: list[Exchange], first: Answer | Broken
    ) -> Answer | Broken:
        """Try again what never left; ``first``: what came of the first try."""
        made = [first]

        async def one() -> Answer | Broken:
            return made.pop() if made else await self._once(request, exchanges)

        tries = AsyncRetrying(
            stop=stop_after_attempt(self._reach.connect_tries),
            wait=wait_exponential(multiplier=0.1, max=1),
            retry=retry_if_result(_never_left),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        result: Answer | Broken = await tries(one)
        return result

    @asynccontextmanager
    async def pull(self, path: str, start: int = 0) -> AsyncIterator[Pulled]:
        """Open a download that goes on at ``start`` (RFC 9110 §14.2). Raises ``Cut``, also while its pieces are read.

        Nothing is recorded, unpacked or tried again; a redirect is an answer like any other.
        """
        headers = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        url = URL(self._reach.base_url + path, encoded=True)
        marks = {"left": False}
        try:
            async with self._open().get(
                url, headers=headers, allow_redirects=False, trace_request_ctx=marks
            ) as response:
                yield _pulled(response)
        except (aiohttp.ClientError, HttpProcessingError, OSError, TimeoutError, EOFError) as error:
            raise Cut(classify(error, left=marks["left"])) from error

    async def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        while self._idle:
            self._idle.pop().close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _once(self, request: Request, exchanges: list[Exchange]) -> Answer | Broken:
        call = _Call(request, self._place, self._clock())
        loop = asyncio.get_running_loop()
        started = loop.time()
        answer: Answer | Broken
        try:
            reply = await self._ask(call, started + self._reach.total_timeout)
        except (OSError, TimeoutError) as error:
            answer = call.broken(classify(error, left=call.left))
        else:
            answer = call.answer(reply, self._reach.max_reply_bytes, self._clock())
        error_class = answer.error if isinstance(answer, Broken) else ""
        exchanges.append(call.exchange(loop.time() - started, error_class))
        return answer

    async def _ask(self, call: _Call, until: float) -> Reply:
        connection = self._kept() or await self._connect(until)
        call.left = True
        reply = await connection.ask(
            call.pieces, Bounds(self._reach.max_reply_bytes, self._reach.read_timeout, until)
        )
        if connection.keeps:
            self._keep(connection)
        return reply

    async def _connect(self, until: float) -> Connection:
        """Open a connection to the first of the host's addresses that answers (RFC 8305)."""
        loop, place = asyncio.get_running_loop(), self._place
        async with asyncio.timeout_at(min(until, loop.time() + self._reach.connect_timeout)):
            addresses = await self._addresses()
            opened = await start_connection(addresses, happy_eyeballs_delay=NEXT_ADDRESS)
            _, connection = await loop.create_connection(
                Connection,
                sock=opened,
                ssl=self._tls if place.secure else None,
                server_hostname=place.host if place.secure else None,
            )
        if connection.lost:  # it ended while it was opened: nothing can have left
            raise ConnectionResetError
        return connection

    async def _addresses(self) -> list[Any]:
        """Look the host up; who asks meanwhile hears the same. A name that nobody tells holds one thread, not all of them."""
        if self._lookup is None or self._lookup.done():
            loop, place = asyncio.get_running_loop(), self._place
            self._lookup = asyncio.ensure_future(
                loop.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
            )
            self._lookup.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(self._lookup)

    def _kept(self) -> Connection | None:
        """Return the connection that rested shortest: the least likely to be closed just now by the other side."""
        while self._idle:
            connection = self._idle.pop()
            if self._is_fresh(connection) and connection.is_quiet:
                return connection
            connection.close()
        return None

    def _is_fresh(self, connection: Connection) -> bool:
        return connection.keeps and connection.idle_since > asyncio.get_running_loop().time() - self._kept_for

    def _keep(self, connection: Connection) -> None:
        self._idle.append(connection)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(self._kept_for, self._sweep)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        rested, self._idle = self._idle, []
        for each in rested:
            if self._is_fresh(each):
                self._idle.append(each)
            else:
                each.close()
        self._sweeper = loop.call_later(self._kept_for, self._sweep) if self._idle else None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=self._tls),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                raise_for_status=False,
                trace_configs=[_trace()],
                timeout=aiohttp.ClientTimeout(
                    total=self._reach.total_timeout,
                    sock_connect=self._reach.connect_timeout,
                    sock_read=self._reach.read_timeout,
                ),
            )
            # aiohttp would send GET and PUT a second time when a kept connection breaks: only we decide that.
            self._session._retry_connection = False  # noqa: SLF001 - there is no public switch
        return self._session


def _pulled(response: aiohttp.ClientResponse) -> Pulled:
    begins, size = 0, response.content_length
    if found := _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "")):
        begins, size = int(found[1]), int(found[2]) if found[2] != "*" else None
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        size = None  # its length is not that of the content
    return Pulled(response.status, begins, size, response.content.iter_any())


def _is_sendable(request: Request) -> bool:
    """Whether HTTP can carry it, framed as we frame it."""
    if _NO_TARGET.search(request.path) or not _is_text(request.path):
        return False
    return not any(
        _CONTROL.search(name + value) or name.lower() in _FRAMING or not _is_text(name + value)
        for name, value in request.headers.items()
    )


def _is_text(value: str) -> bool:
    """Whether it has a form in UTF-8: half of a pair, which JSON can name, has none."""
    return value.isascii() or not any("\ud800" <= each <= "\udfff" for each in value)


def _never_left(result: Answer | Broken) -> bool:
    return isinstance(result, Broken) and result.error is Break.CONNECT and not result.may_have


class _Place(NamedTuple):
    """Where a partner listens, out of its address."""

    host: str
    port: int
    secure: bool
    netloc: str
    path: str
    address: str

    @classmethod
    def of(cls, address: str) -> _Place:
        parts = urlsplit(address)
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        host, netloc = parts.hostname or "", parts.netloc
        if not host.isascii():  # a name in Vietnamese letters goes over the wire in its other form (RFC 5891)
            host = host.encode("idna").decode()
            netloc = host + netloc[len(netloc.rpartition(":")[0]) :] if parts.port else host
        return cls(host, port, secure, netloc, parts.path, address)


class _Call:
    """One try: what was sent, how far it came, what had arrived when it ended."""

    def __init__(self, request: Request, place: _Place, started_at: datetime) -> None:
        self.request = request
        self.url = place.address + request.path
        self.started_at = started_at
        self.left = False
        self._hides = False  # what came packed may hold a secret that nobody sees to cut it
        self.status = 0
        self.head = b""
        self.body = b""
        target = place.path + request.path
        self._first = f"{request.method} {target if target[:1] == '/' else '/' + target} HTTP/1.1".encode()
        headers = {
            "Host": place.netloc,
            "User-Agent": USER_AGENT,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
        }
        if request.body or request.method == "POST":
            headers["Content-Length"] = str(len(request.body))
        said = {name.lower() for name in request.headers}
        self._lines = [
            (name.encode(), value.encode())
            for name, value in (*_unsaid(headers, said), *request.headers.items())
        ]

    @property
    def pieces(self) -> tuple[bytes, ...]:
        """What goes out. Large bodies go alone; small ones in one piece with their head."""
        written, body = head(self._first, self._lines, hidden=()), self.request.body
        return (written + body,) if len(body) < IN_ONE_PIECE else (written, body)

    def answer(self, reply: Reply, cap: int, arrived_at: datetime) -> Answer | Broken:
        self.status, self.body = reply.status, bytes(reply.body)
        self.head = head(reply.first.rstrip(), reply.fields)
        if reply.broken:
            return self.broken(reply.broken)
        headers = {name.decode().lower(): _text(value) for name, value in reply.fields}
        body = unpack(self.body, headers.get("content-encoding", "").strip().lower(), cap)
        packed = body is not self.body
        secrets = self.request.secrets
        self._hides = packed and bool(secrets) and (isinstance(body, Break) or cut(body, secrets) != body)
        if isinstance(body, Break):
            return self.broken(body)
        return Answer(status=self.status, headers=headers, body=body, arrived_at=arrived_at, exchanges=())

    def broken(self, error: Break) -> Broken:
        """Redirects 301, 307 and 308 mean "ask elsewhere" for a POST: it was not done (RFC 9110 §15.4)."""
        elsewhere = error is Break.REDIRECT and self.status in {301, 307, 308}
        return Broken(error=error, may_have=self.left and not elsewhere)

    def exchange(self, seconds: float, error: str) -> Exchange:
        sent = head(self._first, self._lines) + self._kept(self.request.body)
        received = self.head + self._kept(self.body, hides=self._hides) if self.status else b""
        secrets = self.request.secrets
        return Exchange(
            url=cut(self.url.encode(), secrets).decode(),
            sent=cut(sent, secrets),
            received=cut(received, secrets),
            status=self.status,
            started_at=self.started_at,
            seconds=seconds,
            error=error,
        )

    def _kept(self, body: bytes, *, hides: bool = False) -> bytes:
        return b"[cut: %d bytes]" % len(body) if self.request.private or hides else body


def _unsaid(headers: Mapping[str, str], said: Container[str]) -> Iterable[tuple[str, str]]:
    return ((name, value) for name, value in headers.items() if name.lower() not in said)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape").strip()
