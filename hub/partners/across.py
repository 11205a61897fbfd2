"""What must hold across partner files: nothing that tells two apart stands twice, and one system decides for an agency."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from hub.going_live.stages import EVERY, of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hub.closed_toml import Source, Steps
    from hub.partners.declaration import Named
    from hub.partners.partner import Partner
    from schemas.problems import Problem


def faults(partners: Sequence[tuple[Source, Partner]]) -> Iterator[tuple[Source, Problem]]:
    """Of all files that a hub reads together; each is told at the later of two."""
    yield from _twice(partners)
    yield from _keyless(partners)


def owners(
    partners: Sequence[tuple[Source, Partner]], agency: Callable[[str], str]
) -> Iterator[tuple[Source, Problem]]:
    """Two systems that would decide the same: routing parks what it cannot give to one (HUB-RTE-002). By the files alone; a stage
    that a person set may part them. ``agency``: a code as the registry writes it.
    """
    deciding = [
        each for each in partners if each[1].receives is not None and each[1].receives.role == "decides"
    ]
    told: set[str] = set()
    for (_, one), (source, other) in combinations(deciding, 2):
        both = _both(one, other) if agency(one.agency) == agency(other.agency) else []
        if both and one.id != other.id and source.name not in told:
            told.add(source.name)
            rule = f"one system that decides: {one.id} decides here, too (stage {both[0][1]})"
            yield source, source.problem(("agency",), rule, both[0][0])


def _both(one: Partner, other: Partner) -> list[tuple[str, str]]:
    """Procedures for which both are in the same stage, everything else first; who is retired gets nothing."""
    named = (EVERY, *one.stage.procedures, *other.stage.procedures)
    stages = [
        (code, *(of([code], p.stage.default, p.stage.procedures) for p in (one, other))) for code in named
    ]
    return [(code, here) for code, here, there in stages if here == there != "retired"]


def _keyless(partners: Sequence[tuple[Source, Partner]]) -> Iterator[tuple[Source, Problem]]:
    for source, partner in partners:
        if partner.receives and partner.receives.documents.api_key and not partner.calls:
            yield (
                source,
                source.problem(
                    ("receives", "documents", "api_key"),
                    "a partner with sends.api_keys, or a way in under [access]",
                ),
            )


def _twice(partners: Sequence[tuple[Source, Partner]]) -> Iterator[tuple[Source, Problem]]:
    ids: set[str] = set()
    keys: set[str] = set()
    clients: set[str] = set()
    for source, partner in partners:
        if partner.id in ids:
            yield source, source.problem(("id",), "an id of its own: this one stands in another file")
        ids.add(partner.id)
        for place, key in _keys(partner):
            if key in keys:
                yield source, source.problem(place, "an API key of its own: this one stands twice")
            keys.add(key)
        for number, client in enumerate(partner.access.clients):
            if client.id in clients:
                yield (
                    source,
                    source.problem(
                        ("access", "clients", number, "id"), "an id of its own: this one stands twice"
                    ),
                )
            clients.add(client.id)


def _keys(partner: Partner) -> Iterator[tuple[Steps, str]]:
    access, receipts = partner.access, partner.receives.receipts if partner.receives else None
    listed: tuple[tuple[Steps, tuple[Named, ...]], ...] = (
        (("sends", "api_keys"), partner.sends.api_keys if partner.sends else ()),
        (("access", "api_keys"), access.api_keys),
        (("access", "certificates"), access.certificates),
        *(
            (("access", "clients", number, "secrets"), client.secrets)
            for number, client in enumerate(access.clients)
        ),
        (("receives", "receipts", "api_keys"), receipts.api_keys if receipts else ()),
    )
    for steps, keys in listed:
        for number, key in enumerate(keys):
            yield (*steps, number), key.hash
