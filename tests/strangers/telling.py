"""What is told of the scenarios: the results of their last runs, the table of all of them, and the check that it is current.

Not here: how results come to be (playing.py, meeting.py), and what is told of the peers (interop.py).
"""

import fcntl
import json
import re

from playing import ROOT

RESULTS = ROOT / "target" / "strangers" / "results.json"
PAGE = ROOT / "docs" / "scenarios.md"
HEAD = ["Scenario", "Rule or RFC section", "Direction", "Peers"]
OPENING = """\
# What strangers prove

Made by `tests/strangers/run.py --write` from the scenarios' own first sentences and from what their last run was seen to do: the
programs that it started, the call records that it left. `run.py --list` says in a sentence what each proves, `run.py --table` how its
last run on this machine ended; `run.py --check` fails where this page does not name them all. Direction: out of a PBX, in to a PBX,
inside from PBX to PBX; `-` where no call came to be. By hand: sockets of the test itself.
"""


def results():
    """The last result of each scenario, by name."""
    try:
        return json.loads(RESULTS.read_text())
    except (OSError, ValueError):
        return {}


def keep(new):
    """Puts results in the place of older ones of the same scenarios."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    with RESULTS.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        both = results() | {result["scenario"]: result for result in new}
        beside = RESULTS.with_suffix(".new")
        beside.write_text(json.dumps(both, indent=1))
        beside.replace(RESULTS)


def seconds_of_the_last_run():
    """How long each scenario took."""
    return {name: result["seconds"] for name, result in results().items()}


def cells(scenario, result):
    """What a row tells of a scenario."""
    ways = [way for way in ("outbound", "inbound", "inside") if way in (result or {}).get("directions", ())]
    peers = [peer for peer in (result or {}).get("peers", ()) if peer != "openssl"]
    return [scenario.name, scenario.rule, ", ".join(ways) or "-", ", ".join(peers) or "-"]


def verdict(scenario, result):
    """How the last run ended."""
    if result is None:
        return "not asked for" if scenario.apart else "not run here"
    return "ok" if result["ok"] else f"not here: {result['lacking']}" if "lacking" in result else f"FAILED: {result['wrong']}"


def row(values):
    """A line of a table."""
    return f"| {' | '.join(str(value).replace('|', chr(92) + '|') for value in values)} |"


def counted(known, last):
    """How many there are, and how many of them have SIPp as a peer, by direction."""
    of_sipp = [last[name] for name in known if "SIPp" in last.get(name, {}).get("peers", ())]
    ways = [f"{sum(way in one['directions'] for one in of_sipp)} {way}" for way in ("outbound", "inbound", "inside")]
    return f"{len(known)} scenarios; {len(of_sipp)} with SIPp, of these {', '.join(ways)}."


def table(known, with_results):
    """The lines of the table, by subject."""
    last = results()
    yield counted(known, last)
    for subject in sorted({one.subject for one in known.values()}):
        head = [*HEAD, "Result"] if with_results else HEAD
        yield from ("", f"## {subject}", "", row(head), row(["---"] * len(head)))
        for one in (one for one in known.values() if one.subject == subject):
            result = last.get(one.name)
            yield row([*cells(one, result), *([verdict(one, result)] if with_results else [])])


def faults(known):
    """What is wrong with what is told."""
    nameless = [f"{one.subject}.py: {one.name}: its first sentence names no rule and no RFC section in brackets"
                for one in known.values() if not one.rule]
    told = {}
    if PAGE.is_file():
        for line in PAGE.read_text().splitlines():
            found = re.match(r"\| ([a-z][a-z0-9_]+) \| (.*?) \| ", line)
            if found:
                told[found[1]] = found[2]
    wanted = {one.name: cells(one, None)[1] for one in known.values()}
    is_current = told == wanted
    stale = sorted(name for name in told.keys() | wanted.keys() if told.get(name) != wanted.get(name))
    return nameless + ([] if is_current else [f"docs/scenarios.md is not current: {', '.join(stale)}; `run.py --write` makes it"])


def main(options, known):
    """`run.py --table`, `--write` and `--check`; the exit code."""
    import interop

    if options.table:
        print("\n".join(table(known, True)))
    if options.write:
        PAGE.write_text("\n".join([OPENING, *table(known, False), ""]))
        interop.write(known, results())
    wrong = [*faults(known), *interop.faults(known)] if options.check else []
    for one in wrong:
        print(one)
    if options.check:
        print(f"scenarios: {len(known)} named, {len(wrong)} faults")
    return 1 if wrong else 0


