"""Nothing that is not listed leaves this machine: every operation that the SDK knows is tried against the guard."""

import datetime as dt
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse

from connectors.aws_account.denials import DENY_ALL, OLDER_SESSIONS, deny_all, end_sessions
from connectors.aws_account.guard import READING, WRITING, Errand, may_send
from connectors.aws_account.marks import Marks
from connectors.aws_account.policies import SID
from connectors.aws_account.session import AwsSession, Keys
from core.errors import GoodLeaverError, GuardError

NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
TESS = "arn:aws:iam::999999999999:user/tess"
CLIENT = "arn:aws:iam::111111111111:root"
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": [CLIENT, TESS]}, "Action": "sts:AssumeRole"}]}
WITHOUT = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": CLIENT}, "Action": "sts:AssumeRole"}]}
HARMFUL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": TESS}, "Action": "sts:AssumeRole"}]}
WIDER = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": [CLIENT, TESS]}, "Action": "*"}]}
USER = {"UserName": "tess"}
ROLE = {"RoleName": "support"}
NAMES = ("UserName", "RoleName", "Bucket", "KeyId", "TopicArn", "QueueUrl", "SecretId", "repositoryName", "AlternateContactType")


class Decoy:
    """A server that counts what arrives."""

    def __init__(self) -> None:
        asked = self.asked = list[str]()

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                asked.append(self.path)
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.send_response(400)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = answer  # noqa: N815 - the library's names

            def log_message(self, *_words: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def decoy() -> Iterator[Decoy]:
    server = Decoy()
    yield server
    server.close()


def something(shape: Any) -> Any:  # noqa: ANN401 - botocore's shapes, and values for them
    """The least that a shape takes."""
    kinds: dict[str, Any] = {"integer": 1, "long": 1, "boolean": True, "blob": b"x", "list": [], "map": {}, "float": 1.0, "double": 1.0}
    if shape.type_name == "structure":
        names = shape.required_members or (list(shape.members)[:1] if shape.is_tagged_union else [])
        return {name: something(shape.members[name]) for name in names}
    if shape.type_name == "timestamp":
        return NOW
    if shape.type_name == "string":
        return (shape.enum or ["x" * max(shape.metadata.get("min", 1), 8)])[0]
    return kinds.get(shape.type_name, "x")


def test_of_all_operations_of_all_services_only_the_listed_ones_pass() -> None:
    session = botocore.session.Session()
    errands = [None, *(Errand({name: "x"}, reinstating=back, document=TRUST) for name in NAMES for back in (False, True))]
    passed, tried = set[tuple[str, str]](), 0
    for service in session.get_available_services():
        for operation in session.get_service_model(service).operation_names:
            tried += 1
            if may_send(service, operation, {}, None):
                passed.add((service, operation))
            elif (service, operation) not in WRITING:
                assert not any(may_send(service, operation, dict(errand.subject) if errand else {}, errand) for errand in errands)
    assert tried > 10_000
    assert passed == {(service, operation) for service, names in READING.items() for operation in names}
    assert all(session.get_service_model(service).operation_model(operation) for service, operation in WRITING)


def test_what_reads_is_named_as_what_reads_and_nothing_listed_takes_a_thing_of_the_clients_away() -> None:
    reading = {operation for names in READING.values() for operation in names} - {"AssumeRole", "SimulatePrincipalPolicy"}
    assert all(operation.startswith(("Get", "List", "Describe")) for operation in reading)
    assert {operation for _service, operation in WRITING if operation.startswith(("Delete", "Remove", "Revoke", "Detach", "Disable"))} == {
        "DeleteUserPolicy",
        "DeleteRolePolicy",
        "DeleteAccountAssignment",
    }


@pytest.mark.parametrize("service", ["iam", "sts", "kms", "sqs", "account", "organizations"])
def test_a_real_client_sends_the_listed_ones_alone(decoy: Decoy, service: str) -> None:
    session = AwsSession(Keys("AKIAEXAMPLE", "secret"), region="us-east-1", endpoint=decoy.endpoint)
    model = botocore.session.Session().get_service_model(service)
    for operation in model.operation_names:
        shape = model.operation_model(operation).input_shape
        params = something(shape) if shape else {}
        before = len(decoy.asked)
        if operation in READING.get(service, ()):
            with suppress(GoodLeaverError):
                session.call(service, operation, **params)
            assert len(decoy.asked) > before, operation
        else:
            with pytest.raises(GuardError):
                session.call(service, operation, **params)
            assert len(decoy.asked) == before, operation


def allowed(operation: str, errand: Errand | None, **params: Any) -> bool:  # noqa: ANN401 - what the SDK takes
    return may_send("iam", operation, params, errand)


def test_a_credential_is_only_ever_made_inactive_and_only_the_noted_ones_active_again() -> None:
    revoking = Errand(USER, values={"credentials": "AKIA1 AKIA2"})
    back = Errand(USER, reinstating=True, values={"credentials": "AKIA1"})
    change = {"UserName": "tess", "AccessKeyId": "AKIA1"}
    assert allowed("UpdateAccessKey", revoking, **change, Status="Inactive")
    assert allowed("UpdateAccessKey", back, **change, Status="Active")
    for errand, wrong in (
        (None, change | {"Status": "Inactive"}),
        (revoking, change | {"Status": "Active"}),
        (back, change | {"Status": "Inactive"}),
        (revoking, change | {"Status": "Inactive", "UserName": "client"}),
        (revoking, {"AccessKeyId": "AKIA1", "Status": "Inactive"}),
        (revoking, change | {"Status": "Inactive", "AccessKeyId": "AKIA3"}),
        (back, change | {"Status": "Active", "AccessKeyId": "AKIA2"}),
    ):
        assert not allowed("UpdateAccessKey", errand, **wrong)


def test_only_our_own_inline_policies_are_written_and_deleted() -> None:
    revoking, back = Errand(USER), Errand(USER, reinstating=True)
    text = deny_all(["AKIA1"], own=False)
    assert allowed("PutUserPolicy", revoking, **USER, PolicyName=DENY_ALL, PolicyDocument=text)
    assert allowed("DeleteUserPolicy", back, **USER, PolicyName=DENY_ALL)
    assert not allowed("PutUserPolicy", revoking, **USER, PolicyName="other", PolicyDocument=text)
    assert not allowed("PutUserPolicy", revoking, **USER, PolicyName=DENY_ALL, PolicyDocument=text.replace("Deny", "Allow"))
    assert not allowed("PutUserPolicy", back, **USER, PolicyName=DENY_ALL, PolicyDocument=text)
    assert not allowed("DeleteUserPolicy", revoking, **USER, PolicyName=DENY_ALL)
    assert not allowed("DeleteUserPolicy", back, **USER, PolicyName="everything")
    ended = end_sessions(NOW)
    assert allowed("PutRolePolicy", Errand(ROLE), **ROLE, PolicyName=OLDER_SESSIONS, PolicyDocument=ended)
    assert not allowed(
        "PutRolePolicy", Errand(ROLE), **ROLE, PolicyName=OLDER_SESSIONS, PolicyDocument=ended.replace("DateLessThan", "Null")
    )
    assert not allowed("PutRolePolicy", Errand(ROLE), **ROLE, PolicyName="everything", PolicyDocument=ended)
    assert not allowed("DeleteRolePolicy", Errand(ROLE, reinstating=True), **ROLE, PolicyName="everything")


@pytest.mark.parametrize("reinstating", [False, True])
def test_a_policy_is_written_only_if_it_says_the_same_of_everybody_else(reinstating: bool) -> None:
    errand = Errand(ROLE, reinstating=reinstating, document=TRUST, marks=Marks(values=frozenset({TESS})))
    for document, right in ((WITHOUT, True), (TRUST, True), (HARMFUL, False), (WIDER, False), ({}, False)):
        assert allowed("UpdateAssumeRolePolicy", errand, **ROLE, PolicyDocument=json.dumps(document)) is right
    assert not allowed("UpdateAssumeRolePolicy", errand, RoleName="admin", PolicyDocument=json.dumps(WITHOUT))
    assert not allowed("UpdateAssumeRolePolicy", Errand(ROLE), **ROLE, PolicyDocument=json.dumps(WITHOUT))
    alone = Errand(ROLE, document=HARMFUL, marks=Marks(values=frozenset({TESS})))
    assert not allowed("UpdateAssumeRolePolicy", alone, **ROLE, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []}))
    key = Errand({"KeyId": "k"}, document=TRUST, marks=Marks(values=frozenset({TESS})))
    params = {"KeyId": "k", "PolicyName": "default", "Policy": json.dumps(WITHOUT)}
    assert may_send("kms", "PutKeyPolicy", params, key)
    assert not may_send("kms", "PutKeyPolicy", params | {"BypassPolicyLockoutSafetyCheck": True}, key)
    assert not may_send(
        "sns", "SetTopicAttributes", {"TopicArn": "t", "AttributeName": "DisplayName", "AttributeValue": "x"}, Errand({"TopicArn": "t"})
    )


