#!/usr/bin/env python3
"""Check the evidence bundle of a client exit: `python3 verify.py [FOLDER] [--keys FILE] [--redacted]`.

FOLDER is the bundle (by default the folder of this script). FILE holds the keys as you received them at kick-off, by
another way than this bundle: the log's verifier key, the lines of allowed_signers (or SHA256 fingerprints), and, if you
have them, fingerprints of time stamping authorities' roots as `openssl x509 -noout -fingerprint -sha256` prints them.
Needs Python 3.8 or later with its standard library alone; openssl and ssh-keygen check the signatures.
Exit code: 0 all checks OK; 1 a check failed; 2 a check could not be made ("incomplete"), which is not a success.
A bundle that withholds entries is incomplete, unless you say with --redacted that it is what you were promised.

How it works: data/ledger.jsonl holds the entries, one canonical JSON line each. Their RFC 6962 tree has one root; the
log key signed size and root (data/checkpoint, a C2SP signed note). So no line can be altered, added or taken away
without that key. Earlier checkpoints, which others have stamped or signed, have to be beginnings of the same tree: so
not even the log key's holder can rewrite what was before. People's statements inside the entries carry OpenSSH
signatures of their own. Then the rules that the exit promises are checked over the entries, in the order in which they
stand. The seal signs all the other files.

To read it, in this order: this file (which checks there are), verify_checks.py (each of them), verify_log.py (tree,
checkpoints, keys of the log), verify_rules.py (what an exit promises), verify_looks.py (what counts for a look of the
provider's own, and sweeps), verify_plan.py (the plan in force), verify_personal.py (values about persons, whose salted
hashes the entries hold), verify_bag.py (which files there are, and reading them safely), verify_tools.py (calling
openssl and ssh-keygen).
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Callable  # noqa: UP035 - Python 3.8 has it here alone

if TYPE_CHECKING or __package__:  # inside the program
    from core.evidence.verify_bag import NAME, UNLOCKED, Bad, Bag, Unable, anchor_line, documents_of, flags, key_line, statement_name
    from core.evidence.verify_checks import SCRIPTS, Checks, spell, stamp_roots
    from core.evidence.verify_log import Key, Log, Note
    from core.evidence.verify_plan import TWO, fields
    from core.evidence.verify_rules import Rules, approvers
    from core.evidence.verify_tools import Tools
else:  # inside a bundle, where the parts lie side by side; running them leaves nothing behind
    sys.dont_write_bytecode = True
    sys.path.append(str(Path(__file__).resolve().parent))
    from verify_bag import NAME, UNLOCKED, Bad, Bag, Unable, anchor_line, documents_of, flags, key_line, statement_name
    from verify_checks import SCRIPTS, Checks, spell, stamp_roots
    from verify_log import Key, Log, Note
    from verify_plan import TWO, fields
    from verify_rules import Rules, approvers
    from verify_tools import Tools

__all__ = [  # what the rest of the program takes from here
    "CHECKS",
    "NAME",
    "RULES",
    "SCRIPTS",
    "TWO",
    "UNLOCKED",
    "Bad",
    "Bag",
    "Key",
    "Note",
    "Tools",
    "Unable",
    "anchor_line",
    "approvers",
    "attempt",
    "documents_of",
    "fields",
    "flags",
    "key_line",
    "key_list",
    "outcome",
    "statement_name",
    "verify",
]

CAUTION = "The keys inside a bundle prove nothing by themselves: whoever forges a bundle puts in keys of his own."
OUTCOMES = ("All checks OK.", "FAILED: do not rely on this bundle.", "incomplete: not every check could be made here.")
WITHHELD = "All checks OK that can be made without the entries that this bundle withholds. Not checked: "
CHECKS = (
    "checkpoint",
    "rotations",
    "seal",
    "files",
    "tree",
    "numbers",
    "signatures",
    "statements",
    "documents",
    "personal",
    "anchors",
    "certificate",
)
RULES = ("plan", "order", "approvals", "grants", "receipts", "closing", "sessions", "sweeps")


def key_list(bag: Bag) -> list[str]:
    """List the keys inside the bundle, to be compared with those received at kick-off."""
    try:
        found = [Log(bag).key.vkey, *map(spell, bag.signers), *sorted(stamp_roots(bag))]
    except Exception:  # noqa: BLE001 - a check has failed already for what is not readable here
        found = ["(not readable)"]
    return [plain(one) for one in found]


def plain(text: str) -> str:
    """Make what comes from a bundle harmless to a terminal."""
    return "".join(one if one.isprintable() else "?" for one in text)[:400]


def attempt(name: str, check: Callable[[], str]) -> tuple[str, str, str]:
    """Make one check. Whatever a hostile bundle provokes is a failure, and what is printed of it is plain text."""
    try:
        status, detail = "OK", check()
    except Unable as reason:
        status, detail = "INCOMPLETE", str(reason)
    except Bad as reason:
        status, detail = "FAIL", str(reason)
    except Exception as reason:  # noqa: BLE001 - a bundle may be made to break this script; that must not pass for a success
        status, detail = "FAIL", f"not readable as what it should be ({type(reason).__name__}: {reason})"
    return status, name, plain(detail)


def verify(folder: Path, expected: str | None, tools: Tools) -> list[tuple[str, str, str]]:
    """Make every check: status (OK, FAIL, INCOMPLETE, or WITHHELD for a rule over entries that are not shown), name, detail."""
    checks = Checks(Bag(folder), expected or "", tools)
    results = [attempt(name, getattr(checks, name)) for name in CHECKS]
    if checks.bag.redacted:
        results += [("WITHHELD", name, "not checked: it takes entries that this bundle withholds") for name in RULES]
    else:
        results += [attempt(name, partial(rule, checks, name)) for name in RULES]
    return results + ([attempt("keys", checks.keys)] if expected is not None else [])


def rule(checks: Checks, name: str) -> str:
    """Check one rule. Whose approval counts is what allowed_signers says."""
    namespace = checks.log.namespace("approval")
    executives = {one["principal"] for one in checks.bag.signers if namespace in one["namespaces"].split(",")}
    return str(getattr(Rules(checks.bag, executives), name)())


def outcome(results: list[tuple[str, str, str]], redacted: bool) -> tuple[int, str]:
    """Say what all checks came to, as exit code and sentence. `redacted`: the reader was promised no more than a redacted bundle."""
    statuses, withheld = {status for status, *_ in results}, [name for status, name, _ in results if status == "WITHHELD"]
    if "FAIL" in statuses:
        return 1, OUTCOMES[1]
    if "INCOMPLETE" in statuses or (withheld and not redacted):
        return 2, OUTCOMES[2] + (" This bundle withholds entries; --redacted accepts that." if withheld else "")
    return (0, f"{WITHHELD}{', '.join(withheld)}.") if withheld else (0, OUTCOMES[0])


def main(arguments: list[str]) -> int:
    """Print one line a check and what the keys are worth."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # it is a TextIOWrapper when run as a script
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent)
    parser.add_argument("--keys", type=Path)
    parser.add_argument("--redacted", action="store_true")
    given = parser.parse_args(arguments)
    try:
        expected = given.keys.read_text(encoding="utf-8") if given.keys else None
    except (OSError, ValueError) as reason:
        print(f"incomplete: the file of expected keys cannot be read: {reason}")
        return 2
    results = verify(given.folder, expected, Tools())
    for status, name, detail in results:
        print(f"{status:10} {name:11} {detail}")
    if expected is None:
        print(f"{CAUTION}\nCompare these with the keys that you received at kick-off (or give them with --keys FILE):")
        print("\n".join(key_list(Bag(given.folder))))
    code, sentence = outcome(results, given.redacted)
    print(sentence)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
