"""What each figure counts: one dossier at a time, and what must not be counted twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.figures import facts as ledger
from hub.figures.counting import ALL, Choice, Counted, Known, World, count
from hub.figures.definition import DOSSIERS, FIGURES, MONEY, definition, late
from hub.figures.facts import Fact, Line
from hub.figures.gathering import by_dossier
from hub.figures.period import Period, period, week_before
from hub.store.contract.ledger import KeptFact
from hub.story.moves import MOVES
from schemas.agencies import Agencies
from schemas.dossier import Channel, FeeState, Kind, State
from schemas.problems import Refusal
from schemas.procedures import Procedures

AGENCIES = Agencies.load()
WORLD = World(agencies=AGENCIES, procedures=Procedures.load(AGENCIES))
WEEK = period("2017-07-14", "2017-07-20")
PROVINCE, LAND, TAM_KY = "000.00.00.H47", "000.00.15.H47", "000.00.21.H47"
K, S = Kind, State


def at(day: str, hour: float = 9) -> datetime:
    """Vietnam's time."""
    return datetime.fromisoformat(f"{day}T00:00:00+07:00").astimezone(UTC) + timedelta(hours=hour)


AFTER: dict[Kind, State] = {
    K.RECEIVED: S.ACCEPTED,
    K.REFUSED_AT_RECEPTION: S.REFUSED,
    K.STEP: S.PROCESSING,
    K.TRANSFERRED: S.PROCESSING,
    K.SUPPLEMENT_REQUESTED: S.SUPPLEMENT,
    K.SUPPLEMENT_SUBMITTED: S.PROCESSING,
    K.DUTY_ANNOUNCED: S.DUTY,
    K.SUSPENDED: S.STOPPED,
    K.RESUMED: S.PROCESSING,
    K.WITHDRAWN: S.WITHDRAWN,
    K.FINISHED: S.FINISHED,
    K.RESULT_HANDED_OVER: S.FINISHED,
    K.RETURNED: S.RETURNED,
    K.RECALLED: S.PROCESSING,
}


class Story:
    """Writes the facts of one dossier: ``.say(kind, day)``; the due date stays until another is told."""

    def __init__(self, code: str = "a-1", *, due: datetime | None = None, **always: Any) -> None:
        self.code, self.due, self.always = code, due, always
        self.facts: list[tuple[datetime, Fact]] = []
        self.state = S.SUBMITTED

    def say(
        self,
        kind: Kind,
        day: str,
        hour: float = 9,
        *,
        known: datetime | None = None,
        due: datetime | None = None,
        state: State | None = None,
        **more: Any,
    ) -> Story:
        self.state = state or AFTER.get(kind, self.state)
        self.due = due or self.due
        told = {"origin": True, "received_by": LAND, "partner": "one-stop", **self.always, **more}
        fact = Fact(
            message=f"{self.code}/{len(self.facts)}",
            key=f"k{len(self.facts)}",
            kind=kind,
            at=at(day, hour),
            agency=PROVINCE,
            code=self.code,
            state=self.state,
            due_at=self.due,
            **told,
        )
        self.facts.append((known or at(day, hour), fact))
        return self

    @property
    def known(self) -> Known:
        return Known(dossier=f"d-{self.code}", facts=tuple(self.facts))


def counted(*stories: Story, of: Period = WEEK, known: str = "2017-08-01", **choice: Any) -> Counted:
    return count([story.known for story in stories], Choice(period=of, **choice), WORLD, at(known))


def names(*stories: Story, **more: Any) -> set[str]:
    """The figures that are not 0."""
    row = counted(*stories, **more).row(ALL)
    return {name for name in FIGURES if row.value(name)}


def received(code: str = "a-1", day: str = "2017-07-17", *, due: str = "2017-07-19", **more: Any) -> Story:
    return Story(code, due=at(due, 17), **more).say(K.RECEIVED, day)


def finished(on: str, hour: float = 9, **more: Any) -> Story:
    story = received(**more)
    return story.say(K.STEP, str(story.facts[0][1].at.date()), 10).say(K.FINISHED, on, hour)


