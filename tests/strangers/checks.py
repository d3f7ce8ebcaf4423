"""Checks that are told one by one and counted, for programs that judge more than calls.

Not here: scenarios, which get a switch of their own each (run.py).
"""

import pathlib
import time
import traceback

from waiting import Failure


class Checks:
    """Checks one after the other; each is told with a line."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, what, judge, *arguments):
        """Runs one and says whether it passed; its answer is what it found, for the line."""
        began = time.monotonic()
        try:
            told = judge(*arguments)
            self.passed += 1
            print(f"ok   {time.monotonic() - began:6.1f} s  {what}{f': {told}' if told else ''}", flush=True)
            return True
        except Failure as failure:
            wrong = str(failure)
        except Exception as error:  # A fault of the harness is a failure too, told with its place.
            place = traceback.extract_tb(error.__traceback__)[-1]
            wrong = f"{type(error).__name__} at {pathlib.Path(place.filename).name}:{place.lineno}: {error}"
        self.failed += 1
        print(f"FAIL {time.monotonic() - began:6.1f} s  {what}: {wrong}", flush=True)
        return False

    def close(self, who):
        """The closing line, and the exit code."""
        print(f"{who}: {self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0
