"""How the demo tells what happens, on the terminal."""

from rich.console import Console

out = Console(highlight=False, soft_wrap=True)


def say(number: int, what: str) -> None:
    """Open a chapter."""
    out.print(f"\n[bold]{number}/6  {what}[/bold]")


def note(what: str) -> None:
    """Tell one thing that happened."""
    out.print(f"     {what}", markup=False)


def first_sentence(text: str) -> str:
    """Shorten a message for the story; the whole of it is in Prefect."""
    return text.split(". ", maxsplit=1)[0]
