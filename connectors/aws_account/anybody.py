"""Whom a policy lets in besides those it names as ours: everybody, and so us; or accounts that nobody has said anything about.

Neither is ours to change, and neither may be passed over in silence: both are told as what was not looked at.
Source: IAM User Guide, "AWS JSON policy elements: Principal"; Service Authorization Reference, global condition keys.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from connectors.aws_account.marks import account_of
from connectors.aws_account.policies import Document, Statement, others, principals, statements
from connectors.aws_account.settings import Account

_WHO: Final = frozenset(
    {
        *("aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths", "aws:userid", "aws:username"),
        *("aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths", "aws:sourceowner", "aws:sourceip"),
        *("aws:sourcevpc", "aws:sourcevpce", "aws:federatedprovider", "kms:calleraccount", "s3:dataaccesspointaccount"),
    }
)
"""Conditions that say who it is, or from where; others, such as aws:SecureTransport or sts:ExternalId, let in anybody who keeps to them."""
_ACCOUNTS: Final = frozenset(
    {"aws:principalaccount", "aws:sourceaccount", "aws:sourceowner", "kms:calleraccount", "s3:dataaccesspointaccount"}
)
_ARNS: Final = frozenset({"aws:principalarn", "aws:sourcearn"})
_ORGANISATIONS: Final = frozenset({"aws:principalorgid", "aws:principalorgpaths", "aws:sourceorgid", "aws:sourceorgpaths"})
_SAYING: Final = {"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike", "ipaddress"}
_EVERYWHERE: Final = {"0.0.0.0/0", "::/0"}
_ACCOUNT_DIGITS: Final = 12
NAMED: Final = 20
"""How many are told by name; of more, how many more there are."""


def let_in_besides(document: Document, what: str, account: Account) -> Iterator[str]:
    """Say in words what else a policy lets in, as far as that may be us."""
    if lets_anybody_in(document):
        yield f"{what} lets in anybody, and so us"
    for other in unnamed(document, account):
        yield f"{what} lets in {other}, of which the engagement file says nothing"


def unnamed_providers(document: Document, account: Account) -> tuple[str, ...]:
    """Name the identity providers through which people from outside are let in, and that are neither known as ours nor as the client's."""
    ours = account.ours.all_marks()
    left = [one for one in others(document, ours) if one.get("Effect") == "Allow"]  # what a condition lets in of ours is a grant
    named = {value for one in left for kind, value in principals(one) if kind == "Federated"}
    return tuple(sorted(named - set(account.client.known)))


def first_of(names: Sequence[str]) -> str:
    """List the first NAMED, and say how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def lets_anybody_in(document: Document) -> bool:
    """Tell whether a statement lets in everybody, and so us: it names no principal, and no condition of it says who."""
    allowing = [one for one in statements(document) if one.get("Effect") == "Allow"]
    return any(("NotPrincipal" in one or ("AWS", "*") in principals(one)) and not _says_who(one) for one in allowing)


def unnamed(document: Document, account: Account) -> tuple[str, ...]:
    """Name accounts, organisations, addresses and canonical users that are let in, and that nobody called ours or the client's.

    One of them may be ours all the same.
    """
    marks, known = account.ours.all_marks(), {account.account_id, *account.client.known}
    found = set[str]()
    for one in statements(document):
        if one.get("Effect") == "Allow":
            said = [*(_who(kind, value) for kind, value in principals(one)), *_by_conditions(one)]
            found |= {f"{word} {who}" for word, who, value in said if who and who not in known and not marks.name(value)}
    return tuple(sorted(found))


def _who(kind: str, value: str) -> tuple[str, str, str]:
    """Say whom a principal names from outside: in a word, by its name, and as it stands there; an empty name for nobody."""
    if kind == "CanonicalUser":
        return "the canonical user", value, value
    return "the account", _account_in(value) if kind == "AWS" else "", value


def _by_conditions(statement: Statement) -> Iterator[tuple[str, str, str]]:
    """Say likewise whom conditions name that say who it is, or from where, in a statement that names nobody."""
    if "NotPrincipal" not in statement and not any(value == "*" or kind == "Service" for kind, value in principals(statement)):
        return
    for operator, pairs in statement.get("Condition", {}).items():
        if operator.lower().removeprefix("foranyvalue:").removesuffix("ifexists") in _SAYING:
            for key, values in _pairs(pairs):
                for value in values:
                    if key.lower() in _ACCOUNTS | _ARNS:
                        yield "the account", _account_in(value), value
                    elif key.lower() in _ORGANISATIONS and not _is_anybody(value):
                        yield "the organisation", value.partition("/")[0], value
                    elif key.lower() == "aws:sourceip" and not _is_anybody(value):
                        yield "the address", value, value


def _account_in(value: str) -> str:
    account = value if value.isdigit() and len(value) == _ACCOUNT_DIGITS else account_of(value)
    return account if account.isdigit() else ""


def _says_who(statement: Statement) -> bool:
    return any(
        operator.lower().removeprefix("foranyvalue:") in _SAYING and key.lower() in _WHO and not any(map(_is_anybody, values))
        for operator, pairs in statement.get("Condition", {}).items()
        for key, values in _pairs(pairs)
    )


def _pairs(pairs: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    for key, values in pairs.items():
        yield key, [str(one) for one in (values if isinstance(values, list) else [values])]


def _is_anybody(value: str) -> bool:
    """Tell whether a value fits everybody: a star alone, an ARN of any account, all addresses."""
    return value.strip("*") == "" or "*" in account_of(value) or value in _EVERYWHERE
