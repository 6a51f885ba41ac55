"""Who asks, and which rows are theirs."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.api.problems import RequestError


@dataclass(frozen=True)
class Caller:
    """The holder of a token. None means all; an empty account stands for rows without one.

    `identity` tells tokens apart in page tokens, jobs and rate limits; it is not the token.
    """

    name: str
    identity: str
    datasets: frozenset[str] | None = None
    billing_accounts: frozenset[str] | None = None
    sub_accounts: frozenset[str] | None = None

    @property
    def is_scoped(self) -> bool:
        """Tell whether some rows are hidden from the caller."""
        return self.billing_accounts is not None or self.sub_accounts is not None

    @property
    def is_limited(self) -> bool:
        """Tell whether the token has a scope of any kind."""
        return self.is_scoped or self.datasets is not None

    def may_read(self, dataset: str) -> bool:
        """Tell whether the dataset is within the token's scope."""
        return self.datasets is None or dataset in self.datasets

    def check_dataset(self, dataset: str) -> None:
        """Raise a RequestError when the dataset is outside the token's scope."""
        if not self.may_read(dataset):
            raise RequestError("forbidden", f"The token does not reach the dataset {dataset}.")


# whoever asks where no token is configured: the server listens on loopback only
LOCAL = Caller(name="local", identity="local")
