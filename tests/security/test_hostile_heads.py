"""What reaches a hub before anyone has proved who he is costs next to nothing."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace
from typing import Any

import pytest

from hub.api.problems import language
from hub.judging.wrapping import check_media_type
from schemas.problems import Refusal
from schemas.strict_json import json_lines, parse_json


def seconds(call: Any) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def test_a_long_language_header_is_not_read_to_its_end() -> None:
    assert seconds(lambda: language("vi" + " " * 64_000 + "!", "vi")) < 0.05


@pytest.mark.parametrize("parameters", [26, 36, 4_000])
def test_a_content_type_of_many_parameters_is_refused_at_once(parameters: int) -> None:
    sender: Any = SimpleNamespace(media_types=frozenset({"application/json"}))
    headers = {"content-type": "application/json" + ';a="x"' * parameters + " !"}

    def refused() -> None:
        with pytest.raises(Refusal, match="HUB-SCH-010"):
            check_media_type(headers, sender)

    assert seconds(refused) < 0.05


def test_blanks_behind_a_mistake_cost_nothing() -> None:
    text = json.dumps({"a": 1}) + " " * 500_000
    assert seconds(lambda: json_lines(text)) < 0.2


@pytest.mark.parametrize("number", ["0e99999999999999999999999999", "1e9999999999999999999999"])
def test_an_exponent_beyond_all_bounds_is_a_wrong_value(number: str) -> None:
    with pytest.raises(Refusal, match="HUB-SCH-002"):
        parse_json(b'{"a": %s}' % number.encode())
