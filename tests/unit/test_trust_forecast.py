"""What ends when, who stops then, and how long it may go on."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from hub.doctor.words import FORESEEN
from hub.settings.sections import Revocation
from hub.trust.contract import Barred, Said, Standing
from hub.trust.forecast import Ending, Event, Facts, Key, Pinned, Stamping, day_over, forecast, left
from signing.keys.generations import Generation

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
DAY = timedelta(days=1)
REQUIRE = Revocation(mode="require", ocsp="http://ocsp.example.vn", grace="4h")  # type: ignore[arg-type]  # as a person writes it


@dataclass(frozen=True)
class Named:
    """A key or pin as far as the forecast looks at it."""

    fingerprint: str
    not_before: datetime = NOW - 100 * DAY
    not_after: datetime = NOW + 20 * DAY


def generation(name: str, begins: timedelta, ends: timedelta) -> Generation:
    return Generation(id=name, key=Named(name), begins=NOW + begins, ends=NOW + ends)


def pinned(name: str, begins: float = -100, ends: float = 20, **more: Any) -> Pinned:
    pin = Named(name, NOW + begins * DAY, NOW + ends * DAY)
    return Pinned(
        partner=more.pop("partner", "desk"),
        file=f"{name}.pem",
        pin=pin,
        told=more.pop("told", Revocation()),
        **more,
    )


def told(facts: Facts, days: float = 30) -> list[tuple[str, str, float, float | None]]:
    return [
        (
            one.kind,
            one.name,
            (one.at - NOW) / DAY,
            None if one.stops is None else (one.stops - NOW) / DAY,
        )
        for one in forecast(facts, NOW, days)
    ]


def test_a_key_that_nothing_follows_stops_its_partners_when_it_ends() -> None:
    key = Key(name="seal", generations=(generation("2026", -DAY, 10 * DAY),), partners=("land",))
    assert told(Facts(keys=[key])) == [("key-ends", "seal 2026", 10, 10)]
    assert left(forecast(Facts(keys=[key]), NOW, 30), NOW) == {"land": 10 * 86400}


def test_a_key_that_the_next_one_follows_stops_nobody_before_the_last_one_ends() -> None:
    followed = (generation("2026", -DAY, 10 * DAY), generation("2027", 5 * DAY, 25 * DAY))
    key = Key(name="seal", generations=followed, partners=("land",))
    assert told(Facts(keys=[key])) == [
        ("key-begins", "seal 2027", 5, None),
        ("key-ends", "seal 2027", 25, 25),
    ]
    gap = Key(name="seal", generations=(followed[0], generation("2027", 12 * DAY, 25 * DAY)))
    assert ("key-ends", "seal 2026", 10, 10) in told(Facts(keys=[gap]))


def test_a_barred_key_is_as_good_as_none() -> None:
    key = Key(name="seal", generations=(generation("2026", -DAY, 10 * DAY),), partners=("land",))
    barred = Barred(fingerprint="2026", name="x", since=NOW, at=NOW, by="an", reason="")
    assert told(Facts(keys=[key], barred={"2026": barred})) == [("key-none", "seal", 0, 0)]


def test_a_key_that_its_authority_revoked_signs_nothing_and_is_told() -> None:
    both = (generation("2025", -DAY, 10 * DAY), generation("2026", -0.5 * DAY, 20 * DAY))
    key = Key(name="seal", generations=both, partners=("land",))
    gone = {"2026": Standing(fingerprint="2026", state=Said.REVOKED, revoked_at=NOW - DAY)}
    assert told(Facts(keys=[key], standings=gone)) == [
        ("revoked", "seal 2026", -1, None),
        ("key-ends", "seal 2025", 10, 10),
    ]


def test_a_pin_that_another_follows_stops_nobody() -> None:
    assert told(Facts(pins=[pinned("a")])) == [("pin-ends", "desk: a.pem", 20, 20)]
    both = [pinned("a"), pinned("b", 10, 300)]
    assert told(Facts(pins=both)) == [("pin-ends", "desk: a.pem", 20, None)]
    late = [pinned("a"), pinned("b", 21, 300)]
    assert told(Facts(pins=late)) == [("pin-ends", "desk: a.pem", 20, 20)]
    elsewhere = [pinned("a"), pinned("b", 10, 300, reply=True)]
    assert ("pin-ends", "desk: a.pem", 20, 20) in told(Facts(pins=elsewhere))


def test_a_partner_without_a_pin_in_force_has_stopped() -> None:
    assert told(Facts(pins=[pinned("a", ends=-2)])) == [("pin-none", "desk", -2, -2)]
    gone = {"a": Standing(fingerprint="a", state=Said.REVOKED, revoked_at=NOW - DAY, heard_at=NOW)}
    found = told(Facts(pins=[pinned("a")], standings=gone))
    assert [one[0] for one in found] == ["revoked", "pin-none"]


def test_an_officers_certificate_stops_nobody_else() -> None:
    assert told(Facts(pins=[pinned("a", officer=True)])) == [("officer-ends", "a.pem", 20, None)]


def standing(**changes: Any) -> dict[str, Standing]:
    heard = Standing(
        fingerprint="a",
        state=Said.GOOD,
        heard_at=NOW - timedelta(hours=1),
        valid_until=NOW + timedelta(hours=1),
        tried_at=NOW,
    )
    return {"a": msgspec.structs.replace(heard, **changes)}


def test_a_silent_authority_says_until_when_it_is_believed() -> None:
    pins = [pinned("a", ends=300, told=REQUIRE)]
    assert told(Facts(pins=pins, standings=standing())) == []
    (silent,) = forecast(Facts(pins=pins, standings=standing(problem="HUB-CRT-007 timeout")), NOW, 30)
    assert (silent.kind, silent.stops, silent.detail) == (
        "silent",
        NOW + timedelta(hours=5),
        "HUB-CRT-007 timeout",
    )
    assert not silent.stopped(NOW)
    assert silent.stopped(NOW + timedelta(hours=5))
    (unheard,) = forecast(Facts(pins=pins), NOW, 30)
    assert (unheard.kind, unheard.stopped(NOW)) == ("unheard", True)
    assert told(Facts(pins=[pinned("a", ends=300)])) == []


def test_missing_stamps_may_be_missing_for_the_grace() -> None:
    facts = Facts(stamping=Stamping(grace=4 * 3600.0, missing_since=NOW - timedelta(hours=1)))
    assert [one.stops for one in forecast(facts, NOW, 1)] == [NOW + timedelta(hours=3)]
    assert told(Facts(stamping=Stamping(grace=4 * 3600.0))) == []


def test_what_ends_on_a_known_day_is_told_within_the_days_that_were_asked_for() -> None:
    ends = [Ending(kind="right-ends", name="an", ends=day_over(date(2026, 12, 1)), detail="QĐ 12")]
    assert day_over(date(2026, 12, 1)) == datetime(2026, 11, 30, 17, tzinfo=UTC)
    (found,) = forecast(Facts(endings=ends), NOW, 10)
    assert found == Event(kind="right-ends", name="an", at=ends[0].ends, detail="QĐ 12")
    assert forecast(Facts(endings=ends), NOW, 5) == ()


KINDS = [
    "key-none",
    "key-ends",
    "key-begins",
    "pin-ends",
    "pin-none",
    "officer-ends",
    "revoked",
    "barred",
    "unheard",
    "silent",
    "authority-ends",
    "tsa-ends",
    "stamps-missing",
    "right-ends",
    "sha1-ends",
    "access-ends",
    "pdf-anchor-ends",
]


def test_every_kind_has_its_words() -> None:
    assert set(tomllib.loads(FORESEEN.read_text("utf-8"))) == set(KINDS)


@pytest.mark.parametrize("days", [0, 90])
def test_what_has_stopped_is_told_however_few_days_are_asked_for(days: int) -> None:
    assert forecast(Facts(pins=[pinned("a", ends=-2)]), NOW, days)[0].kind == "pin-none"
