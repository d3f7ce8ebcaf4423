#!/usr/bin/env python3
"""Runs the strangers' scenarios: one line each, a closing line, exit 1 if any failed.

Not here: the stories (scenarios/*.py) and their cast (world.py).
"""

import argparse
import importlib
import json
import pathlib
import shutil
import signal
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import scenarios  # noqa: E402
from redis_server import RedisServer  # noqa: E402
from waiting import Failure  # noqa: E402
from world import World  # noqa: E402

OUT = HERE.parents[1] / "target" / "tests" / "strangers"
SUBJECTS = ("registering", "calling", "carrying", "enrolling", "locating", "trading", "receiving", "identifying", "refusing", "speaking", "changing", "sounding",
            "encrypting", "crowding", "charging", "crashing", "equipping", "securing", "browsing", "addressing", "watching", "installing",
            "sharing",
            "demonstrating", "loading")


# Failures whose logs are shown.
FAILURES_TOLD = 3


class Overdue(Exception):
    """The scenario took longer than it may."""


def chosen(options):
    """The scenarios to run, in the order of the subjects."""
    for subject in SUBJECTS:
        importlib.import_module(f"scenarios.{subject}")
    known = scenarios.ALL
    for name in options.scenario:
        if name not in known and name not in SUBJECTS:
            raise SystemExit(f"no scenario and no subject is called {name}; see --list")
    # A scenario that is named is played, whichever form it has; of a subject, those of the form.
    of_the_form = [one for one in known.values() if one.is_full_only == options.full]
    if options.scenario:
        return [one for one in known.values()
                if one.name in options.scenario or (one.subject in options.scenario and one in of_the_form)]
    return of_the_form


def server_for(options, folder, settings):
    """The switch, or what stands in for it."""
    if options.stand_in:
        from stand_in import StandIn

        return StandIn(folder, settings)
    from server import Server

    return Server(folder, settings)


def play(options, scenario):
    """One scenario: None, or what went wrong."""
    folder = OUT / scenario.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)

    def overdue(_signal, _frame):
        raise Overdue(f"not through after {scenario.timeout_s} s")

    signal.signal(signal.SIGALRM, overdue)
    signal.alarm(scenario.timeout_s)
    server = redis = None
    settings = dict(scenario.settings)
    try:
        if scenario.with_redis or options.redis:
            redis = RedisServer(folder).start()
            settings["ledger"] = {**settings.get("ledger", {}), "engine": "redis", "url": redis.url}
        server = server_for(options, folder, settings).start()
        with World(folder, server, redis) as world:
            scenario.play(world)
        return None
    except Failure as failure:
        return str(failure)
    except Exception as error:  # A fault of the harness is a failure too, told with its place.
        (folder / "traceback").write_text(traceback.format_exc())
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {pathlib.Path(place.filename).name}:{place.lineno}: {error}"
    finally:
        signal.alarm(0)
        if server is not None and server.is_alive():
            server.kill()
        if redis is not None:
            redis.kill()


def tails(folder, lines=5):
    """The last lines of the logs of a scenario: where it failed on a machine that nobody can visit, they are all there is."""
    for log in sorted(path for path in folder.rglob("*") if path.name == "log" or path.suffix == ".log"):
        if log.name in ("screen.log", "messages.log"):
            continue
        # A phone draws its meter over and over in one line.
        text = log.read_bytes()[-16_384:].decode(errors="replace").rsplit("(bit/s)    ", 1)
        told = [line[:300] for part in text for line in part.splitlines() if line.strip() and "(bit/s)" not in line]
        yield from (f"     | {log.relative_to(folder)}: {line}" for line in told[-lines:])


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenario", nargs="*", help="names of scenarios or subjects; none: all of the gate")
    parser.add_argument("--full", action="store_true", help="the long forms in place of the gate's")
    parser.add_argument("--list", action="store_true", help="name the scenarios and what each proves")
    parser.add_argument("--json", action="store_true", help="the results as JSON, at the end")
    parser.add_argument("--redis", action="store_true", help="with the credit in a Redis, one for each scenario")
    parser.add_argument("--stand-in", action="store_true",
                        help="check the scenarios themselves against Kamailio in place of the switch: SIP only, no books")
    options = parser.parse_args()
    wanted = chosen(options)
    if options.list:
        for scenario in wanted:
            print(f"{scenario.subject:12} {scenario.name:48} {scenario.proves}")
        return 0
    results = []
    for scenario in wanted:
        if options.stand_in and scenario.needs_switch:
            print(f"skip    -    {scenario.name}: needs the switch itself", flush=True)
            continue
        began = time.monotonic()
        wrong = play(options, scenario)
        took = time.monotonic() - began
        results.append({"scenario": scenario.name, "proves": scenario.proves, "seconds": round(took, 2),
                        "ok": wrong is None, "wrong": wrong})
        print(f"{'ok  ' if wrong is None else 'FAIL'} {took:6.1f} s  {scenario.name}: {wrong or scenario.proves}",
              flush=True)
    if options.json:
        print(json.dumps(results, indent=1))
    failed = [result for result in results if not result["ok"]]
    # Once more, at the end, where the gate shows the last lines of a stage that failed.
    for result in failed[:FAILURES_TOLD]:
        print(f"failed: {result['scenario']}: {result['wrong']}")
        print("\n".join(tails(OUT / result["scenario"])), flush=True)
    bad = len(failed)
    print(f"strangers: {len(results) - bad} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
