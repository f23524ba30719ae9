#!/usr/bin/env python3
"""Draws docs/speed.svg from the tables in benches/results: the speed next to other tools, and what the faces and guards cost.

    benches/chart.py            write docs/speed.svg
    benches/chart.py --check    fail where docs/speed.svg is not what the tables give

Needs the standard library alone. Every figure is read from a table; where a table gives "× this", the rate is ours divided by it.
"""

import html
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benches/results"
HASHING, SEARCH, FACES = "2026-11-26-epyc-decoders.md", "2026-11-26-epyc-match.md", "2026-11-29-epyc-engine.md"

WIDTH, LEFT, RIGHT, BAR, STEP = 840, 250, 196, 18, 26
OURS, OTHERS = "#2f6fb3", "#b9bec6"


def row(name, start, column=None):
    """The cells of a results file's first table row that begins with `start`, or, with `column`, whose header names that column."""
    table = []
    for line in (RESULTS / name).read_text().splitlines():
        cells = [cell.strip().strip("*") for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            table = []
            continue
        table.append(cells)
        if cells[0].startswith(start) and (column is None or column in table[0]):
            return dict(zip(table[0], cells))
    sys.exit(f"{name} has no row {start!r}")


def number(text):
    return float(re.match(r"[\d,.]+", text)[0].replace(",", ""))


def hashing():
    """Pictures per second of one thread."""
    cells = row(HASHING, "all", "pictures/s")
    ours = number(cells["pictures/s"])
    others = [("every pixel", "shadegrid, --detail full", True), ("image_hasher 3", "image_hasher 3, a 64-bit hash", False),
              ("pdqhash 0.1", "pdqhash 0.1, PDQ alone", False)]
    rates = [("shadegrid, both signatures", ours, True)]
    rates += [(label, ours / number(cells[f"× {name}"]), own) for name, label, own in others]
    return [(label, rate, own, f"{rate:,.0f}/s, {1000 / rate:.1f} ms each") for label, rate, own in rates]


def search():
    """Queries per second of one thread: the table counts pairs, in millions, and a query meets a million entries."""
    kinds = [("photodna, d² ≤ 40,000", "photodna: shadegrid", True), ("FAISS IndexFlatL2", "photodna: FAISS IndexFlatL2", False),
             ("pdq, radius 31", "pdq: shadegrid", True), ("FAISS IndexBinaryFlat", "pdq: FAISS IndexBinaryFlat", False)]
    rates = [(label, number(row(SEARCH, name, "1,000,000 entries")["one thread"]), own) for name, label, own in kinds]
    return [(label, rate, own, f"{rate:,.0f}/s, {1000 / rate:.3g} ms each") for label, rate, own in rates]


def cost():
    """Speed after faces and guards came, by release 0.1.0's; the second figure of a cell is that of the medians."""
    kinds = [("as it is", "all faces, all guards (default)"), ("`--faces stored`", "--faces stored"),
             ("`--faces stored --detail scaled`", "--faces stored --detail scaled")]
    shares = [(label, number(row(FACES, name)["217 photographs"].split("/")[1].strip())) for name, label in kinds]
    return [("release 0.1.0, without them", 1.0, False, "1")] + [(label, share, True, f"{share:.2f}") for label, share in shares]


PANELS = [
    ("Hashing: photographs per second", "217 photographs of 0.83 megapixels on average, one thread", HASHING, hashing),
    ("Looking up: queries per second among 1,000,000 entries", "one thread, the same answers", SEARCH, search),
    ("The cost of seeing what viewers show: speed as a share of release 0.1.0", "the same photographs, one thread", FACES, cost),
]


def text(x, y, words, size=13, extra=""):
    return f'<text x="{x}" y="{y}" font-size="{size}" {extra}>{html.escape(words)}</text>'


def draw():
    parts, y = [], 16
    for title, what, source, figures in PANELS:
        bars = figures()
        largest = max(value for _, value, _, _ in bars)
        parts += [text(16, y + 16, title, 15, 'font-weight="600"'), text(16, y + 34, f"{what} (benches/results/{source})", 12, 'fill="#5b6470"')]
        y += 44
        for label, value, own, shown in bars:
            length = max(1.5, (WIDTH - LEFT - RIGHT) * value / largest)
            parts.append(text(LEFT - 10, y + 14, label, 13, 'text-anchor="end"'))
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2" fill="{OURS if own else OTHERS}"/>')
            parts.append(text(f"{LEFT + length + 8:.1f}", y + 14, shown))
            y += STEP
        y += 12
    parts.append(text(16, y + 8, "2 virtual CPUs of AMD EPYC; the first two panels: Zen 4 with AVX-512, 2026-11-26, before faces and guards.", 12, 'fill="#5b6470"'))
    height = y + 24
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
            'font-family="system-ui, sans-serif" fill="#1c2126" role="img" aria-label="Speed of Shadegrid and of other tools">')
    return "\n".join([head, f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>', *parts, "</svg>"]) + "\n"


def main():
    target, drawn = ROOT / "docs/speed.svg", draw()
    if "--check" in sys.argv[1:]:
        sys.exit(0 if target.read_text() == drawn else f"{target.name} is not what the tables give: run benches/chart.py")
    target.write_text(drawn)


if __name__ == "__main__":
    main()
