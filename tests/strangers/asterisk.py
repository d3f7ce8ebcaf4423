#!/usr/bin/env python3
"""`tests/run interop-asterisk`: gets an Asterisk where that can be had, and plays what is proven with it; exit code 3 where it cannot.

Not here: how it is had (fetching.py), and what is proven (scenarios/exchanging.py).
"""

import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import fetching  # noqa: E402
from waiting import Failure  # noqa: E402

NOT_HAD = 3


def main():
    """The command line."""
    flags = sys.argv[1:]
    if flags not in ([], ["--twenty-minutes"]):
        print("usage: tests/run interop-asterisk [--twenty-minutes]")
        return 2
    try:
        where = fetching.asterisk()
    except Failure as failure:
        print(f"no Asterisk can be had here, nothing was tested: {failure}")
        return NOT_HAD
    print(f"{(HERE / 'asterisk' / 'version').read_text().strip()} in {where}", flush=True)
    environment = dict(os.environ, ASTERISK_SESSION_S="2400" if flags else "90")
    return subprocess.run([sys.executable, HERE / "run.py", "--full", "exchanging"], env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
