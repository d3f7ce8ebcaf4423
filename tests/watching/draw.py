"""A dashboard drawn to a PNG: its panels from the dashboard's JSON, their data from Prometheus, the paint by Chromium.

It is not Grafana, which Debian does not have, but a plain reading of the same file: what it shows is that every query has data that
can be read at a glance. Not here: how one panel becomes a drawing (plot.py).
"""

import html
import subprocess
import tempfile
import time

import dashboards
import plot
from waiting import expect

WIDTH = 1600
# As Grafana has it: 24 columns, and rows of 30 pixels with 8 between.
ROW, GAP = 30, 8

STYLE = """
* { box-sizing: border-box; margin: 0 }
body { background: #111217; color: #d5d7dd; font: 13px "DejaVu Sans", sans-serif; padding: 12px; width: %dpx }
h1 { font-size: 18px; font-weight: 600 }
header, footer { display: flex; justify-content: space-between; align-items: baseline; margin: 2px 4px 10px; color: #9fa3ad }
header h1 { color: #eceef2 }
main { position: relative }
section { position: absolute; background: #181b1f; border: 1px solid #2c3036; border-radius: 3px; overflow: hidden }
h2 { font-size: 13px; font-weight: 600; padding: 7px 10px 0; white-space: nowrap }
svg { position: absolute; left: 0; top: 0 }
text { font: 11px "DejaVu Sans", sans-serif; fill: #9fa3ad }
footer { margin: 10px 4px 0; font-size: 11px }
""" % WIDTH


def panel(prometheus, one, span, rate_interval_s):
    """One panel at its place."""
    began, ended = span
    step = max(1, (ended - began) / 240)
    series = []
    for target in one["targets"]:
        for labels, points in prometheus.over(dashboards.filled_in(target["expr"], rate_interval_s), began, ended, step):
            name = target["legendFormat"]
            for label, value in labels.items():
                name = name.replace("{{" + label + "}}", value)
            series.append((name, points))
    expect(series, f"{one['title']} has nothing to draw")
    at = one["gridPos"]
    column = (WIDTH - 24 + GAP) / 24
    width, height = at["w"] * column - GAP, at["h"] * (ROW + GAP) - GAP
    left, top = at["x"] * column, at["y"] * (ROW + GAP)
    drawing = plot.PLOTS[one["type"]](one, series, span, width, height)
    return (f'<section style="left:{left:.1f}px;top:{top}px;width:{width:.1f}px;height:{height}px">'
            f'<svg width="{width:.1f}" height="{height}">{drawing}</svg><h2>{html.escape(one["title"])}</h2></section>')


def page(prometheus, began, ended, rate_interval_s):
    """The whole dashboard, and how high it is."""
    path, board = next((path, board) for path, board in dashboards.all_dashboards() if path.name == "overview.json")
    rows = max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in board["panels"])
    panels = "".join(panel(prometheus, one, (began, ended), rate_interval_s) for one in board["panels"])
    clock = " to ".join(time.strftime("%H:%M:%S", time.gmtime(at)) for at in (began, ended))
    height = rows * (ROW + GAP)
    nodes = ", ".join(prometheus.ask("label/instance/values", **{"match[]": "tandem_build_info"}))
    return (f'<!doctype html><meta charset="utf-8"><style>{STYLE}</style>'
            f'<header><h1>{html.escape(board["title"])}</h1><span>node {nodes} &nbsp; currency USD &nbsp; {clock} UTC</span></header>'
            f'<main style="height:{height}px">{panels}</main>'
            f'<footer><span>Drawn from grafana/dashboards/{path.name} and the answers of Prometheus by tests/watching/draw.py: '
            f'the dashboard\'s queries, units and thresholds, not Grafana\'s own paint.</span></footer>'), height + 90


def draw(prometheus, began, ended, rate_interval_s, picture):
    """Draws the overview into the PNG; answers how large it has become."""
    content, height = page(prometheus, began, ended, rate_interval_s)
    picture.parent.mkdir(parents=True, exist_ok=True)
    source = picture.with_suffix(".html")
    source.write_text(content)
    picture.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
                        f"--user-data-dir={profile}", f"--window-size={WIDTH},{height}", f"--screenshot={picture.resolve()}",
                        source.resolve().as_uri()],
                       stdin=subprocess.DEVNULL, capture_output=True, timeout=90, check=True)
    expect(picture.is_file() and picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n", "chromium left no picture")
    return f"{picture}, {picture.stat().st_size:,} bytes"
