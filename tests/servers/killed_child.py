"""Something done in a child that is killed by SIGKILL somewhere on the way."""

import os
import signal
import sys
import time
from collections.abc import Callable


def killed_child(do: Callable[[], object], *, patience: float) -> bool:
    """Do it in a child of fork; `do` itself sees to it that it is killed. False if it ended before that."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            do()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - a child of fork must end here, whatever happens
            os._exit(1)
    deadline = time.monotonic() + patience
    while (done := os.waitpid(pid, os.WNOHANG))[0] == 0:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)
    assert os.waitstatus_to_exitcode(done[1]) in (0, -signal.SIGKILL)
    return os.WIFSIGNALED(done[1])
