"""The desk of gateway clients by itself: what a record means, given what was known; what is lenient and what is not."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors.desks import Accepted, Call, Errand, Refused, Standing, Token, Told
from connectors.lgsp.desk import Desk
from connectors.simulators.publisher import record, step
from schemas.dossier import State
from schemas.problems import Refusal

DESK = Desk()
CODE = "000.00.00.H47-261120-0001"
MORNING = datetime(2026, 11, 20, 8, 0)  # noqa: DTZ001 - the client's own wall time
DAY = timedelta(days=1)
OPEN = record(CODE, "P", received=MORNING)
DONE = record(CODE, "P", received=MORNING, released=MORNING + DAY)
OUT = record(CODE, "P", received=MORNING, released=MORNING + DAY, returned=MORNING + 2 * DAY)
S = State


def said(
    document: object, standing: Standing, path: str = "/Document/SyncDocument"
) -> tuple[list[str], tuple[str, ...]]:
    """The kinds, and the keys."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    messages = DESK.read(Call(path=path, body=body)).messages(standing)
    return [json.loads(each.body)["Kind"] for each in messages], tuple(each.key for each in messages)


def after(*steps: tuple[dict[str, Any], State | None]) -> Standing:
    """What is known after a client said these; each with the state that the dossier then has."""
    standing = Standing()
    for document, state in steps:
        standing = Standing(state=state, said=(*standing.said, *said(document, standing)[1]))
    return standing


@pytest.mark.parametrize(
    ("document", "standing", "kinds"),
    [
        (OPEN, Standing(), ["received"]),
        (DONE, Standing(), ["received", "finished"]),
        (OUT, Standing(), ["received", "finished", "returned"]),
        (DONE, after((OPEN, S.PROCESSING)), ["finished"]),
        (OUT, after((OPEN, S.PROCESSING)), ["finished", "returned"]),
        (OUT, after((OPEN, S.PROCESSING), (DONE, S.FINISHED)), ["returned"]),
        ({**OPEN, "Note": "x"}, after((OPEN, S.SUPPLEMENT)), ["corrected"]),
        (OPEN, after((OPEN, S.PROCESSING), (DONE, S.FINISHED)), ["recalled"]),
        (
            OPEN,
            after((OPEN, S.PROCESSING), (DONE, S.FINISHED), ({**DONE, "Note": "x"}, S.FINISHED)),
            ["recalled"],
        ),
        ({**OPEN, "Note": "x"}, after((OPEN, S.FINISHED)), ["corrected"]),  # somebody else finished it
        (DONE, Standing(state=S.FINISHED), ["corrected"]),
        (OUT, Standing(state=S.RETURNED), ["corrected"]),
    ],
)
def test_a_record_is_told_as_what_happened_since(
    document: dict[str, Any], standing: Standing, kinds: list[str]
) -> None:
    assert said(document, standing)[0] == kinds


def test_the_same_again_has_the_same_keys_and_the_rest_of_what_was_cut_off() -> None:
    opened = after((OPEN, S.PROCESSING))
    kinds, keys = said(OUT, opened)
    half = Standing(state=S.FINISHED, said=(*opened.said, keys[0]))
    assert said(OUT, half) == (kinds, keys)
    assert said(OUT, Standing(state=S.RETURNED, said=(*opened.said, *keys))) == (kinds, keys)


def test_a_record_that_comes_back_has_a_key_of_its_own_each_time() -> None:
    keys = set()
    standing = after((OPEN, S.PROCESSING))
    for document, state in ((DONE, S.FINISHED), (OPEN, S.PROCESSING)) * 3:
        _, new = said(document, standing)
        assert said(document, Standing(state=state, said=(*standing.said, *new)))[1] == new
        standing = Standing(state=state, said=(*standing.said, *new))
        keys |= set(new)
    assert len(keys) == 6


@pytest.mark.parametrize(
    ("state", "kind"), [(S.PROCESSING, "step"), (None, "step"), (S.RETURNED, "corrected")]
)
def test_a_step_moves_nothing_once_there_is_a_result(state: State | None, kind: str) -> None:
    one = step(CODE, MORNING)
    kinds, keys = said(one, Standing(state=state), "/Document/UpdateDocumentTraces")
    assert kinds == [kind]
    again = Standing(state=S.FINISHED, said=keys)
    assert said(one, again, "/Document/UpdateDocumentTraces") == (kinds, keys)


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (
            {
                "IsReturned": "true",
                "SuccessDate": "2026-11-21T08:00:00+0700",
                "ReturnedDate": "2026-11-22T08:00:00Z",
            },
            ["finished", "returned"],
        ),
        ({"Status": "2", "SuccessDate": "2026-11-21T08:00:00.000Z"}, ["finished"]),
        ({"IsReturned": "False", "Status": 1}, ["corrected"]),
        ({"IsReturned": None, "Status": None, "ApplicantsType": None, "ApplicantsId": None}, ["corrected"]),
        ({"FinishedDate": "0000-00-00T00:00:00.000+0700"}, ["corrected"]),
    ],
)
def test_flags_and_numbers_may_be_written_in_either_way(change: dict[str, Any], kinds: list[str]) -> None:
    assert said({**OPEN, **change}, after((OPEN, S.PROCESSING)))[0] == kinds


