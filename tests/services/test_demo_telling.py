"""What the demo prints of long messages: short, each thing once, and nothing of it made up."""

from pathlib import Path

import pytest

from demo.telling import Endings, seen_in, shortly

UNSEEN = "we cannot look any more (our own way in is refused; to look would be to try it)"


def test_what_is_unknown_is_counted_and_all_else_stays() -> None:
    text = (
        f"the exit cannot be closed: aws:contact SECURITY is unknown: {UNSEEN.replace(';', ',')}; microsoft:user 1 is active: it is there"
    )
    assert shortly(text) == (
        "the exit cannot be closed: microsoft:user 1 is active: it is there; we cannot see any more whether all is gone (1 in aws)"
    )
    both = "the exit cannot be closed: aws:user a is unknown: no; microsoft:role b of c at / is unknown: no; aws:policy d is unknown: no"
    assert shortly(both) == "the exit cannot be closed: we cannot see any more whether all is gone (2 in aws, 1 in microsoft)"
    assert shortly("Closed: nothing is unknown") == "Closed: nothing is unknown"


def test_each_thing_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    endings = Endings()
    endings.tell("the cutoff", "Held", "it waits (for this; and that); for a letter. And more.")
    endings.tell("the cutoff", "Closed", "Closed today: 2 are gone; for a letter")
    endings.tell("sweep", "Closed", "Closed today: 2 are gone")
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == [
        "the cutoff: Held. It waits (for this; and that)",
        "for a letter",
        "the cutoff: Closed today: 2 are gone",
        "sweep: Closed, as told above",
    ]


def test_what_a_look_found_is_read_from_what_is_signed(tmp_path: Path) -> None:
    text = tmp_path / "look.txt"
    text.write_text("system: microsoft\nlooked-for: 6\nstill-there: microsoft:user 1\ncould-not-see: microsoft:relationship 2\n")
    assert seen_in(text).split(", ") == [
        "microsoft: 1 of 6 ways in of the provider's are still there",
        "1 can be seen from the provider's own tenant alone",
        "0 others were found",
    ]
