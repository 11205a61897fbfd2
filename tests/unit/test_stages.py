"""The tables of stages: who is heard as what, and what may leave."""

from __future__ import annotations

from itertools import product

import pytest

from hub.going_live.stages import FATES, FLOWS, HEARD, STAGES, Stage, fate, heard, may_leave
from schemas.problems import Refusal


def test_every_pair_of_sender_and_dossier_is_heard_or_refused() -> None:
    dossiers: tuple[Stage | None, ...] = ("live", "parallel", "trial", None)
    refused = {pair for pair in product(STAGES, dossiers) if pair not in HEARD}
    assert refused == {("trial", "live"), ("trial", "parallel")}
    for pair in refused:
        with pytest.raises(Refusal):
            heard(*pair)


def test_nothing_is_heard_as_more_than_its_dossier_or_its_sender() -> None:
    rank = {"trial": 0, "parallel": 1, "live": 2}
    for (sender, dossier), told in HEARD.items():
        if told.traffic != "retired":  # it flows nowhere
            assert rank[told.traffic] <= min(rank.get(sender, 2), rank[dossier] if dossier else 2)


def test_a_trial_flows_to_trials_alone() -> None:
    assert {to for came, to in FLOWS if came == "trial"} == {"trial"}
    assert {came for came, to in FLOWS if to == "trial"} == {"trial"}


def test_a_person_lets_go_only_what_the_recipient_may_have() -> None:
    allowed = {pair for pair in FATES if may_leave(*pair)}
    assert allowed == {
        ("trial", "trial"),
        ("parallel", "parallel"),
        ("parallel", "live"),
        ("live", "parallel"),
        ("live", "live"),
        *((stage, "retired") for stage in ("trial", "parallel", "live")),
    }
    assert {fate(stage, "retired", "withdraw") for stage in ("trial", "parallel", "live")} == {"withdraw"}
