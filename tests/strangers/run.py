#!/usr/bin/env python3
"""Runs the strangers' scenarios side by side: one line each as it ends, a closing line, exit 1 if any failed.

Not here: the stories (scenarios/*.py) and their cast (world.py), how one is played (playing.py, side_by_side.py), what is told of
them afterwards (telling.py).
"""

import argparse
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import fetching  # noqa: E402
import playing  # noqa: E402
import scenarios  # noqa: E402
import side_by_side  # noqa: E402
import telling  # noqa: E402

# Failures whose logs are shown.
FAILURES_TOLD = 3


def chosen(options):
    """The scenarios to run, in the order of the subjects."""
    known = scenarios.all_of_them()
    for name in options.scenario:
        if name not in known and name not in scenarios.SUBJECTS:
            raise SystemExit(f"no scenario and no subject is called {name}; see --list")
    # A scenario that is named is played, whichever form it has; of a subject, those of the form.
    of_the_form = [one for one in known.values() if one.full == options.full or options.all]
    if options.scenario:
        return [one for one in known.values()
                if one.name in options.scenario or (one.subject in options.scenario and one in of_the_form)]
    last = telling.results() if options.missing else {}
    return [one for one in of_the_form if not one.apart and not last.get(one.name, {}).get("ok")]


def tails(folder, lines=5):
    """The last lines of the logs of a scenario: where it failed on a machine that nobody can visit, they are all there is."""
    for log in sorted(path for path in folder.rglob("*") if path.name == "log" or path.suffix == ".log"):
        if log.name in ("screen.log", "messages.log") or "profile" in log.parts:
            continue
        # A phone draws its meter over and over in one line.
        text = log.read_bytes()[-16_384:].decode(errors="replace").rsplit("(bit/s)    ", 1)
        told = [line[:300] for part in text for line in part.splitlines() if line.strip() and "(bit/s)" not in line]
        yield from (f"     | {log.relative_to(folder)}: {line}" for line in told[-lines:])


def tell(result):
    """The line of one result, and what the scenario itself has printed."""
    if result["ok"]:
        word, what = "ok  ", result["proves"]
    elif "lacking" in result:
        word, what = "skip", result["lacking"]
    else:
        word, what = "FAIL", result["wrong"]
    print(f"{word} {result['seconds']:6.1f} s  {result['scenario']}: {what}")
    print("".join(f"{line}\n" for line in result["said"].splitlines()), end="", flush=True)


def run(options, wanted):
    """Plays them; the exit code."""
    if options.stand_in:
        for one in (one for one in wanted if one.needs_switch):
            print(f"skip    -    {one.name}: needs the switch itself", flush=True)
        wanted = [one for one in wanted if not one.needs_switch]
    fetching.ensure(wanted)
    results = []

    def told(result):
        results.append(result)
        tell(result)

    flags = [flag for flag, is_set in (("--redis", options.redis), ("--stand-in", options.stand_in)) if is_set]
    side_by_side.play_all(wanted, options.jobs, telling.seconds_of_the_last_run(), flags, told)
    if not flags and not playing.APART:
        telling.keep(results)
    if options.json:
        print(json.dumps(results, indent=1))
    failed = [result for result in results if not result["ok"] and "lacking" not in result]
    # Once more, at the end, where the gate shows the last lines of a stage that failed.
    for result in failed[:FAILURES_TOLD]:
        print(f"failed: {result['scenario']}: {result['wrong']}")
        print("\n".join(tails(playing.OUT / result["scenario"])), flush=True)
    passed = sum(result["ok"] for result in results)
    print(f"strangers: {passed} passed, {len(failed)} failed")
    return 1 if failed else 0


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenario", nargs="*", help="names of scenarios or subjects; none: all of the gate")
    parser.add_argument("--full", action="store_true", help="the long forms in place of the gate's")
    parser.add_argument("--all", action="store_true", help="the gate's and the long forms")
    parser.add_argument("--missing", action="store_true", help="of them those alone that have not passed on this machine")
    parser.add_argument("--jobs", type=int, help="scenarios at a time; by default two for each core, and never fewer than two")
    parser.add_argument("--list", action="store_true", help="name the scenarios and what each proves")
    parser.add_argument("--table", action="store_true", help="print the table of scenarios with the results of their last runs")
    parser.add_argument("--write", action="store_true", help="write docs/scenarios.md and docs/interop.md from the last runs")
    parser.add_argument("--check", action="store_true", help="whether rules are named and the documents are current; plays nothing")
    parser.add_argument("--json", action="store_true", help="the results as JSON, at the end")
    parser.add_argument("--redis", action="store_true", help="with the credit in a Redis, one for each scenario")
    parser.add_argument("--stand-in", action="store_true",
                        help="check the scenarios themselves against Kamailio in place of the switch: SIP only, no books")
    parser.add_argument("--play", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.table or options.write or options.check:
        return telling.main(options, scenarios.all_of_them())
    wanted = chosen(options)
    if options.play:
        return playing.play(wanted[0], options.redis, options.stand_in)
    if options.list:
        for one in wanted:
            print(f"{one.subject:12} {one.name:48} {one.proves}")
        return 0
    return run(options, wanted)


if __name__ == "__main__":
    sys.exit(main())
