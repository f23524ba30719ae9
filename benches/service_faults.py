#!/usr/bin/env python3
"""Hostile clients against the service, and kills of it: others are served all the time, memory keeps its bound, and nothing that was answered is lost.

    benches/service_faults.py clients WORK           idle, slow, cut, garbage and reset, while a client that behaves is answered
    benches/service_faults.py kill WORK [COUNT]      the process killed during changes of a bank, 50 times

WORK is a folder that may be filled. SHADEGRID names the program (target/release/shadegrid). `clients` needs openssl for a certificate. Prints Markdown; ends with 1 at the first fault.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

BINARY = Path(os.environ.get("SHADEGRID", "target/release/shadegrid")).resolve()
MEMORY = 1 << 30


def fail(what: str) -> None:
    sys.exit(f"FAILED: {what}")


def picture(side: int = 320) -> bytes:
    """A bitmap with structure."""
    rows = b"".join(bytes((x * y // 97 + c * x) % 256 for x in range(side) for c in range(3)) for y in range(side))
    return struct.pack("<2sIIIIiiHHIIiiII", b"BM", 54 + len(rows), 0, 54, 40, side, side, 1, 24, 0, len(rows), 2835, 2835, 0, 0) + rows


class Service:
    def __init__(self, *arguments: object) -> None:
        command = [BINARY, "serve", "--listen", "127.0.0.1:0", "--threads", "2", *map(str, arguments)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        assert self.process.stderr is not None
        found = (re.search(r"listening at https?://127\.0\.0\.1:(\d+)", line) for line in self.process.stderr)
        port = next((match for match in found if match), None)
        self.port = int(port.group(1)) if port else fail("the service does not start")
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def largest(self) -> int:
        """Most bytes of memory that it held so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) << 10

    def end(self) -> None:
        self.process.terminate()
        if self.process.wait(60) != 0:
            fail("the service did not end well")


class Behaved:
    """A client that asks 20 times per second, over a connection of its own each, and wants the same answer each time."""

    def __init__(self, service: Service, context: ssl.SSLContext | None) -> None:
        self.service, self.context, self.body = service, context, picture()
        self.right = self.ask()
        self.times: list[float] = []
        self.stop = threading.Event()
        self.faults: list[str] = []
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def ask(self) -> bytes:
        scheme = "https" if self.context else "http"
        request = urllib.request.Request(f"{scheme}://127.0.0.1:{self.service.port}/v1/hash", self.body)
        with urllib.request.urlopen(request, timeout=30, context=self.context) as answer:
            return answer.read()

    def work(self) -> None:
        while not self.stop.wait(0.05):
            begin = time.monotonic()
            try:
                if self.ask() != self.right:
                    self.faults.append("another answer")
            except OSError as error:
                self.faults.append(str(error))
            self.times.append(time.monotonic() - begin)

    def end(self, what: str) -> str:
        self.stop.set()
        self.thread.join()
        if self.faults or len(self.times) < 3:
            fail(f"{what}: {len(self.faults)} of {len(self.times)} were not answered well: {self.faults[:3]}")
        self.times.sort()
        return f"{len(self.times)} answered, the slowest in {self.times[-1] * 1e3:.0f} ms"


def connect(service: Service, context: ssl.SSLContext | None) -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", service.port), timeout=30)
    return context.wrap_socket(plain, server_hostname="localhost") if context else plain


def idle(service: Service, context: ssl.SSLContext | None) -> str:
    held = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(2000)]
    time.sleep(5)
    return f"{len(held)} idle connections"


def slow_heads(service: Service, context: ssl.SSLContext | None) -> str:
    held = [connect(service, context) for _ in range(300)]
    for byte in b"POST /v1/hash HT":
        for one in held:
            try:
                one.send(bytes([byte]))
            except OSError:
                pass
        time.sleep(0.3)
    return f"{len(held)} heads, a byte every 0.3 s"


