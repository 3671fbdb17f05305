"""A role that trusts us: out of its trust policy goes what names us, and if nobody else uses the role, its open sessions end as well.

A trust policy never loses its last principal: where only we are trusted, it stays as it is and denies us besides.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from connectors.aws_account.anybody import first_of, let_in_besides, unnamed_providers
from connectors.aws_account.denials import OLDER_SESSIONS, cuts_sessions, end_other_sessions, end_sessions
from connectors.aws_account.errors import DeniedError, GoneError, WayInRefusedError
from connectors.aws_account.guard import Errand
from connectors.aws_account.in_use import role_last_used, was_lately
from connectors.aws_account.policies import (
    Document,
    conditions,
    dumped,
    loaded,
    others,
    pieces_of,
    principals,
    put_back,
    same,
    take_out,
)
from connectors.aws_account.session import RoleToAssume, come_in
from connectors.aws_account.visit import Visit
from core.canonical import Json
from core.errors import RefusedError
from core.model import Grant, Receipt
from core.one_grant import Seen, already, already_back

_NONE: Final = "none"
_KEPT_BY_AWS: Final = ("/aws-service-role/", "/aws-reserved/")


class Roles:
    """Grants `role NAME for HOLDER`: all by which one role trusts one holder."""

    def discover(self, visit: Visit) -> Iterator[Grant]:
        """Find the roles that trust these holders."""
        outside, used = list[str](), list[str]()
        for detail in visit.session.pages("iam", "GetAccountAuthorizationDetails", "RoleDetailList", Filter=["Role"]):
            trust = _read(detail["AssumeRolePolicyDocument"])
            if not detail["Path"].startswith(_KEPT_BY_AWS):  # those of IAM Identity Center are told as assignments
                outside += (f"{detail['RoleName']} by {provider}" for provider in unnamed_providers(trust, visit.account))
            visit.unseen += let_in_besides(trust, f"the role {detail['RoleName']}", visit.account)
            ours = [holder for holder in visit.holders if pieces_of(trust, visit.marks(holder))]
            for holder in ours:
                yield _grant(visit, holder, detail)
            if ours and detail["Arn"] != visit.account.access.role_arn and (when := role_last_used(detail)):
                used.append(f"{detail['RoleName']} on {when}")
        if used:
            visit.unseen.append(f"by whom roles that trust us were used: {first_of(sorted(used))}")
        if outside:
            what = "roles that people outside come into by an identity provider of which the engagement file does not say whose it is"
            visit.unseen.append(f"{what}: {first_of(sorted(outside))}")

    def look(self, visit: Visit, grant: Grant) -> Seen:
        """See whether the trust still names the holder; and, of a role that nobody else uses, whether its sessions were ended."""
        name, marks = _role(visit, grant), visit.marks(grant.holder)
        try:
            trust = _trust(visit, name)
        except GoneError:
            return Seen(stands=False, evidence=f"there is no role {name} in the account any more")
        if pieces_of(trust, marks):
            return Seen(stands=True, evidence=f"{name} trusts {grant.holder}")
        if _sessions_must_end(visit, trust) and not _is_cut(visit, name):
            return Seen(stands=True, evidence=f"{name} trusts {grant.holder} no more, but sessions that were opened before may still run")
        return Seen(stands=False, evidence=f"{name} does not trust {grant.holder}")

    def revoke(self, visit: Visit, grant: Grant) -> Receipt:
        """Write the trust policy without us, then end the sessions if nobody else uses the role.

        Of the role by which we come in, all sessions but the one that does this end first: afterwards nobody could end them.
        Raises RefusedError before anything is changed for a role of AWS's, and if only we are trusted and it was used lately.
        """
        name, marks = _role(visit, grant), visit.marks(grant.holder)
        if not self.look(visit, grant).stands:
            return already(grant, f"{name} does not trust {grant.holder}")
        role = visit.session.call("iam", "GetRole", RoleName=name)["Role"]
        trust = _read(role["AssumeRolePolicyDocument"])
        _require_changeable(role)
        _require_unused(visit, grant, role)
        taken = take_out(trust, marks, grant.holder)
        undo = grant.undo if "trust" in grant.undo else _undo(visit, name, trust, grant.holder)
        ends = _sessions_must_end(visit, taken.document)
        if ends and grant.own:
            _end_sessions(visit, name, end_other_sessions(datetime.now(UTC), visit.session.user_id))
            visit.session.settle(lambda: _is_cut(visit, name), f"that the other sessions of {name} are ended")
        if taken.pieces:
            _write(visit, name, taken.document, Errand({"RoleName": name}, document=trust, marks=marks))
        if grant.own:
            visit.session.settle(lambda: _is_refused(visit), f"that {name} trusts us no more")
        else:
            visit.session.settle(lambda: not pieces_of(_trust(visit, name), marks), f"that {name} trusts {grant.holder} no more")
        done = f"{name} trusts {grant.holder} no more" + (", by a denial: it trusts nobody else" if taken.denied else "")
        if not ends:
            return Receipt(done=f"{done}; its sessions were left to run out, since others use it", undo=undo, facts={"changed": True})
        _end_sessions(visit, name, end_sessions(datetime.now(UTC)))
        if grant.own:  # the session by which we ask is one of them
            visit.session.settle(lambda: _is_over(visit, name), f"that our own session of {name} is ended")
        else:
            visit.session.settle(lambda: _is_cut(visit, name), f"that the sessions of {name} are ended")
        facts = {"changed": True, "sessions_ended": True}
        return Receipt(done=f"{done}; its open sessions are ended by the policy {OLDER_SESSIONS}", undo=undo, facts=facts)

    def reinstate(self, visit: Visit, grant: Grant) -> Receipt:
        """Take back the end of sessions, then let the trust policy name us again; what else it says stays as it is now."""
        name, marks = _role(visit, grant), visit.marks(grant.holder)
        if "trust" not in grant.undo:
            raise RefusedError(f"{grant.subject} came without its undo", untouched="everything in the account")
        self._reopen_sessions(visit, name, grant.undo["sessions"])
        trust = _trust(visit, name)
        back = put_back(trust, loaded(grant.undo["trust"]), grant.holder)
        if same(back, trust):
            return already_back(grant)
        _write(visit, name, back, Errand({"RoleName": name}, reinstating=True, document=trust, marks=marks))
        visit.session.settle(lambda: bool(pieces_of(_trust(visit, name), marks)), f"that {name} trusts {grant.holder} again")
        return Receipt(done=f"{name} trusts {grant.holder} again", facts={"changed": True})

    def _reopen_sessions(self, visit: Visit, name: str, before: str) -> None:
        if not _is_cut(visit, name):
            return
        with visit.session.errand(Errand({"RoleName": name}, reinstating=True, values={"PolicyDocument": before})):
            if before == _NONE:
                visit.session.call("iam", "DeleteRolePolicy", RoleName=name, PolicyName=OLDER_SESSIONS)
            else:
                visit.session.call("iam", "PutRolePolicy", RoleName=name, PolicyName=OLDER_SESSIONS, PolicyDocument=before)
        visit.session.settle(lambda: not _is_cut(visit, name), f"that the sessions of {name} may run again")


def _grant(visit: Visit, holder: str, detail: dict[str, Any]) -> Grant:
    trust, marks, name = _read(detail["AssumeRolePolicyDocument"]), visit.marks(holder), detail["RoleName"]
    pieces = pieces_of(trust, marks)
    named = sorted({value for piece in pieces for _kind, value in principals(piece.statement)})
    when = "; ".join(words for piece in pieces for words in [conditions(piece)] if words)
    rights = sorted({one["PolicyName"] for one in detail.get("AttachedManagedPolicies", ())})
    rights += sorted(one["PolicyName"] for one in detail.get("RolePolicyList", ()))
    own = detail["Arn"] == visit.account.access.role_arn and marks.name(visit.session.via)
    shared = "" if _is_ours_alone(visit, trust) else "; others use it too, so its sessions are not ended"
    return Grant(
        system=visit.system,
        id=f"role {name} for {holder}",
        holder=holder,
        privilege=f"assume {detail['Arn']} as {', '.join(named)}"
        + (f", where {when}" if when else "")
        + (f", with the {'policy' if len(rights) == 1 else 'policies'} {', '.join(rights)}" if rights else "")
        + shared,
        own=own,
        undo=_undo(visit, name, trust, holder),
    )


def _undo(visit: Visit, name: str, trust: dict[str, Any], holder: str) -> dict[str, str]:
    before = _sessions_policy(visit, name)
    return {
        "trust": dumped(take_out(trust, visit.marks(holder), holder).pieces),
        "sessions": json.dumps(before, sort_keys=True) if before else _NONE,
    }


def _is_ours_alone(visit: Visit, trust: Document) -> bool:
    return not any(one.get("Effect") == "Allow" for one in others(trust, visit.account.everybody_of_ours()))


def _sessions_must_end(visit: Visit, trust: Document) -> bool:
    """Tell whether nobody is left whom the role lets in, of the client's or of ours: then nobody is hurt if its sessions end."""
    return _is_ours_alone(visit, trust) and not pieces_of(trust, visit.account.ours.all_marks())


