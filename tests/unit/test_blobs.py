"""Content in files: what was cut, moved, swapped or changed is noticed; ranges are read alone; writing goes on where it was."""

from __future__ import annotations

import os
import random
import threading
from typing import TYPE_CHECKING

import pytest

from hub.store.blobs import MAGIC, PIECE, SEALED_PIECE, Blobs, Busy, Damaged, Ref

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIZES = (0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 7, 40 * PIECE + 1)


def content(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311 - numbers that repeat, not secrets


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs", os.urandom)


def path(blobs: Blobs, ref: Ref) -> Path:
    return blobs.folder / ref.name[:2] / ref.name


@pytest.mark.parametrize("size", SIZES)
def test_what_was_written_is_read(blobs: Blobs, size: int) -> None:
    ref = blobs.put(content(size))
    assert blobs.get(ref) == content(size)


@pytest.mark.parametrize("size", SIZES)
def test_what_comes_in_odd_bits_over_several_openings_is_the_same_content(blobs: Blobs, size: int) -> None:
    data, (name, key), at, tail = content(size), blobs.new(), 0, b""
    luck = random.Random(size)  # noqa: S311 - numbers that repeat
    while at < size:
        with blobs.draft(name, key, at, tail) as draft:
            for _ in range(luck.randint(1, 4)):
                bit = data[draft.size : draft.size + luck.choice((1, 1000, PIECE, 5 * PIECE + 3))]
                draft.write(bit)
            draft.sync()
            at, tail = draft.size, draft.tail
    with blobs.draft(name, key, at, tail) as draft:
        assert draft.size == size
        draft.finish()
    assert blobs.get(Ref(name, key, size)) == data


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (0, 1),
        (5, 5),
        (0, PIECE),
        (PIECE - 1, PIECE + 1),
        (PIECE, 2 * PIECE),
        (17, 30 * PIECE + 3),
        (39 * PIECE, 99 * PIECE),
    ],
)
def test_a_range_is_read_without_the_rest(blobs: Blobs, start: int, stop: int) -> None:
    data = content(40 * PIECE + 1)
    ref = blobs.put(data)
    whole = path(blobs, ref).read_bytes()
    first, last = start // PIECE, max(min(stop, len(data)) - 1, 0) // PIECE
    spoiled = bytearray(whole)
    for number in range(41):
        if not first <= number <= last:
            spoiled[len(MAGIC) + number * SEALED_PIECE + 9] ^= 1
    path(blobs, ref).write_bytes(spoiled)
    assert b"".join(blobs.read(ref, start, stop)) == data[start:stop]


def test_the_file_holds_nothing_of_the_content(blobs: Blobs) -> None:
    ref = blobs.put(b"Nguyen Van A " * 20_000)
    assert b"Nguyen" not in path(blobs, ref).read_bytes()
    assert path(blobs, ref).stat().st_mode & 0o77 == 0


def sealed(raw: bytes, number: int) -> slice:
    del raw
    return slice(len(MAGIC) + number * SEALED_PIECE, len(MAGIC) + (number + 1) * SEALED_PIECE)


def swapped(raw: bytes) -> bytes:
    one, two = raw[sealed(raw, 0)], raw[sealed(raw, 1)]
    return raw[: len(MAGIC)] + two + one + raw[len(MAGIC) + 2 * SEALED_PIECE :]


def doubled(raw: bytes) -> bytes:
    return raw[: len(MAGIC)] + raw[sealed(raw, 0)] * 2 + raw[len(MAGIC) + 2 * SEALED_PIECE :]


def flipped(raw: bytes) -> bytes:
    return raw[:5000] + bytes([raw[5000] ^ 1]) + raw[5001:]


@pytest.mark.parametrize(
    "harm", [swapped, doubled, flipped, lambda raw: raw[:-1], lambda raw: raw + b"x", lambda _: b""]
)
def test_what_was_changed_is_noticed(blobs: Blobs, harm: object) -> None:
    ref = blobs.put(content(3 * PIECE))
    path(blobs, ref).write_bytes(harm(path(blobs, ref).read_bytes()))  # type: ignore[operator]
    with pytest.raises(Damaged):
        blobs.get(ref)


def test_a_file_that_was_cut_after_a_whole_piece_is_noticed_even_by_who_believes_the_new_size(
    blobs: Blobs,
) -> None:
    """The last piece's flag, not the file's length, says where a content ends."""
    ref = blobs.put(content(3 * PIECE))
    raw = path(blobs, ref).read_bytes()
    path(blobs, ref).write_bytes(raw[: len(MAGIC) + 2 * SEALED_PIECE])
    with pytest.raises(Damaged):
        blobs.get(ref._replace(size=2 * PIECE))


def test_a_piece_of_another_file_is_noticed(blobs: Blobs) -> None:
    one, two = blobs.put(content(2 * PIECE)), blobs.put(content(2 * PIECE))
    mine, other = path(blobs, one).read_bytes(), path(blobs, two).read_bytes()
    path(blobs, one).write_bytes(
        mine[: len(MAGIC)] + other[sealed(other, 0)] + mine[len(MAGIC) + SEALED_PIECE :]
    )
    with pytest.raises(Damaged):
        blobs.get(one)