IN = {"received", "received_direct"}
OPEN = {"open", "open_in_time"}


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        (received(), IN | {"open", "open_late"}),
        (received(due="2017-07-21"), IN | OPEN),
        (received(channel=Channel.ONLINE, due="2017-07-21"), {"received", "received_online"} | OPEN),
        (received(channel=Channel.POST, due="2017-07-21"), {"received", "received_post"} | OPEN),
        (Story().say(K.RECEIVED, "2017-07-17", state=S.SUBMITTED), set()),
        (Story().say(K.RECEIVED, "2017-07-17"), IN | OPEN),
        (Story().say(K.REFUSED_AT_RECEPTION, "2017-07-17"), {"refused"}),
        (received().say(K.REFUSED_AT_RECEPTION, "2017-07-18"), {"refused"}),
        (received(day="2017-07-13", due="2017-07-21"), {"carried_over"} | OPEN),
        (received(day="2017-07-21"), set()),
        (received().say(K.SUPPLEMENT_REQUESTED, "2017-07-18"), IN | {"open", "paused"}),
        (received().say(K.DUTY_ANNOUNCED, "2017-07-18"), IN | {"open", "paused"}),
        (received().say(K.SUSPENDED, "2017-07-18"), IN | {"open", "paused"}),
        (received().say(K.SUPPLEMENT_REQUESTED, "2017-07-21"), IN | {"open", "open_late"}),
        (received().say(K.WITHDRAWN, "2017-07-18"), IN | {"withdrawn"}),
        (finished("2017-07-18"), IN | {"resolved", "resolved_early"}),
        (finished("2017-07-19", 17), IN | {"resolved", "resolved_on_time"}),
        (finished("2017-07-19", 17.1), IN | {"resolved", "resolved_late"}),
        (finished("2017-07-21"), IN | {"open", "open_late"}),
        (
            finished("2017-07-18").say(K.RESULT_HANDED_OVER, "2017-07-18", 11).say(K.RETURNED, "2017-07-19"),
            IN | {"resolved", "resolved_early", "handed_over", "returned"},
        ),
    ],
)  # fmt: skip
def test_a_dossier_is_in_the_figures_that_its_course_says(story: Story, expected: set[str]) -> None:
    assert names(story) == expected


def test_what_is_told_late_and_moves_nothing_does_not_move_the_past() -> None:
    """A payment of the week that is entered on the Monday after, when the result is there; the record corrected then."""
    july, august = period("2017-07-14", "2017-07-20"), period("2017-07-21", "2017-07-27")
    story = received(due="2017-07-28").say(K.STEP, "2017-07-18").say(K.FINISHED, "2017-07-24")
    story.say(K.FEE_PAID, "2017-07-18", 10, known=at("2017-07-25"), lines=(money(),))
    assert names(story, of=july) == IN | OPEN | {"collected"}
    assert names(story, of=august) == {"carried_over", "resolved", "resolved_early"}


def test_a_correction_counts_from_when_it_is_told_whatever_its_date() -> None:
    story = received(due="2017-07-28").say(K.STEP, "2017-07-18").say(K.SUPPLEMENT_REQUESTED, "2017-07-24")
    story.say(K.CORRECTED, "2017-07-17", known=at("2017-07-25"), due=at("2017-07-19", 17))
    kept = [KeptFact(dossier="d", known_at=known, fact=ledger.to_json(fact)) for known, fact in story.facts]
    found = count(by_dossier(kept), Choice(period=WEEK), WORLD, at("2017-08-01")).row()
    assert {name for name in DOSSIERS if found.value(name)} == IN | OPEN


def test_the_record_tells_when_it_was_before_the_event_does() -> None:
    story = Story(due=at("2017-07-19", 17)).say(
        K.RECEIVED, "2017-07-21", received_at=at("2017-07-14", 0), known=at("2017-07-22")
    )
    assert "received" in names(story)
    assert "received" not in names(story, of=period("2017-07-21", "2017-07-27"))


