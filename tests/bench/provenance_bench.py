"""The lineage of boxes at a million boxes: exports, queries and histories through the API.

- export: `loupe export` as CSV and as JSON lines, of all boxes and of those that people accepted, over a real
  port into a file. Aim: 50,000 boxes a second, and a coordinator below 200 MB.
- query: pages of 100 boxes for several filters, from the first page on: median, 99th percentile and the
  longest time of a page, in milliseconds, and how many pages there were.
- history: GetImageProvenance of random images. Aim: 99th percentile below 10 ms.
- model: GetModelProvenance of a model that learned from all images. Aim: below 1 s.
- verify: `loupe provenance verify`, against a checkpoint too (--boxes 4545500 gives a million revisions), and
  the calls of `history` meanwhile. Aims: 60 s for a million revisions, and a 99th percentile within twice
  that of `history`. The reference is the same hashes in SQL, by functions of the database.
"""
import argparse
import concurrent.futures
import json
import os
import random
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import grpc_client  # noqa: E402
from loupe_programs import Deployment  # noqa: E402

FILL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "provenance_fill.sql")
MOST_PAGES = 300

# Those of the fill are made up.
REAL_HASHES = """
SET session_replication_role = replica;
UPDATE label_revision revision SET hash_version = 3, previous_hash = decode(repeat('00', 32), 'hex')
WHERE number = 1;
UPDATE label_revision revision SET hash = expected_hash(revision, sha256)
FROM image WHERE image.id = image_id AND number = 1;
UPDATE label_revision revision SET hash_version = 3, previous_hash = before.hash
FROM label_revision before
WHERE before.image_id = revision.image_id AND revision.number = 2 AND before.number = 1;
UPDATE label_revision revision SET hash = expected_hash(revision, sha256)
FROM image WHERE image.id = image_id AND number = 2;
UPDATE snapshot SET hash = snapshot_hash(id);
VACUUM (ANALYZE) label_revision;
"""

# {field number of BoxFilter: value}; box_filter() of what a person would ask.
FILTERS = {
    "all": {},
    "person of 50 boxes": {1: "person-50"},
    "person of 2 %": {1: "person-7"},
    "accepted": {2: 2},
    "rare class": {5: "class-5"},
    "model 20, score above 0.99": {6: "20", 7: 0.99},
    "random slice, relabelled": {4: 3, 3: 3},
    "a day": {9: "day"},
}


def memory_mb(pid, name):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name)) / 1024


def percentile(times, share):
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


