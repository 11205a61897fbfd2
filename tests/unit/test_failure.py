"""Who is told that a transfer failed, in which words, and who is not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import msgspec
import pytest

from hub.delivery import supplying
from hub.delivery.failure import HUB, failed, parked
from hub.lifecycle import State as Life
from hub.receipts.receipts import unsigned
from hub.store.contract.delivery import Work
from hub.store.contract.intake import Acceptance, NewTransfer
from hub.story.record import Story, StoryLeg
from hub.story.record import to_json as to_story
from schemas.dossier import Dossier, Event, Failure, Kind, Message, State, from_json, to_json
from schemas.problems import Problem

if TYPE_CHECKING:
    from connectors.contract import Codec
    from hub.going_live.stages import Stage
    from hub.receipts.receipts import Confirm

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


class TwoParts:
    def operations(self, _: Message) -> tuple[str, ...]:
        return ("note", "file")


def said(sender: str = "desk", kind: Kind = Kind.RECEIVED) -> Message:
    dossier = Dossier(code="000.00.00.H47-261120-0001", id="d1")
    event = Event(kind=kind, at=NOW)
    return Message(event=event, key="k", sender=sender, agency="000.00.00.H47", dossier=dossier)


def work(message: Message, dossier: str | None = "d1") -> Work:
    return Work(
        token="t",
        transfer="m1.land",
        message="m1",
        partner="land",
        operation="submit",
        part=1,
        key="m1:land:1",
        kind=message.kind,
        dossier=dossier,
        canonical=to_json(message),
        sealed=None,
        doubt=False,
        attempts=0,
        sends=0,
        accepted_at=NOW,
    )


def told(
    about: Work, speaks: str = "desk", confirm: Confirm = unsigned, state: str = Life.REFUSED
) -> Acceptance | None:
    return failed(
        about,
        code="HUB-PAR-001",
        state=state,
        now=NOW,
        codec_of=lambda partner: cast("Codec", TwoParts()) if partner == speaks else None,
        confirm=confirm,
    )


def test_what_was_not_delivered_is_said_by_the_hub_over_its_signature() -> None:
    failure = told(work(said()), confirm=lambda receipt, now: f"{len(receipt)} at {now.isoformat()}")
    assert failure is not None
    assert failure.confirmation == f"{len(failure.receipt)} at {NOW.isoformat()}"
    held = msgspec.json.decode(failure.receipt)
    assert {name: held[name] for name in ("about", "of", "partner", "key", "code", "state")} == {
        "about": "m1.land",
        "of": "m1",
        "partner": "land",
        "key": "m1:land:1",
        "code": "HUB-PAR-001",
        "state": "refused",
    }


def test_the_sender_is_told_what_failed_where_and_why() -> None:
    acceptance = told(work(said()))
    assert acceptance is not None
    message = from_json(acceptance.canonical)
    assert (message.kind, message.sender, message.event.reason) == (Kind.DELIVERY_FAILED, HUB, "HUB-PAR-001")
    assert message.failure == Failure(
        message="m1", transfer="m1.land", partner="land", code="HUB-PAR-001", state="refused"
    )
    assert message.dossier == Dossier(code="000.00.00.H47-261120-0001", id="d1")


def test_the_same_failure_told_again_is_the_same_message() -> None:
    first, again = told(work(said())), told(work(said()))
    assert first is not None
    assert again is not None
    assert first.message == again.message
    assert [each.key for each in first.transfers] == [each.key for each in again.transfers]
    assert len({each.id for each in first.transfers}) == 2


def test_each_part_goes_to_the_sender_in_the_lane_of_the_dossier_under_a_key_of_its_own() -> None:
    acceptance = told(work(said()))
    assert acceptance is not None
    assert [(one.partner, one.operation, one.part, one.lane_subject) for one in acceptance.transfers] == [
        ("desk", "note", 1, "d1"),
        ("desk", "file", 2, "d1"),
    ]
    identity = acceptance.message
    assert [one.key for one in acceptance.transfers] == [f"{identity}:desk:1", f"{identity}:desk:2"]
    assert len({identity, *(one.id for one in acceptance.transfers)}) == 3


def test_the_same_failure_is_the_same_message() -> None:
    first, second = told(work(said())), told(work(said()))
    assert first is not None
    assert second is not None
    assert (first.sender, first.key, first.digest) == (second.sender, second.key, second.digest)
    assert first.key == "failed:m1.land"


def test_how_a_transfer_ends_is_told_also_after_it_was_told_that_it_was_parked() -> None:
    parked, ended = told(work(said()), state=Life.PARKED), told(work(said()))
    assert parked is not None
    assert ended is not None
    assert (parked.key, ended.key) == ("parked:m1.land", "failed:m1.land")
    assert parked.message != ended.message
    assert not {each.id for each in parked.transfers} & {each.id for each in ended.transfers}


@pytest.mark.parametrize(
    "message",
    [said(sender=HUB), said(kind=Kind.DELIVERY_FAILED), said(sender="mute")],
    ids=["the hub's own", "a failure", "a sender that receives nothing"],
)
def test_nobody_is_told_about(message: Message) -> None:
    assert told(work(message)) is None


@pytest.mark.parametrize(("subject", "lane"), [("list-7", "list-7"), (None, "m1")])
def test_without_a_dossier_it_goes_in_the_lane_of_its_subject(subject: str | None, lane: str) -> None:
    about = msgspec.structs.replace(said(), dossier=None, subject=subject)
    acceptance = told(work(about, dossier=None))
    assert acceptance is not None
    assert {one.lane_subject for one in acceptance.transfers} == {lane}
    assert from_json(acceptance.canonical).subject == subject


@pytest.mark.parametrize("stage", ["trial", "parallel"])
def test_a_failure_of_what_is_not_live_is_told_to_nobody(stage: Stage) -> None:
    assert told(msgspec.structs.replace(work(said()), stage=stage)) is None


def lacking(problem: Problem, *, stage: Stage = "live", story: bytes = b"") -> tuple[Acceptance, ...]:
    """What is told of a message whose only transfer is born parked with this problem."""
    message = to_json(said("backend"))
    born = NewTransfer(
        id="m1.land", partner="land", operation="submit", part=1, key="k1", lane_subject="d1", problem=problem
    )
    new = Acceptance(
        message="m1",
        sender="backend",
        key="k",
        digest="0" * 64,
        raw=message,
        media_type="application/json",
        headers={},
        canonical=message,
        kind="received",
        accepted_at=NOW,
        receipt=b"{}",
        dossier="d1",
        story=story,
        transfers=(msgspec.structs.replace(born, stage=stage),),
    )
    return parked(new, NOW, codec_of=lambda _: cast("Codec", TwoParts()))


STORY = to_story(
    Story(
        origin="desk",
        origin_agency="000.00.00.H47",
        received_by="000.00.00.H47",
        opened_on=NOW.date(),
        state=State.ACCEPTED,
        legs=(StoryLeg(agency="000.00.00.H47", state=State.ACCEPTED),),
    )
)


@pytest.mark.parametrize(
    ("problem", "to"),
    [
        (Problem(code="HUB-MAP-004", place="/NgayHen", rule="g1@1 required event.due_at"), "backend"),
        (Problem(code="HUB-MAP-004", place="/Chu", rule="g1@1 required dossier.applicant.name"), "desk"),
        (Problem(code="HUB-MAP-004", place="/Chu", rule="xsd", detail="HUB-SCH-003"), "backend"),
        (Problem(code="HUB-MAP-004", place="/Chu", rule="g1@1 maxLength 50"), None),
        (Problem(code="HUB-MAP-009", place="/event/kind", rule="an operation for this kind"), None),
        (Problem(code="HUB-MAP-002", place="/MaTTHC", rule="required dossier.procedure.national"), None),
        (
            Problem(code="HUB-DOS-004", place="/event/kind", rule="accepted cannot be followed by returned"),
            None,
        ),
        (Problem(code="HUB-RTE-001"), None),
    ],
)
def test_what_is_missing_is_told_to_who_has_it_and_nothing_else_is_told(
    problem: Problem, to: str | None
) -> None:
    told_ = lacking(problem, story=STORY)
    assert [{each.partner for each in one.transfers} for one in told_] == ([{to}] if to else [])
    for one in told_:
        failure = from_json(one.canonical).failure
        assert failure is not None
        assert (failure.detail, failure.state) == (supplying.said(problem), "parked")
        assert failure.supplier == ("origin" if to == "desk" else "sender")


def test_what_a_trial_lacks_is_told_to_nobody() -> None:
    problem = Problem(code="HUB-MAP-004", rule="required event.due_at")
    assert lacking(problem, stage="trial") == ()


@pytest.mark.parametrize(
    ("code", "supplier"),
    [
        ("HUB-DOS-004", "sender"),
        ("HUB-DOC-015", "sender"),
        ("HUB-MAP-002", "registry"),
        ("HUB-MAP-009", "recipient"),
        ("HUB-PAR-014", "recipient"),
        ("HUB-RTE-001", "operator"),
        ("HUB-CFG-001", "operator"),
    ],
)
def test_every_reason_for_parking_has_somebody_who_can_supply_it(code: str, supplier: str) -> None:
    assert supplying.supplier(code, "") == supplier
