from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import codes
from schemas.problems import Refusal

GROUP = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("text", "agency", "day", "sequence"),
    [
        ("000.00.32.H19-210708-0032", "000.00.32.H19", date(2021, 7, 8), "0032"),
        ("000.A0.01.H26-210212-9090", "000.A0.01.H26", date(2021, 2, 12), "9090"),
        ("H57.132-260804-0583", "H57.132", date(2026, 8, 4), "0583"),
        ("H15.50.05.13-261008-0975", "H15.50.05.13", date(2026, 10, 8), "0975"),
        ("000.00.00.G22-240229-0000001", "000.00.00.G22", date(2024, 2, 29), "0000001"),
    ],
)
def test_codes_seen_in_the_field_are_read(text: str, agency: str, day: date, sequence: str) -> None:
    assert codes.parse(text) == codes.DossierCode(agency, day, sequence)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "000.00.15.H47",
        "000.00.15.H47-190412",
        "000.00.15.H47-190412-007",  # three digits
        "000.00.15.H47-190412-00000007",  # eight digits
        "000.00.15.h47-190412-0007",
        "000..15.H47-190412-0007",
        ".000.00.15.H47-190412-0007",
        "A.A.A.A.A.A.A.A.A-190412-0007",  # nine groups
        "000.00.15.H47-190412-0007\n",
        " 000.00.15.H47-190412-0007",
        "000.00.15.H47-1904١2-0007",  # an Arabic digit is no digit here
        "000.00.15.H47-１９０４１２-0007",
        "000.00.15.H47_190412_0007",
    ],
)
def test_a_malformed_code_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refusal:
        codes.parse(text, "/dossier/code")
    assert refusal.value.code == "HUB-DOS-001"
    assert refusal.value.problems[0].place == "/dossier/code"


@pytest.mark.parametrize("day", ["190229", "191301", "190400", "000000", "190431"])
def test_a_date_that_does_not_exist_is_refused(day: str) -> None:
    with pytest.raises(Refusal) as refusal:
        codes.parse(f"000.00.15.H47-{day}-0007")
    assert refusal.value.problems[0].detail == "the date does not exist"


@settings(deadline=None)
@given(
    st.lists(GROUP, min_size=1, max_size=8).map(".".join),
    st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    st.integers(4, 7).flatmap(lambda width: st.text("0123456789", min_size=width, max_size=width)),
)
def test_a_code_is_written_as_it_was_read(agency: str, day: date, sequence: str) -> None:
    code = codes.DossierCode(agency, day, sequence)
    assert codes.parse(str(code)) == code


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_and_never_shown(text: str) -> None:
    try:
        assert str(codes.parse(text)) == text
    except Refusal as refusal:
        assert refusal.code == "HUB-DOS-001"  # noqa: PT017 - either outcome is right; only the code is asked
