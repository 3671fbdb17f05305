"""Relative paths in an engagement file count from the folder that the file is in, wherever the worker runs; `~` is one's home."""

import os
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from core.secret import SecretReference

Model = TypeVar("Model", bound=BaseModel)


def with_absolute_paths(model: Model, folder: Path) -> Model:
    """Copy a checked model, with every local path and every `file:` secret in it made absolute."""
    changed = {name: _absolute(value, folder) for name, value in model if not _settled(value)}
    return model.model_copy(update=changed)


def _settled(value: object) -> bool:
    return not isinstance(value, Path | SecretReference | BaseModel | tuple)


def _absolute(value: Any, folder: Path) -> Any:  # noqa: ANN401 - a field's value, given back with its type
    if isinstance(value, Path):
        return Path(os.path.normpath(folder / value))
    if isinstance(value, SecretReference):
        kind, _, where = value.partition(":")
        return SecretReference(f"file:{os.path.normpath(folder / Path(where).expanduser())}") if kind == "file" else value
    if isinstance(value, BaseModel):
        return with_absolute_paths(value, folder)
    if isinstance(value, tuple):
        return tuple(_absolute(inner, folder) for inner in value)
    return value
