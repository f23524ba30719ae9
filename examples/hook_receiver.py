#!/usr/bin/env python3
"""Receives Shadegrid's hooks: verifies who posts, takes each event once, and appends it to a file.

    python3 hook_receiver.py --secret-file hook.secret --events events.jsonl

Python's standard library is all that it needs. Put it behind a server that speaks TLS, unless both run on one machine. An event comes at least once: it is the
same one where `id` is the same. Answer 2xx only once it is kept, since it is not sent again then.
"""

import argparse
import hashlib
import hmac
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LARGEST = 2 << 20
"""Bytes of a request's body; an event has at most 1 MiB of data."""


class Events:
    """The events that were taken, in a file of JSON lines."""

    def __init__(self, path):
        self.lock = threading.Lock()
        self.file = open(path, "a+b")
        self.file.seek(0)
        kept = self.file.read()
        # What was being written when the machine failed was not answered, and comes again.
        whole = kept[: kept.rfind(b"\n") + 1]
        self.file.truncate(len(whole))
        self.known = {json.loads(line)["id"] for line in whole.splitlines()}

    def take(self, event):
        """Keeps an event on the disk; whether it is new."""
        with self.lock:
            if event["id"] in self.known:
                return False
            self.file.write(json.dumps(event).encode() + b"\n")
            self.file.flush()
            os.fsync(self.file.fileno())
            self.known.add(event["id"])
            return True


def is_signed(secret, sent, signature, body):
    """Whether the signature is the one of this time and body."""
    expected = "v1=" + hmac.new(secret, sent.encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())


class Receiver(BaseHTTPRequestHandler):
    """Answers one request."""

    timeout = 30

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit() or int(length) > LARGEST:
            self.close_connection = True
            return self.answer(413)
        body = self.rfile.read(int(length))
        sent = self.headers.get("Shadegrid-Time", "")
        # An old request that somebody recorded has an old time, and another time another signature.
        is_time = sent.isascii() and sent.isdigit() and len(sent) <= 12
        is_now = is_time and abs(time.time() - int(sent)) <= self.server.window
        if not is_now or not is_signed(self.server.secret, sent, self.headers.get("Shadegrid-Signature", ""), body):
            return self.answer(401)
        event = json.loads(body)
        if self.server.events.take(event):
            print(f"{event['kind']} {event['id']}", flush=True)
        return self.answer(204)

    def log_message(self, *_):
        """Nothing: a request's path may hold what only its owner knows."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", default="127.0.0.1:8099", metavar="ADDRESS", help="port 0 is one that is free")
    parser.add_argument("--secret-file", required=True, metavar="FILE", help="its first line is the secret")
    parser.add_argument("--events", required=True, metavar="FILE", help="where events are appended")
    parser.add_argument("--window", type=int, default=300, metavar="SECONDS", help="how far clocks may differ")
    options = parser.parse_args()
    host, port = options.listen.rsplit(":", 1)
    server = ThreadingHTTPServer((host, int(port)), Receiver)
    with open(options.secret_file, encoding="utf-8") as file:
        server.secret = file.readline().strip().encode()
    server.window = options.window
    server.events = Events(options.events)
    print(f"listening at http://{server.server_address[0]}:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
