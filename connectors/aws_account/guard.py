"""What may be asked of AWS: every operation passes here before it is sent, by its service, its name and what it would change.

Reading is listed by name. Writing is listed by name too, and each writing operation has its own condition: for whom, to which value,
and that a policy says the same of everybody else as before. Nothing in the lists takes a thing of the client's away; what is
deleted is an assignment that names us, or one of two inline policies that we wrote ourselves, when access is put back.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from connectors.aws_account import policies
from connectors.aws_account.denials import DENY_ALL, OLDER_SESSIONS, cuts_sessions, denies_all
from connectors.aws_account.marks import Marks
from core.errors import GuardError

READING: Final[Mapping[str, frozenset[str]]] = {
    "iam": frozenset(
        {
            *("GetAccountAuthorizationDetails", "GetUser", "GetUserPolicy", "GetRole", "GetRolePolicy", "GetLoginProfile"),
            *("GetAccessKeyLastUsed", "ListAccessKeys", "ListSSHPublicKeys", "ListSigningCertificates", "ListServiceSpecificCredentials"),
            "SimulatePrincipalPolicy",
        }
    ),
    "sts": frozenset({"GetCallerIdentity", "AssumeRole"}),
    "account": frozenset({"GetAlternateContact"}),
    "s3": frozenset({"ListBuckets", "GetBucketPolicy"}),
    "ram": frozenset({"GetResourceShareAssociations"}),
    "sso-admin": frozenset({"ListInstances", "ListPermissionSetsProvisionedToAccount", "ListAccountAssignments"}),
    "kms": frozenset({"ListKeys", "GetKeyPolicy", "ListGrants"}),
    "sns": frozenset({"ListTopics", "GetTopicAttributes"}),
    "sqs": frozenset({"ListQueues", "GetQueueAttributes"}),
    "secretsmanager": frozenset({"ListSecrets", "GetResourcePolicy"}),
    "lambda": frozenset({"ListFunctions", "GetPolicy"}),
    "ecr": frozenset({"DescribeRepositories", "GetRepositoryPolicy"}),
}
"""What only looks. AssumeRole opens a session, and changes nothing."""


@dataclass(frozen=True)
class Errand:
    """The one grant that may be changed just now: its user, role or resource, and the policy on it as it was read a moment ago."""

    subject: Mapping[str, str]
    """The parameters that say what is changed, exactly: {"UserName": "tess"}."""
    reinstating: bool = False
    document: policies.Document | None = None
    marks: Marks = field(default_factory=Marks)
    values: Mapping[str, str] = field(default_factory=dict)
    """Parameters that must have this very value besides."""


_CREDENTIAL_IDS: Final = ("AccessKeyId", "SSHPublicKeyId", "CertificateId", "ServiceSpecificCredentialId")
Condition = Callable[[Mapping[str, Any], Errand], bool]


def _credential(params: Mapping[str, Any], errand: Errand) -> bool:
    named = {value for name, value in params.items() if name in _CREDENTIAL_IDS}
    return params.get("Status") == ("Active" if errand.reinstating else "Inactive") and named <= set(errand.values["credentials"].split())


def _user_policy(params: Mapping[str, Any], errand: Errand) -> bool:
    return not errand.reinstating and params.get("PolicyName") == DENY_ALL and denies_all(_json(params.get("PolicyDocument")))


def _role_policy(params: Mapping[str, Any], errand: Errand) -> bool:
    if params.get("PolicyName") != OLDER_SESSIONS:
        return False
    if errand.reinstating:
        return params.get("PolicyDocument") == errand.values.get("PolicyDocument")
    return cuts_sessions(_json(params.get("PolicyDocument")))


def _own_policy(name: str) -> Condition:
    return lambda params, errand: errand.reinstating and params.get("PolicyName") == name


def _document(parameter: str) -> Condition:
    """Let a policy be written only if it says the same of everybody else as the one that was read, and lets somebody in.

    What it denies anew, it denies to those alone whom the errand is about.
    """

    def check(params: Mapping[str, Any], errand: Errand) -> bool:
        new, old = _json(params.get(parameter)), errand.document
        if old is None or not new or params.get("BypassPolicyLockoutSafetyCheck") or params.get("ConfirmRemoveSelfBucketAccess"):
            return False
        same = policies.canonical(policies.others(new, errand.marks)) == policies.canonical(policies.others(old, errand.marks))
        head = {key: value for key, value in new.items() if key != "Statement"} == {
            key: value for key, value in old.items() if key != "Statement"
        }
        denied = [one for one in policies.statements(new) if one.get("Effect") == "Deny" and one not in policies.statements(old)]
        ours_alone = all(policies.denies_only(one, errand.marks) for one in denied)
        return same and head and ours_alone and any(one.get("Effect") == "Allow" for one in policies.statements(new))

    return check


def _assignment(*, reinstating: bool) -> Condition:
    """Let one binding be taken away, or made anew, exactly as it was found."""
    return lambda params, errand: errand.reinstating is reinstating and bool(params) and dict(params) == dict(errand.values)


def _contact(params: Mapping[str, Any], errand: Errand) -> bool:
    return params.get("EmailAddress") == errand.values.get("EmailAddress")


WRITING: Final[Mapping[tuple[str, str], Condition]] = {
    ("iam", "UpdateAccessKey"): _credential,
    ("iam", "UpdateSSHPublicKey"): _credential,
    ("iam", "UpdateSigningCertificate"): _credential,
    ("iam", "UpdateServiceSpecificCredential"): _credential,
    ("iam", "PutUserPolicy"): _user_policy,
    ("iam", "DeleteUserPolicy"): _own_policy(DENY_ALL),
    ("iam", "UpdateAssumeRolePolicy"): _document("PolicyDocument"),
    ("iam", "PutRolePolicy"): _role_policy,
    ("iam", "DeleteRolePolicy"): _own_policy(OLDER_SESSIONS),
    ("s3", "PutBucketPolicy"): _document("Policy"),
    ("kms", "PutKeyPolicy"): _document("Policy"),
    ("sns", "SetTopicAttributes"): _document("AttributeValue"),
    ("sqs", "SetQueueAttributes"): lambda params, errand: (
        set(params.get("Attributes", {})) == {"Policy"} and _document("Policy")(params["Attributes"], errand)
    ),
    ("secretsmanager", "PutResourcePolicy"): _document("ResourcePolicy"),
    ("ecr", "SetRepositoryPolicy"): _document("policyText"),
    ("account", "PutAlternateContact"): _contact,
    ("sso-admin", "DeleteAccountAssignment"): _assignment(reinstating=False),
    ("sso-admin", "CreateAccountAssignment"): _assignment(reinstating=True),
}
"""What changes something, and on which condition, besides that it is about the subject of the errand."""
_NAMING: Final = ("UserName", "RoleName", "Bucket", "KeyId", "TopicArn", "QueueUrl", "SecretId", "repositoryName", "AlternateContactType")
_ALSO: Final[Mapping[str, Mapping[str, str]]] = {
    "SetTopicAttributes": {"AttributeName": "Policy"},
    "PutKeyPolicy": {"PolicyName": "default"},
}


def may_send(service: str, operation: str, params: Mapping[str, Any], errand: Errand | None) -> bool:
    """Tell whether an operation, with these parameters, may leave this machine."""
    if operation in READING.get(service, ()):
        return True
    condition = WRITING.get((service, operation))
    if condition is None or errand is None:
        return False
    named = {name: params[name] for name in _NAMING if name in params}
    also = {name: params.get(name) for name in _ALSO.get(operation, {})}
    return named == dict(errand.subject) and also == dict(_ALSO.get(operation, {})) and condition(params, errand)


class Guard:
    """Stands before one client, for as long as it lives. `errand` says what may be changed just now; nothing, at first.

    One that `only_looks` lets nothing be changed, whatever the errand.
    """

    def __init__(self, *, only_looks: bool = False) -> None:
        self.errand: Errand | None = None
        self.told: list[str] | None = None
        """Where each change that may pass is told in words, and is then held back all the same. None: it is sent."""
        self.has_passed_a_change = False
        self._only_looks = only_looks

    def watch(self, client: Any) -> None:  # noqa: ANN401 - the library makes its clients' types at run time
        """Make every other operation, and every other address than the client's own, raise GuardError before a byte is sent."""
        service = client.meta.service_model.service_name
        home = urlsplit(client.meta.endpoint_url)
        client.meta.events.register_last(f"before-parameter-build.{client.meta.service_model.service_id.hyphenize()}", self._check(service))
        client.meta.events.register_last(
            f"before-call.{client.meta.service_model.service_id.hyphenize()}", _only_checked(service, home.scheme)
        )
        client.meta.events.register_last(
            f"before-send.{client.meta.service_model.service_id.hyphenize()}", _check_address(home.scheme, home.netloc)
        )

    def _check(self, service: str) -> Callable[..., None]:
        def check(params: Mapping[str, Any], model: Any, context: dict[str, Any], **_others: object) -> None:  # noqa: ANN401 - the library's own types are private
            if not may_send(service, model.name, params, None if self._only_looks else self.errand):
                raise _refused(f"{service}:{model.name}")
            context["seen_by_guard"] = model.name
            if model.name in READING.get(service, ()):
                return
            if self.told is None:
                self.has_passed_a_change = True
            else:
                self.told.append(_in_words(service, model.name, params))
                context["only_told"] = True

        return check


