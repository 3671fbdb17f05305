"""Letters: sent once, whatever the mail server does; where nobody can know, a person is asked."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from core.model import Action, EntryKind
from tests.flows.exit_world import ALICE, BOB, CONFIRMED, ENDED, PACKED, Change, ExitWorld


@contextmanager
def mail_server_that_hangs_up() -> Iterator[tuple[int, list[bytes]]]:
    """Take a whole message, and hang up instead of answering. Gives the port, and what was taken."""
    taken: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    _one_session(connection, taken)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], taken
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def _one_session(connection: socket.socket, taken: list[bytes]) -> None:
    connection.sendall(b"220 here\r\n")
    with connection.makefile("rb") as lines:
        for line in lines:
            if line.upper().startswith(b"DATA"):
                connection.sendall(b"354 go on\r\n")
                taken.append(b"".join(iter(partial(lines.readline), b".\r\n")))
                return
            connection.sendall(b"250 fine\r\n")


def use_port(port: int) -> Change:
    return lambda written: written["notifier"].update(port=str(port))


def test_a_mail_server_that_is_down_and_comes_back(world: ExitWorld) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        nobody = probe.getsockname()[1]
    world.engage(change=use_port(nobody))
    world.walk()
    world.approve()
    world.elect()
    world.tell_the_client()
    state = world.walk()
    assert state.name == "Held"
    assert f"the mail server 127.0.0.1:{nobody} does not answer" in state.message
    assert "Left untouched: nobody received anything." in state.message
    assert "What to do: look whether the mail server is up" in state.message
    failed = world.entries(EntryKind.FAILED, Action.NOTIFY)
    assert len(failed) == len(world.entries(EntryKind.INTENT, Action.NOTIFY)) == 3  # tried three times, each certainly in vain
    assert world.authorized_keys.read_bytes() == world.first_key_lines

    world.alter(use_port(world.acme.mail.port))
    assert world.walk().name == "Waiting for obligations"
    assert world.walk().name == "Waiting for obligations"
    assert len(world.letters()) == CONFIRMED


def test_a_delivery_that_nobody_can_be_sure_of(world: ExitWorld) -> None:
    with mail_server_that_hangs_up() as (port, taken):
        world.engage(change=use_port(port))
        world.walk()
        world.approve()
        world.elect()
        world.tell_the_client()
        state = world.walk()
        assert state.name == "Held"
        assert "took the message and gave no answer" in state.message
        assert "the message is not sent again by itself" in state.message
        what = f"message confirmation letter for plan {world.plan().digest[:12]}"

        asked = world.walk()
        assert asked.name == "Held"
        assert "it is not known whether this message has arrived" in asked.message
        assert "to dana@acme-dental.example, Message-ID <" in asked.message
        assert f"offboard sign waiver acme-dental --subject '{what}'" in asked.message
        world.waive(what, ALICE)
        assert world.walk().name == "Held"
        assert world.cut().name == "Waiting for cutoff"
        assert len(taken) == 1
    world.alter(use_port(world.acme.mail.port))
    assert world.walk().name == "Held"
    world.waive(what, BOB)
    assert world.walk().name == "Waiting for obligations"
    (receipt,) = world.entries(EntryKind.RECEIPT, Action.NOTIFY)
    assert receipt.data["done"].startswith("taken as delivered by two executives' word")
    assert world.letters() == []


def test_the_closing_notice_is_sent_when_the_mail_server_is_back_and_no_sweep_waits_for_it(world: ExitWorld) -> None:
    world.get_ready_for_the_cutoff()
    world.alter(lambda written: written.update(sweeps_after=["00:00:01", "7 days"]))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        nobody = probe.getsockname()[1]
    world.alter(use_port(nobody))
    state = world.cut()
    assert state.name == "Held"
    assert world.entries(EntryKind.CLOSED)
    assert [one.subject for one in world.entries(EntryKind.SWEEP)] == ["+1 second"]
    assert len(world.letters()) == PACKED
    world.alter(use_port(world.acme.mail.port))
    going = world.keep_going()
    assert going.is_completed(), going.message
    assert "acme-dental: Closed." in going.message
    assert len(world.letters()) == ENDED
    world.keep_going()
    assert len(world.letters()) == ENDED
