"""A partner's token (RFC 6749): one login at a time, used until shortly before it ends or until the partner wants another."""

from __future__ import annotations

import json
from base64 import b64encode
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from connectors.contract import Reason
from connectors.credentials.contract import Shown
from connectors.credentials.fixed import basic, with_headers
from connectors.credentials.sessions import Login, NotIn, Session, Sessions
from connectors.reach import read_secret
from connectors.replies import at, read_json, wait_of
from connectors.transport import Answer, Broken, Http, Request
from schemas.problems import Refusal

if TYPE_CHECKING:
    from connectors.credentials.contract import Clocks
    from connectors.credentials.settings import OAuth, Packed
    from connectors.reach import Reach

EARLY = 0.9
"""A token is used for this part of the life that it says: it must not end on the way."""
NOT_LET_IN, UNREADABLE = "HUB-PAR-005", "HUB-PAR-002"
_FORMS = {"form": "application/x-www-form-urlencoded", "json": "application/json"}
_NO_TOKEN = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class Tokens:
    """``reach``: of the partner; its ``base_url`` is another one where ``token_address`` says so. Raises ``Refusal`` HUB-CFG-001."""

    def __init__(self, auth: OAuth, reach: Reach, http: Http, clocks: Clocks) -> None:
        self._auth, self._clocks = auth, clocks
        self._elsewhere = (
            Http(reach.model_copy(update={"base_url": auth.token_address}), clock=clocks.now)
            if auth.token_address
            else None
        )
        self._http = self._elsewhere or http
        self._sessions = Sessions(self._log_in, clocks.seconds)
        packed(auth.packed)
        self._request()

    async def show(self, request: Request) -> Shown:
        login = await self._sessions.get()
        if isinstance(login.result, NotIn):
            return Shown(login.result, login.exchanges)
        token = login.result.value
        try:
            headers, secrets = packed(self._auth.packed)
        except Refusal as refusal:
            return Shown(_unset(refusal), login.exchanges)
        shown = with_headers(request, {**headers, "Authorization": f"Bearer {token}"}, token, *secrets)
        return Shown(shown, login.exchanges)

    def lapsed(self, shown: Request, answer: Answer) -> bool:
        if answer.status != HTTPStatus.UNAUTHORIZED:
            return False
        self._sessions.drop(shown.headers["Authorization"].removeprefix("Bearer "))
        return True

    async def close(self) -> None:
        await self._sessions.close()
        if self._elsewhere is not None:
            await self._elsewhere.close()

    async def _log_in(self) -> Login:
        try:
            request = self._request()
        except Refusal as refusal:
            return Login(_unset(refusal))
        answer = await self._http.send(request)
        if isinstance(answer, Broken):
            return Login(NotIn(reason=answer.outcome().reason), answer.exchanges)
        return Login(self._read(answer), answer.exchanges)

    def _request(self) -> Request:
        """Secrets are read each time: they may be changed while the hub runs."""
        auth = self._auth
        secret = read_secret(auth.client_secret_file)
        secrets = [secret]
        form: dict[str, str] = {"grant_type": auth.grant}
        if auth.username is not None and auth.password_file is not None:
            password = read_secret(auth.password_file)
            form |= {"username": auth.username, "password": password}
            secrets.append(password)
        form |= {"scope": auth.scope} if auth.scope else {}
        headers, more = packed(auth.packed)
        headers["Content-Type"] = _FORMS[auth.form]
        headers["Accept"] = "application/json"
        if auth.client_in == "body":
            form |= {"client_id": auth.client_id, "client_secret": secret}
        else:
            told = basic(auth.client_id, secret)
            headers["Authorization"] = f"Basic {told}"
            secrets.append(told)
        return Request(
            path=auth.token_path,
            body=json.dumps(form).encode() if auth.form == "json" else urlencode(form).encode(),
            headers=headers,
            secrets=(*secrets, *more),
            private=True,
        )

    def _read(self, answer: Answer) -> Session | NotIn:
        document = read_json(answer.body)
        around, _, name = self._auth.token_at.rpartition("/")
        told = at(document, around)
        token = told.get(name) if isinstance(told, dict) else None
        if (
            answer.status == HTTPStatus.OK
            and isinstance(told, dict)
            and isinstance(token, str)
            and usable(token)
        ):
            return Session(token, self._clocks.seconds() + self._life(told.get("expires_in")))
        code = NOT_LET_IN if answer.status in _NO_TOKEN else UNREADABLE
        said = document.get("error") if isinstance(document, dict) else None
        detail = f"token {answer.status} {said if isinstance(said, str) else ''}".strip()[:500]
        return NotIn(
            reason=Reason(code=code, detail=detail),
            wait=wait_of(answer.headers.get("retry-after", ""), answer.arrived_at),
        )

    def _life(self, told: Any) -> float:  # noqa: ANN401 - what a partner wrote
        try:
            seconds = float(told)
        except (TypeError, ValueError):
            return self._auth.token_for
        return EARLY * min(seconds, 86_400.0) if seconds > 0 else self._auth.token_for


def usable(token: str) -> bool:
    """RFC 6750 §2.1, and nothing that would end the header that it goes into."""
    return 0 < len(token) <= 16_384 and token.isascii() and token.isprintable() and " " not in token  # noqa: PLR2004 - a header's usual bound


def packed(told: Packed | None) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the header and the values in it that nobody may record. Raises ``Refusal`` HUB-CFG-001."""
    if told is None:
        return {}, ()
    secret = {name: read_secret(file) for name, file in told.secret_files.items()}
    text = json.dumps({**told.fields, **secret}, ensure_ascii=False, separators=(",", ":"))
    value = b64encode(text.encode()).decode()
    return {told.header: value}, (value, *secret.values())


def _unset(refusal: Refusal) -> NotIn:
    return NotIn(reason=Reason(code=refusal.code, detail="auth: secret file"))
