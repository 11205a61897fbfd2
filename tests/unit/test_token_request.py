"""What is read at ``/token``: RFC 6749 and nothing beside it."""

from __future__ import annotations

import base64

import pytest

from hub.api.token_desk import Asked, read
from schemas.problems import Refusal

FORM = "application/x-www-form-urlencoded"
GRANT = "grant_type=client_credentials"


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    ("body", "authorization", "media_type"),
    [
        (f"{GRANT}&client_id=a&client_secret=s%20%2B", "", FORM),
        (f"client_secret=s+%2b&client_id=a&scope=x&{GRANT}", "", f"{FORM}; charset=UTF-8"),
        (GRANT, basic("a:s+%2B"), FORM),
        (f"{GRANT}&client_id=a", f"bAsIc {base64.b64encode(b'a:s%20%2B').decode()}", FORM),
    ],
)
def test_a_client_says_id_and_secret_in_the_form_or_as_basic(
    body: str, authorization: str, media_type: str
) -> None:
    assert read(body.encode(), authorization, media_type) == Asked("a", "s +")


@pytest.mark.parametrize(
    ("body", "authorization", "code"),
    [
        ("", "", "HUB-AUT-016"),
        ("grant_type=password&username=a&password=b", "", "HUB-AUT-017"),
        ("grant_type=&client_id=a&client_secret=b", "", "HUB-AUT-017"),
        (f"{GRANT}&client_id=a", "", "HUB-AUT-016"),
        (f"{GRANT}&client_id=a&client_secret=", "", "HUB-AUT-016"),
        (f"{GRANT}&client_id=a&client_id=b&client_secret=s", "", "HUB-AUT-016"),
        (f"{GRANT}&client_id=a&client_secret=s", basic("a:s"), "HUB-AUT-016"),
        (f"{GRANT}&client_id=b", basic("a:s"), "HUB-AUT-016"),
        (GRANT, "Bearer abc", "HUB-AUT-016"),
        (GRANT, "Basic ???", "HUB-AUT-016"),
        (GRANT, basic("no colon"), "HUB-AUT-016"),
        (GRANT, f"Basic {base64.b64encode(bytes([255, 58, 255])).decode()}", "HUB-AUT-016"),
        (GRANT + "".join(f"&x{n}=1" for n in range(30)), "", "HUB-AUT-016"),
        (f"{GRANT}&client_id=%ff&client_secret=s", "", "HUB-AUT-016"),
        ("client_id=ủ", "", "HUB-AUT-016"),
    ],
)
def test_anything_else_is_refused(body: str, authorization: str, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        read(body.encode(), authorization, FORM)
    assert caught.value.code == code


def test_json_is_no_form() -> None:
    with pytest.raises(Refusal, match="HUB-AUT-016"):
        read(b"{}", "", "application/json")
