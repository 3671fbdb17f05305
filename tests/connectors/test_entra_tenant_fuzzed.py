"""Answers that Microsoft should never give: right ones of the simulated tenant, broken at random on their way.

Whatever comes, looking sends nothing that writes, ends in an error of ours or in an answer, names nobody of the client's as ours, and takes
nothing that it cannot read for the end of a way in.
"""

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter

from connectors.microsoft import session
from connectors.microsoft.entra_tenant import EntraTenant, gdap
from connectors.microsoft.sign_in import SignIn
from core.errors import GoodLeaverError, GuardError
from core.model import Grant, GrantState
from tests.servers.acme_world import HOLDERS, Acme

JSON = Any
Send = Callable[..., requests.Response]

NONSENSE = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        1.5,
        "",
        "x",
        "a b c",
        "../..",
        "\ud800",
        "x" * 5_000,
        [],
        [[]],
        [None],
        {},
        {"id": 5},
        {"value": {}},
        {"value": [3]},
    ]
)
STATUSES = st.sampled_from([200, 202, 204, 302, 400, 401, 403, 404, 409, 410, 412, 500, 501])
BODIES = st.sampled_from(
    ["", "<html>", "[]", "null", "5", '"x"', '{"value"', '{"value": null}', "[" * 3_000, '{"error": "no"}', '{"error": {"code": 5}}']
)
LINKS = st.sampled_from(
    [5, {}, [], "same", "", "x", "https://evil.example/v1.0/users", "http://127.0.0.1/v1.0/users", "//", "https://[", "\x00"]
)
BREAK = st.one_of(
    st.tuples(st.just("replace"), st.integers(0, 400), NONSENSE),
    st.tuples(st.just("drop"), st.integers(0, 400), st.none()),
    st.tuples(st.just("twice"), st.integers(0, 400), st.none()),
    st.tuples(st.just("link"), st.just(0), LINKS),
    st.tuples(st.just("status"), st.just(0), STATUSES),
    st.tuples(st.just("body"), st.just(0), BODIES),
)
"""What is done to an answer: to which of its places, and with what."""
PLAN = st.lists(st.tuples(st.integers(0, 60), BREAK), min_size=1, max_size=6)
"""Which answers are broken, counted from the first, and how."""
QUICKLY = settings(
    max_examples=60,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)


class Recorded:
    """What the simulated tenant answers, asked once; then broken as a plan says. No answer changes anything, so none goes stale."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._known: dict[tuple[str, str], requests.Response] = {}
        self.plan: dict[int, list[tuple[str, int, JSON]]] = {}
        self.answered = 0
        self.written: list[str] = []

    def begin(self, plan: Sequence[tuple[int, tuple[str, int, JSON]]]) -> None:
        """Count from the first answer again, and break these."""
        self.plan, self.answered, self.written = {}, 0, []
        for number, what in plan:
            self.plan.setdefault(number, []).append(what)

    def __call__(self, adapter: HTTPAdapter, request: requests.PreparedRequest, **how: JSON) -> requests.Response:
        url, method = request.url or "", request.method or ""
        if "/oauth2/" not in url and method != "GET":
            self.written.append(f"{method} {url}")
        key = (method, url if method == "GET" else f"{url} {request.body!r}"[:200] if "/oauth2/" not in url else url)
        if key not in self._known:
            self._known[key] = self._send(adapter, request, **how)
        answer = copy.copy(self._known[key])
        if not any(place in url for place in ("/v1.0/", "/v1/", "/subscriptions")):
            return answer  # signing in is MSAL's
        self.answered += 1
        for what in self.plan.get(self.answered - 1, ()):
            _break(answer, *what)
        return answer


def _break(answer: requests.Response, how: str, place: int, what: JSON) -> None:
    if how == "status":
        answer.status_code = what
        return
    if how == "body":
        answer._content = str(what).encode()  # noqa: SLF001 - what arrived
        return
    try:
        body = json.loads(answer.content)
    except ValueError:
        return
    if how == "link" and isinstance(body, dict):
        body["nextLink" if "/subscriptions" in answer.url else "@odata.nextLink"] = answer.url if what == "same" else what
    elif places := list(_places(body)):
        within, key = places[place % len(places)]
        if how == "replace":
            within[key] = what
        elif how == "drop":
            del within[key]
        elif isinstance(within, list):
            within.append(within[key])
    answer._content = json.dumps(body).encode()  # noqa: SLF001 - what arrived


def _places(value: JSON) -> Iterator[tuple[JSON, JSON]]:
    """Name every place in a body where something stands."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


