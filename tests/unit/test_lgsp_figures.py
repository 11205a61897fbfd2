"""What a one-stop publishes of itself: figures of a month and what citizens think, each once, as reports and as nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from connectors.desks import Call, Say, Standing
from connectors.lgsp.desk import Desk
from connectors.simulators.publisher import statistic, votes
from schemas.library import BUILTIN
from schemas.mapping import load
from schemas.problems import Refusal

if TYPE_CHECKING:
    from connectors.desks import Message
    from schemas.dossier import Message as Canonical

DESK, LGSP = Desk(), load(BUILTIN / "mappings" / "opencps.lgsp-1.toml")
NOW = datetime(2026, 11, 20, 3, 4, 5, 678, tzinfo=UTC)
MONTH = statistic(2026, 11, received=120, solved=100)
VOTES = votes(NOW, {"Thái độ phục vụ": (0.5, 0.25, 0.25)})


def say(path: str, document: object, at: datetime = NOW) -> Say:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return DESK.read(Call(path=path, body=body, at=at))


def said(path: str, document: object, standing: Standing | None = None, at: datetime = NOW) -> Message:
    (message,) = say(path, document, at).messages(standing or Standing())
    return message


def read(message: Message) -> Canonical:
    return LGSP.read(message.body, "motcua", message.key, "000.00.00.H47")


def test_the_months_figures_are_a_report_in_the_hubs_words() -> None:
    message = said("/Statistic/UpdateStatistic ", {**MONTH, "PendingPercent": None})
    told = read(message)
    assert (told.kind, told.dossier, told.subject) == ("report_published", None, "processing 2026-11")
    assert told.event.at == NOW.replace(microsecond=0)
    assert told.report
    assert (told.report.name, told.report.period) == ("processing", "2026-11")
    figures = {each.name: each.value for each in told.report.figures}
    assert (figures["received"], figures["solved"], figures["solved_in_time_percent"]) == (
        "120",
        "100",
        "0.9",
    )
    assert "pending_in_time_percent" not in figures  # a share of nothing is left out, not zero
    assert json.dumps(MONTH)[1:40].encode() in said("/Statistic", MONTH).body


def test_ratings_are_a_report_with_the_questions_that_were_asked() -> None:
    told = read(said("/Vote/UpdateVote", {**VOTES, "OrganizationInchargeIdLevel1": "000.00.15.H47"}))
    assert told.report
    assert (told.report.name, told.report.period, told.report.agency) == ("ratings", None, "000.00.15.H47")
    assert told.subject == "ratings 000.00.15.H47"
    assert told.event.at == NOW.replace(microsecond=0)
    assert [(each.name, each.value, each.about) for each in told.report.figures][:2] == [
        ("voted", "40", None),
        ("very_good_percent", "0.5", None),
    ]
    assert ("bad_percent", "0.25", "Thái độ phục vụ") in [
        (each.name, each.value, each.about) for each in told.report.figures
    ]


@pytest.mark.parametrize(
    ("change", "period"),
    [
        ({}, "2026-11"),
        ({"Month": "3"}, "2026-03"),
        ({"Month": 0, "IsMonthStatistic": False}, "2026"),
        ({"Month": 3, "IsMonthStatistic": "false"}, "2026"),
        ({"Month": None}, "2026"),
    ],
)
def test_a_report_is_of_a_month_or_of_a_year(change: dict[str, Any], period: str) -> None:
    told = read(said("/Statistic", {**MONTH, **change})).report
    assert told
    assert told.period == period


@pytest.mark.parametrize("path", ["/Statistic", "/Vote"])
def test_the_same_figures_again_are_the_same_report_whatever_the_clock_says(path: str) -> None:
    first = MONTH if path == "/Statistic" else VOTES
    other = {**first, "TotalSolved": 7, "TotalVoted": 7}
    later = {
        **dict(reversed(first.items())),
        **({"DateCreated": "2026-11-21T00:00:00.000+0700"} if path == "/Vote" else {}),
    }
    begins = say(path, first).begins
    keys: tuple[str, ...] = ()
    for document, count in (
        (first, 1),
        (first, 1),
        (later, 1),
        (other, 2),
        (other, 2),
        (first, 3),
        (later, 3),
    ):
        message = said(path, document, Standing(said=keys), NOW + timedelta(days=count))
        assert message.clocked
        assert message.key.startswith(begins)
        keys = tuple(dict.fromkeys((*keys, message.key)))
        assert len(keys) == count


def test_reports_of_other_months_and_agencies_are_others() -> None:
    documents = (MONTH, {**MONTH, "Month": 10}, {**MONTH, "OrganizationInchargeIdlevel1": "STNMT"})
    assert len({say("/Statistic", each).begins for each in documents}) == 3


@pytest.mark.parametrize(
    ("path", "document", "code", "place"),
    [
        ("/Statistic", b"{", "HUB-SCH-001", ""),
        ("/Statistic", b"[]", "HUB-SCH-002", ""),
        ("/Statistic", {}, "HUB-SCH-003", "/Year"),
        ("/Statistic", {**MONTH, "Year": 26}, "HUB-SCH-002", "/Year"),
        ("/Statistic", {**MONTH, "Month": 13}, "HUB-SCH-002", "/Month"),
        ("/Statistic", {**MONTH, "Month": "²"}, "HUB-SCH-002", "/Month"),
        ("/Statistic", {**MONTH, "Month": "00000000199999"}, "HUB-SCH-002", "/Month"),
        ("/Statistic", {**MONTH, "Year": "000002026" + "9" * 5_000}, "HUB-SCH-002", "/Year"),
        ("/Statistic", {**MONTH, "Total": "1_0"}, "HUB-SCH-002", "/Total"),
        ("/Statistic", {**MONTH, "Total": "nhiều"}, "HUB-SCH-002", "/Total"),
        ("/Statistic", {**MONTH, "Total": "NaN"}, "HUB-SCH-002", "/Total"),
        ("/Statistic", {**MONTH, "Total": True}, "HUB-SCH-002", "/Total"),
        ("/Statistic", {**MONTH, "Note": 1}, "HUB-SCH-002", "/Note"),
        (
            "/Statistic",
            {**MONTH, "OrganizationInchargeName": "x\0"},
            "HUB-SCH-002",
            "/OrganizationInchargeName",
        ),
        ("/Vote", {"TotalVoted": 1}, "HUB-SCH-003", "/DateCreated"),
        ("/Vote", {**VOTES, "Questions": {"a": 1}}, "HUB-SCH-002", "/Questions"),
        ("/Vote", {**VOTES, "Questions": [{"PercentBad": []}]}, "HUB-SCH-002", "/Questions/0/PercentBad"),
    ],
)
def test_what_is_no_report_is_refused_at_its_place(
    path: str, document: object, code: str, place: str
) -> None:
    with pytest.raises(Refusal) as refused:
        say(path, document)
    assert (refused.value.code, refused.value.problems[0].place) == (code, place)