def _sessions_policy(visit: Visit, name: str) -> dict[str, Any] | None:
    """Give the policy that ends sessions, if there is one; not ours of an earlier round, which is no state to go back to."""
    try:
        found = _read(visit.session.call("iam", "GetRolePolicy", RoleName=name, PolicyName=OLDER_SESSIONS)["PolicyDocument"])
    except GoneError:
        return None
    return None if cuts_sessions(found) else found


def _end_sessions(visit: Visit, name: str, policy: str) -> None:
    with visit.session.errand(Errand({"RoleName": name})):
        visit.session.call("iam", "PutRolePolicy", RoleName=name, PolicyName=OLDER_SESSIONS, PolicyDocument=policy)


def _is_cut(visit: Visit, name: str) -> bool:
    try:
        found = visit.session.call("iam", "GetRolePolicy", RoleName=name, PolicyName=OLDER_SESSIONS)["PolicyDocument"]
    except GoneError:
        return False
    return cuts_sessions(_read(found))


def _trust(visit: Visit, name: str) -> dict[str, Any]:
    return _read(visit.session.call("iam", "GetRole", RoleName=name)["Role"]["AssumeRolePolicyDocument"])


def _write(visit: Visit, name: str, document: Document, errand: Errand) -> None:
    with visit.session.errand(errand):
        text = json.dumps(document, separators=(",", ":"))
        visit.session.call("iam", "UpdateAssumeRolePolicy", RoleName=name, PolicyDocument=text)


