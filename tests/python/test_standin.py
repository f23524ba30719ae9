"""The stand-ins for exchanges, asked by a client that providers use: Meta's package `threatexchange`. What it fetches is what was put in."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

with warnings.catch_warnings():
    # What it imports is older than this Python.
    warnings.simplefilter("ignore")
    from threatexchange.exchanges.clients.fb_threatexchange.api import ThreatExchangeAPI
    from threatexchange.exchanges.clients.ncmec.hash_api import FingerprintType, NCMECEnvironment, NCMECHashAPI
    from threatexchange.exchanges.clients.stopncii.api import StopNCIIAPI
    from threatexchange.exchanges.collab_config import CollaborationConfigBase
    from threatexchange.exchanges.impl.fb_threatexchange_api import FBThreatExchangeCollabConfig, FBThreatExchangeSignalExchangeAPI
    from threatexchange.exchanges.impl.ncmec_api import NCMECCollabConfig, NCMECSignalExchangeAPI
    from threatexchange.exchanges.impl.stop_ncii_api import StopNCIISignalExchangeAPI
    from threatexchange.signal_type.md5 import VideoMD5Signal
    from threatexchange.signal_type.pdq.signal import PdqSignal

TOKEN = "12345678|abcdefghijklmnopqrstuvwxyz"

# The first change, a day ago: clients ask for nothing of the last seconds.
BEGIN = int(time.time()) - 86_400

ENTRIES = 250


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The client writes its local time as if it were UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


class Standin:
    """A stand-in that runs."""

    def __init__(self, command: Path, exchange: str, *arguments: str) -> None:
        words = [command, "standin", exchange, "--listen", "127.0.0.1:0", *arguments]
        self.process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        assert line.startswith("listening at http://"), line
        self.address = line.split()[-1]

    def post(self, path: str, body: str) -> Any:
        request = urllib.request.Request(f"{self.address}/_standin/{path}", data=body.encode(), method="POST")
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            pytest.fail(error.read().decode())

    def change(self, changes: list[dict[str, Any]]) -> None:
        assert self.post("changes", "\n".join(map(json.dumps, changes))) == {"changes": len(changes)}

    def state(self) -> Any:
        with urllib.request.urlopen(f"{self.address}/_standin/state") as answer:
            return json.load(answer)

    def end(self) -> None:
        self.process.terminate()
        assert self.process.wait(10) == 0
        assert self.process.stderr is not None and self.process.stderr.read() == ""
        self.process.stderr.close()


def standin(command: Path, exchange: str, *arguments: str) -> Iterator[Standin]:
    running = Standin(command, exchange, *arguments)
    yield running
    running.end()


@pytest.fixture
def ncmec(command: Path, tmp_path: Path) -> Iterator[Standin]:
    (tmp_path / "password").write_text("pass:word\n")
    yield from standin(command, "hashsharing", "--page-size", "20", "--user", "user", "--password-file", str(tmp_path / "password"))


@pytest.fixture
def stopncii(command: Path, tmp_path: Path) -> Iterator[Standin]:
    for name in "one", "two":
        (tmp_path / name).write_text(name)
    keys = ["--key-file", str(tmp_path / "one"), "--subscription-key-file", str(tmp_path / "two")]
    yield from standin(command, "stopncii", "--page-size", "30", *keys)


@pytest.fixture
def meta(command: Path, tmp_path: Path) -> Iterator[Standin]:
    (tmp_path / "token").write_text(TOKEN)
    yield from standin(command, "threatexchange", "--page-size", "30", "--token-file", str(tmp_path / "token"))


def at(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(BEGIN + second))


def pdq(n: int) -> str:
    return hashlib.sha256(str(n).encode()).hexdigest()


def md5(n: int) -> str:
    return hashlib.md5(str(n).encode()).hexdigest()


def added(n: int, **more: Any) -> dict[str, Any]:
    """An entry, 50 of them at each time; every fifth is a video."""
    signature = {"kind": "video", "md5": md5(n)} if n % 5 == 0 else {"pdq": pdq(n)}
    return {"at": at(n // 50 * 600), "key": f"key{n}", **signature, **more}


def removed(n: int, second: int, **more: Any) -> dict[str, Any]:
    return {"at": at(second), "key": f"key{n}", "op": "remove", **more}


def merged(api: Any, known: dict[Any, Any], deltas: list[Any]) -> dict[Any, Any]:
    """What a client holds after these deltas."""
    for delta in deltas:
        for key, value in delta.updates.items():
            value = api.fetch_value_merge(known.get(key), value)
            if value is None:
                known.pop(key, None)
            else:
                known[key] = value
    return known


def values(api: Any, collab: Any, known: dict[Any, Any]) -> dict[str, set[str]]:
    """The signatures that a client would match."""
    converted = api.naive_convert_to_signal_type([PdqSignal, VideoMD5Signal], collab, known)
    return {of.get_name(): set(found) for of, found in converted.items()}


def expected(numbers: set[int]) -> dict[str, set[str]]:
    return {"pdq": {pdq(n) for n in numbers if n % 5}, "video_md5": {md5(n) for n in numbers if n % 5 == 0}}


class Ncmec(NCMECSignalExchangeAPI):
    """The client, at another address."""

    base = ""

    def get_client(self, environment: NCMECEnvironment) -> NCMECHashAPI:
        client = super().get_client(environment)
        client._base_url = self.base
        return client


def test_ncmec_fetches_all_entries(ncmec: Standin) -> None:
    member = [{"member": 40 + n % 3, "labels": ["A1"]} for n in range(ENTRIES)]
    ncmec.change([added(n, **member[n]) for n in range(ENTRIES)])
    collab = NCMECCollabConfig(environment=NCMECEnvironment.test_Industry, name="test")
    api = Ncmec(collab, "user", "pass:word")
    api.base = f"{ncmec.address}/hashsharing"
    deltas = list(api.fetch_iter([], None))
    known = merged(api, {}, deltas)
    assert len(known) == ENTRIES and values(api, collab, known) == expected(set(range(ENTRIES)))
    assert {(of.member_id, of.classification) for of in known.values()} == {(40, "A1"), (41, "A1"), (42, "A1")}
    # The client's checkpoint lies some seconds before its own clock; another round has what changed since, and takes back what was removed.
    now = int(time.time()) - BEGIN
    checkpoint = deltas[-1].checkpoint
    ncmec.change([removed(n, now - 1, member=40 + n % 3) for n in (0, 3, 100)])
    ncmec.change([added(7, **member[7]) | {"at": at(now - 1), "pdq": pdq(7777)}])
    while int(time.time()) - BEGIN < now + 6:
        time.sleep(0.2)
    known = merged(api, known, list(api.fetch_iter([], checkpoint)))
    wanted = expected(set(range(ENTRIES)) - {0, 3, 7, 100})
    wanted["pdq"].add(pdq(7777))
    assert values(api, collab, known) == wanted
    state = ncmec.state()
    assert state["pages"] > 20 and state["unauthorised"] == 0 and any(window["continued"] for window in state["windows"])


def test_ncmec_resumes_a_page(ncmec: Standin) -> None:
    # All at one time: no window can be made so small that it has one page.
    ncmec.change([added(n) | {"at": at(0)} for n in range(90)])
    collab = NCMECCollabConfig(environment=NCMECEnvironment.test_Industry, name="test")
    api = Ncmec(collab, "user", "pass:word")
    api.base = ncmec.address
    known: dict[Any, Any] = {}
    checkpoint = None
    for _ in range(1000):
        # One delta, then as if the client had been started anew.
        delta = next(iter(api.fetch_iter([], checkpoint)), None)
        if delta is None:
            break
        merged(api, known, [delta])
        checkpoint = delta.checkpoint
        if checkpoint.get_progress_timestamp() >= BEGIN + 1:
            break
    assert values(api, collab, known) == expected(set(range(90)))


def test_ncmec_other_calls(ncmec: Standin) -> None:
    ncmec.change([added(1, member=42, member_name="A & B", feedback=[{"value": "downvote", "type": "Pdq", "member": 8, "source": "Eight", "reason": "no"}])])
    client = NCMECHashAPI("user", "pass:word", NCMECEnvironment.test_Industry)
    client._base_url = ncmec.address
    assert client.status().esp_id == 1
    assert {(member.esp_id, member.esp_name) for member in client.members()} == {(1, "Stand-in member"), (42, "A & B")}
    assert len(client.feedback_reasons(FingerprintType.pdq)) == 2
    (entry,) = client.get_entries(start_timestamp=BEGIN).updates
    (opinion,) = entry.feedback["Pdq"]
    assert (opinion.member.esp_id, opinion.reason) == (8, "no")
    client.submit_upvote(42, "key1", FingerprintType.pdq)
    # The client tries again by itself.
    ncmec.post("faults", '[{"status":503},{"status":429,"retry_after":0},{"reset":true}]')
    assert len(client.get_entries(start_timestamp=BEGIN).updates) == 1
    assert ncmec.state()["played"] == {"status": 2, "reset": 1}
    client.password = "other"
    with pytest.raises(Exception, match="401"):
        client.status()


def test_stopncii_fetches_all_records(stopncii: Standin) -> None:
    feedback = [{"value": "Blocked", "source": "CSP", "tags": ["t"]}]
    stopncii.change([added(n, feedback=feedback) for n in range(ENTRIES)])
    collab = CollaborationConfigBase(name="test", api="stopncii", enabled=True)
    api = StopNCIISignalExchangeAPI(collab, StopNCIIAPI("two", "one", base_url_override=f"{stopncii.address}/v1"))
    # The interface for exchanges does not look at the status of a record; the client below it gives it.
    known: dict[Any, Any] = {}

    def fetch(start: int) -> tuple[int, int]:
        pages = list(api.api.fetch_hashes_iter(start))
        for record in (record for page in pages for record in page.hashRecords):
            known[record.signalType.value, record.hashValue] = record
        return pages[-1].nextSetTimestamp, len(pages)

    def active() -> dict[str, set[str]]:
        found: dict[str, set[str]] = {"pdq": set(), "video_md5": set()}
        for (kind, value), record in known.items():
            if record.hashStatus.value == "Active":
                found["pdq" if kind == "ImagePDQ" else "video_md5"].add(value)
        return found

    checkpoint, pages = fetch(StopNCIIAPI.DEFAULT_START_TIME)
    assert pages == 9 and active() == expected(set(range(ENTRIES)))
    assert all([(of.source, of.feedbackValue.value, of.tags) for of in record.CSPFeedbacks] == [("CSP", "Blocked", {"t"})] for record in known.values())
    deltas = list(api.fetch_iter([], None))
    fetched = {key for delta in deltas for key in delta.updates}
    assert fetched == {(kind, value) for kind, all in expected(set(range(ENTRIES))).items() for value in all}
    assert deltas[-1].checkpoint.update_time == checkpoint
    stopncii.change([removed(3, 80_000), removed(5, 80_000, status="Deleted"), added(777) | {"at": at(80_000)}])
    _, pages = fetch(checkpoint)
    assert pages == 2 and active() == expected(set(range(ENTRIES)) - {3, 5} | {777})
    statuses = {known["ImagePDQ", pdq(3)].hashStatus.value, known["VideoMD5", md5(5)].hashStatus.value}
    assert statuses == {"Withdrawn", "Deleted"}


def test_threatexchange_fetches_all_updates(meta: Standin) -> None:
    meta.change([added(n, member=1000 + n % 2, labels=["csam"]) for n in range(ENTRIES)])
    collab = FBThreatExchangeCollabConfig(privacy_group=77, name="test")
    api = FBThreatExchangeSignalExchangeAPI(ThreatExchangeAPI(TOKEN, endpoint_override=f"{meta.address}/v26.0"), collab)
    deltas = list(api.fetch_iter([], None))
    known = merged(api, {}, deltas)
    assert len(deltas) == 9 and values(api, collab, known) == expected(set(range(ENTRIES)))
    opinions = {(of.owner_app_id, *of.tags) for record in known.values() for of in record.opinions}
    assert opinions == {(1000, "csam"), (1001, "csam")}
    meta.change([removed(n, 80_000, member=1000 + n % 2) for n in (3, 5)] + [added(777) | {"at": at(80_000)}])
    known = merged(api, known, list(api.fetch_iter([], deltas[-1].checkpoint)))
    assert values(api, collab, known) == expected(set(range(ENTRIES)) - {3, 5} | {777})
    with pytest.raises(Exception, match="401"):
        list(FBThreatExchangeSignalExchangeAPI(ThreatExchangeAPI("other", endpoint_override=meta.address), collab).fetch_iter([], None))


def drawn(n: int) -> str:
    """A signature that a picture could have: half of its bits are set. Others are left out by `gallery sync`."""
    return f"{sum(1 << bit for bit in random.Random(n).sample(range(256), 128)):064x}"


class Follower:
    """Our own client, by the command."""

    def __init__(self, command: Path, folder: Path, lines: list[str]) -> None:
        self.command, self.folder = command, folder
        (folder / "serve.toml").write_text("\n".join(['data = "data"', "[sync.list]", *lines]))

    def round(self) -> set[str]:
        """What the gallery holds after one round."""
        subprocess.run([self.command, "gallery", "sync", "list", "--config", self.folder / "serve.toml"], check=True, capture_output=True)
        exported = subprocess.run([self.command, "gallery", "export", self.folder / "data/galleries/list.gallery"], check=True, capture_output=True)
        return {json.loads(line)["pdq"] for line in exported.stdout.splitlines()}


PICTURES = range(1, ENTRIES + 1)


def pictures() -> list[dict[str, Any]]:
    return [{"at": at(n // 50 * 600), "key": f"key{n}", "pdq": drawn(n)} for n in PICTURES]


def change_now(exchange: Standin) -> set[str]:
    """Two go and one comes, now: who has read until now would miss an earlier time. Gives what there is then, once it is old enough to be asked for."""
    now = int(time.time()) - BEGIN
    exchange.change([removed(n, now) for n in (3, 5)] + [{"at": at(now), "key": "new", "pdq": drawn(777)}])
    while int(time.time()) - BEGIN < now + 7:
        time.sleep(0.2)
    return {drawn(n) for n in {*PICTURES, 777} - {3, 5}}


def test_gallery_sync_has_what_the_clients_of_ncmec_have(ncmec: Standin, command: Path, tmp_path: Path) -> None:
    collab = NCMECCollabConfig(environment=NCMECEnvironment.test_Industry, name="test")
    api = Ncmec(collab, "user", "pass:word")
    api.base = ncmec.address
    own = Follower(command, tmp_path, ['exchange = "ncmec"', f'url = "{ncmec.address}"', 'user = "user"', 'password_file = "password"'])
    ncmec.change(pictures())
    theirs = values(api, collab, merged(api, {}, list(api.fetch_iter([], None))))["pdq"]
    assert own.round() == theirs == {drawn(n) for n in PICTURES}
    there = change_now(ncmec)
    theirs = values(api, collab, merged(api, {}, list(api.fetch_iter([], None))))["pdq"]
    assert own.round() == theirs == there


def test_gallery_sync_has_what_the_clients_of_stopncii_have(stopncii: Standin, command: Path, tmp_path: Path) -> None:
    api = StopNCIIAPI("two", "one", base_url_override=f"{stopncii.address}/v1")
    secrets = ['function_key_file = "one"', 'subscription_key_file = "two"']
    own = Follower(command, tmp_path, ['exchange = "stopncii"', f'url = "{stopncii.address}/v1"', *secrets])

    def theirs() -> set[str]:
        records = [record for page in api.fetch_hashes_iter(StopNCIIAPI.DEFAULT_START_TIME) for record in page.hashRecords]
        return {record.hashValue for record in records if record.hashStatus.value == "Active"}

    stopncii.change(pictures())
    assert own.round() == theirs() == {drawn(n) for n in PICTURES}
    there = change_now(stopncii)
    assert own.round() == theirs() == there


def test_gallery_sync_has_what_the_clients_of_threatexchange_have(meta: Standin, command: Path, tmp_path: Path) -> None:
    collab = FBThreatExchangeCollabConfig(privacy_group=77, name="test")
    api = FBThreatExchangeSignalExchangeAPI(ThreatExchangeAPI(TOKEN, endpoint_override=f"{meta.address}/v26.0"), collab)
    own = Follower(command, tmp_path, ['exchange = "threatexchange"', f'url = "{meta.address}/v26.0"', 'group = "77"', 'token_file = "token"'])
    meta.change(pictures())
    theirs = values(api, collab, merged(api, {}, list(api.fetch_iter([], None))))["pdq"]
    assert own.round() == theirs == {drawn(n) for n in PICTURES}
    there = change_now(meta)
    theirs = values(api, collab, merged(api, {}, list(api.fetch_iter([], None))))["pdq"]
    assert own.round() == theirs == there
