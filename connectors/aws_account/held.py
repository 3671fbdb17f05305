"""What lets us in and cannot be taken away so that it could be put back: found, told, and left to a person.

A grant on a KMS key that is revoked is gone. Nothing that we could try by shows how a share of Resource Access Manager behaves. The exit
stays open until the client has taken them away.
"""

from collections.abc import Iterator
from typing import Final

from connectors.aws_account.at_once import looked
from connectors.aws_account.visit import Visit
from core.errors import RefusedError
from core.model import Grant, Receipt
from core.one_grant import Seen

_NOTHING_DONE: Final = {"left-to": "the client"}
"""What stands where others have their undo: nothing is done here that could need one, so that it holds up nothing else."""


class Held:
    """Grants `key-grant ID on KEY in REGION for HOLDER` and `share ARN with PRINCIPAL in REGION for HOLDER`."""

    def discover(self, visit: Visit) -> Iterator[Grant]:
        """Find the grants on keys and the shares that name these holders."""
        regions = visit.account.regions
        keys = [one for found in looked(visit, regions, _keys) for one in found]
        for grants in (*looked(visit, keys, _on_key), *looked(visit, regions, _shares)):
            yield from grants

    def look(self, visit: Visit, grant: Grant) -> Seen:
        """List them again. Raises RefusedError if we may not."""
        one = Visit(visit.session, visit.account, visit.system, (grant.holder,))
        kind, _id, _word, of, _in, region, *_for = grant.id.split(" ")
        listed = _on_key(one, (of, region)) if kind == "key-grant" else _shares(one, region)
        stands = any(found.id == grant.id for found in listed)
        if one.unseen:
            raise RefusedError(f"it cannot be seen whether {grant.id} stands: {one.unseen[0]}", untouched="it")
        return Seen(stands, f"{grant.id} {'stands' if stands else 'is not there'}")

    def revoke(self, visit: Visit, grant: Grant) -> Receipt:
        """Raise RefusedError: it is the client's to do."""
        if not self.look(visit, grant).stands:
            return Receipt(done=f"it was already so: {grant.id} is not there", undo=grant.undo, facts={"changed": False})
        how = "aws kms revoke-grant" if grant.id.startswith("key-grant ") else "aws ram disassociate-resource-share"
        raise RefusedError(
            f"{grant.id} cannot be put back as it was once it is taken away",
            untouched="it, and what is encrypted or shared by it",
            todo=f"have the client take it away, when nothing needs it any more: {how}",
        )

    def reinstate(self, _visit: Visit, grant: Grant) -> Receipt:
        """Raise RefusedError: we never took it away."""
        raise RefusedError(f"{grant.id} was not taken away by us", untouched="everything", todo="have the client grant it anew")


def _keys(visit: Visit, region: str) -> list[tuple[str, str]]:
    found = list[tuple[str, str]]()
    with visit.noting(f"grants on keys in {region}"):
        found += ((key["KeyArn"], region) for key in visit.session.pages("kms", "ListKeys", "Keys", region))
    return found


def _on_key(visit: Visit, place: tuple[str, str]) -> list[Grant]:
    (key, region), found = place, list[Grant]()
    with visit.noting(f"grants on {key}"):
        for one in visit.session.pages("kms", "ListGrants", "Grants", region, KeyId=key):
            found += (
                Grant(
                    system=visit.system,
                    id=f"key-grant {one['GrantId']} on {key} in {region} for {holder}",
                    holder=holder,
                    privilege=f"{', '.join(sorted(one.get('Operations', ())))} as {one['GranteePrincipal']}; left to the client",
                    undo=_NOTHING_DONE,
                )
                for holder in visit.holders
                if visit.marks(holder).name(one.get("GranteePrincipal", ""))
            )
    return found


def _shares(visit: Visit, region: str) -> list[Grant]:
    found = list[Grant]()
    with visit.noting(f"shares in {region}"):
        params = {"associationType": "PRINCIPAL"}
        for one in visit.session.pages("ram", "GetResourceShareAssociations", "resourceShareAssociations", region, **params):
            entity, stands = one.get("associatedEntity", ""), one.get("status") in ("ASSOCIATING", "ASSOCIATED")
            found += (
                Grant(
                    system=visit.system,
                    id=f"share {one['resourceShareArn']} with {entity} in {region} for {holder}",
                    holder=holder,
                    privilege=f"use what {one.get('resourceShareName', 'it')} shares; left to the client",
                    undo=_NOTHING_DONE,
                )
                for holder in visit.holders
                if stands and visit.marks(holder).name(entity)
            )
    return found
