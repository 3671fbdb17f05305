"""What an exit promises, checked over the entries of its ledger in the order in which they stand (part of verify.py)."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Iterator  # noqa: UP035 - Python 3.8 has it here alone

if TYPE_CHECKING or __package__:  # inside the program
    from core.evidence.verify_bag import Bad, Bag, need
    from core.evidence.verify_looks import SecondLook, Sweeps
    from core.evidence.verify_plan import DELIVERIES, TWO, Plan, fields, instant
else:  # inside a bundle, where the parts lie side by side
    from verify_bag import Bad, Bag, need
    from verify_looks import SecondLook, Sweeps
    from verify_plan import DELIVERIES, TWO, Plan, fields, instant

APPROVED_ACTIONS, WHOLE_SCOPE, FOR_GOOD = {"EXPORT", "HAND_OVER", "REVOKE"}, {"export", "hand-over", "revoke"}, {"irreversible"}
SESSION = ": session opened before the cutoff"


def approvers(said: list[dict[str, str]], at: datetime, scope: set[str] = WHOLE_SCOPE) -> set[str]:
    """Replay approvals and rescissions of one plan: two people who rescind void every approval before them.

    An approval counts for the whole scope, or for what is irreversible, and for its time; a rescission does not run out.
    """
    approved: set[str] = set()
    rescinded: set[str] = set()
    for one in said:
        if one["decision"] != "approve":
            rescinded.add(one["principal"])
            if len(rescinded) >= TWO:
                approved, rescinded = set(), set()
        elif set(one["scope"].split(",")) >= scope and instant(one["not-before"]) <= at <= instant(one["not-after"]):
            approved.add(one["principal"])
    return approved


def shows_code(said: dict[str, str], name: str, facts: dict[str, Any]) -> bool:
    """See that an acknowledgement holds the code found only inside archive or package: SHA-256(salt + code) was on record before."""
    letters = re.sub(r"[\s-]", "", said.get(f"{name}-code", "")).upper()
    code = "-".join(letters[start : start + 4] for start in range(0, len(letters), 4))
    return bool(hashlib.sha256((facts["salt"] + code).encode()).hexdigest() == facts["commitment"])


class Rules:
    """One method a rule, in their order: it says what was found to be right, or raises Bad. They need every entry, none withheld."""

    def __init__(self, bag: Bag, executives: set[str]) -> None:
        self.bag, self.executives = bag, executives

    def under_plans(self) -> Iterator[tuple[dict[str, Any], Plan]]:
        """Go through the entries in their order, each with the plan in force when it was written."""
        plan = Plan(-1, "", {"grants": []})
        for entry in self.bag.entries:
            if entry["kind"] == "plan" and entry["data"]["plan-sha256"] != plan.digest:
                digest = entry["data"]["plan-sha256"]
                plan = Plan(entry["number"], digest, json.loads(self.bag.document(digest)))
            yield entry, plan

    def signed(self, entry: dict[str, Any], purpose: str, plan: Plan) -> list[dict[str, str]]:
        """Read what an entry says, if it is an executive's statement of this purpose about this plan; the list is empty otherwise."""
        if (entry["kind"], entry["subject"]) != ("statement", purpose) or entry["data"]["principal"] not in self.executives:
            return []
        if not self.bag.counts(entry):
            return []
        return [one for one in [fields(entry["data"]["text"])] if one["plan-sha256"] == plan.digest]

    def plan(self) -> str:
        """See that plan.json is the plan in force, byte for byte what people signed for."""
        digest = ""
        for entry, plan in self.under_plans():
            if entry["kind"] == "plan":
                digest = plan.digest
                right = entry["data"]["document"] == digest and plan.content["engagement"] == entry["engagement"]
                need(right, f"entry {entry['number']}: the document is not the plan")
        need(not digest or self.bag.sha256("data/plan.json") == digest, "plan.json is not the plan in force")
        return f"plan.json has the digest {digest}" if digest else "no plan was drawn yet"

    def order(self) -> str:
        """See that nothing has a receipt, a failure or a verdict without an earlier intent; the lease's fencing token never goes back."""
        begun, fence = set(), 0
        for entry in self.bag.entries:
            if entry["kind"] in {"intent", "receipt", "failed", "verdict"}:
                number, key, token = entry["number"], (entry.get("action"), entry["subject"]), entry.get("fence")
                need(entry["kind"] == "intent" or key in begun, f"entry {number}: a {entry['kind']} without an intent before it")
                if type(token) is not int or token < fence:
                    raise Bad(f"entry {number}: written by a holder whose lease had passed on (fencing token {token} after {fence})")
                fence = token
                begun.add(key)
        return f"{len(begun)} actions, each announced before it was done, by one writer at a time"

    def approvals(self) -> str:
        """See that two executives' approval of the plan held when the first export, hand-over or revocation under it was begun.

        Only what was signed since the plan came into force counts. What was begun so may be finished, whatever is signed later. What the
        plan marks as irreversible has approvals of its own, which held when a revocation under it was begun.
        """
        begun: set[str] = set()
        said: list[dict[str, str]] = []
        acts = for_good = 0
        signed_for = False
        for entry, plan in self.under_plans():
            if entry["number"] == plan.since:
                begun, said, signed_for = set(), [], False
            said += self.signed(entry, "approval", plan)
            if entry["kind"] == "intent" and entry.get("action") in APPROVED_ACTIONS:
                approved = entry["action"] in begun or len(approvers(said, instant(entry["at"]))) >= TWO
                need(approved, f"entry {entry['number']}: {entry['action']} without two executives' approval of plan {plan.digest[:12]}")
                begun.add(entry["action"])
                acts += 1
            if entry["kind"] == "intent" and entry.get("action") == "REVOKE":
                signed_for = signed_for or len(approvers(said, instant(entry["at"]), FOR_GOOD)) >= TWO
                if entry["subject"] in plan.irreversible:
                    what = f"{entry['subject']} cannot be put back, and two executives had not signed for that"
                    need(signed_for, f"entry {entry['number']}: {what}")
                    for_good += 1
        told = f", and {for_good} that nothing puts back with an approval of their own" if for_good else ""
        return f"{acts} exports, hand-overs and revocations, all begun with two executives' approval{told}"

    def grants(self) -> str:
        """See that only the plan's grants were revoked, once archive and package were delivered and the client's own way in was seen."""
        done, proved = set(), {}
        for entry, plan in self.under_plans():
            kind, action, subject = entry["kind"], entry.get("action"), entry["subject"]
            if kind in {"receipt", "verdict"}:
                done.add((kind, action, subject))
            elif kind == "control":
                proved[plan.since, subject] = entry["data"]["proved"] is True  # the newest look counts
            elif kind == "intent" and action == "REVOKE":
                what = f"entry {entry['number']}: {subject} was revoked, though"
                need(subject in plan.grants, f"{what} it is not in the plan in force")
                for act, made in map(plan.delivery, DELIVERIES):
                    need({("receipt", act, made), ("verdict", act, made)} <= done, f"{what} the plan's {made} was not made and read back")
                need(proved.get((plan.since, plan.grants[subject]), False), f"{what} the client's own way in had not been seen")
        return "only what the approved plan names was revoked, with archive and package delivered and the client's own way in seen"

    def receipts(self) -> str:
        """See that a recipient had shown the codes found only inside archive and package, or two executives waived it, before a revocation.

        That is so when the first grant of a plan is revoked; where a receipt commits to no code there is nothing to compare with.
        """
        made: dict[tuple[str, str], dict[str, Any]] = {}
        shown: list[dict[str, str]] = []
        waived: list[tuple[int, str]] = []
        compared: set[int] = set()
        for entry, plan in self.under_plans():
            kind, action, subject = entry["kind"], entry.get("action"), entry["subject"]
            waived += [(plan.since, one["principal"]) for one in self.signed(entry, "waiver", plan) if one["subject"] == "receipt"]
            if kind == "statement" and subject == "acknowledgement" and self.bag.counts(entry):
                shown.append(fields(entry["data"]["text"]))
            elif kind == "receipt" and action in APPROVED_ACTIONS:
                made[action, subject] = entry["data"].get("facts", {})
            elif kind == "intent" and action == "REVOKE" and plan.since not in compared:
                facts = {name: made.get(plan.delivery(name), {}) for name in DELIVERIES}
                told = [name for name in DELIVERIES if "commitment" in facts[name]]
                opened = any(all(shows_code(one, name, facts[name]) for name in told) for one in shown) or not told
                by = {who for since, who in waived if since == plan.since}
                need(
                    opened or len(by) >= TWO,
                    f"entry {entry['number']}: revoked, though no receipt shows the codes inside {' and '.join(told)}",
                )
                compared |= {plan.since} if told else set()
        if not compared:
            return f"{len(shown)} acknowledgements; nothing was revoked yet for which codes had to come back"
        return f"{len(shown)} acknowledgements; the codes found only inside had come back, or two executives waived it, before a revocation"

    def closing(self) -> str:
        """See that, when the exit was closed, every grant planned or ever touched had last been seen to be revoked, under that plan."""
        seen: dict[str, str] = {}
        closed, second = "the exit is not closed yet", SecondLook(self.bag)
        for entry, plan in self.under_plans():
            kind, action, subject = entry["kind"], entry.get("action"), entry["subject"]
            second.take(entry, plan, self.signed(entry, "waiver", plan))
            if entry["number"] == plan.since:
                seen = dict.fromkeys(seen, "not looked at")
            if action == "REVOKE" and kind in {"intent", "verdict"}:
                if kind == "verdict" and entry["data"]["state"] == "revoked" and entry["data"]["assurance"] != "observed":
                    what = f"{subject} is called revoked ({entry['data']['assurance']}), and nothing on record bears that out"
                    need(second.backs(entry, plan), f"entry {entry['number']}: {what}")
                seen[subject] = entry["data"]["state"] if kind == "verdict" else "not looked at"
            elif action == "REINSTATE":
                seen[subject] = "reinstated"
            elif kind == "closed":
                states = {one: seen.get(one, "not looked at") for one in sorted({*plan.grants, *seen})}
                still = [f"{one} is {state}" for one, state in states.items() if state != "revoked"]
                need(not still, f"entry {entry['number']}: closed, though {', '.join(still)}")
                closed = f"closed with {len(states)} grants, each last seen to be revoked"
        return closed

    def sessions(self) -> str:
        """See that no session of ours that was opened before the cutoff still worked, by the newest clear look, when the exit was closed.

        One that worked at the first check alone counts only where a receipt says that sessions were ended there; two executives may waive.
        """
        seen: dict[str, tuple[str, str]] = {}
        ended: set[str] = set()
        waived: list[tuple[str, str]] = []
        for entry, plan in self.under_plans():
            kind, action, subject = entry["kind"], entry.get("action"), entry["subject"]
            if entry["number"] == plan.since:
                seen, ended, waived = {}, set(), []
            waived += [(one["subject"], one["principal"]) for one in self.signed(entry, "waiver", plan)]
            if action == "REVOKE" and kind == "receipt" and entry["data"].get("facts", {}).get("sessions_ended") is True:
                ended.add(plan.grants.get(subject, ""))
            elif action is None and subject.endswith(SESSION) and kind == "receipt":
                seen[subject[: -len(SESSION)]] = ("", "unknown")
            elif action is None and subject.endswith(SESSION) and kind == "verdict" and entry["data"]["state"] != "unknown":
                seen[subject[: -len(SESSION)]] = (entry["data"]["check"], entry["data"]["state"])
            elif kind == "closed":
                for system, (check, state) in sorted(seen.items()):
                    works = state == "active" and (check == "second" or system in ended)
                    let_off = len({who for what, who in waived if what == f"session on {system}"}) >= TWO
                    need(not works or let_off, f"entry {entry['number']}: closed, though a session on {system} had still worked")
        states = ", ".join(f"{system} {state}" for system, (_, state) in sorted(seen.items()))
        return f"opened before the cutoff, as last seen: {states}" if states else "none was opened before the cutoff to be tried after it"

    def sweeps(self) -> str:
        """See that each sweep after the closing counts what its verdicts say, and that a signed look bears out what we did not see."""
        second, sweeps, found = SecondLook(self.bag), Sweeps(), 0
        for entry, plan in self.under_plans():
            second.take(entry, plan, [])
            sweeps.take(entry)
            data = entry["data"]
            if (
                (entry["kind"], entry.get("action")) == ("verdict", "SWEEP")
                and data["state"] == "revoked"
                and data["assurance"] != "observed"
            ):
                what = f"{entry['subject']} is called revoked ({data['assurance']}), and no look on record bears that out"
                need(data["assurance"] == "attested" and second.backs(entry, plan), f"entry {entry['number']}: {what}")
            elif entry["kind"] == "sweep":
                sweeps.need_fits(entry)
                found += 1
        return f"{found} {'sweep counts' if found == 1 else 'sweeps, each of which counts'} what its verdicts say"
