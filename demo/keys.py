"""Keys of simulated people, made anew for each run. Their private halves lie in a folder that anybody may look into."""

from pathlib import Path

import pyrage
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def ssh_key(folder: Path, name: str) -> str:
    """Make an SSH key `folder/name` (OpenSSH format, no passphrase). Returns the public line."""
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    path = folder / name
    path.write_bytes(pem)
    path.chmod(0o600)
    path.with_name(f"{name}.pub").write_text(f"{public} {name}\n", encoding="ascii")
    return public


def age_key(folder: Path, name: str) -> str:
    """Make an age identity `folder/name.txt`, as age-keygen does. Returns the public key."""
    identity = pyrage.x25519.Identity.generate()
    public = str(identity.to_public())
    path = folder / f"{name}.txt"
    path.write_text(f"# public key: {public}\n{identity}\n", encoding="ascii")
    path.chmod(0o600)
    return public
