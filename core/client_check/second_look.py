"""The second check, where we cannot look any more: what the client saw stands for it, or two executives do without."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from core.client_check.asking import counts_from, second_look_on
from core.client_check.seen import ClientsLooks
from core.exit import Exit
from core.model import Assurance, ExitPlan, Grant, GrantState, Verdict
from core.offers import offers
from core.signed_statements import waived
from core.steps.revoke import FIRST, SECOND, Weighed
from core.steps.rounds import checked, receipt_of, verdict_in


class SecondCheck:
    """One pass of the second check: what the client signed and what executives waived is read once."""

    def __init__(self, exit_: Exit, plan: ExitPlan, looks: ClientsLooks) -> None:
        self._exit, self._plan, self._looks = exit_, plan, looks
        systems = {grant.system for grant in plan.grants}
        offered = offers(exit_, plan)
        self._waived = {one: waived(exit_, plan, second_look_on(one)) for one in systems if second_look_on(one) in offered}
        self._planned = {grant.subject for grant in plan.grants}
        self._counts_from = dict[str, datetime]()

    def weigh(self, grant: Grant, verdict: Verdict) -> Weighed:
        """Set what we see of a grant against what the client saw; gives the entry of its look beside.

        What we cannot see is as the client saw it. What the client still finds is active, whatever we see. What neither can see may be
        waived, see `waiver_counts`. What we ourselves see to be active stays so.
        """
        look, seen = self._looks.of(grant, since=self._since(grant)) or (None, verdict)
        if look and (verdict.state == GrantState.UNKNOWN or (verdict.state, seen.state) == (GrantState.REVOKED, GrantState.ACTIVE)):
            return seen, {"look": str(look.entry.number)}
        if verdict.state == GrantState.UNKNOWN and self.waiver_counts(grant):
            people = " and ".join(one.name for one in self._waived[grant.system])
            evidence = f"{people} waived that anybody looks at {grant.system} a second time; {verdict.evidence}"
            return Verdict(state=GrantState.REVOKED, assurance=Assurance.WAIVED, evidence=evidence), {}
        return verdict, {}

    def weigh_unknown(self, grant: Grant, verdict: Verdict) -> Weighed:
        """As `weigh`, of what we cannot see alone: at the first check, where what we see counts, nobody outweighs it."""
        return self.weigh(grant, verdict) if verdict.state == GrantState.UNKNOWN else (verdict, {})

    def waiver_counts(self, grant: Grant) -> bool:
        """Whether two executives' waiver of the second look holds for a grant.

        Only once the client was asked to look; only for a planned grant that we ourselves saw revoked in the first check, while every
        own way in on that system is seen to be refused at the second. Never for an own way in, nor for what was seen active since.
        """
        if grant.own or grant.subject not in self._planned or not self._waived.get(grant.system):
            return False
        own = [one for one in self._plan.grants if one.system == grant.system and one.own]
        refused = bool(own) and all(_observed_gone(self._exit, one, SECOND) for one in own)
        active = any(entry.data["state"] == GrantState.ACTIVE for entry in checked(self._exit, grant, SECOND))
        return refused and _observed_gone(self._exit, grant, FIRST) and not active

    def _since(self, grant: Grant) -> datetime:
        """Say from when on a look counts for a grant: not before the second check, nor before we last saw it active ourselves."""
        open_ = (GrantState.ACTIVE, Assurance.OBSERVED)
        seen = checked(self._exit, grant, SECOND)
        active = [entry.at for entry in seen if (entry.data["state"], entry.data["assurance"]) == open_]
        if grant.system not in self._counts_from:
            self._counts_from[grant.system] = counts_from(self._exit, self._plan, grant.system)
        return max([self._counts_from[grant.system], *active])


def assurances(exit_: Exit, plan: ExitPlan, check: str = SECOND) -> Mapping[str, int]:
    """Count how it is known of the plan's grants that they were gone at a check: observed, attested, waived."""
    newest = (checked(exit_, grant, check)[-1:] for grant in plan.grants)
    counted = Counter(str(entry.data["assurance"]) for entries in newest for entry in entries)
    return {str(one): counted[str(one)] for one in (Assurance.OBSERVED, Assurance.ATTESTED, Assurance.WAIVED)}


def systems_closed_by_others(exit_: Exit, plan: ExitPlan) -> tuple[str, ...]:
    """Name the systems where something of ours ended, no receipt of ours says that we did it, and what is left of it is unknown."""
    found = set()
    for grant in plan.grants:
        seen, done = checked(exit_, grant, FIRST), receipt_of(exit_, grant)
        if seen and seen[-1].data["state"] == GrantState.UNKNOWN and done and done.data["facts"].get("changed") is not True:
            found.add(grant.system)
    return tuple(sorted(found))


def systems_to_look_at(exit_: Exit, plan: ExitPlan, drift: Iterable[Grant]) -> tuple[str, ...]:
    """Name the systems where something was unknown when it was looked at last; `drift` is what is unknown beyond the plan."""
    unknown = {grant.system for grant in drift}
    for grant in plan.grants:
        seen = checked(exit_, grant, SECOND)
        if seen and seen[-1].data["state"] == GrantState.UNKNOWN:
            unknown.add(grant.system)
    return tuple(sorted(unknown))


def _observed_gone(exit_: Exit, grant: Grant, check: str) -> bool:
    seen = checked(exit_, grant, check)
    verdict = verdict_in(seen[-1]) if seen else None
    return verdict is not None and (verdict.state, verdict.assurance) == (GrantState.REVOKED, Assurance.OBSERVED)
