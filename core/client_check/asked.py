"""What the client is asked to look for on one system, and the sums by which its answer names it. Both sides need it; it needs no record."""

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from core.canonical import canonical_json
from core.model import Grant, Holder


class Asked(NamedTuple):
    """One system, as the client is asked to look at it."""

    system: str
    plan_digest: str
    holders: tuple[Holder, ...]
    where: Mapping[str, Any]
    """The fields of its access target, without any way in."""
    grants: tuple[Grant, ...]
    """What is looked for, sorted by subject."""

    @property
    def looked_for_digest(self) -> str:
        """The SHA-256 sum over the sorted subjects that are looked for."""
        return _sum([grant.subject for grant in self.grants])

    @property
    def digest(self) -> str:
        """The SHA-256 sum over all that makes this look: where, whose keys, for what, under which plan. Both sides make it."""
        holders = [one.model_dump(mode="json") for one in self.holders]
        for_what = [[grant.subject, grant.holder] for grant in self.grants]
        return _sum({"plan-sha256": self.plan_digest, "where": self.where, "holders": holders, "look-for": for_what})


def beyond_words(grant: Grant) -> str:
    """Say in a look's text what was found beyond the plan: its subject, and whose it is."""
    return f"{grant.subject} of {grant.holder}"


def _sum(value: object) -> str:
    """Give the SHA-256 sum of canonical JSON, lower case hex."""
    return hashlib.sha256(canonical_json(value)).hexdigest()
