"""The delay proxy: every byte arrives, in order, late by what was asked for, and no slower for being many."""

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_bytes_arrive_late_and_whole() -> None:
    echo = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _address = echo.accept()
        with connection:
            while piece := connection.recv(1 << 20):
                connection.sendall(piece)

    threading.Thread(target=answer, daemon=True).start()
    command = [sys.executable, "-m", "bench.delay_proxy", "--to", str(echo.getsockname()[1]), "--milliseconds", "25"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as proxy:
        try:
            assert proxy.stdout
            port = int(proxy.stdout.readline())
            with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
                started = time.monotonic()
                line.sendall(b"x")
                assert line.recv(1) == b"x"
                assert 0.05 <= time.monotonic() - started < 1
                sent = bytes(range(256)) * 40_000
                threading.Thread(target=line.sendall, args=(sent,), daemon=True).start()
                got = b""
                while len(got) < len(sent):
                    got += line.recv(1 << 20)
                assert got == sent
        finally:
            proxy.terminate()
    echo.close()
