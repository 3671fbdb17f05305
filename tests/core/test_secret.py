"""Where a secret cannot be read, people are told which and why, and never what would have been there."""

from pathlib import Path

import pytest

from core.errors import RefusedError
from core.secret import SecretReference


@pytest.mark.parametrize(
    ("reference", "why", "todo"),
    [
        ("env:NO_SUCH_VARIABLE", "it is not set", "set that environment variable"),
        ("file:{folder}/nothing", "there is no such file", "make that file"),
        ("file:{folder}", "IsADirectoryError", "make that file"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_reason(tmp_path: Path, reference: str, why: str, todo: str) -> None:
    secret = SecretReference(reference.format(folder=tmp_path))
    with pytest.raises(RefusedError) as caught:
        secret.reveal()
    assert caught.value.what == f"the secret {secret} cannot be read ({why})"
    assert caught.value.todo.startswith(todo)


def test_a_line_end_is_no_part_of_a_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("well kept\n", encoding="utf-8")
    assert SecretReference(f"file:{tmp_path}/secret").reveal() == "well kept"
