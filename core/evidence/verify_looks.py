"""What counts for a look of the provider's own, and what the sweeps after the end counted (part of verify.py)."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or __package__:  # inside the program
    from core.evidence.verify_bag import Bag, canonical, need
    from core.evidence.verify_plan import TWO, Plan, fields, instant
else:  # inside a bundle, where the parts lie side by side
    from verify_bag import Bag, canonical, need
    from verify_plan import TWO, Plan, fields, instant

LISTED = 100


class SecondLook:
    """What stands for a look of the provider's own at the second check: the client's signed look, or two executives' waiver."""

    def __init__(self, bag: Bag) -> None:
        self.bag = bag
        self.looks: dict[int, dict[str, str]] = {}
        self.waivers: dict[tuple[int, str], set[str]] = {}
        self.taken: dict[str, datetime] = {}
        self.gone: dict[tuple[str, str], bool] = {}
        self.others: dict[str, int] = {}

    def take(self, entry: dict[str, Any], plan: Plan, waivers: list[dict[str, str]]) -> None:
        """Remember what an entry adds; `waivers` are those in it that count."""
        kind, action, subject, data = entry["kind"], entry.get("action"), entry["subject"], entry["data"]
        if entry["number"] == plan.since:
            self.gone = {}
        if (kind, subject) == ("statement", "look") and self.bag.counts(entry):
            self.looks[entry["number"]] = fields(data["text"])
        for one in waivers:
            self.waivers.setdefault((plan.since, one["subject"]), set()).add(one["principal"])
        if kind == "drift" or (kind, action) == ("intent", "REVOKE"):
            self.others.setdefault(subject, entry["number"])
        if action == "REVOKE" and kind == "receipt":
            self.taken[subject] = instant(entry["at"])
        elif action == "REVOKE" and kind == "verdict":
            self.gone[subject, data.get("check", "")] = (data["state"], data["assurance"]) == ("revoked", "observed")
        elif action == "REINSTATE":
            self.gone = {key: gone for key, gone in self.gone.items() if key[0] != subject}

    def backs(self, entry: dict[str, Any], plan: Plan) -> bool:
        """Tell whether a verdict that nobody of the provider's saw is what the client signed, or what two executives could waive."""
        subject, data = entry["subject"], entry["data"]
        if data["assurance"] == "attested":
            return self.attested(subject, str(data.get("look", "")), plan)
        system = plan.grants.get(subject, "")
        own = [f"{one['system']}:{one['id']}" for one in plan.content["grants"] if one["own"] and one["system"] == system]
        refused = bool(own) and subject not in own and all(self.gone.get((one, "second")) for one in own)
        people = self.waivers.get((plan.since, f"second look on {system}"), set())
        return data["assurance"] == "waived" and refused and bool(self.gone.get((subject, "first"))) and len(people) >= TWO

    def attested(self, subject: str, look: str, plan: Plan) -> bool:
        """Tell whether a look on record was for this grant, late enough, and does not list it."""
        number = int(look) if re.fullmatch("[0-9]{1,15}", look) else -1
        said = self.looks.get(number, {})
        before = f"{said.get('system', '')}:"
        if not subject.startswith(before) or said["plan-sha256"] != plan.digest or "unlisted" in said:
            return False
        known = {one for one, since in self.others.items() if since < number}
        looked_for = sorted(one for one in {*plan.grants, *known} if one.startswith(before))
        listed = [*said.get("still-there", "").split("\n"), *said.get("could-not-see", "").split("\n")]
        last = max((at for one, at in self.taken.items() if one in plan.grants and one.startswith(before)), default=None)
        late = last is not None and (instant(said["looked-at"]) - last).total_seconds() >= plan.content["second_check_after_seconds"]
        same = hashlib.sha256(canonical(looked_for)).hexdigest() == said["looked-for-sha256"]
        return late and same and subject in looked_for and subject not in listed


class Sweeps:
    """What the sweeps since the closing saw, by their verdicts: what was seen open stays so until it is seen refused."""

    def __init__(self) -> None:
        self.seen: dict[str, dict[str, str]] = {}
        self.open: dict[str, bool] = {}

    def take(self, entry: dict[str, Any]) -> None:
        """Remember what an entry adds. After a closing it begins anew; what is given back is looked at no more."""
        action, subject, data = entry.get("action"), entry["subject"], entry["data"]
        if entry["kind"] == "closed":
            self.seen, self.open = {}, {}
        elif action == "REINSTATE" and entry["kind"] in {"intent", "receipt"}:
            for states in [self.open, *self.seen.values()]:
                states.pop(subject, None)  # type: ignore[attr-defined]  # whichever of both they are
        elif action == "SWEEP" and entry["kind"] == "verdict":
            self.seen.setdefault(data["check"], {})[subject] = data["state"]
            if data["state"] != "unknown":
                self.open[subject] = data["state"] == "active"

    def need_fits(self, entry: dict[str, Any]) -> None:
        """See that a sweep's entry counts and names what its verdicts say. Raises Bad."""
        data, last = entry["data"], self.seen.get(f"sweep {entry['subject']}", {})
        found = {one for one in last if self.open.get(one)}
        gone = {one for one, state in last.items() if state == "revoked"} - found
        counts = {"grants": len(last), "active": len(found), "revoked": len(gone), "unknown": len(last) - len(found) - len(gone)}
        wrong = [f"{data.get(name)} {name} where its verdicts say {count}" for name, count in counts.items() if data.get(name) != count]
        need(not wrong, f"entry {entry['number']}: the sweep {entry['subject']} counts {', '.join(wrong)}")
        named = set(data["found"])
        need(named <= found and len(named) == min(len(found), LISTED), f"entry {entry['number']}: the sweep names others than were open")
