"""A user of ours in the client's account: all its credentials, its password, and the sessions that were opened by them.

One grant is one user. Its password cannot be switched off without deleting it, and a session outlives the key that opened it, so an inline
policy that denies everything is what closes both; every credential is made inactive besides. The user itself stays.
"""

from collections.abc import Iterator
from datetime import UTC
from typing import Any

from connectors.aws_account.anybody import first_of
from connectors.aws_account.credentials import SORTS, State, denial, read_state
from connectors.aws_account.denials import DENY_ALL, deny_all
from connectors.aws_account.errors import DeniedError, GoneError, WayInRefusedError
from connectors.aws_account.guard import Errand
from connectors.aws_account.in_use import day, was_lately
from connectors.aws_account.settings import OurUser
from connectors.aws_account.unnamed import unnamed_users
from connectors.aws_account.visit import Visit
from core.counting import counted
from core.errors import RefusedError
from core.model import Grant, Receipt
from core.one_grant import Seen, already, already_back


class Users:
    """Grants `user NAME`."""

    def discover(self, visit: Visit) -> Iterator[Grant]:
        """Find our users that are there and not closed yet; note others that can come in, and of whom nobody said whose they are."""
        details = {one["UserName"]: one for one in _details(visit)}
        visit.unseen += unnamed_users(visit, details.values())
        used = list[str]()
        for user in visit.account.ours.users:
            if user.holder in visit.holders and user.name in details:
                state = read_state(visit, user.name)
                if not state.closed and (state.active or state.password or _may_do(details[user.name])):
                    used += _last_used(visit, user, state)
                    yield _grant(visit, user, state, details[user.name])
        if used:
            visit.unseen.append(f"what runs by credentials of ours that were used: {first_of(sorted(used))}")

    def half_closed(self, visit: Visit) -> Grant | None:
        """Find our own user when it was closed but for the key that we come in by: nothing else can be looked at any more."""
        user = next((one for one in visit.account.ours.users if _is_caller(visit, one)), None)
        if user is None or user.holder not in visit.holders:
            return None
        if denial(visit, user.name) is None:
            return None
        return _grant(visit, user, read_state(visit, user.name), {"Arn": visit.session.caller, "Path": "/"})

    def look(self, visit: Visit, grant: Grant) -> Seen:
        """See which of its credentials are active, and whether everything is denied."""
        name = _named(visit, grant).name
        try:
            state = read_state(visit, name)
        except GoneError:
            return Seen(stands=False, evidence=f"there is no user {name} in the account any more")
        if state.closed:
            return Seen(stands=False, evidence=f"all credentials of {name} are inactive, and the policy {DENY_ALL} denies it everything")
        why = [f"{sort.words} {id_} is active" for id_, sort in sorted(state.active.items())]
        why += [] if state.denial else [f"nothing denies {name} what its password and its open sessions allow"]
        return Seen(stands=True, evidence="; ".join(why))

    def revoke(self, visit: Visit, grant: Grant) -> Receipt:
        """Deny everything, then make each credential inactive; the one that we come in by last.

        Raises RefusedError before anything is changed if a key was used lately and the client may depend on it.
        """
        user = _named(visit, grant)
        try:
            state = read_state(visit, user.name)
        except GoneError:
            return already(grant, f"there is no user {user.name}")
        if state.closed:
            return already(grant, f"{user.name} is closed")
        _require_unused(visit, user, state)
        undo = {"credentials": grant.undo.get("credentials", state.before())}
        policy = deny_all(undo["credentials"].split(), own=grant.own)
        own_key = visit.session.keys.access_key if grant.own else ""
        subject = {"UserName": user.name}
        with visit.session.errand(Errand(subject, values={"credentials": " ".join(state.active)})):
            if state.denial is None:
                visit.session.call("iam", "PutUserPolicy", **subject, PolicyName=DENY_ALL, PolicyDocument=policy)
                visit.session.settle(lambda: denial(visit, user.name) is not None, f"the policy {DENY_ALL}")
            for id_, sort in sorted(state.active.items(), key=lambda one: (one[0] == own_key, one[0])):
                visit.session.call("iam", sort.update, **subject, **{sort.id: id_}, Status="Inactive")
        if own_key:
            visit.session.settle(lambda: _is_refused(visit), f"that {own_key} is inactive")
        else:
            visit.session.settle(lambda: read_state(visit, user.name).closed, f"that {user.name} is closed")
        done = f"denied the user {user.name} everything; made inactive: {', '.join(sorted(state.active)) or 'nothing'}"
        return Receipt(done=done, undo=undo, facts={"changed": True})

    def reinstate(self, visit: Visit, grant: Grant) -> Receipt:
        """Make active what was active, then take our own denial away."""
        user = _named(visit, grant)
        if "credentials" not in grant.undo:
            raise RefusedError(f"{grant.subject} came without its undo", untouched="everything in the account")
        state, wanted = read_state(visit, user.name), grant.undo["credentials"].split()
        missing = {id_: sort for id_, sort in state.inactive.items() if id_ in wanted}
        if not missing and state.denial is None:
            return already_back(grant)
        subject = {"UserName": user.name}
        with visit.session.errand(Errand(subject, reinstating=True, values={"credentials": " ".join(wanted)})):
            for id_, sort in sorted(missing.items()):
                visit.session.call("iam", sort.update, **subject, **{sort.id: id_}, Status="Active")
            if state.denial is not None:
                visit.session.call("iam", "DeleteUserPolicy", **subject, PolicyName=DENY_ALL)
        visit.session.settle(lambda: read_state(visit, user.name).denial is None, f"that {user.name} is open again")
        return Receipt(done=f"{user.name} is as it was: {counted(len(missing), 'credential')} active again", facts={"changed": True})


