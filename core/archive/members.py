"""What a volume may hold: its own inner bag and nothing else."""

from core.archive.errors import HostileEntryError, MisplacedVolumeError
from core.archive.names import check_safe, shown, volume_name


class InnerBag:
    """Gives members their names within one volume's bag."""

    def __init__(self, archive: str, number: int) -> None:
        self._top = volume_name(archive, number)
        self._start = f"{self._top}/".encode()
        self._what = f"volume {number}"

    def name(self, member: bytes) -> str:
        """Give a member's name within the bag; empty for the bag's own folder.

        Raises MisplacedVolumeError if it belongs to another volume, HostileEntryError if it leads elsewhere.
        """
        try:
            name = member.decode()
        except UnicodeDecodeError:
            raise HostileEntryError(f"{self._what} holds a name that is not UTF-8; we write none", untouched="everything") from None
        check_safe(name, self._what)
        if member.startswith(self._start):
            return name[len(self._top) + 1 :]
        first = name.partition("/")[0]
        if first == self._top:
            return ""
        if "-vol-" in first:
            raise MisplacedVolumeError(
                f"{self._what} holds {shown(first)}: volumes were exchanged", todo="give each its own name back, or fetch both again"
            )
        raise HostileEntryError(f"{self._what} holds {shown(name)}, which is not in its bag", untouched="everything outside")
