"""Files of key lines as they would be once lines of ours are gone: which of the client's stay."""

from collections.abc import Collection, Mapping

from connectors.ssh_host.authorized_keys import key_lines
from core.model import EndState


def end_state(system: str, contents: Mapping[str, bytes], gone: Mapping[str, Collection[str]], clients: Collection[str]) -> EndState:
    """Leave out of each file (path: content) the lines of the fingerprints in `gone`, and name the lines of `clients` that stay.

    Certificate authorities are neither: they are not taken out, and let others in than their own key.
    """
    left, lost = [], []
    for path, content in contents.items():
        every = [line.fingerprint for line in key_lines(content) if not line.is_certificate_authority]
        stay = [one for one in every if one in clients and one not in gone[path]]
        left += [f"{one} in {path}" for one in stay]
        lost += [] if stay else [path]
    files = f"of {len(contents)} file(s), read and not changed, each keeps a key line of the client's"
    return EndState(
        system=system,
        administrators=tuple(dict.fromkeys(left)),
        enough=not lost,
        evidence=f"no key line of the client's would be left in {', '.join(lost)}" if lost else files,
    )
