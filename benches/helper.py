"""What the process of its own costs in which AVIF and HEIC are decoded, apart from decoding: its share of all CPU time.

    python benches/helper.py target/release/shadegrid FOLDER [--rounds 5]

FOLDER holds files of one format. Each round hashes all of them on one thread under `perf record`; a sample counts by its stack. What the helper takes and
a decoder in the process itself would not: the calls that send and receive, copies of rows into what is sent, and memory for what comes, which is zeroed and mapped. The last two
are counted whole in the process that asks, so that the number is an upper bound. Needs Linux, `perf`, and a program with symbols.
"""

import argparse
import collections
import re
import statistics
import subprocess
import tempfile
from pathlib import Path

SOCKET = re.compile(r"unix_stream_|sys_sendto|sys_recvfrom|sys_write|sys_read\b|sock_(write|read)_iter|sys_poll")
FAULT = re.compile(r"asm_exc_page_fault|handle_mm_fault")
# The helper's process has the name of `/proc/self/exe`; the thread that asks it that of what it does.
HELPER, ASKS = "exe", "shadegrid-hash"


def kind(name: str, stack: list[str]) -> str | None:
    top, all_of_it = stack[0] if stack else "", "\n".join(stack)
    is_helper, asks = name == HELPER, name.startswith(ASKS)
    if (is_helper or asks) and SOCKET.search(all_of_it):
        return "sending and receiving"
    if is_helper and re.search(r"__mem(move|cpy)", top):
        return "copies of rows"
    if asks and "__memset" in top:
        return "memory that is zeroed"
    if asks and FAULT.search(all_of_it):
        return "memory that is mapped"
    return None


def shares(program: Path, folder: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "perf.data"
        hashing = [program, "hash", folder, "--threads", "1", "--faces", "stored", "--quiet"]
        record = ["perf", "record", "-g", "-q", "-e", "cpu-clock", "-F", "5000", "-o", data, "--", *hashing]
        subprocess.run([str(part) for part in record], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        script = ["perf", "script", "-i", str(data), "-F", "comm,ip,sym"]
        said = subprocess.run(script, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    counts, total = collections.Counter(), 0
    for sample in said.strip().split("\n\n"):
        name, *stack = sample.splitlines()
        total += 1
        counts[kind(name.strip(), stack)] += 1
    del counts[None]
    print(f"{total} samples: " + ", ".join(f"{what} {100 * count / total:.1f} %" for what, count in counts.most_common()))
    return {"all": 100 * sum(counts.values()) / total}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    rounds = [shares(given.program, given.folder)["all"] for _ in range(given.rounds)]
    print(f"the helper alone: {statistics.median(rounds):.1f} % of all CPU time, median of {len(rounds)} rounds")


if __name__ == "__main__":
    main()
