"""Our applications in the client's tenant: disabled, with what they were allowed stored and then removed. Never deleted."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from connectors.microsoft.entra_tenant.looking import is_way_in
from connectors.microsoft.entra_tenant.people import LATELY, use_shown
from connectors.microsoft.entra_tenant.visit import Visit, undo_of
from connectors.microsoft.entra_tenant.who import Account, may_sign_in
from connectors.microsoft.errors import GoneError, WayInRefusedError
from connectors.microsoft.guard import Errand
from connectors.microsoft.session import Entity
from core.errors import RefusedError
from core.model import Grant, Receipt
from core.one_grant import Seen, already, already_back

PLACE: Final = "servicePrincipal-id"


class Applications:
    """Grants `application ID`, by the object id of its service principal, which is not its appId."""

    def discover(self, visit: Visit) -> Iterator[Grant]:
        """Find ours that may sign in."""
        for one in visit.principals.values():
            if one.holder in visit.holders and may_sign_in(one.said):
                yield Grant(
                    system=visit.system,
                    id=f"application {one.id}",
                    holder=one.holder,
                    privilege=f"sign in as {one.words}",
                    own=(one.said.get("appId") or "").lower() == visit.own,
                    undo={"accountEnabled": "true"},
                )

    def look(self, visit: Visit, grant: Grant) -> Seen:
        """See whether it may sign in."""
        found = _read(visit, grant)
        if found is None:
            return Seen(stands=False, evidence=f"{grant.id} is not there")
        stands = may_sign_in(found)
        return Seen(stands, f"{found.get('displayName')} ({found.get('appId')}) is {'enabled' if stands else 'disabled'}")

    def revoke(self, visit: Visit, grant: Grant) -> Receipt:
        """Disable it. Raises RefusedError if people of the client's work with it."""
        found = _read(visit, grant)
        if found is None or not may_sign_in(found):  # one that the client deleted tells nobody any more whose it was
            return already(grant, f"{grant.id} is {'not there' if found is None else 'disabled'}")
        account = _ours(visit, grant)
        if not grant.own and not account.used_by_us_alone:
            _require_unused(visit, account)
        places = {PLACE: account.id}
        with visit.tenant.errand(Errand(places, frozenset({account.id}))):
            visit.tenant.write("change_service_principal", places, {"accountEnabled": False})
        visit.tenant.settle(lambda: self._closed(visit, grant), f"that {grant.id} is disabled")
        return Receipt(done=f"{account.words} is disabled", undo={"accountEnabled": "true"}, facts={"changed": True})

    def reinstate(self, visit: Visit, grant: Grant) -> Receipt:
        """Enable it again."""
        undo_of(grant, "accountEnabled")
        if self.look(visit, grant).stands:
            return already_back(grant)
        account = _ours(visit, grant)
        places = {PLACE: account.id}
        with visit.tenant.errand(Errand(places, frozenset({account.id}), reinstating=True)):
            visit.tenant.write("change_service_principal", places, {"accountEnabled": True})
        visit.tenant.settle(lambda: self.look(visit, grant).stands, f"that {grant.id} is enabled")
        return Receipt(done=f"{account.words} is enabled again", facts={"changed": True})

    def _closed(self, visit: Visit, grant: Grant) -> bool:
        try:
            return not self.look(visit, grant).stands
        except WayInRefusedError:
            return is_way_in(visit.settings, grant)  # our own token counts no more: that is what was wanted


def _read(visit: Visit, grant: Grant) -> Entity | None:
    select = "id,appId,displayName,accountEnabled"
    try:
        return visit.tenant.get("get_service_principal", {PLACE: grant.id.removeprefix("application ")}, select=select)
    except GoneError:
        return None


def _ours(visit: Visit, grant: Grant) -> Account:
    return principal_of(visit, grant.id.removeprefix("application "))


def principal_of(visit: Visit, key: str) -> Account:
    """Find an application of ours by its object id. Raises RefusedError."""
    found = visit.who.principal(key)
    if found is None:
        raise RefusedError(
            f"{key} is no application of ours, by the engagement file and where it is registered",
            untouched="it",
            todo="name its appId under ours.applications, if it is ours; an object id is another thing",
        )
    return found


def _require_unused(visit: Visit, account: Account) -> None:
    """Raise RefusedError if people of the client's signed in to it lately."""
    since = f"{datetime.now(UTC) - LATELY:%Y-%m-%dT%H:%M:%SZ}"
    asked = f"appId eq '{account.said['appId']}' and createdDateTime ge {since}"
    with use_shown(account.words, "ours.applications", "the application"):
        listed = list(visit.tenant.pages("list_sign_ins", filter=asked))
    for one in listed:
        if not visit.who.account(str(one.get("userId"))):
            raise RefusedError(
                f"{one.get('userPrincipalName')} signed in to {account.words} on {str(one.get('createdDateTime'))[:16]} UTC: people of the "
                "client's work with it",
                untouched="the application",
                todo="have the client move on to something else; if it needs it no more, say used_by_us_alone in the engagement file",
            )