def test_a_due_date_at_midnight_means_its_whole_day() -> None:
    assert not late(at("2017-07-19", 0), at("2017-07-19", 23.9))
    assert late(at("2017-07-19", 0), at("2017-07-20", 0))
    assert not late(None, at("2017-07-20"))


def test_a_new_appointment_counts_from_when_it_was_made() -> None:
    story = (
        received()
        .say(K.DUE_DATE_CHANGED, "2017-07-18", due=at("2017-07-20", 17))
        .say(K.FINISHED, "2017-07-20")
    )
    assert "resolved_on_time" in names(story)
    after = finished("2017-07-20").say(K.FEE_PAID, "2017-07-20", 10, due=at("2017-07-28"))
    assert "resolved_late" in names(after)


def test_what_was_brought_in_as_finished_is_resolved_in_no_period() -> None:
    story = Story().say(K.RECEIVED, "2017-07-17", state=S.FINISHED)
    assert names(story) == IN
    assert names(story.say(K.RETURNED, "2017-07-18")) == IN | {"returned"}


def test_what_is_recalled_is_open_again_and_resolved_when_it_is_finished_again() -> None:
    story = finished("2017-07-12", day="2017-07-10", due="2017-07-30").say(
        K.RESULT_HANDED_OVER, "2017-07-12", 11
    )
    story.say(K.RECALLED, "2017-07-17")
    week_before_ = period("2017-07-07", "2017-07-13")
    assert {"resolved", "handed_over"} < names(story, of=week_before_)
    assert names(story) == {"reopened"} | OPEN
    story.say(K.FINISHED, "2017-07-19").say(K.RESULT_HANDED_OVER, "2017-07-19", 11)
    assert names(story) == {"reopened", "resolved", "resolved_early", "handed_over"}


def test_a_dossier_is_resolved_when_the_last_of_its_agencies_is() -> None:
    story = received(due="2017-07-30").say(K.FINISHED, "2017-07-17", 11, state=S.PROCESSING)
    assert "resolved" not in names(story)
    story.say(K.FINISHED, "2017-07-19")
    assert counted(story, of=period("2017-07-19", "2017-07-19")).row(ALL).value("resolved") == 1


def test_told_twice_is_counted_once() -> None:
    story = received(due="2017-07-30").say(
        K.RECEIVED, "2017-07-18", origin=False, received_at=at("2017-07-12")
    )
    story.say(K.FINISHED, "2017-07-19").say(K.RESULT_HANDED_OVER, "2017-07-19", 10)
    story.say(K.RESULT_HANDED_OVER, "2017-07-20", 10)
    row = counted(story).row(ALL)
    assert [row.value(name) for name in ("received", "resolved", "handed_over")] == [1, 1, 1]


@pytest.mark.parametrize("stage", ["trial", "parallel"])
def test_trials_and_parallel_recording_are_in_no_figure(stage: str) -> None:
    paid = Line(name="f", amount=5, state=FeeState.PAID, at=at("2017-07-17"))
    assert names(received(stage=stage, lines=(paid,))) == set()


def test_a_chain_counts_once_and_its_money_each_receipt_once() -> None:
    one = Line(name="f", amount=5, state=FeeState.PAID, at=at("2017-07-17"), receipt="r-1")
    two = msgspec.structs.replace(one, receipt="r-2", amount=7)
    origin = received("a-1", children=("a-3",), lines=(one,))
    child = received("a-2", parent="a-1", lines=(one, two))
    named_above = received("a-3")
    row = counted(origin, child, named_above).row(ALL)
    assert row.dossiers["received"] == ("a-1",)
    assert row.value("collected") == 12
    assert names(received("a-2", parent="elsewhere")) == set(), "its origin counts where it is known"


def test_dossiers_that_name_each_other_count_once() -> None:
    row = counted(received("a-1", parent="a-2"), received("a-2", parent="a-1"), received("a-9", parent="a-9"))
    assert row.row(ALL).dossiers["received"] == ("a-1", "a-9")


