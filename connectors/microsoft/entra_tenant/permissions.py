"""What an exit needs to be allowed in a tenant, in ours, in Partner Center and in Azure; and what of it was not given."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from connectors.microsoft.contract import Operation, graph, partner_center
from connectors.microsoft.entra_tenant.needed_roles import missing_roles
from connectors.microsoft.entra_tenant.rules import READING, WRITING
from connectors.microsoft.entra_tenant.settings import Tenant
from connectors.microsoft.entra_tenant.visit import Visit
from connectors.microsoft.permissions import consents, expiry, given_by, in_words, lacking
from connectors.microsoft.settings import Credential
from connectors.microsoft.sign_in import SignIn
from core.errors import RefusedError
from core.ports import Expiry, Missing

_AT_HOME = "/tenantRelationships/"
"""How the paths begin that are asked in our own tenant."""


class _Place(NamedTuple):
    """Where something is needed: in which tenant, by which application, for which operations."""

    words: str
    tenant: str
    client_id: str
    token: Callable[[], str]
    operations: tuple[Operation, ...]
    kind: str = "application"


def missing_permissions(visit: Visit) -> tuple[Missing, ...]:
    """Sign in everywhere, and name what was not given. Raises UnavailableError, and RefusedError for a token that cannot be read."""
    tenant = visit.settings
    found = [one for place in _places(tenant, visit.sign_in) for one in _missing(tenant, place)]
    found += missing_roles(visit)
    if tenant.partner and tenant.partner.refresh_token is None:
        ends = next(one for one in partner_center().operations if one.writes)
        found.append(
            Missing(
                "a person's sign-in to Partner Center",
                (in_words(ends),),
                "name partner.refresh_token of an admin agent; or end the reseller link by hand, if there is one",
            )
        )
    return tuple(found)


def expiries(tenant: Tenant) -> tuple[Expiry, ...]:
    """Tell until when the certificates are valid that the engagement file names."""
    named: list[tuple[str, Credential | None]] = [("access", tenant.access), ("partner", tenant.partner)]
    named += [(f"ours.applications {one.app_id}", one.credential) for one in tenant.ours.applications]
    return tuple(
        Expiry(f"the certificate {credential.certificate} ({where})", at)
        for where, credential in named
        if credential and (at := expiry(credential))
    )


def _places(tenant: Tenant, sign_in: SignIn) -> Iterator[_Place]:
    at, partner = tenant.services, tenant.partner
    listed = [one for one in graph().operations if one.name in READING | WRITING.keys()]
    inside = tuple(one for one in listed if not one.path.startswith(_AT_HOME))
    yield _Place(
        "the client's tenant",
        tenant.tenant_id,
        tenant.access.client_id,
        lambda: sign_in.token(tenant.tenant_id, tenant.access, at.graph_resource),
        inside,
    )
    if partner is None:
        return
    at_home = tuple(one for one in listed if one.path.startswith(_AT_HOME))
    yield _Place(
        "our own tenant",
        partner.tenant_id,
        partner.client_id,
        lambda: sign_in.token(partner.tenant_id, partner, at.graph_resource),
        at_home,
    )
    if (left := partner.refresh_token) is not None:
        yield _Place(
            "Partner Center",
            partner.tenant_id,
            partner.client_id,
            lambda: sign_in.token_of_person(partner.tenant_id, partner, left.reveal(), at.partner_center_resource),
            partner_center().operations,
            kind="delegated",
        )


def _missing(tenant: Tenant, place: _Place) -> Iterator[Missing]:
    try:
        token = place.token()
    except RefusedError as error:
        yield Missing(f"a way into {place.words}", (f"nothing can be done there ({error.what})",), error.todo)
        return
    consent = f"{tenant.services.login}/{place.tenant}/adminconsent?client_id={place.client_id}"
    who = "the client's administrator" if place.tenant == tenant.tenant_id else "an administrator of ours"
    found = lacking(place.operations, given_by(token), place.kind)
    yield from consents(found, place.words, place.client_id, who, consent, place.kind)
