"""The account as the client itself sees it: by a key of its own, which need not be anybody's of ours, and without any change."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pydantic.main import IncEx

from connectors.aws_account.settings import Account
from connectors.aws_account.visit import Kind, Visit
from core.errors import GoodLeaverError, GuardError
from core.model import Assurance, Grant, GrantState, Holder, Verdict

_TO_TRY: Final[Mapping[str, IncEx | bool]] = {"__all__": {"credential"}}
_WAYS_IN: Final[Mapping[str, IncEx | bool]] = {
    "access": True,
    "ours": {"users": _TO_TRY, "principals": _TO_TRY, "identity_providers": _TO_TRY},
}


def to_be_looked_at(account: Account) -> dict[str, Any]:
    """Give an account's fields without any way in: neither `access` nor a credential of ours to be tried."""
    return account.model_dump(mode="json", exclude=_WAYS_IN, exclude_defaults=True)


class ClientsAccount:
    """A ClientsView. `come_in` opens one visit for some holders; `kinds` are all kinds of grants by the first word of their id."""

    def __init__(
        self, account: Account, come_in: Callable[[tuple[str, ...]], Visit], kinds: Mapping[str, Kind], never: tuple[str, ...]
    ) -> None:
        self._account, self._come_in, self._kinds, self._never = account, come_in, kinds, never
        self._visit: Visit | None = None
        self._unseen: tuple[str, ...] = ()

    def discover(self, holders: Sequence[Holder]) -> tuple[Grant, ...]:
        """Find what the client's key lets be seen of these holders'; what it does not is told by `not_looked_at`."""
        visit = self._opened(tuple(sorted({one.name for one in holders} & self._account.ours.holders)))
        found = list[Grant]()
        for kind in dict.fromkeys(self._kinds.values()):
            try:
                found += kind.discover(visit)
            except GuardError:
                raise
            except GoodLeaverError as error:
                visit.unseen.append(f"a kind of grants in the account ({error.what})")
        self._unseen = tuple(dict.fromkeys(visit.unseen))
        return tuple(sorted(found, key=lambda grant: grant.id))

    def look(self, grant: Grant) -> Verdict:
        """Look at one grant in the account. UNKNOWN where the client's key may not see it, or AWS does not answer."""
        kind, visit = self._kinds.get(grant.id.partition(" ")[0]), self._opened((grant.holder,))
        if kind is None:
            return _unknown(f"{grant.subject} is no grant that this version knows")
        try:
            seen = kind.look(visit, grant)
        except GuardError:
            raise
        except GoodLeaverError as error:
            return _unknown(error.what)
        self._unseen = tuple(dict.fromkeys(visit.unseen))
        return Verdict(state=GrantState.ACTIVE if seen.stands else GrantState.REVOKED, assurance=Assurance.OBSERVED, evidence=seen.evidence)

    def not_looked_at(self) -> tuple[str, ...]:
        """Say what the key did not let be seen, and what nobody looks at."""
        return (*self._unseen, *self._never)

    def _opened(self, names: tuple[str, ...]) -> Visit:
        """Come in once, whatever is looked at."""
        if self._visit is None:
            self._visit = self._come_in(names)
        return self._visit


def _unknown(why: str) -> Verdict:
    return Verdict(state=GrantState.UNKNOWN, assurance=Assurance.UNKNOWN, evidence=why)
