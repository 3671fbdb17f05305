"""Rows of `create` and `verify`: `offboard archive` against the tools that one would put together instead."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import which

from bench.measure import PROJECT, WrongResultError, empty, run
from bench.rows import Contender, Place, Row, contest
from bench.workplace import Workplace, missing

PIPELINE = 'tar -C "$SRC" -c . | zstd -q -T0 -3 | age -r "$RECIPIENT" -o "$OUT/peer.tar.zst.age"'
SUMS = '(cd "$SRC" && find . -type f -print0 | xargs -0 sha256sum) > "$OUT/sums"; '
OPENED = 'age -d -i "$KEY" "$ARCHIVES/peer.tar.zst.age" | zstd -q -d | tar -t > "$OUT/listed"'
CREATE_GOALS = {"large": 0.85, "small": 1.0, "office": 0.7}
SUMS_GOAL, REPOSITORY_GOAL, VERIFY_GOAL, SIZE_GOAL = 0.55, 0.5, 0.8, 1.1
SEVEN_ZIP = "7z" if which("7z") else "7zz"


def ours(*arguments: str | Path) -> list[str]:
    """Spell a call of `offboard archive`: the whole program, imports included."""
    return [sys.executable, "-m", "cli.main", "archive", *map(str, arguments)]


def shell(script: str) -> list[str]:
    """Spell a pipeline that fails when any part of it fails."""
    return ["bash", "-euo", "pipefail", "-c", script]


def create(workplace: Workplace, sets: Sequence[str] = tuple(CREATE_GOALS)) -> list[Row]:
    """Write an encrypted archive of each data set."""
    rows = list[Row]()
    (workplace.scratch / "home").mkdir(mode=0o700, exist_ok=True)
    if not missing("gpg"):
        _make_gpg_key(workplace)
    for name in sets:
        source = workplace.data(name)
        place = workplace.place(source, **REPOSITORIES)
        own = Contender("Good Leaver", creating(workplace, source, place.output), check=lambda place: verified(workplace, place))
        rows += contest(f"create {name}", own, _peers(name), place, runs=workplace.runs, tell=workplace.tell)
    return rows


def verify(workplace: Workplace, sets: Sequence[str] = tuple(CREATE_GOALS)) -> list[Row]:
    """Check the archive of each data set, with the key."""
    rows = list[Row]()
    for name in sets:
        source, archives = workplace.data(name), workplace.scratch / "archives"
        empty(archives)
        making = workplace.place(source, OUT=str(archives))
        workplace.tell(f"verify {name}: writing the archives")
        run(creating(workplace, source, archives), environment=making.environment, output=archives, said=making.said)
        own = Contender("Good Leaver", ours("verify", "-i", workplace.key, archives / "ours"))
        lacking = missing("age", "zstd")
        if not lacking:
            run(shell(PIPELINE), environment=making.environment, output=archives, said=making.said)
        peer = Contender("age -d | zstd -d | tar -t (no sums)", shell(OPENED), lacking, goal=VERIFY_GOAL)
        place = workplace.place(archives, ARCHIVES=str(archives))
        rows += contest(f"verify {name}", own, [peer], place, runs=workplace.runs, tell=workplace.tell)
        empty(archives)
    return rows


def verified(workplace: Workplace, place: Place) -> None:
    """Have our archive of a run checked, every file of it. Raises WrongResultError."""
    command = ours("verify", "-i", workplace.key, place.output / "ours")
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise WrongResultError(f"the archive that was made does not verify:\n{done.stdout}{done.stderr}")


def creating(workplace: Workplace, source: Path, output: Path) -> list[str]:
    """Spell how we write an archive of `source` below `output`."""
    return ours("create", "-r", workplace.recipient, source, output / "ours")


def _make_gpg_key(workplace: Workplace) -> None:
    making = ["gpg", "--batch", "--passphrase", "", "--quick-gen-key", "bench", "default", "default", "never"]
    place = workplace.place(None)
    run(making, environment=place.environment, output=workplace.scratch / "home", said=place.said)


# Passwords that protect nothing but copies of made-up data, for as long as a run takes.
REPOSITORIES = {
    "RESTIC_PASSWORD": "made-up",
    "BORG_PASSPHRASE": "made-up",
    "RCLONE_CONFIG": "/dev/null",
    "RCLONE_CONFIG_VAULT_TYPE": "crypt",
}


def _peers(name: str) -> list[Contender]:
    pipeline = missing("age", "zstd")
    rclone = 'export RCLONE_CONFIG_VAULT_REMOTE="$OUT" RCLONE_CONFIG_VAULT_PASSWORD="$(rclone obscure made-up)"; '
    return [
        Contender("tar | zstd -T0 -3 | age (no sums)", shell(PIPELINE), pipeline, goal=CREATE_GOALS[name], size_goal=SIZE_GOAL),
        Contender("the same, sha256sum before", shell(SUMS + PIPELINE), pipeline, goal=SUMS_GOAL),
        Contender(
            "restic",
            shell('cd "$SRC"; restic -q --no-cache -r "$OUT/peer" backup .'),
            missing("restic"),
            shell('restic -q --no-cache -r "$OUT/peer" init'),
            goal=REPOSITORY_GOAL,
        ),
        Contender(
            "borg",
            shell('cd "$SRC"; borg create "$OUT/peer::all" .'),
            missing("borg"),
            shell('borg init -e repokey-blake2 "$OUT/peer"'),
            goal=REPOSITORY_GOAL,
        ),
        Contender("rclone crypt", shell(rclone + 'rclone copy "$SRC" vault:'), missing("rclone"), runs=1),
        Contender(
            "tar | gpg -e",
            shell('tar -C "$SRC" -c . | gpg --batch -q --trust-model always -e -r bench -o "$OUT/peer.gpg"'),
            missing("gpg"),
            runs=1,
        ),
        Contender(
            "7z, AES-256, -mx1", shell(f'cd "$SRC"; {SEVEN_ZIP} a -bd -mx1 -mhe=on -pmade-up "$OUT/peer.7z" .'), missing(SEVEN_ZIP), runs=1
        ),
    ]