@pytest.mark.parametrize(
    ("body", "code", "place"),
    [
        (b"{", "HUB-SCH-001", ""),
        (b"[]", "HUB-SCH-002", ""),
        (b"{}", "HUB-SCH-003", "/DocCode"),
        (b'{"DocCode": 1}', "HUB-SCH-002", "/DocCode"),
        (
            json.dumps({**DONE, "SuccessDate": "0000-00-00T00:00:00.000+0700"}).encode(),
            "HUB-SCH-003",
            "/SuccessDate",
        ),
        (
            json.dumps({**OPEN, "FinishedDate": "2026-11-21T08:00:00.000Z"}).encode(),
            "HUB-MAP-006",
            "/FinishedDate",
        ),
        (b'{"DocCode": ""}', "HUB-SCH-003", "/DocCode"),
        (b'{"DocCode": "x\\u0000"}', "HUB-SCH-002", "/DocCode"),
        (b'{"DocCode": "' + b"x" * 201 + b'"}', "HUB-SCH-002", "/DocCode"),
        (b"\xff", "HUB-SCH-001", ""),
        (b'{"DocCode": "x", "a": ' + b"[" * 5000, "HUB-SCH-001", ""),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_place(body: bytes, code: str, place: str) -> None:
    with pytest.raises(Refusal) as refused:
        said(body, Standing())
    assert (refused.value.code, refused.value.problems[0].place) == (code, place)


def test_a_file_leaves_the_record_and_all_other_bytes_stay() -> None:
    content = bytes(range(256))
    written = base64.b64encode(content).decode()
    digest = hashlib.sha256(content).hexdigest()
    body = json.dumps(
        {
            "AttachmentNames": written,
            **OPEN,
            "Attachments": [
                {"AttachmentId": 1, "AttachmentName": written, "Base64": written},
                {"AttachmentId": 2, "Base64": ""},
                {"AttachmentId": 3, "Base64": None},
                {"AttachmentId": 4, "Base64": written[:76] + "\r\n" + written[76:], "IsDeleted": True},
            ],
        },
        indent=2,
    ).encode()
    say = DESK.read(Call(path="/Document/SyncDocument", body=body))
    assert [(each.sha256, each.content, each.place) for each in say.encloses] == [
        (digest, content, "/Attachments/0/Base64")
    ]
    (message,) = say.messages(Standing())
    inside = message.body[message.body.index(b'"MSyncDocument":') + 16 : -1].decode()
    broken = json.dumps(written[:76] + "\r\n" + written[76:])
    expected = (
        body.decode()
        .replace(f'"Base64": "{written}"', f'"Base64": "{digest}"')
        .replace(broken, f'"{digest}"')
    )
    assert inside == expected


@pytest.mark.parametrize(
    ("attachment", "code"),
    [
        ('{"AttachmentId": 1, "Base64": "%%%"}', "HUB-SCH-002"),
        ('{"AttachmentId": 1, "Base64": 5}', "HUB-SCH-002"),
        ('{"AttachmentId": 1, "Base64": "QQ==", "Base64": "Qg=="}', "HUB-SCH-005"),
    ],
)
def test_what_is_no_file_is_refused(attachment: str, code: str) -> None:
    body = f'{{"DocCode": "x", "Attachments": [{attachment}]}}'.encode()
    with pytest.raises(Refusal) as refused:
        DESK.read(Call(path="/Document/SyncDocument", body=body))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("method", "path", "errand"),
    [
        ("POST", "/token", Errand.LOGIN),
        ("POST", "/Document/SyncDocument", Errand.SAY),
        ("POST", "/Statistic/UpdateStatistic ", Errand.SAY),
        ("POST", "/Vote", Errand.SAY),
        ("GET", "/token", None),
        ("POST", "/Document", None),
        ("POST", "/document/syncdocument", None),
    ],
)
def test_addresses_are_those_of_the_protocol(method: str, path: str, errand: Errand | None) -> None:
    assert DESK.errand(method, path, {}) is errand


def test_answers_say_the_same_in_the_status_line_and_in_the_body() -> None:
    good = DESK.write(Accepted(ids=("a", "b")))
    assert (good.status, json.loads(good.body)) == (200, {"Status": 200, "Message": "a, b"})
    problem = Told(code="HUB-DOS-005", title="Unknown", place="/MSyncDocument/DocTypeCode", rule="registries")
    bad = DESK.write(Refused(status=422, problems=(problem,), advice="Mend it.", request="r-1"))
    told = json.loads(bad.body)
    assert (bad.status, told["Status"]) == (422, 422)
    assert told["Message"].splitlines() == [
        "HUB-DOS-005: Unknown · /DocTypeCode (registries)",
        "Mend it.",
        "X-Request-Id: r-1",
    ]
    token = DESK.write(Token(token="t", seconds=60))
    assert json.loads(token.body).keys() == {"access_token", "token_type", "expires_in", "scope"}


def test_what_the_desk_concludes_is_only_what_the_record_says() -> None:
    def concluded(**change: object) -> dict[str, Any]:
        body = json.dumps({**OPEN, **change}).encode()
        (message,) = DESK.read(Call(path="/Document/SyncDocument", body=body)).messages(Standing())
        told: dict[str, Any] = json.loads(message.body)
        return {name: told[name] for name in told if name not in {"MSyncDocument", "Kind", "At"}}

    def number(kind: str, value: str) -> list[dict[str, str]]:
        return [{"Kind": kind, "Number": value}]

    assert concluded() == {
        "ApplicantKind": "1",
        "ReturnMethod": "0",
        "Identities": number("cccd", "049000000001"),
    }
    unknown = concluded(ApplicantsType=4, ReturnedType=None)
    assert unknown == {"Identities": number("other", "049000000001")}
    assert concluded(ApplicantsType="2", ApplicantsId="4000123456-001")["Identities"] == number(
        "tax", "4000123456-001"
    )
    assert "Identities" not in concluded(ApplicantsId="")
