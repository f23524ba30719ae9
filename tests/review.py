#!/usr/bin/env python3
"""From a match to a filed report, in a browser: upload, review, reveal, decision, report, hooks, audit.

    tests/review.py [SHADEGRID]

Starts a stand-in CyberTipline, a receiver of hooks and `shadegrid serve` with a gallery of one picture; uploads copies of it for review; signs in to the review in headless Chromium,
holds a picture, confirms, and asks for a report by the form; and waits until the stand-in says that the report is finished, the receiver has its events, and the audit is whole.
CHROMIUM names the browser (chromium). With SCREENSHOTS=FOLDER it leaves pictures of the pages there: desktop, phone, dark.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from page import HOLIDAY, PATIENCE, PROGRAM, Browser

EVIDENCE_KEY = "8c1f0a77b3e94d52" * 4
SCREENS = (("desktop", 1200, 900, "light"), ("phone", 390, 844, "light"), ("dark", 1200, 900, "dark"))

# What a page's policy refuses is noted before anything of it runs.
NOTING = "window.refused = []; addEventListener('securitypolicyviolation', (event) => window.refused.push(event.violatedDirective))"

# How much neighbouring pixels of the first picture differ, and whether any of its pixels has a colour.
SEEN = """(() => {
  const image = document.querySelector('figure img');
  if (!image.complete || !image.naturalWidth) return null;
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
  let edges = 0, colours = 0;
  for (let at = 4; at < data.length; at += 4) {
    if (at / 4 % width) edges += Math.abs(data[at] - data[at - 4]);
    if (Math.max(data[at], data[at + 1], data[at + 2]) - Math.min(data[at], data[at + 1], data[at + 2]) > 8) colours += 1;
  }
  return { width, height, edges: edges / (data.length / 4), colours };
})()"""


def until(what, tell):
    """What a call comes to, once it is neither empty nor false."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        if value := what():
            return value
        time.sleep(0.05)
    raise AssertionError(tell())


class Receiver(BaseHTTPRequestHandler):
    """Takes every event."""

    events: list = []

    def do_POST(self):
        self.events.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


class Pages:
    """A person in a browser."""

    def __init__(self, browser, url):
        self.browser, self.url = browser, url
        browser.ask("Page.enable")
        browser.ask("Page.addScriptToEvaluateOnNewDocument", source=NOTING)

    def screen(self, width, height, scheme):
        self.browser.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.browser.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, path):
        self.browser.value("window.old = true")
        self.browser.ask("Page.navigate", url=self.url + path)
        self.arrived()

    def arrived(self):
        self.browser.until("!window.old && document.readyState === 'complete' && [...document.images].every((image) => image.complete)")
        refused = self.browser.value("window.refused")
        assert refused == [], refused

    def text(self):
        return self.browser.value("document.body.innerText")

    def path(self):
        return self.browser.value("location.pathname")

    def point(self, selector):
        """The middle of an element, once it is in view."""
        return self.browser.value(
            f"(() => {{ const element = document.querySelector({json.dumps(selector)}); element.scrollIntoView({{ block: 'center' }});"
            " const at = element.getBoundingClientRect(); return [at.x + at.width / 2, at.y + at.height / 2]; })()"
        )

    def press(self, selector):
        x, y = self.point(selector)
        self.browser.ask("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", clickCount=1)
        return x, y

    def let_go(self, at):
        self.browser.ask("Input.dispatchMouseEvent", type="mouseReleased", x=at[0], y=at[1], button="left", clickCount=1)

    def click(self, selector):
        """Presses what leads to another page."""
        self.browser.value("window.old = true")
        self.let_go(self.press(selector))
        self.arrived()

    def fill(self, name, text):
        self.browser.value(f"document.querySelector('[name={json.dumps(name)}]').value = {json.dumps(text)}")

    def show(self, name):
        """Leaves pictures of the page on every screen, which none may be wider than."""
        for screen, width, height, scheme in SCREENS:
            self.screen(width, height, scheme)
            fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
            assert self.browser.value(fits), f"{name} on {screen}: wider than its screen"
            self.browser.screenshot(f"{name}-{screen}.png")
        self.screen(*SCREENS[0][1:])