IN_OUR_ORGANISATION = {"aws:PrincipalOrgID": "o-ours"}


@pytest.mark.parametrize(
    ("denial", "right"),
    [
        ({"Principal": {"AWS": TESS}}, True),
        ({"Principal": "*", "Condition": {"StringEquals": IN_OUR_ORGANISATION}}, True),
        ({"Principal": "*", "Condition": {"StringEqualsIfExists": IN_OUR_ORGANISATION}}, False),
        ({"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": ["o-ours", "o-theirs"]}}}, False),
        ({"Principal": "*", "Condition": {"StringNotEquals": IN_OUR_ORGANISATION}}, False),
        ({"Principal": "*"}, False),
        ({"Principal": {"AWS": [TESS, f"arn:aws:iam::{CLIENT}:root"]}}, False),
        ({"NotPrincipal": {"AWS": TESS}}, False),
    ],
)
def test_nobody_but_whom_an_errand_is_about_is_denied_anything(denial: dict[str, Any], right: bool) -> None:
    errand = Errand(ROLE, document=TRUST, marks=Marks(values=frozenset({TESS, "o-ours"})))
    made = {"Sid": f"{SID}0", "Effect": "Deny", "Action": "sts:AssumeRole", **denial}
    params = {**ROLE, "PolicyDocument": json.dumps(TRUST | {"Statement": [*TRUST["Statement"], made]})}
    assert allowed("UpdateAssumeRolePolicy", errand, **params) is right


