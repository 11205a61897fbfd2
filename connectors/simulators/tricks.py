"""How a partner that calls the hub misbehaves: one table by the dossier's number, the counterpart of ``magic`` for callers.

``9931`` to ``9949``: the first thing it tells about the dossier goes wrong, then it says it again as its client repeats, and the rest well.
``9981`` to ``9999``: everything it says goes wrong the same way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from connectors.simulators.calling import Ask, Heard, Manner, Verdict, say
from connectors.simulators.magic import FOREVER, number_of
from connectors.simulators.orders import PAGE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from datetime import datetime

    from connectors.simulators.calling import Caller

LATER = timedelta(seconds=61)
HUGE = b" " * (40 * 2**20)
"""White space behind a body: legal where it stands, larger than a call may be."""
SLOW, CUT = 40, 64
SAID = 160
"""Characters of an answer that a report shows."""
TAKEN: frozenset[Verdict] = frozenset({"taken"})
NO: frozenset[Verdict] = frozenset({"refused"})
KNOWN: frozenset[Verdict] = TAKEN | NO
ANY: frozenset[Verdict] = KNOWN | {"unclear"}


class Played(NamedTuple):
    """One request and its answer. ``way``: ``well`` or the trick; ``expected``: the hub answered what this client can live with."""

    operation: str
    way: str
    status: int
    verdict: Verdict
    expected: bool
    said: str


class Scene(NamedTuple):
    """``stranger``: the same client with a secret that is not its own, and not let in. ``operations``: all that it has to say."""

    caller: Caller
    stranger: Caller
    address: str
    operation: str
    dossier: str
    at: datetime
    operations: tuple[str, ...]

    def ask(self, at: datetime | None = None) -> Ask:
        return self.caller.ask(self.operation, self.dossier, at or self.at)


class Answer(NamedTuple):
    """``operation``: what was said, when it is not the scene's."""

    heard: Heard
    expects: frozenset[Verdict]
    operation: str = ""


Way = Callable[[Scene], Awaitable[list[Answer]]]


class Trick(NamedTuple):
    """``vi``, ``en``: what the caller does."""

    kind: str
    way: Way
    vi: str
    en: str


def _sent(change: Callable[[Ask], Ask], expects: frozenset[Verdict], manner: Manner | None = None) -> Way:
    """One request, changed."""

    async def way(scene: Scene) -> list[Answer]:
        heard = await say(scene.address, change(scene.ask()), manner or Manner())
        return [Answer(heard, expects)]

    return way


def _body(body: bytes) -> Callable[[Ask], Ask]:
    return lambda ask: replace(ask, body=body)


def _spoilt(ask: Ask) -> Ask:
    middle = len(ask.body) // 2
    return replace(ask, body=ask.body[:middle] + b"\xff\xfe" + ask.body[middle:])


def _same(ask: Ask) -> Ask:
    return ask


async def _twice(scene: Scene) -> list[Answer]:
    ask = scene.ask()
    return [Answer(await say(scene.address, ask), TAKEN) for _ in range(2)]


async def _together(scene: Scene) -> list[Answer]:
    ask = scene.ask()
    heard = await asyncio.gather(*(say(scene.address, ask) for _ in range(2)))
    return [Answer(each, TAKEN) for each in heard]


async def _unheard(scene: Scene) -> list[Answer]:
    ask = scene.ask()
    lost = await say(scene.address, ask, Manner(hears=False))
    return [Answer(lost, ANY), Answer(await say(scene.address, ask), TAKEN)]


async def _redated(scene: Scene) -> list[Answer]:
    lost = await say(scene.address, scene.ask(), Manner(hears=False))
    again = await say(scene.address, scene.ask(scene.at + LATER))
    return [Answer(lost, ANY), Answer(again, TAKEN)]


async def _backwards(scene: Scene) -> list[Answer]:
    """All that it has to say, the last first."""
    caller, answers = scene.caller, []
    for operation in reversed(scene.operations):
        heard = await say(scene.address, caller.ask(operation, scene.dossier, scene.at))
        answers.append(Answer(heard, KNOWN, operation))
    return answers


async def _wrong_secret(scene: Scene) -> list[Answer]:
    greeting = scene.stranger.greeting()
    ask = greeting or scene.stranger.ask(scene.operation, scene.dossier, scene.at)
    return [Answer(await say(scene.address, ask), NO)]


