"""The service's face of Arachnid Shield, asked by Shield's own client."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator

import pytest
from arachnid_shield_sdk import ArachnidShield, ArachnidShieldException, MatchType, MediaClassification, ScanMediaFromPdq

from conftest import ROOT, records

HOLIDAY = ROOT / "tests" / "data" / "holiday"


@pytest.fixture(scope="module")
def served(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A service with a gallery of one picture: its address, and a key."""
    folder = tmp_path_factory.mktemp("served")
    known, gallery, data = folder / "list.jsonl", folder / "known.gallery", folder / "data"
    known.write_text(json.dumps(records("hash", HOLIDAY / "hills.jpg")[0] | {"key": "case 7"}) + "\n")
    subprocess.run([command, "gallery", "build", gallery, known], check=True, capture_output=True)
    key = subprocess.run([command, "key", "add", "--data", data, "--scope", "match,lookup"], check=True, capture_output=True, text=True)
    options = ["--gallery", gallery, "--data", data, "--listen", "127.0.0.1:0", "--log", "json"]
    with subprocess.Popen([command, "serve", *map(os.fspath, options)], stderr=subprocess.PIPE, text=True) as service:
        try:
            assert service.stderr is not None
            line = json.loads(service.stderr.readline())
            yield f"http://{line['address']}/shield/", key.stdout.strip()
        finally:
            service.kill()


@pytest.fixture
def client(served: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ArachnidShield]]:
    """Makes Shield's client with a password, and closes its connections."""
    # Its address is a default of its base class, taken from ARACHNID_SHIELD_URL when it was imported.
    monkeypatch.setitem(ArachnidShield.__mro__[1].__init__.__kwdefaults__, "base_url", served[0])
    made: list[ArachnidShield] = []

    def make(password: str) -> ArachnidShield:
        made.append(ArachnidShield(username="anybody", password=password))
        return made[-1]

    yield make
    for shield in made:
        getattr(shield, "_ArachnidShield__client").close()


@pytest.fixture
def shield(served: tuple[str, str], client: Callable[[str], ArachnidShield]) -> ArachnidShield:
    """Shield's client with a key that is valid."""
    return client(served[1])


def test_pictures_are_scanned(shield: ArachnidShield) -> None:
    copy, other = HOLIDAY / "hills-small.jpg", HOLIDAY / "window.png"
    scanned = shield.scan_media_from_file(copy)
    assert scanned.matches_known_media and scanned.classification is MediaClassification.CSAM
    assert scanned.match_type is MatchType.Near and len(scanned.near_match_details) == 2
    content = copy.read_bytes()
    assert (scanned.size_bytes, scanned.sha256_hex) == (len(content), hashlib.sha256(content).hexdigest())
    assert scanned.sha1_base32 == base64.b32encode(hashlib.sha1(content).digest()).decode()

    scanned = shield.scan_media_from_bytes(other.read_bytes(), "image/png")
    assert not scanned.matches_known_media and scanned.classification is MediaClassification.NoKnownMatch
    assert scanned.match_type is None and scanned.near_match_details == []


def test_hashes_are_scanned(shield: ArachnidShield) -> None:
    hashes = [records("hash", HOLIDAY / name)[0]["pdq"] for name in ("hills-small.jpg", "window.png")]
    own, other = (base64.b64encode(bytes.fromhex(str(text))).decode() for text in hashes)
    scanned = shield.scan_pdq_hashes(ScanMediaFromPdq([own, other])).scanned_hashes
    assert scanned[own].matches_known_media and scanned[own].classification == "csam"
    assert scanned[own].match_type is MatchType.Near and scanned[own].near_match_details is not None
    assert scanned[other].classification == "no-known-match" and scanned[other].match_type is None


def test_what_cannot_be_scanned_is_an_exception_with_words(shield: ArachnidShield, client: Callable[[str], ArachnidShield]) -> None:
    for ask, words in (
        (lambda: shield.scan_media_from_bytes(b"no picture", "image/jpeg"), "not a picture"),
        (lambda: shield.scan_media_from_url("https://example.org/a.jpg"), "not fetched"),
        (lambda: shield.scan_pdq_hashes(ScanMediaFromPdq(["AAAA"])), "hashes[0]"),
        (lambda: client("sg_a_b").scan_media_from_bytes(b"", "image/jpeg"), "key"),
    ):
        with pytest.raises(ArachnidShieldException) as raised:
            ask()
        assert words in str(raised.value), str(raised.value)
