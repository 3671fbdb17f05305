"""A TCP proxy on loopback that holds every byte back for a while: a long line without a narrow one.

`python -m bench.delay_proxy --listen 0 --to PORT --milliseconds 10` prints the port that it listens on. Each direction is delayed, so
that a round trip takes twice as long; bandwidth is not limited. It ends by a signal.
"""

import argparse
import asyncio
import contextlib
import socket
from collections.abc import Sequence
from typing import Final

_HOST: Final = "127.0.0.1"
_PIECE: Final = 256 * 1024
_UNDER_WAY: Final = 1024
"""Pieces in one direction at most: far more than any line of this kind holds."""

Piece = tuple[float, bytes]


async def _take(reader: asyncio.StreamReader, line: "asyncio.Queue[Piece]", delay: float) -> None:
    now = asyncio.get_running_loop().time
    piece = b"not yet"
    while piece:
        try:
            piece = await reader.read(_PIECE)
        except ConnectionError:
            piece = b""
        await line.put((now() + delay, piece))


async def _give(line: "asyncio.Queue[Piece]", writer: asyncio.StreamWriter) -> None:
    now = asyncio.get_running_loop().time
    while True:
        due, piece = await line.get()
        if (wait := due - now()) > 0:
            await asyncio.sleep(wait)
        if not piece:
            if writer.can_write_eof():
                writer.write_eof()
            return
        writer.write(piece)
        await writer.drain()


async def _one_way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    line: asyncio.Queue[Piece] = asyncio.Queue(_UNDER_WAY)
    taking = asyncio.create_task(_take(reader, line, delay))
    try:
        with contextlib.suppress(ConnectionError, OSError):
            await _give(line, writer)
    finally:
        taking.cancel()


async def serve(listen: int, to: int, delay: float) -> asyncio.Server:
    """Listen on a loopback port (0: a free one) and pass everything to another, each way `delay` seconds late."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(_HOST, to)
        except OSError:
            writer.close()
            return
        for one in (writer, far_writer):
            one.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await asyncio.gather(_one_way(reader, far_writer, delay), _one_way(far_reader, writer, delay))
        finally:
            writer.close()
            far_writer.close()

    return await asyncio.start_server(connected, _HOST, listen)


async def _run(arguments: argparse.Namespace) -> None:
    server = await serve(arguments.listen, arguments.to, arguments.milliseconds / 1000)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - whoever started it reads the port here
    await server.serve_forever()


def main(words: Sequence[str] | None = None) -> None:
    """Run until a signal comes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", type=int, default=0, help="the port to listen on; 0 for a free one")
    parser.add_argument("--to", type=int, required=True, help="the port to pass everything to")
    parser.add_argument("--milliseconds", type=float, required=True, help="how long each direction takes")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(parser.parse_args(words)))


if __name__ == "__main__":
    main()
