"""bench/chart.py — curves as a small SVG that reads in light and in dark; nothing here measures."""
import html
import math

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 340, 210, 52, 14, 42, 40  # of one panel, and its margins
COLUMNS = 2
STYLE = """text { font: 11px system-ui, sans-serif; fill: #57606a } .title { font-weight: 600; fill: #1f2328 } .grid { stroke: #d0d7de }
.line { fill: none; stroke-width: 2 } .s0 { stroke: #0969da; fill: #0969da } .s1 { stroke: #bc4c00; fill: #bc4c00 }
.line.s0, .line.s1 { fill: none } text.s0, text.s1 { stroke: none }
@media (prefers-color-scheme: dark) { text { fill: #9198a1 } .title { fill: #f0f6fc } .grid { stroke: #3d444d }
.s0 { stroke: #4493f8; fill: #4493f8 } .s1 { stroke: #f0883e; fill: #f0883e } .line.s0, .line.s1 { fill: none } text.s0, text.s1 { stroke: none } }"""


def short(value):
    """1200000 as 1.2M: what stands at an axis."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def ceiling(value):
    """The next round number: where an axis ends."""
    if value <= 0:
        return 1
    size = 10 ** math.floor(math.log10(value))
    return next(step * size for step in (1, 2, 2.5, 5, 10) if step * size >= value * 0.9999)


def panel(title, series, x_title):
    """One set of axes: x by its logarithm, y from 0. series: [(name, [(x, y)])]"""
    points = [point for _, line in series for point in line]
    xs = sorted({x for x, _ in points})
    low, high = math.log10(xs[0]), math.log10(xs[-1])
    y_end = ceiling(max(y for _, y in points))

    def at_x(x):
        return LEFT + (WIDTH - LEFT - RIGHT) * ((math.log10(x) - low) / (high - low) if high > low else 0.5)

    def at_y(y):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / y_end

    parts = [f'<text class="title" x="{LEFT}" y="16">{html.escape(title)}</text>']
    for step in range(5):
        y = at_y(y_end * step / 4)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
                     f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{short(y_end * step / 4)}</text>')
    parts += [f'<text x="{at_x(x):.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{short(x)}</text>' for x in xs]
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{html.escape(x_title)}</text>')
    for number, (name, line) in enumerate(series):
        places = [(at_x(x), at_y(y)) for x, y in sorted(line)]
        parts.append(f'<polyline class="line s{number}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>')
        parts += [f'<circle class="s{number}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places]
        if len(series) > 1:
            parts.append(f'<text class="s{number}" x="{LEFT + 90 * number}" y="31">{html.escape(name)}</text>')
    return "".join(parts)


def svg(panels, x_title):
    """panels: [(title, [(name of the line, [(x, y)])])], two side by side."""
    panels = [(title, [(name, line) for name, line in series if line]) for title, series in panels]
    panels = [(title, series) for title, series in panels if series]
    width, height = WIDTH * min(COLUMNS, len(panels)), HEIGHT * math.ceil(len(panels) / COLUMNS)
    drawn = "\n".join(f'<g transform="translate({WIDTH * (at % COLUMNS)} {HEIGHT * (at // COLUMNS)})">{panel(title, series, x_title)}</g>'
                      for at, (title, series) in enumerate(panels))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">\n'
            f"<style>{STYLE}</style>\n{drawn}\n</svg>\n")
