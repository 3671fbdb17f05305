"""One visit to the account: how we come in, and the guarded clients by which everything is asked and changed."""

import functools
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from botocore import xform_name
from botocore.config import Config
from botocore.configprovider import ConstantProvider
from botocore.session import Session

from connectors.aws_account.errors import DeniedError, WayInRefusedError, translated
from connectors.aws_account.guard import Errand, Guard
from connectors.aws_account.marks import account_of
from core.errors import RefusedError, UnavailableError

CONNECT_SECONDS: Final = 5
SILENCE_SECONDS: Final = 20
ATTEMPTS: Final = 4
"""In the SDK's mode that asks more slowly when AWS is busy: with many requests at once, some would use up their attempts otherwise."""
ATTEMPTS_TO_COME_IN: Final = 2
"""Fewer, since everything begins with it: a silence is told soon, and the whole is tried again later."""
SETTLE_SECONDS: Final = 120.0
"""How long what was written may take to be read back: IAM is eventually consistent, and mostly settles within seconds."""
_LOCK: Final = threading.Lock()

for _name in ("botocore", "urllib3"):
    logging.getLogger(_name).setLevel(logging.INFO)  # what they say at DEBUG holds keys, tokens and signatures


class Keys(NamedTuple):
    """An access key, and the token that belongs to it if it is a session's. Its repr says the id alone."""

    access_key: str
    secret_key: str
    token: str | None = None

    def __repr__(self) -> str:
        return f"Keys({self.access_key})"


class RoleToAssume(NamedTuple):
    """By which role we come in."""

    arn: str
    external_id: str | None = None


class AwsSession:
    """The account as one credential sees it. Opened by `come_in`; every answer is a dict as the SDK documents it.

    One that `only_looks` refuses every change before it leaves this machine, also on an errand.
    """

    def __init__(self, keys: Keys, *, region: str, endpoint: str | None, only_looks: bool = False) -> None:
        self.keys = keys
        self.region = region
        self.caller = ""
        """Our ARN in the account."""
        self.via = ""
        """Our ARN where we come from: as whom a role lets us in; the same as `caller` without a role."""
        self.user_id = ""
        """Of a role's session what policies call `aws:userid`: it alone has it."""
        self.ends = ""
        """Until when AWS lets a role's session run, RFC 3339; empty for what does not run out."""
        self._endpoint = endpoint
        self._guard = Guard(only_looks=only_looks)
        self._clients: dict[tuple[str, str], Any] = {}

    def call(self, service: str, operation: str, region: str | None = None, /, **params: Any) -> dict[str, Any]:  # noqa: ANN401 - the SDK's
        """Ask for one operation. Raises GoneError for what is not there, DeniedError for what we may not, else as ports do."""
        client = self._client(service, region or self.region)
        with translated(f"{service}:{operation}"):
            return dict(getattr(client, xform_name(operation))(**params))

    def pages(self, service: str, operation: str, items: str, region: str | None = None, /, **params: Any) -> Iterator[Any]:  # noqa: ANN401
        """Give what an operation lists, page after page. Raises as `call`."""
        client = self._client(service, region or self.region)
        name = xform_name(operation)
        with translated(f"{service}:{operation}"):
            if not client.can_paginate(name):
                yield from getattr(client, name)(**params).get(items, [])
                return
            for page in client.get_paginator(name).paginate(**params):
                yield from page.get(items, [])

    @property
    def has_written(self) -> bool:
        """Whether anything that changes something was sent, or about to be."""
        return self._guard.has_passed_a_change

    @contextmanager
    def errand(self, errand: Errand) -> Iterator[None]:
        """Let the changes of one errand pass the guard, and no others."""
        self._guard.errand = errand
        try:
            yield
        finally:
            self._guard.errand = None

    def rehearse(self) -> list[str]:
        """Send nothing that changes anything from now on, but tell it in the list that is returned, if the guard lets it pass."""
        self._guard.told = told = list[str]()
        return told

    def settle(self, look: Callable[[], bool], what: str) -> None:
        """Look again and again until what was written is seen. Raises UnavailableError if it is not within SETTLE_SECONDS."""
        deadline, pause = time.monotonic() + SETTLE_SECONDS, 0.1
        while self._guard.told is None and not look():  # what was only told is never seen
            if time.monotonic() + pause > deadline:
                raise UnavailableError(f"{what} was sent to AWS, and is not seen there after {SETTLE_SECONDS:.0f} seconds")
            time.sleep(pause)
            pause = min(2 * pause, 5.0)

    def _client(self, service: str, region: str) -> Any:  # noqa: ANN401 - the library makes its clients' types at run time
        if (service, region) not in self._clients:
            with _LOCK:  # making clients is not safe in threads
                if (service, region) not in self._clients:
                    client = _new_client(service, region, self._endpoint, self.keys)
                    self._guard.watch(client)  # before anybody else may take it
                    self._clients[service, region] = client
        return self._clients[service, region]


