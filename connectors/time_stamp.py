"""Time stamps by RFC 3161: an authority states when it saw a digest, and signs that."""

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, Literal

import httpx
from cryptography import x509
from pydantic import Field, StringConstraints
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    Verifier,
    VerifierBuilder,
    decode_timestamp_response,
)

from core.errors import RefusedError, UnavailableError
from core.model import Noun
from core.ports import TimeStamp

LARGEST_ANSWER: Final = 1 << 20
QUERY: Final = "application/timestamp-query"
REPLY: Final = "application/timestamp-reply"
NOT_STAMPED: Final = "nothing was time stamped"
OK: Final = 200
BUSY: Final = {408, 425, 429}
LEAST_SERVER_FAULT: Final = 500
TO_REDIRECT: Final = range(300, 400)


class Rfc3161(Noun):
    """A time stamping authority, asked over HTTP (RFC 3161 section 3.4); it learns a digest and nothing else.

    `roots`: a PEM file of the authority's certificates that are trusted, and no others are.
    """

    kind: Literal["rfc3161"]
    url: Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.:\[\]-]+(/[^\s?#@]*)?$")]
    roots: Path
    timeout_seconds: int = Field(default=30, ge=1, le=600)

    def stamp(self, message: bytes) -> TimeStamp:
        """Have a message time stamped over its SHA-256; the stamp is verified against the roots.

        The token as a file beside the message is what `openssl ts -verify -in F.tsr -data F -CAfile ROOTS` takes. Raises
        UnavailableError (no answer in time, or the authority is busy), RefusedError (it said no, or what it gave does not hold).
        """
        roots = self.trusted_roots()
        trusted = x509.load_pem_x509_certificates(roots)
        request = TimestampRequestBuilder(message, HashAlgorithm.SHA256).build()
        answer, kind = self._ask(request.as_bytes())
        response = self._granted(answer, kind)
        verifier = VerifierBuilder(roots=trusted, nonce=request.nonce).build()
        self._verify(verifier, response, message)
        return TimeStamp(answer, response.tst_info.gen_time, self.url, roots)

    def trusted_roots(self) -> bytes:
        """Read the roots. Raises RefusedError if they are no certificates."""
        try:
            roots = self.roots.read_bytes()
            x509.load_pem_x509_certificates(roots)
        except (OSError, ValueError) as error:
            raise RefusedError(
                f"{self.roots} is no readable file of certificates (PEM)", untouched=NOT_STAMPED, todo="put the authority's roots there"
            ) from error
        return roots

    def _ask(self, query: bytes) -> tuple[bytes, str]:
        """Post the query once. Returns the answer and what kind the server says it is. No redirect is followed."""
        headers = {"Content-Type": QUERY, "Accept": REPLY, "Accept-Encoding": "identity"}
        with (
            self._told(),
            httpx.Client(verify=ssl.create_default_context(), timeout=self.timeout_seconds) as client,
            client.stream("POST", self.url, content=query, headers=headers) as response,
        ):
            self._expect(response)
            return self._read(response), response.headers.get("Content-Type", "nothing said about its kind")

    def _read(self, response: httpx.Response) -> bytes:
        content, until = b"", time.monotonic() + self.timeout_seconds
        for chunk in response.iter_raw():  # as they come: one who sends a byte now and then is seen here
            content += chunk
            if len(content) > LARGEST_ANSWER:
                raise self._refused("answered with more than a time stamp can be")
            if time.monotonic() > until:
                raise httpx.ReadTimeout("the answer does not end")
        return content

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except httpx.ConnectError as error:
            if isinstance(_root_cause(error), ssl.SSLCertVerificationError):
                raise self._refused(
                    "shows a TLS certificate that does not hold", "correct the url, or this machine's authorities"
                ) from error
            raise self._unavailable(f"cannot be reached ({error})") from error
        except httpx.TimeoutException as error:
            raise self._unavailable(f"gave no answer within {self.timeout_seconds} seconds") from error
        except httpx.HTTPError as error:
            raise self._unavailable(f"gave no whole answer ({type(error).__name__})") from error

    def _expect(self, response: httpx.Response) -> None:
        code = response.status_code
        if code in BUSY or code >= LEAST_SERVER_FAULT:
            raise self._unavailable(f"answered {code}")
        if code in TO_REDIRECT:
            raise self._refused(f"answered {code}: it is somewhere else, and no redirect is followed", "correct the url")
        if code != OK:
            raise self._refused(f"answered {code}")

    def _granted(self, answer: bytes, kind: str) -> TimeStampResponse:
        try:
            response = decode_timestamp_response(answer)
            status = PKIStatus(response.status)
        except ValueError as error:
            raise self._refused(f"answered with something that is no time stamp ({kind[:60]!r})", "see what answers at that url") from error
        if status is PKIStatus.WAITING:
            raise self._unavailable("says that the time stamp is not ready")
        if status is not PKIStatus.GRANTED:
            said = "; ".join(response.status_string)[:200] or "without a reason"
            raise self._refused(f"refuses to time stamp (status {status.name.lower()}: {said})", "ask the authority")
        return response

    def _verify(self, verifier: Verifier, response: TimeStampResponse, message: bytes) -> None:
        try:
            verifier.verify_message(response, message)
        except (VerificationError, ValueError) as error:
            raise self._refused(
                f"gave a time stamp that does not hold ({error})", "see that roots are this authority's, and that nobody sits in between"
            ) from error

    def _refused(self, what: str, todo: str = "correct the url, or name another authority") -> RefusedError:
        return RefusedError(f"the time stamping authority {self.url} {what}", untouched=NOT_STAMPED, todo=todo)

    def _unavailable(self, what: str) -> UnavailableError:
        return UnavailableError(f"the time stamping authority {self.url} {what}", untouched=NOT_STAMPED, todo="the next pass tries again")


def _root_cause(error: BaseException) -> BaseException:
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error
