"""Page tokens: where a list goes on, signed, for one build, one set of filters and one caller."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from exporter.api.problems import Fault, RequestError

KEY_FILE = ".api-secret"
# seconds in which a page token is good, and its build is kept
LIFETIME = 3600
_LONGEST = 16_384
_SIGNATURE = 16


@dataclass(frozen=True)
class PageToken:
    """A place in a list. `filters` are the request's own, `identity` is the caller's."""

    build_id: str
    dataset: str
    focus_version: str
    filters: tuple[tuple[str, str], ...]
    page_size: int
    after: tuple[str, ...]
    identity: str
    expires: int


def read_secret(home: Path) -> bytes:
    """Read the key that signs tokens and links, making it at first; it outlives a restart."""
    file = home / KEY_FILE
    key = _read_key(file)
    if key is not None:
        return key
    key = secrets.token_bytes(32)
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
    return key if len(key) >= _SIGNATURE else None


def sign(secret: bytes, purpose: str, content: bytes) -> bytes:
    """Sign content for a purpose, so that a signature is good for nothing else."""
    return hmac.new(secret, purpose.encode() + b"\0" + content, hashlib.sha256).digest()


def write_page_token(secret: bytes, token: PageToken) -> str:
    """Make the text of a page token."""
    content = json.dumps(asdict(token), separators=(",", ":")).encode()
    signature = sign(secret, "page", content)[:_SIGNATURE]
    return base64.urlsafe_b64encode(signature + content).decode().rstrip("=")


def read_page_token(secret: bytes, text: str) -> PageToken:
    """Read a page token; raises a RequestError for one that was not written here."""
    fault = RequestError(
        "invalid-page-token",
        "pageToken: it was not given out by this server, or has been altered; leave it away to "
        "start at the first page.",
        (Fault("pageToken", "was not given out by this server, or has been altered"),),
    )
    if len(text) > _LONGEST:
        raise fault
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise fault from None
    signature, content = raw[:_SIGNATURE], raw[_SIGNATURE:]
    expected = sign(secret, "page", content)[:_SIGNATURE]
    # the same bytes have one text
    if not hmac.compare_digest(signature, expected) or text != base64.urlsafe_b64encode(
        raw
    ).decode().rstrip("="):
        raise fault
    found = json.loads(content)
    found["filters"] = tuple((name, value) for name, value in found["filters"])
    found["after"] = tuple(found["after"])
    return PageToken(**found)
