"""Making sure that what was written is still there after the power has failed."""

import os
from pathlib import Path


def flush_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk (fsync(2): flushing a file does not flush its name). Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
