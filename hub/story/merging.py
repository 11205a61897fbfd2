"""One story of messages that several hubs accepted, some without knowing of each other. Pure, total, and blind to the order of arrival.

The *merged order*: what a hub knew comes before what it said; of what is concurrent the published table decides (``hub.story.owning``), then the
hub's code, then its number. The story is told anew in that order. What does not fit there is *set aside*; what another replaced, *overruled*:
both stay where they were written down, and say by which rule and by which message.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hub.story import owning, tellings
from hub.story.moving import Advanced, Quarantined, begin, move, opens
from hub.story.record import Story, Value
from schemas.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hub.story.tellings import Telling

CONFLICT = "HUB-DOS-011"
UNBEGUN = "HUB-DOS-002"


class Fate(StrEnum):
    """What becomes of a message in the merged order, where it does not simply count."""

    SET_ASIDE = "set_aside"  # it does not fit where it comes: it moves nothing
    OVERRULED = "overruled"  # it was heard, and a concurrent one that is heard later says otherwise


class Aside(Value, frozen=True):
    """``hub``, ``no``: of its stamp; ``message``: its id at its first hub; ``code``: why; ``rule``: of the table, empty where nothing concurrent is to blame; ``by``: the message
    that stands instead. ``says``: the rule in words, as a problem says it.
    """

    hub: str
    no: int
    message: str
    fate: Fate
    code: str
    rule: str = ""
    by: str = ""
    says: str = ""

    @property
    def problem(self) -> Problem:
        return Problem(code=self.code, place="/event/kind", rule=self.says, detail=self.by)


class Merged(NamedTuple):
    """``order``: ids of messages as they are told; ``aside``: those of them that do not count, in that order."""

    story: Story | None
    order: tuple[str, ...]
    aside: tuple[Aside, ...]


def merge(prefix: Story | None, said: Iterable[Telling]) -> Merged:
    """Tell the story of all these on top of ``prefix``: what was known before anything was stamped."""
    covered = prefix.heard if prefix else {}
    waiting = sorted(
        {each.stamp.place: each for each in said if each.stamp.no > covered.get(each.stamp.hub, 0)}.values(),
        key=lambda each: each.stamp.place,
    )
    known = tuple(waiting)
    fold = _Fold(prefix)
    while waiting:
        following = fold.choose(_free(waiting))
        waiting.remove(following)
        fold.hear(following)
    story = fold.story
    if story is not None:
        story = msgspec.structs.replace(
            story,
            heard={**covered, **tellings.heard(known)},
            chains=tellings.chains(known, prefix.chains if prefix else {}),
        )
    return Merged(story, tuple(each.message for each in fold.order), fold.asides())


def _free(waiting: Sequence[Telling]) -> list[Telling]:
    """Return those that follow on none of the others."""
    return [
        one
        for one in waiting
        if not any(one.stamp.follows(other.stamp) for other in waiting if other is not one)
    ] or list(waiting)  # stamps that contradict each other are none of ours; their places decide


class _Fold:
    def __init__(self, prefix: Story | None) -> None:
        self.story = prefix
        self.order: list[Telling] = []
        self._aside: dict[str, Aside] = {}
        self._counts: list[
            tuple[Telling, str]
        ] = []  # what moved the story, and by which rule it took its place

    def choose(self, free: Sequence[Telling]) -> Telling:
        return min(free, key=lambda each: (owning.place(each.words, self.story), *each.stamp.place))

    def hear(self, telling: Telling) -> None:
        words, before = telling.words, self.story
        rule = owning.rule_of(words, before).name
        self.order.append(telling)
        if before is None:
            if not opens(words):
                self._set_aside(telling, rule, Problem(code=UNBEGUN, rule=f"{words.kind}"))
                return
            self.story = begin(words, telling.partner).story
        else:
            judged = move(before, words)
            if isinstance(judged, Quarantined):
                self._set_aside(telling, rule, judged.problem)
                return
            if not isinstance(judged, Advanced):
                return
            self.story = judged.story
            self._overrules(telling, before)
        self._counts.append((telling, rule))

    def _set_aside(self, telling: Telling, rule: str, problem: Problem) -> None:
        """The last concurrent one that moved the story is what it does not fit on."""
        by = next(
            (each for each, _ in reversed(self._counts) if not _ordered(each, telling)),
            None,
        )
        code = problem.code if by is None else CONFLICT
        self._aside[telling.message] = Aside(
            hub=telling.stamp.hub,
            no=telling.stamp.no,
            message=telling.message,
            fate=Fate.SET_ASIDE,
            code=code,
            rule="" if by is None else rule,
            by="" if by is None else by.message,
            says=problem.rule,
        )

    def _overrules(self, telling: Telling, before: Story) -> None:
        """Of two concurrent due dates the earlier one gives way to this."""
        now = self.story.due if self.story else None
        if before.due is None or now == before.due:
            return
        for each, rule in self._counts:
            if each.words.due == before.due and not _ordered(each, telling):
                self._aside[each.message] = Aside(
                    hub=each.stamp.hub,
                    no=each.stamp.no,
                    message=each.message,
                    fate=Fate.OVERRULED,
                    code=CONFLICT,
                    rule=rule,
                    by=telling.message,
                    says=f"{each.words.kind} gives way to {telling.words.kind}",
                )

    def asides(self) -> tuple[Aside, ...]:
        return tuple(self._aside[each.message] for each in self.order if each.message in self._aside)


def _ordered(one: Telling, other: Telling) -> bool:
    return one.stamp.follows(other.stamp) or other.stamp.follows(one.stamp)


def to_json(aside: Aside) -> bytes:
    return _ENCODER.encode(aside)


def from_json(raw: bytes | str) -> Aside:
    """Read what ``to_json`` wrote. Raises ``msgspec.ValidationError``: only the store's own bytes come this way."""
    return _DECODER.decode(raw)


_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER = msgspec.json.Decoder(Aside)
