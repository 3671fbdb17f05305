"""Grants that Graph forgets once they are removed: what each said is stored, and by that it is made anew, under another id."""

import json
from abc import ABC, abstractmethod

from connectors.microsoft.entra_tenant.visit import Visit, undo_of
from connectors.microsoft.session import Entity
from core.model import Grant, Receipt
from core.one_grant import Seen, already, already_back


class MadeAnew(ABC):
    """What such kinds of grants have in common. Each says how one is found and stored, and sends what removes it and what makes it."""

    back = "is given again"
    """What is said of one that was put back."""

    @abstractmethod
    def find(self, visit: Visit, grant: Grant) -> Entity | None:
        """Find it by what it says, whatever its id is by now; None if it is not there."""

    @abstractmethod
    def stored(self, one: Entity) -> Entity:
        """Leave what is needed to make it anew."""

    @abstractmethod
    def remove(self, visit: Visit, grant: Grant, found: Entity) -> None:
        """Send the request that removes it. Raises RefusedError before that if it is nobody's of us."""

    @abstractmethod
    def make(self, visit: Visit, grant: Grant, before: Entity) -> None:
        """Send the request that makes it as it was stored. Raises as `remove`."""

    def undo(self, one: Entity) -> dict[str, str]:
        """Write down what is stored of it."""
        return {"before": json.dumps(self.stored(one), sort_keys=True)}

    def look(self, visit: Visit, grant: Grant) -> Seen:
        """List them again."""
        found = self.find(visit, grant)
        return Seen(found is not None, f"{grant.id} {'stands' if found else 'is not there'}")

    def revoke(self, visit: Visit, grant: Grant) -> Receipt:
        """Remove it; what it said is stored."""
        if (found := self.find(visit, grant)) is None:
            return already(grant, f"{grant.id} is not there")
        self.remove(visit, grant, found)
        visit.tenant.settle(lambda: self.find(visit, grant) is None, f"the end of {grant.id}")
        return Receipt(done=f"{grant.id} is removed", undo=self.undo(found), facts={"changed": True})

    def reinstate(self, visit: Visit, grant: Grant) -> Receipt:
        """Make it anew, as it was stored."""
        before = json.loads(undo_of(grant, "before"))
        if self.find(visit, grant) is not None:
            return already_back(grant)
        self.make(visit, grant, before)
        visit.tenant.settle(lambda: self.find(visit, grant) is not None, grant.id)
        return Receipt(done=f"{grant.id} {self.back}", facts={"changed": True})
