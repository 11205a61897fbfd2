from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from hub.ids import ALPHABET, LENGTH, Ids, below, named, spell


def test_ids_have_one_form() -> None:
    made = Ids(lambda: 1_795_000_000.5, os.urandom)()
    assert len(made) == LENGTH
    assert set(made) <= set(ALPHABET)


def test_ids_ascend_even_when_the_clock_stands_still_or_goes_back() -> None:
    times = iter([5.0, 5.0, 4.0, 4.0, 6.0, 1.0])
    ids = Ids(lambda: next(times), os.urandom)
    made = [ids() for _ in range(6)]
    assert made == sorted(set(made))


def test_the_text_order_is_the_order_of_time() -> None:
    assert spell(1 << 80) > spell((1 << 80) - 1)
    assert spell(0) == "0" * LENGTH
    assert spell((1 << 128) - 1) == "7" + "Z" * 25


def test_threads_never_get_the_same_id() -> None:
    ids = Ids(lambda: 1.0, lambda size: b"\0" * size)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: ids(), range(2000)))
    assert len(set(made)) == 2000


NOON = datetime(2026, 11, 23, 5, tzinfo=UTC)


def test_what_is_named_by_words_has_the_form_of_the_others_and_its_own_time() -> None:
    now = Ids(NOON.timestamp, os.urandom)
    made = named(NOON, "desk", "k")
    assert (len(made), set(made) <= set(ALPHABET)) == (LENGTH, True)
    assert made[:10] == now()[:10] == below(made, "land")[:10]
    assert named(NOON, "desk", "k") == made
    assert below(made, "land") == below(made, "land")


def test_words_are_not_run_together() -> None:
    assert named(NOON, "a", "bc") != named(NOON, "ab", "c")
    assert below("x" * 26, "a", "bc") != below("x" * 26, "ab", "c")
    assert below(named(NOON, "a"), "c") != below(named(NOON, "b"), "c")


def test_a_time_that_no_id_can_say_is_the_nearest_that_it_can() -> None:
    before = datetime(1900, 1, 1, tzinfo=UTC)
    assert named(before, "a")[:10] == "0" * 10
    assert len(named(before + timedelta(days=2_900_000), "a")) == LENGTH
