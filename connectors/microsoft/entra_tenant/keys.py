"""Credentials that we hold for applications of the client's own: what the client has to change itself, and what can be put back."""

from collections.abc import Iterator
from typing import Final

from connectors.microsoft.entra_tenant.made_anew import MadeAnew
from connectors.microsoft.entra_tenant.visit import Visit
from connectors.microsoft.errors import GoneError
from connectors.microsoft.guard import Errand
from connectors.microsoft.session import Entity, top
from core.errors import RefusedError
from core.model import Grant, Receipt
from core.one_grant import Seen, already

_SORTS: Final = {"uses-secret": "passwordCredentials", "uses-certificate": "keyCredentials"}


class Keys:
    """Grants `uses-secret KEY of APPLICATION` and `uses-certificate KEY of APPLICATION`: found, told, and left to a person.

    A secret that is removed is gone, and Graph does not tell what runs by it. The exit stays open until the client has removed it.
    They come last among what is left to do, so that they hold up nothing else.
    """

    def discover(self, visit: Visit) -> Iterator[Grant]:
        """Find those that the engagement file names."""
        holders = {one.key_id: one.holder for one in visit.settings.ours.keys}
        if not holders:
            visit.unseen.append("secrets and certificates of applications (the engagement file names no key of ours)")
            return
        for application in _applications(visit):
            for word, property_ in _SORTS.items():
                for one in application.get(property_) or ():
                    holder = holders.get((one.get("keyId") or "").lower())
                    if holder in visit.holders:
                        name = application.get("displayName") or application["id"]
                        yield Grant(
                            system=visit.system,
                            id=f"{word} {one['keyId']} of {application['id']}",
                            holder=holder,
                            privilege=f"sign in as the client's application {name} by {one.get('displayName') or 'it'}; left to the client",
                            undo={"left-to": "the client"},
                        )

    def look(self, visit: Visit, grant: Grant) -> Seen:
        """Read the application again."""
        word, key, _of, application = grant.id.split(" ")
        try:
            found = visit.tenant.get("get_application", {"application-id": application}, select=f"id,{_SORTS[word]}")
        except GoneError:
            return Seen(stands=False, evidence="its application is not there")
        stands = any(one.get("keyId") == key for one in found.get(_SORTS[word]) or ())
        return Seen(stands, f"{grant.id} {'stands' if stands else 'is not there'}")

    def revoke(self, visit: Visit, grant: Grant) -> Receipt:
        """Raise RefusedError while it is there: it is the client's to do."""
        if not self.look(visit, grant).stands:
            return already(grant, f"{grant.id} is not there")
        raise RefusedError(
            f"{grant.id} cannot be put back once it is removed, and nobody can see by Graph what signs in with it",
            untouched="it, and whatever runs by it",
            todo="have the client add one of its own, move over what uses ours, and remove ours (Certificates & secrets)",
        )

    def reinstate(self, _visit: Visit, grant: Grant) -> Receipt:
        """Raise RefusedError: we never took it away."""
        raise RefusedError(f"{grant.id} was not taken away by us", untouched="everything", todo="have the client make a new one")


class Federations(MadeAnew):
    """Grants `federation NAME of APPLICATION`: tokens of our issuers that an application of the client's takes. Nothing secret is lost."""

    back = "is made again"

    def discover(self, visit: Visit) -> Iterator[Grant]:
        """Find those of our issuers."""
        holders = {one.issuer: one.holder for one in visit.settings.ours.issuers}
        for application in _applications(visit) if holders else ():
            for one in _listed(visit, application["id"]):
                holder = holders.get(one.get("issuer") or "")
                if holder in visit.holders:
                    yield Grant(
                        system=visit.system,
                        id=f"federation {one['name']} of {application['id']}",
                        holder=holder,
                        privilege=f"sign in as the client's application {application.get('displayName')} from {one['issuer']}",
                        undo=self.undo(one),
                    )

    def find(self, visit: Visit, grant: Grant) -> Entity | None:
        """Find it by its name, if its issuer is ours still."""
        name = grant.id.removeprefix("federation ").rpartition(" of ")[0]
        found = next((one for one in _listed(visit, _application_of(grant)) if one.get("name") == name), None)
        return found if found and found.get("issuer") in _issuers(visit) else None

    def stored(self, one: Entity) -> Entity:
        """Leave all that it says."""
        return {name: one.get(name) for name in ("name", "issuer", "subject", "audiences", "description")}

    def remove(self, visit: Visit, grant: Grant, found: Entity) -> None:
        """Have the application take our tokens no more."""
        places = {"application-id": _application_of(grant), "federatedIdentityCredential-id": str(found["id"])}
        with visit.tenant.errand(Errand(places, _issuers(visit), before=found)):
            visit.tenant.write("remove_federated_credential", places)

    def make(self, visit: Visit, grant: Grant, before: Entity) -> None:
        """Have the application take them again."""
        places = {"application-id": _application_of(grant)}
        with visit.tenant.errand(Errand(places, _issuers(visit), reinstating=True, before=before)):
            visit.tenant.write("add_federated_credential", places, before)


def _applications(visit: Visit) -> list[Entity]:
    select = "id,appId,displayName,passwordCredentials,keyCredentials"
    return list(visit.tenant.pages("list_applications", select=select, top=top()))


def _listed(visit: Visit, application: str) -> list[Entity]:
    try:
        return list(visit.tenant.pages("list_federated_credentials", {"application-id": application}))
    except GoneError:
        return []


def _application_of(grant: Grant) -> str:
    return grant.id.rpartition(" ")[2]


def _issuers(visit: Visit) -> frozenset[str]:
    return frozenset(one.issuer for one in visit.settings.ours.issuers)
