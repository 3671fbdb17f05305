"""SHA-256 beside the reading: hashlib lets other threads run while it works, so that the next bytes can come meanwhile."""

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self


class HashingThread:
    """One thread that hashes, in a `with` statement; it ends with it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "sha256")

    def begin(self) -> "RunningSha256":
        """Begin the sum of one file."""
        return RunningSha256(self._thread)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._thread.shutdown()


class RunningSha256:
    """The sum of one file's bytes. At most one piece waits to be hashed: memory is bounded by whoever reads."""

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._thread = thread
        self._digest = hashlib.sha256()
        self._under_way: Future[None] | None = None

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes, which stay as they are until the next call of any method returns: only then they are hashed for certain."""
        self._settle()
        self._under_way = self._thread.submit(self._digest.update, data)

    def hexdigest(self) -> str:
        """Give the sum of all bytes taken."""
        self._settle()
        return self._digest.hexdigest()

    def _settle(self) -> None:
        if self._under_way is not None:
            self._under_way.result()
            self._under_way = None
