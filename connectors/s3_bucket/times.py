"""Times as an object's headers say them."""

from datetime import datetime

_SECOND_NS = 1_000_000_000


def modified_ns(when: datetime) -> int:
    """Nanoseconds since 1970, in whole seconds: an object's headers say no more, though some servers' listings do."""
    return int(when.timestamp()) * _SECOND_NS
