"""`offboard archive …`: make, verify and open encrypted archives of folders, without any engagement."""

import re
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cli.transfer import Transfer
from connectors.folder import FolderFiles, FolderStore
from core.archive.against import compare_with_source
from core.archive.extract import extract as extract_files
from core.archive.recipients import check_recipient
from core.archive.summary import MOST_ITEMS, ArchiveSummary, VolumeLimits
from core.archive.verify import VerifyReport, verify_archive
from core.archive.writer import write_archive
from core.counting import amount, counted
from core.errors import ConfigurationError, GoodLeaverError, RefusedError

if TYPE_CHECKING:
    from cli.seals import ChosenSeals

app = typer.Typer(help="Make, verify and open encrypted archives; works alone, without any engagement.", no_args_is_help=True)
out = Console(highlight=False, soft_wrap=True, markup=False)
err = Console(highlight=False, soft_wrap=True, markup=False, stderr=True)

_UNITS = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KIB": 1 << 10,
    "MIB": 1 << 20,
    "GIB": 1 << 30,
    "TIB": 1 << 40,
}
_SIZE = re.compile(r"(\d+)\s*([A-Za-z]*)")


@app.command()
def create(
    paths: Annotated[
        list[Path], typer.Argument(metavar="SOURCE... DESTINATION", help="folders to archive, then a new folder for the archive")
    ],
    recipient: Annotated[
        list[str], typer.Option("--recipient", "-r", help="age1…, an SSH public key, or a file with one a line; repeatable")
    ],
    name: Annotated[str, typer.Option(help="the archive's name; the destination's if left out")] = "",
    volume_size: Annotated[str, typer.Option(help="bytes of source in a volume, e.g. 8GiB")] = "8GiB",
    volume_files: Annotated[int, typer.Option(min=1, max=MOST_ITEMS, help="files, directories and links in a volume")] = 50_000,
    rate_limit: Annotated[str, typer.Option(help="bytes to read in a second at most, e.g. 20MB", show_default="no limit")] = "",
    sign: Annotated[Path | None, typer.Option(metavar="KEYFILE", help="sign it with this private SSH key; read once, kept nowhere")] = None,
    time_stamp: Annotated[
        str, typer.Option(metavar="URL", help="have it time stamped by this authority (RFC 3161)", show_default=False)
    ] = "",
    time_stamp_roots: Annotated[
        Path | None, typer.Option(metavar="FILE", help="the certificates of that authority that you trust (PEM)")
    ] = None,
) -> None:
    """Write an encrypted archive that age, zstd and tar can open. Started again after an interruption, it goes on."""
    with _errors_as_sentences():
        sources, destination = _places(paths, _size(rate_limit) if rate_limit else None)
        limits = VolumeLimits(size=_size(volume_size), items=volume_files)
        sealing = _sealing(sign, time_stamp, time_stamp_roots)
        journal = destination.with_name(destination.name + ".journal")
        verb = "Going on with" if journal.exists() else "Writing"
        store = FolderStore(path=destination)
        with Transfer(err, verb, str(destination), total=partial(_bytes_of, sources)) as transfer:
            summary = write_archive(
                sources,
                store,
                name=name or _plain(destination.name),
                recipients=_recipients(recipient),
                journal=journal,
                started=datetime.now(UTC),
                limits=limits,
                progress=lambda now: transfer.show(now.files, now.bytes, f"volume {now.volume}"),
                seals=sealing.seals if sealing else None,
            )
        seals = sealing.found(store) if sealing else []
        shutil.rmtree(journal)
        _tell_created(summary, destination, seals)


@app.command()
def verify(
    archive: Annotated[Path, typer.Argument(help="the archive's folder", show_default=False)],
    identity: Annotated[
        list[Path] | None, typer.Option("--identity", "--key", "-i", help="a file with a recipient's private key; repeatable")
    ] = None,
    against: Annotated[
        list[Path] | None, typer.Option(help="a folder that was archived: compare the archive with what it holds today; repeatable")
    ] = None,
) -> None:
    """Check an archive: without a key every byte, with a key every file as well. Exit status 1 if anything is wrong or differs."""
    with _errors_as_sentences():
        keys, store = identity or [], FolderStore(path=_folder(archive))
        if against and not keys:
            raise ConfigurationError(["to compare the archive with its source a key is needed: only who can open it sees its files"])
        total = partial(_bytes_of, [FolderFiles(name="archive", path=archive)])
        with Transfer(err, "Verifying", str(archive), total=total) as transfer:
            report = verify_archive(store, keys, progress=lambda size: transfer.show(None, size, ""))
        _tell_verified(report, archive)
        differing = [folder for folder in against or () if not _compared(store, keys, folder)]
        if differing:
            raise typer.Exit(1)


