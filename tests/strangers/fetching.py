"""Strangers that no Debian package brings: fetched once from PyPI (by hashes) and npm (by lockfile) into `target/strangers/`.

Not here: Debian's packages (tests/run), and what the strangers do (browser_phone.py, sippy_b2bua.py).
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

from waiting import Failure

HERE = pathlib.Path(__file__).resolve().parent
FETCHED = HERE.parents[1] / "target" / "strangers"
FETCH_S = 300


def run(*command, cwd=None, seconds=FETCH_S):
    """One command; what it said is the failure's text."""
    try:
        done = subprocess.run([str(word) for word in command], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=seconds)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failure(f"{command[0]}: {error}") from None
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-1500:]
        raise Failure(f"{' '.join(map(str, command[:4]))} ended with {done.returncode}: {said}")


def made(name, sources, make):
    """The folder `name`, made anew where what it is made of has changed."""
    folder = FETCHED / name
    state = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    mark = folder / "made_of"
    if not mark.is_file() or mark.read_text() != state:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make(folder)
        mark.write_text(state)
    return folder


def browser():
    """The browser's page with its library in one file."""
    sources = [HERE / "browser" / name for name in ("package.json", "package-lock.json", "phone.html", "phone.js")]

    def make(folder):
        for source in sources:
            shutil.copy(source, folder)
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", cwd=folder)
        run("node_modules/.bin/esbuild", "node_modules/jssip/lib/JsSIP.js", "--bundle", "--format=iife", "--global-name=JsSIP",
            "--outfile=jssip.js", cwd=folder)

    return made("browser", sources, make)


def sippy():
    """A Python of its own with Sippy's B2BUA."""
    sources = [HERE / "sippy" / name for name in ("build.txt", "requirements.txt")]

    def make(folder):
        run(sys.executable, "-m", "venv", folder / "python")
        pip = [folder / "python" / "bin" / "pip", "install", "--quiet", "--require-hashes", "--disable-pip-version-check"]
        run(*pip, "-r", sources[0])
        # Its own package is source: it is built with the tools above, not with what the registry has today.
        run(*pip, "--no-build-isolation", "-r", sources[1])

    return made("sippy", sources, make)


def asterisk():
    """Debian 11 with its Asterisk in a folder: Debian 12 has none. Its release is frozen, so the version is pinned by it."""
    sources = [HERE / "asterisk" / "version"]

    def make(folder):
        if os.getuid() != 0:
            raise Failure("an Asterisk in a folder of its own needs root")
        mirror = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
        run("debootstrap", "--variant=minbase", "--include=asterisk", "bullseye", folder / "root", mirror, seconds=1_200)
        wanted = sources[0].read_text().strip()
        said = subprocess.run(["chroot", folder / "root", "asterisk", "-V"], capture_output=True, text=True).stdout.strip()
        if said != wanted:
            raise Failure(f"{mirror} has {said!r}, and this was written for {wanted!r}")

    return made("asterisk", sources, make)


ALL = {"browser": browser, "sippy": sippy, "asterisk": asterisk}


def ensure(scenarios):
    """Fetches what these scenarios need; what cannot be had is said, and the scenario says it again."""
    for name in sorted({need for one in scenarios for need in one.needs}):
        try:
            ALL[name]()
        except Failure as failure:
            print(f"not fetched: {name}: {failure}", flush=True)
