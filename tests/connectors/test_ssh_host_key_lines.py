"""Lines of `authorized_keys`: found by key, taken out, put back to the byte."""

import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.ssh_host.authorized_keys import key_lines, layout, put_back, split_lines, split_options, take_out


def key(name: str) -> str:
    kind = b"ssh-ed25519"
    blob = len(kind).to_bytes(4, "big") + kind + (32).to_bytes(4, "big") + name.encode().ljust(32, b".")
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


@pytest.mark.parametrize(
    ("line", "options"),
    [
        (key("a"), ""),
        (f"  {key('a')} a comment", ""),
        (f"\t{key('a')}\r", ""),
        (f"no-pty {key('a')}", "no-pty"),
        (f'command="echo \\"ssh-ed25519 AAAA\\" hi",no-pty   {key("a")} c', 'command="echo \\"ssh-ed25519 AAAA\\" hi",no-pty'),
        (f'from="10.0.0.0/8, ::1" {key("a")}', 'from="10.0.0.0/8, ::1"'),
    ],
)
def test_a_line_is_found_whatever_stands_around_its_key(line: str, options: str) -> None:
    (found,) = key_lines(line.encode())
    assert found.options == options


@pytest.mark.parametrize(
    "line", ["", "   ", f"# {key('a')}", f"  # {key('a')}", "ssh-ed25519", "ssh-ed25519 !!!!", f"ssh-rsa {key('a').split()[1]}", "x y z"]
)
def test_what_is_no_key_line_is_left_out(line: str) -> None:
    assert key_lines(line.encode()) == []


@pytest.mark.parametrize(
    ("options", "is_authority"),
    [
        ("cert-authority", True),
        ("no-pty,CERT-Authority", True),
        ('command="cert-authority"', False),
        ('command="a,cert-authority,b"', False),
    ],
)
def test_a_certificate_authority_is_told_from_words_in_quotes(options: str, is_authority: bool) -> None:
    (found,) = key_lines(f"{options} {key('a')}".encode())
    assert found.is_certificate_authority == is_authority


def test_options_are_split_outside_quotes_only() -> None:
    assert split_options('a,b="c,\\"d,",e') == ["a", 'b="c,\\"d,"', "e"]


LINES = st.lists(
    st.sampled_from(["", "# c", key("a"), key("b"), f"no-pty {key('a')}", key("x"), key("y"), f"{key('x')}\r", "junk"]), max_size=9
)


@given(lines=LINES, ended=st.booleans(), order=st.randoms(use_true_random=False))
def test_taken_out_and_put_back_in_any_order_is_the_same(lines: list[str], ended: bool, order: random.Random) -> None:
    content = "\n".join(lines).encode() + (b"\n" if ended and lines else b"")
    found = key_lines(content)
    groups = [
        [line for line in found if line.blob == blob] for blob in {line.blob for line in found if b"a." in line.blob or b"b." in line.blob}
    ]
    now = content
    for group in groups:
        blob = group[0].blob
        now = take_out(now, [line for line in key_lines(now) if line.blob == blob])
    assert not [line for line in key_lines(now) if line.blob in {group[0].blob for group in groups}]
    order.shuffle(groups)
    for group in groups:
        now = put_back(now, [(line.position, line.text) for line in group], layout(content))
    assert now == content


@given(lines=LINES, more=LINES)
def test_put_back_into_a_changed_file_loses_nobodys_line(lines: list[str], more: list[str]) -> None:
    content = "".join(f"{line}\n" for line in lines).encode()
    ours = [line for line in key_lines(content) if b"a." in line.blob]
    changed = "\n".join(more).encode()
    after = put_back(changed, [(line.position, line.text) for line in ours], layout(content))
    bare = sorted(line.rstrip(b"\n") for line in split_lines(changed)) + [line.text.rstrip(b"\n") for line in ours]
    assert sorted(line.rstrip(b"\n") for line in split_lines(after)) == sorted(bare)
