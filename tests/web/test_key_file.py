"""The file of keys: what a line means, what is refused, and that it is read again."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.settings import ServerSettings, Settings, SettingsError, sealed
from colonnade.web.access import Access, Key
from colonnade.web.access.key_file import KeyFile, parse_line
from colonnade.web.access.quotas import Period, Quota, Unit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRETS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1).filter(
    lambda secret: not secret.startswith("sha256=")
)
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9._@+]{0,63}", fullmatch=True)


def sha256(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


KINDS = st.tuples(st.sampled_from(Unit), st.sampled_from(Period))
QUOTAS = st.dictionaries(KINDS, st.integers(0, 10**15 - 1))


@given(NAMES, SECRETS, st.booleans(), st.booleans(), st.sampled_from([" ", "\t", "   "]), QUOTAS)
def test_what_is_written_is_read(
    name: str,
    secret: str,
    admin: bool,
    hashed: bool,
    space: str,
    quotas: dict[tuple[Unit, Period], int],
) -> None:
    shown = f"sha256={sha256(secret).hex()}" if hashed else secret
    options = ["admin"] if admin else []
    options += [f"{unit}/{period}={most}" for (unit, period), most in quotas.items()]
    line = space.join([f"{name}:{shown}", *options, "# words: of mine"])
    found = parse_line(line)
    assert found is not None
    assert found[0] == Key(
        name,
        sha256(secret),
        admin,
        tuple(Quota(unit, period, most) for (unit, period), most in quotas.items()),
    )
    assert found[1] == (not hashed and len(secret) < 16)


@given(st.text())
def test_any_line_is_a_key_a_comment_or_an_error_that_keeps_the_secret(line: str) -> None:
    try:
        found = parse_line(line)
    except ValueError as error:
        found, told = None, str(error)
    else:
        told = ""
        assert found is not None or line.strip().startswith("#")
    secret = line.partition(":")[2].strip()
    assert len(secret) < 8 or secret not in told


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the line is empty"),
        ("\n", "line 1: the line is empty"),
        ("a:some-key\n\nb:other-key\n", "line 2: the line is empty"),
        ("a:some-key\n  \n", "line 2: the line is empty"),
        ("# nothing\n", "there is no key in it"),
        ("a:\n", "line 1: a key is empty"),
        ("a: some-key\n", "line 1: a key is empty"),
        ("some-key\n", "line 1: a key is NAME:KEY"),
        (":some-key\n", "line 1: a name has"),
        ("key-1:some-key\n", "line 1: a name has"),
        ("a:k\u00e4y\n", "line 1: the key of a has characters"),
        ("a:sha256=12\n", "line 1: sha256= stands before 64"),
        ("a:some-key root\n", "line 1: what follows the key is not known"),
        ("a:some-key tokens/week=1\n", "line 1: what follows the key is not known"),
        ("a:some-key tokens/day=-1\n", "line 1: what follows the key is not known"),
        ("a:some-key tokens/day=1 tokens/day=2\n", "line 1: tokens/day is given twice"),
        ("a:some-key\na:other-key tokens/day=1\n", "the keys of a differ"),
        ("a:some-key\nb:some-key\n", "a and b have the same key"),
        ("a:some-key\na:other-key admin\n", "the keys of a differ"),
    ],
)
def test_wrong_files(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text)
    with pytest.raises(SettingsError) as refused:
        access(path)
    assert str(refused.value).startswith(f"{path}")
    assert message in str(refused.value)
    assert "some-key" not in str(refused.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        access(tmp_path / "away")
    with pytest.raises(SettingsError, match="cannot be read"):
        access(tmp_path)
    (tmp_path / "large").write_bytes(b"#" * (1 << 21))
    with pytest.raises(SettingsError, match="larger than"):
        access(tmp_path / "large")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="UTF-8"):
        access(tmp_path / "binary")


def test_what_is_unwise_is_told(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"a:short\nb:{'long' * 8}\nc:{sealed('short')}\n")
    path.chmod(0o644)
    file = KeyFile(path)
    file.read()
    assert [str(path) in each for each in file.warnings] == [True, True]
    assert "line 1" in file.warnings[1]
    assert "chmod 600" in file.warnings[0]
    path.write_text(f"b:{'long' * 8}\n")
    path.chmod(0o640)
    file.read()
    assert file.warnings == []


def test_who_is_an_administrator(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("a:some-key\nb:other-key admin\nb:newer-key admin\n")
    assert admins(access(path)) == {"b"}
    plain, name = (sealed("plain"),), f"key-{sha256('plain').hex()[:8]}"
    assert admins(Access.of(Settings(server=ServerSettings(api_key=plain)))) == {name}
    assert admins(access(path, api_key=plain)) == {"b"}
    boss = (sealed("boss"),)
    assert admins(access(path, api_key=plain, admin_key=boss)) == {
        "b",
        f"admin-{sha256('boss').hex()[:8]}",
    }
    path.write_text("a:some-key\n")
    assert admins(access(path)) == set()
    assert admins(access(path, api_key=plain)) == {name}


async def test_the_file_is_read_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    path = tmp_path / "keys"
    path.write_text("a:some-key\n")
    found = access(path)
    async with found.kept_up():
        assert name_of(found, "some-key") == "a"
        path.write_text("b:other-key-of-the-test\n")
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: name_of(found, "other-key-of-the-test") == "b")
        assert name_of(found, "some-key") is None
        path.write_text("nonsense\n")
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: "stay as they are" in caplog.text)
        assert name_of(found, "other-key-of-the-test") == "b"
        (tmp_path / "next").write_text("c:third-key\n")
        (tmp_path / "next").rename(path)
        await until(lambda: name_of(found, "third-key") == "c")
    assert "key-of-the-test" not in caplog.text


def access(path: Path, **server: tuple[str, ...]) -> Access:
    return Access.of(Settings(server=ServerSettings(api_key_file=str(path), **server)))


def admins(found: Access) -> set[str]:
    return {key.name for key in found.keys if key.admin}


def name_of(found: Access, secret: str) -> str | None:
    key = found.keys.find(secret.encode())
    return None if key is None else key.name


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - a file sets no event here
            await asyncio.sleep(0.02)
