"""Try every attack on a copy of a bundle, and say which verifier found it, by which of its checks."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from core.errors import RefusedError
from core.evidence.attacks import ATTACKS, ATTACKS_WITH_THE_KEY, sign_again
from core.evidence.forging import LEDGER, NothingToAttackError, fit_the_sums, own_key
from core.evidence.verifier import verify_bundle
from core.evidence.verify import SCRIPTS
from core.ledger.note import LogKey
from core.model import Noun

HERE: Final = Path(__file__).parent
VERIFIERS: Final = ("offboard verify", "verify.py", "verify.sh")
_SECONDS: Final = 120
_FAILED: Final = re.compile(r"^FAIL +(\S+?):? ", re.MULTILINE)

Found = dict[str, tuple[str, ...]]
"""The checks that failed, by verifier."""


class Tried(Noun):
    """One attack and what became of it. `found` is None if the bundle holds nothing that it is about.

    `meant_for` are the verifiers that can find it: what the log's key did sign shows only where it is drawn anew from the entries. For the
    first attack, which is none, they are nobody.
    """

    attack: str
    meant_for: tuple[str, ...]
    found: Found | None

    @property
    def as_it_should(self) -> bool:
        """Whether every verifier that can find it did, and no other raised an alarm."""
        return self.found is None or {name for name, checks in self.found.items() if checks} == set(self.meant_for)


def tamper_test(bundle: Path) -> Iterator[Tried]:
    """Attack copies of a bundle, one after the other. The keys of the bundle as it is are taken as those received.

    Where the attacker holds the log's key, a key made for the purpose stands in for it, and counts as the one received; what is found for
    that alone (checkpoints that others hold are signed by the true one) is left out.

    Raises RefusedError for a folder that is no bundle, and for one whose scripts are not this version's, since they are run.
    """
    _require_ours(bundle)
    for attack, change in ATTACKS.items():
        meant_for = () if attack == next(iter(ATTACKS)) else VERIFIERS
        yield Tried(attack=attack, meant_for=meant_for, found=_try(bundle, change))
    by_the_stand_in = _try(bundle, _with_a_key(sign_again), has_the_key=True) or {}
    for attack, signed in ATTACKS_WITH_THE_KEY.items():
        found = _try(bundle, _with_a_key(signed), has_the_key=True)
        left = found and {name: tuple(one for one in checks if one not in by_the_stand_in[name]) for name, checks in found.items()}
        yield Tried(attack=attack, meant_for=VERIFIERS[:1], found=left)


def _require_ours(bundle: Path) -> None:
    if not (bundle / LEDGER).is_file():
        raise RefusedError(
            f"there is no evidence bundle in {bundle.resolve()}",
            untouched="everything",
            todo="name the folder of one, where verify.py lies; `offboard evidence write ENGAGEMENT` writes one",
        )
    if any(not (bundle / name).is_file() or (bundle / name).read_bytes() != (HERE / name).read_bytes() for name in SCRIPTS):
        raise RefusedError(
            f"the scripts in {bundle} are not those of this version, and are not run",
            untouched="the bundle",
            todo="give a bundle made by it",
        )


def _with_a_key(change: Callable[[Path, LogKey], None]) -> Callable[[Path], None]:
    return lambda copy: change(copy, own_key(copy))


def _try(bundle: Path, change: Callable[[Path], None], *, has_the_key: bool = False) -> Found | None:
    with tempfile.TemporaryDirectory(prefix="offboard-tamper-") as place:
        copy = Path(shutil.copytree(bundle, Path(place) / "bundle"))
        try:
            change(copy)
        except NothingToAttackError:
            return None
        fit_the_sums(copy)
        received = copy if has_the_key else bundle
        keys = "".join((received / "data" / name).read_text(encoding="utf-8") for name in ("log.vkey", "allowed_signers"))
        (Path(place) / "keys.txt").write_text(keys, encoding="utf-8")
        return _found(copy, Path(place) / "keys.txt", redacted=(bundle / "data/leaves.txt").exists())


def _found(copy: Path, keys: Path, *, redacted: bool) -> Found:
    flag = ["--redacted"] if redacted else []
    report = verify_bundle(copy, keys.read_text(encoding="utf-8"), redacted=redacted)
    return {
        "offboard verify": tuple(one.name for one in report.checks if one.status == "FAIL"),
        "verify.py": _failed([sys.executable, "-I", str(copy / "verify.py"), *flag, "--keys", str(keys)]),
        "verify.sh": _failed(["sh", str(copy / "verify.sh"), *flag, str(keys)]),
    }


def _failed(command: list[str]) -> tuple[str, ...]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    failed = tuple(dict.fromkeys(_FAILED.findall(done.stdout)))
    return failed or ((f"exit status {done.returncode}",) if done.returncode else ())
