"""What every Notifier must keep. A connector's test subclasses `NotifierContract` and gives a `world` fixture."""

import logging
from typing import Protocol

import pytest

from core.errors import RefusedError, UnavailableError, UncertainDeliveryError
from core.model import Message
from core.ports import Notifier

MESSAGE = Message(
    to=("dana@acme.example", "it@acme.example"),
    subject="Grüße, und danke",
    body="Hello Dana,\nthe archive is ready.\n",
    identifier="<notice-1.acme@msp.example>",
)


class NotifierWorld(Protocol):
    """A real receiver, and ways in which it fails."""

    notifier: Notifier
    secrets: tuple[str, ...]
    """Texts that must never appear anywhere: passwords, tokens."""

    def box(self) -> tuple[tuple[str, frozenset[str]], ...]:
        """Identifier and recipients of each message that any receiver of this world took, in order."""

    def unsent(self) -> tuple[Notifier, ...]:
        """The same notifier where a message certainly does not leave: nobody there, busy, one recipient refused, no log-in …"""

    def uncertain(self) -> Notifier:
        """The same notifier, where the receiver falls silent once it has the whole message."""


class NotifierContract:
    """Once and to all, or to nobody and said so; never sure when it cannot be."""

    @pytest.fixture
    def world(self) -> NotifierWorld:
        raise NotImplementedError

    def test_a_message_is_there_once_with_its_identifier_and_the_receipt_names_the_recipients(self, world: NotifierWorld) -> None:
        receipt = world.notifier.send(MESSAGE)
        assert world.box() == ((MESSAGE.identifier, frozenset(MESSAGE.to)),)
        assert receipt.facts["message_id"] == MESSAGE.identifier
        assert receipt.facts["recipients"] == list(MESSAGE.to)
        assert all(recipient in receipt.done for recipient in MESSAGE.to)

    def test_two_messages_are_there_in_order(self, world: NotifierWorld) -> None:
        second = MESSAGE.model_copy(update={"identifier": "<notice-2.acme@msp.example>", "to": MESSAGE.to[:1]})
        for message in (MESSAGE, second):
            world.notifier.send(message)
        assert world.box() == tuple((message.identifier, frozenset(message.to)) for message in (MESSAGE, second))

    def test_what_was_certainly_not_sent_is_in_nobodys_box(self, world: NotifierWorld) -> None:
        for notifier in world.unsent():
            with pytest.raises((UnavailableError, RefusedError)) as caught:
                notifier.send(MESSAGE)
            assert caught.value.untouched
            assert caught.value.todo
        assert world.box() == ()

    @pytest.mark.parametrize("wrong", [{"to": ()}, {"to": ("a@b.example\r\nX: y",)}, {"subject": "a\r\nBcc: x@y.example"}])
    def test_a_message_that_would_say_more_than_it_should_is_refused(self, world: NotifierWorld, wrong: dict[str, object]) -> None:
        with pytest.raises(RefusedError):
            world.notifier.send(MESSAGE.model_copy(update=wrong))
        assert world.box() == ()

    def test_silence_at_the_end_is_neither_sent_nor_unsent(self, world: NotifierWorld) -> None:
        with pytest.raises(UncertainDeliveryError) as caught:
            world.uncertain().send(MESSAGE)
        assert caught.value.todo

    def test_it_has_no_way_to_destroy(self, world: NotifierWorld) -> None:
        words = ("delete", "remove", "unlink", "lock", "destroy", "purge", "clear", "wipe")
        assert not [name for name in dir(world.notifier) if not name.startswith("_") and any(word in name.lower() for word in words)]

    def test_no_secret_is_ever_said(self, world: NotifierWorld, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        said = [repr(world.notifier), str(world.notifier), repr(world.notifier.send(MESSAGE))]
        for notifier in (*world.unsent(), world.uncertain()):
            with pytest.raises((UnavailableError, RefusedError, UncertainDeliveryError)) as caught:
                notifier.send(MESSAGE)
            error = caught.value
            said += [repr(notifier), str(error), repr(error), repr(error.__cause__), repr(error.__context__)]
        assert not [secret for secret in world.secrets if secret in "\n".join([*said, caplog.text])]
