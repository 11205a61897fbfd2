"""Batches on the line: what arrived whole counts, what is no frame is refused by its rule, and nothing costs more memory than it may."""

from __future__ import annotations

import hashlib
import struct
import zlib
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.edge import frames, texts
from connectors.edge.values import FIRST, Manifest, Row
from schemas.problems import Refusal

ENTRIES = (b'{"v":1}', b'{"v":1,"more":"\xc4\x90\xe1\xba\xa5t"}')


def manifest(entries: tuple[bytes, ...] = ENTRIES) -> bytes:
    rows = tuple(
        Row(key=f"m{n}:p:1", id=f"m{n}", sha256=hashlib.sha256(each).hexdigest(), size=len(each))
        for n, each in enumerate(entries)
    )
    at = datetime(2026, 11, 24, tzinfo=UTC)
    return texts.write(
        Manifest(v=1, source="H47.21", target="H47", epoch=1, seq=1, prev=FIRST, made_at=at, entries=rows)
    )


def packed(*parts: bytes) -> bytes:
    inside = zlib.compress(b"".join(parts))
    return struct.pack(">I", len(inside)) + inside


def part(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


@given(st.lists(st.integers(1, 400), max_size=20))
def test_frames_come_out_as_they_went_in_however_the_line_cuts_them(pieces: list[int]) -> None:
    stream = frames.frame(manifest(), "s", ENTRIES) * 2
    reader, found, rest = frames.Frames(), [], stream
    for size in [*pieces, len(stream)]:
        found += list(reader.feed(rest[:size]))
        rest = rest[size:]
    assert [each.entries for each in found] == [ENTRIES, ENTRIES]
    assert {each.raw for each in found} == {manifest()}
    assert {each.digest for each in found} == {hashlib.sha256(manifest()).hexdigest()}
    assert not reader.cut


def test_a_stream_that_ends_early_gives_what_was_whole_and_says_that_it_is_cut() -> None:
    stream = frames.frame(manifest(), "s", ENTRIES)
    reader = frames.Frames()
    assert len(list(reader.feed(stream + stream[:-1]))) == 1
    assert reader.cut


def test_the_hashes_of_entries_do_not_travel() -> None:
    inside = zlib.decompress(frames.frame(manifest(), "s", ENTRIES)[4:])
    assert all(hashlib.sha256(each).hexdigest().encode() not in inside for each in ENTRIES)
    assert FIRST.encode() in inside


def test_an_entry_that_was_changed_makes_another_manifest_than_the_one_that_was_signed() -> None:
    spoiled = (ENTRIES[0].replace(b"1", b"2"), ENTRIES[1])
    inside = zlib.decompress(frames.frame(manifest(), "s", ENTRIES)[4:]).replace(ENTRIES[0], spoiled[0], 1)
    (got,) = frames.Frames().feed(packed(inside))
    assert got.entries == spoiled
    assert (
        got.digest == hashlib.sha256(manifest(spoiled)).hexdigest() != hashlib.sha256(manifest()).hexdigest()
    )


OPEN = (
    manifest()
    .replace(hashlib.sha256(ENTRIES[0]).hexdigest().encode(), b"")
    .replace(hashlib.sha256(ENTRIES[1]).hexdigest().encode(), b"")
)


@pytest.mark.parametrize(
    ("stream", "rule"),
    [
        (struct.pack(">I", frames.MOST_FRAME + 1), f"at most {frames.MOST_FRAME} bytes"),
        (struct.pack(">I", 3) + b"abc", "zlib"),
        (packed(b"\0\0"), "a length"),
        (packed(part(OPEN)[:-1]), "as many bytes as its length says"),
        (packed(part(b"{}"), part(b"s")), "the size of each entry"),
        (packed(part(b"\xff"), part(b"s")), "the size of each entry"),
        (
            packed(part(OPEN.replace(b'"size":7', b'"size":-7')), part(b"s"), *ENTRIES),
            "the size of each entry",
        ),
        (packed(part(OPEN), part(b"s"), *ENTRIES, b" "), "as many bytes as its manifest says"),
        (packed(part(OPEN), part(b"s"), ENTRIES[0]), "as many bytes as its manifest says"),
        (packed(part(manifest()), part(b"s"), *ENTRIES), "an empty sha256 for each entry"),
        (packed(b"\0" * (frames.MOST_INSIDE + 1)), f"one zlib stream of at most {frames.MOST_INSIDE} bytes"),
    ],
)
def test_what_is_no_frame_is_refused_by_its_rule(stream: bytes, rule: str) -> None:
    reader = frames.Frames()
    with pytest.raises(Refusal) as refused:
        list(reader.feed(stream))
    assert [(each.code, each.rule) for each in refused.value.problems] == [("HUB-EDG-002", rule)]


@given(st.binary(max_size=200))
def test_whatever_comes_is_refused_or_waited_for_and_nothing_breaks(noise: bytes) -> None:
    for stream in (
        noise,
        struct.pack(">I", len(noise)) + noise,
        packed(noise),
        packed(part(noise), part(b"s")),
    ):
        with suppress(Refusal):
            assert list(frames.Frames().feed(stream)) == []
