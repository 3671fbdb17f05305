"""What pulling from a host and from a bucket have in common: our contender, and what must have arrived."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.measure import WrongResultError, size_of
from bench.pull import expected
from bench.rows import Contender, Place
from bench.workplace import Workplace


def own(workplace: Workplace, name: str, source: Mapping[str, object], data: Path) -> Contender:
    """Pull a source as an export does; the sum of every file that comes is compared with the one in `data`."""
    config = workplace.scratch / f"{name}.json"
    config.write_text(json.dumps(source), "utf-8")
    wanted = expected(data)._asdict()

    def check(place: Place) -> None:
        last = place.said.read_text("utf-8").splitlines()[-1]
        if json.loads(last) != wanted:
            raise WrongResultError(f"{name} gave {last}, where {json.dumps(wanted)} was to come")

    return Contender(name, [sys.executable, "-m", "bench.pull", str(config)], check=check)


def arrived(data: Path) -> Callable[[Place], None]:
    """Check that a peer brought as many bytes as there are in `data`."""
    wanted = size_of(data)

    def check(place: Place) -> None:
        came = size_of(place.output)
        if came != wanted:
            raise WrongResultError(f"{came} bytes arrived, where there were {wanted}")

    return check
