"""What every kind of grant is given to work with."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from connectors.aws_account.errors import WayInRefusedError
from connectors.aws_account.marks import Marks
from connectors.aws_account.session import AwsSession
from connectors.aws_account.settings import Account
from core import one_grant
from core.errors import GuardError, RefusedError


@dataclass
class Visit:
    """One visit to the account: as whom, for which holders, and what could not be looked at on the way."""

    session: AwsSession
    account: Account
    system: str
    holders: tuple[str, ...] = ()
    unseen: list[str] = field(default_factory=list)

    def marks(self, holder: str) -> Marks:
        """Give what names a holder in a policy."""
        return self.account.ours.marks(holder)

    @contextmanager
    def noting(self, what: str) -> Iterator[None]:
        """Look at something that we may not be allowed to see: a refusal is noted, and the rest is looked at all the same."""
        try:
            yield
        except (GuardError, WayInRefusedError):
            raise
        except RefusedError as error:
            self.unseen.append(f"{what} ({error.what})")


Kind = one_grant.Kind[Visit]
