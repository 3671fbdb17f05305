"""Whose key is whose, for us and for `ssh-keygen -Y verify`."""

from core.errors import SignatureError
from core.model import Engagement, Person
from core.signatures.public_key import fingerprint, normalise
from core.signatures.purposes import Purpose, namespace, who_may


def allowed_signers(engagement: Engagement) -> str:
    """Write the engagement's `allowed_signers` file (ssh-keygen(1)): one line for each key, with the namespaces of its owner's role.

    Nobody who may sign nothing is in it. Raises SignatureError for a key that is none.
    """
    domain = engagement.provider.domain
    lines = []
    for person in engagement.people:
        names = ",".join(namespace(purpose, domain) for purpose in Purpose if person.role in who_may(purpose))
        if names:
            lines += [f'{person.principal} namespaces="{names}" {normalise(key)}\n' for key in person.keys]
    return "".join(lines)


def signer(key: str, purpose: Purpose, engagement: Engagement) -> Person:
    """Find the one person whose key this is. `key` is a public key line.

    Raises SignatureError for a stranger, naming who would count, and for a key that two people share:
    one hand could then sign for both.
    """
    line = normalise(key)
    owners = [person for person in engagement.people if line in {normalise(each) for each in person.keys}]
    if not owners:
        raise SignatureError(
            f"the signature is by a stranger's key {fingerprint(line)}",
            untouched="everything; it counts as not given",
            todo=f"have it signed by {_who_counts(purpose, engagement)}, with a key that the engagement file names",
        )
    if len(owners) > 1:
        raise SignatureError(
            f"the key {fingerprint(line)} stands for more than one person: {', '.join(one.principal for one in owners)}",
            untouched="everything; it counts as not given",
            todo="give each person a key of their own in the engagement file",
        )
    person = owners[0]
    if person.role not in who_may(purpose):
        raise SignatureError(
            f"{person.name} ({person.principal}) signs as {person.role}, which does not count for {_article(purpose)}",
            untouched="everything; it counts as not given",
            todo=f"have it signed by {_who_counts(purpose, engagement)}",
        )
    return person


def _who_counts(purpose: Purpose, engagement: Engagement) -> str:
    people = [f"{one.name} ({one.principal})" for one in engagement.people if one.role in who_may(purpose)]
    return " or ".join(people) or f"somebody in the role of {' or '.join(sorted(who_may(purpose)))} (the engagement file names nobody)"


def _article(purpose: Purpose) -> str:
    return f"an {purpose}" if purpose[0] in "aeiou" else f"a {purpose}"
