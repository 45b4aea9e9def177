"""Under which names a server answers.

A page can have its own name resolve to this machine's address (DNS rebinding); the browser then
takes the server for a part of the page's site. What it still sends is the name, in ``Host``.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_HOST = re.compile(
    r"(?P<name>\[[0-9a-f:.]+(?:%[a-z0-9_.~-]+)?\]|[a-z0-9_.-]+)(?::(?P<port>[0-9]{1,5})?)?"
)
_NAME = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*")

_HOSTS = Path("/etc/hosts")

_CONTAINERS = ("host.docker.internal", "host.containers.internal")
"""What containers call the machine that they run on."""

EVERY = "*"


class Host(NamedTuple):
    """A host and its port, None where it is the scheme's own."""

    name: str
    port: int | None


def parsed_host(text: str) -> Host | None:
    """A host as a ``Host`` header or an origin writes it; None for what is none."""
    found = _HOST.fullmatch(text.lower())
    if found is None:
        return None
    name, port = found["name"].strip("[]").removesuffix("."), found["port"]
    return Host(name, int(port) if port else None)


def own_names(listening_on: str, hosts_file: Path = _HOSTS) -> tuple[str, ...]:
    """The names of this machine, as far as it gives them to itself, the first its host name.

    Nothing that a name server says is among them: it may be in a stranger's network.
    """
    machine = socket.gethostname().lower().removesuffix(".")
    label = machine.partition(".")[0]
    names: tuple[str, ...] = (machine, label, f"{label}.local", listening_on.lower(), *_CONTAINERS)
    names = (*names, *_beside(machine, hosts_file))
    return tuple(name for name in names if _NAME.fullmatch(name) and not _is_address(name))


def _beside(machine: str, hosts_file: Path) -> Iterator[str]:
    """What the machine's file of hosts calls it, too: mostly its name with the domain.

    Other lines of it are not believed: lists against advertising give this machine's address to
    names of strangers.
    """
    try:
        lines = hosts_file.read_text(encoding="utf-8", errors="replace").lower().splitlines()
    except OSError:
        return
    for line in lines:
        names = line.partition("#")[0].split()[1:]
        if machine in names:
            yield from names


class KnownHosts:
    """The names that a server has.

    Any address is one, for no name server has a say in it, and so are ``localhost`` and all below
    it. ``*.NAME`` is every name below NAME, ``*`` every name at all.

    Raises:
        ValueError: one of ``names`` is none.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        given = [name.strip().lower().removesuffix(".") for name in names]
        wrong = [name for name in given if name != EVERY and not _NAME.fullmatch(name)]
        if wrong:
            msg = (
                f"{wrong[0]!r} is no host's name: it is written without scheme, port and path; "
                "*.NAME is all names below NAME, * is every name"
            )
            raise ValueError(msg)
        self.listed = tuple(dict.fromkeys(given))
        """Those beside ``localhost`` and addresses, as they were given."""
        self._all = EVERY in given
        self._names = {"localhost", *(name for name in given if "*" not in name)}
        below = (name.removeprefix("*") for name in given if name.startswith("*."))
        self._endings = (".localhost", *below)

    def __contains__(self, name: str) -> bool:
        """Whether the server has this name, which is in lower case."""
        return self._all or name in self._names or name.endswith(self._endings) or _is_address(name)


@lru_cache(maxsize=128)
def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
