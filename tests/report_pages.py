#!/usr/bin/env python3
"""The pages of `bench` and of a job in a browser: on a desk and a phone, by day and by night, and on paper.

    tests/report_pages.py [SHADEGRID]

Makes a job with failures and a small bench, opens their pages in headless Chromium, and looks at what a reader would trip over: lines wider than the screen, letters that
are too small or too faint, bars of the wrong length, links that lead nowhere, anything that is fetched from elsewhere.
CHROMIUM names the browser (chromium). With SCREENSHOTS=FOLDER it leaves pictures and PDFs of the pages there.
"""

import base64
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from page import HOLIDAY, PROGRAM, Browser

SCREENS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]

# Each with the least that a reader needs.
LOOKS = """(() => {
    const shown = (element) => getComputedStyle(element);
    const light = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map(Number).reduce((sum, part) => sum + part, 0) / 765;
    const paper = light(shown(document.body).backgroundColor);
    const texts = [...document.querySelectorAll('h1, h2, p, td, th, dt, dd, i, .label, .value, .unit')].filter((element) => element.innerText?.trim());
    return {
        paper,
        fits: document.documentElement.scrollWidth <= document.documentElement.clientWidth,
        smallest: Math.min(...texts.map((element) => parseFloat(shown(element).fontSize))),
        faintest: Math.min(...texts.map((element) => Math.abs(light(shown(element).color) - paper))),
        bars: [...document.querySelectorAll('rect.bar')].map((bar) => bar.getBoundingClientRect().width / bar.ownerSVGElement.getBoundingClientRect().width),
        charts: [...document.querySelectorAll('svg')].map((chart) => chart.getBoundingClientRect().width),
        lost: [...document.querySelectorAll('a[href^="#"]')].filter((link) => !document.getElementById(link.hash.slice(1))).length,
        links: document.querySelectorAll('a[href^="#"]').length,
        fetched: performance.getEntriesByType('resource').length,
        title: document.title,
        verdict: document.querySelector('.verdict').innerText,
        facts: [...document.querySelectorAll('dt')].map((fact) => fact.innerText),
    };
})()"""


def make(folder):
    """A job's page with failures of several kinds, and that of a bench."""
    photos = Path(folder, "photos")
    shutil.copytree(HOLIDAY, photos)
    whole = (HOLIDAY / "window.png").read_bytes()
    for number in range(7):
        (photos / f"a picture that broke off, with a name that is long enough for a phone {number}.png").write_bytes(whole[: 60 + number])
        (photos / f"{number}.jpg").write_bytes(b"no picture")
    job = [PROGRAM, "backfill", "photos", "--out", "job", "--shard-size", "4", "--quiet"]
    assert subprocess.run(job, cwd=folder, check=False).returncode == 2
    bench = [PROGRAM, "bench", "photos", "--threads", "1,2", "--runs", "2", "--quiet", "-o", "bench.html"]
    subprocess.run(bench, cwd=folder, check=True)
    return {"job": Path(folder, "job/report.html"), "bench": Path(folder, "bench.html")}


def leave(name, content):
    if folder := os.environ.get("SCREENSHOTS"):
        Path(folder, name).write_bytes(base64.b64decode(content))


def check(browser, name, page):
    widths = {}
    for width, scheme in SCREENS:
        where = f"{name} at {width} pixels, {scheme}"
        browser.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        browser.ask("Emulation.setEmulatedMedia", media="screen", features=[{"name": "prefers-color-scheme", "value": scheme}])
        browser.ask("Page.navigate", url=page.as_uri())
        browser.until(f"document.readyState === 'complete' && location.href === {page.as_uri()!r} && innerWidth <= {width}")
        looks = browser.value(LOOKS)
        assert looks["fits"], f"{where}: wider than its screen"
        assert (looks["paper"] > 0.9) == (scheme == "light"), f"{where}: {looks['paper']}"
        assert looks["smallest"] >= 12 and looks["faintest"] > 0.3, f"{where}: {looks}"
        assert looks["charts"] and min(looks["charts"]) >= 180, f"{where}: a chart of {min(looks['charts'])} pixels"
        assert 0.5 < max(looks["bars"]) <= 1.001, f"{where}: a bar is longer than its chart, or all are short"
        assert looks["lost"] == 0 and looks["fetched"] == 0, f"{where}: {looks}"
        assert looks["title"].startswith(f"Shadegrid {name}: photos") and len(looks["verdict"]) > 40, where
        for fact in ("Archive", "Made", "Machine", "Version", "Command"):
            assert fact in looks["facts"], f"{where}: {looks['facts']}"
        widths[width] = looks["bars"]
        leave(f"{name}-{width}-{scheme}.png", browser.ask("Page.captureScreenshot", captureBeyondViewport=True)["data"])
    # The shares of their charts that bars take are the same on every screen. Numbers say no less, so a bar of next to nothing may differ.
    assert all(abs(phone - desk) < 0.02 for phone, desk in zip(widths[390], widths[1280])), f"{name}: {widths}"
    browser.ask("Emulation.clearDeviceMetricsOverride")
    browser.ask("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert browser.value(LOOKS)["paper"] > 0.9, f"{name}: paper is white"
    paper = browser.ask("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, printBackground=True)["data"]
    assert base64.b64decode(paper).startswith(b"%PDF-")
    leave(f"{name}.pdf", paper)


def main():
    with tempfile.TemporaryDirectory() as folder:
        pages = make(folder)
        browser = Browser(os.path.join(folder, "browser"))
        try:
            browser.ask("Page.enable")
            for name, page in pages.items():
                check(browser, name, page)
            browser.ask("Page.navigate", url=pages["job"].as_uri())
            browser.until("!!document.querySelector('#failed-corrupt')")
            examples = browser.value("document.querySelector('#failed-corrupt').nextElementSibling.innerText")
            assert examples.count("a picture that broke off") == 5, examples
        finally:
            browser.close()
    print(f"the pages of a job and a bench: {len(SCREENS)} screens each, and paper")


if __name__ == "__main__":
    main()
