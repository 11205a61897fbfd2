"""Show a partner who the hub is, in each call: which credentials a file declares, and a call that is said once more when they lapsed."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import msgspec

from connectors.contract import Deferred
from connectors.credentials.fixed import Fixed, Recipe, basic, in_headers, key, nothing
from connectors.credentials.oauth import Tokens
from connectors.credentials.sessions import NotIn
from connectors.credentials.settings import ApiKey, Basic, Bearer, Mac, NoAuth, OAuth
from connectors.reach import read_secret
from connectors.transport import Answer, Broken, Request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from connectors.contract import Exchange
    from connectors.credentials.contract import Clocks, Credentials
    from connectors.credentials.settings import Auth
    from connectors.reach import Reach
    from connectors.transport import Http

Sent = Answer | Broken | Deferred


def credentials(auth: Auth, reach: Reach, http: Http, clocks: Clocks) -> Credentials:
    """Build what a partner's file declares. Raises ``Refusal`` HUB-CFG-001 for a secret that cannot be read."""
    match auth:
        case NoAuth():
            return Fixed(nothing)
        case OAuth():
            return Tokens(auth, reach, http, clocks)
        case Mac():
            return Fixed(Recipe(auth, read_secret(auth.secret_file), clocks.now))
        case ApiKey():
            return Fixed(key(auth, read_secret(auth.secret_file)))
        case Bearer():
            secret = read_secret(auth.secret_file)
            return Fixed(in_headers({"Authorization": f"Bearer {secret}"}, secret))
        case Basic():
            password = read_secret(auth.secret_file)
            told = basic(auth.username, password)
            return Fixed(in_headers({"Authorization": f"Basic {told}"}, password, told))
        case _:
            assert_never(auth)


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