def slow_bodies(service: Service, context: ssl.SSLContext | None) -> str:
    held = [connect(service, context) for _ in range(300)]
    for one in held:
        one.send(b"POST /v1/hash HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(16):
        for one in held:
            try:
                one.send(b"x")
            except OSError:
                pass
        time.sleep(0.3)
    return f"{len(held)} bodies, a byte every 0.3 s"


def large_bodies(service: Service, context: ssl.SSLContext | None) -> str:
    """Bodies of 60 MB of zeros that are announced and come: more than the memory has."""

    def send() -> None:
        try:
            with connect(service, context) as one:
                one.sendall(b"POST /v1/hash HTTP/1.1\r\nHost: a\r\nContent-Length: 60000000\r\n\r\n" + bytes(60_000_000))
                one.recv(4096)
        except OSError:
            pass

    threads = [threading.Thread(target=send) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return f"{len(threads)} bodies of 60 MB at once"


def garbage(service: Service, context: ssl.SSLContext | None) -> str:
    source, count = random.Random(1), 1000
    for _ in range(count):
        with connect(service, context) as one:
            one.send(source.randbytes(source.randrange(1, 400)))
    return f"{count} connections with random bytes"


def half_closed(service: Service, context: ssl.SSLContext | None) -> str:
    body, answered = picture(), 0
    for _ in range(100):
        one = connect(service, None)
        one.sendall(b"POST /v1/hash HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        one.shutdown(socket.SHUT_WR)
        answered += one.recv(4096).startswith(b"HTTP/1.1 200")
        one.close()
    return f"100 half-closed after their request, {answered} answered"


def cut(service: Service, context: ssl.SSLContext | None) -> str:
    body, count = picture(), 0
    for at in range(0, len(body), 1000):
        with connect(service, context) as one:
            one.sendall(b"POST /v1/hash HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:at])
        count += 1
    return f"{count} bodies cut, at every 1,000th byte"


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """RFC 9113, section 4.1."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def rapid_reset(service: Service, context: ssl.SSLContext | None) -> str:
    """Streams that are opened and reset at once, on connections of HTTP/2, until the service closes them."""
    assert context is not None
    two = ssl.create_default_context()
    two.check_hostname, two.verify_mode = False, ssl.CERT_NONE
    two.set_alpn_protocols(["h2"])
    # GET https://a/v1/galleries, by the static table of RFC 7541 and two literals.
    head = b"\x82\x87\x41\x01a\x44\x0d/v1/galleries"
    closed = streams = 0
    for _ in range(50):
        try:
            with connect(service, two) as one:
                if one.selected_alpn_protocol() != "h2":
                    fail("no HTTP/2")
                one.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b""))
                for batch in range(100):
                    numbers = range(batch * 200 + 1, batch * 200 + 201, 2)
                    one.sendall(b"".join(frame(1, 5, number, head) + frame(3, 0, number, b"\0\0\0\x08") for number in numbers))
                    streams += 100
        except OSError:
            closed += 1
    return f"50 connections of HTTP/2 that reset {streams} streams, {closed} closed by the service"


def siege(work: Path, what: Callable[..., str], context: ssl.SSLContext | None, tls: list[object]) -> None:
    service = Service("--memory", MEMORY, "--head-timeout", "3", "--body-timeout", "4", *(tls if context else []))
    behaved = Behaved(service, context)
    described = what(service, context)
    time.sleep(0.5)
    answers = behaved.end(what.__name__)
    largest = service.largest()
    service.end()
    if largest > MEMORY + (256 << 20):
        fail(f"{what.__name__}: {largest >> 20} MiB")
    print(f"| {described} | {answers} | {largest >> 20} |", flush=True)


def clients(work: Path, _: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, max(8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    certificate, key = work / "tls.pem", work / "tls.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    tls: list[object] = ["--tls-certificate", certificate, "--tls-key", key]
    print(f"`--memory {MEMORY >> 20}M`\n\n| clients | a client that behaves | largest memory, MiB |\n| --- | --- | --- |")
    for what in (idle, slow_heads, slow_bodies, large_bodies, garbage, half_closed, cut):
        siege(work, what, None, tls)
    for what in (slow_heads, garbage, rapid_reset):
        siege(work, what, context, tls)


class Bank:
    """What a bank has to hold by the answers of the service, through all its kills."""

    def __init__(self, data: Path) -> None:
        self.data, self.source = data, random.Random(7)
        self.there: dict[int, str] = {}
        self.gone: list[str] = []
        self.doubtful: str | None = None
        self.changes = 0

    def ask(self, method: str, path: str, body: object = None) -> dict:
        sent = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, sent, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def start(self) -> Service:
        service = Service("--data", self.data, "--no-keys")
        self.base = f"http://127.0.0.1:{service.port}/v1"
        return service

    def found(self, signatures: list[str]) -> list[list[int]]:
        queries = [{"key": "q", "pdq": pdq, "quality": 100} for pdq in signatures]
        answer = self.ask("POST", "/lookup", {"queries": queries, "threshold": {"pdq": 0}})
        return [[match["position"] for match in result["matches"]] for result in answer["results"]]

    def change(self) -> None:
        """One change; until it is answered nobody knows whether it was made."""
        if len(self.there) > 50 and self.source.random() < 0.3:
            id = self.source.choice(list(self.there))
            self.doubtful = self.there.pop(id)
            self.ask("DELETE", f"/galleries/own/entries/{id}")
            self.gone.append(self.doubtful)
        else:
            # Half of the bits, as every picture's has; others would be left out.
            self.doubtful = f"{sum(1 << bit for bit in self.source.sample(range(256), 128)):064x}"
            answer = self.ask("POST", "/galleries/own/entries", {"entries": [{"key": "k", "pdq": self.doubtful, "quality": 100}]})
            if answer["ids"]:
                self.there[answer["ids"][0]] = self.doubtful
        self.doubtful, self.changes = None, self.changes + 1

    def check(self) -> None:
        """Everything that was answered, and nothing else."""
        if self.doubtful is not None:
            self.there.update((id, self.doubtful) for id in self.found([self.doubtful])[0])
            self.doubtful = None
        if self.found(list(self.there.values())) != [[id] for id in self.there]:
            fail("an entry that was answered is not there")
        if any(self.found(self.gone[-500:])):
            fail("an entry that was removed is there")
        if (listed := self.ask("GET", "/galleries")["galleries"][0]["entries"]) != len(self.there):
            fail(f"{listed} entries in place of {len(self.there)}")


def kill(work: Path, count: int) -> None:
    """Changes are sent until the process is killed. What was answered has to be there when it runs again, and what was removed not."""
    bank = Bank(Path(tempfile.mkdtemp(dir=work)))
    for round in range(count):
        service = bank.start()
        if round == 0:
            bank.ask("POST", "/galleries", {"name": "own"})
        else:
            bank.check()
        threading.Timer(bank.source.uniform(0.05, 0.6), os.kill, (service.process.pid, signal.SIGKILL)).start()
        try:
            while True:
                bank.change()
        except OSError:
            service.process.wait()
    service = bank.start()
    bank.check()
    service.end()
    print(f"{count} kills during {bank.changes} changes of a bank: what was answered is there, {len(bank.there)} entries, and nothing else")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["clients", "kill"])
    parser.add_argument("work", type=Path)
    parser.add_argument("count", type=int, nargs="?", default=50)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    {"clients": clients, "kill": kill}[arguments.what](arguments.work.resolve(), arguments.count)


if __name__ == "__main__":
    main()
