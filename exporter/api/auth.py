"""Bearer tokens: one from the environment, others from a file that holds only their hashes.

The file is YAML or JSON:

    tokens:
      - name: finance
        sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
        expires: 2027-01-01T00:00:00Z       # optional
        datasets: [cost-and-usage]          # optional; without it all
        billing_accounts: [org-acme]        # optional; without it all
        sub_accounts: [Marketing, ""]       # optional; "" are rows without a sub account

It is read with every request and parsed again when it has changed: a revoked token is not good for
one more.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import threading
import time
from dataclasses import dataclass, replace
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import yaml

from exporter.api.datasets import API_DATASETS
from exporter.api.principal import LOCAL, Caller
from exporter.api.problems import RequestError
from exporter.errors import UserError

VARIABLE = "FINOPS_FOUNDATION_TOKEN"
# what is shorter can be found by trying
SHORTEST_TOKEN = 16
_KEYS = {"name", "sha256", "expires", "datasets", "billing_accounts", "sub_accounts"}
_log = logging.getLogger("focus_export.api")


@dataclass(frozen=True)
class _Entry:
    digest: bytes
    caller: Caller
    expires: float | None = None


class Authenticator:
    """Tells who holds a token. Without any token configured, everybody is LOCAL."""

    def __init__(self, file: Path | None = None, token: str | None = None) -> None:
        """Take the file of hashed tokens and the environment's token; UserError for a bad file."""
        self._file = file
        self._fixed: list[_Entry] = []
        # a mounted secret ends in a line feed, which no header can carry
        given = os.environ.get(VARIABLE, "") if token is None else token
        token = given.strip()
        if given and not token:
            # a secret that is mounted empty must not open the server
            raise UserError(f"{VARIABLE} holds nothing but blanks: set a token, or unset it.")
        if token:
            if not token.isascii() or not token.isprintable():
                raise UserError(f"{VARIABLE} must be printable ASCII: no header carries the rest.")
            digest = hashlib.sha256(token.encode()).digest()
            self._fixed.append(_Entry(digest, Caller("environment", _identity(digest))))
        self.is_guessable = 0 < len(token) < SHORTEST_TOKEN
        self._lock = threading.Lock()
        self._content: bytes | None = None
        self._listed: list[_Entry] = []
        if file is not None:
            self._content = _read_file(file)
            self._listed = read_tokens(file, self._content)

    @property
    def is_open(self) -> bool:
        """Tell that no token is configured: then only this machine may reach the server."""
        return self._file is None and not self._fixed

    def authenticate(self, header: str | None) -> Caller:
        """Find the holder of an Authorization header's token; RequestError where there is none.

        All known hashes are compared, each in constant time, so that the time taken does not tell
        which came near.
        """
        if self.is_open:
            return LOCAL
        scheme, _, token = (header or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise RequestError("unauthorized", "Send the header Authorization: Bearer TOKEN.")
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        found = None
        for entry in self._entries():
            if hmac.compare_digest(entry.digest, digest):
                found = entry
        if found is None:
            raise RequestError("unauthorized", "The token is not known here.")
        if found.expires is not None and found.expires <= time.time():
            raise RequestError("unauthorized", "The token has expired.")
        return found.caller

    def is_good(self, caller: Caller) -> bool:
        """Tell whether a token that was good once still is, with the same scope."""
        if self.is_open or caller == LOCAL:
            # LOCAL is also who started a server on standard input, as this user
            return caller == LOCAL
        now = time.time()
        return any(
            replace(entry.caller, name=caller.name) == caller
            for entry in self._entries()
            if entry.expires is None or entry.expires > now
        )

    def _entries(self) -> list[_Entry]:
        if self._file is None:
            return self._fixed
        with self._lock:
            try:
                content = _read_file(self._file)
                if content != self._content:
                    # what was revoked by an edit that went wrong must not stay good
                    self._content, self._listed = content, []
                    self._listed = read_tokens(self._file, content)
            except UserError as error:
                self._content, self._listed = None, []
                _log.error("%s Until then no token of it is good.", error)
            return [*self._fixed, *self._listed]


def _read_file(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UserError(f"The token file {file} can't be read ({error.strerror}).") from None


def read_tokens(file: Path, text: bytes) -> list[_Entry]:
    """Read the text of a file of hashed tokens; raises UserError, naming the entry, for faults."""
    try:
        content = yaml.safe_load(text.decode("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        raise UserError(f"The token file {file} is neither YAML nor JSON.") from None
    entries = content.get("tokens") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise UserError(f"The token file {file} must hold a list named tokens.")
    read = [_read_entry(file, number, entry) for number, entry in enumerate(entries, 1)]
    for name, values in (
        ("name", [entry.caller.name for entry in read]),
        ("sha256", [entry.digest.hex() for entry in read]),
    ):
        if len(set(values)) < len(values):
            raise UserError(f"The token file {file} has the same {name} twice.")
    return read


def _read_entry(file: Path, number: int, entry: Any) -> _Entry:
    def refuse(reason: str) -> UserError:
        return UserError(f"Token {number} of {file}: {reason}.")

    if not isinstance(entry, dict):
        raise refuse("it must have name and sha256")
    unknown = sorted(str(key) for key in entry if key not in _KEYS)
    if unknown:
        # a misspelt scope would open everything
        raise refuse(f"{', '.join(unknown)} is no key; choose from {', '.join(sorted(_KEYS))}")
    name, digest = entry.get("name"), entry.get("sha256")
    if not isinstance(name, str) or not re.fullmatch(r"[\w.@ -]{1,64}", name):
        raise refuse("name must be 1 to 64 letters, digits, spaces or . _ @ -")
    if not isinstance(digest, str) or not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
        raise refuse("sha256 must be the 64 hexadecimal digits of the token's SHA-256")
    scopes: dict[str, frozenset[str] | None] = {}
    for key in ("datasets", "billing_accounts", "sub_accounts"):
        values = entry.get(key)
        if key in entry and (
            not isinstance(values, list) or not all(isinstance(value, str) for value in values)
        ):
            raise refuse(f"{key} must be a list of texts (put numbers in quotes)")
        scopes[key] = None if values is None else frozenset(values)
    strange = sorted((scopes["datasets"] or frozenset()) - API_DATASETS.keys())
    if strange:
        raise refuse(f"there is no dataset {strange[0]}; choose from {', '.join(API_DATASETS)}")
    raw = bytes.fromhex(digest)
    caller = Caller(name, _identity(raw), **scopes)
    expires = entry.get("expires")
    return _Entry(raw, caller, None if expires is None else _read_expiry(expires, refuse))


def _read_expiry(value: object, refuse: Any) -> float:
    moment = value
    try:
        if isinstance(moment, str):
            moment = datetime.fromisoformat(moment.replace("Z", "+00:00"))
        if isinstance(moment, datetime):
            # a moment without an offset is UTC
            moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
            return moment.timestamp()
        if isinstance(moment, date):
            return datetime(moment.year, moment.month, moment.day, tzinfo=timezone.utc).timestamp()
    except ValueError:
        pass
    refusal = refuse("expires must be a date or a moment such as 2027-01-01T00:00:00Z")
    assert isinstance(refusal, UserError)  # noqa: S101
    raise refusal


def _identity(digest: bytes) -> str:
    # of the hash, so that it tells nothing of the token
    return hashlib.sha256(b"identity" + digest).hexdigest()[:24]
