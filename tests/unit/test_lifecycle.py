from __future__ import annotations

import itertools

import pytest

from hub.lifecycle import APPROVED, BIRTHS, DONE, MOVES, PERSONS, IllegalMove, Move, State, move, picture


def test_every_pair_outside_the_table_is_illegal() -> None:
    for state, by in itertools.product(State, Move):
        if (state, by) not in MOVES:
            with pytest.raises(IllegalMove, match=f"{state} cannot {by}"):
                move(state, by)


def test_every_state_can_be_reached_from_acceptance() -> None:
    reached = set(BIRTHS)
    for _ in State:
        reached |= {after for (before, _), after in MOVES.items() if before in reached}
    assert reached == set(State)


def test_from_every_state_that_holds_the_lane_a_way_leads_out() -> None:
    for start in set(State) - DONE:
        reached = {start}
        for _ in State:
            reached |= {after for (before, _), after in MOVES.items() if before in reached}
        assert reached & DONE


def test_what_is_done_stays_done_unless_two_persons_know_that_it_never_arrived() -> None:
    undone = {by for (before, by), after in MOVES.items() if before in DONE and after not in DONE}
    assert undone == {Move.SEND_AGAIN}
    assert undone <= APPROVED


def test_nothing_is_claimed_into_another_state_than_in_doubt() -> None:
    assert {after for (_, by), after in MOVES.items() if by is Move.CLAIM} == {State.IN_DOUBT}


def test_what_may_have_been_sent_is_never_just_waiting_after_a_retry() -> None:
    sent = {State.IN_DOUBT, State.REFUSED, State.DEAD}
    assert {MOVES[state, Move.RETRY] for state in sent} == {State.IN_DOUBT}


def test_the_picture_shows_every_move_and_marks_those_of_persons() -> None:
    lines = picture().splitlines()
    assert lines[0] == "stateDiagram-v2"
    assert {f"    [*] --> {state}" for state in BIRTHS} < set(lines)
    for (before, by), after in MOVES.items():
        label = f"{by} (person)" if by in PERSONS else str(by)
        assert f"    {before} --> {after}: {label}" in lines
