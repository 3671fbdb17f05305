"""The refusals and silences of AWS as the errors of ports. Source: IAM and STS API Reference, Common Errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError, SSLError
from botocore.parsers import ResponseParserError

from core.errors import GoodLeaverError, RefusedError, UnavailableError

UNKNOWN_KEY: Final = {"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId"}
"""How AWS answers to an access key that is inactive or does not exist."""
DENIED: Final = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "KMSAccessDeniedException", "UnauthorizedOperation"}
EXPIRED: Final = {"ExpiredToken", "ExpiredTokenException"}
GONE: Final = {
    *("NoSuchEntity", "NoSuchEntityException", "NoSuchBucketPolicy", "NoSuchBucket", "NotFoundException", "NotFound"),
    *("ResourceNotFoundException", "RepositoryPolicyNotFoundException", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"),
}
_TRY_AGAIN: Final = {
    *(
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
    ),
    *("RequestLimitExceeded", "SlowDown", "ServiceUnavailable", "ServiceUnavailableException", "ServiceFailure", "ServiceFailureException"),
    *("InternalError", "InternalFailure", "InternalServerError", "KMSInternalException", "EntityTemporarilyUnmodifiable"),
    *("ConcurrentModification", "RequestTimeout", "RequestTimeoutException", "PriorRequestNotComplete"),
}
_REFUSALS: Final = {
    "SignatureDoesNotMatch": ("the secret key does not fit the access key", "put the right secret key where the reference points"),
    "RequestExpired": ("the clocks differ", "set this machine's clock by a time server"),
    "LimitExceeded": ("a quota of the account is used up", "have the client raise it, or make room"),
    "MalformedPolicyDocument": ("AWS does not take the policy", "have the client look at it: it may name a principal that is gone"),
    "UnmodifiableEntity": ("AWS itself keeps it and lets nobody change it", "have the client end it by the service that it belongs to"),
}


_WHAT_MAY_BE: Final = (
    "see that our key is active, that it may assume the role, and that role_arn and external_id are right in the engagement file. If "
    "the client has ended our access itself, and nothing was begun there, take the system out of that file, and have a new plan signed"
)


class DeniedError(RefusedError):
    """We may not do one thing; others we may."""


class WayInRefusedError(RefusedError):
    """The account does not let us in by our own credential. `caller`: who we are there, or which access key it was."""

    def __init__(self, what: str, *, caller: str) -> None:
        """Name who was refused."""
        super().__init__(what, untouched="the account", todo=_WHAT_MAY_BE)
        self.caller = caller


class ExpiredError(RefusedError):
    """The session that asked has run out."""


class GoneError(RefusedError):
    """There is no such thing in the account; for whoever looks, that is an answer."""


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn the library's errors into those of ports, without a word of what was sent. GoneError for what is not there."""
    try:
        yield
    except ClientError as error:
        raise _of_answer(error, what) from None
    except (ResponseParserError, KeyError):  # the library looks for what it expects without asking
        raise UnavailableError(f"{what}: what came back is no answer of AWS's", untouched="what comes after it") from None
    except (BotoCoreError, OSError) as error:
        raise _of_silence(error, what) from None


def code_of(error: ClientError) -> str:
    """Give the answer's error code."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _of_answer(error: ClientError, what: str) -> Exception:
    code, status = code_of(error), int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in GONE:
        return GoneError(f"{what}: AWS says that there is no such thing", untouched="everything in the account")
    if code in _TRY_AGAIN or status == 429 or status >= 500:  # noqa: PLR2004 - HTTP: too many requests, failure of the server
        return UnavailableError(f"AWS could not serve {what} just now ({code or status})", untouched="what comes after it")
    if code in UNKNOWN_KEY:
        return WayInRefusedError(f"{what}: AWS does not know our access key, or it is inactive", caller="")
    if code in EXPIRED:
        return ExpiredError(f"{what}: the session has expired", untouched="what it is about", todo="start again")
    if code in DENIED:
        return DeniedError(
            f"{what}: our credential may not do this", untouched="what it is about", todo="have the client allow it, or do it itself"
        )
    why, todo = _REFUSALS.get(code, (f"AWS answered {code or status}", "see what this error means in the documentation of this service"))
    return RefusedError(f"{what}: {why}", untouched="what it is about", todo=todo)


def _of_silence(error: Exception, what: str) -> GoodLeaverError:
    if isinstance(error, SSLError):
        return RefusedError(
            f"{what}: the server does not prove by TLS to be who it should be",
            untouched="everything; nothing was sent",
            todo="see that the endpoint is right",
        )
    if isinstance(error, ParamValidationError):
        return RefusedError(f"{what} was asked in a form that AWS does not take", untouched="everything; nothing was sent")
    return UnavailableError(f"{what}: AWS cannot be reached ({type(error).__name__})", untouched="the account")
