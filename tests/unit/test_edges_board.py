"""The board of edges, what hubs below report, and what becomes of one whose unit was taken over."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from hub.replicating import reports, succession
from hub.replicating.board import Edge, State, World, board, worries
from hub.replicating.reports import Report
from hub.store.contract.edges import Link, Waiting
from hub.store.contract.replicas import Succession, Told
from schemas.agencies import Agency, Level, build
from schemas.problems import Refusal

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
DAY = date(2026, 11, 24)
REPORT = Report(
    hub="H47.30", at=NOW, software="0.5.0", stands=2, known=3, problem="HUB-EDG-043", up=7, disk_free=9
)
TAKEN = Succession(
    partner="a",
    agency="H47.30",
    heir="H47.40",
    begins=DAY,
    drains=DAY + timedelta(days=30),
    at=NOW,
    by="an",
    reason="NQ",
)


def edge(partner: str) -> Edge:
    return Edge(partner=partner, name={"vi": partner, "en": partner}, agency="H47.30")


def world(*partners: str, **more: object) -> World:
    told = World(
        edges=[edge(each) for each in partners],
        links=[],
        waiting={},
        told=[],
        successions=[],
        newest=3,
        now=NOW,
        today=DAY,
    )
    return msgspec.structs.replace(told, **more)


def told(partner: str, report: Report, at: datetime = NOW) -> Told:
    return Told(partner=partner, heard_at=at, body=reports.to_json(report))


def test_each_edge_has_a_line_and_what_needs_a_person_comes_first() -> None:
    long_ago = NOW - timedelta(hours=5)
    links = [
        Link(partner="heard", met_at=NOW),
        Link(partner="quiet", met_at=long_ago),
        Link(partner="cloned", met_at=NOW, stands="HUB-EDG-020"),
    ]
    lines = board(world("heard", "new", "quiet", "cloned", links=links))
    assert [(line.partner, line.state) for line in lines] == [
        ("cloned", State.STANDS),
        ("quiet", State.SILENT),
        ("new", State.NEVER),
        ("heard", State.LINKED),
    ]


def test_a_line_says_what_waits_both_ways_and_what_stands_there() -> None:
    waiting = {"a": Waiting(unsealed=1, offered=2, under_way=3, oldest=NOW)}
    (line,) = board(world("a", waiting=waiting, told=[told("a", REPORT)]))
    assert (line.down, line.up, line.version, line.newest) == (6, 7, 2, 3)
    assert (line.software, line.disk_free, line.problem) == ("0.5.0", 9, "HUB-EDG-043")


def test_a_report_says_that_a_hub_was_heard_and_hubs_further_down_stand_below_the_one_between() -> None:
    commune = msgspec.structs.replace(REPORT, partner="xa", at=NOW - timedelta(hours=3))
    lines = board(world("a", told=[told("a", msgspec.structs.replace(REPORT, below=(commune,)))]))
    assert [(line.partner, line.through, line.state) for line in lines] == [
        ("xa", "a", State.SILENT),
        ("a", "", State.LINKED),
    ]


def test_a_report_that_later_software_wrote_hides_no_line() -> None:
    (line,) = board(world("a", told=[Told(partner="a", heard_at=NOW, body=b'{"v":9}')]))
    assert (line.state, line.software) == (State.LINKED, "")


def test_a_unit_that_was_taken_over_is_no_worry_from_its_day_on() -> None:
    links = [Link(partner="a", met_at=NOW - timedelta(days=9), ahead=900.0)]
    lines = board(world("a", links=links, successions=[TAKEN]))
    assert [(line.state, line.heir) for line in lines] == [(State.SUCCEEDED, "H47.40")]
    assert list(worries(lines, NOW)) == []
    before = board(world("a", links=links, successions=[TAKEN], today=DAY - timedelta(days=1)))
    assert before[0].state is State.SILENT


def test_what_a_person_should_know_of_edges_is_said() -> None:
    broken = msgspec.structs.replace(
        REPORT, broken=("each message is somewhere",), ends=NOW + timedelta(days=3)
    )
    lines = board(world("a", links=[Link(partner="a", met_at=NOW, ahead=-75.0)], told=[told("a", broken)]))
    assert {each.what: each.values for each in worries(lines, NOW)} == {
        "clock": {"seconds": "-75"},
        "ends": {"days": "3"},
        "broken": {"rule": "each message is somewhere"},
        "behind": {"version": "2", "newest": "3", "code": "HUB-EDG-043"},
    }
    silent = board(world("a", links=[Link(partner="a", met_at=NOW - timedelta(hours=5))]))
    assert [(each.what, each.values["hours"]) for each in worries(silent, NOW)] == [("silent", "5")]


def test_a_report_is_read_as_it_was_written() -> None:
    assert reports.read(reports.to_json(REPORT)) == REPORT


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'{"hub":"a"}',
        reports.to_json(REPORT).replace(b"Z", b""),
        reports.to_json(REPORT)[:-1] + b',"citizen":"Nguyen"}',
        b" " * (reports.LARGEST + 1),
    ],
    ids=["nothing", "a list", "short", "no offset", "an unknown field", "large"],
)
def test_a_malformed_report_is_refused(raw: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        reports.read(raw)
    assert refused.value.code == reports.MALFORMED


def test_a_report_does_not_nest_without_end() -> None:
    deep = REPORT
    for _ in range(reports.DEEPEST):
        deep = msgspec.structs.replace(REPORT, below=(deep,))
    with pytest.raises(Refusal):
        reports.read(reports.to_json(deep))
    wide = msgspec.structs.replace(REPORT, below=(REPORT,) * (reports.MOST_BELOW + 1))
    with pytest.raises(Refusal):
        reports.read(reports.to_json(wide))


def at(days: float) -> datetime:
    """Noon in Vietnam, so many days after the first day of the succession."""
    return datetime(2026, 11, 24, 5, tzinfo=UTC) + timedelta(days=days)


@pytest.mark.parametrize(
    ("said", "now", "taken"),
    [
        (-1, -1, True),
        (-1, 0, True),
        (-1, 30, True),
        (-1, 31, False),
        (0, 0, False),
        (0.7, 1, False),
        (-0.6, 2, True),
    ],
    ids=[
        "before",
        "the old word on the day",
        "the last day of draining",
        "after draining",
        "said on the day",
        "said after",
        "said the evening before",
    ],
)
def test_what_an_old_hub_said_before_its_succession_is_taken_until_it_is_drained(
    said: float, now: float, *, taken: bool
) -> None:
    if taken:
        succession.may_say(TAKEN, at(said), at(now))
        return
    with pytest.raises(Refusal) as refused:
        succession.may_say(TAKEN, at(said), at(now))
    assert refused.value.code == succession.ENDED


def test_a_hub_that_nobody_took_over_says_what_it_likes_when_it_likes() -> None:
    succession.may_say(None, at(99), at(99))


def test_an_old_hubs_certificate_vouches_for_what_it_signed_before_that_day_and_no_longer() -> None:
    ends = at(400)
    assert succession.counts_until(None, ends) == ends
    assert succession.counts_until(TAKEN, ends) == datetime(2026, 11, 23, 17, tzinfo=UTC)
    assert succession.counts_until(TAKEN, at(-9)) == at(-9)


def agency(code: str, **more: object) -> Agency:
    return msgspec.structs.replace(
        Agency(code=code, level=Level.DISTRICT, vi=code, en=code, parent="H47" if code != "H47" else None),
        **more,
    )


OLD, NEW = agency("H47.30"), agency("H47.40")
REGISTRY = build(
    ("x", each) for each in (agency("H47"), OLD, NEW, agency("H47.50", until=DAY, successor="H47.40"))
)


def test_the_registry_says_from_when_an_agency_is_taken_over_and_by_whom() -> None:
    row, heir = succession.heir_of(REGISTRY, "H47.30", "000.00.40.H47", DAY)
    assert (row.until, row.successor, heir) == (DAY, NEW.code, NEW)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("H47.99", "H47.40"),
        ("H47.30", "H47.99"),
        ("H47.30", "H47.30"),
        ("H47.30", "H47.50"),
        ("H47.50", "H47"),
    ],
    ids=["unknown", "no such heir", "itself", "an heir that does not stand", "taken over before"],
)
def test_nobody_is_taken_over_by_who_cannot(old: str, new: str) -> None:
    with pytest.raises(Refusal) as refused:
        succession.heir_of(REGISTRY, old, new, DAY)
    assert refused.value.code == succession.CANNOT


def test_a_hub_is_taken_over_once() -> None:
    succession.free(["b"], [TAKEN])
    with pytest.raises(Refusal):
        succession.free(["b", "a"], [TAKEN])
