"""A bucket as a place for archives."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, BinaryIO, ClassVar, cast

from botocore.exceptions import ClientError
from pydantic import AfterValidator, Field

from connectors.s3_bucket.bucket import S3Bucket
from connectors.s3_bucket.errors import GONE, code_of, translated
from connectors.s3_bucket.guard import STORING
from connectors.s3_bucket.reader import ObjectReader
from connectors.s3_bucket.upload import Upload
from core.archive.names import is_relative
from core.errors import RefusedError


class LockMode(StrEnum):
    """How firmly a lock holds: until its end nobody opens COMPLIANCE; GOVERNANCE opens for whom the bucket's owner allows it."""

    GOVERNANCE = "GOVERNANCE"
    COMPLIANCE = "COMPLIANCE"


def _checked_prefix(prefix: str) -> str:
    if prefix and not (prefix.endswith("/") and is_relative(prefix[:-1])):
        raise ValueError("write a plain relative path that ends in a slash: archives/acme/")
    return prefix


class S3Store(S3Bucket):
    """A bucket, or a part of one, for archives. Objects appear whole; none is ever overwritten or removed.

    With `object_lock_days` each object is locked from its first moment. Source: S3 API Reference; S3 User Guide, Object Lock.
    """

    prefix: Annotated[str, AfterValidator(_checked_prefix)] = Field(default="", description="a path in the bucket, with a slash at its end")
    object_lock_days: int | None = Field(
        default=None, ge=1, le=36500, description="lock each object for so many days; no lock if not given"
    )
    object_lock_mode: LockMode = Field(default=LockMode.GOVERNANCE, description="GOVERNANCE, or COMPLIANCE: then nobody can end it early")

    allowed: ClassVar[frozenset[str]] = STORING

    @property
    def retention_days(self) -> int | None:
        """For how many days each new object is locked; None for not at all."""
        return self.object_lock_days

    @contextmanager
    def put(self, name: str) -> Iterator[BinaryIO]:
        """Write a new object: small ones at once, others in parts; at the end it is looked at again, size and sum.

        Raises RefusedError if the name leads elsewhere or is taken, or the bucket cannot lock; UnavailableError.
        """
        key = self._key(name)
        with translated(self.address):
            self._refuse_taken(key)
            upload = Upload(self.client, self.bucket, key, self._lock())
        with upload:
            yield cast("BinaryIO", upload)
            with translated(self.address):
                upload.finish()

    def get(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Read an object. Raises FileNotFoundError, RefusedError or UnavailableError."""
        return cast("BinaryIO", ObjectReader(self.client, self.bucket, self._key(name)))

    def list(self) -> tuple[str, ...]:
        """Name the objects that are there, sorted; folder marks are none."""
        with translated(self.address):
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
            keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        return tuple(sorted(key.removeprefix(self.prefix) for key in keys if not key.endswith("/")))

    def where(self) -> str:
        """Say in words where a person finds it."""
        return self.address + (f", below {self.prefix}" if self.prefix else "")

    def _key(self, name: str) -> str:
        if not is_relative(name) or "\\" in name:
            raise RefusedError(f"{name!r} cannot be the name of an object here", untouched="the bucket", todo="use a plain relative name")
        return self.prefix + name

    def _refuse_taken(self, key: str) -> None:
        try:
            self.client.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if code_of(error) in GONE:
                return
            # an answer to HEAD has no words: the listing's say what is wrong
            self.client.list_objects_v2(Bucket=self.bucket, Prefix=key, MaxKeys=1)
            raise
        raise RefusedError(f"{key} is there already and is never overwritten", untouched="it", todo="name an empty place")

    def _lock(self) -> dict[str, Any]:
        """Tell what each new object carries. Raises RefusedError if the bucket cannot lock."""
        if self.object_lock_days is None:
            return {}
        try:
            found = self.client.get_object_lock_configuration(Bucket=self.bucket)["ObjectLockConfiguration"].get("ObjectLockEnabled")
        except ClientError as error:
            if code_of(error) != "ObjectLockConfigurationNotFoundError":
                raise
            found = None
        if found != "Enabled":
            raise RefusedError(
                f"{self.address} has no Object Lock, but object_lock_days asks for it",
                untouched="the bucket; nothing was written",
                todo="have the client make a bucket with Object Lock, or leave object_lock_days out",
            )
        until = datetime.now(UTC) + timedelta(days=self.object_lock_days)
        return {"ObjectLockMode": self.object_lock_mode.value, "ObjectLockRetainUntilDate": until}
