"""Serve the simulated Microsoft: `python -m demo.entra FOLDER PORT`, where the folder has what GraphServer writes."""

import json
import sys
from pathlib import Path

import uvicorn

from demo.entra.app import Service
from demo.entra.world import World


def main(folder: Path, port: int) -> None:
    """Serve until somebody ends the process."""
    seed = json.loads((folder / "seed.json").read_text(encoding="utf-8"))
    world = World(seed, f"https://127.0.0.1:{port}")
    application = Service(world, (folder / "control-secret").read_text(encoding="ascii"))
    pair = {"ssl_certfile": str(folder / "server.pem"), "ssl_keyfile": str(folder / "server.key")}
    uvicorn.run(application, host="127.0.0.1", port=port, log_level="warning", access_log=False, **pair)  # type: ignore[arg-type]  # all its options at once


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
