"""The officer's pages over a real socket and the real store, without a browser: the whole job, and what must not be possible."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import html
import json
import os
import re
import threading
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import aiohttp
import pytest
from argon2 import PasswordHasher

from hub.api.failures import Failures
from hub.api.later import Later
from hub.console.gate import MOST_WAITING, Gate
from hub.lifecycle import State
from hub.settings.sections import Console as Times
from hub.store.contract.views import Filter
from schemas.dossier import from_json
from tests.doubles.pki import Pki
from tests.integration.delivery_house import until
from tests.integration.intake_house import LAND, PROCEDURE, house, partner_files, parts
from tests.integration.office_house import NOW, PASSWORD, Browser, Page, at_work, laid, made_in, officer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from schemas.dossier import Message
    from tests.integration.intake_house import House, Parts

AT = "2026-11-23T11:30"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return made_in(tmp_path_factory.mktemp("house"))


async def opened(hub: House, lan: Browser, **dossier: Any) -> tuple[str, str, Page]:
    """A dossier comes in and its letter is opened; returns code, transfer and page."""
    code = hub.code()
    assert (await hub.post(hub.received(code, **dossier), key=code)).status == 202
    (letter,) = await laid(hub)
    return code, letter, await lan.get(f"/office/letters/{letter}")


async def confirmed(hub: House, lan: Browser, **dossier: Any) -> Page:
    """The dossier's page, after its letter was confirmed."""
    _, letter, page = await opened(hub, lan, **dossier)
    fields = {"stamp": page.stamp, "digest": page.hidden("digest")}
    return await lan.post(f"/office/letters/{letter}/confirm", fields)


def path_of(page: Page) -> str:
    return page.address.partition("?")[0]


async def filled(lan: Browser, path: str, **fields: str) -> dict[str, str]:
    page = await lan.get(path)
    assert page.status == 200, page.text
    return {
        "stamp": page.stamp,
        "once": page.hidden("once"),
        "by": page.hidden("by"),
        "at": AT,
        **fields,
    }


def form(fields: dict[str, str], *files: tuple[str, bytes, str]) -> aiohttp.FormData:
    made = aiohttp.FormData(default_to_multipart=True)
    for name, value in fields.items():
        made.add_field(name, value)
    for name, content, media in files:
        made.add_field("files", content, filename=name, content_type=media)
    return made


async def said(hub: House) -> list[Message]:
    """What the office's officers said, the newest first."""
    found: list[Message] = []
    for each in await hub.store.transfers(Filter(sender="land")):
        kept = await hub.store.payloads(each.id)
        if kept is not None:
            found.append(from_json(kept.canonical))
    return found


async def test_a_letter_is_read_confirmed_and_answered_with_a_result(made: Parts, tmp_path: Path) -> None:
    async with at_work(tmp_path, made) as hub, Browser(hub.url) as lan:
        await lan.signed_in("lan.nt")
        code, letter, page = await opened(hub, lan)
        for shown in (code, "Nguyễn Văn Ánh", PROCEDURE):
            assert shown in page.text
        fields = {"stamp": page.stamp, "digest": page.hidden("digest")}
        page = await lan.post(f"/office/letters/{letter}/confirm", fields)
        assert (page.status, "Đã xác nhận" in page.text) == (200, True)
        view = await hub.store.transfer(letter)
        assert view is not None
        assert view.state is State.ACKNOWLEDGED
        dossier = path_of(page)
        step = await filled(lan, f"{dossier}/say/step", content="Đang thẩm định")
        assert (await lan.post(f"{dossier}/say/step", form(step))).status == 200
        finished = await filled(
            lan, f"{dossier}/say/finished", result_name="Giấy chứng nhận", result_code="GCN-1"
        )
        page = await lan.post(
            f"{dossier}/say/finished", form(finished, ("két quả.pdf", b"%PDF-1.7", "application/pdf"))
        )
        assert (page.status, "Biên nhận" in page.text) == (200, True)
        heard = await hub.store.transfers(Filter(sender="land", partner="desk"))
        assert [each.kind for each in heard] == ["finished", "step"]
        told = next(each for each in await said(hub) if each.kind == "finished")
        assert told.dossier is not None
        (result,) = told.dossier.results
        assert (result.sha256, result.name) == (hashlib.sha256(b"%PDF-1.7").hexdigest(), "Giấy chứng nhận")
        assert told.event.actor is not None
        assert told.event.actor.name == "Nguyễn Thị Lan"


async def test_the_same_form_sent_again_is_one_message(made: Parts, tmp_path: Path) -> None:
    async with at_work(tmp_path, made) as hub, Browser(hub.url) as lan:
        await lan.signed_in("lan.nt")
        path = f"{path_of(await confirmed(hub, lan))}/say/step"
        fields = await filled(lan, path, content="Một lần")
        pages = await asyncio.gather(*(lan.post(path, form(fields)) for _ in range(3)))
        assert {page.status for page in pages} == {200}
        assert len({path_of(page) for page in pages}) == 1
        assert "được gửi trước đó" in (await lan.post(path, form(fields))).text
        changed = await lan.post(path, form({**fields, "content": "Khác"}))
        assert (changed.status, "HUB-IDM-002" in changed.text, "Khác" in changed.text) == (422, True, True)
        assert changed.hidden("once") != fields["once"]
        assert len({each.key for each in await said(hub)}) == 1


