"""What there is of a user: its credentials of every sort, its password, and the policy of ours that denies it everything."""

import json
from datetime import datetime
from typing import Any, Final, NamedTuple

from connectors.aws_account.denials import DENY_ALL, denies_all, were_active
from connectors.aws_account.errors import GoneError
from connectors.aws_account.visit import Visit
from core.errors import RefusedError


class Sort(NamedTuple):
    """One sort of credential: how it is listed and switched."""

    words: str
    listing: str
    items: str
    id: str
    update: str


SORTS: Final = (
    Sort("access key", "ListAccessKeys", "AccessKeyMetadata", "AccessKeyId", "UpdateAccessKey"),
    Sort("SSH key", "ListSSHPublicKeys", "SSHPublicKeys", "SSHPublicKeyId", "UpdateSSHPublicKey"),
    Sort("signing certificate", "ListSigningCertificates", "Certificates", "CertificateId", "UpdateSigningCertificate"),
    Sort(
        "service credential",
        "ListServiceSpecificCredentials",
        "ServiceSpecificCredentials",
        "ServiceSpecificCredentialId",
        "UpdateServiceSpecificCredential",
    ),
)


class State(NamedTuple):
    """What there is of a user: which credentials are active (id: sort), which are not, and the policy of ours if it stands."""

    active: dict[str, Sort]
    inactive: dict[str, Sort]
    denial: dict[str, Any] | None
    password: bool
    password_used: datetime | None
    """When somebody last signed in by a password; of one that is gone it is told too."""

    @property
    def closed(self) -> bool:
        """Whether nothing of the user opens anything any more."""
        return not self.active and self.denial is not None

    def before(self) -> str:
        """Say which credentials were active before us, as text for the undo."""
        noted = were_active(self.denial) if self.denial else None
        return " ".join(sorted({*self.active, *(noted or ())}))


def read_state(visit: Visit, name: str) -> State:
    """Read it all. Raises GoneError if there is no such user."""
    user = visit.session.call("iam", "GetUser", UserName=name)["User"]
    active, inactive = dict[str, Sort](), dict[str, Sort]()
    for sort in SORTS:
        for one in _listed(visit, sort, name):
            (active if one.get("Status") == "Active" else inactive)[one[sort.id]] = sort
    return State(active, inactive, denial(visit, name), has_password(visit, name), user.get("PasswordLastUsed"))


def _listed(visit: Visit, sort: Sort, name: str) -> list[dict[str, Any]]:
    """List one sort of credential; what cannot be listed is noted, but for access keys, without which there is nothing to say."""
    if sort is SORTS[0]:
        return list(visit.session.pages("iam", sort.listing, sort.items, UserName=name))
    found = list[dict[str, Any]]()
    with visit.noting(f"the {sort.words}s of the user {name}"):
        found += visit.session.pages("iam", sort.listing, sort.items, UserName=name)
    return found


def denial(visit: Visit, name: str) -> dict[str, Any] | None:
    """Read the policy of ours. Raises RefusedError if one of that name is none of ours."""
    try:
        found = visit.session.call("iam", "GetUserPolicy", UserName=name, PolicyName=DENY_ALL)["PolicyDocument"]
    except GoneError:
        return None
    document = json.loads(found) if isinstance(found, str) else dict(found)
    if not denies_all(document):
        raise RefusedError(
            f"{name} has a policy named {DENY_ALL} that is none of ours",
            untouched="the user",
            todo="have the client give it another name",
        )
    return document


def has_password(visit: Visit, name: str) -> bool:
    """Tell whether a user can sign in to the console."""
    try:
        visit.session.call("iam", "GetLoginProfile", UserName=name)
    except GoneError:
        return False
    return True
