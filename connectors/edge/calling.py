"""The hub above, as a hub below calls it. Never raises for what a network did: ``Trouble`` says what broke, or how it was refused."""

from __future__ import annotations

import email.utils
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from connectors.edge import texts, tokens
from connectors.edge.frames import Framed, Frames
from connectors.edge.values import Acks, Hello, Lying, Value, Wants
from connectors.transport import Answer, Http, Request
from schemas.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

STREAM = "application/vnd.lienthong.batches"
JSON = "application/json"
SIZE = "document-size"
"""The header in which a piece of a document says how large the whole is."""
T = TypeVar("T", bound=msgspec.Struct)


class Trouble(Value, frozen=True):
    """``code``: of the catalogue, or what broke on the line. ``wait``: seconds that the other side asks for. ``begun``: what had come of an
    answer when the line broke.
    """

    code: str
    detail: str = ""
    status: int = 0
    wait: float | None = None
    begun: bytes = b""


class _Problem(msgspec.Struct):
    code: str = ""
    detail: str = ""


class Client:
    """``us``, ``them``: what both hubs call themselves. ``sign``: by this hub's key."""

    def __init__(
        self, http: Http, *, us: str, them: str, sign: tokens.Signs, now: Callable[[], datetime]
    ) -> None:
        self._http, self._us, self._them, self._sign, self._now = http, us, them, sign, now
        self._ahead = timedelta()

    @property
    def ahead(self) -> float:
        """Seconds that the other hub's clock is ahead of ours, as last heard."""
        return self._ahead.total_seconds()

    async def hello(self, hello: Hello) -> Hello | Trouble:
        return await self._asked("POST", "/edge/v1/hello", Hello, texts.write(hello))

    async def wanted(self) -> Wants | Trouble:
        """Return the documents that the other hub needs and that lie here."""
        return await self._asked("GET", "/edge/v1/documents", Wants, b"")

    async def push(self, frames: Sequence[bytes]) -> Acks | Trouble:
        return await self._asked("POST", "/edge/v1/batches", Acks, b"".join(frames), STREAM)

    async def acknowledge(self, acks: Acks) -> Trouble | None:
        answer = await self._send("POST", "/edge/v1/acks", texts.write(acks))
        return answer if isinstance(answer, Trouble) else None

    async def pull(self, epoch: int, after: int, wait: float) -> Sequence[Framed] | Trouble:
        """Return the batches behind ``after`` that arrived whole, also where the line broke behind them; waits for some for ``wait`` seconds."""
        return await self._frames(f"/edge/v1/batches?epoch={epoch}&after={after}&wait={wait:g}")

    async def returned(self, epoch: int, after: int) -> Sequence[bytes] | Trouble:
        """Return batches of our own that the other hub has and that we do not know any more, a text each."""
        answer = await self._send("GET", f"/edge/v1/returns?epoch={epoch}&after={after}")
        return answer if isinstance(answer, Trouble) else [each for each in answer.body.split(b"\n") if each]

    async def give_back(self, returned: bytes, epoch: int) -> Trouble | None:
        """Give the other hub a batch of its own that it does not know any more; nothing: that was the last one. ``epoch``: the last that came of it."""
        answer = await self._send("POST", f"/edge/v1/returns?epoch={epoch}", returned)
        return answer if isinstance(answer, Trouble) else None

    async def fetch_document(self, sha256: str, offset: int) -> tuple[bytes, int] | Trouble:
        """Return a piece of a document from ``offset`` on, and the size of the whole."""
        answer = await self._send("GET", f"/edge/v1/documents/{sha256}?offset={offset}")
        if isinstance(answer, Trouble):
            return answer
        size = answer.headers.get(SIZE, "")
        return answer.body, int(size) if size.isdecimal() else 0

    async def bring_document(self, sha256: str, offset: int, size: int, piece: bytes) -> Lying | Trouble:
        """Bring a piece of a document; how much of it is there now."""
        path = f"/edge/v1/documents/{sha256}?offset={offset}&size={size}"
        return await self._asked("PUT", path, Lying, piece, "application/octet-stream")

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer | Trouble:
        """Fetch anything else below ``/edge/v1/``."""
        return await self._send("GET", path, headers=headers)

    async def post(
        self, path: str, body: bytes, media_type: str = JSON, headers: Mapping[str, str] | None = None
    ) -> Answer | Trouble:
        return await self._send("POST", path, body, media_type, headers)

    async def close(self) -> None:
        await self._http.close()

    async def _frames(self, path: str) -> Sequence[Framed] | Trouble:
        answer = await self._send("GET", path)
        begun = answer.begun if isinstance(answer, Trouble) else answer.body
        found: list[Framed] = []
        try:
            for framed in Frames().feed(begun):
                found.append(framed)  # noqa: PERF402 - those before one that is none were given
        except Refusal as refusal:
            if not found:
                return Trouble(code=refusal.code, detail=refusal.problems[0].rule)
        return answer if isinstance(answer, Trouble) and not found else found

    async def _asked(
        self, method: str, path: str, kind: type[T], body: bytes, media_type: str = JSON
    ) -> T | Trouble:
        answer = await self._send(method, path, body, media_type)
        if isinstance(answer, Trouble):
            return answer
        try:
            return texts.read(kind, answer.body)
        except Refusal as refusal:
            return Trouble(code=refusal.code, detail=refusal.problems[0].rule, status=answer.status)

    async def _send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        media_type: str = JSON,
        headers: Mapping[str, str] | None = None,
    ) -> Answer | Trouble:
        answer = await self._once(method, path, body, media_type, headers or {})
        if isinstance(answer, Trouble) and answer.code == "HUB-EDG-003":
            return await self._once(method, path, body, media_type, headers or {})  # by its clock now
        return answer

    async def _once(
        self, method: str, path: str, body: bytes, media_type: str, headers: Mapping[str, str]
    ) -> Answer | Trouble:
        now = self._now()
        token = tokens.issue(self._us, self._them, now + self._ahead, self._sign)
        sent = {
            "Authorization": f"Bearer {token}",
            **headers,
            **({"Content-Type": media_type} if body else {}),
        }
        request = Request(method=method, path=path, headers=sent, body=body, secrets=(token,))
        answer = await self._http.send(request)
        if not isinstance(answer, Answer):
            return Trouble(code=answer.code, detail=str(answer.error), begun=answer.begun)
        self._hear_clock(answer.headers, now)
        if answer.status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT, HTTPStatus.NO_CONTENT}:
            return answer
        return _refused(answer)

    def _hear_clock(self, headers: Mapping[str, str], now: datetime) -> None:
        """The other hub's clock, to the second (RFC 9110 §6.6.1)."""
        try:
            told = email.utils.parsedate_to_datetime(headers.get("date", ""))
        except ValueError:
            return
        off = told.astimezone(UTC) - now.astimezone(UTC)
        self._ahead = off if abs(off) > timedelta(seconds=2) else timedelta()


def _refused(answer: Answer) -> Trouble:
    try:
        said: Any = msgspec.json.decode(answer.body, type=_Problem)
    except msgspec.MsgspecError:
        said = _Problem()
    wait = answer.headers.get("retry-after", "")
    return Trouble(
        code=said.code or f"HTTP {answer.status}",
        detail=said.detail,
        status=answer.status,
        wait=float(wait) if wait.isdecimal() else None,
    )
