"""The one way to call a partner over HTTP. ``send`` answers or says what broke; it never raises for what a network does.

Rules of this file:

* No redirects, no proxies or credentials from the environment, no cookies, no second try on a kept connection that broke.
* Nothing of a request has left until a connection stands. From then on the partner *may have it*; tenacity tries again
  only before.
* ``Exchange`` holds the bytes as they went over the wire, both heads included; secrets are cut out before they are kept.
* Replies are read up to a cap, and unpacked up to the same cap.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Container, Iterable, Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import datetime  # noqa: TC003
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from aiohappyeyeballs import start_connection
from tenacity import AsyncRetrying, retry_if_result, stop_after_attempt, wait_exponential

from connectors.contract import Deferred, Exchange, Reason, Unsure
from connectors.http1 import Bounds, Break, Connection, Reply
from connectors.reach import CONTROL, NO_TARGET, USER_AGENT, tls
from connectors.wire import cut, head, unpack

if TYPE_CHECKING:
    from connectors.reach import Reach

IN_ONE_PIECE = 256 * 1024
KEPT = 15.0
"""Seconds for which a connection without work is kept: shorter than what servers usually grant."""
NEXT_ADDRESS = 0.25
"""Seconds until a host's next address is tried beside the first (RFC 8305 §5)."""

_FRAMING = frozenset({"content-length", "transfer-encoding"})


# --- values -----------------------------------------------------------------------------------------------------


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Common shape: frozen, named fields."""


class Request(Value, frozen=True):
    """One call. ``path`` is appended to ``base_url`` as it is. ``secrets``: values never to be recorded, wherever they
    show up. ``private``: record no bodies at all (a login). ``signer``: SHA-256 (hex) of our certificate that signed it.
    """

    path: str
    body: bytes = b""
    method: str = "POST"
    headers: Mapping[str, str] = {}
    secrets: tuple[str, ...] = ()
    private: bool = False
    signer: str = ""


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


_BEFORE = {
    Break.TLS: "HUB-NET-002",
    Break.TIMEOUT: "HUB-NET-003",
    Break.REDIRECT: "HUB-NET-006",
    Break.UNSENDABLE: "HUB-INT-001",
}
_AFTER = {Break.TLS: "HUB-NET-002", Break.TOO_LARGE: "HUB-NET-005", Break.REDIRECT: "HUB-NET-006"}


class Broken(Value, frozen=True):
    """No whole reply. ``may_have``: the partner may have got the request. ``begun``: what had come of a reply that says 200, packed as it came;
    only for formats whose parts count by themselves.
    """

    error: Break
    may_have: bool
    exchanges: tuple[Exchange, ...] = ()
    begun: bytes = b""

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


# --- the network ------------------------------------------------------------------------------------------------


def classify(error: OSError, *, left: bool) -> Break:
    """What broke. ``left``: a connection stood."""
    match error:
        case ssl.SSLError():
            return Break.TLS
        case TimeoutError():
            return Break.TIMEOUT
        case _:
            return Break.RESET if left else Break.CONNECT


class Http:
    """Opens HTTP to one partner; built once per process and used on one event loop."""

    def __init__(self, reach: Reach, *, clock: Callable[[], datetime], kept: float = KEPT) -> None:
        """Read the certificate files now. Raises ``Refusal`` HUB-CFG-001 or HUB-CRT-003 when they are wrong."""
        self._reach = reach
        self._kept_for = kept
        self._clock = clock
        self._tls = tls(reach)
        self._place = _Place.of(reach.base_url)
        self._idle: list[Connection] = []
        self._sweeper: asyncio.TimerHandle | None = None
        self._lookup: asyncio.Future[list[Any]] | None = None

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

    async def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        while self._idle:
            self._idle.pop().close()

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


def _is_sendable(request: Request) -> bool:
    """Whether HTTP can carry it, framed as we frame it."""
    if NO_TARGET.search(request.path) or not _is_text(request.path):
        return False
    return not any(
        CONTROL.search(name + value) or name.lower() in _FRAMING or not _is_text(name + value)
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
        begun = self.body if self.status == HTTPStatus.OK else b""
        return Broken(error=error, may_have=self.left and not elsewhere, begun=begun)

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
            ours=self.request.signer,
        )

    def _kept(self, body: bytes, *, hides: bool = False) -> bytes:
        return b"[cut: %d bytes]" % len(body) if self.request.private or hides else body


def _unsaid(headers: Mapping[str, str], said: Container[str]) -> Iterable[tuple[str, str]]:
    return ((name, value) for name, value in headers.items() if name.lower() not in said)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape").strip()
