"""A partner's list of a day: read whole, or refused with the lines that are wrong."""

from __future__ import annotations

import pytest

from hub.reconciling import lists
from hub.reconciling.items import Item, Standing
from schemas.problems import Refusal

DIGEST = "ab" * 32


@pytest.mark.parametrize(
    "raw",
    [
        f"way,id,standing,digest\nreceived,k1,taken,{DIGEST}\nsent,k2,,\n",
        f"\ufeffway;id;standing;digest\r\nreceived;k1;;{DIGEST.upper()}\r\nsent;k2;taken;\r\n",
        f'[{{"way":"received","id":"k1","digest":"{DIGEST}"}},{{"way":"sent","id":"k2"}}]',
    ],
)
def test_every_shape_of_a_list_says_the_same(raw: str) -> None:
    told = lists.read(raw.encode(), "list")
    assert told.received == (Item(id="k1", digest=DIGEST),)
    assert told.sent == (Item(id="k2", standing=Standing.TAKEN),)


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b"\xff\xfe", "list"),
        (b"[{", "list"),
        (b'[["received","k1"]]', "list"),
        (b"[" * 100_000, "list"),
        (b"way,id\nreceived,k1\nreceived,k1\n", "list: 2"),
        (b"way,id\nboth,k1\n", "list: 1"),
        (b"way,id\nreceived,\n", "list: 1"),
        (b"way,id,name\nreceived,k1,An\n", "list: 1"),
        (b"way,id\nreceived,k1,more\n", "list: 1"),
        (b"way,id,digest\nreceived,k1,abc\n", "list: 1"),
        (b"way,id,standing\nreceived,k1,lost\n", "list: 1"),
        (b'[{"way":"received","id":7}]', "list: 1"),
        (b'[{"way":["sent"],"id":"k"}]', "list: 1"),
        (b'[{"way":"sent","id":"k","digest":7}]', "list: 1"),
        (b'[{"way":"sent","id":"a\\u0000b"}]', "list: 1"),
        (b'[{"way":"sent","id":"' + b"k" * 401 + b'"}]', "list: 1"),
    ],
)
def test_a_list_with_a_fault_is_refused_by_its_line(raw: bytes, place: str) -> None:
    with pytest.raises(Refusal) as refused:
        lists.read(raw, "list")
    assert {each.code for each in refused.value.problems} == {lists.CODE}
    assert refused.value.problems[0].place == place


def test_huge_lists_and_endless_faults_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refusal) as refused:
        lists.read(b"way,id\n" + b"both,k\n" * 1000, "list")
    assert len(refused.value.problems) == lists.FAULTS
    monkeypatch.setattr(lists, "MOST", 2)
    with pytest.raises(Refusal, match="HUB-RCN-001"):
        lists.read(b"way,id\nsent,a\nsent,b\nsent,c\n", "list")
    monkeypatch.setattr(lists, "LARGEST", 10)
    with pytest.raises(Refusal, match="HUB-RCN-001"):
        lists.read(b"way,id\nsent,a\n", "list")
