"""A KeePass vault (KDBX 3.1 or 4) as a source of credentials. It is opened for reading; nothing is ever written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from construct import ConstructError
from pydantic import PrivateAttr
from pykeepass import PyKeePass
from pykeepass.exceptions import CredentialsError, HeaderChecksumError, PayloadChecksumError

from core.errors import RefusedError
from core.model import Credential, Noun, Owner
from core.secret import SecretReference

OWNER = "Owner"
REFERENCE = re.compile(r"\{REF:([TUPAN])@([TUPANI]):([^}]+)\}", re.IGNORECASE)
FIELDS = {"T": "title", "U": "username", "P": "password", "A": "url", "N": "notes", "I": "uuid"}
DEEPEST = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class VaultSecret:
    """The values of one entry (`core.ports.Secret`); its repr says nothing.

    `notes` ends with the entry's own further fields, and names attachments, which do not travel.
    """

    password: str = field(repr=False)
    notes: str = field(repr=False)
    otp: str = field(repr=False)


class KeepassVault(Noun):
    """A KDBX file whose entries say in the custom field `Owner` whose they are: client, ours or shared.

    The recycle bin and earlier versions of entries do not count. The vault stays open in memory as long as this object
    lives and the file is unaltered, since opening takes Argon2's second.
    """

    kind: Literal["keepass_vault"]
    name: str
    path: Path
    passphrase: SecretReference
    _opened: tuple[tuple[int, int, int], PyKeePass] | None = PrivateAttr(default=None)

    def credentials(self) -> tuple[Credential, ...]:
        """List references, sorted by title, user and reference. Raises RefusedError if the vault cannot be opened."""
        return tuple(
            sorted((self._credential(entry) for entry in self._entries()), key=lambda one: (one.title, one.username, one.reference))
        )

    def reveal(self, reference: str) -> VaultSecret:
        """Read one entry's values, with references to fields of other entries resolved.

        Raises RefusedError if there is no such entry, or if it points at an entry that has another owner.
        """
        entry = next((one for one in self._entries() if one.uuid.hex == reference), None)
        if entry is None:
            raise self._refused(f"holds no entry {reference} any more", "draw the plan again")
        notes = [self._resolved(entry, entry.notes)]
        further = {key: value for key, value in entry.custom_properties.items() if key.casefold() != OWNER.casefold()}
        notes += [f"{key}: {self._resolved(entry, value)}" for key, value in sorted(further.items())]
        notes += [f"(attachment {one.filename} stays in the provider's vault)" for one in entry.attachments]
        return VaultSecret(
            password=self._resolved(entry, entry.password),
            notes="\n".join(notes if notes[0] else notes[1:]),
            otp=self._resolved(entry, entry.otp),
        )

    def _credential(self, entry: Any) -> Credential:  # noqa: ANN401 - the library publishes no types
        return Credential(
            source=self.name,
            reference=entry.uuid.hex,
            title=self._resolved(entry, entry.title) or "(no title)",
            username=self._resolved(entry, entry.username),
            url=self._resolved(entry, entry.url),
            owner=_owner(entry),
        )

    def _resolved(self, entry: Any, text: str | None, depth: int = 0) -> str:  # noqa: ANN401 - as above
        """Replace `{REF:P@I:…}` by what it points at, as KeePass does, but only within one owner's entries."""
        if not text or not REFERENCE.search(text):
            return text or ""
        if depth == DEEPEST:
            raise self._refused(f"holds references that run in a circle ({entry.title!r})", "write the value itself into that entry")

        def value(match: re.Match[str]) -> str:
            wanted, search_in, sought = match[1].upper(), match[2].upper(), match[3]
            found = next((one for one in self._entries() if _fits(one, FIELDS[search_in], sought)), None)
            if found is None:
                raise self._refused(f"holds {entry.title!r}, which points at an entry that is not there", "write the value itself into it")
            if _owner(found) != _owner(entry):
                raise self._refused(
                    f"holds {entry.title!r}, which points at {found.title!r}, and that has another owner",
                    "give both the same owner, or write the value itself into the first",
                )
            return self._resolved(found, getattr(found, FIELDS[wanted]), depth + 1)

        return REFERENCE.sub(value, text)

    def _entries(self) -> Iterator[Any]:
        vault = self._open()
        bins = vault.tree.findtext("Meta/RecycleBinUUID")
        for entry in vault.entries:
            groups = {element.findtext("UUID") for element in entry._element.iterancestors("Group")}  # noqa: SLF001 - no public way up
            if bins not in groups:
                yield entry

    def _open(self) -> PyKeePass:
        try:
            status = self.path.stat()
            stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
            if self._opened is None or self._opened[0] != stamp:
                self._opened = (stamp, PyKeePass(str(self.path), password=self.passphrase.reveal()))
        except OSError as error:
            raise self._refused(f"cannot be read ({error.strerror})", "make the file readable for the worker's account") from error
        except CredentialsError:
            raise self._refused("does not open with the passphrase given", f"correct what {self.passphrase} holds") from None
        except (HeaderChecksumError, PayloadChecksumError, ConstructError, ValueError) as error:
            raise self._refused(f"is no whole KeePass file ({type(error).__name__})", "name a KDBX file, or restore it") from None
        return self._opened[1]

    def _refused(self, what: str, todo: str) -> RefusedError:
        return RefusedError(f"the vault {self.name} ({self.path}) {what}", untouched="the vault; it is only ever read", todo=todo)


def _owner(entry: Any) -> Owner | None:  # noqa: ANN401 - as above
    """Whose an entry is; anything but one of the three words is nobody's."""
    values = [value for key, value in entry.custom_properties.items() if key.casefold() == OWNER.casefold()]
    word = (values[0] or "").strip().lower() if len(values) == 1 else ""
    return Owner(word) if word in set(Owner) else None


def _fits(entry: Any, attribute: str, sought: str) -> bool:  # noqa: ANN401 - as above
    if attribute == "uuid":
        try:
            return bool(entry.uuid == UUID(sought))
        except ValueError:
            return False
    return bool(getattr(entry, attribute) == sought)
