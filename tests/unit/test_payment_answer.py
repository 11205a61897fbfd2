"""What the payment platform is told, by its inverted code: -1 wherever nobody can say, never nothing and never an amount."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from connectors.desks import Answered, Owed, Refused, Standing, Told
from connectors.dvcqg import payment
from schemas.dossier import Duty, Fee, State

if TYPE_CHECKING:
    from connectors.desks import Result

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
CODE = "000.00.00.H47-261120-0001"
STANDS = Standing(state=State.DUTY)
FEE, DUTY = Fee(code="PTD", amount=150000), Duty(notice="TB1", amount=7, account="711")


def said(result: Result) -> tuple[int, object]:
    told = json.loads(payment.answer(result, NOW).body)
    return told["error_code"], told["message"]


@pytest.mark.parametrize(
    "result",
    [
        Answered(about=CODE, standing=Standing()),  # nobody knows it, or it is none of the caller's business
        Answered(about=CODE, standing=STANDS),  # not all that was said of money can be read
        Refused(status=429, problems=(Told(code="HUB-LIM-002", title="x"),), wait=1),
        Refused(status=500, problems=(Told(code="HUB-INT-001", title="x"),)),
    ],
)
def test_what_nobody_can_say_is_an_error(result: Result) -> None:
    assert said(result) == (-1, [])


def test_what_is_known_to_be_nothing_is_zero_and_what_is_due_is_one() -> None:
    assert said(Answered(about=CODE, standing=STANDS, owed=Owed())) == (0, [])
    for owed, account in ((Owed(fees=(FEE,)), ""), (Owed(duties=(DUTY,)), "711")):
        code, told = said(Answered(about=CODE, standing=STANDS, owed=owed))
        assert isinstance(told, dict)
        assert (code, told["MaHoSo"], told["TKThuHuong"]) == (1, CODE, account)
