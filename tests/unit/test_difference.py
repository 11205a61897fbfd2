"""Two payloads of a format are compared by place; what stands there is never told."""

from __future__ import annotations

from typing import Literal

import pytest

from hub.mappings.replaying import Compared, Side, Told, summed
from schemas.difference import Change, difference

A, G, C = Change.ADDED, Change.GONE, Change.CHANGED


@pytest.mark.parametrize(
    ("media", "before", "after", "found"),
    [
        ("json", '{"a":1,"b":[]}', '{"b":[],"a":1}', set()),
        ("json", '{"a":1}', '{"a":"1"}', {("/a", C)}),
        ("json", '{"a":[{"b":1},{"b":2}]}', '{"a":[{"b":1},{"b":3}]}', {("/a/*/b", C)}),
        ("json", '{"a":[]}', '{"a":[{"b":1}]}', {("/a", G), ("/a/*/b", A)}),
        ("json", '{"a/b":{"1":2}}', "{}", {("/a~1b/*", G), ("", A)}),
        (
            "xml",
            "<a><b>1</b></a>",
            "<x:a xmlns:x=''><b> 1 </b></x:a>".replace("x:", "").replace(":x", ""),
            set(),
        ),
        ("xml", "<a><b>1</b></a>", "<a><b>1</b><b>2</b></a>", {("/a/b[*]", A)}),
        ("xml", '<a b="1"/>', '<a b="2"><c/></a>', {("/a/@b", C), ("/a/c", A)}),
        ("xml", '<a xmlns="urn:1"/>', '<a xmlns="urn:2"/>', {("/a", C)}),
        ("xml", "<a><b>1</b><!-- --></a>", "<a/>", {("/a/b", G)}),
    ],
)
def test_a_place_is_told_once_with_what_became_of_it(
    media: Literal["json", "xml"], before: str, after: str, found: set[tuple[str, Change]]
) -> None:
    assert difference(before.encode(), after.encode(), media) == found


def test_what_touches_most_messages_comes_first_and_names_one() -> None:
    def one(about: str, **told: object) -> Compared:
        return Compared(about=about, side=Side.WRITTEN, **told)  # type: ignore[arg-type]  # the fields of one

    found = [
        one("t1", places=frozenset({("/a", C)})),
        one("t2", places=frozenset({("/a", C), ("/b", G)})),
        one("t3", after=("HUB-MAP-004 /c", "HUB-MAP-004 /c")),
        one("t4", before=("HUB-MAP-004 /d",)),
        one("t5", before=("HUB-MAP-002",), after=("HUB-MAP-002",)),
    ]
    assert [each.same for each in found] == [False, False, False, False, True]
    told = [(each.change, each.place, each.number, each.example) for each in summed(found)]
    assert told == [
        ("changed", "/a", 2, "t1"),
        ("gone", "/b", 1, "t2"),
        ("no_longer_refused", "HUB-MAP-004 /d", 1, "t4"),
        ("refused", "HUB-MAP-004 /c", 1, "t3"),
    ]
    assert isinstance(summed(found)[0], Told)
