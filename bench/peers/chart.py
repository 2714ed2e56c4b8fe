"""A bar chart of a comparison as SVG, in a few shapes of text and rectangles: no library needed to draw or to see it.

    chart.py MEASUREMENTS.json CHART.svg
"""

import json
import sys
from html import escape
from pathlib import Path

from report import describe, groups, is_ours

WIDTH, LABEL, BAR, GAP, PANEL_GAP = 760, 190, 16, 4, 22
TITLE = 20
FONT = 'font-family="system-ui, sans-serif" font-size="12"'
COLOURS = {"int8": "#d1495b", "fp16": "#edae49", "bf16": "#e98a15", "fp32": "#8f2d56"}
PEER_COLOUR = "#8d99ae"


def text(x, y, words, extra=""):
    return f'<text x="{x:.0f}" y="{y:.0f}" {extra}>{escape(words)}</text>'


def panel(top, title, bars, unit):
    """(SVG lines, height). bars: [(label, value, note, colour)], drawn from the top."""
    lines = [text(0, top + 12, title, 'font-weight="bold"')]
    longest = max(value for _, value, _, _ in bars)
    room = WIDTH - LABEL - 210
    y = top + TITLE
    for label, value, note, colour in bars:
        width = max(1, room * value / longest)
        lines.append(text(LABEL - 6, y + 12, label, 'text-anchor="end"'))
        lines.append(f'<rect x="{LABEL}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{colour}"/>')
        number = f"{value:,.4g}" if value < 100 else f"{value:,.0f}"
        lines.append(text(LABEL + width + 5, y + 12, f"{number} {unit}{note}"))
        y += BAR + GAP
    return lines, y - top + PANEL_GAP


def colour_of(row):
    return COLOURS[row["precision"]] if is_ours(row) else PEER_COLOUR


def bars_of(rows, by, best_first):
    ordered = sorted(rows, key=lambda row: row[by], reverse=best_first)
    shares = {id(row): row.get("share_of_peak") for row in ordered}
    notes = {key: f"  ({share:.0%} of peak)" if share else "" for key, share in shares.items()}
    return [(row["label"], row[by], notes[id(row)], colour_of(row)) for row in ordered]


def panels(found):
    for key, rows in groups(found["texts"], "model", "threads", "workload", "order").items():
        rows = [{**row, "label": row["engine"]} for row in rows]
        yield describe(key), bars_of(rows, "tokens_per_second", True), "tokens/s"
    for key, rows in groups(found["single"], "model", "threads", "workload").items():
        rows = [{**row, "label": row["engine"]} for row in rows]
        yield "one text: " + describe(key) + " (p50, shorter is better)", bars_of(rows, "p50_ms", False), "ms"
    for key, rows in groups(found["text_in"], "model", "threads").items():
        rows = [{**row, "label": f"{row['engine']}, {row['batch']}"} for row in rows]
        yield "text in, label out: " + describe(key), bars_of(rows, "texts_per_second", True), "texts/s"


def draw(found):
    lines, top = [], 44
    for title, bars, unit in panels(found):
        drawn, height = panel(top, title, bars, unit)
        lines += drawn
        top += height
    heading = f"valence and other engines: {found['cpu']}, {found['date']}"
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-8 0 {WIDTH + 16} {top}" width="{WIDTH + 16}" {FONT}>',
            f'<rect x="-8" width="{WIDTH + 16}" height="{top}" fill="white"/>',
            text(0, 16, heading, 'font-weight="bold" font-size="14"'),
            text(0, 32, versions, 'font-size="10" fill="#555"'),
            *lines,
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(draw(json.loads(Path(sys.argv[1]).read_text())))