def command(folder, *arguments):
    run = subprocess.run([PROGRAM, *arguments], cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, (arguments, run.returncode, run.stderr)
    return run.stdout


def started(folder, *arguments):
    """A process that listens, and its address."""
    process = subprocess.Popen([PROGRAM, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = []
    while line := process.stdout.readline():
        lines.append(line)
        if "listening at" in line:
            said = []
            threading.Thread(target=lambda: said.extend(process.stdout), daemon=True).start()
            return process, line.split()[-1], said
    raise AssertionError(lines)


def asked(url, key, body=None):
    request = urllib.request.Request(url, data=body, headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)


def prepare(folder, tipline, hooks):
    """Everything that the service is started with, and two keys: of what uploads, and of a person."""
    record = json.loads(command(folder, "hash", "--quiet", HOLIDAY / "hills.jpg"))
    Path(folder, "list.jsonl").write_text(json.dumps(record | {"key": "case 7", "label": "A2"}) + "\n")
    command(folder, "gallery", "build", "known.gallery", "list.jsonl")
    for name, text in (("evidence.key", EVIDENCE_KEY), ("user", "user"), ("password", "password"), ("hook.secret", "secret " * 8)):
        Path(folder, name).write_text(text)
        Path(folder, name).chmod(0o600)
    Path(folder, "reports.toml").write_text(
        f'data = "data"\nevidence_key = "evidence.key"\npause = 0.2\n'
        f'[test]\nuser_file = "user"\npassword_file = "password"\nurl = "{tipline}/ispws"\n'
        f'[reporter]\nfirst_name = "Trust"\nemails = [{{ email = "reports@example.com" }}]\n'
    )
    Path(folder, "serve.toml").write_text(
        f'listen = "127.0.0.1:0"\nmetrics = "127.0.0.1:0"\ndata = "data"\nreports = "reports.toml"\nthreads = 2\n'
        f'[galleries]\nknown = "known.gallery"\n[hooks]\nurl = "{hooks}"\nsecret_file = "hook.secret"\npause = 0.2\n'
    )
    uploads = command(folder, "key", "add", "--data", "data", "--name", "uploads", "--scope", "match").strip()
    person = command(folder, "key", "add", "--data", "data", "--name", "Anna <b>", "--scope", "review,report").strip()
    return uploads, person


def signed_in(pages, key):
    pages.open("/review")
    assert pages.path() == "/review/sign-in"
    pages.show("sign-in")
    pages.fill("key", key[:-1] + ("0" if key[-1] != "0" else "1"))
    pages.click("main button")
    assert "not known" in pages.text()
    pages.fill("key", key)
    pages.click("main button")
    assert pages.path() == "/review" and "1 item waits" in pages.text(), pages.text()
    assert "Anna <b>" in pages.text(), "a name is no markup"
    assert pages.browser.value("document.cookie") == "", "no script reads the session"
    pages.show("queue")


def revealed(pages):
    """Holds the picture by the pointer and by a key, and sees that it is shown as long, and no longer."""
    browser, hold = pages.browser, "button.hold"
    before = browser.until(SEEN)
    assert max(before["width"], before["height"]) <= 400 and before["colours"] == 0, before
    assert "not revealed" in pages.text()
    at = pages.press(hold)
    browser.until("!!document.querySelector('figure.revealed')")
    during = browser.until(f"(({SEEN}) ?? {{ edges: 0 }}).edges > {before['edges']} * 3 && {SEEN}")
    assert max(during["width"], during["height"]) <= 400 and during["colours"] == 0, "grey pictures are grey when they are held too"
    browser.screenshot("held-desktop.png")
    pages.let_go(at)
    browser.until("!document.querySelector('figure.revealed') && !document.querySelector('figure img').src.startsWith('blob:')")
    after = browser.until(SEEN)
    assert after == before, (before, after)
    browser.value(f"document.querySelector('{hold}').focus()")
    key = {"key": " ", "code": "Space", "windowsVirtualKeyCode": 32}
    browser.ask("Input.dispatchKeyEvent", type="keyDown", text=" ", **key)
    browser.until("!!document.querySelector('figure.revealed')")
    browser.ask("Input.dispatchKeyEvent", type="keyUp", **key)
    browser.until("!document.querySelector('figure.revealed')")


def confirmed(pages, item):
    pages.click("section.first button")
    assert pages.path() == f"/review/items/{item}"
    assert "case 7" in pages.text() and "Picture 2 of 2" in pages.text(), pages.text()
    pages.show("item")
    revealed(pages)
    pages.open(f"/review/items/{item}")
    assert "all of it was revealed" in pages.text() and "2 revealed" in pages.text(), pages.text()
    browser = pages.browser
    assert browser.value("document.querySelector('[name=classification]').value") == "A2", "as the list has it"
    browser.value("document.querySelector('[value=confirm]').click()")
    pages.fill("note", "<script>document.title = 'no'</script>")
    pages.click("[action$=decide] button")
    assert "confirmed" in pages.text() and "<script>" in pages.text() and "A2" in pages.text(), pages.text()
    pages.show("decided")


def reported(pages):
    pages.click("a.button")
    browser = pages.browser
    assert browser.value("document.querySelector('[name=class0]').value") == "A2"
    assert browser.value("document.querySelector('[name=viewed0]').checked")
    assert not browser.value("document.querySelector('[name=viewed1]')"), "what nobody revealed cannot be said to be viewed"
    assert "allows no other" in pages.text(), "a test"
    pages.show("report")
    pages.fill("ip", "nowhere")
    pages.fill("esp_identifier", "u-17")
    pages.click("main .main")
    assert "Nothing was sent" in pages.text() and "ip_events[0].ip" in pages.text(), pages.text()
    assert browser.value("document.querySelector('[name=esp_identifier]').value") == "u-17", "what was filled in stays"
    pages.show("refused")
    pages.fill("ip", "203.0.113.7")
    pages.click("main .main")
    assert browser.value("document.querySelectorAll('ul li code').length") == 1, pages.text()

    def is_filed():
        pages.open("/review/reports")
        return any(state in pages.text() for state in ("finished", "preserved"))

    until(is_filed, pages.text)
    pages.show("reports")


def without_script(pages, url, uploads):
    """Everything but holding works without JavaScript."""
    item = asked(f"{url}/v1/match?review=true&id=c&orientations=all", uploads, (HOLIDAY / "hills-mirrored.jpg").read_bytes())["review"]
    pages.browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    pages.open("/review")
    pages.click("section.first button")
    assert pages.path() == f"/review/items/{item}"
    assert "Holding needs JavaScript" in pages.text() and "Hold to reveal" not in pages.text()
    pages.let_go(pages.press("[value=no_match]"))
    pages.click("[action$=decide] button")
    assert "rejected" in pages.text(), pages.text()
    pages.browser.ask("Emulation.setScriptExecutionDisabled", value=False)


def check(folder, pages, url, tipline):
    uploads, person = pages.keys
    items = [
        asked(f"{url}/v1/match?review=true&id={name}", uploads, (HOLIDAY / name).read_bytes())
        for name in ("hills-small.jpg", "hills.jpg")
    ]
    assert items[0]["matched"] and items[0]["review"] == items[1]["review"], "near-duplicates are one item"
    other = asked(f"{url}/v1/match?review=true", uploads, (HOLIDAY / "window.png").read_bytes())
    assert other["matched"] is False and "review" not in other, other
    item = items[0]["review"]
    signed_in(pages, person)
    confirmed(pages, item)
    reported(pages)

    state = asked(f"{tipline}/_standin/state", "")
    assert state["counts"]["finished"] == 1 and state["counts"]["open"] == 0, state["counts"]
    files = {file["details"]["originalFileName"]: file["details"] for file in state["reports"][0]["files"]}
    viewed = {name: details["fileViewedByEsp"] for name, details in files.items()}
    assert viewed == {"hills-small.jpg": "true", "hills.jpg": "false"}, viewed
    assert files["hills-small.jpg"]["industryClassification"] == "A2"
    assert (state["reports"][0]["report"]["personOrUserReported"]["espIdentifier"]) == "u-17"

    pages.open("/review/audit")
    for action in ("review.open", "review.join", "review.reveal", "review.decide", "review.report"):
        assert action in pages.text(), (action, pages.text())
    pages.show("audit")
    pages.open("/review/settings")
    pages.show("settings")
    kinds = lambda: {event["kind"] for event in Receiver.events}
    until(lambda: {"match", "decision", "report.finished"} <= kinds(), lambda: f"hooks: {kinds()}")
    decision = next(event["data"] for event in Receiver.events if event["kind"] == "decision")
    assert (decision["review"], decision["verdict"], decision["classification"]) == (item, "confirm", "A2"), decision
    without_script(pages, url, uploads)
    pages.click(".person button")
    assert pages.path() == "/review/sign-in"
    pages.open("/review")
    assert pages.path() == "/review/sign-in"


def main():
    with tempfile.TemporaryDirectory() as folder:
        receiver = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        running, browser, said = [], None, []
        try:
            process, tipline, _ = started(folder, "standin", "cybertipline", "--listen", "127.0.0.1:0")
            running.append(process)
            keys = prepare(folder, tipline, f"http://127.0.0.1:{receiver.server_port}/")
            process, url, said = started(folder, "serve", "--config", "serve.toml")
            running.append(process)
            browser = Browser(os.path.join(folder, "browser"))
            pages = Pages(browser, url)
            pages.keys = keys
            check(folder, pages, url, tipline)
        finally:
            if browser:
                browser.close()
            for process in reversed(running):
                process.terminate()
                process.wait()
        command(folder, "audit", "verify", "--data", "data")
        log = "".join(said)
        for hidden in ("hills", "case 7", "<script>", *(key.split("_")[2] for key in keys)):
            assert hidden not in log, hidden
    print("the review: two copies as one item, held by pointer and key, confirmed, reported by the form, finished in the stand-in; hooks received, audit whole")


if __name__ == "__main__":
    main()
