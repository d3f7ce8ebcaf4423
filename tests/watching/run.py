#!/usr/bin/env python3
"""Asks a real Prometheus, which scrapes a real switch under load, every query of every dashboard panel and every rule.

Not here: the load (load.py), pictures (draw.py), and when an alert fires (promtool on grafana/prometheus/rules_test.yml).
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "strangers")]
sys.dont_write_bytecode = True

import dashboards  # noqa: E402
import draw  # noqa: E402
from checks import Checks  # noqa: E402
from load import Load  # noqa: E402
from prometheus import ROOT, SCRAPED_EVERY_S, Prometheus  # noqa: E402
from server import BINARY, Server  # noqa: E402
from waiting import equal, expect, until  # noqa: E402
from world import World  # noqa: E402

OUT = ROOT / "target" / "tests" / "watching"


def run(*command):
    """What a command prints; its failure is ours."""
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    said = (done.stdout + done.stderr).strip()
    equal(done.returncode, 0, f"{' '.join(map(str, command))} ({said[-1500:]}) exit code")
    return done.stdout


# --- without a server ---

def shipped_files_are_valid():
    """promtool reads configuration and rules, and the rules' tests hold."""
    run("promtool", "check", "config", "grafana/prometheus/prometheus.yml")
    run("promtool", "test", "rules", "grafana/prometheus/rules_test.yml")


def dashboards_are_as_made():
    """What is committed is what the generator writes."""
    run("grafana/generate", "--check")


def dashboards_are_sound():
    """Nothing overlaps, everything is described, and only what the switch exports is asked for."""
    catalogue = {row["name"]: row for row in json.loads(run(BINARY, "metrics", "--json"))}
    boards = dashboards.all_dashboards()
    wrong = [fault for path, board in boards for fault in dashboards.faults(path, board, catalogue)]
    rules = ROOT / "grafana" / "prometheus" / "rules"
    for path in sorted(rules.glob("*.yml")):
        wrong += [f"{path.name}: {word}" for word in dashboards.unknown_words(path.read_text(), catalogue)]
    expect(boards and not wrong, "; ".join(wrong) or "there is no dashboard")
    return f"{sum(len(board['panels']) for _, board in boards)} panels"


def every_alert_has_a_runbook():
    """The page that an alert names exists and is named after it."""
    text = "\n".join(path.read_text() for path in (ROOT / "grafana" / "prometheus" / "rules").glob("*.yml"))
    alerts = [line.split()[-1] for line in text.splitlines() if line.strip().startswith("- alert:")]
    missing = [alert for alert in alerts
               if f"runbook: docs/runbooks/{alert}.md" not in text or not (ROOT / f"docs/runbooks/{alert}.md").is_file()]
    expect(alerts and not missing, f"no runbook for {missing}")
    return f"{len(alerts)} alerts"


