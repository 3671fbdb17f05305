"""What the simulated client's bucket holds: pictures with their metadata, an older version, a deleted one, and keys that are no paths."""

import random
from typing import Any

import boto3
from botocore.config import Config

from demo.s3_server import S3Server

BUCKET = "acme-dental-images"
IMAGES = 120


def fill_bucket(server: S3Server) -> None:
    """Make the bucket, with versions, as the client did over the years. The same content each time but for times."""
    client: Any = boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=server.region,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        config=Config(s3={"addressing_style": "path"}, proxies={}),
    )
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    chance = random.Random(2027)  # noqa: S311 - made-up pictures, not secrets

    def put(key: str, content: bytes, kind: str = "image/jpeg", **metadata: str) -> None:
        client.put_object(Bucket=BUCKET, Key=key, Body=content, ContentType=kind, Metadata=metadata)

    for number in range(IMAGES):
        put(f"xray/{number // 40}/{number:04}.jpg", chance.randbytes(chance.randint(2_000, 60_000)), tooth=str(11 + number % 32))
    put("consent/1007.txt", b"first version\n", "text/plain", clerk="reception")
    put("consent/1007.txt", b"second version\n", "text/plain", clerk="reception")
    put("logo", b"a file that is a folder as well\n", "text/plain")
    put("logo/large.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>\n", "image/svg+xml")
    put("left//behind", b"a key that is no path\n", "text/plain")
    put("scans/", b"", "application/x-directory")
    put("deleted.txt", b"its older version is still there\n", "text/plain")
    client.delete_object(Bucket=BUCKET, Key="deleted.txt")
