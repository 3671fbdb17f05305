"""Users who can come into the account, and of whom nobody has said whose they are: one of them may be ours, forgotten in the file."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from connectors.aws_account.anybody import first_of
from connectors.aws_account.at_once import looked
from connectors.aws_account.credentials import has_password
from connectors.aws_account.visit import Visit


def unnamed_users(visit: Visit, details: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Tell in words which users have a password or an active key and stand neither under ours nor under client."""
    ours, client = {one.name for one in visit.account.ours.users}, visit.account.client
    known = {*client.administrators, *client.known}
    marks = visit.account.ours.all_marks()
    asked = sorted(
        one["UserName"] for one in details if one["UserName"] not in ours and one["Arn"] not in known and not marks.name(one["Arn"])
    )
    unseen, able = list[str](), list[str]()
    for name, can in zip(asked, looked(visit, asked, _can_come_in), strict=True):
        if can is None:
            unseen.append(name)
        elif can:
            able.append(name)
    if able:
        yield f"users that can come in, and of whom the engagement file does not say whose they are: {first_of(able)}"
    if unseen:
        yield f"whether these users can come in, of whom the engagement file does not say whose they are: {first_of(unseen)}"


def _can_come_in(visit: Visit, name: str) -> bool | None:
    """Tell whether a user has an active key or a password; None if we may not see it, which is told for all of them at once."""
    one = Visit(visit.session, visit.account, visit.system)
    found = False
    with one.noting(name):
        keys = visit.session.pages("iam", "ListAccessKeys", "AccessKeyMetadata", UserName=name)
        found = any(key["Status"] == "Active" for key in keys) or has_password(visit, name)
    return None if one.unseen else found
