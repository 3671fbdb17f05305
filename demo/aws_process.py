"""The process of the AWS server: ministack, with three things more that AWS does and a walk out of an account needs to see.

Alternate contacts are kept; users have SSH keys, signing certificates and service credentials besides access keys; and when each access key
and each role was last used, and where, is told. Everything else is ministack's, its checks of keys and policies before all.
Source: AWS Account Management API Reference, GetAlternateContact and PutAlternateContact; IAM API Reference, the operations named here.
"""

# ruff: noqa: SLF001 - ministack has no public place for any of this; its version is pinned

import json
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from ministack.app import main
from ministack.core import iam_actions, iam_evaluator, responses, router
from ministack.services import account, iam

FIELDS = ("Name", "Title", "EmailAddress", "PhoneNumber")
CONTACTS = responses.AccountScopedDict()
LAST_USED = responses.AccountScopedDict()
ROLES_USED: dict[tuple[str, str], tuple[datetime, str]] = {}
CREDENTIALS = responses.AccountScopedDict()

authenticated = iam_evaluator.authenticate
Asked = Mapping[str, Any]
Answer = tuple[int, dict[str, str], bytes]


class Sort(NamedTuple):
    """A sort of credential besides access keys: how it is made, listed and switched, and what its ids begin with."""

    make: str
    one: str
    listing: str
    items: str
    update: str
    id: str
    begins: str


SORTS = (
    Sort("UploadSSHPublicKey", "SSHPublicKey", "ListSSHPublicKeys", "SSHPublicKeys", "UpdateSSHPublicKey", "SSHPublicKeyId", "APKA"),
    Sort(
        *("UploadSigningCertificate", "Certificate", "ListSigningCertificates", "Certificates"),
        *("UpdateSigningCertificate", "CertificateId", "ASCA"),
    ),
    Sort(
        *("CreateServiceSpecificCredential", "ServiceSpecificCredential", "ListServiceSpecificCredentials", "ServiceSpecificCredentials"),
        *("UpdateServiceSpecificCredential", "ServiceSpecificCredentialId", "ACCA"),
    ),
)


def keep_contacts() -> None:
    """Have the account service know alternate contacts, and ask IAM for each of its operations by name."""
    iam_actions._BOTOCORE_SERVICE_MAP["account"] = ["account"]
    account._DISPATCH |= {"/putAlternateContact": _put_contact, "/getAlternateContact": _get_contact}
    router.SERVICE_PATTERNS["account"]["path_prefixes"].append("/putAlternateContact")


def keep_credentials() -> None:
    """Have IAM know the other sorts of credentials. They open nothing: the services that would take them are not here."""
    for sort in SORTS:
        handlers: dict[str, Callable[[Sort, Asked], Answer]] = {sort.make: _make, sort.listing: _list, sort.update: _update}
        iam._IAM_HANDLERS |= {operation: partial(handler, sort) for operation, handler in handlers.items()}


def tell_last_use() -> None:
    """Have each request of a user or role whose signature is right noted, and IAM tell the last of each key and role."""
    iam_evaluator.authenticate = _authenticate
    iam._IAM_HANDLERS |= {
        operation: partial(_telling_roles, iam._IAM_HANDLERS[operation]) for operation in ("GetRole", "GetAccountAuthorizationDetails")
    }
    iam._IAM_HANDLERS["GetAccessKeyLastUsed"] = _last_used


def _put_contact(asked: Asked) -> Answer:
    CONTACTS[asked["AlternateContactType"]] = {name: asked[name] for name in FIELDS}
    return 200, {"Content-Type": "application/json"}, b""


def _get_contact(asked: Asked) -> Answer:
    kind = asked["AlternateContactType"]
    if kind not in CONTACTS:
        missing: Answer = responses.error_response_json("ResourceNotFoundException", "there is no such contact", 404)
        return missing
    found = {"AlternateContact": {"AlternateContactType": kind} | CONTACTS[kind]}
    return 200, {"Content-Type": "application/json"}, json.dumps(found).encode()


