"""How the tax office writes: every form of date, one or many, and its notices."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from schemas.problems import Refusal
from schemas.tax import each, moment, notices

DAY = datetime(2019, 4, 15, 17, tzinfo=UTC)  # the first second of 16 April in Vietnam
LINE = (
    "<LIST><MA_SO_THUE>8000000001</MA_SO_THUE><SO_QUYET_DINH>LTB1960000-TK000000{0}/TB-CCT</SO_QUYET_DINH>"
    "<NGAY_QUYET_DINH>16-04-2019</NGAY_QUYET_DINH><TEN_TIEUMUC>Lệ phí</TEN_TIEUMUC><SO_TIEN>1250000</SO_TIEN></LIST>"
)


def written(lines: str, dossier: str = "<MA_HSO>000.00.15.H47-190412-0007</MA_HSO>") -> bytes:
    return f"<DATA><BODY><ROW_LIST>{dossier}\n {lines}</ROW_LIST></BODY></DATA>".encode()


@pytest.mark.parametrize(
    ("text", "month_first", "at"),
    [
        ("04-16-2019", True, DAY),
        ("16-04-2019", False, DAY),
        ("16/04/2019", False, DAY),
        ("04-16-2019", False, DAY),  # no sixteenth month: the other order is meant
        ("16-APR-2019 00:00:00", False, DAY),
        ("16-Apr-2019", False, DAY),
        ("2019-04-16 00:00:00.0", False, DAY),
        ("2019-04-16T00:00:00", False, DAY),
        ("20190416000000", False, DAY),
        ("20190416", False, DAY),
        (" 16-04-2019 ", False, DAY),
        ("04-05-2019", True, datetime(2019, 4, 4, 17, tzinfo=UTC)),
        ("04-05-2019", False, datetime(2019, 5, 3, 17, tzinfo=UTC)),
        ("12-APR-2019 16:10:00", False, datetime(2019, 4, 12, 9, 10, tzinfo=UTC)),
        ("31-02-2019", False, None),
        ("16-XXX-2019", False, None),
        ("2019-04-16 25:00:00", False, None),
        ("hôm qua", False, None),
        ("", False, None),
    ],
)
def test_each_form_of_date_is_read_as_vietnams_wall_time(
    text: str, month_first: bool, at: datetime | None
) -> None:
    assert moment(text, month_first=month_first) == at


@pytest.mark.parametrize(("value", "meant"), [(None, []), ("", []), ({"a": 1}, [{"a": 1}]), ([1, 2], [1, 2])])
def test_a_list_of_one_may_be_a_record(value: object, meant: list[object]) -> None:
    assert each(value) == meant


@pytest.mark.parametrize("count", [1, 2])
def test_notices_are_read_whether_there_is_one_or_many(count: int) -> None:
    (found,) = notices(written("".join(LINE.format(number) for number in range(count))))
    assert found.dossier == "000.00.15.H47-190412-0007"
    assert [line.notice[-8] for line in found.lines] == [str(number) for number in range(count)]
    assert (found.lines[0].at, found.lines[0].amount, found.lines[0].item) == (DAY, 1_250_000, "Lệ phí")


@pytest.mark.parametrize(
    ("raw", "code", "place"),
    [
        (b"<DATA><BODY/></DATA>", "HUB-SCH-009", "/DATA/BODY/ROW_LIST"),
        (b"<X><BODY><ROW_LIST/></BODY></X>", "HUB-SCH-009", "/DATA/BODY/ROW_LIST"),
        (written(""), "HUB-SCH-003", "/DATA/BODY/ROW_LIST/0/LIST"),
        (written(LINE, ""), "HUB-SCH-003", "/DATA/BODY/ROW_LIST/0/MA_HSO"),
        (
            written(LINE.replace("1250000", "1.250.000")),
            "HUB-SCH-002",
            "/DATA/BODY/ROW_LIST/LIST/0/SO_TIEN",
        ),
        *(
            (
                written(LINE.replace("1250000", "9" * digits)),
                "HUB-SCH-002",
                "/DATA/BODY/ROW_LIST/LIST/0/SO_TIEN",
            )
            for digits in (20, 5_000)
        ),
        (
            written(LINE.replace("16-04-2019", "31-02-2019")),
            "HUB-SCH-007",
            "/DATA/BODY/ROW_LIST/LIST/0/NGAY_QUYET_DINH",
        ),
        (b"<!DOCTYPE a><DATA/>", "HUB-SCH-006", ""),
        (b"<DATA>", "HUB-SCH-001", ""),
    ],
)
def test_what_is_no_notice_is_refused(raw: bytes, code: str, place: str) -> None:
    with pytest.raises(Refusal) as refused:
        notices(raw)
    assert (refused.value.code, refused.value.problems[0].place) == (code, place)