def _is_refused(visit: Visit) -> bool:
    """Try our own way in anew: the one that we hold goes on for as long as its session."""
    account = visit.account
    role = RoleToAssume(account.access.role_arn or "", account.access.external_id)
    try:
        come_in(account.access.reveal(), role, account=account.account_id, region=account.regions[0], endpoint=account.endpoint)
    except (WayInRefusedError, DeniedError):
        return True
    return False


def _is_over(visit: Visit, name: str) -> bool:
    """Tell whether AWS refuses the very session by which we ask."""
    try:
        visit.session.call("iam", "GetRole", RoleName=name)
    except (DeniedError, WayInRefusedError):
        return True
    return False


def _require_changeable(role: Mapping[str, Any]) -> None:
    if role["Path"].startswith(_KEPT_BY_AWS):
        raise RefusedError(
            f"the role {role['RoleName']} is kept by AWS itself ({role['Path']}), and nobody may change its trust",
            untouched="the role",
            todo="have the client end it where it comes from: the service, or the assignment in IAM Identity Center",
        )


def _require_unused(visit: Visit, grant: Grant, role: Mapping[str, Any]) -> None:
    """Hold a role that ends altogether with us, and was in use: others whom it trusts lose nothing; our own way in is used by each look."""
    name, trust = role["RoleName"], _read(role["AssumeRolePolicyDocument"])
    by_us = grant.own or role["Arn"] == visit.account.access.role_arn or name in visit.account.ours.roles_used_by_us_alone
    if by_us or not _is_ours_alone(visit, trust):
        return
    begun = not pieces_of(trust, visit.marks(grant.holder))  # what was begun is finished
    if not begun and was_lately(role.get("RoleLastUsed", {}).get("LastUsedDate")):
        raise RefusedError(
            f"the role {name} was used on {role_last_used(role)}, and it ends with us: something of the client's may run by it",
            untouched="the role and its sessions",
            todo="have the client move what uses it to a role of its own; if only we did, name it in ours.roles_used_by_us_alone",
        )


def _read(document: Json) -> dict[str, Json]:
    return json.loads(document) if isinstance(document, str) else dict(document)


def _role(visit: Visit, grant: Grant) -> str:
    name, _, holder = grant.id.removeprefix("role ").partition(" for ")
    if holder != grant.holder or grant.system != visit.system:
        raise RefusedError(f"{grant.subject} is no role that trusts {grant.holder}", untouched="everything in the account")
    return name
