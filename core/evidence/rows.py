"""The rows of the summary's tables: each names the entries that it rests on. Instants are RFC 3339 in UTC."""

from core.model import Noun


class Event(Noun):
    """One entry of the ledger in words."""

    entry: int
    at: str
    kind: str
    words: str


class Signed(Noun):
    """One statement that somebody signed."""

    entry: int
    at: str
    purpose: str
    principal: str
    name: str
    role: str
    key: str
    plan: str
    in_force: bool
    subject: str
    words: str


class Access(Noun):
    """One way in that was ours: what was done about it and what was last seen of it."""

    subject: str
    system: str
    holder: str
    privilege: str
    done: int | None
    done_at: str
    seen: int | None
    seen_at: str
    state: str
    assurance: str
    evidence: str


class Unseen(Noun):
    """One kind of things that was not looked at on a system when the plan in force was drawn."""

    entry: int
    system: str
    what: str


class Done(Noun):
    """One export, hand-over or message, with what its receipt counts and what was read back."""

    entry: int
    at: str
    action: str
    subject: str
    words: str
    facts: dict[str, str]
    read_back: str


class Control(Noun):
    """The newest look at whether the client itself can get into a system."""

    entry: int
    at: str
    system: str
    seen: bool
    evidence: str


class Owed(Noun):
    """One obligation that stood open when the plan was drawn, and what became of it. `entry` records how it ended."""

    id: str
    owed_by: str
    what: str
    due: str
    outcome: str
    entry: int | None
