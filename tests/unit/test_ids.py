from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from hub.ids import ALPHABET, LENGTH, Ids, spell


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
