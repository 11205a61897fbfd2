"""All that is left of what was refused at the door, for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.store.contract.intake import RefusedMessage
from tests.store.samples import at

if TYPE_CHECKING:
    from hub.store.contract.store import Store


def refused(number: int, sender: str = "motcua-tinh") -> RefusedMessage:
    return RefusedMessage(
        at=at(number), sender=sender, code="HUB-SCH-007", digest="ab" * 32, size=number, request=f"r{number}"
    )


async def test_they_are_listed_newest_first_by_pages_and_by_sender(store: Store) -> None:
    await store.note_refused([refused(n, "dvcqg" if n % 3 == 0 else "motcua-tinh") for n in range(9)])
    first = await store.refused(limit=5)
    assert [one.size for one in first] == [8, 7, 6, 5, 4]
    assert [one.size for one in await store.refused(after=first[-1].n)] == [3, 2, 1, 0]
    assert [one.size for one in await store.refused(sender="dvcqg")] == [6, 3, 0]
    assert first[0].code == "HUB-SCH-007"
    assert first[0].digest == "ab" * 32


async def test_the_same_request_is_noted_once(store: Store) -> None:
    await store.note_refused([refused(1)])
    await store.note_refused([refused(1)])
    assert len(await store.refused()) == 1
