"""Which models lie in a directory, and how they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from colonnade.serving.files import FileState, scan

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def put(tmp_path: Path):
    def put(name: str, size: int = 4) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
        return path

    return put


def _ids(*directories: Path) -> list[str]:
    return [each.id for each in scan([str(each) for each in directories])]


def test_models_are_named_by_their_paths(put, tmp_path) -> None:
    for name in ("b.gguf", "a/x.GGUF", "a/y.gguf", "notes.txt", ".hidden.gguf", ".git/z.gguf"):
        put(name)
    assert _ids(tmp_path) == ["a/x", "a/y", "b"]


def test_parts_are_one_model(put, tmp_path) -> None:
    for number in (1, 2, 3):
        put(f"big-0000{number}-of-00003.gguf", size=number * 10)
    put("lost-00002-of-00002.gguf")
    (found,) = scan([str(tmp_path)])
    assert (found.id, found.size) == ("big", 60)
    assert found.path.endswith("big-00001-of-00003.gguf")


def test_a_part_that_changes_changes_the_model(put, tmp_path) -> None:
    put("big-00001-of-00002.gguf")
    second = put("big-00002-of-00002.gguf")
    (before,) = scan([str(tmp_path)])
    second.write_bytes(bytes(9))
    (after,) = scan([str(tmp_path)])
    assert before.state != after.state


def test_projectors_and_empty_files_are_none(put, tmp_path) -> None:
    put("model.gguf")
    put("mmproj-model.gguf")
    put("model.imatrix.gguf")
    put("empty.gguf", size=0)
    assert _ids(tmp_path) == ["model"]


def test_shorter_names_where_they_are_clear(put, tmp_path) -> None:
    for name in ("one/m.gguf", "two/n.gguf", "two/o.gguf", "three/m.gguf", "n.gguf"):
        put(name)
    aliases = {each.id: each.aliases for each in scan([str(tmp_path)])}
    assert aliases == {
        "n": (),
        "one/m": ("one",),
        "three/m": ("three",),
        "two/n": (),
        "two/o": ("o",),
    }


def test_the_first_directory_counts(put, tmp_path) -> None:
    put("a/m.gguf", size=1)
    put("b/m.gguf", size=2)
    (found,) = scan([str(tmp_path / "a"), str(tmp_path / "b")])
    assert found.size == 1


def test_links_to_files_are_followed_and_circles_are_not(put, tmp_path) -> None:
    put("real/m.gguf")
    (tmp_path / "link.gguf").symlink_to(tmp_path / "real" / "m.gguf")
    (tmp_path / "broken.gguf").symlink_to(tmp_path / "nowhere")
    (tmp_path / "real" / "circle").symlink_to(tmp_path)
    assert _ids(tmp_path) == ["link", "real/m"]


def test_a_directory_that_is_not_there_has_none(tmp_path) -> None:
    assert _ids(tmp_path / "nowhere") == []


def test_the_state_of_a_file_tells_of_changes(put) -> None:
    path = put("m.gguf")
    before = FileState.of(str(path))
    assert before == FileState.of(str(path))
    path.write_bytes(bytes(5))
    assert FileState.of(str(path)) != before
    assert FileState.of(str(path) + "\0") is None
