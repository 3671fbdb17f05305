"""Prefect's own server, with one header more: the browser refuses whatever its pages would send or load elsewhere.

The newer pages of Prefect 3.8, one click away from the default ones, contact an analytics host; with this policy they cannot.
"""

import sys

import uvicorn
from prefect.server.api.server import create_app
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; connect-src 'self' data: blob:; frame-ancestors 'none'"
)
"""Content Security Policy Level 3 (W3C). Inline scripts and eval are what Prefect's pages are made with."""


class OwnPagesOnly:
    """ASGI middleware: adds the policy to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the header on its way back."""

        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Content-Security-Policy"] = POLICY
            await send(message)

        await self._app(scope, receive, with_policy)


if __name__ == "__main__":
    server = create_app(final=True)
    server.add_middleware(OwnPagesOnly)
    uvicorn.run(server, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
