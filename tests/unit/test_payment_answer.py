"""What the payment platform is told, by its inverted code: -1 wherever nobody can say, never nothing and never an amount."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import astuple, replace

from connectors.desks import Answered, Owed, Payee, Refused, Standing, Told
from connectors.dvcqg import payment
from schemas.dossier import Duty, Fee, State

if TYPE_CHECKING:
    from connectors.desks import Result

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
CODE = "000.00.00.H47-261120-0001"
STANDS = Standing(state=State.DUTY)
FEE, DUTY = Fee(code="PTD", amount=150000), Duty(notice="TB1", amount=7, account="7111")
OWN, OTHER = replace(FEE, account="118"), replace(FEE, code="LP", account="119")
BANK = Payee(account="118", bank="01201001", holder="Sở", treasury="KB", treasury_account="3511")
TREASURY = Payee(account="3741", treasury="KB Quảng Nam")


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
    for owed in (Owed(fees=(FEE,)), Owed(duties=(DUTY,))):
        code, told = said(Answered(about=CODE, standing=STANDS, owed=owed))
        assert isinstance(told, dict)
        assert (code, told["MaHoSo"]) == (1, CODE)


@pytest.mark.parametrize(
    ("owed", "to"),
    [
        (Owed(fees=(FEE,)), Payee()),
        (Owed(duties=(DUTY,)), Payee()),  # what tax offices say is a kind of account, not one
        (Owed(fees=(OWN, OWN)), Payee(account="118")),
        (Owed(fees=(OWN, OTHER)), Payee()),
        (Owed(fees=(OWN, FEE)), Payee()),  # nobody knows where the second goes
        (Owed(fees=(OWN,), duties=(DUTY,)), Payee()),
        (Owed(fees=(FEE,), fees_to=BANK), BANK),
        (Owed(fees=(OWN, FEE), fees_to=BANK), BANK),
        (Owed(fees=(OTHER,), fees_to=BANK), Payee(account="119")),  # its bank is not the declared one's
        (Owed(fees=(OTHER, FEE), fees_to=BANK), Payee()),
        (Owed(duties=(DUTY,), fees_to=BANK), Payee()),
        (Owed(duties=(DUTY,), fees_to=BANK, duties_to=TREASURY), TREASURY),
        (Owed(fees=(FEE,), duties=(DUTY,), fees_to=BANK, duties_to=TREASURY), Payee()),
        (Owed(fees=(FEE,), duties=(DUTY,), fees_to=BANK, duties_to=BANK), BANK),
    ],
)
def test_an_account_is_told_only_where_all_that_is_due_goes_there(owed: Owed, to: Payee) -> None:
    _, told = said(Answered(about=CODE, standing=STANDS, owed=owed))
    assert isinstance(told, dict)
    names = ("TKThuHuong", "MaNHThuHuong", "TenTKThuHuong", "KhoBac", "TaiKhoanThuNSNN")
    assert tuple(told[name] for name in names) == astuple(to)


def test_the_unit_is_who_received_the_dossier() -> None:
    owed = Owed(fees=(FEE,), agency="000.00.15.H47", agency_name="Sở")
    _, told = said(Answered(about=CODE, standing=STANDS, owed=owed))
    assert isinstance(told, dict)
    assert (told["MaDonVi"], told["TenDonVi"]) == ("000.00.15.H47", "Sở")
