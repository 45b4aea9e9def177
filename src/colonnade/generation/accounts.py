"""Who has used how much, as far as a generation is concerned with it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from colonnade.watch import about

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Used:
    """What was used of the server."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Used) -> Used:
        """The two together."""
        return Used(
            self.requests + other.requests,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )


class Accounts(Protocol):
    """Keeps an account for each client, as ``asking`` has them."""

    def admit(self, client: str) -> None:
        """Let a client have another answer.

        Raises:
            Failure: what it may use is used up.
        """

    def note(self, client: str, used: Used) -> None:
        """Add to what a client has used."""


def counted(accounts: Accounts, client: str) -> Callable[[Used], None]:
    """Count a request of a client's, but further parts of one; what takes what it used."""
    request = about.get()
    if request is None or not request.counted:
        accounts.note(client, Used(requests=1))
    if request is not None:
        request.counted = True
    return partial(accounts.note, client)


class NoAccounts:
    """Everybody may have everything, and nothing is noted."""

    def admit(self, client: str) -> None:
        """See ``Accounts``."""

    def note(self, client: str, used: Used) -> None:
        """See ``Accounts``."""
