"""The reseller link, and delegated administration of the old kind: both end in Partner Center, for good."""

from collections.abc import Iterable, Iterator
from typing import Final

from connectors.microsoft.entra_tenant.visit import Visit
from connectors.microsoft.errors import GoneError
from connectors.microsoft.guard import Errand
from connectors.microsoft.session import Entity
from core.errors import RefusedError
from core.model import Grant, Receipt
from core.one_grant import Seen, already

_PLACE: Final = "customer-tenant-id"
_DONE: Final = frozenset({"complete", "completed"})
_NOT_IN_FORCE: Final = frozenset({"deleted", "disabled", "expired", "suspended"})
"""Statuses of a subscription with which Microsoft lets the link end; any other, or none, may be a licence that somebody works with."""
_CAME_TO_NOTHING: Final = frozenset({"canceled", "cancelled", "declined", "expired", "failed", "rejected", "withdrawn"})
HOW_TO_TRANSFER: Final = (
    "the next partner starts a transfer in its Partner Center, we accept it in ours (Customers, Transfers), and both see it completed"
)
_CHANGES: Final[dict[str, dict[str, object]]] = {
    "reseller": {"relationshipToPartner": "none"},
    "delegated-access": {"AllowDelegatedAccess": False},
}
_WORDS: Final = {
    "reseller": "sell licences to the client, and order in its name",
    "delegated-access": "administer the tenant as its partner (DAP)",
}


class Reseller:
    """Grants `reseller TENANT` and `delegated-access TENANT`, both irreversible."""

    def discover(self, visit: Visit) -> Iterator[Grant]:
        """Ask Partner Center what we are to the client."""
        holder = visit.settings.ours.default_holder
        with visit.noting("the reseller link"):
            now = _customer(visit)
            for word in _CHANGES if holder in visit.holders else ():
                if _stands(now, word):
                    yield Grant(
                        system=visit.system,
                        id=f"{word} {visit.settings.tenant_id}",
                        holder=holder,
                        privilege=_WORDS[word],
                        irreversible=True,
                    )

    def look(self, visit: Visit, grant: Grant) -> Seen:
        """Ask again."""
        stands = _stands(_customer(visit), grant.id.split(" ")[0])
        return Seen(stands, f"{grant.id} {'stands' if stands else 'is not there'}, says Partner Center")

    def revoke(self, visit: Visit, grant: Grant) -> Receipt:
        """End it. Raises RefusedError while licences are on their way to another partner: their end would be the client's loss."""
        word, tenant = grant.id.split(" ")
        if tenant != visit.settings.tenant_id:
            raise RefusedError(f"{grant.id} is about another client", untouched="it")
        if not _stands(_customer(visit), word):
            return already(grant, f"{grant.id} is not there")
        if word == "reseller":
            done, said = look_at_transfers(visit)
            if not done:
                raise RefusedError(said, untouched="the reseller link and all licences", todo=HOW_TO_TRANSFER)
        if visit.partner.refresh_token is None:
            raise RefusedError(
                f"{grant.id}: Partner Center lets nobody but a person end it",
                untouched="it",
                todo="name partner.refresh_token of an admin agent in the engagement file, or end it by hand in Partner Center",
            )
        places = {_PLACE: tenant}
        with visit.partner_center.errand(Errand(places, frozenset(), irreversible=True, before=_CHANGES[word])):
            visit.partner_center.write("change_customer", places, _CHANGES[word])
        visit.partner_center.settle(lambda: not self.look(visit, grant).stands, f"the end of {grant.id}")
        return Receipt(done=f"{grant.id} is ended", facts={"changed": True})

    def reinstate(self, _visit: Visit, grant: Grant) -> Receipt:
        """Raise RefusedError: it was signed for as irreversible."""
        raise RefusedError(f"{grant.id} ended for good", untouched="everything", todo="send the client a new request, and have it accept")


def _customer(visit: Visit) -> Entity | None:
    """Read what we are to the client; None if Partner Center knows no such client of ours."""
    try:
        return visit.partner_center.get("get_customer", {_PLACE: visit.settings.tenant_id})
    except GoneError:
        return None


def _stands(customer: Entity | None, word: str) -> bool:
    """Tell whether one of the two links stands. An answer that leaves it out is a KeyError: nothing is concluded from it."""
    if customer is None:
        return False
    return str(customer["relationshipToPartner"]) != "none" if word == "reseller" else customer["allowDelegatedAccess"] is not False


def look_at_transfers(visit: Visit) -> tuple[bool, str]:
    """Say whether nothing that the client bought through us is in force with us any more, and every transfer has come to its end.

    The next partner begins a transfer, and the present one accepts it: until somebody begins, there is none. So what is still ours is seen
    by the subscriptions. Sources: https://learn.microsoft.com/partner-center/developer/get-all-of-a-customer-s-subscriptions, and
    remove-a-reseller-relationship-with-a-customer beside it.
    """
    moved, of_transfers = _transfers(visit)
    gone, of_subscriptions = _subscriptions(visit)
    both = ((moved, of_transfers), (gone, of_subscriptions))
    return moved and gone, "; ".join(said for done, said in both if (moved and gone) or not done)


def _subscriptions(visit: Visit) -> tuple[bool, str]:
    """Say whether none is in force, and what of them is; fewer than Partner Center counts are no whole list."""
    said = visit.partner_center.get("list_bought_subscriptions", {_PLACE: visit.settings.tenant_id})
    listed = said["items"]
    if (count := said.get("totalCount") or 0) > len(listed):
        return False, f"Partner Center shows {len(listed)} of the {count} subscriptions that the client bought through us"
    in_force = [one for one in listed if _status(one) not in _NOT_IN_FORCE]
    if in_force:
        names = ", ".join(sorted(_name(one) for one in in_force))
        return False, f"licences of the client's are in force with us, and on no transfer that is complete: {names}"
    ended = ", ".join(sorted(_name(one) for one in listed))
    return True, f"nothing that the client bought through us is in force{f' ({ended})' if ended else ''}"


def _name(one: Entity) -> str:
    count = f"{one['quantity']} of " if one.get("quantity") else ""
    return f"{count}{one.get('offerName') or one.get('friendlyName') or one.get('id')}, {one.get('status') or 'of no status'}"


def _transfers(visit: Visit) -> tuple[bool, str]:
    """Say whether every transfer has come to its end, be it complete or to nothing: what is still ours, the subscriptions say.

    Source: https://learn.microsoft.com/partner-center/developer/transfer-entity-resources.
    """
    said = visit.partner_center.get("list_transfers", {_PLACE: visit.settings.tenant_id})
    listed = sorted(said["items"], key=lambda one: one.get("createdTime") or "")
    if not listed:
        return True, "Partner Center lists no transfer of licences"
    if open_ := [one for one in listed if _status(one) not in _DONE | _CAME_TO_NOTHING]:
        return False, f"licences of the client's are still on their way: {_words(open_)}"
    if complete := [one for one in listed if _status(one) in _DONE]:
        return True, f"every transfer of licences is complete: {_words(complete)}"
    return True, f"every transfer of licences came to nothing: {_words(listed)}"


def _status(one: Entity) -> str:
    return str(one.get("status") or "").lower()


def _words(transfers: Iterable[Entity]) -> str:
    return ", ".join(f"{one.get('id')} to {one.get('targetPartnerName') or 'another partner'} ({one.get('status')})" for one in transfers)
