"""What an applicant still owes, by what was said so far."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hub.story import owed
from schemas.dossier import Dossier, Duty, Event, Fee, FeeState, Kind, Message

AT = datetime(2026, 11, 20, tzinfo=UTC)
K = Kind


def said(kind: Kind, *, fees: tuple[Fee, ...] = (), duties: tuple[Duty, ...] = ()) -> Message:
    event = Event(kind=kind, at=AT)
    return Message(
        event=event, key="k", sender="s", agency="a", dossier=Dossier(code="c", fees=fees, duties=duties)
    )


def test_a_notice_with_several_lines_is_due_with_each_until_it_is_paid() -> None:
    """One decision about two parcels; announced anew it stands in place of what it said before."""
    two = said(K.DUTY_ANNOUNCED, duties=(Duty(notice="TB1", amount=5), Duty(notice="TB1", amount=7)))
    other = said(K.DUTY_ANNOUNCED, duties=(Duty(notice="TB2", amount=1),))
    paid = said(K.DUTY_PAID, duties=(Duty(notice="TB1"),))
    assert [duty.amount for duty in owed.duties([two, other, two])] == [5, 7, 1]
    assert [duty.amount for duty in owed.duties([two, other, paid])] == [1]


@pytest.mark.parametrize(
    ("messages", "due"),
    [
        ([said(K.RECEIVED, fees=(Fee(code="a", amount=1),))], []),  # nobody said that it is due
        ([said(K.RECEIVED, fees=(Fee(code="a", amount=1, state=FeeState.DUE),))], [1]),
        ([said(K.FEE_DUE, fees=(Fee(code="a", amount=1), Fee(name="b", amount=2)))], [1, 2]),
        (
            [
                said(K.FEE_DUE, fees=(Fee(code="a", amount=1),)),
                said(K.FEE_PAID, fees=(Fee(code="a", amount=1),)),
            ],
            [],
        ),
        (
            [
                said(K.FEE_DUE, fees=(Fee(code="a", amount=1),)),
                said(K.CORRECTED, fees=(Fee(code="a", amount=3),)),
            ],
            [3],
        ),
        (
            [
                said(K.FEE_PAID, fees=(Fee(code="a", amount=1),)),
                said(K.FEE_REFUNDED, fees=(Fee(code="a", amount=1),)),
            ],
            [],
        ),
        ([said(K.FEE_DUE, fees=(Fee(code="a"),))], []),
    ],
)
def test_a_fee_is_due_when_somebody_said_so_and_until_it_is_paid(
    messages: list[Message], due: list[int]
) -> None:
    assert [fee.amount for fee in owed.fees(messages)] == due


TWO = said(K.DUTY_ANNOUNCED, duties=(Duty(notice="1", amount=1), Duty(notice="2", amount=2)))


@pytest.mark.parametrize(
    ("messages", "due"),
    [
        ([TWO], [1, 2]),
        ([TWO, TWO], [1, 2]),
        ([TWO, said(K.DUTY_PAID, duties=(Duty(notice="1", amount=1),))], [2]),
        ([TWO, said(K.DUTY_PAID, duties=(Duty(notice="3", amount=1),))], [1, 2]),
        ([TWO, said(K.DUTY_PAID)], []),
        ([TWO, said(K.DUTY_CORRECTED, duties=(Duty(notice="2", amount=5),))], [1, 5]),
        ([said(K.DUTY_ANNOUNCED, duties=(Duty(notice="1", amount=1, paid_at=AT),))], []),
        ([TWO, said(K.STEP, duties=(Duty(notice="9", amount=9),))], [1, 2]),
    ],
)
def test_a_notice_is_due_until_a_payment_names_it(messages: list[Message], due: list[int]) -> None:
    assert [duty.amount for duty in owed.duties(messages)] == due
