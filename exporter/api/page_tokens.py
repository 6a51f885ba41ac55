"""Page tokens and signatures: a place in a list, for one build, one set of filters, one caller."""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from itsdangerous import BadData, Signer, URLSafeSerializer
from itsdangerous.encoding import base64_decode, base64_encode

from exporter.api.problems import Fault, RequestError

KEY_FILE = ".api-secret"
# seconds in which the page tokens of a list are good, and their build is kept
LIFETIME = 3600
_LONGEST = 16_384
_KEY = 32


@dataclass(frozen=True)
class PageToken:
    """A place in a list. `filters` are the request's own, `identity` is the caller's.

    `expires` (seconds since 1970) is that of the list's first page: no page adds to it.
    """

    build_id: str
    dataset: str
    focus_version: str
    filters: tuple[tuple[str, str], ...]
    page_size: int
    after: tuple[str, ...]
    identity: str
    expires: int


def read_secret(home: Path) -> bytes:
    """Read what signs tokens and links, making it at first; it outlives a restart.

    It is one or several keys of 32 bytes behind each other: the last signs, all are good.
    """
    file = home / KEY_FILE
    key = _read_key(file)
    if key is not None:
        return key
    key = secrets.token_bytes(_KEY)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f"{KEY_FILE}.", dir=home)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(key)
            # whole or not at all: of two servers that start together one has the file first
            with suppress(FileExistsError):
                os.link(name, file)
            if _read_key(file) is None:
                Path(name).replace(file)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError:
        # a home that can't be written to: tokens live as long as the process
        return key
    return _read_key(file) or key


def _read_key(file: Path) -> bytes | None:
    try:
        key = file.read_bytes()
    except OSError:
        return None
    return key if len(key) >= _KEY else None


def sign(secret: bytes, purpose: str, content: str) -> str:
    """Sign text for a purpose, so that a signature is good for nothing else."""
    return _signer(secret, purpose).get_signature(content).decode()


def is_signed(secret: bytes, purpose: str, content: str, signature: str) -> bool:
    """Tell whether a signature is that of the text."""
    return _is_plain(signature) and _signer(secret, purpose).verify_signature(content, signature)


def write_page_token(secret: bytes, token: PageToken) -> str:
    """Make the text of a page token."""
    return str(_tokens(secret).dumps(asdict(token)))


def read_page_token(secret: bytes, text: str) -> PageToken:
    """Read a page token; raises a RequestError for one that was not written here."""
    reason = "was not given out by this server, or has been altered"
    fault = RequestError(
        "invalid-page-token",
        f"pageToken: it {reason}; leave it away to start at the first page.",
        (Fault("pageToken", reason),),
    )
    if len(text) > _LONGEST:
        raise fault
    try:
        found = _tokens(secret).loads(text)
    except BadData:
        raise fault from None
    if not _is_plain(text.rpartition(".")[2]):
        raise fault
    found["filters"] = tuple((name, value) for name, value in found["filters"])
    found["after"] = tuple(found["after"])
    return PageToken(**found)


def find_place(
    secret: bytes, text: str, identity: str, dataset: str, filters: Mapping[str, str]
) -> PageToken:
    """Read the page token of a request; raises a RequestError where it does not fit or is over."""
    token = read_page_token(secret, text)
    for fits, reason in (
        (token.identity == identity, "it was given to another token"),
        (token.dataset == dataset, "it belongs to another dataset"),
        (
            not filters or filters == dict(token.filters),
            "it belongs to other filters: give the same ones again, or none",
        ),
    ):
        if not fits:
            raise RequestError(
                "invalid-page-token", f"pageToken: {reason}.", (Fault("pageToken", reason),)
            )
    if token.expires < time.time():
        raise RequestError(
            "gone",
            "The page token has expired: start again at the first page, without pageToken.",
            (Fault("pageToken", "has expired"),),
        )
    return token


def _is_plain(signature: str) -> bool:
    # the same bytes have one text
    try:
        return base64_encode(base64_decode(signature)).decode() == signature
    except BadData:
        return False


def _signer(secret: bytes, purpose: str) -> Signer:
    return Signer(_keys(secret), salt=purpose, digest_method=hashlib.sha256)


def _tokens(secret: bytes) -> URLSafeSerializer:
    how = {"digest_method": hashlib.sha256}
    return URLSafeSerializer(_keys(secret), salt="page", signer_kwargs=how)


def _keys(secret: bytes) -> list[bytes]:
    return [secret[place : place + _KEY] for place in range(0, len(secret), _KEY)]
