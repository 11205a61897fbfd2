"""One chromium and one hub for all tests of a file: the hub runs in a thread of its own, so that the browser may be asked plainly."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from playwright.sync_api import sync_playwright

from tests.integration.intake_house import LAND
from tests.integration.office_house import NOW, PASSWORD, at_work, laid, made_in

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page

    from tests.integration.intake_house import House

CHROMIUM = "/usr/bin/chromium"
T = TypeVar("T")


@dataclass
class Place:
    """A running hub. ``do``: something of it, from the thread of the test."""

    hub: House
    loop: asyncio.AbstractEventLoop

    def do(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(30)

    @property
    def url(self) -> str:
        return self.hub.url

    def arrives(self, **more: Any) -> tuple[str, str]:
        """A dossier comes in; returns its code and its letter."""

        async def one() -> tuple[str, str]:
            before = {each.transfer for each in await self.hub.store.mailbox.letters("land")}
            code = self.hub.code()
            told = await self.hub.post(self.hub.received(code, **more), key=code)
            assert told.status == 202, told.body
            there = set(await laid(self.hub, count=len(before) + 1)) - before
            return code, there.pop()

        return self.do(one())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("hub")
    with running(folder) as made:
        yield made


@contextmanager
def running(folder: Path) -> Iterator[Place]:
    made: Future[Place] = Future()
    over: Future[asyncio.Event] = Future()

    async def work() -> None:
        end = asyncio.Event()
        over.set_result(end)
        async with at_work(folder, made_in(folder)) as hub:
            made.set_result(Place(hub, asyncio.get_running_loop()))
            await end.wait()

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    try:
        here = made.result(60)
        yield here
    finally:
        end = over.result(60)
        here.loop.call_soon_threadsafe(end.set)
        thread.join()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Start one browser for a file. Its tools keep an event loop in this thread, which must be over before other tests want theirs."""
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def signed_in(page: Page, url: str, login: str = "lan.nt") -> None:
    page.goto(f"{url}/office")
    page.fill("#login", login)
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url(f"{url}/office")


def preferring(context: BrowserContext, url: str, language: str) -> None:
    context.add_cookies([{"name": "lienthong-language", "value": language, "url": url}])


__all__ = ["LAND", "NOW", "Place", "preferring", "signed_in", "timedelta"]