def dashboards_are_grafanas():
    """Grafana's own published types, as a JSON schema, find nothing wrong."""
    folder = OUT.with_name("dashboard-schema")
    shutil.copytree(HERE / "schema", folder, dirs_exist_ok=True)
    run("npm", "ci", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    return run("node", folder / "validate.js", *(path for path, _ in dashboards.all_dashboards())).strip()


# --- with a server ---

def panels_have_data(prometheus, began, rate_interval_s):
    """Every query of every panel answers without error and with a number; rates want a few scrapes before."""
    queries = [(f"{path.name}: {panel['title']}", dashboards.filled_in(target["expr"], rate_interval_s))
               for path, board in dashboards.all_dashboards() for panel in board["panels"] for target in panel["targets"]]

    def all_answer():
        empty = [f"{where}: {query}" for where, query in queries
                 if not prometheus.over(query, began, time.time(), SCRAPED_EVERY_S)]
        expect(queries and not empty, "no data for " + "; ".join(empty))
        return True

    until(all_answer, "data for every panel", 15)
    return f"{len(queries)} queries"


def variables_and_annotations_answer(prometheus):
    """What a variable offers is not empty, and an annotation's query is understood."""
    for path, board in dashboards.all_dashboards():
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                metric, label = variable["query"]["query"].removeprefix("label_values(").removesuffix(")").split(", ")
                expect(prometheus.ask(f"label/{label}/values", **{"match[]": metric}),
                       f"{path.name}: the variable {variable['name']} offers nothing")
        for annotation in board["annotations"]["list"]:
            prometheus.now(dashboards.filled_in(annotation["target"]["expr"], 10))


def rules_have_data(prometheus):
    """Every rule is evaluated without error, and everything that one selects exists."""
    def are_evaluated():
        rules = prometheus.rules()
        bad = [f"{rule['name']}: {rule['health']} {rule.get('lastError', '')}" for rule in rules if rule["health"] != "ok"]
        expect(rules and not bad, f"{bad}")
        return rules

    rules = until(are_evaluated, "every rule to be evaluated", 15)
    wanted = {rule["name"]: rule["name"] for rule in rules if rule["type"] == "recording"}
    for rule in rules:
        wanted.update({text: rule["name"] for _, _, text in dashboards.selectors(rule["query"])})

    def all_answer():
        empty = [f"{name}: {text}" for text, name in wanted.items() if not prometheus.now(text)]
        expect(not empty, "no data for " + "; ".join(empty))
        return True

    until(all_answer, "data for every rule", 15)
    return f"{len(rules)} rules, {len(wanted)} selections"


def the_healthy_switch_is_not_told_of(prometheus):
    """Under load the books balance at every scrape, and nobody is woken."""
    worst = prometheus.now("max(max_over_time(abs(tandem_ledger_imbalance)[5m:1s]))")
    equal([value for _, value in worst], [0.0], "the worst imbalance at any scrape")
    alerts = [rule["name"] for rule in prometheus.rules() if rule["type"] == "alerting" and rule["state"] == "firing"]
    equal(alerts, [], "alerts that fire")


def a_killed_switch_is_told_of(prometheus, server):
    """Once it is dead, TandemDown waits for its minute."""
    server.kill()

    def is_pending():
        return [rule for rule in prometheus.rules() if rule["name"] == "TandemDown" and rule["state"] != "inactive"]

    until(is_pending, "TandemDown to take notice", 15)


def watched(checks, seconds, picture):
    """A switch under load, and everything that is asked meanwhile."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    rate_interval_s = 10
    server = Server(OUT).start()
    with World(OUT, server) as world, Prometheus(OUT / "prometheus", f"127.0.0.1:{server.http_port}") as prometheus:
        began = time.time()
        load = Load(world, seconds)
        # A picture wants much to show, the checks only some.
        enough = began + seconds * (0.9 if picture else 0.5)
        until(lambda: time.time() > enough, "enough of the load", seconds + 5)
        if picture:
            checks.check("the dashboard is drawn", draw.draw, prometheus, began, time.time(), rate_interval_s, picture)
        checks.check("every panel has data", panels_have_data, prometheus, began, rate_interval_s)
        checks.check("variables and annotations answer", variables_and_annotations_answer, prometheus)
        checks.check("every rule has data", rules_have_data, prometheus)
        checks.check("the load is carried", load.finish)
        checks.check("a healthy switch wakes nobody", the_healthy_switch_is_not_told_of, prometheus)
        world.nothing_leaks()
        checks.check("a dead switch is noticed", a_killed_switch_is_told_of, prometheus, server)
        server.start()


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, help="how long calls are placed; 16, or 90 with --full")
    parser.add_argument("--full", action="store_true",
                        help="hold the dashboards against Grafana's schema too (needs npm), and draw them (needs Chromium)")
    options = parser.parse_args()
    checks = Checks()
    checks.check("Prometheus' files are valid, alerts fire where they should", shipped_files_are_valid)
    checks.check("the dashboards are what the generator writes", dashboards_are_as_made)
    checks.check("the dashboards ask only for what is exported", dashboards_are_sound)
    checks.check("every alert has a runbook", every_alert_has_a_runbook)
    if options.full:
        checks.check("the dashboards are dashboards to Grafana's own schema", dashboards_are_grafanas)
    watched(checks, options.seconds or (90 if options.full else 16), OUT.with_name("overview.png") if options.full else None)
    return checks.close("watching")


if __name__ == "__main__":
    sys.exit(main())
