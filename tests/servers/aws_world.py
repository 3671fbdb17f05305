"""AWS accounts of made-up people: the client's, ours and another provider's; and plain boto3, by which strangers try to come in."""

import atexit
import functools
import itertools
import json
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session

from connectors.aws_account import AwsAccount
from core.model import Grant, Holder
from demo.aws_server import AwsServer
from tests.servers.killed_child import killed_child

NUMBERS = itertools.count(1)
PATIENCE = 60.0
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
OURS = ("connector", "technician", "operator")
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIECr4xwjD6Hg+AiAalVY139cpg/XLfbGuXmkAZ01LFpX"
REFUSALS = {"AccessDenied", "InvalidClientTokenId", "AccessDeniedException", "AuthorizationError", "UnrecognizedClientException"}


class Keys(NamedTuple):
    """A key pair, or that of a session."""

    id: str
    secret: str
    token: str | None = None


@functools.cache
def aws_server() -> AwsServer:
    """Give the one server of this test run; it ends with it."""
    folder = Path(tempfile.mkdtemp(prefix="aws-"))
    server = AwsServer.start(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.stop)
    return server


def client(service: str, keys: Keys | str, endpoint: str = "", region: str = AwsServer.region) -> Any:  # noqa: ANN401 - boto3's types
    """An independent client; for an account's number it is the account's root."""
    if isinstance(keys, str):
        keys = Keys(keys, "unchecked")
    return boto3.client(
        service,
        endpoint_url=endpoint or aws_server().endpoint,
        region_name=region,
        aws_access_key_id=keys.id,
        aws_secret_access_key=keys.secret,
        aws_session_token=keys.token,
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


def works(service: str, operation: str, keys: Keys, **params: Any) -> bool:  # noqa: ANN401 - what the SDK takes
    """Really try; anything but yes or a refusal fails the test."""
    try:
        getattr(client(service, keys), operation)(**params)
    except ClientError as error:
        assert error.response["Error"]["Code"] in REFUSALS, error  # noqa: PT017 - the call may as well succeed
        return False
    return True


def trust(*principals: str, **condition: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """A trust policy for these principals."""
    one = {"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [one | ({"Condition": condition} if condition else {})]}


class AwsWorld:
    """A client's account. `connector`, `technician` and `operator` are ours; `client` and `neighbour` are not.

    In `shared`, each of us assumes a role that the client or the neighbour uses too; in `alone`, a role that nobody else uses; in `users`,
    each of us is a user in the client's account. In `alone` and `users`, everybody has a session besides, opened before.
    """

    def __init__(self, folder: Path, kind: str) -> None:
        number = next(NUMBERS)
        self.kind = kind
        self.account, self.us, self.other = f"1{number:011}", f"9{number:011}", f"7{number:011}"
        self.folder = folder
        self.root = client("iam", self.account)
        self.keys: dict[str, Keys] = {}
        self.sessions: dict[str, Keys] = {}
        self.add_user("client", self.account)
        self.add_user("neighbour", self.other)
        self.add_user("stranger", self.us)
        for name in OURS:
            self.add_user(name, self.account if kind == "users" else self.us)
            if kind != "users":
                self.add_role(name)
        self.add_role("neighbour")
        self.open_sessions()
        self.holders = tuple(Holder(name=f"our {name}", keys=(PUBLIC_KEY,)) for name in OURS)
        self.others = ("client", "neighbour")
        self.target = self.aws()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret key and token."""
        every = (*self.keys.values(), *self.sessions.values())
        return tuple(text for keys in every for text in (keys.secret, keys.token) if text)

    def add_user(self, name: str, account: str) -> None:
        """Make a user with a key, who may do everything in its account."""
        self.add_bare_user(name, account)
        client("iam", account).put_user_policy(UserName=name, PolicyName="everything", PolicyDocument=json.dumps(EVERYTHING))

    def add_bare_user(self, name: str, account: str) -> None:
        """Make a user with a key, who may do nothing by itself."""
        iam = client("iam", account)
        iam.create_user(UserName=name)
        made = iam.create_access_key(UserName=name)["AccessKey"]
        self.keys[name] = Keys(made["AccessKeyId"], made["SecretAccessKey"])
        for what, text in (("id", made["AccessKeyId"]), ("secret", made["SecretAccessKey"])):
            (self.folder / f"{name}.{what}").write_text(text)

    def add_role(self, name: str) -> None:
        """Make the role by which somebody comes in."""
        theirs = [self.arn("client")] if self.kind == "shared" or name == "neighbour" else []
        document = trust(self.arn(name), *theirs, StringEquals={"sts:ExternalId": "harbour-7"})
        self.root.create_role(RoleName=f"for-{name}", Path="/providers/", AssumeRolePolicyDocument=json.dumps(document))
        self.root.put_role_policy(RoleName=f"for-{name}", PolicyName="everything", PolicyDocument=json.dumps(EVERYTHING))

    def open_sessions(self) -> None:
        """Open one for each, which goes on until it is ended."""
        for name in () if self.kind == "shared" else (*OURS, *("client", "neighbour")):
            if self.is_user(name):
                found = client("sts", self.keys[name]).get_session_token()["Credentials"]
                self.sessions[name] = Keys(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
            else:
                self.sessions[name] = self.assume(name)

    def is_user(self, name: str) -> bool:
        """Whether somebody comes in as a user of the client's account, and by no role."""
        return name == "client" or (self.kind == "users" and name in OURS)

    def arn(self, name: str) -> str:
        """A user's ARN."""
        account = self.account if self.is_user(name) else self.other if name == "neighbour" else self.us
        return f"arn:aws:iam::{account}:user/{name}"

    def role(self, name: str) -> str:
        """A role's ARN."""
        return f"arn:aws:iam::{self.account}:role/providers/for-{name}"

    def settings(self, **changed: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of several types
        """The engagement file's words for this account."""
        access = self.pair("connector")
        ours: dict[str, Any] = {"principals": [{"arn": self.arn(name), "holder": f"our {name}"} for name in OURS]}
        if self.kind == "alone":
            ours["roles_used_by_us_alone"] = [f"for-{name}" for name in OURS]
        if self.kind == "users":
            ours = {"users": [{"name": name, "holder": f"our {name}", "used_by_us_alone": True} for name in OURS]}
        else:
            access |= {"role_arn": self.role("connector"), "external_id": "harbour-7"}
        return {
            "name": "aws",
            "account_id": self.account,
            "regions": ["us-east-1"],
            "endpoint": aws_server().endpoint,
            "access": access,
            "ours": ours,
            "client": {"administrators": [self.arn("client")]},
        } | changed

    def pair(self, name: str) -> dict[str, Any]:
        """References to somebody's key."""
        return {"access_key": f"file:{self.folder / name}.id", "secret_key": f"file:{self.folder / name}.secret"}

    def aws(self, **changed: Any) -> AwsAccount:  # noqa: ANN401 - fields of several types
        """The connector, with some fields changed."""
        return AwsAccount.model_validate(self.settings(**changed))

    def unreachable(self) -> AwsAccount:
        """The same account, at a port where nobody listens."""
        return self.aws(endpoint="http://127.0.0.1:1")

    def refusing(self) -> AwsAccount:
        """The same account, which does not let our key in."""
        return self.aws(access=self.settings()["access"] | self.pair("stranger"))

    def assume(self, name: str) -> Keys:
        """Open a session of somebody's role. Raises ClientError."""
        asked = {"RoleArn": self.role(name), "RoleSessionName": name, "ExternalId": "harbour-7"}
        found = client("sts", self.keys[name]).assume_role(**asked)["Credentials"]
        return Keys(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])

    def ways_in(self, who: str) -> list[bool]:
        """Try the key, what it opens, and the session that was opened before."""
        who = who.removeprefix("our ")
        found = [works("iam", "list_roles", self.sessions[who])] if who in self.sessions else []
        if self.is_user(who):
            return [*found, works("sts", "get_caller_identity", self.keys[who]), works("iam", "list_roles", self.keys[who])]
        try:
            opened = self.assume(who)
        except ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDenied"  # noqa: PT017 - the call may as well succeed
            return [*found, False]
        return [*found, works("iam", "list_roles", opened)]

    def dump(self) -> dict[str, Any]:
        """Users with keys and inline policies, roles with trust and inline policies, as AWS tells them."""
        details = self.root.get_account_authorization_details()
        users, roles = {}, {}
        for one in details["UserDetailList"]:
            keys = self.root.list_access_keys(UserName=one["UserName"])["AccessKeyMetadata"]
            policies = {policy["PolicyName"]: policy["PolicyDocument"] for policy in one.get("UserPolicyList", [])}
            users[one["UserName"]] = {"keys": {key["AccessKeyId"]: key["Status"] for key in keys}, "policies": policies}
        for one in details["RoleDetailList"]:
            policies = {policy["PolicyName"]: policy["PolicyDocument"] for policy in one.get("RolePolicyList", [])}
            roles[one["RoleName"]] = {"trust": one["AssumeRolePolicyDocument"], "policies": policies}
        return {"users": users, "roles": roles}

    def state(self) -> bytes:
        """The dump, as bytes, less when sessions were ended."""
        found = self.dump()
        for role in found["roles"].values():
            if "AWSRevokeOlderSessions" in role["policies"]:
                role["policies"]["AWSRevokeOlderSessions"] = "ended"
        return json.dumps(found, sort_keys=True, indent=1).encode()

    def restore(self, state: bytes) -> None:
        """Put the account back, as its root."""
        wanted, now = json.loads(state), self.dump()
        for name, user in wanted["users"].items():
            for key, status in user["keys"].items():
                self.root.update_access_key(UserName=name, AccessKeyId=key, Status=status)
            for policy in now["users"][name]["policies"].keys() - user["policies"].keys():
                self.root.delete_user_policy(UserName=name, PolicyName=policy)
        for name, role in wanted["roles"].items():
            self.root.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(role["trust"]))
            for policy in now["roles"][name]["policies"].keys() - role["policies"].keys():
                self.root.delete_role_policy(RoleName=name, PolicyName=policy)

    def revoke_and_die(self, grant: Grant, step: int) -> bool:
        """Revoke in a child that is killed right after its `step`-th request was answered."""

        def revoke() -> None:
            _die_after(step)
            self.target.revoke(grant)

        return killed_child(revoke, patience=PATIENCE)


def _die_after(step: int) -> None:
    left = 0
    send = URLLib3Session.send

    def counted(self: URLLib3Session, request: Any) -> Any:  # noqa: ANN401 - the library's types
        nonlocal left
        answer = send(self, request)
        left += 1
        if left == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    URLLib3Session.send = counted  # type: ignore[method-assign]  # in the child alone
