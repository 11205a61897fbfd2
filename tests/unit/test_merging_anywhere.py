"""Whatever hubs hear, and whatever the lines between them do: all of them end with the same story, order and list of what gave way."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hub.story.hearing import anew, follow, follows
from hub.story.merging import Fate, merge
from hub.story.moving import Quarantined
from hub.story.record import Story, from_json, to_json
from hub.story.tellings import Telling, stamped
from hub.story.truth import truth
from hub.story.words import Words
from schemas.dossier import Kind, State

HUBS = ("p", "a", "b", "c")
"""The first is above all others: what one of them says reaches the others through it."""
AGENCIES = {"p": ("land", "desk"), "a": ("desk", "ward"), "b": ("land",), "c": ("tax", "desk")}
DUE = datetime(2026, 3, 20, 10, tzinfo=UTC)
KINDS = sorted(set(Kind) - {Kind.CATALOGUE_PUBLISHED, Kind.REPORT_PUBLISHED, Kind.RECORD_PUBLISHED})


class One:
    """A hub, by the same steps as acceptance takes: what follows on all is said, else all is told anew."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.story: Story | None = None
        self.known: list[Telling] = []
        self.aside: dict[str, tuple[str, str]] = {}

    def say(self, words: Words) -> Telling:
        stamp = stamped(self.story.heard if self.story else {}, self.code)
        id_ = f"{stamp.hub}{stamp.no}"
        told = Telling(
            stamp=stamp, message=id_, digest=id_, agency=words.speaker, partner=self.code, words=words
        )
        self.take(told)
        return told

    def take(self, told: Telling) -> bool:
        """False: it is known already."""
        if any(each.stamp.place == told.stamp.place for each in self.known):
            return False
        if follows(self.story, told):
            heard = follow(self.story, told)
            if isinstance(heard.judged, Quarantined):
                self.aside[told.message] = (Fate.SET_ASIDE, "")
        else:
            assert self.story is not None
            heard = anew(self.story, None, self.known, told)
            self.aside = {each.message: (each.fate, each.by) for each in heard.aside or ()}
        self.story = heard.judged.story
        self.known.append(told)
        return True

    def restart(self) -> None:
        """Only what is on disk is left."""
        if self.story is not None:
            self.story = from_json(to_json(self.story))
        self.known = [msgspec.json.decode(msgspec.json.encode(each), type=Telling) for each in self.known]


class Lines(RuleBasedStateMachine):
    """``lines``: what lies between two hubs, in order, until the line is up; the model is the set of everything that was ever said."""

    @initialize(states=st.sampled_from(("submitted", "accepted")))
    def open_it(self, states: str) -> None:
        self.hubs = {code: One(code) for code in HUBS}
        self.lines: dict[tuple[str, str], list[Telling]] = {
            way: [] for each in HUBS[1:] for way in ((each, "p"), ("p", each))
        }
        self.said: list[Telling] = []
        opening = Words(
            kind=Kind.RECEIVED,
            speaker="desk",
            state=State(states),
            by_origin=True,
            code="c-1",
            opened_on=date(2026, 3, 2),
            due=DUE,
        )
        self._spread("a", self.hubs["a"].say(opening), "")
        self.said.append(self.hubs["a"].known[0])

    def _spread(self, at: str, told: Telling, came_from: str) -> None:
        for (here, there), line in self.lines.items():
            if here == at and there != came_from:
                line.append(told)

    @rule(
        at=st.sampled_from(HUBS),
        kind=st.sampled_from(KINDS),
        who=st.integers(0, 1),
        to=st.sampled_from(("land", "tax", "ward", None)),
        days=st.integers(-3, 9),
        keeper=st.booleans(),
    )
    def say(self, at: str, kind: Kind, who: int, to: str | None, days: int, *, keeper: bool) -> None:
        hub = self.hubs[at]
        if hub.story is None:
            return  # nobody there knows the dossier
        agencies = AGENCIES[at]
        due = DUE + timedelta(days=days) if kind is Kind.DUE_DATE_CHANGED else None
        words = Words(
            kind=kind,
            speaker=agencies[who % len(agencies)],
            receiver=to if kind is Kind.TRANSFERRED else None,
            by_origin=keeper and at == "a",
            due=due,
            moves_due=due is not None,
        )
        told = hub.say(words)
        self.said.append(told)
        self._spread(at, told, "")

    @precondition(lambda self: any(self.lines.values()))
    @rule(data=st.data(), count=st.integers(1, 5), again=st.booleans())
    def deliver(self, data: st.DataObject, count: int, *, again: bool) -> None:
        """The line is up for some messages; ``again``: the answer was lost, so they come once more."""
        way = data.draw(st.sampled_from(sorted(way for way, line in self.lines.items() if line)))
        self._carry(way, count, again=again)

    def _carry(self, way: tuple[str, str], count: int, *, again: bool = False) -> None:
        here, there = way
        some = self.lines[way][:count]
        del self.lines[way][:count]
        for told in (*some, *some) if again else some:
            if self.hubs[there].take(told):
                self._spread(there, told, here)

    @rule(at=st.sampled_from(HUBS))
    def restart(self, at: str) -> None:
        self.hubs[at].restart()

    @invariant()
    def what_a_hub_holds_is_what_its_messages_say_in_any_order(self) -> None:
        for hub in getattr(self, "hubs", {}).values():
            if hub.story is None:
                continue
            merged = merge(None, reversed(hub.known))
            assert merged.story is not None
            assert truth(merged.story) == truth(hub.story)

    def teardown(self) -> None:
        """Every line comes up; then nothing is lost, nothing doubled, and everybody agrees."""
        if not hasattr(self, "hubs"):
            return
        while any(self.lines.values()):
            for way in self.lines:
                self._carry(way, 1000)
        everything = {each.stamp.place for each in self.said}
        assert len(everything) == len(self.said), "a number was given twice"
        expected = merge(None, self.said)
        assert expected.story is not None
        aside = {each.message: (each.fate, each.by) for each in expected.aside}
        for hub in self.hubs.values():
            assert hub.story is not None
            assert sorted(each.stamp.place for each in hub.known) == sorted(everything)
            assert truth(hub.story) == truth(expected.story), hub.code
            assert merge(None, hub.known).order == expected.order, hub.code
            assert hub.aside == aside, hub.code
        self._in_causal_order(expected.order)

    def _in_causal_order(self, order: tuple[str, ...]) -> None:
        at = {message: place for place, message in enumerate(order)}
        for one in self.said:
            for other in self.said:
                if one is not other and one.stamp.follows(other.stamp):
                    assert at[other.message] < at[one.message]


# WORLDS=100: the same for a long time
Lines.TestCase.settings = settings(
    max_examples=300 * int(os.environ.get("WORLDS", "1")),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestLines = Lines.TestCase
