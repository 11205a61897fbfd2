"""The officer's pages in a browser: by keyboard alone, without scripts, in both languages and themes, wide and narrow.

``make screenshots`` keeps what they look like in ``var/screenshots``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import NOW, preferring, signed_in, timedelta
from tests.integration.office_house import Browser as Plain
from tools.obtain import accessibility_rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, Request, Response

    from tests.browser.conftest import Place

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(120)]

SCREENSHOTS = os.environ.get("SCREENSHOTS", "")
LONG = "Giấy chứng nhận quyền sử dụng đất, quyền sở hữu nhà ở và tài sản khác gắn liền với đất – cấp đổi, thửa 112, tờ bản đồ số 7"
HEAVIEST = 60 * 1024


@pytest.fixture(scope="module")
def day(place: Place) -> dict[str, str]:
    """A day's work: what is late, what is soon due, what has no date; one dossier answered before. Returns the pages' addresses."""
    due = {"due_at": (NOW - timedelta(days=2, hours=3)).isoformat()}
    who = {
        "name": "Nguyễn Thị Ánh Tuyết",
        "kind": "citizen",
        "identities": [{"kind": "cccd", "number": "001099000123"}],
        "phone": "0900 000 000",
        "address": "Số 1, đường Mẫu, xã Mẫu",
    }
    _, letter = place.arrives(
        **due,
        summary=LONG,
        applicant=who,
        fees=[{"name": "Lệ phí cấp giấy", "amount": 1_250_000, "state": "due"}],
        papers=[{"name": "Bản chính giấy chứng nhận", "quantity": "1"}],
    )
    place.arrives(due_at=(NOW + timedelta(hours=20)).isoformat())
    place.arrives(due_at=(NOW + timedelta(days=9)).isoformat())
    return {"letter": f"/office/letters/{letter}", "answered": answered(place)}


def answered(place: Place) -> str:
    """Confirm a dossier by the form and report progress; return its page."""
    _, letter = place.arrives(applicant={"name": "Công ty TNHH Mẫu Đơn", "kind": "enterprise"})

    async def work() -> str:
        async with Plain(place.url) as lan:
            await lan.signed_in("lan.nt")
            page = await lan.get(f"/office/letters/{letter}")
            fields = {"stamp": page.stamp, "digest": page.hidden("digest")}
            page = await lan.post(f"/office/letters/{letter}/confirm", fields)
            address = page.address.partition("?")[0]
            page = await lan.get(f"{address}/say/step")
            told = {
                "stamp": page.stamp,
                "once": page.hidden("once"),
                "at": "2026-11-23T11:30",
                "content": "Đã kiểm tra thực địa",
            }
            await lan.post(f"{address}/say/step", told)
            return address

    return place.do(work())


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context()
    yield context.new_page()
    context.close()


def focused(page: Page) -> str:
    """What the keyboard is at: its words, or its field's name."""
    return str(
        page.evaluate(
            "() => { const e = document.activeElement; return e === document.body ? '' : e.name || e.innerText || e.href || '' }"
        )
    )


def reach(page: Page, wanted: str, most: int = 60) -> None:
    """Press Tab until the keyboard is there."""
    for _ in range(most):
        if wanted in focused(page):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{wanted}: not reached by keyboard on {page.url}")


def enter(page: Page) -> None:
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_the_days_work_is_done_by_keyboard_alone(place: Place, page: Page) -> None:
    code, _ = place.arrives(due_at=(NOW - timedelta(days=30)).isoformat())
    page.goto(f"{place.url}/office")
    page.keyboard.press("Tab")
    assert focused(page) == "Đến nội dung chính"
    for name, value in (("login", "lan.nt"), ("password", "một mật khẩu đủ dài")):
        reach(page, name)
        page.keyboard.type(value)
    enter(page)
    reach(page, code)
    enter(page)
    reach(page, "Xác nhận đã nhận")
    enter(page)
    assert "Đã xác nhận" in page.locator("[role=status]").inner_text()
    reach(page, "Báo tiến độ")
    enter(page)
    reach(page, "content")
    page.keyboard.type("Đã nhận đủ hồ sơ, đang thẩm định")
    reach(page, "Gửi")
    enter(page)
    assert "Hub giữ biên nhận" in page.locator("[role=status]").inner_text()


