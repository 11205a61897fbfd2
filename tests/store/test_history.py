"""Open dossiers brought in at a cut-over, on every engine: all or nothing, and the second time nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hub.store.contract.history import Brought, Past
from hub.store.contract.intake import Alias
from hub.store.contract.views import Filter
from schemas.problems import Refusal
from tests.store.samples import AUTHORITY, acceptance, at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.store.contract.store import Store
    from tests.store.engines import Open


pytestmark = pytest.mark.parametrize("another", ["sqlite", "postgres"], indirect=True)
"""Nothing here is encrypted: each engine once."""


def past(number: int, *more: str) -> Past:
    codes = (f"code-{number}", *more)
    return Past(
        line=number,
        dossier=f"d{number}",
        origin="motcua-tinh",
        story=b'{"story":%d}' % number,
        aliases=tuple(Alias(authority=AUTHORITY, code=code) for code in codes),
    )


async def brought(store: Store, rows: Sequence[Past]) -> Brought:
    return await store.history.bring(rows, digest="ab", reason="QD-1", by="an", now=at(5))


async def test_what_is_brought_is_known_and_nothing_is_sent(store: Store) -> None:
    assert await store.history.compare([past(1, "other-1"), past(2)]) == Brought(made=2, known=())
    assert await store.known(AUTHORITY, "code-1") is None
    assert await brought(store, [past(1, "other-1"), past(2)]) == Brought(made=2, known=())
    for code in ("code-1", "other-1"):
        known = await store.known(AUTHORITY, code)
        assert known is not None
        assert (known.dossier, known.version, known.origin) == ("d1", 1, "motcua-tinh")
    assert await store.transfers(Filter()) == ()
    rows = await store.journal()
    assert [row.what for row in rows] == ["dossier_imported", "dossier_imported", "dossiers_imported"]
    assert (rows[-1].facts["made"], rows[-1].facts["reason"], rows[-1].facts["file"]) == ("2", "QD-1", "ab")


async def test_a_second_import_has_no_effect(store: Store) -> None:
    await brought(store, [past(1)])
    await store.accept(acceptance("m1", dossier="d1", version=1))
    before = await store.known(AUTHORITY, "code-1"), len(await store.journal())
    assert await brought(store, [past(1)]) == Brought(made=0, known=(1,))
    assert (await store.known(AUTHORITY, "code-1"), len(await store.journal())) == before


async def test_a_code_of_another_dossier_lets_nothing_in(store: Store) -> None:
    await brought(store, [past(1)])
    for wrong in (past(3, "code-1"), past(4, "x", "code-1")):
        with pytest.raises(Refusal) as refused:
            await brought(store, [past(2), wrong])
        (problem,) = refused.value.problems
        assert (problem.code, problem.line) == ("HUB-IMP-002", wrong.line)
        with pytest.raises(Refusal):
            await store.history.compare([past(2), wrong])
        assert await store.known(AUTHORITY, "code-2") is None


async def test_a_message_goes_on_from_what_was_brought(store: Store) -> None:
    await brought(store, [past(1)])
    await store.accept(acceptance("m1", dossier="d1", version=1))
    known = await store.known(AUTHORITY, "code-1")
    assert known is not None
    assert known.version == 2


async def test_two_who_import_at_once_make_each_dossier_once(another: Open) -> None:
    here, elsewhere = another(), another()
    rows = [past(number) for number in range(1, 30)]
    one, two = await asyncio.gather(brought(here, rows), brought(elsewhere, rows))
    assert {one.made, two.made} == {0, 29}
