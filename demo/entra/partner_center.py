"""Partner Center: what the provider is to a client, and licences on their way to another partner."""

from uuid import UUID

from demo.entra.call import Answer, Call, answers
from demo.entra.graph import Graph
from demo.entra.refusals import GraphRefusedError
from demo.entra.store import Entity


class PartnerCenter(Graph):
    """The door of Partner Center, which says no in a form of its own."""

    def refusal(self, refused: GraphRefusedError, request: str) -> Answer:
        """Write a refusal: with a number of the service, or else the status."""
        number = int(refused.code) if refused.code.isdigit() else refused.status
        body = {"code": number, "description": refused.message, "data": [request], "source": "PartnerFD"}
        return Answer(refused.status, body, dict(refused.headers))


def _customer(call: Call) -> Entity:
    key = call.places["customer-tenant-id"]
    try:
        UUID(key)
    except ValueError as error:
        raise GraphRefusedError(400, "2000", "The customer id is not a GUID.") from error
    if (one := call.world.customers.get(key)) is None or one["_partner"] != call.tenant.id:
        raise GraphRefusedError(404, "3000", "The customer was not found, or is not one of yours.")
    return one


@answers("get_customer")
def _get(call: Call) -> Entity:
    return _customer(call)


@answers("change_customer")
def _change(call: Call) -> Entity:
    one = _customer(call)
    if call.body.get("relationshipToPartner") == "none":
        if any(each["status"] == "active" for each in one["_subscriptions"]):
            text = "Customer has active subscriptions; suspend or transfer them before the relationship is removed."
            raise GraphRefusedError(400, "600019", text)
        one["relationshipToPartner"] = "none"
    if call.body.get("AllowDelegatedAccess") is False:
        one["allowDelegatedAccess"] = False
    return one


@answers("list_transfers")
def _transfers(call: Call) -> Answer:
    found = call.world.transfers.get(_customer(call)["id"], [])
    return Answer(200, {"totalCount": len(found), "items": found})


@answers("list_bought_subscriptions")
def _subscriptions(call: Call) -> Answer:
    found = _customer(call)["_subscriptions"]
    return Answer(200, {"totalCount": len(found), "items": found})
