"""Plays scenarios side by side, each as a process of its own; those that measure a time among few, those that are a load alone.

Not here: how one is played (playing.py), what is told of them (run.py, telling.py).
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from playing import OUT
from waiting import PLACES_MAX

RUN = pathlib.Path(__file__).resolve().parent / "run.py"
# A scenario watches its own time; this much later its process is ended from outside.
GRACE_S = 40
# Side by side at most, where a time is measured.
FEW = 2
# What a scenario of which nothing is known may take: it is begun early, for the last to end should be a short one.
UNKNOWN_S = 15.0


def places(jobs=None):
    """How many scenarios are played side by side: most of them wait most of the time."""
    return max(2, min(jobs or 2 * len(os.sched_getaffinity(0)), PLACES_MAX)) if jobs != 1 else 1


def networks_of_their_own():
    """Whether the system lets a process have one."""
    ask = f"import sys; sys.path.insert(0, {str(RUN.parent)!r}); import playing; sys.exit(0 if playing.own_network() else 1)"
    return subprocess.run([sys.executable, "-B", "-c", ask], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


class Playing:
    """One scenario's process."""

    def __init__(self, scenario, place, flags):
        self.scenario, self.place = scenario, place
        self.folder = OUT / scenario.name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.began = time.monotonic()
        with (self.folder / "said").open("wb") as said:
            command = [sys.executable, str(RUN), "--play", *flags, scenario.name]
            environment = dict(os.environ, STRANGERS_PLACE=str(place), PYTHONDONTWRITEBYTECODE="1")
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
                                            start_new_session=True, env=environment)

    def is_over(self):
        """Whether it has ended; one that does not end is made to."""
        if self.process.poll() is None and time.monotonic() - self.began < self.scenario.timeout_s + GRACE_S:
            return False
        self.end()
        return True

    def end(self):
        """Ends it and whatever it has started and left behind."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def result(self):
        """What came of it."""
        took = time.monotonic() - self.began
        said = (self.folder / "said").read_text(errors="replace").rstrip()
        try:
            outcome = json.loads((self.folder / "outcome.json").read_text())
        except (OSError, ValueError):
            outcome = {"wrong": f"its process ended with {self.process.returncode}: {said[-500:]}"}
        scenario = self.scenario
        return {"scenario": scenario.name, "subject": scenario.subject, "proves": scenario.proves, "rule": scenario.rule,
                "full": scenario.full, "seconds": round(took, 2), "ok": not outcome["wrong"] and "lacking" not in outcome,
                "said": said, "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **outcome}


def play_all(wanted, jobs, expected_s, flags, told):
    """Plays them all, the longest first, those that want quiet at the end; `told` hears of each result."""
    def longest(one):
        return -expected_s.get(one.name, UNKNOWN_S)

    crowded = len(wanted) > 1 and not networks_of_their_own()
    if crowded:
        print("no networks of their own are to be had here: one is shared, in ranges of ports", flush=True)
    alone = [one for one in wanted if one.alone or one.listens and crowded]
    few = sorted((one for one in wanted if one.measures and one not in alone), key=longest)
    crowd = sorted((one for one in wanted if one not in alone and one not in few), key=longest)
    playing = []
    try:
        for waiting, room in ((crowd, places(jobs)), (few, min(FEW, places(jobs))), (alone, 1)):
            while waiting or playing:
                while waiting and len(playing) < room:
                    taken = {one.place for one in playing}
                    playing.append(Playing(waiting.pop(0), min(set(range(room)) - taken), flags))
                for one in [one for one in playing if one.is_over()]:
                    playing.remove(one)
                    told(one.result())
                time.sleep(0.02)
    finally:
        for one in playing:
            one.end()
