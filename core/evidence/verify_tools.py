"""The signatures, checked by openssl and ssh-keygen (part of verify.py)."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING or __package__:  # inside the program
    from core.evidence.verify_bag import TOUCHED, Bad, Unable, flags, need
    from core.evidence.verify_log import Key, Note
else:  # inside a bundle, where the parts lie side by side
    from verify_bag import TOUCHED, Bad, Unable, flags, need
    from verify_log import Key, Note

STATED = re.compile(rb"^Time stamp: (\w{3}) +(\d+) (\d\d:\d\d:\d\d)(?:\.\d+)? (\d{4}) GMT$", re.MULTILINE)


class Tools:
    """Each method raises Bad if a signature does not hold, Unable if the tool is not there. `offboard verify` puts its own in place."""

    def note(self, note: Note) -> None:
        """Check that the log's key signed a checkpoint."""
        self.ed25519(note.key, note.text, note.signature, f"the checkpoint of size {note.size}")

    def ed25519(self, key: Key, message: bytes, signature: bytes, what: str) -> None:
        """Check a plain signature by a key of the log, with openssl 3."""
        if b"-rawin" not in run("openssl", "pkeyutl", "-help").stderr:
            raise Unable("this openssl cannot check Ed25519 (pkeyutl -rawin, OpenSSL 3)")
        with Files(key=key.pem, text=message, signature=signature) as files:
            ask = ["-pubin", "-inkey", files["key"], "-rawin", "-in", files["text"], "-sigfile", files["signature"]]
            done = run("openssl", "pkeyutl", "-verify", *ask)
        need(done.returncode == 0, f"the log key did not sign {what}")

    def ssh(self, message: bytes, signature: str, namespace: str, principal: str, keys: list[str]) -> None:
        """Check an OpenSSH signature by one of a person's keys for one purpose."""
        allowed = "".join(f'{principal} namespaces="{namespace}" {key}\n' for key in keys)
        with Files(allowed=allowed.encode(), signature=signature.encode()) as files:
            ask = ["-f", files["allowed"], "-I", principal, "-n", namespace, "-s", files["signature"]]
            done = run("ssh-keygen", "-Y", "verify", *ask, given=message)
        need(done.returncode == 0, f"not signed by {principal} for {namespace}")
        need(bool(flags(signature) & TOUCHED), f"signed by {principal}'s hardware key, which nobody touched")

    def time_stamp(self, token: bytes, message: bytes, roots: bytes) -> datetime:
        """Check a time stamp (RFC 3161) over a message, as of the time that it states; return that time, in whole seconds."""
        with Files(token=token, message=message, roots=roots) as files:
            told = STATED.search(run("openssl", "ts", "-reply", "-in", files["token"], "-token_out", "-text").stdout)
            if not told:
                raise Bad("a time stamp cannot be read")
            stated = datetime.strptime(b" ".join(told.groups()).decode(), "%b %d %H:%M:%S %Y").replace(tzinfo=timezone.utc)  # noqa: UP017 - 3.8
            ask = ["-in", files["token"], "-data", files["message"], "-CAfile", files["roots"], "-attime", str(int(stated.timestamp()))]
            done = run("openssl", "ts", "-verify", *ask)
        need(done.returncode == 0, "a time stamp is not over this checkpoint, or not by the authority whose roots are in the bundle")
        return stated


class Files:
    """Puts bytes into files for as long as a tool needs them."""

    def __init__(self, **bodies: bytes) -> None:
        self.bodies = bodies
        self.folder = tempfile.TemporaryDirectory()

    def __enter__(self) -> dict[str, str]:
        for name, body in self.bodies.items():
            Path(self.folder.name, name).write_bytes(body)
        return {name: str(Path(self.folder.name, name)) for name in self.bodies}

    def __exit__(self, *_error: object) -> None:
        self.folder.cleanup()


def run(tool: str, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Call a tool without a shell."""
    if not shutil.which(tool):
        raise Unable(f"{tool} is not installed")
    return subprocess.run([tool, *arguments], input=given, capture_output=True, timeout=60, check=False)