def test_another_key_reads_nothing(blobs: Blobs) -> None:
    ref = blobs.put(content(10))
    with pytest.raises(Damaged):
        blobs.get(ref._replace(key=bytes(32)))
    with pytest.raises(Damaged):
        blobs.get(ref._replace(name="00" * 16))


def test_what_a_crash_left_behind_the_acknowledged_is_cut_off_and_written_anew_under_other_nonces(
    blobs: Blobs,
) -> None:
    data, (name, key) = content(6 * PIECE), blobs.new()
    with blobs.draft(name, key) as draft:
        draft.write(data[: 2 * PIECE + 5])
        acknowledged = draft.size, draft.tail
        draft.write(content(2 * PIECE, seed=9))
    lost = path(blobs, Ref(name, key, 0)).read_bytes()
    with blobs.draft(name, key, *acknowledged) as draft:
        draft.write(data[acknowledged[0] :])
        draft.finish()
    assert blobs.get(Ref(name, key, len(data))) == data
    whole = path(blobs, Ref(name, key, 0)).read_bytes()
    assert lost[sealed(lost, 0)] == whole[sealed(whole, 0)]
    assert lost[sealed(lost, 2)][:7] != whole[sealed(whole, 2)][:7]


def test_a_draft_that_has_less_than_was_acknowledged_is_not_gone_on_with(blobs: Blobs) -> None:
    name, key = blobs.new()
    with pytest.raises(Damaged):
        blobs.draft(name, key, 2 * PIECE, content(PIECE))


def test_two_writers_of_one_draft_exclude_each_other(blobs: Blobs) -> None:
    name, key = blobs.new()
    with blobs.draft(name, key), pytest.raises(Busy):
        blobs.draft(name, key)
    with blobs.draft(name, key) as draft:
        draft.finish()


def test_what_is_given_back_frees_the_disk(blobs: Blobs) -> None:
    name, key = blobs.new()
    with blobs.draft(name, key) as draft:
        draft.write(content(9 * PIECE))
        draft.cut(PIECE)
    assert path(blobs, Ref(name, key, 0)).stat().st_size == len(MAGIC)


def test_old_files_are_named_and_young_ones_are_not(blobs: Blobs) -> None:
    old, young = blobs.put(b"old"), blobs.put(b"young")
    os.utime(path(blobs, old), (1000, 1000))
    assert list(blobs.names(2000)) == [old.name]
    blobs.discard(old.name)
    blobs.discard(old.name)
    assert list(blobs.names(2**40)) == [young.name]


def test_a_file_with_a_second_name_is_parted_from_it_before_it_is_written_to(
    blobs: Blobs, tmp_path: Path
) -> None:
    """A store that was moved aside keeps what it had, whatever becomes of an upload in the one that took its place."""
    aside = Blobs(tmp_path / "aside", os.urandom)
    name, key = blobs.new()
    data = content(5 * PIECE)
    with blobs.draft(name, key) as draft:
        draft.write(data)
        draft.sync()
    blobs.link_to(aside)
    ref = Ref(name, key, 5 * PIECE)
    with blobs.draft(name, key, 2 * PIECE, data[PIECE : 2 * PIECE]) as draft:
        draft.write(content(PIECE, 2))
        draft.sync()
        with pytest.raises(Busy):
            blobs.lock(name)
    assert b"".join(aside.read_draft(ref)) == data[: 4 * PIECE]
    assert b"".join(blobs.read_draft(Ref(name, key, 3 * PIECE))) == data[: 2 * PIECE]
    assert path(blobs, ref).stat().st_mode & 0o777 == 0o600
    with aside.draft(name, key, 5 * PIECE, data[4 * PIECE :]) as draft:
        draft.finish()
    assert aside.get(ref) == data


def test_whoever_has_a_file_to_itself_has_the_one_of_that_name(blobs: Blobs) -> None:
    """One gives the name to another file, as long as it has the old one; the other must never end up with that."""
    ref = blobs.put(content(PIECE))
    over, wrong = threading.Event(), []

    def keep(what: Callable[[int], None]) -> None:
        while not over.is_set():
            try:
                handle = blobs.lock(ref.name)
            except Busy:
                continue
            what(handle)
            os.close(handle)

    def exchange(_: int) -> None:
        another = path(blobs, ref).with_name("another")
        another.write_bytes(b"")
        another.replace(path(blobs, ref))

    def look(handle: int) -> None:
        if not os.path.samestat(os.fstat(handle), path(blobs, ref).stat()):
            wrong.append(handle)

    threads = [threading.Thread(target=keep, args=(what,)) for what in (exchange, look, look)]
    for thread in threads:
        thread.start()
    over.wait(1.0)
    over.set()
    for thread in threads:
        thread.join()
    assert not wrong
