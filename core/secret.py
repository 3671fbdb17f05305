"""Secrets by reference: files name where a secret is, never the secret."""

import os
import re
from pathlib import Path
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from core.errors import RefusedError

REFERENCE = re.compile(r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$")

_WHY: Final = {KeyError: "it is not set", FileNotFoundError: "there is no such file", PermissionError: "this account may not read it"}


class SecretReference(str):
    """`env:NAME` or `file:PATH`. The reference may be printed; what it points at never is."""

    __slots__ = ()

    def reveal(self) -> str:
        """Read the secret now; keep it no longer than the call that needs it.

        Raises RefusedError, naming the reference alone, if there is nothing to read.
        """
        kind, _, where = self.partition(":")
        try:
            return os.environ[where] if kind == "env" else Path(where).read_text(encoding="utf-8").rstrip("\r\n")
        except (KeyError, OSError, UnicodeDecodeError) as error:
            raise RefusedError(
                f"the secret {self} cannot be read ({_WHY.get(type(error), type(error).__name__)})",
                untouched="every system",
                todo="set that environment variable for the worker"
                if kind == "env"
                else "make that file, readable for the worker's account",
            ) from None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401 - pydantic's signature
        """Take a string that is a reference; anything else might be the secret itself and is refused unseen."""
        return core_schema.no_info_after_validator_function(cls._checked, handler(str))

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Tell editors the pattern."""
        return {"type": "string", "pattern": REFERENCE.pattern, "description": "env:NAME or file:PATH"}

    @classmethod
    def _checked(cls, value: str) -> "SecretReference":
        if not REFERENCE.match(value):
            raise ValueError("write where the secret is, env:NAME or file:PATH, never the secret itself")
        return cls(value)
