"""Assignments of IAM Identity Center: permission sets in this account for users and groups of ours.

An assignment is a binding and holds nothing else, so taking it away and making it anew are the same as switching it off and on. Only the
organisation's management account, or who administers Identity Center for it, can see them. Sessions that are open run out by themselves.
It is asked in each region that is named: in others than its own it answers with nothing, and no error.
Source: IAM Identity Center API Reference, DeleteAccountAssignment and CreateAccountAssignment: both are carried out later, and polled;
ListInstances.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.aws_account.errors import DeniedError, GoneError
from connectors.aws_account.guard import Errand
from connectors.aws_account.visit import Visit
from core.errors import RefusedError
from core.model import Grant, Receipt
from core.one_grant import Seen, already, already_back

_WORDS = 5


class Assignments:
    """Grants `assignment PERMISSION-SET to USER|GROUP ID`."""

    def discover(self, visit: Visit) -> Iterator[Grant]:
        """Find the assignments in this account to principals of these holders."""
        holders = {one.principal_id: one.holder for one in visit.account.ours.identity_center}
        if not holders:
            visit.unseen.append("IAM Identity Center (the engagement file names nobody of ours there)")
            return
        instances = dict[str, str]()
        for region in visit.account.regions:
            with visit.noting(f"assignments of IAM Identity Center in {region}"):
                instances |= {name: home for name, home in _instances(visit, region).items() if name not in instances}
        for instance, region in instances.items():
            with visit.noting(f"assignments of IAM Identity Center in {region}"):
                for one in _assignments(visit, instance, region):
                    holder = holders.get(one["PrincipalId"])
                    if holder in visit.holders:
                        yield Grant(
                            system=visit.system,
                            id=f"assignment {one['PermissionSetArn']} to {one['PrincipalType']} {one['PrincipalId']}",
                            holder=holder,
                            privilege=f"permission set {one['PermissionSetArn']} in the account {one['AccountId']}",
                            undo={"instance": instance, "region": region},
                        )
        if not instances:
            where = ", ".join(visit.account.regions)
            visit.unseen.append(f"IAM Identity Center (none is found in {where}; if its region is another, name it under regions)")

    def look(self, visit: Visit, grant: Grant) -> Seen:
        """List the assignments of that permission set again."""
        stands = _stands(visit, grant)
        return Seen(stands, f"{grant.id} {'stands' if stands else 'is not there'}")

    def revoke(self, visit: Visit, grant: Grant) -> Receipt:
        """Take the assignment away."""
        if not _stands(visit, grant):
            return already(grant, f"{grant.id} is not there")
        instance, region = _instance(visit, grant)
        _change(visit, grant, "DeleteAccountAssignment", reinstating=False)
        visit.session.settle(lambda: not _stands(visit, grant), grant.id)
        done = f"took away {grant.id}; sessions that are open run out by themselves"
        return Receipt(done=done, undo={"instance": instance, "region": region}, facts={"changed": True})

    def reinstate(self, visit: Visit, grant: Grant) -> Receipt:
        """Make the assignment anew."""
        if _stands(visit, grant):
            return already_back(grant)
        _change(visit, grant, "CreateAccountAssignment", reinstating=True)
        visit.session.settle(lambda: _stands(visit, grant), grant.id)
        return Receipt(done=f"made {grant.id} anew", facts={"changed": True})


def _change(visit: Visit, grant: Grant, operation: str, *, reinstating: bool) -> None:
    instance, region = _instance(visit, grant)
    params = _params(visit, grant, instance)
    with visit.session.errand(Errand({}, reinstating=reinstating, values=params)):
        visit.session.call("sso-admin", operation, region, **params)


def _params(visit: Visit, grant: Grant, instance: str) -> dict[str, str]:
    permission_set, kind, principal = _named(visit, grant)
    return {
        "InstanceArn": instance,
        "TargetId": visit.account.account_id,
        "TargetType": "AWS_ACCOUNT",
        "PermissionSetArn": permission_set,
        "PrincipalType": kind,
        "PrincipalId": principal,
    }


def _instances(visit: Visit, region: str) -> dict[str, str]:
    """Give each instance that a region tells of, and where it is administered: of one in several regions, in its primary one."""
    listed = visit.session.pages("sso-admin", "ListInstances", "Instances", region)
    return {one["InstanceArn"]: one.get("PrimaryRegion") or region for one in listed}


def _instance(visit: Visit, grant: Grant) -> tuple[str, str]:
    """Give the instance that a grant is of, and its region: its undo says so, or there is one alone."""
    known, wanted = grant.undo.get("region"), grant.undo.get("instance")
    found, denied = dict[str, str](), None
    for region in [known] if known else visit.account.regions:
        try:
            found = _instances(visit, region) | found
        except DeniedError as error:  # a region may be shut to everybody, while the instance is in another
            denied = error
        if wanted in found:
            break
    instance = wanted or (next(iter(found)) if len(found) == 1 else "")
    if denied and wanted not in found:
        raise denied
    if instance not in found:
        raise RefusedError(f"{grant.subject} came without its undo", untouched="everything in the account")
    return instance, found[instance]


def _assignments(visit: Visit, instance: str, region: str) -> Iterator[Mapping[str, Any]]:
    params = {"InstanceArn": instance, "AccountId": visit.account.account_id}
    for permission_set in visit.session.pages("sso-admin", "ListPermissionSetsProvisionedToAccount", "PermissionSets", region, **params):
        yield from _of(visit, instance, region, permission_set)


def _of(visit: Visit, instance: str, region: str, permission_set: str) -> Iterator[Mapping[str, Any]]:
    params = {"InstanceArn": instance, "AccountId": visit.account.account_id, "PermissionSetArn": permission_set}
    try:
        yield from visit.session.pages("sso-admin", "ListAccountAssignments", "AccountAssignments", region, **params)
    except GoneError:
        return


def _stands(visit: Visit, grant: Grant) -> bool:
    permission_set, kind, principal = _named(visit, grant)
    listed = _of(visit, *_instance(visit, grant), permission_set)
    return any((one["PrincipalType"], one["PrincipalId"]) == (kind, principal) for one in listed)


def _named(visit: Visit, grant: Grant) -> tuple[str, str, str]:
    words = grant.id.split(" ")
    ours = {one.principal_id for one in visit.account.ours.identity_center if one.holder == grant.holder}
    if len(words) != _WORDS or words[4] not in ours:
        raise RefusedError(f"{grant.subject} is no assignment of ours in the engagement file", untouched="everything in the account")
    return words[1], words[3], words[4]
