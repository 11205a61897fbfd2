"""Two hubs compare what they remember of each other: the table of what follows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from hub.edges.comparing import Behind, FromAbove, FromBelow, Said, above, below, late, spans
from hub.store.contract.edges import FIRST, Head, Link

A, B, C = "a" * 64, "b" * 64, "c" * 64


def head(epoch: int = 1, seq: int = 0, digest: str = FIRST) -> Head:
    return Head(epoch=epoch, seq=seq, digest=digest)


LINK = Link(partner="x", made=head(1, 7, A), acked=5, taken=head(1, 4, B))
AGREES = Said(made=head(1, 4, B), has=head(1, 5, C))


@pytest.mark.parametrize(
    ("said", "word"),
    [
        (AGREES, ""),
        (AGREES._replace(made=head(1, 9, C)), ""),
        (AGREES._replace(has=head(1, 7, A)), ""),
        (AGREES._replace(made=head(1, 3, C)), "it has made 1.3"),
        (AGREES._replace(made=head(1, 0)), "it has made 1.0"),
        (AGREES._replace(made=head(1, 4, C)), "is another than the one that came"),
        (AGREES._replace(made=head(2, 1, C)), "epoch 2, not 1"),
        (AGREES._replace(has=head(1, 4, C)), "had acknowledged 5"),
        (AGREES._replace(has=head(1, 5, A)), "another batch 1.5"),
    ],
)
def test_a_hub_below_that_knows_less_or_other_than_it_said_is_not_believed(said: Said, word: str) -> None:
    found = below(LINK, said, C if said.has.seq == 5 else A)
    assert word in found.fork if word else found == FromBelow()


def test_a_hub_below_may_still_be_in_the_epoch_before_the_one_that_was_opened_for_it() -> None:
    opened = msgspec.structs.replace(LINK, made=head(2), acked=0, taken=head(2), opens=2)
    assert below(opened, AGREES, None) == FromBelow()
    begun = msgspec.structs.replace(opened, taken=head(2, 1, A))
    assert "epoch 1, not 2" in below(begun, AGREES, None).fork


def test_a_hub_below_that_has_more_of_ours_than_we_know_of_gives_it_back() -> None:
    assert below(LINK, AGREES._replace(has=head(1, 9, C)), None) == FromBelow(lost=7)
    assert below(LINK, AGREES._replace(has=head(2, 1, C)), None) == FromBelow(lost=0)


@pytest.mark.parametrize(
    ("said", "follows"),
    [
        (Said(made=head(1, 4, B), has=head(1, 5, C)), FromAbove()),
        (Said(made=head(1, 9, C), has=head(1, 7, A)), FromAbove()),
        (Said(made=head(1, 4, B), has=head(1, 3, C)), FromAbove(fall_back=3)),
        (Said(made=head(1, 2, C), has=head(1, 5, C)), FromAbove(give_back=Behind(1, 2))),
        (Said(made=head(1, 2, C), has=head(1, 3, C)), FromAbove(give_back=Behind(1, 2), fall_back=3)),
        (Said(made=head(2, 0), has=head(2, 0)), FromAbove(out=2, taken=2, fetch_back=Behind(1, 7))),
        (Said(made=head(2, 0), has=head(1, 5, C)), FromAbove(taken=2)),
    ],
)
def test_what_the_hub_above_lost_is_sent_again_and_given_back(said: Said, follows: FromAbove) -> None:
    assert above(LINK, said) == follows


def test_a_hub_above_that_has_what_was_never_made_here_is_for_a_person() -> None:
    assert "1.8" in above(LINK, Said(made=head(1, 4, B), has=head(1, 8, C))).fork
    later = msgspec.structs.replace(LINK, made=head(3))
    assert "epoch 1" in above(later, AGREES).fork


@pytest.mark.parametrize(
    ("seconds", "comes_late"),
    [(0.000001, False), (0.0, True), (-0.000001, True), (-239.0, True), (-241.0, False), (86_400.0, False)],
)
def test_a_greeting_said_before_one_that_was_believed_is_late_unless_that_clock_was_set_back(
    seconds: float, comes_late: bool
) -> None:
    at = datetime(2026, 11, 24, 1, 0, 0, 123456, tzinfo=UTC)
    link = Link(partner="x", met_at=at, ahead=-57.654321)
    believed = at + timedelta(seconds=-57.654321)
    assert late(link, believed + timedelta(seconds=seconds)) is comes_late
    assert not late(Link(partner="x"), believed)


def test_a_hub_above_that_lost_whole_epochs_is_given_all_of_them_back() -> None:
    link = msgspec.structs.replace(LINK, taken=head(3, 2, A))
    assert above(link, AGREES._replace(made=head(1, 2, B))).give_back == Behind(1, 2)
    assert list(spans(Behind(1, 2), 3)) == [Behind(1, 2), Behind(2, 0), Behind(3, 0)]
    assert list(spans(Behind(3, 1), 3)) == [Behind(3, 1)]
