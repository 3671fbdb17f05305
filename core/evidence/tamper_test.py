"""Try every attack on a copy of a bundle, and say which verifier found it, by which of its checks."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from core.errors import RefusedError
from core.evidence.attacks import ATTACKS, NothingToAttackError, fit_the_sums, make_again
from core.evidence.verifier import verify_bundle
from core.evidence.verify import SCRIPTS
from core.model import Noun

HERE: Final = Path(__file__).parent
_SECONDS: Final = 120
_FAILED: Final = re.compile(r"^FAIL +(\S+?):? ", re.MULTILINE)


class Tried(Noun):
    """One attack and what became of it: the checks that failed, by verifier. None if the bundle holds nothing that it is about."""

    attack: str
    found: dict[str, tuple[str, ...]] | None

    @property
    def as_it_should(self) -> bool:
        """Whether every verifier that can find it did; the first attack is none, and nobody may raise an alarm."""
        if self.found is None:
            return True
        return any(self.found.values()) != (self.attack == next(iter(ATTACKS))) and (
            not any(self.found.values()) or all(self.found.values())
        )


def tamper_test(bundle: Path) -> Iterator[Tried]:
    """Attack copies of a bundle, one after the other. The keys of the bundle as it is are taken as those received.

    Raises RefusedError for a bundle whose scripts are not this version's, since they are run, and for one that does not verify.
    """
    if any(not (bundle / name).is_file() or (bundle / name).read_bytes() != (HERE / name).read_bytes() for name in SCRIPTS):
        raise RefusedError(
            f"the scripts in {bundle} are not those of this version, and are not run",
            untouched="the bundle",
            todo="give a bundle made by it",
        )
    redacted = (bundle / "data/leaves.txt").exists()
    keys = "".join((bundle / "data" / name).read_text(encoding="utf-8") for name in ("log.vkey", "allowed_signers"))
    for attack, change in ATTACKS.items():
        with tempfile.TemporaryDirectory(prefix="offboard-tamper-") as place:
            copy = Path(shutil.copytree(bundle, Path(place) / "bundle"))
            try:
                change(copy)
            except NothingToAttackError:
                yield Tried(attack=attack, found=None)
                continue
            if change not in {make_again, ATTACKS[next(iter(ATTACKS))]}:
                fit_the_sums(copy)
            expected = Path(place) / "keys.txt"
            expected.write_text(keys, encoding="utf-8")
            yield Tried(attack=attack, found=_found(copy, expected, redacted=redacted))


def _found(copy: Path, keys: Path, *, redacted: bool) -> dict[str, tuple[str, ...]]:
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
