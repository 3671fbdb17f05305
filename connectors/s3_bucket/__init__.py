"""S3 buckets: objects to export, read only, and a place for archives."""

from connectors.s3_bucket.files import S3Files
from connectors.s3_bucket.store import S3Store

__all__ = ["S3Files", "S3Store"]
