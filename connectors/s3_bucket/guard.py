"""What may be asked of S3: each operation of the library passes here before it is sent, by its name and its address."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from core.errors import GuardError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

READING: Final = frozenset({"ListObjectsV2", "ListObjectVersions", "GetObject", "HeadObject"})
STORING: Final = READING | {
    "PutObject",
    "CreateMultipartUpload",
    "UploadPart",
    "CompleteMultipartUpload",
    "AbortMultipartUpload",
    "ListMultipartUploads",
    "GetObjectLockConfiguration",
}
"""Nothing here takes an object away: AbortMultipartUpload ends an upload that never became one."""


def put_on_guard(client: "S3Client", allowed: frozenset[str]) -> None:
    """Make every other operation, and every other address than the client's own, raise GuardError before a byte is sent."""
    home = urlsplit(client.meta.endpoint_url)
    client.meta.events.register_first("before-call.s3", _check_operation(allowed))
    client.meta.events.register_last("before-send.s3", _check_address(home.scheme, home.netloc, allowed))


def _check_operation(allowed: frozenset[str]) -> Callable[..., None]:
    def check(model: Any, context: dict[str, Any], **_others: object) -> None:  # noqa: ANN401 - the library's own types are private
        if model.name not in allowed:
            raise _refused(model.name)
        # botocore sends a request again to whatever region an answer names, unless that was done already
        context.setdefault("s3_redirect", {})["redirected"] = True

    return check


def _check_address(scheme: str, netloc: str, allowed: frozenset[str]) -> Callable[..., None]:
    def check(request: Any, event_name: str, **_others: object) -> None:  # noqa: ANN401 - the library's own types are private
        if event_name.rsplit(".", 1)[-1] not in allowed:
            raise _refused(event_name.rsplit(".", 1)[-1])
        address = urlsplit(request.url)
        # on AWS the bucket is a part of the host's name
        if address.scheme != scheme or not (address.netloc == netloc or address.netloc.endswith(f".{netloc}")):
            raise _refused(f"a request to {address.netloc}")

    return check


def _refused(what: str) -> GuardError:
    return GuardError(
        f"{what} is not among the S3 operations that this connector may do here",
        untouched="everything; nothing left this machine",
        todo="report this as a defect of the program: it never needs this operation",
    )
