"""What names us in a policy: our accounts, principals, identity providers, and the values of conditions that only we satisfy."""

from dataclasses import dataclass

_ACCOUNT_FIELD = 4
_FIELDS = 6


def account_of(arn: str) -> str:
    """Give the account in an ARN (`arn:partition:service:region:account:resource`); empty if there is none."""
    fields = arn.split(":", _FIELDS - 1)
    return fields[_ACCOUNT_FIELD] if len(fields) == _FIELDS and fields[0] == "arn" else ""


@dataclass(frozen=True)
class Marks:
    """All that names one holder. `except_for` are principals of the same accounts that are other holders'."""

    accounts: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()
    except_for: frozenset[str] = frozenset()
    users: frozenset[tuple[str, str]] = frozenset()
    """Account and name of users: their paths do not matter, as names are unique in an account."""

    def name(self, value: str) -> bool:
        """Tell whether a principal, or the value of a condition, is this holder's; a pattern is if it is one within an account of ours."""
        if value in self.values or (":user/" in value and (account_of(value), value.rpartition("/")[2]) in self.users):
            return True
        return value not in self.except_for and (value in self.accounts or account_of(value) in self.accounts)

    def __or__(self, other: "Marks") -> "Marks":
        """Both holders' marks."""
        return Marks(self.accounts | other.accounts, self.values | other.values, users=self.users | other.users)

    def __bool__(self) -> bool:
        return bool(self.accounts or self.values or self.users)
