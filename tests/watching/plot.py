"""One panel as SVG: a number with its line, or lines over time with axes and a legend.

Not here: where the data come from and where the panel stands (draw.py).
"""

import html
import math
import time

COLORS = {"green": "#73bf69", "yellow": "#f2cc0c", "red": "#f2495c", "blue": "#5794f2", "gray": "#9fa3ad"}
PALETTE = ("#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#37872d", "#e0b400", "#8ab8ff", "#c4162a")
GRID = "#2a2e35"


def amount(value, unit, decimals=None):
    """A value with its unit, as a person reads it."""
    if unit == "percentunit":
        return f"{100 * value:.{1 if decimals is None else decimals}f}%"
    if unit == "s":
        for factor, name in ((1e6, "µs"), (1e3, "ms")):
            if value != 0 and abs(value) * factor < 1000:
                return f"{value * factor:.3g} {name}"
        return f"{value:.3g} s"
    text = f"{value:,.{decimals}f}" if decimals is not None else f"{value:,.0f}" if value == int(value) else f"{value:.3g}"
    return text + {"cps": " /s", "reqps": " /s"}.get(unit, "")


def stat(panel, series, span, width, height):
    """The last value in the colour of its threshold, over the line that led to it."""
    defaults = panel["fieldConfig"]["defaults"]
    _, points = series[0]
    last = points[-1][1]
    color = next(step["color"] for step in reversed(defaults["thresholds"]["steps"]) if step["value"] is None or last >= step["value"])
    color = COLORS[color]
    low = defaults.get("min", min(value for _, value in points))
    high = defaults.get("max", max(value for _, value in points))
    top, bottom = height - 46, height - 4
    place = lambda at, value: (  # noqa: E731
        (at - span[0]) / (span[1] - span[0]) * width, bottom - (value - low) / (high - low or 1) * (bottom - top))
    dots = [place(*point) for point in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in dots)
    text = amount(last, defaults["unit"], defaults.get("decimals"))
    return (f'<polygon points="{dots[0][0]:.1f},{height} {line} {dots[-1][0]:.1f},{height}" fill="{color}" fill-opacity=".15"/>'
            f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="1.5"/>'
            f'<text x="{width / 2:.0f}" y="{height / 2 + 16:.0f}" text-anchor="middle" '
            f'style="font-size:40px;font-weight:600;fill:{color}">{html.escape(text)}</text>')


class Axis:
    """Where a value stands between the bottom and the top, and which values deserve a line."""

    def __init__(self, values, bottom, top, logarithmic=False, low=None):
        self.bottom, self.top, self.logarithmic = bottom, top, logarithmic
        if logarithmic:
            positive = [value for value in values if value > 0] or [1]
            self.low, self.high = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
            self.high = max(self.high, self.low + 1)
            self.ticks = [10.0 ** power for power in range(self.low, self.high + 1)]
        else:
            low = min(values) if low is None else low
            high = max(values) if max(values) > low else low + 1
            step = 10 ** math.floor(math.log10(high - low))
            step = next(step * part for part in (0.2, 0.5, 1, 2, 5) if (high - low) / (step * part) <= 5)
            self.low, self.high = math.floor(low / step) * step, math.ceil(high / step) * step
            self.ticks = [self.low + number * step for number in range(round((self.high - self.low) / step) + 1)]

    def __call__(self, value):
        if self.logarithmic:
            value = math.log10(max(value, 10.0 ** self.low))
        return self.bottom - (value - self.low) / (self.high - self.low) * (self.bottom - self.top)