async def test_what_is_offered_follows_the_dossiers_story(made: Parts, tmp_path: Path) -> None:
    async with at_work(tmp_path, made) as hub, Browser(hub.url) as lan:
        await lan.signed_in("lan.nt")
        page = await confirmed(hub, lan)
        dossier = path_of(page)
        assert f"{dossier}/say/step" in page.text
        assert f"{dossier}/say/finished" not in page.text
        assert (await lan.get(f"{dossier}/say/finished")).status == 409
        fields = await filled(lan, f"{dossier}/say/step", content="Bắt đầu")
        await lan.post(f"{dossier}/say/step", form(fields))
        assert f"{dossier}/say/finished" in (await lan.get(dossier)).text
        fields = await filled(
            lan, f"{dossier}/say/supplement_requested", content="Thiếu bản sao", due="2026-12-01"
        )
        await lan.post(f"{dossier}/say/supplement_requested", form(fields))
        page = await lan.get(dossier)
        assert "Chờ bổ sung giấy tờ" in page.text
        assert f"{dossier}/say/finished" not in page.text


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("fee_due", {"fee_name": "Lệ phí", "fee_amount": "1.250.000"}),
        ("fee_paid", {"fee_name": "Lệ phí", "fee_amount": "1 250 000", "fee_receipt": "BL-7"}),
        ("duty_announced", {"duty_notice": "TB-1", "duty_item": "Thuế", "duty_amount": "1,250,000"}),
    ],
)
async def test_money_is_read_as_it_is_written_here(
    made: Parts, tmp_path: Path, kind: str, fields: dict[str, str]
) -> None:
    async with at_work(tmp_path, made) as hub, Browser(hub.url) as lan:
        await lan.signed_in("lan.nt")
        dossier = path_of(await confirmed(hub, lan))
        step = await filled(lan, f"{dossier}/say/step", content="Bắt đầu")
        await lan.post(f"{dossier}/say/step", form(step))
        told = await filled(lan, f"{dossier}/say/{kind}", **fields)
        assert (await lan.post(f"{dossier}/say/{kind}", form(told))).status == 200
        found = next(each for each in await said(hub) if each.kind == kind)
        assert found.dossier is not None
        fees = [each.amount for each in found.dossier.fees]
        assert [*fees, *(each.amount for each in found.dossier.duties)] == [1_250_000]


async def test_what_is_missing_is_named_beside_its_field_and_what_was_typed_stays(
    made: Parts, tmp_path: Path
) -> None:
    async with at_work(tmp_path, made) as hub, Browser(hub.url) as lan:
        await lan.signed_in("lan.nt")
        dossier = path_of(await confirmed(hub, lan))
        path = f"{dossier}/say/fee_due"
        fields = await filled(lan, path, fee_name="Lệ phí cấp đổi", fee_amount="nhiều")
        page = await lan.post(path, form({**fields, "at": ""}))
        assert page.status == 422
        assert page.hidden("once") == fields["once"]
        for shown in ("Lệ phí cấp đổi", 'id="fee_amount-wrong"', 'id="at-wrong"', "HUB-OFF-005"):
            assert shown in page.text
        assert await said(hub) == []


@pytest.mark.parametrize(
    ("kind", "wrong", "fields"),
    [
        ("step", "at", {"content": "Xong", "at": "2027-01-01T08:00"}),
        ("step", "at", {"content": "Xong", "at": "2026-11-23T12:06"}),
        ("apology", "due", {"reason": "Mưa", "due": "2020-01-01"}),
        ("apology", "due", {"reason": "Mưa", "due": "2026-11-22", "at": "2026-11-20T08:00"}),
        ("due_date_changed", "due", {"reason": "Mưa", "due": "2020-01-01", "at": "2019-12-01T08:00"}),
    ],
)
async def test_what_cannot_have_happened_yet_and_what_is_due_no_more_is_refused_at_its_field(
    made: Parts, tmp_path: Path, kind: str, wrong: str, fields: dict[str, str]
) -> None:
    async with at_work(tmp_path, made) as hub, Browser(hub.url) as lan:
        await lan.signed_in("lan.nt")
        path = f"{path_of(await confirmed(hub, lan))}/say/{kind}"
        page = await lan.post(path, form(await filled(lan, path, **fields)))
        assert (page.status, f'id="{wrong}-wrong"' in page.text) == (422, True)
        assert await said(hub) == []


async def test_a_dossier_that_is_entered_late_may_be_over_due_but_was_not_when_it_came(
    made: Parts, tmp_path: Path
) -> None:
    async with at_work(tmp_path, made) as hub, Browser(hub.url) as lan:
        await lan.signed_in("lan.nt")
        told = {"procedure": PROCEDURE, "applicant": "Lê Thị Bưởi", "applicant_kind": "citizen"}
        told |= {"code": f"{LAND}-261120-0001", "at": "2026-11-20T08:00"}
        page = await lan.post("/office/new", form(await filled(lan, "/office/new", due="2026-11-19", **told)))
        assert (page.status, 'id="due-wrong"' in page.text) == (422, True)
        page = await lan.post("/office/new", form(await filled(lan, "/office/new", due="2026-11-21", **told)))
        assert (page.status, "Biên nhận" in page.text) == (200, True)


