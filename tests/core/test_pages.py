"""The pages that people read: each thing that a message tells stands by itself."""

from core.pages import said_in_parts

HELD = (
    "the exit cannot be closed: a [b] is unknown: no answer (one; two); c is active: it is there. Left untouched: whatever was found. "
    "What to do: agree with the client; the next pass looks again."
)


def test_each_thing_that_a_message_tells_stands_on_a_line_of_its_own() -> None:
    assert [line for line in said_in_parts(HELD) if line] == [
        "**The exit cannot be closed:**",
        r"- a \[b\] is unknown: no answer (one; two)",
        "- c is active: it is there.",
        "**Left untouched: whatever was found.**",
        "**What to do:**",
        "- agree with the client",
        "- the next pass looks again.",
    ]
    assert said_in_parts("All is ready: nobody has to do anything") == ["**All is ready: nobody has to do anything**", ""]
