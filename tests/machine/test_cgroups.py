"""What control groups limit: both versions, from folders such as the kernel makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from colonnade.machine.cgroups import cpu_quota, memory_left
from colonnade.worker import threads

if TYPE_CHECKING:
    from pathlib import Path

MAX = "9223372036854771712\n"


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "own"


def test_the_tightest_of_all_groups_above_counts(tmp_path, own) -> None:
    own.write_text("0::/pod/container\n")
    files = {"pod/cpu.max": "150000 100000\n", "pod/container/cpu.max": "max 100000\n"}
    write(tmp_path, files)
    assert cpu_quota(own, tmp_path) == 1.5
    write(tmp_path, {"pod/container/cpu.max": "50000 100000\n"})
    assert cpu_quota(own, tmp_path) == 0.5


def test_a_container_sees_its_group_as_the_root(tmp_path, own) -> None:
    own.write_text("0::/\n")
    write(tmp_path, {"cpu.max": "200000 100000\n"})
    assert cpu_quota(own, tmp_path) == 2.0


@pytest.mark.parametrize("folder", ["cpu", "cpu,cpuacct"])
def test_the_first_version(tmp_path, own, folder) -> None:
    own.write_text("9:name=systemd:/\n5:cpu,cpuacct:/box\n4:memory:/box\n0::/\n")
    write(
        tmp_path,
        {
            f"{folder}/box/cpu.cfs_quota_us": "300000\n",
            f"{folder}/box/cpu.cfs_period_us": "100000\n",
            f"{folder}/cpu.cfs_quota_us": "-1\n",
            f"{folder}/cpu.cfs_period_us": "100000\n",
            "memory/box/memory.limit_in_bytes": "1000\n",
            "memory/box/memory.usage_in_bytes": "900\n",
            "memory/box/memory.stat": "cache 700\ninactive_file 300\n",
            "memory/memory.limit_in_bytes": MAX,
            "memory/memory.usage_in_bytes": "5000\n",
            "memory/memory.stat": "inactive_file 0\n",
        },
    )
    assert cpu_quota(own, tmp_path) == 3.0
    assert memory_left(own, tmp_path) == 400


def test_memory_of_the_second_version(tmp_path, own) -> None:
    own.write_text("0::/box\n")
    files = {
        "box/memory.max": "1000\n",
        "box/memory.current": "800\n",
        "box/memory.stat": "anon 100\nfile 700\ninactive_file 600\n",
    }
    write(tmp_path, files)
    assert memory_left(own, tmp_path) == 800
    write(tmp_path, {"box/memory.max": "max\n"})
    assert memory_left(own, tmp_path) is None


def test_without_groups_or_limits_there_is_no_limit(tmp_path, own) -> None:
    assert cpu_quota(own, tmp_path) is None
    own.write_text("0::/box\n")
    assert cpu_quota(own, tmp_path) is None
    assert memory_left(own, tmp_path) is None


@pytest.mark.parametrize(("quota", "expected"), [(None, 8), (0.5, 1), (1.5, 2), (3.0, 3), (99, 8)])
def test_no_more_threads_than_the_quota_feeds(monkeypatch, quota, expected) -> None:
    monkeypatch.setattr(threads, "physical_cores", lambda: 8)
    monkeypatch.setattr(threads, "cpu_quota", lambda: quota)
    assert threads.compute_threads(0) == expected
    assert threads.compute_threads(5) == 5
