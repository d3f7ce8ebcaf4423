"""The dashboards as data: their panels and queries as Prometheus understands them, and what must hold of each without a server.

Not here: the answers to the queries (run.py) and pictures of them (draw.py).
"""

import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "grafana" / "dashboards"
# Words of PromQL that a metric's name could be taken for begin otherwise than ours.
_SELECTOR = re.compile(r"\b((?:tandem|process)_\w+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"((?:[^"\\]|\\.)*)"')
_SUFFIXES = ("_bucket", "_sum", "_count")
# Labels that Prometheus adds.
_SCRAPED = {"job", "instance", "le"}


def all_dashboards():
    """Path and content of each."""
    return [(path, json.loads(path.read_text())) for path in sorted(FOLDER.glob("*.json"))]


def filled_in(expression, rate_interval_s, currency="USD"):
    """The expression with Grafana's variables replaced as Grafana would with its defaults."""
    return (expression.replace("$__rate_interval", f"{rate_interval_s}s").replace("$node", ".+")
            .replace("$currency", currency))


def selectors(expression):
    """Metric and matchers of each selector in an expression, and its text."""
    for match in _SELECTOR.finditer(expression):
        yield match.group(1), _MATCHER.findall(match.group(2) or ""), match.group(0)


def unknown_words(expression, catalogue):
    """What an expression asks for that the switch does not export: metrics, labels, values of labels."""
    for name, matchers, text in selectors(expression):
        base = next((name[: -len(suffix)] for suffix in _SUFFIXES if name.endswith(suffix) and name[: -len(suffix)] in catalogue),
                    name)
        if base not in catalogue:
            yield f"{text}: no metric of this name"
            continue
        labels = {label["name"]: label["values"] for label in catalogue[base]["labels"]}
        if name.endswith("_bucket") != (name != base and catalogue[base]["kind"] == "histogram" and name.endswith("_bucket")):
            yield f"{text}: only histograms have buckets"
        for label, operator, value in matchers:
            if label in _SCRAPED or value.startswith("$"):
                continue
            if label not in labels:
                yield f"{text}: the metric has no label {label}"
            elif isinstance(labels[label], dict) and "closed" in labels[label]:
                wanted = value.split("|") if "~" in operator else [value]
                yield from (f"{text}: {label} is never {one}" for one in wanted if one not in labels[label]["closed"])


def faults(path, dashboard, catalogue):
    """Everything that is wrong with a dashboard, as sentences."""
    name = path.name
    panels = dashboard["panels"]
    ids = [panel["id"] for panel in panels]
    if len(set(ids)) != len(ids):
        yield f"{name}: two panels share an id"
    taken = {}
    for panel in panels:
        title = panel["title"]
        where = panel["gridPos"]
        if where["x"] + where["w"] > 24:
            yield f"{name}: {title} reaches beyond the 24 columns"
        for x in range(where["x"], where["x"] + where["w"]):
            for y in range(where["y"], where["y"] + where["h"]):
                if (x, y) in taken:
                    yield f"{name}: {title} lies over {taken[x, y]}"
                    return
                taken[x, y] = title
        defaults = panel["fieldConfig"]["defaults"]
        if not defaults.get("unit"):
            yield f"{name}: {title} has no unit"
        if len(panel.get("description", "")) < 40:
            yield f"{name}: {title} does not say what it shows and what to do"
        if not defaults.get("thresholds", {}).get("steps"):
            yield f"{name}: {title} has no thresholds"
        for target in panel["targets"]:
            if "$node" not in target["expr"]:
                yield f"{name}: {title} does not heed the node that was chosen"
            yield from (f"{name}: {title}: {word}" for word in unknown_words(target["expr"], catalogue))
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?(?!__)(\w+)", json.dumps(dashboard)))
    if variables != used:
        yield f"{name}: variables {sorted(variables)} are defined, {sorted(used)} are used"
