"""Whether somebody of the client's would govern access to the account without us."""

import contextlib
from typing import Final

from connectors.aws_account.errors import GoneError
from connectors.aws_account.policies import others
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


def _others_may_assume(visit: Visit, name: str) -> bool:
    trust = visit.session.call("iam", "GetRole", RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    return any(one.get("Effect") == "Allow" for one in others(trust, visit.account.ours.all_marks()))
