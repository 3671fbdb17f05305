"""What an export needs to be allowed, and what of it was not given: mail and files only where somebody is named."""

from collections.abc import Collection, Iterator

from connectors.microsoft.contract import graph
from connectors.microsoft.microsoft365.rules import CONFIGURATION, FILES, MAIL
from connectors.microsoft.permissions import consents, given_by, lacking
from connectors.microsoft.settings import Tenancy
from connectors.microsoft.sign_in import SignIn
from core.errors import RefusedError
from core.ports import Missing

_WHERE = "the client's tenant"


def missing(tenant: Tenancy, names: Collection[str]) -> Iterator[Missing]:
    """Sign in, and name what was not given of what these operations need.

    Raises UnavailableError, and RefusedError for a token that cannot be read.
    """
    try:
        token = SignIn(tenant).token(tenant.tenant_id, tenant.access, tenant.services.graph_resource)
    except RefusedError as error:
        yield Missing(f"a way into {_WHERE}", (f"nothing can be done there ({error.what})",), error.todo)
        return
    client_id = tenant.access.client_id
    page = f"{tenant.services.login}/{tenant.tenant_id}/adminconsent?client_id={client_id}"
    found = lacking((one for one in graph().operations if one.name in names), given_by(token), "application")
    yield from consents(found, _WHERE, client_id, "the client's administrator", page, "application")


def needed(*, mail: bool, files: bool) -> frozenset[str]:
    """Name the operations of an export."""
    return CONFIGURATION | (MAIL if mail else frozenset()) | (FILES | {"list_user_drives"} if files else frozenset())
