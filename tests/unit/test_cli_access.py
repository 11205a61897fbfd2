"""By what a partner comes in, as it is shown: what is declared with its use, and what is used but declared no more."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import msgspec

from hub.cli.access import keys
from hub.partners.access import Way
from hub.partners.declaration import Access, Named, OAuthClient
from hub.store.contract.access import CredentialUse
from hub.wiring.trust import ways_in
from tests.unit.test_cli_double import partner

if TYPE_CHECKING:
    from hub.partners.partner import Partner

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)


def named(letter: str, **more: object) -> Named:
    return Named.model_validate({"hash": f"sha256:{letter * 64}", **more})


def known() -> Partner:

    access = Access(
        api_keys=(
            named("a", name="old", until=date(2026, 11, 22)),
            named("b", since=date(2026, 11, 1)),
            named("c", since=date(2026, 12, 1)),
        ),
        clients=(OAuthClient(id="client-1", secrets=(named("d", name="2026"),)),),
    )
    return msgspec.structs.replace(partner("desk"), access=access)


def use(way: Way, label: str) -> CredentialUse:
    return CredentialUse(partner="desk", way=way, label=label, uses=7, last_at=NOW)


def test_each_way_in_says_whether_it_counts_and_when_it_was_used() -> None:
    used = [
        use(Way.API_KEY, "bbbbbbbb"),
        use(Way.SECRET, "client-1 2026"),
        use(Way.TOKEN, "client-1"),
        use(Way.TOKEN, "client-0"),
        use(Way.API_KEY, "gone"),
    ]
    assert [(row.way, row.label, row.force, row.uses) for row in keys(known(), used, NOW)] == [
        ("api_key", "old", "over", 0),
        ("api_key", "bbbbbbbb", "in_force", 7),
        ("api_key", "cccccccc", "not_yet", 0),
        ("client_secret", "client-1 2026", "in_force", 7),
        ("token", "client-1", "in_force", 7),
        ("token", "client-0", "undeclared", 7),
        ("api_key", "gone", "undeclared", 7),
    ]


def test_officers_who_come_by_the_form_are_a_way_in_with_its_use() -> None:
    told = msgspec.structs.replace(partner("desk"), access=Access(form=True))
    (row,) = keys(told, [use(Way.OFFICER, "form")], NOW)
    assert (row.way, row.label, row.force, row.uses) == ("officer", "form", "in_force", 7)
    key = named("a", until=date(2026, 12, 1))
    ended = ways_in(msgspec.structs.replace(told, access=Access(form=True, api_keys=(key,))))
    assert [one.stops for one in ended] == [False]


def test_a_partner_stops_with_its_last_way_in_and_not_before() -> None:
    first, last = date(2026, 12, 1), date(2026, 12, 31)

    def ends(*keys: Named, signature: bool = False) -> list[tuple[str, bool]]:
        told = msgspec.structs.replace(partner("desk"), access=Access(api_keys=keys, signature=signature))
        return [(one.name, one.stops) for one in ways_in(told)]

    old, new = named("a", name="old", until=first), named("b", name="new", until=last)
    assert ends(old, new) == [("desk: old", False), ("desk: new", True)]
    assert ends(old, named("b")) == [("desk: old", False)]
    assert ends(old, signature=True) == [("desk: old", False)]
    assert ends(named("b")) == []