class Fuzzed:
    """Acme's tenant behind answers that break."""

    def __init__(self, acme: Acme) -> None:
        self.acme = acme
        self.grants: tuple[Grant, ...] = acme.target.discover(HOLDERS)
        self.answers = Recorded(HTTPAdapter.send)
        client = acme.settings()["client"]
        everybody = {*client["administrators"], client["emergency_account"], *(one["id"] for one in acme.acme.staff)}
        self.of_the_client = frozenset(everybody)

    def agent_token(self) -> str:
        """Sign in once as the person whose refresh token is named."""
        target = self.target()
        partner = target.partner
        assert partner
        assert partner.refresh_token
        resource = target.services.partner_center_resource
        return SignIn(target).token_of_person(partner.tenant_id, partner, partner.refresh_token.reveal(), resource)

    def target(self) -> EntraTenant:
        return self.acme.entra()


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    acme = Acme(tmp_path_factory.mktemp("acme"))
    with acme.server, pytest.MonkeyPatch.context() as patched:
        made = Fuzzed(acme)
        patched.setattr(session, "PATIENCE_SECONDS", 0.0)
        patched.setattr(session, "SETTLE_SECONDS", 0.0)
        patched.setattr(session.time, "sleep", lambda _seconds: None)
        patched.setattr(gdap, "PATIENCE_SECONDS", 0.0)
        tokens: dict[tuple[str, str, str], str] = {}
        token = SignIn.token

        def once(self: SignIn, tenant: str, credential: JSON, resource: str) -> str:  # signing anew each time is what takes long
            key = (tenant, credential.client_id, resource)
            if key not in tokens:
                tokens[key] = token(self, tenant, credential, resource)
            return tokens[key]

        patched.setattr(SignIn, "token", once)
        agents = made.agent_token()
        patched.setattr(SignIn, "token_of_person", lambda *_: agents)
        answers = made.answers
        patched.setattr(HTTPAdapter, "send", lambda *asked, **how: answers(*asked, **how))  # noqa: PLW0108 - it becomes a method
        yield made


def looked(act: Callable[[], JSON]) -> JSON:
    """Do it; an error of ours is an answer, but for what would be a defect of ours: something that the guard held back."""
    try:
        return act()
    except GuardError as error:
        held = error.what
    except GoodLeaverError:
        return None
    assert "a request to" in held or "GET" in held, held  # a page that led somewhere else
    return None


@QUICKLY
@given(plan=PLAN)
def test_discovery(fuzzed: Fuzzed, plan: Sequence[JSON]) -> None:
    fuzzed.answers.begin(plan)
    target = fuzzed.target()
    found = looked(lambda: target.discover(HOLDERS))
    assert not fuzzed.answers.written
    for grant in found or ():
        assert not any(key in grant.id.split(" ")[1] for key in fuzzed.of_the_client if grant.id.split(" ")[0] == "user"), grant
        assert grant.holder in {one.name for one in HOLDERS}
    assert all(isinstance(one, str) for one in target.not_looked_at())


@QUICKLY
@given(plan=PLAN, which=st.integers(0, 200))
def test_looking_again(fuzzed: Fuzzed, plan: Sequence[JSON], which: int) -> None:
    grant = fuzzed.grants[which % len(fuzzed.grants)]
    fuzzed.answers.begin([(number % 4, what) for number, what in plan])
    verdict = looked(lambda: fuzzed.target().verify(grant, log_in=False))
    assert not fuzzed.answers.written
    assert verdict is None or verdict.state in set(GrantState)


NAMES_OURS = (
    "user ",
    "application ",
    "relationship ",
    "gdap-access ",
    "role ",
    "eligibility ",
    "owner ",
    "membership ",
    "consent ",
    "permission ",
    "delegation ",
)


@QUICKLY
@given(places=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 400)), min_size=1, max_size=4), which=st.integers(0, 200))
@pytest.mark.parametrize("nonsense", [5, [5], {"id": 5}], ids=str)
def test_what_is_of_another_kind_is_never_the_end_of_a_way_in(
    fuzzed: Fuzzed, nonsense: JSON, places: Sequence[tuple[int, int]], which: int
) -> None:
    grants = [one for one in fuzzed.grants if one.id.startswith(NAMES_OURS)]
    grant = grants[which % len(grants)]
    fuzzed.answers.begin([(number, ("replace", place, nonsense)) for number, place in places])
    verdict = looked(lambda: fuzzed.target().verify(grant, log_in=False))
    assert verdict is None or verdict.state != GrantState.REVOKED, (grant, verdict)


ONE_THING = ("user ", "application ", "relationship ", "reseller ", "delegated-access ")


@QUICKLY
@given(places=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 40)), min_size=1, max_size=4), which=st.integers(0, 200))
def test_what_is_missing_is_never_the_end_of_a_way_in(fuzzed: Fuzzed, places: Sequence[tuple[int, int]], which: int) -> None:
    grants = [one for one in fuzzed.grants if one.id.startswith(ONE_THING)]
    grant = grants[which % len(grants)]
    fuzzed.answers.begin([(number, ("drop", place, None)) for number, place in places])
    verdict = looked(lambda: fuzzed.target().verify(grant, log_in=False))
    assert verdict is None or verdict.state != GrantState.REVOKED, (grant, verdict)


@QUICKLY
@given(plan=PLAN)
@pytest.mark.parametrize("what", ["client_control", "end_state", "transfers", "what_we_did"])
def test_everything_else_that_looks(fuzzed: Fuzzed, what: str, plan: Sequence[JSON]) -> None:
    fuzzed.answers.begin(plan)
    target = fuzzed.target()
    act = {
        "client_control": target.client_control,
        "end_state": lambda: target.end_state(fuzzed.grants),
        "transfers": lambda: target.transfers(fuzzed.grants),
        "what_we_did": lambda: target.what_we_did(datetime(2026, 1, 1, tzinfo=UTC)),
    }[what]
    looked(act)
    assert not fuzzed.answers.written


@QUICKLY
@given(plan=PLAN, which=st.integers(0, 200))
def test_rehearsing_a_revocation(fuzzed: Fuzzed, plan: Sequence[JSON], which: int) -> None:
    grant = fuzzed.grants[which % len(fuzzed.grants)]
    fuzzed.answers.begin([(number % 6, what) for number, what in plan])
    looked(lambda: fuzzed.target().operations([grant]))
    assert not fuzzed.answers.written
