"""Acme's tenant as a source of data, and what the simulator itself says that it holds."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from connectors.microsoft import Microsoft365
from core.model import InventoryItem, ItemKind
from core.ports import ReadFile
from demo.entra.files import content
from demo.entra.store import Entity
from tests.servers.acme_world import CALM
from tests.servers.graph_world import GraphWorld

DANA, OMAR = "dana@acme-dental.example", "omar@acme-dental.example"


class Microsoft365World:
    """The running simulator, the connector for Acme's tenant, and what Acme itself does there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.graph = GraphWorld(folder)
        self.acme, self.server = self.graph.acme, self.graph.server

    def settings(self, **changed: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of several types
        """The engagement file's words."""
        keys = self.folder / "keys"
        credential = {"client_id": self.acme.northwind.offboarding["appId"]}
        credential |= {"private_key": f"file:{keys}/offboarding.key", "certificate": f"{keys}/offboarding.pem"}
        return {
            "kind": "microsoft365",
            "name": "m365",
            "tenant_id": self.acme.id,
            "endpoints": dict.fromkeys(("login", "graph", "partner_center"), self.server.address),
            "ca_file": str(self.server.authority),
            "access": credential,
            "drives": [DANA],
            "mailboxes": [DANA],
        } | changed

    def source(self, **changed: Any) -> Microsoft365:  # noqa: ANN401 - fields of several types
        """The connector, with some fields changed."""
        return Microsoft365.model_validate(self.settings(**changed))

    def with_few_permissions(self, **changed: Any) -> Microsoft365:  # noqa: ANN401 - fields of several types
        """The connector with another application, which may read users and logs, and no policies, mail or files."""
        secret = f"file:{self.folder}/keys/monitoring.secret"
        return self.source(access={"client_id": self.acme.northwind.monitoring["appId"], "client_secret": secret}, **changed)

    def table(self, name: str) -> dict[str, Entity]:
        """All objects of a table as the simulator holds them, by id."""
        return dict(self.server.control("state", tenant=self.acme.id)["tables"].get(name, {}))

    def object(self, table: str, key: str, **said: Any) -> Any:  # noqa: ANN401 - JSON
        """Read an object, or change it as somebody else."""
        return self.server.control("object", tenant=self.acme.id, table=table, id=key, **said)

    def fails(self, *faults: dict[str, Any]) -> None:
        """Have the next requests fail."""
        self.server.control("controls", faults=list(faults))

    @property
    def drive(self) -> str:
        """The id of Dana's drive."""
        return next(key for key, one in self.table("drives").items() if one["_owner"] == self.acme.dana["id"])

    def put_file(self, name: str, size: int, **more: Any) -> Entity:  # noqa: ANN401 - properties
        """Put another file into Dana's drive."""
        table = f"items/{self.drive}"
        root = next(one for one in self.table(table).values() if "root" in one)
        said = {"id": f"01{name}", "name": name, "size": size, "file": {}, "eTag": f'"{name},1"', "cTag": f'"c:{name},1"', "_seed": name}
        said |= {"_changed": 90, "createdDateTime": "2026-01-01T00:00:00Z", "lastModifiedDateTime": "2026-01-02T00:00:00Z"}
        said |= {"parentReference": {"driveId": self.drive, "id": root["id"]}} | more
        self.object(table, root["id"], changes={"folder": {"childCount": root["folder"]["childCount"] + 1}})
        return dict(self.object(table, said["id"], changes=said))

    def larger_messages(self, size: int) -> None:
        """Make each message of Acme's about so large, in bytes."""
        for key, one in self.table("messages").items():
            self.object("messages", key, changes={"_mime": one["_mime"] + "0123456789abcdef\n" * (size // 17)})

    def file_bytes(self, one: Entity) -> bytes:
        """What a file holds."""
        return b"".join(content(one["_seed"], one["size"]))


def quick_xor(content: bytes) -> str:
    """The sum that drives for business keep, byte by byte as Microsoft describes it: a ring of 160 bits, eleven further for each."""
    ring, place = [0] * 160, 0
    for byte in content:
        for bit in range(8):
            ring[(place + bit) % 160] ^= byte >> bit & 1
        place = (place + 11) % 160
    number = sum(bit << at for at, bit in enumerate(ring)) ^ len(content) << 96
    return base64.b64encode(number.to_bytes(20, "little")).decode()


def files(source: Microsoft365) -> list[InventoryItem]:
    """List the files alone."""
    return [item for item in source.inventory() if item.kind is ItemKind.FILE]


def item_at(source: Microsoft365, ending: str) -> InventoryItem:
    """Find the one item whose path ends so."""
    (item,) = [item for item in source.inventory() if item.path.endswith(ending)]
    return item


def whole(read: ReadFile) -> bytes:
    """Use one file up."""
    assert not isinstance(read.content, Exception), read.content
    if isinstance(read.content, bytes):
        return read.content
    with read.content as stream:
        return b"".join(iter(lambda: stream.read(70_001), b""))


@contextmanager
def as_it_was(world: Microsoft365World) -> Iterator[Microsoft365World]:
    """Lend the world, and put Acme's tenant and the simulator's manners back afterwards."""
    before = world.server.control("state", tenant=world.acme.id)
    try:
        yield world
    finally:
        world.server.control("controls", **CALM)
        world.server.control("state", tenant=world.acme.id, state=before)