def money(
    name: str = "f", amount: int = 100, state: FeeState = FeeState.PAID, day: str = "2017-07-17", **more: Any
) -> Line:
    return Line(name=name, amount=amount, state=state, at=at(day), **more)


def total(*lines: Line) -> dict[str, int]:
    story = received(due="2017-07-30")
    for n, line in enumerate(lines):
        story.say(K.FEE_PAID, "2017-07-18", 10 + n, lines=(line,))
    row = counted(story).row(ALL)
    return {name: row.value(name) for name in MONEY if row.value(name)}


def test_a_receipt_is_collected_once_however_often_it_is_told() -> None:
    assert total(money(receipt="r"), money(receipt="r"), money(receipt="r", day="2017-07-19")) == {
        "collected": 100
    }
    assert total(money(), money(receipt="r"), money()) == {"collected": 100}
    assert total(money(receipt="r"), money(receipt="s")) == {"collected": 200}
    assert total(money(receipt="r", account="x"), money(receipt="r", account="y")) == {"collected": 200}
    assert total(money(state=FeeState.DUE), money(state=FeeState.CANCELLED)) == {}


def test_refunds_remittances_and_duties_are_figures_of_their_own() -> None:
    assert total(money(receipt="r"), money(receipt="r", state=FeeState.REFUNDED, amount=40)) == {
        "collected": 100,
        "refunded": 40,
    }
    assert total(money(receipt="r"), money(state=FeeState.REFUNDED), money(state=FeeState.REFUNDED)) == {
        "collected": 100,
        "refunded": 100,
    }
    assert total(money(state=FeeState.REFUNDED)) == {"refunded": 100}
    both = money(state=FeeState.REFUNDED, paid_at=at("2017-07-15"))
    assert total(both, both) == {"collected": 100, "refunded": 100}
    assert total(money(receipt="r"), money(receipt="r", remitted_at=at("2017-07-20"))) == {
        "collected": 100,
        "remitted": 100,
    }
    assert total(money(duty=True)) == {"duties_paid": 100}


def test_what_was_paid_in_the_period_and_told_after_it_counts_in_it() -> None:
    story = received(due="2017-07-30").say(K.FEE_PAID, "2017-07-22", lines=(money(day="2017-07-20"),))
    assert "collected" in names(story)
    assert "collected" not in names(story, known="2017-07-21"), "not known yet"


def test_a_correction_by_who_said_it_stands_for_what_was_said() -> None:
    story = received().say(
        K.CORRECTED, "2017-07-25", corrects="a-1/0", received_at=at("2017-07-12"), known=at("2017-07-25")
    )
    assert "carried_over" in names(story)
    assert "received" in names(story, known="2017-07-21")
    other = received().say(
        K.CORRECTED, "2017-07-25", corrects="a-1/0", received_at=at("2017-07-12"), origin=False, partner="x"
    )
    assert "received" in names(other), "somebody else corrects nothing"


def test_figures_as_of_a_moment_are_the_same_for_ever() -> None:
    story = received(due="2017-07-30")
    before = counted(story, known="2017-07-21").row(ALL)
    story.say(K.FINISHED, "2017-07-19", known=at("2017-07-25"))
    assert counted(story, known="2017-07-21").row(ALL) == before
    assert "resolved" in names(story, known="2017-07-26")


def test_every_figure_is_the_length_of_its_list() -> None:
    row = counted(finished("2017-07-18"), received("a-2"), received("a-3", lines=(money(),))).row(ALL)
    for name in DOSSIERS:
        assert row.value(name) == len(row.dossiers[name])
    for name in MONEY:
        assert row.value(name) == sum(amount for amount, _ in row.payments[name])


