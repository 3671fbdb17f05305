"""Everything at one https address: Entra, Graph, Partner Center, Azure, and beside them the controls, for whoever knows their secret."""

import asyncio
import dataclasses
import hashlib
import hmac
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from connectors.microsoft.contract import azure, graph, partner_center
from core.canonical import Json
from demo.entra import applications, files, gdap, groups, policies, tenant_data, users  # noqa: F401 - they say what they answer
from demo.entra.azure import Azure
from demo.entra.call import Answer
from demo.entra.graph import Graph
from demo.entra.partner_center import PartnerCenter
from demo.entra.refusals import CODES, SignInRefusedError, asked_to_fail
from demo.entra.token_endpoint import TokenEndpoint, answer_device
from demo.entra.world import AZURE, GRAPH, PARTNER_CENTER, World


class CutResponse(Response):
    """An answer of which nothing arrives: more is promised than sent, so that the server closes the connection."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Promise, and do not keep it."""
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})


class Service:
    """The ASGI application. `secret` opens the controls."""

    def __init__(self, world: World, secret: str) -> None:
        self._world, self._secret = world, secret
        self._tokens = TokenEndpoint(world)
        self._routes = Starlette(
            routes=[
                Route("/control/{what}", self._control, methods=["POST"]),
                Route("/download/{key}", self._download),
                Route("/{tenant}/oauth2/v2.0/{what:str}", self._sign_in, methods=["POST"]),
                Route("/{tenant}/v2.0/.well-known/openid-configuration", self._sign_in),
                Route("/{tenant}/discovery/v2.0/keys", self._sign_in),
            ]
        )
        self._graph = Graph(world, graph(), "/v1.0", GRAPH)
        self._partner = PartnerCenter(world, partner_center(), "", PARTNER_CENTER)
        self._azure = Azure(world, azure(), "", AZURE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. What is Graph's is not for the router, which does not know every path that can be written."""
        path = scope.get("raw_path", b"")
        if path.startswith(b"/v1.0/"):
            await (await self._answer(self._graph, Request(scope, receive), "/v1.0"))(scope, receive, send)
        elif path.startswith(b"/v1/"):
            await (await self._answer(self._partner, Request(scope, receive), ""))(scope, receive, send)
        elif path.startswith(b"/subscriptions"):
            await (await self._answer(self._azure, Request(scope, receive), ""))(scope, receive, send)
        else:
            await self._routes(scope, receive, send)

    async def _sign_in(self, request: Request) -> Response:
        name, what = request.path_params["tenant"], request.path_params.get("what")
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        try:
            if what == "token":
                return JSONResponse(self._tokens.token(name, form), headers={"Cache-Control": "no-store"})
            if what == "devicecode":
                return JSONResponse(self._tokens.device(name, form))
            if what is None:
                return JSONResponse(self._tokens.keys(name) if request.url.path.endswith("/keys") else self._tokens.configuration(name))
        except SignInRefusedError as refused:
            return JSONResponse(refused.body(), refused.status)
        return Response(status_code=404)

    async def _answer(self, service: Graph, request: Request, root: str) -> Response:
        path = request.scope["raw_path"].decode("ascii", "replace").removeprefix(root)
        fault = self._world.fault(path)
        if fault and (early := await self._fail_before(service, fault)):
            return early
        options = parse_qsl(request.scope["query_string"].decode("ascii", "replace"), keep_blank_values=True)
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = service.answer(request.method, path, options, headers, await request.body())
        if fault and fault["kind"] == "miscount" and "@odata.count" in (answer.body or {}):
            answer.body["@odata.count"] += 1
        if fault and fault["kind"] == "no_location":
            answer.headers.pop("Location")
        if fault and fault["kind"] == "cut_after":
            return CutResponse()
        return _response(answer)

    async def _fail_before(self, service: Graph, fault: dict[str, Any]) -> Response | None:
        kind = fault["kind"]
        if kind == "slow":
            await asyncio.sleep(fault.get("milliseconds", 1000) / 1000)
        if kind == "cut":
            return CutResponse()
        if kind == "page":
            return Response(
                "<html>Sign in to the proxy first</html>", media_type="text/html"
            )  # what stands in between answers, and calls it right
        return _response(service.refusal(asked_to_fail(fault), "fault")) if kind in CODES else None

    async def _download(self, request: Request) -> Response:
        """Give a file's bytes to anybody who knows the address; from where a Range says, if they are still those of If-Range (RFC 9110)."""
        found = files.download(self._world, request.path_params["key"])
        fault = self._world.fault(request.url.path) or {"kind": ""}
        if found is None or fault["kind"] == "expired":
            return Response(status_code=404)
        if "authorization" in request.headers:  # whoever knows the address needs no token, and must not show one
            return Response(status_code=401)
        if fault["kind"] in {"429", "503", "504"}:
            return Response(status_code=int(fault["kind"]), headers={"Retry-After": str(fault.get("retry_after", 1))})
        if fault["kind"] == "cut":
            return CutResponse()
        etag = f'"{hashlib.sha256(found["seed"].encode()).hexdigest()[:20]}"'
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        start = int(asked[1]) if asked and request.headers.get("if-range", etag) == etag and fault["kind"] != "no_ranges" else 0
        size = found["size"]
        headers = {"ETag": etag, "Content-Length": str(size - start), "Accept-Ranges": "bytes", "Set-Cookie": "rtFa=x; Secure; Path=/"}
        headers |= {"Content-Range": f"bytes {start}-{size - 1}/{size}"} if start else {}

        async def pieces() -> AsyncIterator[bytes]:
            left = (size - start) // 2 if fault["kind"] == "cut_halfway" else size - start
            for piece in files.content(found["seed"], size, start, found["text"]):
                yield piece[:left]
                if (left := left - len(piece)) <= 0:
                    return  # less than was promised: the server closes the connection

        return StreamingResponse(pieces(), 206 if start else 200, headers, "application/octet-stream")

    async def _control(self, request: Request) -> Response:
        if not hmac.compare_digest(request.headers.get("x-control", "").encode(), self._secret.encode()):
            return Response(status_code=404)
        answers = {
            "controls": self._controls,
            "users": self._users,
            "device": self._device,
            "customer": self._customer,
            "object": self._object,
            "state": self._state,
            "log": self._log,
        }
        if (answer := answers.get(request.path_params["what"])) is None:
            return Response(status_code=404)
        return JSONResponse(answer(await request.json()))

    def _controls(self, said: dict[str, Any]) -> dict[str, Any]:
        """Change some of Controls, and tell all."""
        self._world.controls = dataclasses.replace(self._world.controls, **said)
        return dataclasses.asdict(self._world.controls)

    def _users(self, said: dict[str, Any]) -> dict[str, Any]:
        """Have as many more users in a tenant, so many of them guests."""
        people = self._world.tenants[said["tenant"]].users
        people.made_up, people.guests = said["made_up"], said.get("guests", 0)
        return {}

    def _device(self, said: dict[str, Any]) -> dict[str, Any]:
        """Let a person enter a device's code."""
        return {"taken": answer_device(self._world, said)}

    def _customer(self, said: dict[str, Any]) -> dict[str, Any]:
        """Change what Partner Center knows of a client, which transfers there are, or how far all of them are."""
        self._world.customers[said["id"]] |= said.get("changes", {})
        if "transfers" in said:
            self._world.transfers[said["id"]] = said["transfers"]
        for one in self._world.transfers.get(said["id"], []):
            one["status"] = said.get("transfer", one["status"])
        return {}

    def _object(self, said: dict[str, Json]) -> Json:
        """Read an object as it is, changed first if `changes` are said: what somebody else does meanwhile."""
        table = self._world.tenants[said["tenant"]].table(said["table"])
        one = table.get(said["id"])
        if "changes" in said:
            table.put(said["id"], None if said["changes"] is None else (one or {}) | said["changes"])
        return table.get(said["id"])

    def _log(self, said: dict[str, Any]) -> list[Any]:
        """Tell a tenant's directory log."""
        return list(self._world.tenants[said["tenant"]].table("directoryAudits").values())

    def _state(self, said: dict[str, Any]) -> dict[str, Any]:
        """Tell all that a tenant holds, put back first to what `state` says, if it is said."""
        tenant = self._world.tenants[said["tenant"]]
        return tenant.restore(said["state"]) if "state" in said else tenant.dump()


def _response(answer: Answer) -> Response:
    if answer.body is None:
        return Response(status_code=answer.status, headers=answer.headers)
    if isinstance(answer.body, bytes):
        return Response(answer.body, answer.status, answer.headers, answer.media)
    return JSONResponse(answer.body, answer.status, answer.headers)