@app.command()
def extract(
    archive: Annotated[Path, typer.Argument(help="the archive's folder", show_default=False)],
    destination: Annotated[Path, typer.Argument(help="a new or empty folder", show_default=False)],
    identity: Annotated[list[Path], typer.Option("--identity", "-i", help="a file with a recipient's private key; repeatable")],
    patterns: Annotated[
        list[str] | None, typer.Argument(metavar="[PATTERN]...", help="e.g. 'files/accounts/*'; everything if left out")
    ] = None,
    owners: Annotated[bool, typer.Option("--owners", help="give each file its owner and group, by number; needs root")] = False,
) -> None:
    """Unpack an archive, or the files that match; each is checked before it gets its name."""
    with _errors_as_sentences():
        with Transfer(err, "Extracting to", str(destination)) as transfer:
            store = FolderStore(path=_folder(archive))
            report = extract_files(
                store, identity, destination, patterns or (), owners=owners, progress=lambda files, size: transfer.show(files, size, "")
            )
        for line in report.renamed:
            out.print(f"Under another name: {line}")
        for line in report.left_out:
            out.print(f"Not there: {line}")
        out.print(
            f"{amount(report.files, report.bytes)}, {counted(report.directories, 'directory', 'directories')} and "
            f"{counted(report.links, 'link')} are in {destination}."
        )
        if patterns and not (report.files or report.directories or report.links):
            raise RefusedError("nothing in the archive matches", todo="name paths as SOURCE/path; `*` stands for anything")


def _compared(store: FolderStore, keys: list[Path], folder: Path) -> bool:
    """Compare with one folder, and tell; whether nothing differs."""
    source = FolderFiles(name=_plain(_folder(folder).resolve().name), path=folder)
    with Transfer(err, "Comparing with", str(folder), total=partial(_bytes_of, [source])) as transfer:
        found = compare_with_source(store, keys, source, source.name, progress=lambda files, size: transfer.show(files, size, ""))
    for what, lines in found.differences.items():
        for line in lines:
            out.print(f"{what.capitalize()}: {line}")
        if found.counts[what] > len(lines):
            out.print(f"{what.capitalize()}: and {found.counts[what] - len(lines)} more")
    out.print(
        f"{found.dataset}: {amount(found.archived, found.archived_bytes)} in the archive; "
        f"{amount(found.live, found.live_bytes)} in {folder}; {counted(found.same, 'file has', 'files have')} the same content."
    )
    out.print(f"{folder} is as it was archived." if found.is_equal else f"{folder} is not as it was archived.")
    return found.is_equal


def _bytes_of(sources: Sequence[FolderFiles]) -> int:
    return sum(item.size for source in sources for item in source.inventory())


class _errors_as_sentences:  # noqa: N801 - reads as a phrase in a with statement
    """Print our errors on standard error and end: 1 for a bad archive or a refusal, 2 for wrong input."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, GoodLeaverError):
            err.print(str(error))
            raise typer.Exit(2 if isinstance(error, ConfigurationError) else 1) from None


def _sealing(key: Path | None, authority: str, roots: Path | None) -> "ChosenSeals | None":
    if not (key or authority or roots):
        return None
    from cli.seals import ChosenSeals  # noqa: PLC0415 - it loads an HTTP client, which takes half as long as all the rest

    return ChosenSeals(key, authority, roots)


def _tell_created(summary: ArchiveSummary, destination: Path, seals: list[str]) -> None:
    for line in summary.not_carried:
        out.print(f"Not in the archive: {line}")
    for line in summary.changed_while_read:
        out.print(f"Changed while it was read: {line}")
    out.print(f"{amount(summary.files, summary.bytes)} are in {destination}, in {counted(summary.volumes, 'volume')}.")
    out.print(f"Its manifest has the SHA-256 {summary.manifest_sha256}.")
    for line in seals:
        out.print(line)
    out.print(f"Next: offboard archive verify {destination}")
    out.print("Then give the folder to the recipients; its README.txt says how anyone opens it.")


def _tell_verified(report: VerifyReport, archive: Path) -> None:
    for fault in report.faults:
        err.print(str(fault))
    if report.faults:
        err.print(f"{archive} is NOT in order.")
        raise typer.Exit(1)
    inside = "not opened, as no key was given" if report.files is None else f"{counted(report.files, 'file')}, each with its sum"
    out.print(f"{archive} is whole and unaltered: {counted(report.volumes, 'volume')}, {counted(report.bytes, 'byte')}; {inside}.")
    if report.files is None:
        out.print(f"Next: offboard archive verify -i KEYFILE {archive}")


def _places(paths: list[Path], rate_limit: int | None) -> tuple[list[FolderFiles], Path]:
    if len(paths) < 2:  # noqa: PLR2004 - one source and the destination
        raise ConfigurationError(["name at least one folder to archive, and then the destination"])
    *folders, destination = (path.absolute() for path in paths)
    for folder in folders:
        if destination.resolve().is_relative_to(_folder(folder).resolve()):
            raise ConfigurationError([f"{destination} lies within {folder}: the archive would take in itself"])
    return [FolderFiles(name=_plain(folder.resolve().name), path=folder, rate_limit=rate_limit) for folder in folders], destination


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise ConfigurationError([f"{path} is no folder"])
    return path


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:100] or "files"


def _recipients(given: list[str]) -> list[str]:
    """Take each as it is, or read it from the file of that name: one a line, `#` begins a comment."""
    recipients = list[str]()
    for one in given:
        if one.startswith(("age1", "ssh-")) or not Path(one).is_file():
            recipients.append(check_recipient(one))
            continue
        lines = Path(one).read_text("utf-8", "replace").splitlines()
        recipients += [check_recipient(line) for line in lines if line.strip() and not line.startswith("#")]
    return recipients


def _size(text: str) -> int:
    found = _SIZE.fullmatch(text.strip())
    unit = _UNITS.get(found[2].upper()) if found else None
    if found is None or unit is None or int(found[1]) == 0:
        raise ConfigurationError([f"{text!r} is no size: write for example 500MB or 8GiB"])
    return int(found[1]) * unit
