"""Whether somebody of the client's would govern access to the account without us."""

import contextlib
from typing import Final

from connectors.aws_account.errors import GoneError
from connectors.aws_account.marks import account_of
from connectors.aws_account.policies import others, principals
from connectors.aws_account.visit import Visit

_CONTROL: Final = ["iam:CreateAccessKey", "iam:UpdateAssumeRolePolicy", "iam:PutUserPolicy"]
"""Who may do these can undo whatever was done to the account's access, and give access to anybody else."""


def can_govern(visit: Visit, arn: str) -> tuple[bool, str]:
    """Tell whether a principal may govern access and has a way in of its own, with why. Raises as `AwsSession.call`."""
    name = arn.rpartition("/")[2]
    try:
        if ":user/" in arn:
            visit.session.call("iam", "GetUser", UserName=name)
            keys = visit.session.pages("iam", "ListAccessKeys", "AccessKeyMetadata", UserName=name)
            can_come = any(one["Status"] == "Active" for one in keys)
            with contextlib.suppress(GoneError):
                visit.session.call("iam", "GetLoginProfile", UserName=name)
                can_come = True
        else:
            can_come = _others_may_assume(visit, name)
        answers = list(
            visit.session.pages("iam", "SimulatePrincipalPolicy", "EvaluationResults", PolicySourceArn=arn, ActionNames=_CONTROL)
        )
    except GoneError:
        return False, "is not there"
    if not can_come:
        return False, "has no way to come in: neither a password nor an active key, or nobody else is trusted"
    if not answers or any(one["EvalDecision"] != "allowed" for one in answers):
        return False, "may not govern access"
    return True, "can come in, and may govern access, as AWS itself says"


def _others_may_assume(visit: Visit, name: str, on_the_way: frozenset[str] = frozenset()) -> bool:
    """Tell whether a role lets in anybody who is not ours, be it by way of other roles. `on_the_way`: those that led here."""
    trust = visit.session.call("iam", "GetRole", RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    left = [one for one in others(trust, visit.account.everybody_of_ours()) if one.get("Effect") == "Allow"]
    trusted = [_role_in(visit, value) for one in left for _kind, value in principals(one)]
    if "" in trusted or any("NotPrincipal" in one for one in left):
        return True
    return any(_leads_in(visit, one, on_the_way | {name}) for one in trusted if one not in on_the_way | {name})


def _leads_in(visit: Visit, role: str, on_the_way: frozenset[str]) -> bool:
    with contextlib.suppress(GoneError):
        return _others_may_assume(visit, role, on_the_way)
    return False


def _role_in(visit: Visit, principal: str) -> str:
    """Name the role of this account that a principal is, or is a session of; empty for everybody else."""
    if account_of(principal) != visit.account.account_id:
        return ""
    _head, word, rest = principal.partition(":assumed-role/")
    if word:
        return rest.partition("/")[0]
    return principal.rpartition("/")[2] if ":role/" in principal else ""