def come_in(
    keys: Keys, role: RoleToAssume | None, *, account: str, region: str, endpoint: str | None, only_looks: bool = False
) -> AwsSession:
    """Come into the account, by a role if one is given.

    Raises WayInRefusedError if our credential is not accepted, RefusedError if it opens another account, UnavailableError if AWS does not
    answer clearly.
    """
    session = AwsSession(keys, region=region, endpoint=endpoint, only_looks=only_looks)
    try:
        session.caller = session.via = str(session.call("sts", "GetCallerIdentity")["Arn"])
    except WayInRefusedError as error:
        raise WayInRefusedError(error.what, caller=keys.access_key) from None
    if role is not None:
        session = _assume(session, role, region=region, endpoint=endpoint, only_looks=only_looks)
    if account_of(session.caller) != account:
        raise RefusedError(
            f"our credential opens the account {account_of(session.caller)}, not {account}",
            untouched="both accounts",
            todo="correct account_id, or the references to the keys, in the engagement file",
        )
    return session


def _assume(session: AwsSession, role: RoleToAssume, *, region: str, endpoint: str | None, only_looks: bool) -> AwsSession:
    params = {"RoleArn": role.arn, "RoleSessionName": f"good-leaver-{secrets.token_hex(4)}"} | (
        {"ExternalId": role.external_id} if role.external_id else {}
    )
    try:
        answer = session.call("sts", "AssumeRole", **params)
    except (DeniedError, WayInRefusedError) as error:
        raise WayInRefusedError(f"{role.arn} does not let in {session.caller} ({error.what})", caller=session.caller) from None
    found = answer["Credentials"]
    keys = Keys(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
    opened = AwsSession(keys, region=region, endpoint=endpoint, only_looks=only_looks)
    opened.ends = found["Expiration"].isoformat(timespec="seconds") if "Expiration" in found else ""
    opened.user_id = str(answer["AssumedRoleUser"]["AssumedRoleId"])
    opened.caller, opened.via = str(answer["AssumedRoleUser"]["Arn"]), session.caller
    return opened


def _new_client(service: str, region: str, endpoint: str | None, keys: Keys) -> Any:  # noqa: ANN401 - made at run time
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=SILENCE_SECONDS,
        retries={"mode": "adaptive", "total_max_attempts": ATTEMPTS_TO_COME_IN if service == "sts" else ATTEMPTS},
        proxies={},
        s3={"addressing_style": "path"},
        parameter_validation=True,
    )
    return _library().create_client(
        service,
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
        aws_session_token=keys.token,
        config=config,
    )


@functools.cache
def _library() -> Session:
    """Make a session in which every setting has the library's own default, whatever environment and files say."""
    session = Session()
    settings = session.get_component("config_store")
    defaults = {name: default for name, (_file, _environment, default, _conversion) in Session.SESSION_VARIABLES.items()}
    defaults |= {"config_file": os.devnull, "credentials_file": os.devnull, "s3": None, "proxies_config": None}
    for name, default in defaults.items():
        settings.set_config_provider(name, ConstantProvider(default))
    return session
