"""The engagement that ends: who, why, when, and who may do what."""

import re
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints, model_validator

from core.model.noun import Noun

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]
"""Lower case letters, digits and single dashes: goes into artifact keys, file names and the log's origin."""

Principal = Annotated[str, StringConstraints(pattern=r"^[^@\s,*?!]+@[^@\s,*?!]+$", max_length=120)]
"""Who a signature belongs to, in the form of an e-mail address (`allowed_signers` of OpenSSH)."""


def _written_out(value: object) -> object:
    """Refuse a bare number, which would be read as seconds since 1970: `20270101` is meant as a day."""
    if isinstance(value, datetime) or re.match(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d", str(value)):
        return value
    raise ValueError("write an instant with its zone as 2026-12-31T22:30:00Z")


Instant = Annotated[AwareDatetime, BeforeValidator(_written_out)]
"""An instant as a person writes it, with its zone."""


SHORTEST_SWEEP, LONGEST_SWEEP = timedelta(seconds=1), timedelta(days=3653)


def _bearable(after: timedelta) -> timedelta:
    if not SHORTEST_SWEEP <= after <= LONGEST_SWEEP:
        raise ValueError("write a length of time from one second to ten years, such as 7 days")
    return after


def _each_later(after: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
    if any(later <= earlier for earlier, later in pairwise(after)):
        raise ValueError("each has to be longer than the one before it; write them from the shortest to the longest")
    return after


SweepAfter = Annotated[timedelta, AfterValidator(_bearable)]
"""How long after the cutoff a sweep is due; days count as 24 hours."""


class ReasonCode(StrEnum):
    """Why the engagement ends, in the field's vocabulary."""

    CLIENT_LEAVES = "client_leaves"
    NOT_A_FIT = "not_a_fit"
    NON_PAYMENT = "non_payment"
    UNPROFITABLE = "unprofitable"
    SCOPE_CREEP = "scope_creep"
    NON_COMMUNICATING = "non_communicating"
    IGNORES_INSTRUCTIONS = "ignores_instructions"
    SECURITY_REFUSAL = "security_refusal"
    UNETHICAL = "unethical"
    ABUSE = "abuse"
    CRIME = "crime"


class Role(StrEnum):
    """What a person's signature counts for."""

    EXECUTIVE = "executive"
    TECHNICIAN = "technician"
    CLIENT = "client"
    SUCCESSOR = "successor"


class Party(StrEnum):
    """Who may receive what leaves us."""

    CLIENT = "client"
    SUCCESSOR = "successor"


class RevokedKey(Noun):
    """A key that was somebody's. What it signed, and what was taken in before it was revoked, stays; nothing after it counts."""

    key: str = Field(description="the OpenSSH public key, one line")
    revoked_at: Instant = Field(description="since when its signatures do not count, e.g. 2026-12-31T22:30:00Z")


class Person(Noun):
    """Somebody whose signature counts, with the SSH public keys that make it.

    When a signature was made is when it was taken in: nothing inside a signature says so.
    """

    principal: Principal
    name: str
    role: Role
    keys: tuple[str, ...] = Field(min_length=1, description="OpenSSH public keys, one line each")
    valid_after: Instant | None = Field(default=None, description="from when on this person's signatures count")
    valid_before: Instant | None = Field(default=None, description="until when this person's signatures count")
    revoked_keys: tuple[RevokedKey, ...] = Field(default=(), description="keys that were this person's, and since when they are not")
    verify_required: bool = Field(
        default=False, description="only signatures by hardware keys that asked for their PIN or a fingerprint count"
    )

    @model_validator(mode="after")
    def _counts_for_a_time(self) -> Self:
        if self.valid_after and self.valid_before and self.valid_after >= self.valid_before:
            raise ValueError("valid_after has to be before valid_before: as it is, no signature of this person ever counts")
        return self


class Provider(Noun):
    """We: the managed service provider that gives the client a decent exit."""

    name: str
    domain: Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+$")] = Field(
        description="our domain name: the origin of the ledger and the namespace of signatures"
    )
    address: str = Field(description="the e-mail address that notices come from")


class Client(Noun):
    """The client that is let go, or is leaving."""

    slug: Slug
    name: str
    address: str = Field(description="where the confirmation letter goes")
    time_zone: str = Field(description="IANA name, e.g. America/Vancouver: the zone of the contract")


class Successor(Noun):
    """The provider that takes over."""

    name: str
    address: str


class Recipient(Noun):
    """One public key to which archive and package are encrypted."""

    party: Party
    age: str = Field(description="age1…, ssh-ed25519 … or ssh-rsa …")


class Holder(Noun):
    """One of us who holds access at the client: a technician or a service of ours."""

    name: str
    keys: tuple[str, ...] = Field(min_length=1, description="OpenSSH public keys, one line each")


class Decision(Noun):
    """Why and on what evidence the engagement ends; what was tried before."""

    reason: ReasonCode
    specifics: str = Field(min_length=20, description="the specific reason, fit for the client to read")
    evidence: tuple[str, ...] = Field(min_length=1, description="dated evidence")
    remedies_tried: tuple[str, ...] = ()
    decided_on: date


class CutoffDate(Noun):
    """The instant at which our access ends, with the zone in which the contract names it."""

    instant: AwareDatetime
    zone: str


class Transition(Noun):
    """What the confirmation letter promises for the time until the cutoff."""

    what_we_do: tuple[str, ...] = Field(min_length=1)
    recommended_providers: tuple[str, ...] = ()


class Engagement(Noun):
    """Everything about one client exit that does not depend on connectors."""

    provider: Provider
    client: Client
    successor: Successor | None = None
    decision: Decision
    transition: Transition
    cutoff: CutoffDate
    people: tuple[Person, ...]
    holders: tuple[Holder, ...]
    recipients: tuple[Recipient, ...]
    negative_login_consent: bool = Field(
        default=False, description="the contract lets us try our own credentials after the cutoff, once a check"
    )
    second_check_after: timedelta = timedelta(hours=2)
    sweeps_after: Annotated[tuple[SweepAfter, ...], AfterValidator(_each_later)] = Field(
        default=(timedelta(days=7), timedelta(days=30), timedelta(days=90)),
        max_length=10,
        description="how long after the cutoff we look from outside whether what was ours is still refused; [] for never",
    )

    @property
    def slug(self) -> str:
        """The client's slug names the engagement everywhere."""
        return self.client.slug

    def person(self, principal: str) -> Person | None:
        """Find somebody by principal."""
        return next((one for one in self.people if one.principal == principal), None)
