#!/usr/bin/env python3
"""Plants bugs of SIP into a copy of the tree, one at a time, and fails where the strangers do not find each of them.

Each `*.patch` says in its first line what the bug is, and in its second which scenarios should catch it. `run.py NAME...` plants some.
Not here: the scenarios (tests/strangers/scenarios/).
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PLANTED = ROOT / "target" / "planted"
TREE, BUILT, PLAYED = PLANTED / "tree", PLANTED / "target", PLANTED / "played"
# Bugs that the first release must show are caught.
BUGS_MIN = 10
BUILD_S = 1_500
PLAY_S = 400


class Bug:
    """One patch."""

    def __init__(self, file):
        self.file, self.name = file, file.stem
        what, by, _, *self.changes = file.read_text().splitlines(keepends=True)
        self.what = what.strip()
        found = re.fullmatch(r"Caught by: ([a-z0-9_]+(?:, [a-z0-9_]+)*)", by.strip())
        if not found:
            raise SystemExit(f"{file.name}: its second line is to be `Caught by: SCENARIO, SCENARIO`")
        self.by = found[1].split(", ")


def run(command, cwd, seconds, **environment):
    """A command's exit code and what it said."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, env=dict(os.environ, **environment), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds)
    return done.returncode, done.stdout


def copy_tree():
    """Makes the copy what the tree is now; what is the same already is left alone, so that cargo builds no more than it must."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    names = [name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]
    for name in names:
        new, old = ROOT / name, TREE / name
        if not old.is_file() or old.read_bytes() != new.read_bytes():
            old.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(new, old)
    wanted = {TREE / name for name in names}
    for file in [file for file in TREE.rglob("*") if file.is_file() and file not in wanted]:
        file.unlink()


def seed_build():
    """Takes over what the tree's own build has of other people's crates, once."""
    ours, theirs = BUILT / "release", ROOT / "target" / "release"
    if ours.exists() or not theirs.exists():
        return
    ours.mkdir(parents=True)
    for folder in ("build", ".fingerprint"):
        subprocess.run(["cp", "-a", "--reflink=auto", theirs / folder, ours], check=True)
    (ours / "deps").mkdir()
    kept = [file for file in (theirs / "deps").iterdir() if file.suffix in (".rlib", ".rmeta", ".so", ".d")]
    for first in range(0, len(kept), 500):
        subprocess.run(["cp", "-a", "--reflink=auto", *kept[first:first + 500], ours / "deps"], check=True)


def build():
    """Builds the copy; what the compiler said where it could not. Incrementally: a bug changes some lines of one crate, of which all
    others are made again."""
    code, said = run(["cargo", "build", "--release", "--locked", "--bin", "tandem"], TREE, BUILD_S, CARGO_TARGET_DIR=str(BUILT),
                     CARGO_INCREMENTAL="1")
    return said[-2_000:] if code else None


def played(scenarios):
    """Which of the scenarios failed with what was built, each with why."""
    _, said = run([sys.executable, ROOT / "tests" / "strangers" / "run.py", "--json", *scenarios], ROOT, PLAY_S,
                  TANDEM=str(BUILT / "release" / "tandem"), STRANGERS_OUT=str(PLAYED))
    found = re.search(r"^\[\n.*?^\]$", said, re.MULTILINE | re.DOTALL)
    results = json.loads(found[0]) if found else []
    if {one["scenario"] for one in results} != set(scenarios):
        raise SystemExit(f"not all of {', '.join(scenarios)} were played:\n{said[-2_000:]}")
    return {one["scenario"]: one["wrong"] for one in results if not one["ok"]}


def plant(bug):
    """Plants one bug, and gives who caught it and how, or what is wrong."""
    # Not a part of the repository around it; and what the bug replaces has to be there, whatever stands around it.
    alone, apply = {"GIT_CEILING_DIRECTORIES": str(PLANTED)}, ["git", "apply", "--whitespace=nowarn", "-C0"]
    code, said = run([*apply, bug.file], TREE, 60, **alone)
    if code:
        return None, f"the patch does not apply any more: {said.strip()}"
    try:
        wrong = build()
        if wrong:
            return None, f"what is planted does not compile: {wrong}"
        failed = played(bug.by)
        return next(iter(failed.items()), None), None if failed else f"nobody noticed: {', '.join(bug.by)} passed"
    finally:
        run([*apply, "--reverse", bug.file], TREE, 60, **alone)


def main():
    """The command line."""
    bugs = [Bug(file) for file in sorted(HERE.glob("*.patch"))]
    if len(bugs) < BUGS_MIN:
        raise SystemExit(f"{len(bugs)} bugs are there to be planted, {BUGS_MIN} are to be")
    if sys.argv[1:]:
        bugs = [bug for bug in bugs if bug.name in sys.argv[1:]]
    copy_tree()
    seed_build()
    wrong = build()
    if wrong:
        raise SystemExit(f"the tree does not compile as it is: {wrong}")
    # What fails without a bug shows nothing.
    broken = played(sorted({name for bug in bugs for name in bug.by}))
    if broken:
        raise SystemExit(f"without any bug these fail: {broken}")
    missed = 0
    for bug in bugs:
        began = time.monotonic()
        caught, wrong = plant(bug)
        missed += caught is None
        told = f"{caught[0]}: {caught[1][:160]}" if caught else f"NOT CAUGHT: {wrong}"
        print(f"{bug.name:26} {time.monotonic() - began:4.0f} s  {bug.what}\n{'':26}         -> {told}", flush=True)
    print(f"planted: {len(bugs) - missed} of {len(bugs)} bugs caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