def test_without_scripts_the_whole_job_is_done_with_a_file(
    place: Place, chromium: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "kết quả.pdf"
    file.write_bytes(b"%PDF-1.7 ket qua")
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    signed_in(page, place.url)
    address = answered(place)
    page.goto(f"{place.url}{address}")
    page.click("text=Trả kết quả")
    page.fill("#result_name", "Giấy chứng nhận")
    page.set_input_files("#files", file)
    page.click("main button.main")
    assert "Biên nhận" in page.inner_text("h1")
    page.goto(f"{place.url}{address}")
    assert "kết quả.pdf" in page.inner_text("main") or "Giấy chứng nhận" in page.inner_text("main")
    assert "Đã xử lý xong" in page.inner_text("main")
    context.close()


@pytest.mark.parametrize(
    ("system", "chosen", "ground"),
    [("light", "Tối", "rgb(18, 22, 28)"), ("dark", "Sáng", "rgb(245, 246, 248)")],
)
def test_a_theme_that_was_chosen_counts_whatever_the_system_says(
    place: Place, chromium: Browser, system: str, chosen: str, ground: str
) -> None:
    context = chromium.new_context(color_scheme=system)  # type: ignore[arg-type]  # one of its words
    page = context.new_page()
    page.goto(f"{place.url}/office/sign-in")
    with page.expect_navigation():
        page.click(f"text={chosen}")
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == ground
    assert page.locator(f"button[aria-pressed=true]:has-text('{chosen}')").count() == 1
    context.close()


def shown(day: dict[str, str]) -> dict[str, str]:
    return {
        "waiting": "/office",
        "letter": day["letter"],
        "received": "/office/received",
        "sent": "/office/sent",
        "dossier": day["answered"],
        "say": f"{day['answered']}/say/duty_announced",
        "new": "/office/new",
        "error": "/office/sent/nothing",
    }


class Watched:
    """What a page fetches, from where and how much of it; what it complains of."""

    def __init__(self, page: Page, url: str) -> None:
        self.elsewhere: list[str] = []
        self.complaints: list[str] = []
        self._url = url
        self.weight = 0
        page.on("request", self._asked)
        page.on("response", self._got)
        page.on(
            "console",
            lambda said: self.complaints.append(said.text) if "Security Policy" in said.text else None,
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _got(self, response: Response) -> None:
        if response.ok and not response.url.startswith("data:"):
            self.weight += len(response.body())

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self._url, "data:")):
            self.elsewhere.append(request.url)


def violations(page: Page, rules: str) -> list[str]:
    page.evaluate(rules)
    found: dict[str, Any] = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [f"{each['id']}: {node['html']}" for each in found["violations"] for node in each["nodes"]]


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_open_to_everybody_and_stays_at_home(
    place: Place, chromium: Browser, day: dict[str, str], language: str, theme: str
) -> None:
    rules = accessibility_rules().read_text("utf-8")
    context = chromium.new_context(color_scheme=theme, viewport={"width": 1280, "height": 860})  # type: ignore[arg-type]  # one of its words
    preferring(context, place.url, language)
    page = context.new_page()
    watched = Watched(page, place.url)
    page.goto(f"{place.url}/office/sign-in")
    looked(page, rules, f"{language}-{theme}-sign-in")
    signed_in(page, place.url)
    for name, address in shown(day).items():
        watched.weight = 0
        page.goto(f"{place.url}{address}")
        assert watched.weight <= HEAVIEST, name
        assert page.get_attribute("html", "lang") == language
        looked(page, rules, f"{language}-{theme}-{name}")
    refused(page, f"{place.url}{day['answered']}/say/fee_due")
    looked(page, rules, f"{language}-{theme}-wrong")
    printed(page, f"{place.url}{day['letter']}")
    assert watched.weight > 0
    assert watched.elsewhere == []
    assert watched.complaints == []
    context.close()


def refused(page: Page, address: str) -> None:
    """Send a form with mistakes in it, as a browser would that does not look at them first."""
    page.goto(address)
    page.evaluate("() => document.querySelector('form[enctype]').setAttribute('novalidate', '')")
    page.fill("#fee_amount", "nhiều")
    with page.expect_navigation():
        page.click("main button.main")
    assert page.locator("[aria-invalid=true]").count() == 2
    assert page.input_value("#fee_amount") == "nhiều"


def printed(page: Page, address: str) -> None:
    """On paper: what was said in dark letters on white, and nothing to press."""
    page.goto(address)
    page.emulate_media(media="print")
    ground = "() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('dt')).color]"
    assert page.evaluate(ground) == ["rgb(255, 255, 255)", "rgb(74, 86, 102)"]
    assert [each for each in page.locator("button, input, nav a").all() if each.is_visible()] == []
    page.emulate_media(media="screen")


def looked(page: Page, rules: str, name: str) -> None:
    assert violations(page, rules) == [], name
    photograph(page, name)


def photograph(page: Page, name: str) -> None:
    if SCREENSHOTS:
        folder = Path(SCREENSHOTS)
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"{name}.png", full_page=True)


@pytest.mark.parametrize("width", [390, 320])
def test_on_a_small_screen_nothing_is_cut_off(
    place: Place, chromium: Browser, day: dict[str, str], width: int
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.goto(f"{place.url}/office/sign-in")
    photograph(page, f"{width}-sign-in")
    signed_in(page, place.url)
    for name, address in shown(day).items():
        page.goto(f"{place.url}{address}")
        wide = page.evaluate("() => document.documentElement.scrollWidth")
        assert wide <= width, name
        photograph(page, f"{width}-{name}")
    context.close()
