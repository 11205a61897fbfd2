"""The demonstration never leaves a person looking at a screen on which nothing happens."""

from __future__ import annotations

import asyncio
import re
import tomllib
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from hub.demo.telling import Told

if TYPE_CHECKING:
    import pytest


async def test_what_goes_on_is_said_again_and_again_until_something_else_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell, left = Told(), count(9, -1)
    async with tell.meanwhile("waiting", lambda: {"left": next(left)}, silence=0.1):
        await asyncio.sleep(0.35)
        before = capsys.readouterr().out
        tell("up")
        await asyncio.sleep(0.05)
        assert capsys.readouterr().out.startswith("✓ ")
    assert before.count("Waiting for the rest") in {2, 3}
    assert "còn 9" in before
    assert "còn 8" in before
    await asyncio.sleep(0.2)
    assert capsys.readouterr().out == ""


def test_every_sentence_of_the_demonstration_is_said_somewhere() -> None:
    demo = Path(__file__).parents[2] / "hub" / "demo"
    source = "".join(file.read_text("utf-8") for file in demo.glob("*.py"))
    words = tomllib.loads((demo / "words.toml").read_text("utf-8"))
    said = set(re.findall(r'(?:tell|meanwhile)\(\s*"(\w+)"', source))
    assert said == set(words)
