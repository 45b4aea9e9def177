"""What the control groups of this process limit, as those of containers do.

https://docs.kernel.org/admin-guide/cgroup-v2.html and, for the first version, sched-bwc.html and
cgroup-v1/memory.html.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN = Path("/proc/self/cgroup")
ROOT = Path("/sys/fs/cgroup")


def cpu_quota(own: Path = OWN, root: Path = ROOT) -> float | None:
    """Processors whose time may be used up; None without a limit."""
    found = []
    for words in _read("cpu", ("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us"), own, root):
        quota, period = words
        if quota not in {"max", "-1"}:
            found.append(int(quota) / int(period))
    return min(found, default=None)


def memory_left(own: Path = OWN, root: Path = ROOT) -> int | None:
    """Bytes that may still be taken, pages of files that nobody reads any more among them; None
    without a limit."""
    new = ("memory.max", "memory.current", "memory.stat")
    old = ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat")
    found = []
    for words in _read("memory", new, old, own, root):
        limit, usage, *counts = words
        if limit != "max":
            unread = int(dict(zip(counts[::2], counts[1::2], strict=True)).get("inactive_file", 0))
            found.append(max(0, int(limit) - int(usage) + unread))
    return min(found, default=None)


def _read(
    controller: str, new: tuple[str, ...], old: tuple[str, ...], own: Path, root: Path
) -> Iterator[list[str]]:
    """The words of a controller's files, of this process's group and of each one above it. ``old``
    are the names of the first version."""
    for folder, first_version in _groups(controller, own, root):
        try:
            texts = [(folder / name).read_text("ascii") for name in (old if first_version else new)]
        except OSError:  # the root has none, and so has a group without this controller
            continue
        yield [word for text in texts for word in text.split()]


def _groups(controller: str, own: Path, root: Path) -> Iterator[tuple[Path, bool]]:
    """The process's groups that may limit something, and whether they are of the first version."""
    try:
        lines = own.read_text("utf-8").splitlines()
    except OSError:  # another system
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        for mount in (root / controllers, root / controller) if controllers else (root,):
            group = mount / path.lstrip("/")
            for folder in (group, *group.parents):
                yield folder, bool(controllers)
                if folder == mount:
                    break