def _only_checked(service: str, scheme: str) -> Callable[..., Any]:
    def check(model: Any, context: dict[str, Any], **_others: object) -> Any:  # noqa: ANN401 - the library's own types are private
        if context.get("seen_by_guard") != model.name or scheme not in ("http", "https"):
            raise _refused(f"{service}:{model.name}")
        context.setdefault("s3_redirect", {})["redirected"] = True  # else it is sent again to whatever region an answer names
        return (
            (AWSResponse("", 200, HTTPHeaders(), None), {}) if context.get("only_told") else None
        )  # an answer here keeps it from being sent

    return check


def _check_address(scheme: str, netloc: str) -> Callable[..., None]:
    def check(request: Any, **_others: object) -> None:  # noqa: ANN401 - the library's own types are private
        address = urlsplit(request.url)
        if address.scheme != scheme or address.netloc != netloc:
            raise _refused(f"a request to {address.netloc}")

    return check


def _in_words(service: str, operation: str, params: Mapping[str, Any]) -> str:
    """Name an operation and its parameters, but for documents."""
    plain = ", ".join(f"{name} {value}" for name, value in params.items() if isinstance(value, str) and not _json(value))
    return f"{service}:{operation} ({plain})"


def _json(text: object) -> dict[str, Any]:
    try:
        found = json.loads(str(text))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _refused(what: str) -> GuardError:
    return GuardError(
        f"{what} is not among the operations that this connector may do here and now",
        untouched="everything; nothing left this machine",
        todo="report this as a defect of the program: it never needs this operation",
    )
