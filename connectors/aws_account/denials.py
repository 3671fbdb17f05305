"""The two inline policies that we write: one denies a user everything, one ends the sessions of a role that were opened before.

Source: IAM User Guide, "Disabling permissions for temporary security credentials" and "Revoking IAM role temporary security credentials".
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from connectors.aws_account.policies import SID, statements

DENY_ALL: Final = "GoodLeaverDenyAll"
OLDER_SESSIONS: Final = "AWSRevokeOlderSessions"
"""The name that the AWS console gives it."""
_WERE_ACTIVE: Final = f"{SID}WereActive"
_HEAD: Final = {"Version": "2012-10-17"}
_TO_THE_END: Final = [
    *("iam:UpdateAccessKey", "iam:UpdateSSHPublicKey", "iam:UpdateSigningCertificate", "iam:UpdateServiceSpecificCredential"),
    *("iam:ListAccessKeys", "iam:ListSSHPublicKeys", "iam:ListSigningCertificates", "iam:ListServiceSpecificCredentials"),
    *("iam:GetUser", "iam:GetUserPolicy", "iam:GetLoginProfile"),
]
"""What our own user still needs, by its key alone, until that key is inactive: afterwards these open nothing."""


def deny_all(were_active: Iterable[str], *, own: bool) -> str:
    """Write the policy that denies a user everything, its open sessions and its password included.

    The Sid says which credentials were active before: it is on the system itself, so that it is not lost if we are killed in between.
    """
    sid = _WERE_ACTIVE + "".join(f"{len(id_):02}{id_}" for id_ in sorted(were_active))
    if not own:
        return _dumped({"Sid": sid, "Effect": "Deny", "Action": "*", "Resource": "*"})
    by_session = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Null": {"aws:TokenIssueTime": "false"}}}
    return _dumped({"Sid": sid, "Effect": "Deny", "NotAction": _TO_THE_END, "Resource": "*"}, by_session)


def were_active(document: Mapping[str, Any]) -> frozenset[str] | None:
    """Read from a policy of ours which credentials were active; None if it is none of ours."""
    if not denies_all(document):
        return None
    return frozenset(_ids(str(statements(document)[0]["Sid"])))


def denies_all(document: Mapping[str, Any]) -> bool:
    """Tell whether a policy is one that `deny_all` writes, to the letter."""
    found = statements(document)
    sid = str(found[0].get("Sid", "")) if found else ""
    return any(document == json.loads(deny_all(_ids(sid), own=own)) for own in (False, True))


def end_sessions(now: datetime) -> str:
    """Write the policy that ends all sessions of a role that were opened up to a minute from now: until then the trust may linger."""
    before = (now.astimezone(UTC) + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return _dumped(
        {"Sid": SID, "Effect": "Deny", "Action": ["*"], "Resource": ["*"], "Condition": {"DateLessThan": {"aws:TokenIssueTime": before}}}
    )


def end_other_sessions(now: datetime, ours: str) -> str:
    """Write the policy that ends all sessions of a role that were opened before now, but for one: `ours` is its `aws:userid`."""
    document = json.loads(end_sessions(now - timedelta(minutes=1)))
    document["Statement"][0]["Condition"]["StringNotEquals"] = {"aws:userid": ours}
    return json.dumps(document, separators=(",", ":"))


def cuts_sessions(document: Mapping[str, Any]) -> bool:
    """Tell whether a policy is one that `end_sessions` or `end_other_sessions` writes, whatever its time and whom it spares."""
    found = statements(document)
    condition = found[0].get("Condition", {}) if len(found) == 1 else {}
    spared = condition.get("StringNotEquals", {}).get("aws:userid")
    try:
        when = datetime.strptime(condition.get("DateLessThan", {}).get("aws:TokenIssueTime", ""), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    if isinstance(spared, str):
        return bool(document == json.loads(end_other_sessions(when, spared)))
    return bool(document == json.loads(end_sessions(when - timedelta(minutes=1))))


def _ids(sid: str) -> list[str]:
    """Read the ids of credentials from a Sid, which may hold letters and digits only: each stands after its length in two digits."""
    text, found = sid.removeprefix(_WERE_ACTIVE), []
    while match := re.match(r"\d\d", text):
        end = 2 + int(match[0])
        found.append(text[2:end])
        text = text[end:]
    return found


def _dumped(*every: Mapping[str, Any]) -> str:
    return json.dumps({**_HEAD, "Statement": list(every)}, separators=(",", ":"))