def test_agencies_of_the_tree_have_a_row_and_those_with_nothing_are_silent() -> None:
    found = counted(received(), received("b-1", received_by=TAM_KY), agency=PROVINCE, by="agency")
    rows = {row.key: row for row in found.rows}
    assert rows[LAND].value("received") == rows[TAM_KY].value("received") == 1
    silent = [key for key, row in rows.items() if row.silent]
    assert "000.00.16.H47" in silent
    assert len(rows) > 40
    assert counted(received(), agency=TAM_KY).row(ALL).value("received") == 0


def test_a_merged_agency_counts_for_its_successor() -> None:
    later = Period(first=datetime(2017, 7, 14).date(), last=datetime(2025, 8, 1).date())  # noqa: DTZ001 - days
    found = counted(received(received_by=TAM_KY), of=later, known="2025-08-02", agency="H17", by="agency")
    assert {row.key for row in found.rows if not row.silent} == {"H17.60.18"}


def test_what_is_chosen_is_counted_alone() -> None:
    one = received("a-1", national="1.009999", channel=Channel.ONLINE)
    two = received("a-2", field="X")
    expected: tuple[tuple[dict[str, Any], tuple[str, ...]], ...] = (
        ({"procedure": "1.009999"}, ("a-1",)),
        ({"field": "G15-DD"}, ("a-1",)),
        ({"field": "X"}, ("a-2",)),
        ({"channel": "online"}, ("a-1",)),
        ({"level": "department"}, ("a-1", "a-2")),
        ({"level": "district"}, ()),
    )
    for choice, codes in expected:
        assert counted(one, two, **choice).row(ALL).dossiers["received"] == codes


def test_a_period_is_whole_days_in_vietnam() -> None:
    assert WEEK.begin == at("2017-07-14", 0)
    assert WEEK.end == at("2017-07-21", 0)
    assert week_before(at("2017-07-21")) == WEEK
    assert week_before(at("2017-07-20")) == period("2017-07-07", "2017-07-13")
    for first, last in (("2017-07-20", "2017-07-14"), ("x", "y"), ("1900-01-01", "2017-01-01")):
        with pytest.raises(Refusal):
            period(first, last)


@st.composite
def lives(draw: st.DrawFn) -> Story:
    """A dossier's life of legal moves, some of them told late."""
    story = Story("a-1", due=at("2017-07-16", 17))
    kind, state = draw(
        st.sampled_from(
            [(K.RECEIVED, S.ACCEPTED), (K.RECEIVED, S.SUBMITTED), (K.REFUSED_AT_RECEPTION, S.REFUSED)]
        )
    )
    hour, known = 0.0, at("2017-07-08")
    for _ in range(draw(st.integers(1, 10))):
        hour += draw(st.floats(0.5, 90))
        known = max(known, at("2017-07-08", hour + draw(st.sampled_from([0, 0, 300]))))
        story.say(kind, "2017-07-08", hour, state=state, known=known)
        possible = sorted((kind, after[0]) for (before, kind), after in MOVES.items() if before is state)
        kind, state = draw(st.sampled_from(possible))
    return story


@settings(max_examples=400, deadline=None)
@given(story=lives(), known=st.integers(0, 40))
def test_what_comes_in_goes_out_or_is_open_whatever_a_dossier_lives_through(story: Story, known: int) -> None:
    told = names(story, known=f"2017-{7 + (known + 10) // 31:02}-{(known + 10) % 31 + 1:02}")
    came = len(told & {"carried_over", "received", "reopened"})
    went = len(told & {"resolved", "withdrawn", "open"})
    refused_before_its_end = "refused" in told and came > 0
    assert came == went + refused_before_its_end
    assert ("open" in told) == (len(told & {"open_in_time", "open_late", "paused"}) == 1)
    assert ("resolved" in told) == (len(told & {"resolved_early", "resolved_on_time", "resolved_late"}) == 1)
    assert ("received" in told) == (len(told & {"received_online", "received_direct", "received_post"}) == 1)


def test_every_figure_has_its_words_and_every_word_its_figure() -> None:
    assert tuple(definition().figure) == FIGURES
    assert {name for name, told in definition().figure.items() if told.counts == "dong"} == set(MONEY)