def _details(visit: Visit) -> list[dict[str, Any]]:
    return list(visit.session.pages("iam", "GetAccountAuthorizationDetails", "UserDetailList", Filter=["User"]))


def _grant(visit: Visit, user: OurUser, state: State, detail: dict[str, Any]) -> Grant:
    has = [f"{sort.words} {id_}" for id_, sort in sorted(state.active.items())] + (["console password"] if state.password else [])
    rights = sorted({one["PolicyName"] for one in detail.get("AttachedManagedPolicies", ())})
    rights += [f"group {group}" for group in sorted(detail.get("GroupList", ()))]
    words = [", ".join(has) or "sessions only", f"with {', '.join(rights)}" if rights else "", f"path {detail['Path']}"]
    return Grant(
        system=visit.system,
        id=f"user {user.name}",
        holder=user.holder,
        privilege="; ".join(one for one in words if one and one != "path /"),
        own=_is_caller(visit, user) and visit.session.caller == detail["Arn"],
        undo={"credentials": state.before()},
    )


def _is_caller(visit: Visit, user: OurUser) -> bool:
    """Tell whether we came in as this user, and by no role."""
    arn = visit.session.caller
    return visit.session.via == arn and ":user/" in arn and arn.rpartition("/")[2] == user.name


def _may_do(detail: dict[str, Any]) -> bool:
    policies = [one for one in detail.get("UserPolicyList", ()) if one["PolicyName"] != DENY_ALL]
    return bool(policies or detail.get("AttachedManagedPolicies") or detail.get("GroupList"))


def _last_used(visit: Visit, user: OurUser, state: State) -> Iterator[str]:
    if state.password and state.password_used:
        yield f"the password of {user.name} on {day(state.password_used)}"
    for id_, sort in sorted(state.active.items()):
        if sort is SORTS[0] and state.denial is None and id_ != visit.session.keys.access_key:
            used = visit.session.call("iam", "GetAccessKeyLastUsed", AccessKeyId=id_)["AccessKeyLastUsed"]
            if used.get("LastUsedDate"):
                yield f"the key {id_} of {user.name} on {day(used['LastUsedDate'])} for {used['ServiceName']} in {used['Region']}"


def _require_unused(visit: Visit, user: OurUser, state: State) -> None:
    if user.used_by_us_alone or state.denial is not None:  # what was begun is finished
        return
    for id_, sort in sorted(state.active.items()):
        if sort is not SORTS[0]:
            continue
        used = visit.session.call("iam", "GetAccessKeyLastUsed", AccessKeyId=id_)["AccessKeyLastUsed"]
        when = used.get("LastUsedDate")
        if was_lately(when):
            raise RefusedError(
                f"the access key {id_} of {user.name} was used on {when.astimezone(UTC):%Y-%m-%d %H:%M} UTC for {used['ServiceName']} in "
                f"{used['Region']}: something of the client's may run by it",
                untouched="the user and all its credentials",
                todo="have the client move what uses it to a key of its own; if only we did, say used_by_us_alone in the engagement file",
            )


def _is_refused(visit: Visit) -> bool:
    try:
        visit.session.call("sts", "GetCallerIdentity")
    except (WayInRefusedError, DeniedError):
        return True
    return False


def _named(visit: Visit, grant: Grant) -> OurUser:
    name = grant.id.removeprefix("user ")
    for user in visit.account.ours.users:
        if user.name == name:
            return user
    raise RefusedError(f"{grant.subject} is none of our users in the engagement file", untouched="everything in the account")
