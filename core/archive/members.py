"""What a volume may hold: its own inner bag and nothing else."""

from core.archive.errors import HostileEntryError, MisplacedVolumeError
from core.archive.names import check_safe, shown, volume_name
from core.archive.tar_head import Member


def inner_name(member: Member, archive: str, number: int) -> str:
    """Give a member's name within its inner bag; empty for the bag's own folder.

    Raises MisplacedVolumeError if it belongs to another volume, HostileEntryError if it leads elsewhere.
    """
    top, what = volume_name(archive, number), f"volume {number}"
    try:
        name = member.name.decode()
    except UnicodeDecodeError:
        raise HostileEntryError(f"{what} holds a name that is not UTF-8; we write none", untouched="everything") from None
    first, _, rest = check_safe(name, what).partition("/")
    if first != top:
        if "-vol-" in first:
            raise MisplacedVolumeError(
                f"{what} holds {shown(first)}: volumes were exchanged", todo="give each its own name back, or fetch both again"
            )
        raise HostileEntryError(f"{what} holds {shown(name)}, which is not in its bag", untouched="everything outside")
    return rest
