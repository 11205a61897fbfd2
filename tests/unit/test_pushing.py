"""Catalogues that are brought to partners: which version is owed to whom, and what the message says in each format that can say it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hub.judging.contract import Said
from hub.registries import catalogues, pushing
from hub.registries.catalogues import Changes, Document, Previous
from hub.routing.parties import Party
from hub.store.contract.catalogues import Version
from schemas.mapping import mappings
from tests.golden.make import TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.dossier import Message

GOLDEN = Path(__file__).parent.parent / "golden" / "catalogue"
NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)
TODAY = NOW.date()
KIND = "catalogue_published"


def version(number: int, day: int = 23, id: str = "procedures") -> Version:  # noqa: A002 - the field's word
    return Version(
        id=id,
        version=number,
        effective=date(2026, 11, day),
        at=NOW,
        digest="ab" * 32,
        signature="",
        by="an",
        reason="QD-5",
    )


def party(name: str, **more: object) -> Party:
    return msgspec.structs.replace(Party(partner_id=name, agency="H47", kinds=(KIND,)), **more)


def numbers(
    versions: Sequence[Version], *parties: Party, have: set[tuple[str, str, int]] | None = None
) -> dict[int, dict[str, str]]:
    found = pushing.owed(versions, have or set(), parties, TODAY)
    return {each.version.version: dict(each.partners) for each in found}


def test_what_is_in_force_and_what_is_announced_is_owed_and_nothing_that_is_over() -> None:
    versions = [version(1), version(2), version(3, 30)]
    assert numbers(versions, party("land")) == {2: {"land": "live"}, 3: {"land": "live"}}
    assert numbers(versions[2:], party("land")) == {3: {"land": "live"}}, "nothing is in force yet"


def test_nobody_is_brought_what_it_has_or_did_not_ask_for() -> None:
    have = {("land", "procedures", 1), ("tax", "codelist.x", 1)}
    parties = (party("land"), party("tax"), party("desk", kinds=("received",)))
    assert numbers([version(1)], *parties, have=have) == {1: {"tax": "live"}}


def test_who_is_further_with_any_procedure_gets_it_by_that_stage_and_who_is_only_on_trial_does_not() -> None:
    parties = (
        party("tried", stage="trial"),
        party("gone", stage="retired"),
        party("begun", stage="trial", stages={"1.009999": "live"}),
        party("beside", stage="parallel"),
    )
    assert numbers([version(1)], *parties) == {1: {"begun": "live", "beside": "parallel"}}


def document() -> bytes:
    return catalogues.to_json(
        Document(
            catalogue="workflow.1.009999",
            version=2,
            effective=date(2026, 12, 1),
            published_at=NOW,
            publisher="hub.quangnam",
            previous=Previous(version=1, digest="cd" * 32),
            changes=Changes(added=("B3",), changed={"B1": ("hours",)}),
            entries=({"code": "B1", "name": "Tiếp nhận", "hours": 4}, {"code": "B3", "name": "Trả kết quả"}),
        )
    )


def told() -> Message:
    raw = document()
    new = msgspec.structs.replace(
        version(2, id="workflow.1.009999"),
        effective=date(2026, 12, 1),
        digest=catalogues.digest(raw),
        signature="eyJ..sig",
    )
    return pushing.message(new, raw)


def test_every_format_that_can_say_it_says_it_as_it_was_agreed() -> None:
    """The golden files are what a partner's programmer is given."""
    formats = mappings(TABLES)
    for ref in ("lienthong.message@1", "motcua.rest@1"):
        (operation,) = formats[ref].operations(told())
        made = json.loads(formats[ref].write(operation, told(), "T-1"))
        assert made == json.loads((GOLDEN / f"{ref}.{operation}.json").read_bytes()), ref


def test_the_document_travels_as_the_bytes_that_were_signed_or_is_fetched_when_it_is_large() -> None:
    carried = told().extensions[pushing.CARRIED]
    assert carried["document"].encode() == document()
    assert catalogues.digest(carried["document"].encode()) == carried["sha256"]
    large = catalogues.from_json(document())
    entries = ({"code": "B1", "name": "x" * pushing.INLINE},)
    raw = catalogues.to_json(msgspec.structs.replace(large, entries=entries))
    carried = pushing.message(version(2), raw).extensions[pushing.CARRIED]
    assert ("document" in carried, carried["path"]) == (False, "/v1/catalogues/procedures/2")


def test_a_store_that_forgot_what_it_sent_says_it_under_the_same_key() -> None:
    """Whoever else lacks it now, and whenever."""
    said = (Said(operation="message"),)
    keys = []
    for partners in ({"land": "live"}, {"desk": "live", "land": "live"}):
        owed = pushing.Owed(version=version(2), partners=partners)  # type: ignore[arg-type]
        made = pushing.acceptance(owed, told(), lambda *_: said, 0, NOW)
        keys += [(each.id, each.key) for each in made.transfers if each.partner == "land"]
    assert keys[0] == keys[1]


def test_who_wants_it_and_cannot_be_told_has_a_transfer_that_says_why() -> None:
    owed = pushing.Owed(version=version(2), partners={"land": "live"})
    (made,) = pushing.acceptance(owed, told(), lambda *_: (), 0, NOW).transfers
    assert made.problem is not None
    assert (made.problem.code, made.lane_subject) == ("HUB-MAP-009", "procedures")
