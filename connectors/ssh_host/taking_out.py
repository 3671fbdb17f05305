"""Taking the lines of some keys out of one file, all at once, with what puts each of them back."""

from collections.abc import Sequence

from connectors.ssh_host.authorized_keys import KeyLine, key_lines, split_lines
from connectors.ssh_host.client_way_in import ClientWayIn, take_out_safely
from connectors.ssh_host.grants import CERTIFICATE_AUTHORITY, fingerprint_and_path, stored_lines, undo_of
from connectors.ssh_host.names import encode
from connectors.ssh_host.packets import Attributes
from connectors.ssh_host.replacement import read_regular
from connectors.ssh_host.sftp import Sftp
from core.counting import counted
from core.errors import RefusedError
from core.model import Grant, Receipt
from core.signatures.public_key import read_line


def require_no_authority(grants: Sequence[Grant]) -> None:
    """Raise RefusedError if one is a certificate authority."""
    for grant in grants:
        if grant.privilege == CERTIFICATE_AUTHORITY:
            raise RefusedError(
                f"{grant.id} is a certificate authority: others may come in by certificates that it signed",
                untouched="the file",
                todo="have the client take the line out, or replace the authority, together with those who use it",
            )


def take_out_lines(sftp: Sftp, path: str, grants: Sequence[Grant], way_in: ClientWayIn) -> list[Receipt]:
    """Take the lines of these grants out of their file, all or none; gives the receipt of each. Raises as `take_out_safely`.

    Raises RefusedError, before anything is changed, if no line of the client's own would be left in the file.
    """
    old = read_regular(sftp, encode(path))
    every = [line for line in key_lines(old[0]) if not line.is_certificate_authority]
    ours = {grant.id: [line for line in every if line.fingerprint == key] for grant, key in [(one, _fingerprint(one)) for one in grants]}
    going = [line for lines in ours.values() for line in lines]
    let_in: tuple[str, ...] = ()
    if going:
        clients = tuple(key for key in way_in.keys if read_line(key).blob not in {line.blob for line in going})
        if not {line.blob for line in every} & {read_line(key).blob for key in clients}:
            raise RefusedError(
                f"without {', '.join(grant.id for grant in grants)} no line of the client's own would be left in {path}",
                untouched="the file",
                todo="have the client add its own key there, and name it in the engagement file under client_keys",
            )
        let_in = take_out_safely(sftp, path, old, going, way_in._replace(keys=clients))
    facts: dict[str, str | int | bool] = {
        "changed": True,
        "lines_left": len(split_lines(old[0])) - len(going),
        "client_let_in_after_by": ", ".join(let_in),
    }
    return [_receipt(grant, path, old, ours[grant.id], facts, way_in.host.host) for grant in grants]


def _receipt(
    grant: Grant, path: str, old: tuple[bytes, Attributes], ours: Sequence[KeyLine], facts: dict[str, str | int | bool], host: str
) -> Receipt:
    fingerprint = _fingerprint(grant)
    if not ours:
        return Receipt(done=f"it was already so: {path} holds no line of {fingerprint}", undo=grant.undo, facts={"changed": False})
    texts = sorted(line.text for line in ours)
    undo = grant.undo if grant.undo and sorted(text for _position, text in stored_lines(grant)) == texts else None
    done = f"took {counted(len(ours), 'line')} of {fingerprint} out of {path} on {host}"
    return Receipt(done=done, undo=undo or undo_of(path, *old, ours), facts=facts)


def _fingerprint(grant: Grant) -> str:
    named = fingerprint_and_path(grant)
    assert named is not None  # noqa: S101 - it was found by its name
    return named[0]
