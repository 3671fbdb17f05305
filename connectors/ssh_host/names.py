"""Names on the host are bytes; here they are text in which a byte that is not UTF-8 is a surrogate escape (PEP 383)."""


def encode(path: str) -> bytes:
    """Give the bytes of a path."""
    return path.encode("utf-8", "surrogateescape")


def decode(path: bytes) -> str:
    """Give the text of a path."""
    return path.decode("utf-8", "surrogateescape")


def show(path: bytes | str) -> str:
    """Spell a path in a message: in ASCII, so that a hostile name cannot write on somebody's terminal."""
    return ascii(decode(path) if isinstance(path, bytes) else path).strip("'\"")
