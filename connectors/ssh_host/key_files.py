"""A file of key lines in the engagement file: where it is, and which account it opens."""

import re
from typing import Annotated, Final

from pydantic import ConfigDict, Field, StringConstraints, model_serializer, model_validator

from connectors.ssh_host.host import AbsolutePath, plain_path
from core.model import Noun

_IN_A_HOME: Final = re.compile(r"^/(?:home/([^/]+)|(root))/(?:\.ssh/)?[^/]+$")


class KeyFile(Noun):
    """One file in which the server looks for keys. It may be written as its path alone."""

    model_config = ConfigDict(json_schema_extra={"type": ["object", "string"]})  # what holds for fields does not bind a text

    path: AbsolutePath
    account: Annotated[str, StringConstraints(pattern=r"^[^\s:/]+$")] | None = Field(
        default=None, description="whose login the file opens: needed where the path is not below /home/<account> or /root"
    )

    @property
    def opens(self) -> str | None:
        """The account that the file opens, as it is written or as the path tells for certain; None where neither says."""
        match = _IN_A_HOME.match(self.path)
        return self.account or (match and (match[1] or match[2]))

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, data: object) -> object:
        return {"path": plain_path(data)} if isinstance(data, str) else data

    @model_serializer
    def _as_written(self) -> str | dict[str, str]:
        return self.path if self.account is None else {"path": self.path, "account": self.account}


def each_once(files: tuple[KeyFile, ...]) -> tuple[KeyFile, ...]:
    """See that no file is named twice. Raises ValueError."""
    if len({file.path for file in files}) < len(files):
        raise ValueError("a file is named twice here; name each file once, with the one account that it opens")
    return files
