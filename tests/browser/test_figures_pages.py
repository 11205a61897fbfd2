"""Figures in a browser: the officer's table opens its dossiers, the published report prints; both languages and themes, wide and narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from hub.figures import facts as ledger
from hub.figures.counting import World
from hub.figures.period import period
from hub.figures.publishing import FigureDesk
from hub.receipts.receipts import unsigned
from schemas.agencies import Agencies
from schemas.dossier import Channel, Kind
from schemas.procedures import Procedures
from tests.browser.conftest import LAND, NOW, preferring, signed_in, timedelta
from tests.browser.test_office_pages import Watched, looked, photograph
from tests.store.samples import acceptance
from tests.unit.test_figures import PROVINCE, TAM_KY, Story, at, money
from tools.obtain import accessibility_rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.sync_api import Browser

    from hub.store.contract.ledger import LateReason
    from tests.browser.conftest import Place

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(120)]
WEEK = period("2026-11-13", "2026-11-19")


def stories() -> list[Story]:
    """A land department's week, and a district that received one."""
    due = at("2026-11-18", 17)
    made = []
    for n in range(12):
        channel = (Channel.ONLINE, Channel.COUNTER, Channel.POST)[n % 3]
        told = Story(f"{LAND}-261113-{n:04}", due=due, received_by=LAND, channel=channel)
        paid = money("LP", 50_000, day="2026-11-16", receipt=f"BL-{n:04}", account="3714.0.1")
        made.append(told.say(Kind.RECEIVED, "2026-11-16", lines=(paid,)))
    for told in made[:7]:
        told.say(Kind.FINISHED, "2026-11-17").say(Kind.RESULT_HANDED_OVER, "2026-11-17", 11)
    made[7].say(Kind.FINISHED, "2026-11-19", 10)
    made[8].say(Kind.SUPPLEMENT_REQUESTED, "2026-11-17")
    made.append(Story(f"{TAM_KY}-261113-0001", due=due, received_by=TAM_KY).say(Kind.RECEIVED, "2026-11-16"))
    return made


@pytest.fixture(scope="module")
def report(place: Place) -> str:
    """Publish a week, and what became known after it; return the address of the restatement."""

    async def work() -> str:
        agencies = Agencies.load()
        desk = FigureDesk(
            place.hub.store, World(agencies=agencies, procedures=Procedures.load(agencies)), "H17"
        )
        for story in stories():
            for n, (known, fact) in enumerate(story.facts):
                name = f"d-{story.code}"
                new = acceptance(fact.message, dossier=name, version=n, partners=(), when=known)
                await place.hub.store.accept(msgspec.structs.replace(new, fact=ledger.to_json(fact)))
        late = f"code-d-{LAND}-261113-0007"
        await desk.propose(late, "Chờ xác minh thực địa tại xã", "Chi nhánh Tam Kỳ", "bình", NOW)
        await desk.accept(late, "", "an", NOW)
        told = await desk.draft("weekly", PROVINCE, WEEK, period("2026-01-09", "2026-11-19"), NOW)
        first = await desk.publish(told, unsigned, "an", "BC-47", NOW)
        story = Story(f"{LAND}-261113-0099", due=at("2026-12-01", 17), received_by=LAND)
        (fact,) = (fact for _, fact in story.say(Kind.RECEIVED, "2026-11-19").facts)
        later = NOW + timedelta(hours=1)
        new = acceptance(fact.message, dossier="d-99", partners=(), when=later)
        await place.hub.store.accept(msgspec.structs.replace(new, fact=ledger.to_json(fact)))
        _, draft, _ = await desk.restated(first.report.id, later)
        second = await desk.publish(draft, unsigned, "an", "bổ sung", later)
        return f"/reports/{second.report.id}/{second.report.edition}"

    return place.do(work())


