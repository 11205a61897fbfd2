"""Show a partner who the hub is, in each call: which credentials a file declares, and a call that is said once more when they lapsed."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import msgspec

from connectors.contract import Deferred
from connectors.credentials.fixed import Fixed, Recipe, basic, in_headers, key, nothing
from connectors.credentials.in_envelope import as_user, in_element, in_header
from connectors.credentials.oauth import Tokens
from connectors.credentials.sessions import NotIn
from connectors.credentials.settings import (
    ApiKey,
    Basic,
    Bearer,
    Mac,
    NoAuth,
    OAuth,
    SoapElement,
    SoapHeader,
    SoapUser,
)
from connectors.reach import read_secret
from connectors.transport import Answer, Broken, Request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from connectors.contract import Exchange
    from connectors.credentials.contract import Clocks, Credentials
    from connectors.credentials.fixed import Put
    from connectors.credentials.settings import Auth, SoapAuth
    from connectors.reach import Reach
    from connectors.transport import Http

Sent = Answer | Broken | Deferred
Fixing = NoAuth | ApiKey | Bearer | Basic | Mac | SoapHeader | SoapUser | SoapElement


def credentials(auth: Auth | SoapAuth, reach: Reach, http: Http, clocks: Clocks) -> Credentials:
    """Build what a partner's file declares. Raises ``Refusal`` HUB-CFG-001 for a secret that cannot be read."""
    if isinstance(auth, OAuth):
        return Tokens(auth, reach, http, clocks)
    return Fixed(_put(auth, clocks))


def _put(auth: Fixing, clocks: Clocks) -> Put:
    """What is put onto each request, with nothing asked for first."""
    match auth:
        case NoAuth():
            return nothing
        case Mac():
            return Recipe(auth, read_secret(auth.secret_file), clocks.now)
        case ApiKey():
            return key(auth, read_secret(auth.secret_file))
        case Bearer() | Basic():
            return _authorization(auth)
        case SoapHeader() | SoapUser() | SoapElement():
            return _in_envelope(auth, clocks)
        case _:
            assert_never(auth)


def _in_envelope(auth: SoapHeader | SoapUser | SoapElement, clocks: Clocks) -> Put:
    if isinstance(auth, SoapUser):
        return as_user(auth, clocks.now)
    return in_header(auth) if isinstance(auth, SoapHeader) else in_element(auth)


def _authorization(auth: Bearer | Basic) -> Put:
    secret = read_secret(auth.secret_file)
    if isinstance(auth, Bearer):
        return in_headers({"Authorization": f"Bearer {secret}"}, secret)
    told = basic(auth.username, secret)
    return in_headers({"Authorization": f"Basic {told}"}, secret, told)


async def called(
    request: Request, credentials: Credentials, send: Callable[[Request], Awaitable[Sent]]
) -> Sent:
    """Show and send; once more after an answer that says that what was shown counts no more: it proves that nothing was done.

    ``Deferred``: nothing has left. Exchanges of logins come first.
    """
    trail: tuple[Exchange, ...] = ()
    for last in (False, True):
        shown, login = await credentials.show(request)
        trail += login
        if isinstance(shown, NotIn):
            return Deferred(reason=shown.reason, wait=shown.wait, counts=shown.counts, exchanges=trail)
        said = await send(shown)
        again = isinstance(said, Answer) and credentials.lapsed(shown, said)
        if last or not again:
            break
        trail += said.exchanges
    return msgspec.structs.replace(said, exchanges=(*trail, *said.exchanges))
