"""Dossier numbers that make a simulated partner misbehave: ``…-261123-99NN``, by one table.

``9901`` to ``9949``: the first call that brings something about that dossier goes wrong, every other one goes well, so a hub that comes again or asks gets
there. ``9951`` to ``9999``: the same kinds, at every call, so that dead letters and doubts can be looked at. What the caller says is
searched as it came, percent-decoded, and inside its base64; what a partner has under a number that the caller says, too.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_to_bytes

from msgspec.structs import replace

from connectors.simulators.desk import Knows
from connectors.simulators.orders import Order, perform
from connectors.simulators.server import Server

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping

    from connectors.simulators.desk import Call, Desk
    from connectors.simulators.orders import Plan


class Magic(NamedTuple):
    """``vi``, ``en``: what the partner does."""

    order: Order
    vi: str
    en: str


FOREVER = 50
"""From this number on it goes wrong every time."""
MAGIC: Mapping[int, Magic] = {
    1: Magic(Order(kind="refuse"), "từ chối theo nghiệp vụ", "says no, by its own code"),
    2: Magic(Order(kind="html", after=True), "đã nhận, nhưng trả lời một trang HTML với 200", "takes it, and answers an HTML page with 200"),
    3: Magic(Order(kind="html"), "không nhận, trả lời một trang HTML với 200", "does not take it, and answers an HTML page with 200"),
    4: Magic(Order(kind="status", status=500, after=True), "đã nhận, trả lời 500", "takes it, and answers 500"),
    5: Magic(Order(kind="status", status=502), "502 của cổng phía trước", "502 of a gateway in front"),
    6: Magic(Order(kind="status", status=503, retry_after="2"), "503, hẹn lại sau 2 giây", "503, come again in 2 seconds"),
    7: Magic(Order(kind="status", status=429, retry_after="2"), "429, hẹn lại sau 2 giây", "429, come again in 2 seconds"),
    8: Magic(Order(kind="status", status=401), "401: không nhận ra hub", "401: does not know the hub"),
    9: Magic(Order(kind="status", status=403), "403: không cho phép", "403: not allowed"),
    10: Magic(Order(kind="late", seconds=3, after=True), "trả lời sau 3 giây", "answers after 3 seconds"),
    11: Magic(Order(kind="silence", seconds=60, after=True), "đã nhận, không trả lời", "takes it, and never answers"),
    12: Magic(Order(kind="silence", seconds=60), "không nhận, không trả lời", "does not take it, and never answers"),
    13: Magic(Order(kind="reset", after=True), "đã nhận, ngắt kết nối", "takes it, and resets the connection"),
    14: Magic(Order(kind="reset"), "không nhận, ngắt kết nối", "does not take it, and resets the connection"),
    15: Magic(Order(kind="truncate", after=True), "đã nhận, câu trả lời bị cắt", "takes it, and its answer is cut off"),
    16: Magic(Order(kind="empty", after=True), "đã nhận, trả lời rỗng", "takes it, and answers nothing inside a 200"),
    17: Magic(Order(kind="bad-utf8", after=True), "đã nhận, trả lời không phải UTF-8", "takes it, and answers what is no UTF-8"),
    18: Magic(Order(kind="drip", after=True), "đã nhận, trả lời từng byte một", "takes it, and answers byte by byte"),
    19: Magic(Order(kind="huge", after=True), "đã nhận, trả lời 32 MB", "takes it, and answers 32 MB"),
    20: Magic(Order(kind="gzip-bomb", after=True), "đã nhận, trả lời nén phình ra", "takes it, and answers a gzip bomb"),
    21: Magic(Order(kind="xml-bomb", after=True), "đã nhận, trả lời XML phình ra", "takes it, and answers an XML bomb"),
    22: Magic(Order(kind="redirect", status=302), "302 tới địa chỉ khác", "302 to another address"),
    23: Magic(Order(kind="not-http"), "trả lời không phải HTTP", "answers what is no HTTP"),
    24: Magic(Order(kind="echo"), "500, in lại mọi thứ hub đã gửi", "500, and shows everything that the hub sent"),
    25: Magic(Order(kind="expire"), "quên mọi phiên đăng nhập", "forgets every session"),
}  # fmt: skip

_CODE = re.compile(rb"[0-9A-Z.]+-\d{6}-\d{0,3}?99(\d\d)(?!\d)")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{40,}={0,2}")


def called(call: Call) -> tuple[str, int] | None:
    """Return the dossier's code and NN of the first magic number that a call names."""
    for said in _said(call):
        if found := _CODE.search(said):
            return found[0].decode(), int(found[1])
    return None


def number_of(dossier: str) -> int:
    """Return NN of a dossier's code that ends in 99NN, or 0."""
    found = _CODE.fullmatch(dossier.encode())
    return int(found[1]) if found else 0


def _said(call: Call) -> Iterator[bytes]:
    yield unquote_to_bytes(f"{call.path}?{call.query}")
    yield call.body
    for blob in _BASE64.findall(call.body):
        try:
            yield base64.b64decode(blob, validate=True)
        except binascii.Error:
            continue


class Sandboxed(Server):
    """A partner that knows the table; what is ordered at ``/__control`` comes first. ``asks``: its operations that only ask."""

    def __init__(
        self, desk: Desk, *, asks: frozenset[str] = frozenset(), tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(desk, tls=tls)
        self._asks, self._done = asks, set[str]()

    def _plan(self, call: Call) -> Plan:
        code, number = self._named(call)
        magic = MAGIC.get(number % FOREVER)
        well = code in self._done or self.desk.name(call) in self._asks
        if magic is None or self.orders or (number < FOREVER and well):
            return super()._plan(call)
        self._done.add(code)
        order = magic.order
        if order.kind == "expire":
            self.desk.expire()
        processed = order.after or order.kind == "expire"
        return perform(order, call, self.desk.answer(call) if processed else self.desk.refusal(call))

    def _named(self, call: Call) -> tuple[str, int]:
        """Look into the call; where it names a number of the partner's own alone, into what that stands for. ``/__…`` is no call of a partner's."""
        if call.path.startswith("/__"):
            return "", 0
        found = called(call)
        if found is None and isinstance(self.desk, Knows):
            found = called(replace(call, path="", query="", body=self.desk.about(call)))
        return found or ("", 0)
