"""The command `offboard`."""

import sys

from core.errors import ConfigurationError, GoodLeaverError


def run() -> None:
    """Run the command; errors are sentences on standard error. Exit status 1: refused or held; 2: wrong input."""
    try:
        # `archive` works alone: what engagements need takes a second to load, which is as long as many an archive takes.
        if sys.argv[1:2] == ["archive"]:
            from cli import archive  # noqa: PLC0415 - see above

            archive.app(sys.argv[2:], prog_name="offboard archive")
        # So does `client-check`, which the client runs, on Windows and macOS as well: with requirements/client.lock and no more.
        elif sys.argv[1:2] == ["client-check"]:
            from cli import client_check  # noqa: PLC0415 - see above

            client_check.app(sys.argv[2:], prog_name="offboard client-check")
        else:
            from cli.commands import app  # noqa: PLC0415 - see above

            app(prog_name="offboard")
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    except GoodLeaverError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


if __name__ == "__main__":
    run()
