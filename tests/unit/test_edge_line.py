"""The line between two hubs: what is read of it is what was signed, whatever was cut, damaged or made up on the way."""

from __future__ import annotations

import hashlib
import struct
import tracemalloc
import zlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.edge import frames, texts, tokens
from connectors.edge.calling import Client, Trouble
from connectors.edge.frames import Frames, frame
from connectors.edge.settings import Settings
from connectors.edge.values import FIRST, MAJOR, Acks, Hello, Manifest, Refused, Row, Stamp
from connectors.transport import Http
from schemas.problems import Refusal
from tests.doubles.raw import ok, raw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.edge.frames import Framed

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
PARTS = st.lists(st.binary(min_size=2, max_size=300), min_size=1, max_size=6)


def row(number: int, entry: bytes) -> Row:
    digest = hashlib.sha256(entry).hexdigest()
    return Row(key=f"m{number}:above:1", id=f"m{number}", sha256=digest, size=len(entry))


def manifest(entries: Sequence[bytes], seq: int = 1) -> bytes:
    rows = tuple(row(number, entry) for number, entry in enumerate(entries))
    return texts.write(
        Manifest(
            v=MAJOR, source="H47.21", target="H47", epoch=1, seq=seq, prev=FIRST, made_at=NOW, entries=rows
        )
    )


def framed(entries: Sequence[bytes], seq: int = 1) -> bytes:
    return frame(manifest(entries, seq), "head..signature", entries)


def read(stream: bytes) -> tuple[list[Framed], str]:
    """What comes out of a stream, and the code at which it ends; empty: none."""
    found: list[Framed] = []
    try:
        for each in Frames().feed(stream):
            found.append(each)  # noqa: PERF402 - those before one that is none count
    except Refusal as refusal:
        return found, refusal.code
    return found, ""


# --- frames


@given(PARTS, st.lists(st.integers(1, 80), min_size=1))
def test_a_stream_says_the_same_however_it_is_cut_into_pieces(entries: list[bytes], sizes: list[int]) -> None:
    stream, reader, found = framed(entries) + framed(entries[:1], 2), Frames(), []
    at = 0
    for number in range(len(stream)):
        size = sizes[number % len(sizes)]
        found += list(reader.feed(stream[at : at + size]))
        at += size
        if at >= len(stream):
            break
    assert [each.entries for each in found] == [tuple(entries), tuple(entries[:1])]
    assert [each.raw for each in found] == [manifest(entries), manifest(entries[:1], 2)]
    assert not reader.cut


@given(PARTS, st.data())
def test_what_arrived_whole_before_a_cut_counts_and_nothing_else(
    entries: list[bytes], data: st.DataObject
) -> None:
    one, two = framed(entries), framed(entries, 2)
    cut = data.draw(st.integers(0, len(one) + len(two) - 1))
    found, code = read((one + two)[:cut])
    assert code == ""
    assert [each.manifest.seq for each in found] == ([1] if cut >= len(one) else [])


@given(PARTS, st.data())
def test_a_changed_byte_never_becomes_another_entry(entries: list[bytes], data: st.DataObject) -> None:
    stream = bytearray(framed(entries))
    at = data.draw(st.integers(0, len(stream) - 1))
    stream[at] ^= data.draw(st.integers(1, 255))
    for each in read(bytes(stream))[0]:  # its manifest is held to the signature by whoever has the key
        assert each.raw != manifest(entries) or each.entries == tuple(entries)


@given(st.binary(max_size=2_000))
def test_noise_is_refused_or_waited_for_and_nothing_else(noise: bytes) -> None:
    found, code = read(noise)
    assert found == []
    assert code in {"", "HUB-EDG-001", "HUB-EDG-002"}


@given(st.binary(max_size=500))
def test_noise_that_unpacks_is_refused(noise: bytes) -> None:
    packed = zlib.compress(noise)
    assert read(struct.pack(">I", len(packed)) + packed) == ([], "HUB-EDG-002")


def test_a_frame_that_unpacks_without_end_costs_no_more_than_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(frames, "MOST_INSIDE", 1 << 20)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    tracemalloc.start()
    try:
        assert read(struct.pack(">I", len(packed)) + packed) == ([], "HUB-EDG-002")
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [frames.MOST_FRAME + 1, 2**32 - 1])
def test_a_length_beyond_the_limit_is_refused_before_anything_is_kept(size: int) -> None:
    assert read(struct.pack(">I", size)) == ([], "HUB-EDG-002")


# --- texts


def acks(**more: object) -> bytes:
    whole = {"v": 1, "from": "H47", "to": "H47.21", "epoch": 1, "upto": 3, "made_at": "2026-11-24T01:00:00Z"}
    return msgspec.json.encode({**whole, **more})


def test_what_is_absent_is_the_default() -> None:
    assert texts.read(Acks, acks()) == Acks(
        v=1, source="H47", target="H47.21", epoch=1, upto=3, head=FIRST, made_at=NOW
    )


