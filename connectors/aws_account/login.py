"""Trying a credential of ours once: as a user, or by assuming a role. Only a clear refusal by AWS is a refusal."""

from enum import StrEnum
from typing import NamedTuple

from connectors.aws_account.errors import WayInRefusedError
from connectors.aws_account.session import Keys, RoleToAssume, come_in
from connectors.aws_account.settings import Account
from core.errors import RefusedError, UnavailableError
from core.model import Grant


class Answer(StrEnum):
    """What came of one try."""

    REFUSED = "refused"
    ACCEPTED = "accepted"
    UNCLEAR = "unclear"


class Tried(NamedTuple):
    """The answer to one try. `caller` is who was refused, where that is known: an access key, or an ARN."""

    answer: Answer
    evidence: str
    caller: str = ""


def credential_of(account: Account, grant: Grant) -> tuple[Keys, RoleToAssume | None] | None:
    """Find the credential to try for a grant, as the engagement file names it; None if it names none. Raises RefusedError."""
    word, _, rest = grant.id.partition(" ")
    if word == "user":
        found = next((one.credential for one in account.ours.users if one.name == rest), None)
        return (found.reveal(), None) if found else None
    principal = next((one for one in account.ours.principals if one.holder == grant.holder and one.credential), None)
    if word != "role" or principal is None or principal.credential is None:
        return None
    arn = grant.privilege.split(" ")[1]
    return principal.credential.reveal(), RoleToAssume(arn, account.access.external_id)


def try_login(account: Account, keys: Keys, role: RoleToAssume | None) -> Tried:
    """Try once; a silence, or anything else that is no clear yes or no, is unclear."""
    what = f"{keys.access_key} tried to assume {role.arn}" if role else f"{keys.access_key} tried"
    try:
        session = come_in(keys, role, account=account.account_id, region=account.regions[0], endpoint=account.endpoint)
    except WayInRefusedError as error:
        answer = Answer.UNCLEAR if role and error.caller == keys.access_key else Answer.REFUSED  # our own account refused, not the role
        return Tried(answer, f"{what}: {error.what}", error.caller)
    except (UnavailableError, RefusedError) as error:
        return Tried(Answer.UNCLEAR, f"{what}: {error.what}")
    return Tried(Answer.ACCEPTED, f"{what}: AWS lets us in as {session.caller}")
