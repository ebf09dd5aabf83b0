"""A release, by one command: `python .ci/release.py 0.1.0`, and `--upload` to publish it.

Refused unless the work tree is clean, the changelog's "Unreleased" has entries, the version is
newer than the last one, and `pyproject.toml` has a real address and the URL of the source. Then:

1. the version goes into `interpexec/__init__.py`, and with the date into `CHANGELOG.md`;
2. that is committed;
3. `.ci/run` runs from there, and `.ci/packages` builds into `dist/`; if one of them fails, the
   commit is undone;
4. the commit is tagged `v0.1.0`, and the next one has the version 0.1.1.dev0;
5. with `--upload`, both are pushed to `origin`, and `dist/` is uploaded by twine.
"""

import argparse
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

CHANGELOG = Path("CHANGELOG.md")
MODULE = Path("interpexec/__init__.py")
UNRELEASED = "## [Unreleased]\n"
VERSION = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)


def git(*arguments: str) -> str:
    """Return what a git command prints."""
    command = ["git", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version; those of 0.1.0.dev0 are before those of 0.1.0."""
    base, dev, _ = version.partition(".dev")
    return (*map(int, base.split(".")), 0 if dev else 1)


def section() -> str:
    """Return what is in the changelog under "Unreleased"."""
    return CHANGELOG.read_text().partition(UNRELEASED)[2].partition("\n## [")[0].strip()


def reasons_against(version: str) -> Iterator[str]:
    """Yield each reason why there can be no release of this version now."""
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    now = VERSION.findall(MODULE.read_text())[0]
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        yield f"a version has three numbers, like 0.1.0, and {version!r} has not"
    elif numbers(version) <= numbers(now):
        yield f"{version} is not newer than {now}, the version in {MODULE}"
    if git("status", "--porcelain"):
        yield "the work tree is not clean: commit, or remove what is there"
    if git("tag", "--list", f"v{version}"):
        yield f"the tag v{version} exists"
    if not section():
        yield f'{CHANGELOG} has no entry under "Unreleased"'
    if any(author.get("email", "").endswith(".invalid") for author in project["authors"]):
        yield "the authors' address in pyproject.toml is of a reserved name: nobody reads it"
    if "Source" not in project["urls"]:
        yield "[project.urls] in pyproject.toml has no Source"


def commit(version: str, message: str) -> None:
    """Commit the version, and what else has changed."""
    MODULE.write_text(VERSION.sub(f'__version__ = "{version}"', MODULE.read_text()))
    git("commit", "--quiet", "--all", "--message", message)


def release(version: str) -> None:
    """Make the release, or leave everything as it was and raise CalledProcessError."""
    before = git("rev-parse", "HEAD")
    day = datetime.now(UTC).date()
    heading = f"{UNRELEASED}\n## [{version}] - {day}\n"
    CHANGELOG.write_text(CHANGELOG.read_text().replace(UNRELEASED, heading, 1))
    commit(version, f"Version {version}")
    try:
        subprocess.run(["bash", ".ci/run"], check=True)
        subprocess.run(["bash", ".ci/packages"], check=True)
    except BaseException:
        git("reset", "--quiet", "--hard", before)
        raise
    git("tag", "--annotate", f"v{version}", "--message", f"Version {version}")
    *first, last = numbers(version)[:3]
    following = ".".join(map(str, [*first, last + 1])) + ".dev0"
    commit(following, f"After {version}")


def upload(version: str) -> None:
    """Push the commits and the tag, and then upload what is in `dist/`."""
    git("push", "--atomic", "origin", "HEAD", f"v{version}")
    files = [str(path) for path in Path("dist").iterdir()]
    subprocess.run([sys.executable, "-m", "twine", "upload", *files], check=True)


def main() -> int:
    """Read the arguments; return 1 if there is no release."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("version", help="three numbers, like 0.1.0")
    parser.add_argument("--upload", action="store_true", help="push the tag and upload the files")
    options = parser.parse_args()
    reasons = [*reasons_against(options.version)]
    for reason in reasons:
        print(f"no release: {reason}", file=sys.stderr)
    if reasons:
        return 1
    try:
        release(options.version)
    except subprocess.CalledProcessError as error:
        print(f"no release: {error} Everything is as it was", file=sys.stderr)
        return 1
    if options.upload:
        upload(options.version)
    return 0


if __name__ == "__main__":
    sys.exit(main())
