"""Rows of `s3`: pulling from a real S3 server on loopback, against s5cmd and the AWS command line."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from bench.archives import shell
from bench.measure import files_of
from bench.pulls import arrived, own
from bench.rows import Contender, Row, contest
from bench.workplace import Workplace, missing
from demo.s3_server import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LEVEL, AHEAD = 1.1, 1.0
UPLOADS = 8


def s3(workplace: Workplace) -> list[Row]:
    """Pull many small objects and one big one."""
    rows = list[Row]()
    with S3Server.start(workplace.scratch / "s3") as server:
        for work, name in (("S3, 5,000 objects", "5000"), ("S3, one object of 1 GB", "one")):
            data, bucket = workplace.data(name), f"bench-{name}"
            workplace.tell(f"{work}: filling the bucket")
            _fill(_client(server), bucket, data)
            place = workplace.place(
                None,
                AWS_ACCESS_KEY_ID=server.access_key,
                AWS_SECRET_ACCESS_KEY=server.secret_key,
                AWS_DEFAULT_REGION=server.region,
                AWS_ENDPOINT_URL=server.endpoint,
                OURS_ACCESS_KEY=server.access_key,
                OURS_SECRET_KEY=server.secret_key,
            )
            peers = _peers(server.endpoint, bucket, data)
            rows += contest(
                work, own(workplace, "Good Leaver", _source(server, bucket), data), peers, place, runs=workplace.runs, tell=workplace.tell
            )
    return rows


def _source(server: S3Server, bucket: str) -> dict[str, object]:
    return {
        "kind": "s3_bucket",
        "name": "bench",
        "bucket": bucket,
        "endpoint": server.endpoint,
        "region": server.region,
        "access_key": "env:OURS_ACCESS_KEY",
        "secret_key": "env:OURS_SECRET_KEY",
    }


def _peers(endpoint: str, bucket: str, data: Path) -> Sequence[Contender]:
    return (
        Contender(
            "s5cmd",
            shell(f'''s5cmd --log error --endpoint-url {endpoint} cp "s3://{bucket}/*" "$OUT/"'''),
            missing("s5cmd"),
            check=arrived(data),
            goal=LEVEL,
        ),
        Contender(
            "aws s3 sync",
            shell(f'aws s3 sync --only-show-errors --endpoint-url {endpoint} s3://{bucket} "$OUT"'),
            missing("aws"),
            check=arrived(data),
            goal=AHEAD,
        ),
    )


def _client(server: S3Server) -> "S3Client":
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=server.region,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        config=Config(max_pool_connections=UPLOADS),
    )


def _fill(client: "S3Client", bucket: str, data: Path) -> None:
    client.create_bucket(Bucket=bucket)

    def upload(path: Path) -> None:
        # The classic transfer client: the one built on the AWS common runtime ignores the endpoint (github.com/boto/boto3/issues/4839).
        client.upload_file(str(path), bucket, str(path.relative_to(data)), Config=TransferConfig(preferred_transfer_client="classic"))

    with ThreadPoolExecutor(UPLOADS) as pool:
        list(pool.map(upload, files_of(data)))
