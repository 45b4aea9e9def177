"""llama-cpp-python as a wheel of Python alone: the libraries are built where it is used.

The bindings look for them in ``llama_cpp/lib``, which is not in the wheel.
"""

from __future__ import annotations

import base64
import hashlib
import re
import tarfile
import zipfile
from typing import TYPE_CHECKING

from benchmarks.gpu.sources import members

if TYPE_CHECKING:
    from pathlib import Path

_WHEEL = """\
Wheel-Version: 1.0
Generator: benchmarks.gpu
Root-Is-Purelib: true
Tag: py3-none-any
"""


def write_bindings(sdist: Path, folder: Path) -> Path:
    """Write the wheel into a folder and return it."""
    files: dict[str, bytes] = {}
    with tarfile.open(sdist) as source:
        for path, member in members(source):
            if str(path) == "PKG-INFO" or (
                path.parts[0] == "llama_cpp" and path.suffix in {".py", ".typed"}
            ):
                file = source.extractfile(member)
                assert file is not None  # noqa: S101 - it is a file
                files[str(path)] = file.read()
    metadata = files.pop("PKG-INFO")
    version = _version(metadata)
    described = f"llama_cpp_python-{version}.dist-info"
    files |= {f"{described}/METADATA": metadata, f"{described}/WHEEL": _WHEEL.encode()}
    target = folder / f"llama_cpp_python-{version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)
        wheel.writestr(f"{described}/RECORD", _record(files, described))
    return target


def _version(metadata: bytes) -> str:
    found = re.search(r"^Version: (\S+)$", metadata.decode(), re.MULTILINE)
    if found is None:
        msg = "the distribution does not say its version"
        raise ValueError(msg)
    return found[1]


def _record(files: dict[str, bytes], described: str) -> str:
    """Each file with its digest, as pip wants them listed."""
    lines = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(content)}\n")
    return "".join([*lines, f"{described}/RECORD,,\n"])
