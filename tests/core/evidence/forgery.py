"""What a forger does after changing files, and what all verifiers say of it."""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.canonical import canonical_json
from core.evidence.dsse import IN_TOTO, seal
from core.evidence.verifier import verify_bundle
from core.ledger.merkle import leaf_hash, root
from core.ledger.note import LogKey

LEDGER = "data/ledger.jsonl"


@dataclass(frozen=True)
class Outcome:
    """What the two shipped scripts said."""

    python: int
    python_text: str
    shell: int
    shell_text: str

    @property
    def failed(self) -> set[str]:
        return {line.split()[1] for line in self.python_text.splitlines() if line.startswith("FAIL ")}


def run_both(folder: Path, keys: Path | None = None, path: str | None = None, *, redacted: bool = False) -> Outcome:
    """Run verify.py and verify.sh as they lie in the bundle, both at once, from a strange working directory."""
    environment = {"PATH": path or "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    flag = ["--redacted"] if redacted else []
    python = [sys.executable, "-I", str(folder / "verify.py"), str(folder), *flag, *(["--keys", str(keys)] if keys else [])]
    shell = ["/bin/sh", str(folder / "verify.sh"), *flag, *([str(keys)] if keys else [])]
    both = [
        subprocess.Popen(command, env=environment, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for command in (python, shell)
    ]
    said = [one.communicate(timeout=60)[0] for one in both]
    return Outcome(both[0].returncode, said[0], both[1].returncode, said[1])


class Forger:
    """What somebody does after changing files, to make a bundle look whole again."""

    @staticmethod
    def sums(folder: Path) -> None:
        """Anybody can renew the manifests."""
        shutil.rmtree(folder / "__pycache__", ignore_errors=True)
        files = [one for one in (folder / "data").rglob("*") if one.is_file()]
        _list(folder, "manifest-sha256.txt", files)
        tags = [one for one in folder.iterdir() if one.is_file() and not one.name.startswith("tagmanifest")]
        _list(folder, "tagmanifest-sha256.txt", tags)

    @classmethod
    def everything(cls, folder: Path, key: LogKey) -> None:
        """Whoever holds a log key can sign checkpoint and seal anew."""
        lines = (folder / "data/ledger.jsonl").read_bytes().split(b"\n")[:-1]
        note = key.sign_checkpoint(len(lines), root([leaf_hash(line) for line in lines]))
        (folder / "data/checkpoint").write_text(note)
        (folder / "data/log.vkey").write_text(key.vkey + "\n")
        (folder / "data/log.pub.pem").write_bytes(key.public_pem)
        cls.certificate(folder, key)
        cls.sums(folder)
        seal = key.ssh_signature((folder / "tagmanifest-sha256.txt").read_bytes(), "offboard-evidence@msp.example")
        (folder / "tagmanifest-sha256.txt.sig").write_text(seal)

    @staticmethod
    def certificate(folder: Path, key: LogKey) -> None:
        """Make the certificate one about the checkpoint and the documents that are there, signed anew."""
        path = folder / "data/certificate.dsse.json"
        if path.exists():
            statement = json.loads(base64.b64decode(json.loads(path.read_bytes())["payload"]))
            files = {one["name"]: folder / one["name"] for one in statement["subject"]}
            there = {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items() if file.is_file()}
            statement["subject"] = [{"name": name, "digest": {"sha256": digest}} for name, digest in there.items()]
            path.write_bytes(seal(canonical_json(statement), IN_TOTO, key.sign, key.vkey))

    @staticmethod
    def edit(folder: Path, number: int, change: Callable[[dict[str, Any]], None]) -> None:
        """Rewrite one entry of the ledger in its canonical spelling."""
        path = folder / "data/ledger.jsonl"
        lines = path.read_bytes().split(b"\n")[:-1]
        entry = json.loads(lines[number])
        change(entry)
        lines[number] = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        path.write_bytes(b"".join(line + b"\n" for line in lines))


def _list(folder: Path, name: str, files: Sequence[Path]) -> None:
    sums = sorted((one.relative_to(folder).as_posix(), hashlib.sha256(one.read_bytes()).hexdigest()) for one in files)
    (folder / name).write_text("".join(f"{digest}  {path}\n" for path, digest in sums))


RunScripts = Callable[..., Outcome]
"""Takes the bundle, a file of expected keys, and a PATH."""


def examine(folder: Path, run_scripts: RunScripts, *, found_by: set[str], shell: int = 1) -> set[str]:
    """All verifiers run; verify.py and ours fail the same checks, and verify.sh ends as expected."""
    outcome = run_scripts(folder)
    assert outcome.python == 1, outcome.python_text
    assert "Traceback" not in outcome.python_text
    assert outcome.shell == shell, outcome.shell_text
    assert ("FAIL" in outcome.shell_text) == (shell == 1)
    report = verify_bundle(folder, None)
    assert not report.ok
    assert report.exit_status == 1
    ours = {check.name for check in report.checks if check.status == "FAIL"}
    assert found_by <= outcome.failed, outcome.python_text
    assert found_by <= ours, report.checks
    return outcome.failed
