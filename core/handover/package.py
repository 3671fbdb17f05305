"""The handover package: everything the next provider needs, readable with stock tools by its recipients alone."""

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Any, BinaryIO

from core.handover.bag import compressed_bag
from core.handover.credentials import Withheld, credentials_index
from core.handover.receipt import acknowledgement_text, commitment
from core.handover.sealing import seal, seal_text
from core.handover.sections import NOT_TRANSFERRED, SECTIONS, Places, missing, not_transferred
from core.handover.vault import VaultEntry, new_passphrase, write_vault
from core.model import Engagement, Recipient
from core.signatures.sshsig import fingerprint
from core.signatures.statements import write_instant

PACKAGE = "handover-package.tar.zst.age"
VAULT = "04-credentials/vault.kdbx"
INDEX = "04-credentials/credentials.csv"
README = Path(__file__).with_name("readme.txt")


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageRequest:
    """What goes into one package, and who may open it.

    `documents` and `texts` are paths and contents; a path that starts with a section's number goes there.
    `archive` holds what `handover.json` says of the data archive, at least `name` and `manifest_sha256`;
    nothing in it may be secret. `signer` is the principal who acknowledges, if only one can.
    """

    engagement: Engagement
    made_at: datetime
    entries: Sequence[VaultEntry] = field(repr=False)
    withheld: Sequence[Withheld]
    documents: Iterable[tuple[str, bytes]] = field(repr=False)
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    recipients: Sequence[Recipient]
    code: str = field(repr=False)
    salt: str
    archive: Mapping[str, Any] = field(default_factory=dict)
    signer: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """A package ready to be put: ciphertext, and the plain files beside it.

    `passphrase_age` is the vault's passphrase, encrypted to the same recipients and armored; it goes by another
    channel and is never put beside the package. `facts` is the content of `handover_json`.
    """

    package: BinaryIO = field(repr=False)
    handover_json: bytes
    passphrase_age: bytes = field(repr=False)
    readme: bytes
    receipt_template: bytes
    facts: Mapping[str, Any]


def build_package(request: PackageRequest) -> Package:
    """Make the package: age over zstd over tar over a BagIt bag with the sixteen sections.

    Documents are asked for once, one at a time. Raises HeldError if a credential cannot be carried,
    ConfigurationError if there is no recipient or one is not a key, and whatever `documents` raises.
    """
    passphrase = new_passphrase()
    passphrase_age = seal_text(passphrase + "\n", request.recipients)
    vault = write_vault(request.entries, passphrase, request.code, request.made_at)
    content = _Content(request, vault)
    name = f"{request.engagement.slug}-handover-{request.made_at.astimezone(UTC):%Y-%m-%d}"
    sealed = seal(compressed_bag(name, content.payload(), request.made_at), request.recipients)
    facts = {
        "format": "good-leaver-handover/1",
        "engagement": request.engagement.slug,
        "made_at": write_instant(request.made_at),
        "package": PACKAGE,
        "package_sha256": _sha256(sealed),
        "kdbx_sha256": hashlib.sha256(vault).hexdigest(),
        "credentials": len(request.entries),
        "recipients": [{"party": one.party.value, "key": key_name(one.age)} for one in request.recipients],
        "salt": request.salt,
        "commitment": commitment(request.salt, request.code),
        "archive": dict(request.archive),
        "sections": content.sections(),
    }
    return Package(
        package=sealed,
        handover_json=_json(facts),
        passphrase_age=passphrase_age,
        readme=content.readme,
        receipt_template=_template(request, facts).encode(),
        facts=facts,
    )


def key_name(age: str) -> str:
    """Name a recipient's key: an SSH key by its fingerprint as `ssh-keygen -l` prints it, an age key by itself."""
    return fingerprint(age) if age.startswith("ssh-") else age


class _Content:
    """The payload of one package, made while it is streamed, and what was seen on the way."""

    def __init__(self, request: PackageRequest, vault: bytes) -> None:
        self._request = request
        self._vault = vault
        self._listed: list[dict[str, Any]] = []
        self.readme = _readme(request)

    def payload(self) -> Iterator[tuple[str, bytes]]:
        """Yield every payload file; the list of all of them comes last."""
        for path, original, content in self._files():
            self._listed.append({"path": path, "original": original, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()})
            yield path, content
        manifest = {"engagement": self._request.engagement.slug, "made_at": write_instant(self._request.made_at)}
        yield "MANIFEST.json", _json({**manifest, "sections": self.sections(), "files": self._listed})

    def sections(self) -> dict[str, int | str]:
        """Count the documents of each section; "missing" where there is none. Complete once the payload is read."""
        counts: dict[str, int | str] = {}
        for section in SECTIONS:
            inside = [one for one in self._listed if one["path"].startswith(f"{section}/") and one["original"] is not None]
            counts[section] = len(inside) or "missing"
        counts[NOT_TRANSFERRED.removesuffix(".md")] = 1
        return counts

    def _files(self) -> Iterator[tuple[str, str | None, bytes]]:
        """Yield path, original path (None for a note that a section is empty) and content."""
        yield "README.txt", "README.txt", self.readme
        yield VAULT, VAULT, self._vault
        yield INDEX, INDEX, credentials_index(self._request.entries)
        more: list[str] = []
        places, filled = Places((VAULT, INDEX)), {"04-credentials"}
        for original, content in self._documents():
            if original == NOT_TRANSFERRED:
                more.append(content.decode(errors="replace"))
                continue
            path = places.place(original)
            filled.add(path.partition("/")[0])
            yield path, original.encode(errors="backslashreplace").decode(), content
        for section in SECTIONS.keys() - filled:
            yield f"{section}/MISSING.md", None, missing(section).encode()
        yield NOT_TRANSFERRED, NOT_TRANSFERRED, not_transferred(self._request.withheld, more).encode(errors="replace")

    def _documents(self) -> Iterator[tuple[str, bytes]]:
        for path, text in sorted(self._request.texts.items()):
            yield path, text.encode()
        yield from self._request.documents


def _readme(request: PackageRequest) -> bytes:
    provider = request.engagement.provider
    text = Template(README.read_text(encoding="utf-8")).substitute(
        client=request.engagement.client.name,
        provider=provider.name,
        address=provider.address,
        domain=provider.domain,
        package=PACKAGE,
        keys="\n".join(f"  {one.party.value:<10} {key_name(one.age)}" for one in request.recipients),
    )
    return text.encode()


def _template(request: PackageRequest, facts: Mapping[str, Any]) -> str:
    principal = request.signer or "<your address, as the provider has it in the list of people who sign>"
    return acknowledgement_text(facts, principal=principal, nonce=secrets.token_hex(16), made_at=write_instant(request.made_at))


def _sha256(stream: BinaryIO) -> str:
    """Hash a stream from where it stands, and rewind it."""
    digest = hashlib.sha256()
    while chunk := stream.read(1 << 20):
        digest.update(chunk)
    stream.seek(0)
    return digest.hexdigest()


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
