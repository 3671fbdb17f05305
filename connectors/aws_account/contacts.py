"""The account's alternate contacts: AWS writes to them about billing, operations and security, and trusts them when access is recovered."""

import json
from collections.abc import Iterator
from typing import Any, Final

from connectors.aws_account.errors import GoneError
from connectors.aws_account.guard import Errand
from connectors.aws_account.visit import Visit
from core.errors import RefusedError
from core.model import Grant, Receipt
from core.one_grant import Seen, already, already_back

TYPES: Final = ("BILLING", "OPERATIONS", "SECURITY")
_FIELDS: Final = ("Name", "Title", "EmailAddress", "PhoneNumber")


class Contacts:
    """Grants `contact TYPE`."""

    def discover(self, visit: Visit) -> Iterator[Grant]:
        """Find the contacts with an address of ours."""
        holders = {one.address.lower(): one.holder for one in visit.account.ours.addresses}
        if not holders:
            visit.unseen.append("alternate contacts (the engagement file names no address of ours)")
            return
        for kind in TYPES:
            contact = dict[str, str]()
            with visit.noting(f"the alternate contact for {kind}"):
                contact = _contact(visit, kind)
            holder = holders.get(contact.get("EmailAddress", "").lower())
            if holder in visit.holders:
                yield Grant(
                    system=visit.system,
                    id=f"contact {kind}",
                    holder=holder,
                    privilege=f"AWS writes about {kind} to {contact['EmailAddress']}",
                    undo=_undo(visit, contact),
                )

    def look(self, visit: Visit, grant: Grant) -> Seen:
        """Read the contact again."""
        address = _contact(visit, _named(grant)).get("EmailAddress", "")
        stands = address.lower() in _ours(visit)
        return Seen(stands, f"AWS writes about {_named(grant)} to {address or 'nobody besides the account itself'}")

    def revoke(self, visit: Visit, grant: Grant) -> Receipt:
        """Put the client's contact in the place of ours. Raises RefusedError if none is named: a contact is never left empty."""
        kind, contact = _named(grant), visit.account.client.contact
        before = _contact(visit, kind)
        if before.get("EmailAddress", "").lower() not in _ours(visit):
            return already(grant, f"the contact for {kind} is not ours")
        if contact is None:
            raise RefusedError(
                f"{grant.id} is ours, and nobody of the client's is named to take its place",
                untouched="the contact",
                todo="name client.contact in the engagement file, or have the client change it",
            )
        _write(visit, kind, _in_our_place(visit))
        undo = grant.undo if "contact" in grant.undo else _undo(visit, before)
        return Receipt(done=f"AWS writes about {kind} to {contact.email} now", undo=undo, facts={"changed": True})

    def reinstate(self, visit: Visit, grant: Grant) -> Receipt:
        """Put our contact back. Raises RefusedError if by now somebody else stands there than whom we wrote."""
        if "contact" not in grant.undo:
            raise RefusedError(f"{grant.subject} came without its undo", untouched="everything in the account")
        before, now = json.loads(grant.undo["contact"]), _contact(visit, _named(grant))
        if now == before:
            return already_back(grant)
        if now not in ({}, json.loads(grant.undo["written"]) if "written" in grant.undo else _in_our_place(visit)):
            raise RefusedError(
                f"the contact for {_named(grant)} was changed since: AWS writes to {now['EmailAddress']} now",
                untouched="the contact",
                todo=f"ask the client whether {before['EmailAddress']} is to stand there again; if so, it puts it there itself",
            )
        _write(visit, _named(grant), before)
        return Receipt(done=f"AWS writes about {_named(grant)} to {before['EmailAddress']} again", facts={"changed": True})


def _in_our_place(visit: Visit) -> dict[str, str]:
    """Give the client's contact as AWS takes it; empty if none is named."""
    one = visit.account.client.contact
    return {"Name": one.name, "Title": one.title, "EmailAddress": one.email, "PhoneNumber": one.phone} if one else {}


def _undo(visit: Visit, before: dict[str, str]) -> dict[str, str]:
    """Note who stood there, and whom we write instead: only that one is taken back."""
    return {"contact": json.dumps(before, sort_keys=True), "written": json.dumps(_in_our_place(visit), sort_keys=True)}


def _write(visit: Visit, kind: str, contact: dict[str, Any]) -> None:
    values = {"EmailAddress": contact["EmailAddress"]}
    with visit.session.errand(Errand({"AlternateContactType": kind}, values=values)):
        visit.session.call("account", "PutAlternateContact", AlternateContactType=kind, **contact)
    visit.session.settle(lambda: _contact(visit, kind) == contact, f"the contact for {kind}")


def _contact(visit: Visit, kind: str) -> dict[str, str]:
    try:
        found = visit.session.call("account", "GetAlternateContact", AlternateContactType=kind)["AlternateContact"]
    except GoneError:
        return {}
    return {name: found[name] for name in _FIELDS if name in found}


def _ours(visit: Visit) -> frozenset[str]:
    return frozenset(one.address.lower() for one in visit.account.ours.addresses)


def _named(grant: Grant) -> str:
    kind = grant.id.removeprefix("contact ")
    if kind not in TYPES:
        raise RefusedError(f"{grant.subject} is no contact of the account", untouched="everything in the account")
    return kind