def timeseries(panel, series, span, width, height):
    """Lines, or areas on top of each other, with one axis or two."""
    defaults = panel["fieldConfig"]["defaults"]
    custom = defaults["custom"]
    stacked = custom["stacking"]["mode"] == "normal"
    units, on_right = {}, set()
    for override in panel["fieldConfig"]["overrides"]:
        for change in override["properties"]:
            if change["id"] == "unit":
                units[override["matcher"]["options"]] = change["value"]
            if change["id"] == "custom.axisPlacement" and change["value"] == "right":
                on_right.add(override["matcher"]["options"])
    unit_of = lambda name: units.get(name, defaults["unit"])  # noqa: E731
    legend_width = 270
    left, right = 64, width - legend_width - (56 if on_right else 14)
    top, bottom = 36, height - 28
    x = lambda at: left + (at - span[0]) / (span[1] - span[0]) * (right - left)  # noqa: E731
    drawn = [(name, points, points) for name, points in series]
    if stacked:
        drawn, below = [], {}
        for name, points in series:
            on_top = [(at, below.get(at, 0) + value) for at, value in points]
            drawn.append((name, points, [*on_top, *((at, below.get(at, 0)) for at, _ in reversed(points))]))
            below.update(dict(on_top))
    axes = {}
    for is_right in (False, True):
        values = [value for name, _, shape in drawn if (name in on_right) == is_right for _, value in shape]
        if values:
            axes[is_right] = Axis(values, bottom, top, custom["scaleDistribution"]["type"] == "log" and not is_right,
                                  defaults.get("min"))
    parts = []
    for is_right, axis in axes.items():
        names = [name for name, *_ in drawn if (name in on_right) == is_right]
        for tick in axis.ticks:
            y = axis(tick)
            if not is_right:
                parts.append(f'<line x1="{left}" x2="{right:.0f}" y1="{y:.1f}" y2="{y:.1f}" stroke="{GRID}"/>')
            place, anchor = (right + 6, "start") if is_right else (left - 6, "end")
            parts.append(f'<text x="{place:.0f}" y="{y + 4:.1f}" text-anchor="{anchor}">{amount(tick, unit_of(names[0]))}</text>')
    for number in range(5):
        at = span[0] + (span[1] - span[0]) * number / 4
        parts.append(f'<line x1="{x(at):.1f}" x2="{x(at):.1f}" y1="{top}" y2="{bottom}" stroke="{GRID}"/>'
                     f'<text x="{x(at):.1f}" y="{height - 10}" text-anchor="middle">'
                     f'{time.strftime("%H:%M:%S", time.gmtime(at))}</text>')
    for number, (name, points, shape) in enumerate(drawn):
        color, axis = PALETTE[number % len(PALETTE)], axes[name in on_right]
        dots = " ".join(f"{x(at):.1f},{axis(value):.1f}" for at, value in shape)
        if stacked:
            parts.append(f'<polygon points="{dots}" fill="{color}" fill-opacity=".45" stroke="{color}"/>')
        elif len(shape) == 1:
            parts.append(f'<circle cx="{x(shape[0][0]):.1f}" cy="{axis(shape[0][1]):.1f}" r="2" fill="{color}"/>')
        else:
            parts.append(f'<polyline points="{dots}" fill="none" stroke="{color}" stroke-width="1.5"/>')
        parts.append(legend_row(number, name, color, points, unit_of(name), defaults.get("decimals"), width, legend_width))
    parts.append(f'<text x="{width - 80:.0f}" y="42" text-anchor="end">last</text>'
                 f'<text x="{width - 12:.0f}" y="42" text-anchor="end">max</text>')
    return "".join(parts)


def legend_row(number, name, color, points, unit, decimals, width, legend_width):
    """Colour, name, last and largest value of a series."""
    y, left = 62 + 18 * number, width - legend_width + 16
    last, largest = (amount(value, unit, decimals) for value in (points[-1][1], max(value for _, value in points)))
    bright = 'style="fill:#d5d7dd"'
    return (f'<rect x="{left:.0f}" y="{y - 8}" width="12" height="4" rx="2" fill="{color}"/>'
            f'<text x="{left + 18:.0f}" y="{y}" {bright}>{html.escape(name)}</text>'
            f'<text x="{width - 80:.0f}" y="{y}" text-anchor="end" {bright}>{last}</text>'
            f'<text x="{width - 12:.0f}" y="{y}" text-anchor="end" {bright}>{largest}</text>')


PLOTS = {"stat": stat, "timeseries": timeseries}
