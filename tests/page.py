#!/usr/bin/env python3
"""The service's page in a browser: a picture is dropped, and its match is read.

    tests/page.py [SHADEGRID]

Starts `shadegrid serve` with a gallery of one picture, opens the page in headless Chromium, drops a copy, another picture and a text file, types an address in, and
reads what the page says.
CHROMIUM names the browser (chromium). With SCREENSHOTS=FOLDER it leaves pictures of the page there: desktop, phone, dark.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/debug/shadegrid").resolve()
CHROMIUM = os.environ.get("CHROMIUM", "chromium")
HOLIDAY = ROOT / "tests/data/holiday"
PATIENCE = 30


class Browser:
    """Chromium over a pipe, in the DevTools protocol: messages in JSON, each ended by a zero byte."""

    def __init__(self, folder):
        to_browser, ours_out = os.pipe()
        ours_in, from_browser = os.pipe()
        command = [CHROMIUM, "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={folder}", "about:blank"]

        def take():
            # The browser reads from 3 and writes to 4. Copies first, so that neither is lost where it is one of these already.
            reading, writing = os.dup(to_browser), os.dup(from_browser)
            os.dup2(reading, 3)
            os.dup2(writing, 4)

        self.process = subprocess.Popen(command, preexec_fn=take, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.to, self.come, self.rest, self.number = ours_out, ours_in, b"", 0
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def ask(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if hasattr(self, "session"):
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self.rest:
                part = os.read(self.come, 1 << 16)
                assert part, "the browser ended"
                self.rest += part
            text, self.rest = self.rest.split(b"\0", 1)
            answer = json.loads(text)
            if answer.get("id") == self.number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]

    def value(self, expression):
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, expression):
        """What an expression comes to, once it is neither empty nor false."""
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            if value := self.value(expression):
                return value
            time.sleep(0.05)
        raise AssertionError(f"{expression} came to nothing; the page says: {self.value('document.body.innerText')}")

    def open(self, url, width, height, scheme):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.ask("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && location.pathname === '/'")

    def drop(self, file):
        """Drops a file where the page takes one."""
        x, y = self.value("(() => { const at = document.getElementById('drop').getBoundingClientRect(); return [at.x + at.width / 2, at.y + 10]; })()")
        data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.ask("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def screenshot(self, name):
        if folder := os.environ.get("SCREENSHOTS"):
            shot = self.ask("Page.captureScreenshot", captureBeyondViewport=True)["data"]
            Path(folder, name).write_bytes(base64.b64decode(shot))

    def close(self):
        self.process.kill()
        self.process.wait()


def run(*arguments, cwd):
    subprocess.run([PROGRAM, *arguments], cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Pictures(SimpleHTTPRequestHandler):
    """The pictures of the guides at addresses."""

    def log_message(self, *_):
        pass


def type_in(browser, address):
    browser.value("document.getElementById('verdict').innerText = ''")
    browser.value(f"document.getElementById('at').value = {json.dumps(address)}; document.getElementById('fetch').requestSubmit()")
    return browser.until("document.getElementById('verdict').innerText")


def check(browser, url, pictures):
    for name, width, height, scheme in (("desktop", 1200, 900, "light"), ("phone", 390, 844, "light"), ("dark", 1200, 900, "dark")):
        browser.open(url, width, height, scheme)
        assert browser.until("document.querySelector('#galleries tbody tr')?.innerText").split()[0] == "known"
        assert browser.value("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), f"{name}: wider than its screen"

        browser.drop(HOLIDAY / "hills-small.jpg")
        said = browser.until("document.getElementById('verdict').innerText")
        assert "match" in said and "No match" not in said, said
        greys = browser.value(
            "(() => { const { data } = document.getElementById('grid').getContext('2d').getImageData(0, 0, 26, 26);"
            " return new Set(data.filter((_, at) => at % 4 === 0)).size; })()"
        )
        assert greys > 50 and browser.value("!document.getElementById('grid').closest('figure').hidden"), greys
        assert browser.value("document.getElementById('record').textContent.includes('grid')") is False
        matches = browser.value("document.getElementById('matches').innerText")
        assert "known" in matches and "case 7" in matches and "photodna" in matches, matches
        assert browser.value("JSON.parse(document.getElementById('record').textContent).matches[0].distance") == 72
        assert browser.value("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), f"{name}: wider than its screen"
        browser.screenshot(f"{name}.png")

    browser.drop(HOLIDAY / "window.png")
    browser.until("document.getElementById('verdict').innerText.startsWith('No match among 1 entry')")
    browser.drop(HOLIDAY / "notes.txt")
    browser.until("document.getElementById('verdict').innerText.includes('not a picture')")
    browser.screenshot("refused.png")
    said = type_in(browser, f"{pictures}/hills-small.jpg")
    assert said.startswith("2 matches among 1 entry"), said
    assert browser.value("document.getElementById('preview').hidden"), "the browser itself asks for no picture"
    browser.screenshot("address.png")
    said = type_in(browser, f"{pictures}/none.jpg")
    assert said.startswith("io: ") and "404" in said, said


def main():
    with tempfile.TemporaryDirectory() as folder:
        record = subprocess.run([PROGRAM, "hash", "--quiet", HOLIDAY / "hills.jpg"], check=True, capture_output=True).stdout
        entry = json.loads(record) | {"key": "case 7"}
        Path(folder, "list.jsonl").write_text(json.dumps(entry) + "\n")
        run("gallery", "build", "known.gallery", "list.jsonl", cwd=folder)
        web = ThreadingHTTPServer(("127.0.0.1", 0), partial(Pictures, directory=HOLIDAY))
        threading.Thread(target=web.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{web.server_port}"
        served = [PROGRAM, "serve", "--gallery", "known.gallery", "--listen", "127.0.0.1:0", "--fetch", host, "--fetch-plain"]
        service = subprocess.Popen(served, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        browser = None
        try:
            url = service.stdout.readline().split()[-1]
            browser = Browser(os.path.join(folder, "browser"))
            check(browser, url, f"http://{host}")
        finally:
            if browser:
                browser.close()
            service.terminate()
            service.wait()
    print("the page: a match read on desktop, phone and in the dark, a picture without a match, a file that is none, and an address")


if __name__ == "__main__":
    main()
