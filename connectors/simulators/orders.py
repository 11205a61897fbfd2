"""How a simulated partner misbehaves when it is ordered to: one table, kind → what goes over the wire.

``after``: the request is processed first, so the partner has it whatever the answer looks like.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable  # noqa: TC003 - msgspec reads the annotations at run time
from http import HTTPStatus
from typing import Literal

import msgspec

from connectors.simulators.desk import Call, Said, Value

End = Literal["keep", "close", "reset"]

MEGABYTE = b" " * 2**20
HUGE = 32
PAGE = "<html><head><title>502</title></head><body>502 Bad Gateway: xử lý thành công</body></html>".encode()
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "lol">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><l>&j;</l>"
)
ELSEWHERE = "/elsewhere"


class Order(Value, frozen=True, forbid_unknown_fields=True):
    """One misbehaviour. ``operation``: the partner's name of it; empty: any. ``times``: how many calls it spoils."""

    kind: str
    operation: str = ""
    after: bool = False
    times: int = 1
    status: int = 500
    seconds: float = 5.0
    retry_after: str = ""


class Plan(Value, frozen=True):
    """What to write: ``wait``, then the pieces with ``pause`` between them, then ``end``."""

    pieces: tuple[bytes, ...] = ()
    wait: float = 0.0
    pause: float = 0.0
    end: End = "keep"


def wire(said: Said, *, length: bool = True) -> bytes:
    """An answer as HTTP/1.1 writes it."""
    headers = {"Content-Type": said.media_type, **said.headers}
    if length:
        headers["Content-Length"] = str(len(said.body))
    lines = [
        f"HTTP/1.1 {said.status} {_phrase(said.status)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + said.body


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unknown"


def plain(said: Said) -> Plan:
    return Plan(pieces=(wire(said),))


def perform(order: Order, call: Call, said: Said) -> Plan:
    """Say what goes over the wire. ``said``: the honest answer, or a business error when nothing was processed."""
    return KINDS[order.kind](order, call, said)


def _status(order: Order, _: Call, __: Said) -> Plan:
    headers = {"Retry-After": order.retry_after} if order.retry_after else {}
    return plain(
        Said(
            body=_phrase(order.status).encode(), status=order.status, media_type="text/plain", headers=headers
        )
    )


def _page(order: Order, _: Call, __: Said) -> Plan:
    """Whoever stands in front of the partner answers, and for people."""
    return plain(Said(body=PAGE, status=order.status, media_type="text/html; charset=utf-8"))


def _truncate(_: Order, __: Call, said: Said) -> Plan:
    whole = wire(said)
    return Plan(pieces=(whole[: -max(1, len(said.body) // 2)],), end="close")


def _redirect(order: Order, call: Call, _: Said) -> Plan:
    headers = {"Location": f"http://{call.headers.get('host', 'localhost')}{ELSEWHERE}"}
    return plain(Said(body=b"", status=order.status, media_type="text/plain", headers=headers))


def _huge(_: Order, __: Call, said: Said) -> Plan:
    head = wire(
        Said(body=b"", media_type=said.media_type, headers={"Transfer-Encoding": "chunked"}), length=False
    )
    chunk = b"%x\r\n%s\r\n" % (len(MEGABYTE), MEGABYTE)
    return Plan(pieces=(head, *([chunk] * HUGE), b"0\r\n\r\n"), end="close")


def _gzip_bomb(_: Order, __: Call, said: Said) -> Plan:
    # one gzip member, so that its size shows only while it is unpacked
    packer = zlib.compressobj(level=1, wbits=31)
    body = b"".join([*(packer.compress(MEGABYTE) for _ in range(HUGE // 2)), packer.flush()])
    return plain(Said(body=body, media_type=said.media_type, headers={"Content-Encoding": "gzip"}))


def _drip(_: Order, __: Call, said: Said) -> Plan:
    return Plan(pieces=tuple(bytes([byte]) for byte in wire(said)), pause=0.2)


def _spoiled(_: Order, __: Call, said: Said) -> Plan:
    middle = len(said.body) // 2
    body = said.body[:middle] + b"\xff\xfe" + said.body[middle:]
    return plain(msgspec.structs.replace(said, body=body))


def _echo(_: Order, call: Call, __: Said) -> Plan:
    """A debugging page that shows the caller everything it sent, credentials included."""
    lines = [f"{name}: {value}" for name, value in call.headers.items()]
    shown = "\n".join(lines).encode() + b"\n" + call.body
    return plain(Said(body=b"<html><pre>" + shown + b"</pre></html>", status=500, media_type="text/html"))


def _body(body: bytes, media_type: str = "") -> Callable[[Order, Call, Said], Plan]:
    def write(_: Order, __: Call, said: Said) -> Plan:
        return plain(Said(body=body, media_type=media_type or said.media_type))

    return write


KINDS: dict[str, Callable[[Order, Call, Said], Plan]] = {
    "status": _status,
    "refuse": lambda _, __, said: plain(said),
    "expire": lambda _, __, said: plain(said),
    "page": _page,
    "html": _body(PAGE, "text/html; charset=utf-8"),
    "empty": _body(b""),
    "truncate": _truncate,
    "silence": lambda order, _, __: Plan(wait=order.seconds, end="close"),
    "late": lambda order, _, said: Plan(pieces=(wire(said),), wait=order.seconds),
    "drip": _drip,
    "reset": lambda _, __, ___: Plan(end="reset"),
    "close": lambda _, __, ___: Plan(end="close"),
    "redirect": _redirect,
    "huge": _huge,
    "gzip-bomb": _gzip_bomb,
    "xml-bomb": _body(BOMB, "text/xml; charset=utf-8"),
    "deep-json": _body(b"[" * 50_000, "application/json"),
    "deep-xml": _body(b"<a>" * 10_000 + b"</a>" * 10_000, "text/xml"),
    "wrong-type": lambda _, __, said: plain(
        msgspec.structs.replace(said, media_type="application/octet-stream")
    ),
    "bad-utf8": _spoiled,
    "not-http": lambda _, __, ___: Plan(pieces=(b"SSH-2.0-OpenSSH_9.2\r\n",), end="close"),
    "echo": _echo,
}