def test_an_assignment_is_only_changed_exactly_as_it_was_found() -> None:
    found = {
        "InstanceArn": "i",
        "TargetId": "1",
        "TargetType": "AWS_ACCOUNT",
        "PermissionSetArn": "p",
        "PrincipalType": "GROUP",
        "PrincipalId": "us",
    }
    revoking, back = Errand({}, values=found), Errand({}, reinstating=True, values=found)
    assert may_send("sso-admin", "DeleteAccountAssignment", found, revoking)
    assert may_send("sso-admin", "CreateAccountAssignment", found, back)
    for operation, params, errand in (
        ("DeleteAccountAssignment", found, back),
        ("DeleteAccountAssignment", found | {"PrincipalId": "them"}, revoking),
        ("DeleteAccountAssignment", found, None),
        ("DeleteAccountAssignment", {}, Errand({})),
        ("CreateAccountAssignment", found, revoking),
        ("CreateAccountAssignment", found | {"PermissionSetArn": "admin"}, back),
    ):
        assert not may_send("sso-admin", operation, params, errand)


def test_a_request_to_another_address_does_not_leave(decoy: Decoy) -> None:
    other = Decoy()
    session = AwsSession(Keys("AKIAEXAMPLE", "secret"), region="us-east-1", endpoint=decoy.endpoint)
    client = session._client("iam", "us-east-1")  # noqa: SLF001 - to turn its requests elsewhere
    client.meta.events.register("before-sign.iam", lambda request, **_others: setattr(request, "url", f"{other.endpoint}/elsewhere"))
    with pytest.raises(GuardError, match="127"):
        session.call("iam", "GetUser")
    assert not other.asked + decoy.asked
    other.close()


def test_the_environment_is_not_asked(decoy: Decoy, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Decoy()
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_IAM", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, other.endpoint)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.setenv(name, "other")
    session = AwsSession(Keys("AKIAEXAMPLE", "secret"), region="us-east-1", endpoint=decoy.endpoint)
    with suppress(GoodLeaverError):
        session.call("iam", "GetUser")
    assert decoy.asked
    assert not other.asked
    other.close()


def test_the_reference_names_every_listed_operation() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference.md").read_text(encoding="utf-8")
    section = page.split("\n## AWS accounts\n")[1].split("\n## ")[0]
    assert [operation for names in READING.values() for operation in names if f"`{operation}`" not in section] == []
    written = set(re.findall(r"`([a-z0-9-]+):([A-Z][a-z]\w+)`", section))
    assert written == set(WRITING)


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"])
def test_requests_to_aws_itself_pass_and_go_to_aws(region: str) -> None:
    session = AwsSession(Keys("AKIAEXAMPLE", "secret"), region=region, endpoint=None)
    urls = list[str]()

    def stop(request: Any, **_others: object) -> AWSResponse:  # noqa: ANN401 - the library's types
        urls.append(request.url)
        answer = AWSResponse(request.url, 400, {}, None)  # in the place of the network
        answer._content = b""  # noqa: SLF001 - nothing is to be read
        return answer

    for service, names in READING.items():
        client = session._client(service, region)  # noqa: SLF001 - to stand behind the guard
        client.meta.events.register_last("before-send", stop)
        for operation in sorted(names):
            params = something(client.meta.service_model.operation_model(operation).input_shape)
            params |= {"QueueUrl": f"https://sqs.{region}.amazonaws.com/111111111111/jobs"} if "QueueUrl" in params else {}
            with suppress(GoodLeaverError):
                session.call(service, operation, **params)
    assert len(urls) >= sum(map(len, READING.values()))
    assert all(re.match(r"https://[a-z0-9.-]+\.(amazonaws\.com|amazonaws\.com\.cn|api\.aws|aws)/", url) for url in urls), urls
