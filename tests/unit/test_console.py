"""The pages' pure parts: what browsers send, what fields say, which words there are, and what a partner's file may not promise."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from connectors import catalogue
from hub.console import acts, forms, render
from hub.console.acts import Possible, possible
from hub.console.parts import Agency
from hub.lifecycle import State as Transfer
from hub.partners import reading
from hub.partners.world import World
from hub.story.moves import HANDLING
from hub.story.record import Story, StoryLeg
from schemas.dossier import Kind, State
from schemas.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
CONSOLE = ROOT / "hub" / "console"
EXAMPLE = (ROOT / "examples" / "desks" / "bieu-mau.toml").read_text("utf-8")
MULTIPART = "multipart/form-data; boundary=xYz"


def part(head: str, content: bytes) -> bytes:
    return b"--xYz\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n"


def test_a_form_with_files_is_read_byte_for_byte() -> None:
    content = b"\r\n--xY\r\n\x00\xff\r\n"
    body = (
        part('Content-Disposition: form-data; name="content"', "dòng 1\r\ndòng 2 ".encode())
        + part(
            'Content-Disposition: form-data; name="files"; filename="C:\\tệp %22a%22.pdf"\r\nContent-Type: application/pdf',
            content,
        )
        + part(
            'Content-Disposition: form-data; name="files"; filename=""\r\nContent-Type: application/octet-stream',
            b"",
        )
        + b"--xYz--\r\n"
    )
    read = forms.read(body, MULTIPART)
    assert read["content"] == "dòng 1\ndòng 2"
    assert read["nothing"] == ""
    (file,) = read.files["files"]
    assert (file.name, file.media_type, file.content) == ('tệp "a".pdf', "application/pdf", content)


FIELD = part('Content-Disposition: form-data; name="a"', b"1")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"a=%ff", forms.URLENCODED),
        (b"a=%00", forms.URLENCODED),
        ("a=é".encode(), forms.URLENCODED),
        (b"&".join(b"a%d=1" % number for number in range(101)), forms.URLENCODED),
        (b"a=" + b"x" * 20_001, forms.URLENCODED),
        (b"{}", "application/json"),
        (b"", MULTIPART),
        (FIELD, MULTIPART),
        (b"before" + FIELD + b"--xYz--", MULTIPART),
        (FIELD * 120 + b"--xYz--", MULTIPART),
        (FIELD + b"--xYz--", "multipart/form-data"),
        (FIELD + b"--xYz--", "multipart/form-data; boundary=" + "x" * 71),
        (part('Content-Disposition: attachment; name="a"', b"1") + b"--xYz--", MULTIPART),
        (part("Content-Disposition: form-data", b"1") + b"--xYz--", MULTIPART),
        (
            part("X: " + "y" * 9000 + '\r\nContent-Disposition: form-data; name="a"', b"1") + b"--xYz--",
            MULTIPART,
        ),
        (part('Content-Disposition: form-data; name="a"', b"\xff") + b"--xYz--", MULTIPART),
    ],
)
def test_what_no_browser_sends_is_refused(body: bytes, kind: str) -> None:
    with pytest.raises(Refusal, match="HUB-OFF-004"):
        forms.read(body, kind)


@pytest.mark.parametrize(("said", "dong"), [("1.250.000", 1_250_000), ("1 250 000 đ", 1_250_000), ("0", 0)])
def test_money_is_whole_dong(said: str, dong: int) -> None:
    assert acts.money(said) == dong


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fee_amount", "12e3"),
        ("fee_amount", "-5"),
        ("fee_amount", "1" * 16),
        ("at", "2026-13-01T00:00"),
        ("at", "hôm nay"),
        ("at", "0001-01-01T00:00"),
        ("due", "31/12/2026"),
    ],
)
def test_a_field_that_cannot_be_read_is_named(name: str, said: str) -> None:
    fields = [acts.AT, *acts.FEE, acts.Field("due", "day")]
    form = forms.Form({"at": "2026-11-23T08:00", "fee_name": "x", "fee_amount": "5", name: said})
    with pytest.raises(Refusal) as refused:
        acts.check(fields, form)
    assert [(each.code, each.place) for each in refused.value.problems] == [("HUB-OFF-006", name)]


def test_a_moment_at_the_end_of_all_calendars_is_shown_and_breaks_no_page() -> None:
    never = datetime.max.replace(tzinfo=UTC)
    assert render.clock(never) == "31/12/9999 23:59"
    assert render.date(never) == "31/12/9999"
    assert render.typed(never).startswith("9999-12-31")


def test_times_are_an_offices_wall_clock_and_a_day_ends_when_it_closes() -> None:
    assert acts.moment("2026-11-23T08:00") == datetime(2026, 11, 23, 1, tzinfo=UTC)
    assert acts.day("2026-11-23") == datetime(2026, 11, 23, 10, tzinfo=UTC)


LAND = Agency(id="land", code="L", vi="Đất", en="Land", authority="P", kinds=tuple(map(str, Kind)))


def story(state: State, agency: str = "L") -> Story:
    return Story(
        origin="desk",
        origin_agency="P",
        received_by="P",
        opened_on=date(2026, 11, 20),
        state=state,
        legs=(StoryLeg(agency=agency, state=state),),
        parties=("land",),
    )


def offered(state: State, kinds: tuple[str, ...] = LAND.kinds) -> Mapping[Kind, State]:
    agency = Agency(id="land", code="L", vi="", en="", authority="P", kinds=kinds)
    found: tuple[Possible, ...] = possible(story(state), agency, on=date(2026, 11, 23), forms={})
    return {each.kind: each.state for each in found}


def test_only_what_the_story_allows_and_the_file_declares_is_offered() -> None:
    assert offered(State.PROCESSING)[Kind.FINISHED] is State.FINISHED
    assert offered(State.PROCESSING)[Kind.SUPPLEMENT_REQUESTED] is State.SUPPLEMENT
    assert {Kind.FINISHED, Kind.SUPPLEMENT_REQUESTED}.isdisjoint(offered(State.SUPPLEMENT))
    assert set(offered(State.WITHDRAWN)) <= {Kind.APOLOGY, Kind.FEE_DUE, Kind.FEE_PAID}
    assert set(offered(State.PROCESSING, ("step",))) == {Kind.STEP}


def test_who_is_only_told_is_offered_no_handling_of_what_others_have_in_hand() -> None:
    told = msgspec.structs.replace(LAND, informed=True)
    elsewhere, here = story(State.PROCESSING, "another"), story(State.PROCESSING)
    found = [possible(each, told, on=date(2026, 11, 23), forms={}) for each in (elsewhere, here)]
    kinds = [{each.kind for each in offers} for offers in found]
    assert Kind.FEE_PAID in kinds[0]
    assert kinds[0].isdisjoint(HANDLING)
    assert Kind.FINISHED in kinds[1]
    desk = msgspec.structs.replace(told, creates=True)
    received = {each.kind for each in possible(elsewhere, desk, on=date(2026, 11, 23), forms={})}
    assert not received.isdisjoint(HANDLING), "who opens dossiers is a desk, whatever it hears of others'"


def test_every_word_is_there_in_both_languages_and_is_used() -> None:
    told = render.words()
    assert [name for name, word in told.items() if set(word) != {"vi", "en"} or not all(word.values())] == []
    sources = [*CONSOLE.glob("*.py"), *CONSOLE.glob("templates/*.html")]
    text = "\n".join(path.read_text("utf-8") for path in sources)
    families = set(re.findall(r"'(\w+)\.' ~", text)) | set(re.findall(r"f\"(\w+)\.\{", text))
    loose = {name for name in told if f"'{name}'" not in text and f'"{name}"' not in text}
    assert {name for name in loose if name.partition(".")[0] not in families} == set()


def test_what_can_be_shown_has_its_word() -> None:
    told = render.words()
    wanted = (
        {f"kind.{kind}" for kind in Kind}
        | {f"stands.{state}" for state in State}
        | {f"transfer.{state}" for state in Transfer}
    )
    wanted |= {f"{table}.{kind}" for table in ("act", "follows") for kind in (*acts.ACTS, Kind.RECEIVED)}
    wanted |= {f"field.{field.name}" for fields in (*acts.ACTS.values(), acts.NEW) for field in fields}
    wanted |= {f"who.{who}" for who in acts.WHO}
    assert wanted - set(told) == set()


def checked(folder: Path, text: str) -> list[tuple[str, str]]:
    (folder / "a.toml").write_text(text)
    world = World(
        rooms={name: catalogue.ROOMS[name].settings for name in ("rest", "mailbox")},
        collecting=frozenset(),
        mappings=frozenset({"lienthong.message@1", "motcua.rest@1"}),
        keys=frozenset(),
        agency=lambda _: True,
    )
    try:
        reading.read(folder / "a.toml", world)
    except Refusal as refusal:
        return [(each.place.rpartition(" ")[2], each.rule) for each in refusal.problems]
    return []


def test_the_example_is_a_partner_whose_only_way_in_is_the_form(tmp_path: Path) -> None:
    assert checked(tmp_path, EXAMPLE) == []
    places = [place for place, _ in checked(tmp_path, EXAMPLE.replace("form = true", "form = false"))]
    assert places == ["room", "sends"]


@pytest.mark.parametrize(
    ("was", "becomes", "place"),
    [
        ('format = "lienthong.message@1"', 'format = "motcua.rest@1"', "sends.format"),
        ('mapping = "lienthong.message@1"', 'mapping = "motcua.rest@1"', "receives.mapping"),
        ('room = "mailbox"', 'room = "rest"', "room"),
        (
            "[receives]",
            '[sends.signature]\nbinding = "jws-detached"\ncertificates = ["pin.pem"]\n[receives]',
            "sends.signature",
        ),
    ],
)
def test_a_file_that_promises_the_form_more_than_it_can_is_refused(
    tmp_path: Path, was: str, becomes: str, place: str
) -> None:
    (tmp_path / "pin.pem").write_text("")
    more = '\n[receives.rest]\nbase_url = "http://127.0.0.1:9"\n' if place == "room" else ""
    assert place in [found for found, _ in checked(tmp_path, EXAMPLE.replace(was, becomes) + more)]
