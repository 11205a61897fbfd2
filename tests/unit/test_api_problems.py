"""Problem documents, admission and catalogue pages, without a server."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from hub.api import pages, problems
from schemas import errors
from schemas.problems import Problem

CATALOGUE = errors.load()


def told(*found: Problem, xml: bool = False) -> dict[str, Any]:
    """As it is sent."""
    made = problems.document(
        found,
        catalogue=CATALOGUE,
        say="en",
        base="https://hub.example",
        instance="/v1/messages",
        request="r",
        xml=xml,
    )
    sent: dict[str, Any] = msgspec.json.decode(problems.answer(made).body)
    return sent


def test_the_first_problem_decides_and_all_are_listed() -> None:
    document = told(
        Problem(code="HUB-DOS-001", place="/a", line=3, rule="x"), Problem(code="HUB-DOS-006", place="/b")
    )
    assert (document["code"], document["status"], document["type"]) == (
        "HUB-DOS-001",
        422,
        "https://hub.example/errors/HUB-DOS-001",
    )
    assert document["errors"] == [
        {
            "code": "HUB-DOS-001",
            "message": CATALOGUE["HUB-DOS-001"].title.en,
            "pointer": "/a",
            "line": 3,
            "rule": "x",
        },
        {"code": "HUB-DOS-006", "message": CATALOGUE["HUB-DOS-006"].title.en, "pointer": "/b"},
    ]


def test_a_detail_of_a_problem_stays_inside() -> None:
    assert "swordfish" not in str(told(Problem(code="HUB-INT-001", detail="swordfish")))


def test_places_are_named_by_what_was_sent() -> None:
    place = Problem(code="HUB-DOS-001", place="/l:a/l:b[2]")
    header = Problem(code="HUB-IDM-003", place="Idempotency-Key")
    assert [list(each)[2] for each in told(place, header, xml=True)["errors"]] == ["xpath", "place"]
    assert list(told(place)["errors"][0])[2] == "pointer"


def test_a_thousand_problems_make_a_short_answer() -> None:
    assert len(told(*[Problem(code="HUB-DOS-001", place="/x")] * 1000)["errors"]) == problems.SHOWN


@given(st.text(max_size=200))
def test_any_accept_language_chooses_one_of_two(said: str) -> None:
    assert problems.language(said, "vi") in {"vi", "en"}


def test_every_entry_has_a_page_in_both_languages() -> None:
    for entry in CATALOGUE.entries.values():
        assert entry.code in pages.entry(entry, "vi")
        assert pages.entry(entry, "en") != pages.entry(entry, "vi")


def test_a_page_escapes_what_it_shows() -> None:
    words = errors.Words("<b>", "<b>")
    entry = errors.Entry(422, "Client", "no", "0.1.0", words, words, words, words, "HUB-SCH-001")
    assert "<b>" not in pages.entry(entry, "vi")