def _make(sort: Sort, asked: Asked) -> Answer:
    id_ = sort.begins + secrets.token_hex(10).upper()
    CREDENTIALS[id_] = (sort.id, iam._p(asked, "UserName"), "Active")
    return _answer(sort.make, f"<{sort.one}>{_told(id_)}</{sort.one}>")


def _list(sort: Sort, asked: Asked) -> Answer:
    ids = [id_ for id_, (kind, user, _status) in CREDENTIALS.items() if (kind, user) == (sort.id, iam._p(asked, "UserName"))]
    members = "".join(f"<member>{_told(id_)}</member>" for id_ in ids)
    return _answer(sort.listing, f"<{sort.items}>{members}</{sort.items}><IsTruncated>false</IsTruncated>")


def _update(sort: Sort, asked: Asked) -> Answer:
    id_, user, status = (iam._p(asked, name) for name in (sort.id, "UserName", "Status"))
    if id_ not in CREDENTIALS or CREDENTIALS[id_][:2] != (sort.id, user):
        missing: Answer = iam._error(404, "NoSuchEntity", f"{id_} cannot be found.")
        return missing
    CREDENTIALS[id_] = (sort.id, user, status)
    return _answer(sort.update, "")


def _told(id_: str) -> str:
    kind, user, status = CREDENTIALS[id_]
    return f"<{kind}>{id_}</{kind}><UserName>{user}</UserName><Status>{status}</Status>"


def _authenticate(key: str, account_id: str) -> Any:  # noqa: ANN401 - ministack's types
    request = iam_evaluator._signed_request.get()
    found = authenticated(key, account_id)
    kind = getattr(found, "principal_type", "")
    if request is not None and kind in ("User", "AssumedRole"):
        _date, region, service = request.headers["authorization"].partition("Credential=")[2].split("/")[1:4]
        if kind == "User":
            LAST_USED[key] = (datetime.now(UTC), service, region)
        else:
            _arn, _partition, _service, _region, account_of_role, resource = found.principal_arn.split(":", 5)
            ROLES_USED[account_of_role, resource.split("/")[1]] = (datetime.now(UTC), region)
    return found


def _telling_roles(handler: Callable[[Asked], Answer], asked: Asked) -> Answer:
    status, headers, body = handler(asked)
    for name, role in iam._roles.items():
        if used := ROLES_USED.get((responses.get_account_id(), name)):
            when, region = used
            told = f"<RoleLastUsed><LastUsedDate>{when:%Y-%m-%dT%H:%M:%SZ}</LastUsedDate><Region>{region}</Region></RoleLastUsed>"
            place = f"<Arn>{role['Arn']}</Arn>"
            body = body.replace(place.encode(), (place + told).encode())
    return status, {**headers, "Content-Length": str(len(body))} if "Content-Length" in headers else headers, body


def _last_used(asked: Asked) -> Answer:
    key = iam._p(asked, "AccessKeyId")
    if key not in iam._access_keys or key not in LAST_USED:
        never: Answer = iam._get_access_key_last_used(asked)
        return never
    when, service, region = LAST_USED[key]
    used = f"<LastUsedDate>{when:%Y-%m-%dT%H:%M:%SZ}</LastUsedDate><ServiceName>{service}</ServiceName><Region>{region}</Region>"
    user = iam._access_keys[key]["UserName"]
    return _answer("GetAccessKeyLastUsed", f"<UserName>{user}</UserName><AccessKeyLastUsed>{used}</AccessKeyLastUsed>")


def _answer(operation: str, inner: str) -> Answer:
    found: Answer = iam._xml(200, f"{operation}Response", f"<{operation}Result>{inner}</{operation}Result>")
    return found


if __name__ == "__main__":
    keep_contacts()
    keep_credentials()
    tell_last_use()
    main()
