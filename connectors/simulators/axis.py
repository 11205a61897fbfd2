"""The document axis: edXML over VXP's calls and over Quảng Nam's ``truclienthong``, both about the same documents.

It is strict: whoever calls must prove itself, and what is sent must be edXML as QCVN 102:2016 has it. It numbers each sending, so the same document sent
again is one more. What lies there for the unit that calls is listed until it is acknowledged. Somebody else's document gets there by
``POST /__lodge?from=CODE&kind=edoc|status``, whatever it looks like. It was written from the format's sources alone, by someone who had not read the room.

Run: ``python -m connectors.simulators.axis --port 9004 --journal var/axis.jsonl --secret-file unit.txt``
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from connectors.simulators.axis_answers import WORDS
from connectors.simulators.axis_box import LODGED, MARK, SEND, Box
from connectors.simulators.axis_province import FETCH as FETCHED
from connectors.simulators.axis_province import LIST as LISTED
from connectors.simulators.axis_province import Province
from connectors.simulators.axis_vxp import BODY, FETCH, HEADERS, LIST, SENT, Vxp, Ways
from connectors.simulators.desk import Value, say
from connectors.simulators.server import options, secret_of, serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.simulators.desk import Call, Journal, Said

LODGE = "/__lodge"
UNIT = "000.00.00.H47"


def _now() -> datetime:
    return datetime.now(UTC)


class Habits(Value, frozen=True):
    """``client``: ``key:secret`` at the province's gateway. ``insists``, ``wraps``, ``mixes``: see ``axis_vxp``; ``bare``: see ``axis_province``.
    ``answers``: the status codes that each addressee says of a document.
    """

    client: str = ""
    insists: str = ""
    wraps: bool = False
    mixes: bool = False
    bare: bool = False
    answers: tuple[str, ...] = ()


class Axis:
    """``secret``: what the unit that calls proves it knows: it signs VXP's calls, and stands beside the other's token. ``unit``: its code."""

    def __init__(
        self,
        journal: Journal,
        secret: str = "",
        unit: str = UNIT,
        habits: Habits | None = None,
        *,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        has = habits or Habits()
        self.journal, self._secrets = journal, tuple(filter(None, (secret, has.client.partition(":")[2])))
        self.box = Box(journal, unit, has.answers)
        self._vxp = Vxp(self.box, secret, Ways(has.insists, wraps=has.wraps, mixes=has.mixes), clock)
        self._province = Province(self.box, secret, clock=clock, client=has.client, bare=has.bare)

    def name(self, call: Call) -> str:
        return LODGED if call.path == LODGE else self._front(call).name(call)

    def answer(self, call: Call) -> Said:
        return self._lodge(call) if call.path == LODGE else self._front(call).answer(call)

    def refusal(self, call: Call) -> Said:
        return self._front(call).refusal(call)

    def expire(self) -> None:
        self._province.expire()

    def secrets(self) -> tuple[str, ...]:
        return (*self._secrets, *self._province.tokens(), *self._vxp.codes)

    def about(self, call: Call) -> bytes:
        """Return the document that a call is about and does not carry."""
        letter = self.box.letter(self._front(call).wanted(call))
        return letter.body if letter is not None else b""

    # --- for those who play the other units

    def lodge(self, sender: str, body: bytes, kind: str = "", to: str = "", name: str = "") -> str:
        return self.box.lodge(sender, body, kind, to, name)

    def state(self, number: str) -> str:
        """How far a document has come that somebody sent to the unit."""
        return self.box.came[number].state

    def sent(self, kind: str) -> list[bytes]:
        return [one.body for one in self.box.sent.values() if one.paper.kind == kind]

    def _front(self, call: Call) -> Vxp | Province:
        province = call.path.endswith("/token") or "/truclienthong/" in call.path
        return self._province if province else self._vxp

    def _lodge(self, call: Call) -> Said:
        return say({"docId": self.lodge(call.parameter("from"), call.body, call.parameter("kind"))})


def main() -> None:
    parser = options("Simulated document axis")
    parser.add_argument("--unit", default=UNIT, help="code of the unit that calls")
    parser.add_argument("--client", default="", help="key:secret at the province's gateway; none: any")
    parser.add_argument(
        "--insists", choices=(HEADERS, BODY), default="", help="where a VXP call must say what it says"
    )
    parser.add_argument("--wraps", action="store_true", help="answer getEdoc in JSON, in base64")
    parser.add_argument("--mixes", action="store_true", help="list documents and status messages together")
    parser.add_argument("--bare", action="store_true", help="answer vanbans/{docId} without base64")
    parser.add_argument(
        "--answers",
        action="append",
        default=[],
        choices=WORDS,
        help="a status that each addressee says of a document",
    )
    given = parser.parse_args()
    secret = secret_of(given)

    habits = Habits(
        client=given.client,
        insists=given.insists,
        wraps=given.wraps,
        mixes=given.mixes,
        bare=given.bare,
        answers=tuple(given.answers),
    )
    serve(given.port, given.journal, lambda journal: Axis(journal, secret, given.unit, habits))


if __name__ == "__main__":
    main()

__all__ = ["FETCH", "FETCHED", "LIST", "LISTED", "LODGE", "MARK", "SEND", "SENT", "Axis", "Habits"]
