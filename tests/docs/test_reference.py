"""The tables of the reference name what there is, all of it and nothing else."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from doc_examples import PROJECT
from typer.core import TyperArgument, TyperCommand, TyperGroup
from typer.main import get_command

from cli.commands import app
from configs.settings import Settings
from core.handover.sections import NOT_TRANSFERRED, SECTIONS
from core.model import Action, Assurance, EntryKind, Role, WaitingFor
from core.signatures.purposes import Purpose, who_may
from tasks.outcome import CLOSED, HELD

REFERENCE = (PROJECT / "docs" / "reference.md").read_text(encoding="utf-8")


def first_cells(heading: str, head: str) -> list[str]:
    """Read the code in the first column of the table below a heading whose first head is `head`."""
    section = REFERENCE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    table = section.split(f"\n| {head} |")[1].split("\n\n")[0]
    return re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)


def commands(group: TyperGroup, name: str) -> Iterator[tuple[str, list[TyperArgument]]]:
    for word, one in group.commands.items():
        if isinstance(one, TyperGroup):
            yield from commands(one, f"{name} {word}")
        else:
            yield f"{name} {word}", [parameter for parameter in one.params if isinstance(parameter, TyperArgument)]


def test_every_command_is_in_the_table_with_its_arguments_and_no_other() -> None:
    whole = get_command(app)
    assert isinstance(whole, TyperGroup)
    there = dict(commands(whole, "offboard"))
    written = {re.split(r" [A-Z\[]", cell)[0]: cell for cell in first_cells("Commands", "command")}
    assert written.keys() == there.keys()
    for name, arguments in there.items():
        words = len(written[name].removeprefix(name).split())
        expected = 2 if name == "offboard archive create" else len(arguments)  # one argument: sources, and last the destination
        assert words == expected, name


def test_every_command_that_a_page_mentions_has_these_options() -> None:
    mentioned = 0
    for page in (*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        for words in re.findall(r"(?:^|`|\$ )(offboard [^`\n]+)", text, re.MULTILINE):
            mentioned += 1
            command: object = get_command(app)
            for word in shlex.split(words)[1:]:
                if isinstance(command, TyperGroup) and word in command.commands:
                    command = command.commands[word]
                elif isinstance(command, TyperGroup):
                    assert word in {"…", "--help", "COMMAND"}, f"{page.name}: {words}"
                elif isinstance(command, TyperCommand) and word.startswith("-"):
                    assert word in {option for one in command.params for option in one.opts} | {"--help"}, f"{page.name}: {words}"
    assert mentioned > 40


def test_every_state_name_is_in_the_table_and_no_other() -> None:
    waiting = {f"Waiting for {one}" for one in WaitingFor}
    assert first_cells("State names", "state") == [*(f"Waiting for {one}" for one in WaitingFor), HELD, CLOSED, "Completed"]
    assert set(re.findall(r"`(Waiting for [^`]+)`", (PROJECT / "README.md").read_text(encoding="utf-8"))) <= waiting


@pytest.mark.parametrize(
    ("heading", "head", "there"),
    [
        ("The ledger", "entry kind", list(EntryKind)),
        ("The ledger", "action", list(Action)),
        ("Roles and signatures", "role", [Role.EXECUTIVE, Role.CLIENT, Role.SUCCESSOR, Role.TECHNICIAN]),
        ("Statements", "purpose", [one for one in Purpose if who_may(one) and one is not Purpose.CHECKPOINT]),
        ("Interlocks", "interlock", [f"I{number}" for number in range(1, 12)]),
        ("The handover package", "section", [*SECTIONS, NOT_TRANSFERRED]),
        (
            "Deployments",
            "deployment",
            re.findall(r"^  - name: (\S+)$", (PROJECT / "prefect.yaml").read_text(encoding="utf-8"), re.MULTILINE),
        ),
    ],
)
def test_a_table_names_all_there_is(heading: str, head: str, there: list[str]) -> None:
    assert first_cells(heading, head) == [str(one) for one in there]


def test_the_settings_are_those_that_are_read(tmp_path: Path) -> None:
    assert set(first_cells("Settings", "variable")) == set(
        re.findall(r"OFFBOARD_[A-Z_]+", (PROJECT / "configs" / "settings.py").read_text(encoding="utf-8"))
    )
    assert Settings.from_environment({"OFFBOARD_STATE": str(tmp_path)}).lease.total_seconds() == 30


def test_the_messages_that_the_how_to_page_explains_are_said() -> None:
    page = (PROJECT / "docs" / "how-to.md").read_text(encoding="utf-8")
    table = page.split("| the message says | do this |")[1].split("\n\n")[0]
    messages = re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)[1:]
    files = [file for folder in ("core", "connectors", "tasks") for file in (PROJECT / folder).rglob("*.py")]
    said = "".join(re.sub(r'"\s+f?"', "", file.read_text(encoding="utf-8")) for file in files)
    assert len(messages) > 10
    assert [one for one in messages if one not in said] == []


def test_the_assurances_are_named() -> None:
    assert [one for one in Assurance if f"`{one}`" not in REFERENCE] == []
