"""Write the JSON Schema with which editors check and complete engagement files: `python -m configs.schema`."""

import json
from pathlib import Path

from configs.engagement_file import json_schema

SCHEMA_FILE = Path(__file__).with_name("engagement.schema.json")


def schema_text() -> str:
    """Give the schema file's whole text."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(head | json_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write() -> None:
    """Renew the schema file."""
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")


if __name__ == "__main__":
    write()