OFFICE = f"/office/figures?from={WEEK.first}&to={WEEK.last}"


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_figures_open_their_dossiers_and_everybody_can_read_them(
    place: Place, chromium: Browser, report: str, language: str, theme: str
) -> None:
    rules = accessibility_rules().read_text("utf-8")
    context = chromium.new_context(color_scheme=theme, viewport={"width": 1440, "height": 900})  # type: ignore[arg-type]  # one of its words
    preferring(context, place.url, language)
    page = context.new_page()
    watched = Watched(page, place.url)
    for name, address in (("reports", "/reports"), ("report", report)):
        page.goto(f"{place.url}{address}?lang={language}")
        looked(page, rules, f"{language}-{theme}-{name}")
    signed_in(page, place.url)
    page.goto(f"{place.url}{OFFICE}")
    looked(page, rules, f"{language}-{theme}-figures")
    for figure, count in (("resolved_late", 1), ("handed_over", 7), ("collected", 12)):
        page.goto(f"{place.url}{OFFICE}")
        with page.expect_navigation():
            page.locator(f"tr.total a[href*='figure={figure}&']").click()
        assert page.locator("tbody tr").count() == count
        looked(page, rules, f"{language}-{theme}-figure-{figure}")
    assert watched.elsewhere == []
    assert watched.complaints == []
    context.close()


def test_the_unit_says_why_a_dossier_is_late(place: Place, chromium: Browser, report: str) -> None:
    assert report
    rules = accessibility_rules().read_text("utf-8")
    context = chromium.new_context(java_script_enabled=True, viewport={"width": 1280, "height": 860})
    page = context.new_page()
    signed_in(page, place.url)
    page.goto(f"{place.url}/office/figures/dossiers?figure=open_late&from={WEEK.first}&to={WEEK.last}")
    assert page.locator("tbody tr").count() == 3
    page.locator("summary").first.click()
    looked(page, rules, "say-why")
    page.fill("#unit-1", "Chi nhánh Tam Kỳ")
    page.fill("#reason-1", "Chờ trích đo thửa đất")
    with page.expect_navigation():
        page.locator("details[open] button").click()
    assert page.locator("[role=status]").count() == 1
    assert page.get_by_text("Chờ trích đo thửa đất").first.is_visible()
    (reason,) = [each for each in place.do(reasons(place)) if each.reason == "Chờ trích đo thửa đất"]
    assert (reason.what, reason.unit) == ("proposed", "Chi nhánh Tam Kỳ")
    looked(page, rules, "said-why")
    context.close()


async def reasons(place: Place) -> Sequence[LateReason]:
    return await place.hub.store.ledger.reasons()


def test_another_agencys_dossiers_are_not_opened(place: Place, chromium: Browser, report: str) -> None:
    assert report
    context = chromium.new_context()
    page = context.new_page()
    signed_in(page, place.url)
    found = page.goto(
        f"{place.url}/office/figures/dossiers?figure=received&line=H17&from={WEEK.first}&to={WEEK.last}"
    )
    assert found is not None
    assert found.status == 404
    page.goto(f"{place.url}/office/figures/dossiers?figure=open_late&from={WEEK.first}&to={WEEK.last}")
    stamp = page.locator("input[name=stamp]").first.get_attribute("value") or ""
    span = {"from": str(WEEK.first), "to": str(WEEK.last), "unit": "u", "reason": "r"}
    own, other = f"{LAND}-261113-0010", f"{TAM_KY}-261113-0001"
    expected: tuple[tuple[dict[str, Any], int], ...] = (
        ({**span, "code": own}, 403),
        ({**span, "code": other, "stamp": stamp}, 404),
        ({**span, "code": own, "stamp": stamp, "reason": " "}, 422),
    )
    for form, status in expected:
        answer = page.request.post(f"{place.url}/office/figures/reasons", form=form, max_redirects=0)
        assert answer.status == status, form
    assert not [each for each in place.do(reasons(place)) if each.reason == "r"]
    context.close()


def test_a_report_prints_in_dark_letters_and_is_not_cut_off(
    place: Place, chromium: Browser, report: str
) -> None:
    context = chromium.new_context(color_scheme="dark", viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(f"{place.url}{report}?lang=vi")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    photograph(page, "390-report")
    signed_in(page, place.url)
    page.goto(f"{place.url}{OFFICE}")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    photograph(page, "390-figures")
    page.goto(f"{place.url}{report}?lang=vi")
    page.emulate_media(media="print")
    ground = "() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    assert page.evaluate(ground) == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]
    assert not page.locator("nav").is_visible()
    context.close()
