"""A real mail server on loopback that keeps what it receives, for the demo and the tests."""

import os
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, Self

from aiosmtpd.controller import Controller

from demo.starting import HOST, free_port


class MailServer:
    """A context manager: while it is open, mail to 127.0.0.1 at `port` is stored as NNNN.eml in the folder."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        """Take a folder (made if need be) and a port; 0 means any that is free."""
        self._folder = folder
        self.port = port or free_port()
        self._controller = Controller(self, hostname=HOST, port=self.port)

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    def messages(self) -> tuple[EmailMessage, ...]:
        """Read what has arrived, in the order of arrival."""
        return tuple(message_from_bytes(path.read_bytes(), policy=default) for path in sorted(self._folder.glob("[0-9]*.eml")))

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: ANN401, N802 - aiosmtpd's signature
        """Store one message; it is whole under its name before the sender hears 250."""
        number = len(list(self._folder.glob("[0-9]*.eml"))) + 1
        partial = self._folder / f"{number:04}.partial"
        with partial.open("wb") as file:
            file.write(envelope.original_content)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(self._folder / f"{number:04}.eml")
        return f"250 stored as {number:04}"
