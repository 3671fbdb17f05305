"""The pages that people read: each thing that a message tells stands by itself."""

from core.pages import said_in_parts

HELD = (
    "the exit cannot be closed: a [b] is unknown: no answer (one; two); c is active: it is there. Left untouched: whatever was found. "
    "What to do: agree with the client; the next pass looks again."
)


def test_each_thing_that_a_message_tells_stands_on_a_line_of_its_own() -> None:
    assert [line for line in said_in_parts(HELD) if line] == [
        "**the exit cannot be closed:**",
        r"- a \[b\] is unknown: no answer (one; two)",
        "- c is active: it is there.",
        "**Left untouched: whatever was found.**",
        "**What to do:**",
        "- agree with the client",
        "- the next pass looks again.",
    ]
    assert said_in_parts("All is ready: nobody has to do anything") == ["**All is ready: nobody has to do anything**", ""]


def test_a_message_that_begins_with_a_name_keeps_it_as_it_is() -> None:
    assert said_in_parts("db1: one is open; two is open")[0] == "**db1:**"
    assert said_in_parts("db1 gives no answer")[0] == "**db1 gives no answer**"
