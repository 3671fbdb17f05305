"""The refusals and silences of S3 as the errors of ports. Source: S3 API Reference, Error Responses."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError, SSLError

from core.archive.names import shown
from core.errors import GoodLeaverError, RefusedError, UnavailableError

_SETTINGS: Final = "correct the engagement file, then start again"
_REFUSALS: Final = {
    "NoSuchBucket": ("there is no such bucket", "correct the bucket's name in the engagement file"),
    "InvalidBucketName": ("that is no name of a bucket", "correct the bucket's name in the engagement file"),
    "AccessDenied": ("our key may not do this", "have the client allow it to this key, by its policy and the bucket's"),
    "AllAccessDisabled": ("the bucket is closed to everybody", "ask the client"),
    "InvalidAccessKeyId": ("the access key is not known there", "see that the access key is right and still active"),
    "SignatureDoesNotMatch": ("the secret key does not fit the access key", "put the right secret key where the reference points"),
    "ExpiredToken": ("the session token has expired", "get a new one"),
    "InvalidToken": ("the session token is not valid", "get a new one, or leave it out"),
    "RequestTimeTooSkewed": ("the clocks differ by more than 15 minutes", "set this machine's clock by a time server"),
    "RequestExpired": ("the clocks differ", "set this machine's clock by a time server"),
    "PermanentRedirect": ("the bucket lies in another region; nothing is followed there", _SETTINGS),
    "TemporaryRedirect": ("it points to another place; nothing is followed there", "name the bucket's own region and endpoint"),
    "AuthorizationHeaderMalformed": ("the bucket lies in another region", _SETTINGS),
    "IllegalLocationConstraintException": ("the bucket lies in another region", _SETTINGS),
    "InvalidObjectState": ("it lies in cold storage and cannot be read", "have the client restore it first"),
    "PreconditionFailed": ("there is an object of that name already, and none is ever overwritten", "name an empty place"),
    "ObjectLockConfigurationNotFoundError": ("the bucket has no Object Lock", "take a bucket made with Object Lock"),
    "BadDigest": ("the bytes did not arrive as they were sent", "start again; if it happens again, look at the network"),
    "InvalidDigest": ("the bytes did not arrive as they were sent", "start again; if it happens again, look at the network"),
    "XAmzContentSHA256Mismatch": ("the bytes did not arrive as they were sent", "start again; look at the network"),
}
_BY_STATUS: Final = {401: "AccessDenied", 403: "AccessDenied", 412: "PreconditionFailed"}
_TRY_AGAIN: Final = {
    *("SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "OperationAborted", "Throttling", "ThrottlingException"),
    *("RequestLimitExceeded", "BandwidthLimitExceeded", "ConditionalRequestConflict", "503", "500", "502", "504", "409", "429"),
}
GONE: Final = {"NoSuchKey", "NoSuchVersion", "404", "MethodNotAllowed"}
"""Reading answers MethodNotAllowed where the version asked for is a delete marker."""


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn the library's errors into those of ports, without a word of what was sent. FileNotFoundError for what is gone."""
    try:
        yield
    except ClientError as error:
        raise _of_answer(error, shown(what)) from None
    except (BotoCoreError, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise _of_silence(error, shown(what)) from None


def code_of(error: ClientError) -> str:
    """Give the answer's error code; its HTTP status as text where it had none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: ClientError) -> int:
    """Give the answer's HTTP status."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _of_answer(error: ClientError, what: str) -> GoodLeaverError | OSError:
    code, status = code_of(error), status_of(error)
    if code in GONE:
        return FileNotFoundError(2, "no such object", what)
    if code in _TRY_AGAIN:
        return UnavailableError(f"S3 could not serve {what} just now ({code})", untouched="it", todo="try again later")
    if status // 100 == 3:  # noqa: PLR2004 - the HTTP class of redirections
        code = "PermanentRedirect" if status in (301, 308) else "TemporaryRedirect"
    why, todo = _REFUSALS.get(code) or _REFUSALS.get(_BY_STATUS.get(status, ""), ("", ""))
    if not why:
        why, todo = f"S3 answered {code or status}", "see what this error means in the documentation of this S3 server"
    return RefusedError(f"{what}: {why}", untouched="all objects there", todo=todo)


def _of_silence(error: Exception, what: str) -> GoodLeaverError:
    if isinstance(error, SSLError):
        return RefusedError(
            f"{what}: the server does not prove by TLS to be who it should be",
            untouched="everything; nothing was sent",
            todo="see that the endpoint is right; for a certificate of the client's own, name its issuer's certificate as ca",
        )
    return UnavailableError(
        f"{what} cannot be reached ({type(error).__name__})", untouched="all objects there", todo="try again when the server answers"
    )