async def test_a_form_that_was_taken_gets_its_receipt_on_the_day_after_its_due_date_too(
    made: Parts, tmp_path: Path
) -> None:
    moment = [NOW]
    async with at_work(tmp_path, made, clock=lambda: moment[0]) as hub, Browser(hub.url) as lan:
        await lan.signed_in("lan.nt")
        path = f"{path_of(await confirmed(hub, lan))}/say/apology"
        fields = await filled(lan, path, reason="Mưa", due="2026-11-23")
        await lan.post(path, form(fields))
        moment[0] += timedelta(days=1)
        await lan.signed_in("lan.nt")
        fields["stamp"] = (await lan.get("/office")).stamp
        page = await lan.post(path, form(fields))
        assert (page.status, "được gửi trước đó" in page.text) == (200, True)


async def test_what_nobody_receives_is_called_kept_and_is_found_again(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = made_in(tmp_path_factory.mktemp("few"), hears=("finished",))
    async with at_work(tmp_path, made) as hub, Browser(hub.url) as lan:
        await lan.signed_in("lan.nt")
        confirm = await confirmed(hub, lan)
        dossier = path_of(confirm)
        page = await lan.post(
            f"{dossier}/say/apology", form(await filled(lan, f"{dossier}/say/apology", reason="Mưa lớn"))
        )
        code = (await hub.store.transfers(Filter(partner="land")))[0].code
        assert code
        assert ("không gửi tới đâu" in page.text, "Đã gửi. Hub" in page.text) == (True, False)
        assert f'">{code}</a>' in page.text
        sent = await lan.get("/office/sent")
        assert (f'href="{path_of(page)}"' in sent.text, code in sent.text) == (True, True)
        assert "đã ghi, không gửi tới đâu" in sent.text
        assert "Mưa lớn" in (await lan.get(dossier)).text


async def test_a_new_dossier_is_opened_by_the_form(made: Parts, tmp_path: Path) -> None:
    async with at_work(tmp_path, made) as hub, Browser(hub.url) as lan:
        await lan.signed_in("lan.nt")
        told = {
            "procedure": PROCEDURE,
            "applicant": "Lê Thị Bưởi",
            "applicant_kind": "citizen",
            "identity": "001 099 000 123",
        }
        fields = await filled(lan, "/office/new", code="khong phai ma", **told)
        page = await lan.post("/office/new", form(fields))
        assert (page.status, 'id="code-wrong"' in page.text, "Lê Thị Bưởi" in page.text) == (422, True, True)
        fields |= {"code": f"{LAND}-261123-0001"}
        page = await lan.post("/office/new", form(fields, ("đơn.pdf", b"%PDF", "application/pdf")))
        assert page.status == 200, page.text
        assert "Biên nhận" in page.text
        known = await hub.store.known("000.00.00.H47", f"{LAND}-261123-0001")
        assert known is not None
        page = await lan.get("/office/dossiers", params={"code": f"{LAND}-261123-0001"})
        assert (page.status, "Lê Thị Bưởi" in page.text) == (200, True)


async def test_a_letter_is_refused_with_a_reason_and_its_sender_hears_of_it(
    made: Parts, tmp_path: Path
) -> None:
    async with at_work(tmp_path, made) as hub, Browser(hub.url) as lan:
        await lan.signed_in("lan.nt")
        _, letter, page = await opened(hub, lan)
        fields = {"stamp": page.stamp, "digest": page.hidden("digest")}
        page = await lan.post(f"/office/letters/{letter}/refuse", {**fields, "reason": ""})
        assert (page.status, "HUB-OFF-005" in page.text) == (422, True)
        told = {**fields, "reason": "Không thuộc Sở", "reason_code": "TN-01"}
        page = await lan.post(f"/office/letters/{letter}/refuse", told)
        assert (page.status, "Đã từ chối" in page.text) == (200, True)
        view = await hub.store.transfer(letter)
        assert view is not None
        assert (view.state, view.detail) == (State.REFUSED, "TN-01")
        assert "bị từ chối" in (await lan.get("/office/received")).text


async def test_a_document_of_a_letter_is_fetched_by_the_page_and_by_nobody_elses(
    made: Parts, tmp_path: Path
) -> None:
    content = b"%PDF-1.7 ban ve"
    digest = hashlib.sha256(content).hexdigest()
    async with at_work(tmp_path, made) as hub, Browser(hub.url) as lan, Browser(hub.url) as hoa:
        await lan.signed_in("lan.nt")
        await hoa.signed_in("hoa")
        key = {"Authorization": "Bearer key of the desk"}
        told = {"sha256": digest, "size": len(content), "media_type": "application/pdf", "name": "bản vẽ.pdf"}
        async with hub.session.post(f"{hub.url}/v1/documents", json=told, headers=key) as got:
            place = got.headers["Location"]
        sent = {**key, "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
        async with hub.session.patch(f"{hub.url}{place}", data=content, headers=sent) as got:
            assert got.status == 204
        document = {"id": "1", "name": "bản vẽ.pdf", "sha256": digest}
        _, letter, page = await opened(hub, lan, documents=[document])
        found = page.text.partition(f"/office/letters/{letter}/files/")[2][:36]
        async with lan.session.get(f"{hub.url}/office/letters/{letter}/files/{found}") as got:
            assert (got.status, await got.read()) == (200, content)
            assert got.headers["Content-Disposition"].startswith("attachment")
        assert (await hoa.get(f"/office/letters/{letter}/files/{found}")).status == 404


async def test_nobody_sees_or_does_what_is_another_partners(made: Parts, tmp_path: Path) -> None:
    async with at_work(tmp_path, made) as hub, Browser(hub.url) as lan, Browser(hub.url) as hoa:
        await lan.signed_in("lan.nt")
        await hoa.signed_in("hoa")
        code, letter, page = await opened(hub, lan)
        digest = page.hidden("digest")
        page = await hoa.get("/office")
        fields = {"stamp": page.stamp, "digest": digest, "reason": "x"}
        pages = [await hoa.get(f"/office/letters/{letter}")]
        pages += [await hoa.post(f"/office/letters/{letter}/{act}", fields) for act in ("confirm", "refuse")]
        assert [(page.status, "HUB-OFF-008" in page.text) for page in pages] == [(404, True)] * 3
        page = await lan.get(f"/office/letters/{letter}")
        page = await lan.post(f"/office/letters/{letter}/confirm", {"stamp": page.stamp, "digest": digest})
        dossier = path_of(page)
        assert (await hoa.get(dossier)).status == 404
        assert (await hoa.get("/office/dossiers", params={"code": code})).status == 404
        assert (await hoa.get(f"{dossier}/say/step")).status == 404
        step = await filled(lan, f"{dossier}/say/step", content="Của Sở")
        receipt = path_of(await lan.post(f"{dossier}/say/step", form(step)))
        assert (await hoa.get(receipt)).status == 404
        hers = {**step, "stamp": (await hoa.get("/office")).stamp}
        assert (await hoa.post(f"{dossier}/say/step", form(hers))).status == 404
        for listed in ("/office", "/office/received", "/office/sent"):
            assert code not in (await hoa.get(listed)).text


async def test_no_form_counts_without_this_browsers_own_stamp(made: Parts, tmp_path: Path) -> None:
    async with at_work(tmp_path, made) as hub, Browser(hub.url) as lan, Browser(hub.url) as minh:
        await minh.signed_in("minh")
        strange = (await minh.get("/office")).stamp
        page = await lan.get("/office/sign-in")
        wrong = {"stamp": strange, "login": "lan.nt", "password": PASSWORD}
        assert (await lan.post("/office/sign-in", wrong)).status == 403
        await lan.signed_in("lan.nt")
        _, letter, page = await opened(hub, lan)
        digest = page.hidden("digest")
        for stamp in ("", strange):
            fields = {"stamp": stamp, "digest": digest, "reason": "x"}
            for act in ("confirm", "refuse"):
                assert (await lan.post(f"/office/letters/{letter}/{act}", fields)).status == 403
            for place in ("/office/sign-out", "/office/look"):
                assert (await lan.post(place, {"stamp": stamp, "theme": "dark"})).status == 403
            fields = {"stamp": stamp, "once": "0" * 26, "at": AT, "code": f"{LAND}-261123-0001"}
            assert (await lan.post("/office/new", form(fields))).status == 403
        crossed = {"Sec-Fetch-Site": "cross-site"}
        fields = {"stamp": page.stamp, "digest": digest}
        assert (await lan.post(f"/office/letters/{letter}/confirm", fields, headers=crossed)).status == 403
        view = await hub.store.transfer(letter)
        assert view is not None
        assert view.state is State.IN_DOUBT
        assert (await lan.get("/office")).address == "/office"


async def test_a_session_begins_anew_with_each_sign_in_and_ends_for_good(made: Parts, tmp_path: Path) -> None:
    async with at_work(tmp_path, made) as hub, Browser(hub.url) as lan:
        lan.session.cookie_jar.update_cookies({"lienthong-session": "chosen-by-somebody"})
        await lan.signed_in("lan.nt")
        first = lan.cookies()["lienthong-session"]
        assert first != "chosen-by-somebody"
        page = await lan.get("/office")
        page = await lan.post("/office/sign-out", {"stamp": page.stamp})
        assert "đã đăng xuất" in page.text
        lan.session.cookie_jar.update_cookies({"lienthong-session": first})
        assert (await lan.get("/office/sent")).address.startswith("/office/sign-in?next=/office/sent")
        await lan.signed_in("lan.nt")
        assert lan.cookies()["lienthong-session"] != first


async def test_a_session_that_is_idle_or_too_long_ends(made: Parts, tmp_path: Path) -> None:
    moment = [NOW]
    async with house(tmp_path, made, lambda: moment[0]) as hub, Browser(hub.url) as lan:
        await hub.store.people.add(officer(0, "lan.nt", "land"))
        times = Times()
        await lan.signed_in("lan.nt")
        for _ in range(3):
            moment[0] += timedelta(seconds=times.idle - 1)
            assert (await lan.get("/office")).address == "/office"
        moment[0] += timedelta(seconds=times.idle)
        assert (await lan.get("/office")).address.startswith("/office/sign-in")
        await lan.signed_in("lan.nt")
        began = moment[0]
        while (moment[0] - began).total_seconds() < times.longest - times.idle:
            moment[0] += timedelta(seconds=times.idle - 1)
            assert (await lan.get("/office")).address == "/office"
        moment[0] = began + timedelta(seconds=times.longest)
        assert (await lan.get("/office")).address.startswith("/office/sign-in")


async def test_wrong_passwords_lock_an_account_and_say_nothing_about_it(made: Parts, tmp_path: Path) -> None:
    moment = [NOW]
    async with house(tmp_path, made, lambda: moment[0]) as hub, Browser(hub.url) as lan:
        await hub.store.people.add(officer(0, "lan.nt", "land"))
        unknown = await lan.sign_in("nobody", "wrong")
        wrong = [await lan.sign_in("lan.nt", "wrong") for _ in range(Times().tries)]
        locked = await lan.sign_in("lan.nt", PASSWORD)
        assert {page.status for page in (unknown, *wrong, locked)} == {401}
        bare = {strip(page, "nobody", "lan.nt") for page in (unknown, *wrong, locked)}
        assert len(bare) == 1
        moment[0] += timedelta(seconds=Times().locked)
        await lan.signed_in("lan.nt")


def strip(page: Page, *names: str) -> str:
    text = page.text.replace(page.stamp, "")
    for name in names:
        text = text.replace(f'value="{name}"', "")
    return text


async def test_an_address_that_guesses_is_told_to_wait(made: Parts, tmp_path: Path) -> None:
    async with house(tmp_path, made, lambda: NOW, seconds=lambda: 0.0) as hub, Browser(hub.url) as lan:
        pages = [await lan.sign_in(f"name{number}", "wrong") for number in range(21)]
        assert [page.status for page in pages] == [401] * 20 + [429]
        assert int(pages[-1].headers["Retry-After"]) >= 1


class Counting(PasswordHasher):
    """Knows how often it did the costly thing, and does it only while ``free``."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=64, parallelism=1)
        self.asked, self.free = 0, threading.Event()
        self.free.set()

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - the library's own name
        self.asked += 1
        assert self.free.wait(30)
        return super().verify(hash, password)


@asynccontextmanager
async def gate(
    made: Parts, folder: Path, seconds: list[float], looks_for: float = 30.0, tries: int = 5
) -> AsyncIterator[tuple[Gate, Counting]]:
    """A gate of its own over a house's store, an hour after its start."""
    async with house(folder, made, lambda: NOW) as hub:
        await hub.store.people.add(officer(0, "lan.nt", "land"))
        hasher = Counting()
        failures = Failures(lambda: seconds[0])
        seconds[0] += 3600
        people = hub.store.people
        made_of: dict[str, Any] = {"now": lambda: NOW, "randomness": os.urandom}
        door = Gate(
            people, hasher, failures, Times(tries=tries), **made_of, refused_after=0, looks_for=looks_for
        )
        yield door, hasher


async def test_whoever_must_wait_anyway_costs_no_more_work(made: Parts, tmp_path: Path) -> None:
    seconds = [0.0]
    async with gate(made, tmp_path, seconds) as (door, hasher):
        assert await door.sign_in("10.0.0.1", "lan.nt", PASSWORD)
        for number in range(21):
            with contextlib.suppress(Later):
                await door.sign_in("10.0.0.1", f"nobody{number}", "wrong")
        before = hasher.asked
        with pytest.raises(Later, match="HUB-AUT-012"):
            await door.sign_in("10.0.0.1", "nobody", "wrong")
        assert hasher.asked == before
        assert await door.sign_in("10.0.0.1", "lan.nt", PASSWORD)
        assert await door.sign_in("10.0.0.2", "lan.nt", PASSWORD)
        seconds[0] += 60
        assert await door.sign_in("10.0.0.1", "nobody", "wrong") is None


async def test_more_sign_ins_than_can_be_looked_at_are_asked_to_come_later(
    made: Parts, tmp_path: Path
) -> None:
    async with gate(made, tmp_path, [0.0]) as (door, hasher):
        hasher.free.clear()
        coming = [
            asyncio.create_task(door.sign_in(f"10.0.0.{number}", "nobody", "wrong")) for number in range(40)
        ]

        async def told() -> bool:
            return sum(each.done() for each in coming) >= 40 - MOST_WAITING

        try:
            await until(told)
        finally:
            hasher.free.set()
        found = await asyncio.gather(*coming, return_exceptions=True)
        late = [each for each in found if isinstance(each, Later)]
        assert [each.code for each in late] == ["HUB-LIM-003"] * (40 - MOST_WAITING)
        assert await door.sign_in("10.0.0.1", "lan.nt", PASSWORD)


async def test_guesses_that_come_all_at_once_lock_an_account_before_the_right_one_is_among_them(
    made: Parts, tmp_path: Path
) -> None:
    async with gate(made, tmp_path, [0.0]) as (door, hasher):
        hasher.free.clear()
        words = [*("wrong" for _ in range(11)), PASSWORD]
        coming = [
            asyncio.create_task(door.sign_in(f"10.0.{number}.1", "lan.nt", word))
            for number, word in enumerate(words)
        ]

        async def begun() -> bool:
            return hasher.asked > 0

        try:
            await until(begun)
        finally:
            hasher.free.set()
        assert await asyncio.gather(*coming) == [None] * len(words)
        assert await door.sign_in("10.0.99.1", "lan.nt", PASSWORD) is None


async def test_an_old_password_that_was_being_looked_at_opens_nothing_once_it_was_changed(
    made: Parts, tmp_path: Path
) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub:
        await hub.store.people.add(officer(0, "lan.nt", "land"))
        hasher = Counting()
        door = Gate(
            hub.store.people,
            hasher,
            Failures(lambda: 3600.0),
            Times(),
            now=lambda: NOW,
            randomness=os.urandom,
            refused_after=0,
        )
        hasher.free.clear()
        coming = asyncio.create_task(door.sign_in("10.0.0.1", "lan.nt", PASSWORD))

        async def begun() -> bool:
            return hasher.asked > 0

        try:
            await until(begun)
            await hub.store.people.set_password(
                f"{1:026}", hasher.hash("another one, longer"), by="an", now=NOW
            )
        finally:
            hasher.free.set()
        assert await coming is None


async def test_a_locked_account_opens_no_way_past_an_address_that_must_wait(
    made: Parts, tmp_path: Path
) -> None:
    seconds = [0.0]
    async with gate(made, tmp_path, seconds) as (door, hasher):
        assert await door.sign_in("10.0.0.1", "lan.nt", PASSWORD)
        for _ in range(40):
            with contextlib.suppress(Later):
                await door.sign_in("10.0.0.1", "lan.nt", "wrong")
        before = hasher.asked
        with pytest.raises(Later, match="HUB-AUT-012"):
            await door.sign_in("10.0.0.1", "lan.nt", "wrong")
        assert hasher.asked == before


async def test_at_a_shut_address_who_is_known_waits_no_longer_and_hears_no_other_words(
    made: Parts, tmp_path: Path
) -> None:
    """However long it takes to look at a password, and though a wrong one is written down: who asks learns nothing of it."""
    seconds = [0.0]
    async with gate(made, tmp_path, seconds, looks_for=0, tries=1) as (door, hasher):
        assert await door.sign_in("10.0.0.1", "lan.nt", PASSWORD)  # from here on known at this address
        for number in range(21):
            with contextlib.suppress(Later):
                await door.sign_in("10.0.0.1", f"nobody{number}", "wrong")
        hasher.free.clear()
        heard = []
        try:
            for login, password in (("nobody", "x"), ("lan.nt", "wrong"), ("nobody", "y")):
                with pytest.raises(Later) as refused:
                    await door.sign_in("10.0.0.1", login, password)
                heard.append((refused.value.code, refused.value.wait))
        finally:
            hasher.free.set()
        assert len(set(heard)) == 1

        async def counted() -> bool:
            found = await door._people.officer("lan.nt")
            return found is not None and found.locked_until is not None

        await until(counted)


async def test_a_login_turns_pages_no_faster_than_its_pace_and_others_go_on(
    made: Parts, tmp_path: Path
) -> None:
    seconds, times = [0.0], Times(pages=2.0, burst=3)
    async with house(tmp_path, made, lambda: NOW, seconds=lambda: seconds[0], times=times) as hub:
        for number, login in enumerate(("lan.nt", "minh")):
            await hub.store.people.add(officer(number, login, "land"))
        async with Browser(hub.url) as lan, Browser(hub.url) as minh:
            await lan.signed_in("lan.nt")
            assert [(await lan.get("/office")).status for _ in range(3)] == [200, 200, 429]
            page = await lan.get("/office")
            assert (page.status, page.headers["Retry-After"]) == (429, "1")
            assert "HUB-LIM-002" in page.text
            await minh.signed_in("minh")
            seconds[0] += 0.5
            assert [(await lan.get("/office")).status for _ in range(2)] == [200, 429]


def hidden(page: Page) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page.text)
    return {html.unescape(name): html.unescape(value) for name, value in found}


async def test_what_was_typed_when_a_session_ended_comes_back_after_signing_in(
    made: Parts, tmp_path: Path
) -> None:
    moment = [NOW]
    async with house(tmp_path, made, lambda: moment[0]) as hub, Browser(hub.url) as lan:
        await hub.store.people.add(officer(0, "lan.nt", "land"))
        await lan.signed_in("lan.nt")
        fields = await filled(lan, "/office/new", code="000.00.15.H47-261123-0001", summary='Thửa "15" <b>')
        moment[0] += timedelta(seconds=Times().idle)
        page = await lan.post("/office/new", form(fields, ("a.pdf", b"%PDF", "application/pdf")))
        assert "chưa có gì được gửi" in page.text
        assert "<b>" not in page.text
        assert hidden(page)["kept.summary"] == fields["summary"]
        wrong = await lan.post(
            "/office/sign-in", form({**hidden(page), "login": "lan.nt", "password": "wrong"})
        )
        assert (wrong.status, hidden(wrong)["kept.summary"]) == (401, fields["summary"])
        again = await lan.post(
            "/office/sign-in", form({**hidden(wrong), "login": "lan.nt", "password": PASSWORD})
        )
        assert hidden(again)["summary"] == fields["summary"]
        back = await lan.post("/office/new/draft", form(hidden(again)))
        assert back.status == 200
        assert html.escape(fields["summary"], quote=False) in back.text.replace("&#34;", '"')
        assert (back.hidden("once"), await said(hub)) == (fields["once"], [])
        assert "chọn lại" in back.text


async def test_what_one_typed_is_not_shown_to_the_next_at_the_same_screen(
    made: Parts, tmp_path: Path
) -> None:
    moment = [NOW]
    async with house(tmp_path, made, lambda: moment[0]) as hub, Browser(hub.url) as screen:
        for number, login in enumerate(("lan.nt", "minh")):
            await hub.store.people.add(officer(number, login, "land"))
        await screen.signed_in("lan.nt")
        fields = await filled(screen, "/office/new", summary="Lan typed it")
        moment[0] += timedelta(seconds=Times().idle)
        page = await screen.post("/office/new", form(fields))
        told = {**hidden(page), "login": "minh", "password": PASSWORD}
        next_ = await screen.post("/office/sign-in", form(told))
        assert (next_.status, "Lan typed it" in next_.text) == (200, False)


async def test_what_another_site_sends_in_ones_name_is_not_kept(made: Parts, tmp_path: Path) -> None:
    moment = [NOW]
    async with house(tmp_path, made, lambda: moment[0]) as hub, Browser(hub.url) as lan:
        await hub.store.people.add(officer(0, "lan.nt", "land"))
        await lan.signed_in("lan.nt")
        fields = await filled(lan, "/office/new", summary="typed elsewhere")
        moment[0] += timedelta(seconds=Times().idle)
        for more in ({"stamp": "0" * 64}, {}):
            headers = {} if more else {"Sec-Fetch-Site": "cross-site"}
            page = await lan.post("/office/new", form({**fields, **more}), headers=headers)
            assert page.address.startswith("/office/sign-in")
            assert "typed elsewhere" not in page.text
        page = await lan.get("/office/sign-in")
        told = {"stamp": page.stamp, "next": "/office/sent", "kept.summary": "x", "login": "lan.nt"}
        assert (
            await lan.post("/office/sign-in", form({**told, "password": PASSWORD}))
        ).address == "/office/sent"


async def test_a_reason_that_was_typed_comes_back_to_its_letter(made: Parts, tmp_path: Path) -> None:
    moment = [NOW]
    async with at_work(tmp_path, made, clock=lambda: moment[0]) as hub, Browser(hub.url) as lan:
        await lan.signed_in("lan.nt")
        _, letter, page = await opened(hub, lan)
        fields = {
            "stamp": page.stamp,
            "digest": page.hidden("digest"),
            "by": page.hidden("by"),
            "reason": "Không thuộc thẩm quyền",
        }
        moment[0] += timedelta(seconds=Times().idle)
        page = await lan.post(f"/office/letters/{letter}/refuse", fields)
        again = await lan.post(
            "/office/sign-in", form({**hidden(page), "login": "lan.nt", "password": PASSWORD})
        )
        back = await lan.post(f"/office/letters/{letter}/refuse/draft", form(hidden(again)))
        assert back.status == 200
        assert fields["reason"] in back.text
        assert await laid(hub) == [letter]


async def test_a_disabled_officer_is_out_at_once(made: Parts, tmp_path: Path) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub, Browser(hub.url) as lan:
        await hub.store.people.add(officer(0, "lan.nt", "land"))
        await lan.signed_in("lan.nt")
        await hub.store.people.disable(f"{1:026}", reason="left", by="an", now=NOW)
        assert (await lan.get("/office")).address.startswith("/office/sign-in")
        assert (await lan.sign_in("lan.nt")).status == 401


async def test_what_a_message_holds_is_shown_and_never_runs(made: Parts, tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    async with at_work(tmp_path, made) as hub, Browser(hub.url) as lan:
        await lan.signed_in("lan.nt")
        papers = [{"name": evil}]
        document = {"id": "1", "name": evil, "reference": "javascript:alert(1)"}
        _, letter, page = await opened(
            hub, lan, applicant={"name": evil}, summary=evil, papers=papers, documents=[document]
        )
        dossier = path_of(
            await lan.post(
                f"/office/letters/{letter}/confirm", {"stamp": page.stamp, "digest": page.hidden("digest")}
            )
        )
        fields = await filled(lan, f"{dossier}/say/step", content=evil)
        shown = [
            page,
            await lan.post(f"{dossier}/say/step", form({**fields, "at": evil})),
            await lan.get(dossier),
        ]
        shown.append(await lan.get("/office/dossiers", params={"code": evil}))
        for each in shown:
            assert "<script" not in each.text
            assert "<img" not in each.text
            assert 'href="javascript' not in each.text
        assert "&lt;script&gt;" in page.text


async def test_what_is_opened_and_not_confirmed_is_found_again_at_its_dossier(
    made: Parts, tmp_path: Path
) -> None:
    async with at_work(tmp_path, made) as hub, Browser(hub.url) as lan:
        await lan.signed_in("lan.nt")
        code, letter, _ = await opened(hub, lan)
        page = await lan.get("/office/dossiers", params={"code": code})
        assert f'href="/office/letters/{letter}"' in page.text
        page = await lan.get(f"/office/letters/{letter}")
        page = await lan.post(
            f"/office/letters/{letter}/confirm", {"stamp": page.stamp, "digest": page.hidden("digest")}
        )
        assert f'href="/office/letters/{letter}"' not in page.text
        again = await lan.get(f"/office/letters/{letter}")
        assert path_of(again) == path_of(page)


async def test_an_address_that_is_none_is_answered_with_a_page(made: Parts, tmp_path: Path) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub, Browser(hub.url) as lan:
        await hub.store.people.add(officer(0, "lan.nt", "land"))
        assert (await lan.get("/office/nowhere")).address.startswith("/office/sign-in")
        await lan.signed_in("lan.nt")
        for address in (
            "/office/nowhere",
            "/office/letters/%00",
            "/office/dossiers/x/say/step",
            "/office/dossiers?code=%00",
        ):
            page = await lan.get(address)
            assert (page.status, "HUB-OFF-008" in page.text) == (404, True)
        assert (await lan.get("/office/")).address == "/office"


async def test_every_answer_forbids_what_no_page_needs(made: Parts, tmp_path: Path) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub, Browser(hub.url) as lan:
        await hub.store.people.add(officer(0, "lan.nt", "land"))
        pages = [await lan.get("/office/sign-in"), await lan.sign_in("lan.nt", "wrong")]
        await lan.signed_in("lan.nt")
        pages += [
            await lan.get(path) for path in ("/office", "/office/new", "/office/sent", "/office/letters/x")
        ]
        for page in pages:
            policy = page.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert page.headers["X-Frame-Options"] == "DENY"
            assert page.headers["Referrer-Policy"] == "same-origin"
            assert page.headers["Cache-Control"] == "no-store"
            assert "<script" not in page.text
            assert "style=" not in page.text


async def test_cookies_are_out_of_reach_and_travel_over_tls_only_except_on_this_machine(
    made: Parts, tmp_path: Path
) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub:
        for host, name, secure in (
            ("127.0.0.1", "lienthong-visit", False),
            ("hub.example", "__Host-lienthong-visit", True),
        ):
            async with hub.session.get(f"{hub.url}/office/sign-in", headers={"Host": host}) as got:
                (cookie,) = got.headers.getall("Set-Cookie")
            assert cookie.startswith(f"{name}=")
            assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
            assert ("Secure" in cookie) is secure


async def test_after_signing_in_nobody_is_led_elsewhere(made: Parts, tmp_path: Path) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub, Browser(hub.url) as lan:
        await hub.store.people.add(officer(0, "lan.nt", "land"))
        for wanted in (
            "https://evil.example/office",
            "//evil.example",
            "/office@evil",
            "/office\\evil",
            "/v1/messages",
        ):
            page = await lan.get("/office/sign-in", params={"next": wanted})
            assert page.hidden("next") == "/office"
        page = await lan.get("/office/sign-in", params={"next": "/office/sent?after=x"})
        told = {"stamp": page.stamp, "login": "LAN.NT", "password": PASSWORD, "next": page.hidden("next")}
        assert (await lan.post("/office/sign-in", told)).address == "/office/sent?after=x"


async def test_the_journal_knows_who_did_it_and_what_is_stored_says_so(made: Parts, tmp_path: Path) -> None:
    async with at_work(tmp_path, made) as hub, Browser(hub.url) as lan:
        await lan.signed_in("lan.nt")
        dossier = path_of(await confirmed(hub, lan))
        fields = await filled(lan, f"{dossier}/say/step", content="Ai làm")
        await lan.post(f"{dossier}/say/step", form(fields))
        rows = [row for row in await hub.store.journal(limit=500) if "officer" in row.facts]
        did = [row.what for row in rows]
        assert did == ["officer_added"] * 3 + [
            "officer_in",
            "officer_opened",
            "officer_confirmed",
            "accepted",
        ]
        assert {row.facts["officer"] for row in rows[3:]} == {f"{1:026}"}
        assert not [
            row
            for row in rows
            if "Lan" in json.dumps(dict(row.facts)) or "lan.nt" in json.dumps(dict(row.facts))
        ]


async def test_language_and_theme_are_remembered_by_the_browser(made: Parts, tmp_path: Path) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub, Browser(hub.url) as lan:
        page = await lan.get("/office/sign-in")
        page = await lan.post(
            "/office/look", {"stamp": page.stamp, "back": "/office/sign-in", "language": "en"}
        )
        assert ("Sign in" in page.text, '<html lang="en"' in page.text) == (True, True)
        page = await lan.post(
            "/office/look", {"stamp": page.stamp, "back": "/office/sign-in", "theme": "dark"}
        )
        assert 'lang="en" data-theme="dark"' in page.text


async def test_there_are_no_pages_where_nobody_comes_by_the_form(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("plain")
    folder = partner_files(place / "partners", Pki(place, NOW)["seal-2048"].certificate_file)
    async with house(tmp_path, parts(folder), lambda: NOW) as hub:
        assert (await hub.get("/office", sender=None)).status == 404