async def _not_let_in(scene: Scene) -> list[Answer]:
    ask = scene.stranger.ask(scene.operation, scene.dossier, scene.at)
    return [Answer(await say(scene.address, ask), NO)]


TRICKS: Mapping[int, Trick] = {
    31: Trick("twice", _twice, "gửi hai lần liền nhau", "says it twice, one after the other"),
    32: Trick("together", _together, "gửi hai lần cùng lúc", "says it twice at once"),
    33: Trick("unheard", _unheard, "không chờ trả lời, gửi lại y nguyên", "does not wait for the answer, and says the same again"),
    34: Trick("redated", _redated, "không chờ trả lời, gửi lại với giờ gửi mới", "does not wait for the answer, and says it again with a new time"),
    35: Trick("backwards", _backwards, "kể ngược: việc sau trước, việc trước sau", "tells its story backwards"),
    36: Trick("garbage", _sent(_body(b"\x00\x01{[<garbage"), NO), "nội dung là rác", "sends garbage"),
    37: Trick("empty", _sent(_body(b""), NO), "nội dung rỗng", "sends nothing"),
    38: Trick("page", _sent(_body(PAGE), NO), "nội dung là trang HTML của cổng phía trước", "sends the HTML page of a gateway in front of it"),
    39: Trick("bad-utf8", _sent(_spoilt, KNOWN), "nội dung không phải UTF-8", "sends what is no UTF-8"),
    40: Trick("cut", _sent(_same, NO | {"unclear"}, Manner(short=CUT)), "ngắt giữa chừng", "breaks off in the middle"),
    41: Trick("huge", _sent(lambda ask: replace(ask, body=ask.body + HUGE), NO | {"unclear"}), "nội dung 40 MB", "sends 40 MB"),
    42: Trick("slow", _sent(_same, TAKEN, Manner(pieces=SLOW)), "gửi từng mẩu nhỏ", "sends little pieces"),
    43: Trick("chunked", _sent(_same, TAKEN, Manner(chunked=True)), "gửi theo chunk, không có độ dài", "sends chunks, and no length"),
    44: Trick("wrong-secret", _wrong_secret, "sai mật khẩu", "has a wrong secret"),
    45: Trick("not-let-in", _not_let_in, "chưa đăng nhập, hoặc sai khóa", "did not log in, or has a wrong key"),
}  # fmt: skip


def as_far_as(operations: Sequence[str], last: str = "") -> tuple[str, ...]:
    """Return the operations to ``last``, which is one of them; all of them where it is empty."""
    return tuple(operations[: operations.index(last) + 1] if last else operations)


async def play(
    caller: Caller, stranger: Caller, address: str, dossier: str, at: datetime, *, until: str = ""
) -> AsyncIterator[Played]:
    """Tell the dossier's story to the hub, and say after each request how it was answered.

    ``at`` is when the story begins; each operation is written a minute after the one before it. ``until``: the operation that it ends with.
    """
    told = as_far_as(caller.operations, until)
    number = number_of(dossier)
    trick = TRICKS.get(number % FOREVER)
    if (greeting := caller.greeting()) is not None:
        heard = await say(address, greeting)
        let_in = caller.admitted(heard)
        yield Played("greeting", "well", heard.status, "taken" if let_in else "refused", let_in, shown(heard))
    first = next((each for each in told if each not in caller.asks), "")
    for position, operation in enumerate(told):
        scene = Scene(caller, stranger, address, operation, dossier, at + position * LATER, told)
        if trick and (number > FOREVER or operation == first):
            for answer in await trick.way(scene):
                yield _judged(scene, trick.kind, answer)
        if trick is None or number < FOREVER:
            yield _judged(scene, "well", Answer(await say(address, scene.ask()), TAKEN))


def _judged(scene: Scene, way: str, answer: Answer) -> Played:
    heard, operation = answer.heard, answer.operation or scene.operation
    verdict = scene.caller.verdict(operation, heard)
    expected = verdict in (answer.expects | KNOWN if operation in scene.caller.optional else answer.expects)
    return Played(operation, way, heard.status, verdict, expected, shown(heard))


def shown(heard: Heard) -> str:
    """Return as much of an answer as a report shows, on one line."""
    return " ".join(heard.text.split())[:SAID]
