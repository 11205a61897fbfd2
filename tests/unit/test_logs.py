"""Log lines: JSON, known keys only, and no words of an error."""

from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from hub.processes import logs

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Logging as a process of the hub has it, into a text."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure("web", stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def only(lines: io.StringIO) -> dict[str, Any]:
    [line] = lines.getvalue().splitlines()
    told: dict[str, Any] = json.loads(line)
    return told


def test_a_line_is_one_json_object_with_process_time_and_level(lines: io.StringIO) -> None:
    structlog.get_logger("x").info("refused", code="HUB-SCH-001", size=3)
    told = only(lines)
    assert told.pop("timestamp").endswith("Z")
    assert told == {"event": "refused", "level": "info", "process": "web", "code": "HUB-SCH-001", "size": 3}


def test_a_key_that_is_not_known_is_dropped_and_named(lines: io.StringIO) -> None:
    structlog.get_logger("x").info("accepted", applicant="Nguyễn Văn Ánh", message="01M")
    told = only(lines)
    assert told["dropped"] == ["applicant"]
    assert "Ánh" not in lines.getvalue()


def fails(secret: str) -> None:
    raise ValueError(f"cannot read {secret}")


def test_an_error_is_told_by_type_and_place_not_by_its_words(lines: io.StringIO) -> None:
    try:
        fails("swordfish")
    except ValueError:
        structlog.get_logger("x").exception("request failed", request="r-1")
    told = only(lines)
    assert told["error"] == "ValueError"
    assert told["frames"][-1].startswith("unit/test_logs.py:")
    assert "swordfish" not in lines.getvalue()


def test_an_error_behind_an_error_tells_no_words_either(lines: io.StringIO) -> None:
    try:
        try:
            fails("swordfish")
        except ValueError as error:
            raise KeyError("swordfish") from error
    except KeyError:
        structlog.get_logger("x").exception("request failed")
    assert only(lines)["error"] == "KeyError"
    assert "swordfish" not in lines.getvalue()


def test_a_librarys_prose_is_not_kept(lines: io.StringIO) -> None:
    try:
        fails("swordfish")
    except ValueError:
        logging.getLogger("some.library").exception("while reading %s", "swordfish")
    told = only(lines)
    assert (told["logger"], told["error"]) == ("some.library", "ValueError")
    assert "swordfish" not in lines.getvalue()


def test_a_librarys_chatter_below_a_warning_is_left_out(lines: io.StringIO) -> None:
    logging.getLogger("some.library").info("hello")
    assert lines.getvalue() == ""