class Bench:
    def __init__(self, deployment, images):
        self.deployment, self.images = deployment, images
        self.figures = {}

    def fill(self):
        begun = time.monotonic()
        self.deployment.loupe("project", "create", "bench", "--classes", "class-1")
        self.deployment.psql("", "-v", f"images={self.images}", "-f", FILL)
        self.add(fill_s=time.monotonic() - begun)

    def add(self, **figures):
        for name, value in figures.items():
            self.figures[name] = round(value, 2)
            print(f"{name:44}{value:12.2f}", flush=True)

    def connect(self):
        with open(os.path.join(self.deployment.server_directory, "admin.token"), encoding="utf-8") as file:
            return grpc_client.Connection(self.deployment.address, file.read().strip(), timeout=120)

    def export(self):
        # A coordinator that has done nothing else tells its own memory.
        self.deployment.down()
        self.deployment.up()
        pid = self.deployment.pid("server")
        self.add(idle_mb=memory_mb(pid, "VmHWM"))
        for name, form, options in (("all", "csv", ()), ("all", "jsonl", ()),
                                    ("accepted", "csv", ("--origin", "accepted"))):
            file = self.deployment.path(f"boxes.{form}")
            begun = time.monotonic()
            saved = self.deployment.json("export", "--format", form, "--out", file, *options, timeout=1800)
            self.add(**{f"export {name} {form}: boxes": saved["boxes"],
                        f"export {name} {form}: boxes/s": saved["boxes"] / (time.monotonic() - begun)})
            os.remove(file)
        self.add(export_coordinator_mb=memory_mb(pid, "VmHWM"))

    def query(self):
        connection = self.connect()
        day = grpc_client.encode({1: int(time.time()) - 500 * 86400})
        day_after = grpc_client.encode({1: int(time.time()) - 499 * 86400})
        for name, fields in FILTERS.items():
            if fields.get(9) == "day":
                fields = {9: day, 10: day_after}
            times, boxes, token = [], 0, ""
            while len(times) < MOST_PAGES:
                request = {1: "bench", 2: grpc_client.encode(fields), 3: 100, 4: token}
                begun = time.monotonic()
                page = connection.call("ProvenanceService/QueryBoxes", request)
                times.append(1000 * (time.monotonic() - begun))
                boxes += len(page.get(1, []))
                token = page.get(2, [b""])[0]
                if not token:
                    break
            self.add(**{f"query {name}: pages": len(times), f"query {name}: boxes": boxes,
                        f"query {name}: p50 ms": statistics.median(times),
                        f"query {name}: p99 ms": percentile(times, 0.99),
                        f"query {name}: longest ms": max(times)})

    def history(self):
        times = self.histories(lambda done: done < 2000)
        self.add(history_p50_ms=statistics.median(times), history_p99_ms=percentile(times, 0.99))

    def model(self):
        connection = self.connect()
        times = []
        for _ in range(20):
            begun = time.monotonic()
            connection.call("ProvenanceService/GetModelProvenance", {1: "bench", 2: "20"})
            times.append(1000 * (time.monotonic() - begun))
        self.add(model_p50_ms=statistics.median(times), model_longest_ms=max(times))

    def verify(self):
        self.deployment.psql(REAL_HASHES)
        begun = time.monotonic()
        self.deployment.psql("SELECT count(*) FROM label_revision JOIN image ON image.id = image_id "
                             "WHERE expected_hash(label_revision, sha256) = hash")
        self.add(verify_in_sql_s=time.monotonic() - begun)
        self.history()
        pid = self.deployment.pid("server")
        file = self.deployment.path("checkpoint")
        for name, command in (("checkpoint", ("checkpoint", file)), ("verify", ("verify",)),
                              ("verify --against", ("verify", "--against", file))):
            begun = time.monotonic()
            self.deployment.loupe("provenance", *command, timeout=1800)
            self.add(**{f"{name}: s": time.monotonic() - begun})
        with concurrent.futures.ThreadPoolExecutor() as pool:
            verifying = pool.submit(self.deployment.loupe, "provenance", "verify", timeout=1800)
            times = self.histories(lambda done: not verifying.done())
            print(verifying.result(), end="")
        self.add(**{"checkpoint: MB": os.path.getsize(file) / 1e6,
                    "verify: coordinator MB": memory_mb(pid, "VmHWM"),
                    "while verifying: history_p50_ms": statistics.median(times),
                    "while verifying: history_p99_ms": percentile(times, 0.99)})

    def histories(self, goes_on):
        connection = self.connect()
        chosen = random.Random(1)
        times = []
        while goes_on(len(times)):
            request = {1: "bench", 2: chosen.randint(1, self.images)}
            begun = time.monotonic()
            connection.call("ProvenanceService/GetImageProvenance", request)
            times.append(1000 * (time.monotonic() - begun))
        return times


def main():
    parts = {"export": Bench.export, "query": Bench.query, "history": Bench.history, "model": Bench.model,
             "verify": Bench.verify}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="50,000 boxes")
    parser.add_argument("--boxes", type=int, default=1_000_000, help="default: a million")
    parser.add_argument("--only", choices=parts, action="append", help="several: each of them; default: all")
    options = parser.parse_args()
    boxes = 50_000 if options.quick else options.boxes
    with Deployment() as deployment:
        bench = Bench(deployment, boxes // 500 * 100)
        bench.fill()
        for name in options.only or parts:
            parts[name](bench)
    print(json.dumps({"benchmark": "provenance", "boxes": boxes, **bench.figures}))


if __name__ == "__main__":
    main()
