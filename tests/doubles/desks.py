"""Partners that differ in what they can be asked and what they keep, and a server whose mood depends on the dossier."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec
from lxml import etree

from connectors.simulators.desk import say
from connectors.simulators.land import RECEIVE, UPDATE, Land, _document, _text
from connectors.simulators.onestop import PATH, POST, OneStop, dossier_of
from connectors.simulators.orders import perform, plain
from connectors.simulators.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connectors.simulators.desk import Call, Desk, Said
    from connectors.simulators.orders import Order, Plan


class EveryCopy(OneStop):
    """A REST partner that knows no keys: what is sent twice stands twice in its journal. It tells what it has."""

    def _take(self, key: str, body: bytes) -> Said:
        entry = self.journal.record(POST, body, key=key, dossier=dossier_of(msgspec.json.decode(body)))
        self._known[key] = entry
        return say({"code": "0", "message": "Đã nhận", "key": key, "reference": f"SO-{entry.number:06d}"})


class Silent(EveryCopy):
    """It cannot even be asked."""

    def _find(self, key: str) -> Said:
        return say({"code": "404", "message": "Không có đường dẫn này", "key": key}, 405)


class Moody(Server):
    """Misbehaves by order as ``Server`` does, and towards calls whose body names a word of ``moods``, by the orders there.

    ``copies``: digests of what came under each key, for partners that are sent a key.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.moods: dict[str, list[Order]] = {}
        self.copies: dict[str, list[str]] = defaultdict(list)

    def begin_anew(self, desk: Desk) -> None:
        """The same port, another partner: nothing is known, nothing is ordered."""
        self.desk = desk
        self.orders.clear()
        self.moods.clear()
        self.copies.clear()

    def _plan(self, call: Call) -> Plan:
        for key, content in self._copy(call):
            self.copies[key].append(hashlib.sha256(content).hexdigest())
        order = self._mood(call)
        if order is None:
            return super()._plan(call)
        said = self.desk.answer(call) if order.after else self.desk.refusal(call)
        return plain(said) if order.kind == "none" else perform(order, call, said)

    def _copy(self, call: Call) -> Iterator[tuple[str, bytes]]:
        """The sealed payload that this call carries, and its key."""
        if call.path == PATH and call.method == "POST":
            yield call.headers.get("idempotency-key", ""), call.body
        elif isinstance(self.desk, Land) and self.desk.name(call) in {RECEIVE, UPDATE}:
            document = _document(call.body)[1]
            yield (
                _text(document, "MaGiaoDich"),
                etree.tostring(document, method="c14n", exclusive=True, with_tail=False),
            )

    def _mood(self, call: Call) -> Order | None:
        for word, orders in self.moods.items():
            if not orders or word.encode() not in call.body:
                continue
            if orders[0].operation in {"", self.desk.name(call)}:
                order = orders[0]
                orders[:1] = (
                    [msgspec.structs.replace(order, times=order.times - 1)] if order.times > 1 else []
                )
                return order
        return None
