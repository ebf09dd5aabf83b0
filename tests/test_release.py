"""A release is one command, which changes nothing where it is refused or fails."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / ".ci" / "release.py"
pytestmark = [
    pytest.mark.fast,
    pytest.mark.skipif(not SCRIPT.exists(), reason="no checkout"),
]

PROJECT = """
[project]
authors = [{name = "somebody", email = "somebody@example.org"}]
urls = {Source = "https://example.org"}
"""
CHANGELOG = """# Changelog

## [Unreleased]

### Added

- A thing.

## [0.1.0] - 2026-01-01

- All.
"""


def git(*arguments: str) -> str:
    """Return what git prints, in the current folder."""
    return subprocess.run(
        ["git", *arguments], check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in a small project, whose CI leaves a trace, with nothing else of the user's."""
    monkeypatch.chdir(tmp_path)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "somebody@example.org")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    for folder in (".ci", "interpexec"):
        Path(folder).mkdir()
    Path("pyproject.toml").write_text(PROJECT)
    Path("CHANGELOG.md").write_text(CHANGELOG)
    Path("interpexec/__init__.py").write_text('__version__ = "0.1.1.dev0"\n')
    Path(".ci/run").write_text("git log -1 --format=%s > ../ran\n")
    Path(".ci/packages").write_text("cat interpexec/__init__.py > ../built\n")
    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "first")


def release(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command."""
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_release_is_tagged_built_and_written_down(tmp_path: Path) -> None:
    """The checks run on the commit that is tagged; the next one has a version of its own."""
    ran = release("0.2.0")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert git("log", "--format=%s") == "After 0.2.0\nVersion 0.2.0\nfirst"
    assert git("show", "v0.2.0:interpexec/__init__.py") == '__version__ = "0.2.0"'
    assert Path("interpexec/__init__.py").read_text() == '__version__ = "0.2.1.dev0"\n'
    changelog = Path("CHANGELOG.md").read_text()
    assert "## [Unreleased]\n\n## [0.2.0] - 20" in changelog
    assert changelog.index("[0.2.0]") < changelog.index("- A thing.") < changelog.index("[0.1.0]")
    assert (tmp_path.parent / "ran").read_text() == "Version 0.2.0\n"
    assert (tmp_path.parent / "built").read_text() == '__version__ = "0.2.0"\n'
    assert git("status", "--porcelain") == ""


def edit(path: str, old: str, new: str) -> None:
    """Change a file of the project, and commit that."""
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new))
    git("commit", "--quiet", "--all", "--message", "changed")


@pytest.mark.parametrize(
    ("change", "version", "reason"),
    [
        ((), "0.1", "three numbers"),
        ((), "0.1.0", "0.1.0 is not newer than 0.1.1.dev0"),
        (("CHANGELOG.md", "### Added\n\n- A thing.\n", ""), "0.2.0", "has no entry"),
        (("pyproject.toml", "somebody@example.org", "somebody@x.invalid"), "0.2.0", "reserved"),
        (("pyproject.toml", "Source", "Home"), "0.2.0", "has no Source"),
        ((".ci/run", "git", "false && git"), "0.2.0", "Everything is as it was"),
    ],
    ids=["numbers", "old", "changelog", "address", "source", "ci"],
)
def test_no_release(change: tuple[str, str, str], version: str, reason: str) -> None:
    """The reason is told, and nothing has changed."""
    if change:
        edit(*change)
    before = git("rev-parse", "HEAD")
    ran = release(version)
    assert ran.returncode == 1
    assert ran.stderr.startswith("no release: ")
    assert reason in ran.stderr
    assert git("rev-parse", "HEAD") == before
    assert git("status", "--porcelain") == git("tag") == ""


def test_no_release_of_what_is_not_committed() -> None:
    """Files that git does not know would be in the package."""
    Path("interpexec/new.py").touch()
    ran = release("0.2.0")
    assert ran.returncode == 1
    assert "not clean" in ran.stderr
