"""The stand-in for the CyberTipline, asked by a client that anybody may use: `ncmec-cybertip`, which needs Python 3.13."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import urllib.request
from collections.abc import Awaitable, Iterator
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import ncmec_cybertip as cybertip
import pytest

ROOT = Path(__file__).resolve().parents[2]

# The command of the tests' build, or another.
COMMAND = Path(os.environ.get("SHADEGRID_COMMAND", ROOT / "target" / "debug" / "shadegrid"))

TIME = datetime(2012, 10, 15, 8, tzinfo=timezone.utc)

DATA = b"no picture" * 1000


@pytest.fixture
def address() -> Iterator[str]:
    words = [COMMAND, "standin", "cybertipline", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    yield process.stderr.readline().split()[-1]
    process.terminate()
    assert process.wait(10) == 0
    process.stderr.close()


def state(address: str) -> Any:
    with urllib.request.urlopen(f"{address}/_standin/state") as answer:
        return json.load(answer)


def client(address: str, user: str = "user") -> Any:
    return cybertip.CyberTiplineClient(username=user, password="password", base_url=f"{address}/ispws")


def report(**others: Any) -> Any:
    """A report with what each has, and more."""
    summary = cybertip.IncidentSummary(incident_type=cybertip.IncidentType.CHILD_SEX_TOURISM, incident_date_time=TIME)
    person = cybertip.Person(email=[cybertip.Email(value="a@b.example")])
    return cybertip.Report(incident_summary=summary, reporter=cybertip.Reporter(reporting_person=person), **others)


async def code(call: Awaitable[Any]) -> int:
    try:
        await call
    except cybertip.ApiError as error:
        assert error.request_id
        return int(error.response_code)
    return 0


def test_a_report_is_filed_with_its_file_and_details(address: str) -> None:
    async def file() -> None:
        async with client(address) as asked:
            assert (await asked.status()).response_code == 0
            where = cybertip.WebPageIncident(url=["http://badsite.example/x"], third_party_hosted_content=False)
            email = cybertip.Email(value="x@y.example")
            phone = cybertip.Phone(value="5551234", country_calling_code="+1", verified=True, verification_date=TIME)
            person = cybertip.Person(first_name="F", phone=[phone], email=[email], age=40, date_of_birth=date(1950, 1, 1))
            address_of = cybertip.IpCaptureEvent(ip_address="1.2.3.4", event_name=cybertip.EventName.UPLOAD, date_time=TIME, port=443)
            reported = cybertip.PersonOrUserReported(person=person, display_name=["a", "b"], ip_capture_event=[address_of])
            whole = report(internet_details=[cybertip.InternetDetails(web_page_incident=where)], person_or_user_reported=reported, additional_info="i")
            opened = await asked.submit(whole)
            uploaded = await asked.upload(opened.report_id, DATA, filename="a.jpg")
            assert uploaded.hash == hashlib.md5(DATA).hexdigest()
            details = cybertip.FileDetails(
                report_id=opened.report_id,
                file_id=uploaded.file_id,
                original_file_name="a.jpg",
                file_viewed_by_esp=True,
                file_annotations=cybertip.FileAnnotations(viral=True, generative_ai=True),
                industry_classification=cybertip.IndustryClassification.A1,
                original_file_hash=cybertip.file_hashes(DATA),
                details=[cybertip.Details(name_value_pair=[cybertip.NameValuePair(name="Make", value="Canon")])],
            )
            await asked.file_info(details)
            assert await code(asked.file_info(details)) == 4100
            done = await asked.finish(opened.report_id)
            assert (done.report_id, done.file_ids) == (opened.report_id, [uploaded.file_id])

    asyncio.run(file())
    seen = state(address)
    assert seen["counts"]["finished"] == 1
    [kept] = seen["reports"][0]["files"]
    assert (kept["name"], kept["sha256"]) == ("a.jpg", hashlib.sha256(DATA).hexdigest())
    assert kept["details"]["fileAnnotations"] == {"viral": "", "generativeAi": ""}
    assert len(kept["details"]["originalFileHash"]) == 3


def test_what_is_wrong_is_refused_with_its_code(address: str) -> None:
    async def ask() -> None:
        async with client(address) as asked:
            finished = (await asked.submit(report())).report_id
            await asked.finish(finished)
            for call in (asked.finish(finished), asked.retract(finished), asked.upload(finished, DATA)):
                assert await code(call) == 5102
            retracted = (await asked.submit(report())).report_id
            await asked.retract(retracted)
            assert await code(asked.finish(retracted)) == 5101
            assert await code(asked.finish(7)) == 5001
            open_ = (await asked.submit(report())).report_id
            assert await code(asked.file_info(cybertip.FileDetails(report_id=open_, file_id="00"))) == 5002
            reason = cybertip.BatchedReportReason.VIRAL_POTENTIAL_MEME
            batch = (await asked.submit(report(batched_report=cybertip.BatchedReport(reason=reason)))).report_id
            await asked.upload(batch, DATA)
            await asked.upload(batch, DATA)
            assert await code(asked.finish(batch)) == 4100
            # The client writes this attribute at the entry; NCMEC's schema has it at <details>.
            pair = cybertip.NameValuePair(name="Make", value="Canon", type=cybertip.DetailsType.EXIF)
            uploaded = await asked.upload(open_, DATA)
            details = cybertip.Details(name_value_pair=[pair])
            wrong = cybertip.FileDetails(report_id=open_, file_id=uploaded.file_id, details=[details])
            assert await code(asked.file_info(wrong)) == 4100
        async with client(address, user="") as unknown:
            assert await code(unknown.status()) == 401

    asyncio.run(ask())
    assert state(address)["counts"] == {"open": 2, "finished": 1, "retracted": 1, "expired": 0}
