"""Everything that a machine with a GPU and without network needs, in one folder.

    python -m benchmarks.gpu.pack [FOLDER] [--architecture 90] [--sdist FILE]

llama.cpp's sources, wheels for Python 3.12 on Linux, the project as one of them, the benchmarks and
``there.sh``, which does the rest over there. A folder that becomes too large is refused.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.gpu.bindings import write_bindings
from benchmarks.gpu.sources import write_sources

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROOT = Path(__file__).parents[2]
_BINDINGS = "llama-cpp-python"
_MORE = ("gguf", "diskcache", "typing-extensions", "pip")
"""What writes the random weights, what the bindings need beside what the project does, and pip."""
_UNUSED = ("hf_xet",)
"""Needed by something, and large, but loaded by nothing that runs there."""
_OLDEST_GLIBC, _NEWEST_GLIBC = 5, 39
MIB = 1 << 20


class TooLargeError(Exception):
    """The folder is larger than what may travel."""


def requirements() -> list[str]:
    """What runs the project and the benchmarks, but the bindings, which have no wheels."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [each for each in project["dependencies"] if not each.startswith(_BINDINGS)]
    return [*needed, *_MORE]


def _pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", *map(str, arguments)]
    subprocess.run([*command, "--quiet", "--disable-pip-version-check"], check=True)


def fetch_wheels(folder: Path) -> None:
    """Fetch the wheels of everything that is needed, with what that needs.

    pip decides by its own Python's version what a package needs there, so that one which is needed
    from 3.12 on alone would be missing. It compares platforms by name, so that each is named.
    """
    platforms = [
        f"--platform=manylinux_2_{minor}_x86_64"
        for minor in range(_NEWEST_GLIBC, _OLDEST_GLIBC - 1, -1)
    ]
    platforms += [f"--platform=manylinux{year}_x86_64" for year in ("2014", "2010", "1")]
    python = ("--only-binary=:all:", "--python-version=3.12", "--implementation=cp")
    _pip("download", *python, *platforms, "--dest", folder, *requirements())
    for name in _UNUSED:
        for wheel in folder.glob(f"{name}-*.whl"):
            wheel.unlink()


def write_project(folder: Path) -> None:
    """Write the project as a wheel, without the embedded model: nothing asks for it there."""
    with TemporaryDirectory() as temporary:
        _pip("wheel", "--no-deps", "--wheel-dir", temporary, _ROOT)
        [built] = Path(temporary).glob("*.whl")
        without(built, folder / built.name, ".gguf")


def without(wheel: Path, target: Path, ending: str) -> None:
    """Write a wheel again without some of its files, which its record leaves out as well."""
    with (
        zipfile.ZipFile(wheel) as whole,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as part,
    ):
        for name in whole.namelist():
            content = whole.read(name)
            if name.endswith(".dist-info/RECORD"):
                lines = content.decode().splitlines(keepends=True)
                kept = [line for line in lines if not line.partition(",")[0].endswith(ending)]
                content = "".join(kept).encode()
            if not name.endswith(ending):
                part.writestr(name, content)


def fetch_sdist(folder: Path) -> Path:
    """Fetch the source distribution of the bindings that are installed here."""
    version = importlib.metadata.version(_BINDINGS)
    source = ("--no-deps", "--no-binary", _BINDINGS, f"{_BINDINGS}=={version}")
    _pip("download", *source, "--dest", folder)
    return next(folder.glob("*.tar.gz"))


def pack(folder: Path, *, architecture: str, sdist: Path | None, limit: int) -> dict[str, int]:
    """Fill the folder, which is emptied before; returns the bytes of each part.

    Raises:
        TooLargeError: The parts are more than ``limit`` bytes together.
    """
    shutil.rmtree(folder, ignore_errors=True)
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    with TemporaryDirectory() as temporary:
        source = sdist or fetch_sdist(Path(temporary))
        write_sources(source, folder / "llama.cpp.tar.gz")
        write_bindings(source, wheels)
    fetch_wheels(wheels)
    write_project(wheels)
    write_benchmarks(folder)
    (folder / "architecture").write_text(f"{architecture}\n", encoding="ascii")
    return checked(folder, limit)


def write_benchmarks(folder: Path) -> None:
    """Copy the benchmarks, the text that one of them draws words from, and the script."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(_ROOT / "benchmarks", folder / "benchmarks", ignore=ignore)
    shutil.copy(_ROOT / "README.md", folder)
    shutil.copy(Path(__file__).parent / "there.sh", folder)


def checked(folder: Path, limit: int) -> dict[str, int]:
    """The bytes of each part of the folder.

    Raises:
        TooLargeError: They are more than ``limit`` together.
    """
    parts = {each.name: _size(each) for each in sorted(folder.iterdir())}
    total = sum(parts.values())
    if total > limit:
        msg = f"{folder} has {total / MIB:.1f} MiB, and {limit / MIB:.1f} MiB may travel:\n"
        raise TooLargeError(msg + listed(parts))
    return parts


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def listed(parts: dict[str, int]) -> str:
    """The parts and their sum, a line each."""
    lines = {**parts, "together": sum(parts.values())}
    return "\n".join(f"{size / MIB:8.2f} MiB  {name}" for name, size in lines.items())


def main(arguments: Sequence[str] | None = None) -> None:
    """Pack what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.pack")
    parser.add_argument("folder", type=Path, nargs="?", default=_ROOT / "build" / "gpu")
    parser.add_argument("--architecture", default="90", help="of CUDA; 90 is an H100 or an H200")
    parser.add_argument("--sdist", type=Path, help=f"of {_BINDINGS}; fetched unless given")
    parser.add_argument("--limit", type=float, default=48, help="MiB that may travel")
    options = parser.parse_args(arguments)
    try:
        parts = pack(
            options.folder,
            architecture=options.architecture,
            sdist=options.sdist,
            limit=int(options.limit * MIB),
        )
    except TooLargeError as error:
        raise SystemExit(str(error)) from None
    print(f"{options.folder}:\n{listed(parts)}")


if __name__ == "__main__":
    main()
