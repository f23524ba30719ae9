"""The face of Meta's HMA against Meta's own package: its PDQ signals, how they compare, and what its index finds."""

from __future__ import annotations

import json
import random
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from conftest import drawn, encoded
from threatexchange.signal_type.pdq.pdq_index2 import PDQIndex2
from threatexchange.signal_type.pdq.signal import PdqSignal

BOUNDARY = "a-line-between-parts"


class Client:
    """What a client of HMA sends, by its base address alone."""

    def __init__(self, base: str) -> None:
        self.base = base

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> object:
        request = urllib.request.Request(self.base + path, body, {"Content-Type": kind}, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def file(self, path: str, file: bytes) -> object:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\nContent-Type: image/any\r\n\r\n'
        body = head.encode() + file + f"\r\n--{BOUNDARY}--\r\n".encode()
        return self.ask("POST", path, body, f"multipart/form-data; boundary={BOUNDARY}")

    def add(self, bank: str, signal: str) -> int:
        answer = self.ask("POST", f"/c/bank/{bank}/signal", json.dumps({"pdq": signal}).encode())
        assert isinstance(answer, dict) and answer["signals"] == {"pdq": signal}
        return int(answer["id"])

    def matches(self, signal: str) -> dict[int, int]:
        answer = self.ask("GET", f"/m/raw_lookup?signal_type=pdq&include_distance=true&signal={quote(signal)}")
        assert isinstance(answer, dict)
        return {match["bank_content_id"]: int(match["distance"]) for match in answer["matches"]}


@pytest.fixture
def client(command: Path, tmp_path: Path) -> Iterator[Client]:
    arguments = ["serve", "--listen", "127.0.0.1:0", "--hma", "127.0.0.1:0", "--data", tmp_path / "data", "--no-keys"]
    with subprocess.Popen([command, *arguments], stderr=subprocess.PIPE, text=True) as service:
        assert service.stderr is not None
        found = (re.search(r"HMA's clients at (http://\S+)", line) for line in service.stderr)
        yield Client(next(match for match in found if match).group(1))
        service.terminate()


def near(signal: str, bits: int, source: random.Random) -> str:
    """A signal at this distance."""
    number = int(signal, 16)
    for bit in source.sample(range(256), bits):
        number ^= 1 << bit
    return f"{number:064x}"


def test_pictures_have_the_signals_of_the_package(client: Client) -> None:
    compared = 0
    for seed in range(12):
        file = encoded(drawn(seed, 320 + 16 * seed, 240), "PNG")
        assert client.file("/h/hash", file) == {"pdq": PdqSignal.hash_from_bytes(file)}
        compared += 1
    assert compared == 12
    # What is too plain for a signal has none, there and here.
    plain = encoded(drawn(1).point(lambda _: 128))
    assert client.file("/h/hash", plain) == {"pdq": PdqSignal.hash_from_bytes(plain)} == {"pdq": ""}


def test_signals_compare_as_in_the_package(client: Client) -> None:
    source = random.Random(1)
    one = PdqSignal.get_random_signal()
    for bits in (0, 1, 30, 31, 32, 33, 128, 256):
        other = near(one, bits, source)
        theirs = PdqSignal.compare_hash(one, other)
        answer = client.ask("POST", "/m/compare", json.dumps({"pdq": [one, other]}).encode())
        assert answer == {"pdq": [theirs.match, {"distance": bits}]}
    for example in PdqSignal.get_examples():
        assert PdqSignal.validate_signal_str(example) == example
        answer = client.ask("POST", "/m/compare", json.dumps({"pdq": [example, example]}).encode())
        assert answer == {"pdq": [True, {"distance": 0}]}


def test_banks_find_what_the_index_of_the_package_finds(client: Client) -> None:
    source = random.Random(2)
    client.ask("POST", "/c/banks", b'{"name":"KNOWN"}')
    known = [*PdqSignal.get_examples(), *(PdqSignal.get_random_signal() for _ in range(100))]
    ids = {client.add("KNOWN", signal): signal for signal in known}
    index: PDQIndex2[int] = PDQIndex2(entries=((signal, id) for id, signal in ids.items()))
    found = 0
    for signal in known:
        for bits in (0, 15, 31, 32):
            query = near(signal, bits, source)
            theirs = {match.metadata: match.similarity_info.distance for match in index.query(query)}
            assert client.matches(query) == theirs
            found += len(theirs)
    assert found > 3 * len(known)
    # What is removed is found no more; what no picture could have is refused.
    gone = next(iter(ids))
    assert client.ask("DELETE", f"/c/bank/KNOWN/content/{gone}") == {"deleted": 1}
    assert gone not in client.matches(ids[gone])
    for wrong in ("0" * 32, "x" * 64):
        with pytest.raises(ValueError):
            PdqSignal.validate_signal_str(wrong)
        with pytest.raises(urllib.error.HTTPError, match="400"):
            client.matches(wrong)
