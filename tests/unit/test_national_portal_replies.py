"""What the portal's answers mean; samples by docs/explanation/national-portal.md §5."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.national_portal.envelope import call, headers, lookup, target, updating
from connectors.national_portal.replies import ROWS, confirms, hear, known, progress_known, session_in
from connectors.national_portal.settings import PROGRESS_NAMES, Lookup, Progress, Settings
from connectors.replies import classify

CODE = "000.00.15.H47-190412-0007"


def settings(**keys: Any) -> Settings:
    return Settings.model_validate(
        {
            "base_url": "http://127.0.0.1:8081/XrdAdapter/RestService/forward",
            "agency": "000.00.00.H47",
            "username": "000.00.00.H47",
            "password_file": "portal.password",
            "integration_path": "/mapi/g",
            "share_path": "/mapi/share",
            **keys,
        }
    )


@pytest.mark.parametrize(
    ("body", "status", "action", "code"),
    [
        ('{"error_code":"0","message":"Đồng bộ hồ sơ thành công"}', 200, "delivered", ""),
        ('{"error_code":0,"message":"Cập nhật thành công","result":[]}', 200, "delivered", ""),
        ('\ufeff{"error_code":"00"}', 200, "delivered", ""),
        ('{"error_code":" 0 "}', 200, "delivered", ""),
        ('{"error_code":0}', 500, "unsure", "HUB-PAR-003"),
        (
            '{"error_code":"-3","message":"Hồ sơ X đã tồn tại"}',
            200,
            "switch_to_update",
            "HUB-PAR-007",
        ),
        (
            '{"error_code":"3","message":"Trường TrichYeuHoSo không được để trống"}',
            200,
            "refused",
            "HUB-PAR-001",
        ),
        ('{"error_code":"1","message":"Phiên làm việc hết hạn"}', 200, "log_in_again", "HUB-PAR-005"),
        ('{"error_code":"77","message":"thành công"}', 200, "unsure", "HUB-PAR-006"),
        ('{"error_code":"","message":"thành công"}', 200, "unsure", "HUB-PAR-002"),
        ('{"error_code":null}', 200, "unsure", "HUB-PAR-002"),
        ('{"error_code":false}', 200, "unsure", "HUB-PAR-006"),
        ('{"message":"thành công"}', 200, "unsure", "HUB-PAR-002"),
        ('{"error_code":"0","error_code":"3"}', 200, "unsure", "HUB-PAR-002"),
        ('{"error_code":"0","message":"cắt ngang', 200, "unsure", "HUB-PAR-002"),
        ("[]", 200, "unsure", "HUB-PAR-002"),
        ("0", 200, "unsure", "HUB-PAR-002"),
        ('""', 200, "unsure", "HUB-PAR-002"),
        ("", 200, "unsure", "HUB-PAR-002"),
        ("<html><body>502 Bad Gateway</body></html>", 200, "unsure", "HUB-PAR-002"),
        ("<html><body>502 Bad Gateway</body></html>", 502, "unsure", "HUB-PAR-003"),
        ('"Cập nhật tiến độ thành công"', 200, "unsure", "HUB-PAR-002"),
        ("Cập nhật tiến độ thành công", 200, "unsure", "HUB-PAR-002"),
        ("<html>đăng nhập</html>", 401, "log_in_again", "HUB-PAR-005"),
        ("", 403, "log_in_again", "HUB-PAR-005"),
        ("", 429, "deferred", "HUB-PAR-008"),
    ],
)
def test_an_answer_means_what_the_table_says(body: str, status: int, action: str, code: str) -> None:
    verdict = classify(hear(status, "application/json", body.encode()).reply, ROWS)
    assert (verdict.action, verdict.code) == (action, code)


@pytest.mark.parametrize(
    ("body", "status", "there"),
    [
        ({"error_code": 0, "message": "", "result": [{"MAHOSO": CODE, "TRANGTHAIHOSO": "4"}]}, 200, 1),
        ({"error_code": "00", "result": [{"TRANGTHAIHOSO": "4"}]}, 200, 1),
        ({"error_code": 0, "result": []}, 200, 0),
        ({"error_code": 0, "result": [{"MAHOSO": "another"}]}, 200, 0),
        ({"error_code": 0, "result": [{"MAHOSO": None}]}, 200, None),
        ({"error_code": 0, "result": None}, 200, None),
        ({"error_code": 0, "result": "Không có dữ liệu"}, 200, None),
        ({"error_code": 0, "result": ["x"]}, 200, None),
        ({"error_code": 0}, 200, None),
        ({"error_code": 0, "result": []}, 500, None),
        ({"error_code": "-1", "result": []}, 200, None),
        ({"error_code": "-1", "message": "Không tìm thấy hồ sơ"}, 200, None),
        ({"result": []}, 200, None),
        ([], 200, None),
        ("", 200, None),
    ],
)
def test_an_error_of_the_lookup_is_never_read_as_not_there(body: Any, status: int, there: int | None) -> None:
    found = known(hear(status, "application/json", json.dumps(body).encode()), Lookup(), CODE)
    assert (None if found is None else len(found)) == there


def test_html_with_an_empty_result_is_no_answer_of_the_lookup() -> None:
    page = b'<html>{"error_code":0,"result":[]}</html>'
    assert known(hear(200, "application/json", page), Lookup(), CODE) is None


def test_the_partners_file_may_name_the_error_that_means_not_there() -> None:
    absent = Lookup.model_validate({"absent": [{"code": ["-1"], "phrase": "không tìm thấy"}]})

    def there(body: dict[str, Any]) -> object:
        return known(hear(200, "application/json", json.dumps(body).encode()), absent, CODE)

    assert there({"error_code": "-1", "message": "Không tìm thấy hồ sơ"}) == ()
    assert there({"error_code": "-1", "message": "Lỗi hệ thống"}) is None
    assert there({"error_code": "-2", "message": "Không tìm thấy hồ sơ"}) is None


def test_an_update_is_confirmed_only_by_all_named_values() -> None:
    lookup_settings = Lookup(confirms={"TrangThaiHoSo": "TRANGTHAIHOSO", "NgayTra": "NGAYTRA"})
    sealed = {"TrangThaiHoSo": "9", "NgayTra": ""}
    assert confirms([{"TRANGTHAIHOSO": 9, "NGAYTRA": None}], sealed, lookup_settings)
    assert not confirms([{"TRANGTHAIHOSO": "9"}], sealed, lookup_settings)
    assert not confirms([{"TRANGTHAIHOSO": "4", "NGAYTRA": ""}], sealed, lookup_settings)
    assert not confirms([{"TRANGTHAIHOSO": "", "NGAYTRA": ""}], {}, lookup_settings)
    assert not confirms([{"TRANGTHAIHOSO": "9"}], sealed, Lookup())


OURS = {
    "ThoiDiemXuLy": "20190412160000",
    "TrangThai": "4",
    "NguoiXuLy": "Lê Văn A",
    "NoiDungXuLy": "Thẩm tra",
    "ChucDanh": "",
}
THERE = {there: OURS[ours] for ours, there in PROGRESS_NAMES.items()}


def test_progress_is_known_by_time_state_person_and_content() -> None:
    progress = Progress(list="TIENDO")
    other = OURS | {"ThoiDiemXuLy": "20190413160000"}
    assert progress_known([{"TIENDO": [THERE]}], [OURS], progress) is True
    assert progress_known([{"TIENDO": []}], [OURS], progress) is False
    assert progress_known([], [OURS], progress) is False
    assert progress_known([{"TIENDO": [THERE]}], [other], progress) is False
    assert progress_known([{"TIENDO": [THERE]}], [OURS, other], progress) is None


@pytest.mark.parametrize(
    "record",
    [{}, {"TIENDO": None}, {"TIENDO": "x"}, {"TIENDO": ["x"]}, {"TIENDO": [{"THOIDIEMXULY": "2019"}]}],
    ids=str,
)
def test_a_progress_list_that_cannot_be_read_proves_nothing(record: dict[str, Any]) -> None:
    assert progress_known([record], [OURS], Progress(list="TIENDO")) is None


def test_names_in_another_unicode_form_are_the_same_person() -> None:
    decomposed = {**THERE, "NGUOIXULY": "Lê Văn A"}
    assert progress_known([{"TIENDO": [decomposed]}], [OURS], Progress(list="TIENDO")) is True


@pytest.mark.parametrize(
    ("body", "session"),
    [
        ('{"error_code":0,"message":"Thành công","session":"6f0d0e9c-6d4e"}', "6f0d0e9c-6d4e"),
        ('{"error_code":"0","session":"6f0d0e9c-6d4e"}', "6f0d0e9c-6d4e"),
        ('{"error_code":"1","session":"6f0d0e9c-6d4e"}', ""),
        ('{"error_code":0,"session":""}', ""),
        ('{"error_code":0,"session":"x"}', ""),
        ('{"error_code":0,"session":["6f0d0e9c-6d4e"]}', ""),
        ("<html/>", ""),
    ],
)
def test_only_a_granted_login_has_a_session(body: str, session: str) -> None:
    assert session_in(hear(200, "application/json", body.encode())) == session


def test_the_sealed_array_stands_last_and_untouched_in_the_envelope() -> None:
    data = '[ {"MaHoSo" : "X", "ChuHoSo":"Nguy\\u1ec5n Văn"} ]'.encode()
    body = call('s"1', "000.00.00.H47", "DongBoHoSoMC", updating(yes=False), data)
    assert body.endswith(b',"data":' + data + b"}")
    assert json.loads(body) == {
        "session": 's"1',
        "madonvi": "000.00.00.H47",
        "service": "DongBoHoSoMC",
        "isUpdating": "False",
        "data": json.loads(data),
    }


def test_the_lookup_asks_in_lower_case() -> None:
    assert json.loads(call("s", "H", "TraCuuHoSo", lookup(CODE)))["mahoso"] == CODE


def test_dstcode_travels_as_header_or_as_query() -> None:
    code = "VN:GOV:000.00.00.G22:vpcpdvcprovider"
    assert headers(settings(dstcode=code))["dstcode"] == code
    assert target(settings(dstcode=code), "/mapi/g") == "/mapi/g"
    query = settings(dstcode=code, dstcode_in="query", providerurl="https://dvcqg.example.vn/mapi")
    assert "dstcode" not in headers(query)
    assert (
        target(query, "/mapi/g")
        == "/mapi/g?dstcode=VN%3AGOV%3A000.00.00.G22%3Avpcpdvcprovider&providerurl=https%3A%2F%2Fdvcqg.example.vn%2Fmapi"
    )
