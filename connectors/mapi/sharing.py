"""What the hub's registries hold, as the portal's sharing services say it: names in capitals, all values texts. Pure.

One procedure is told whole, in the portal's own record, or not at all: a client that synchronises empties what is left out of it, and
deletes the forms of papers that are not there. A list of them says what each is called, and its field.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import msgspec

from connectors.desks import Listed, Listing, Look, Reply
from connectors.portal_lists import DICTIONARIES
from schemas.agencies import Level
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connectors.desks import Result
    from schemas.procedures import Procedure

DONE = "Thành công"
LEVELS = {
    Level.NATIONAL: "1",
    Level.PROVINCE: "2",
    Level.DEPARTMENT: "3",
    Level.DISTRICT: "3",
    Level.COMMUNE: "4",
}
"""``CAPDONVI``. Inferred: clients take it for a number and nothing else."""


def record(result: Result) -> Reply:
    """``LayThuTuc``: the procedure, or none. Raises ``Refusal`` HUB-INT-005 for one that is known and whose record is not kept."""
    listed = _listed(result)
    if listed.procedures and not listed.records:
        raise refuse("HUB-INT-005", "/maTTHC", rule="kept by registry refresh --apply")
    return _reply(msgspec.Raw(each) for each in listed.records)


def nothing(result: Result) -> Reply:
    """Whatever a list of nothing is called."""
    _listed(result)
    return _reply(())


def names(result: Result) -> Reply:
    """``LayDanhSachTTHC``."""
    return _reply([{**_name(each), **_field(each)} for each in _listed(result).procedures])


def fields(result: Result) -> Reply:
    """``LayDanhMucLinhVuc``: each field of a procedure once."""
    found = {each.field.code: _field(each) for each in _listed(result).procedures}
    return _reply(found.values())


def agencies(result: Result) -> Reply:
    """``LayDanhMucCoQuan``."""
    listed = _listed(result).agencies
    return _reply(
        {"MADONVI": each.code, "TENDONVI": each.vi, "CAPDONVI": LEVELS[each.level]} for each in listed
    )


def codes(field: str, result: Result) -> Reply:
    """A shared dictionary. Inferred: its columns are called after its service, as those of the lists above are."""
    name = field.upper()
    return _reply({f"MA{name}": each.code, f"TEN{name}": each.name.vi} for each in _listed(result).codes)


def _listed(result: Result) -> Listed:
    if not isinstance(result, Listed):
        raise TypeError("a registry was asked for")
    return result


def _name(procedure: Procedure) -> dict[str, str]:
    return {"MATTHC": procedure.national or "", "TENTTHC": procedure.name.vi}


def _field(procedure: Procedure) -> dict[str, str]:
    return {"MALINHVUC": procedure.field.code, "TENLINHVUC": procedure.field.vi}


def _reply(result: Iterable[object]) -> Reply:
    return Reply(body=msgspec.json.encode({"error_code": 0, "message": DONE, "result": list(result)}))


NOTHING = Look(what=Listing.NOTHING, write=nothing)
UNKNOWN = (
    *("LayDanhSachHoiDapGuiTuDVCQG", "LayDanhSachHoiDapBoCoQuan", "LayNoiDungTraLoiTheoCauHoi"),
    "TraCuuTechID",
)
"""Citizens' questions and answers, and their accounts at the portal: the hub holds none. The client takes an empty list for that."""
LISTS = {
    **dict.fromkeys(UNKNOWN, NOTHING),
    "LayDanhSachTTHC": Look(what=Listing.PROCEDURES, write=names),
    "LayDanhMucLinhVuc": Look(what=Listing.PROCEDURES, write=fields),
    "LayDanhMucCoQuan": Look(what=Listing.AGENCIES, write=agencies),
    **{
        each.source: Look(what=Listing.CODES, code=each.id, write=partial(codes, each.field))
        for each in DICTIONARIES
    },
}
"""What is asked without naming an entry of a registry."""