@pytest.mark.parametrize(
    ("raw_", "code"),
    [
        (acks(v=2), "HUB-EDG-001"),
        (acks(extra=1), "HUB-EDG-002"),
        (acks(refused=[{"key": "k", "code": "HUB-DOS-004", "why": ""}]), "HUB-EDG-002"),
        (acks(upto=-1), "HUB-EDG-002"),
        (acks(upto=2**53 + 1), "HUB-EDG-002"),
        (acks(head="A" * 64), "HUB-EDG-002"),
        (acks(made_at="2026-11-24T01:00:00"), "HUB-EDG-002"),
        (acks()[:-1] + b',"upto":9}', "HUB-EDG-002"),
        (b"[]", "HUB-EDG-002"),
        (b"\xef\xbb\xbf" + acks(), "HUB-EDG-002"),
        (acks() + b"{}", "HUB-EDG-002"),
        (b"[" * 5_000, "HUB-EDG-002"),
    ],
)
def test_a_text_of_this_version_is_closed(raw_: bytes, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        texts.read(Acks, raw_)
    assert refused.value.code == code


def test_a_newer_minor_version_may_say_more() -> None:
    told = acks(m=1, extra=1, refused=[{"key": "k", "code": "HUB-DOS-004", "why": ""}])
    assert texts.read(Acks, told).refused == (Refused(key="k", code="HUB-DOS-004"),)


@given(st.binary(max_size=400))
def test_noise_is_no_text(noise: bytes) -> None:
    for kind in (Acks, Hello, Manifest):
        with pytest.raises(Refusal) as refused:
            texts.read(kind, noise)
        assert refused.value.code in {"HUB-EDG-001", "HUB-EDG-002"}


def test_a_message_follows_what_its_hub_knew() -> None:
    first, second = Stamp(hub="A", no=1), Stamp(hub="A", no=2, seen={"B": 3})
    assert second.follows(first)
    assert not first.follows(second)
    assert second.follows(Stamp(hub="B", no=3))
    assert not second.follows(Stamp(hub="B", no=4))
    assert not first.follows(first)


# --- tokens


def signed(_body: bytes, _now: datetime) -> str:
    return "aGVhZA..c2ln"


def accepted(_body: bytes, signature: str, _now: datetime) -> None:
    assert signature == "aGVhZA..c2ln"


@pytest.mark.parametrize(("off", "counts"), [(-121, False), (-119, True), (119, True), (122, False)])
def test_a_token_counts_for_two_minutes_either_way(off: int, counts: bool) -> None:
    token = tokens.issue("H47.21", "H47", NOW + timedelta(seconds=off), signed)
    if counts:
        assert tokens.check(token, "H47", NOW, accepted).iss == "H47.21"
        return
    with pytest.raises(Refusal, match="HUB-EDG-003"):
        tokens.check(token, "H47", NOW, accepted)


def test_a_token_for_another_hub_does_not_count() -> None:
    token = tokens.issue("H47.21", "H48", NOW, signed)
    with pytest.raises(Refusal, match="HUB-EDG-003"):
        tokens.check(token, "H47", NOW, accepted)


@given(st.text(max_size=300))
def test_noise_is_no_token(noise: str) -> None:
    tokens.hint(noise)
    with pytest.raises(Refusal, match="HUB-EDG-003"):
        tokens.check(noise, "H47", NOW, accepted)


# --- over HTTP


async def pulled(answer: bytes) -> Sequence[Framed] | Trouble:
    async with raw(answer) as (_, url):
        reach = Settings(url=url, parent=True).reach
        assert reach is not None
        http = Http(reach, clock=lambda: NOW)
        client = Client(http, us="H47.21", them="H47", sign=signed, now=lambda: NOW)
        try:
            return await client.pull(1, 0, 0)
        finally:
            await client.close()


async def test_what_arrived_whole_counts_where_the_line_breaks_behind_it() -> None:
    one, two = framed([b"{}"]), framed([b"[]"], 2)
    whole = ok(one + two)
    found = await pulled(whole[: len(whole) - 5])
    assert not isinstance(found, Trouble)
    assert [each.manifest.seq for each in found] == [1]


async def test_a_line_that_breaks_before_anything_is_whole_is_trouble() -> None:
    whole = ok(framed([b"{}"]))
    found = await pulled(whole[:-1])
    assert isinstance(found, Trouble)
    assert found.code == "HUB-NET-004"


async def test_an_answer_that_begins_well_and_goes_on_as_noise_counts_up_to_there() -> None:
    found = await pulled(ok(framed([b"{}"]) + b"\x00\x00\x00\x01x"))
    assert not isinstance(found, Trouble)
    assert len(found) == 1


async def test_half_of_a_refusal_is_no_stream() -> None:
    body = framed([b"{}"])
    head = b"HTTP/1.1 503 Busy\r\nContent-Length: %d\r\n\r\n" % (len(body) + 9)
    assert isinstance(await pulled(head + body), Trouble)
