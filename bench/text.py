"""Text as clients have it, made fast: logs, database dumps and prose, all of which zstd at level 3 makes 3 to 4 times smaller."""

from collections.abc import Iterator
from functools import cache
from random import Random

VOCABULARY = 4_000
PIECE_LINES = 10_000
SYLLABLES = (
    "ba",
    "cor",
    "den",
    "e",
    "fal",
    "gi",
    "hon",
    "in",
    "jo",
    "kel",
    "lu",
    "mor",
    "na",
    "os",
    "pra",
    "qui",
    "res",
    "ti",
    "un",
    "ver",
)
SERVICES = (b"postfix/smtpd", b"dovecot", b"sshd", b"kernel", b"systemd", b"smbd", b"cron")
SAID = (b"connect from", b"session opened for", b"delivered to", b"disconnect from", b"timeout after reading", b"renewed the lease of")


@cache
def words() -> tuple[bytes, ...]:
    """Words of which the common ones come often, as in any language (Zipf's law): picked evenly, they make prose."""
    random = Random("words")  # noqa: S311 - data of a benchmark: repeatable on purpose
    known = sorted({"".join(random.choices(SYLLABLES, k=random.choice((1, 2, 2, 3, 3, 4)))) for _ in range(VOCABULARY)})
    random.shuffle(known)
    ends = (" ", " ", " ", " ", " ", ", ", ".\n")
    return tuple(f"{word}{random.choice(ends)}".encode() for rank, word in enumerate(known, 1) for _ in range(1 + VOCABULARY // rank))


def prose(random: Random, size: int) -> bytes:
    """Return `size` bytes of words."""
    said = b""
    while len(said) < size:
        said += b"".join(random.choices(words(), k=size // 5))
    return said[:size]


def log_lines(random: Random, size: int) -> Iterator[bytes]:
    """Give `size` bytes of a mail server's log."""
    second = random.randrange(80_000)
    while size > 0:
        lines = []
        for number, name, service, said in zip(
            random.choices(range(1 << 48), k=PIECE_LINES),
            random.choices(words(), k=PIECE_LINES),
            random.choices(SERVICES, k=PIECE_LINES),
            random.choices(SAID, k=PIECE_LINES),
            strict=True,
        ):
            second += number & 1
            lines.append(
                b"Mar  3 %02d:%02d:%02d acme-dc01 %b[%d]: %b %b(10.20.%d.%d) id=%012x\n"
                % (second // 3600 % 24, second // 60 % 60, second % 60, service, number >> 36, said, name, number & 7, number & 255, number)
            )
        piece = b"".join(lines)[:size]
        size -= len(piece)
        yield piece


def database_dump(random: Random, size: int) -> Iterator[bytes]:
    """Give `size` bytes of a table's rows as INSERT statements."""
    row = 0
    while size > 0:
        lines = []
        for number, name, street in zip(
            random.choices(range(1 << 48), k=PIECE_LINES),
            random.choices(words(), k=PIECE_LINES),
            random.choices(words(), k=PIECE_LINES),
            strict=True,
        ):
            row += 1
            lines.append(
                b"INSERT INTO invoices VALUES (%d,'%b','%b %d',%d.%02d,'2025-%02d-%02d','%010x');\n"
                % (
                    row,
                    name.rstrip(b" ,.\n"),
                    street.rstrip(b" ,.\n"),
                    number & 127,
                    number >> 36,
                    number % 100,
                    number % 12 + 1,
                    number % 28 + 1,
                    number >> 8,
                )
            )
        piece = b"".join(lines)[:size]
        size -= len(piece)
        yield piece
