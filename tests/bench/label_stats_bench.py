"""Counting 10 million boxes: GetLabelStats over HTTP, after the sums were made and right after 5,000 further
answers.

The boxes are of 2 million answers of 20 people in 250 days, in 20 classes. They are written by SQL, without
hashes. The reference is a count of the same boxes by origin in SQL. Aim: 200 ms.
"""
import argparse
import json
import os
import statistics
import sys
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from loupe_programs import Deployment  # noqa: E402

PEOPLE = """
INSERT INTO principal (name, role, token_hash)
SELECT 'person-' || n, 'annotator', sha256(n::text::bytea) FROM generate_series(0, 19) n;
"""
# Answers {first} to {last}: 8,000 a day, one each 3.6 seconds.
ANSWERS = """
SET session_replication_role = replica;
CREATE TEMP TABLE answered AS
SELECT n AS id, (SELECT min(id) FROM principal WHERE name = 'person-0') + n % 20 AS person,
       '2025-01-01 08:00Z'::timestamptz + n / 8000 * interval '1 day' + n % 8000 * interval '3.6 s' AS at
FROM generate_series({first}, {last}) n;
INSERT INTO image (id, project_id, sha256, file_name, width, height, size_bytes, media_type, sampling_key,
                   side, head_revision_id, truth_revision_id)
OVERRIDING SYSTEM VALUE
SELECT id, 1, sha256(id::text::bytea), id || '.png', 64, 64, 1, 'image/png', 0.5, 'pool', id, id
FROM answered;
INSERT INTO label_revision (id, image_id, number, source, author_id, task_id, blind, late, spent_ms,
                            created_at, previous_hash, hash)
OVERRIDING SYSTEM VALUE
SELECT id, id, 1, 'task', person, id, id % 5 = 0, false, 8000, at, sha256('a'), sha256('b') FROM answered;
INSERT INTO label_box (revision_id, ordinal, box_id, label, x1, y1, x2, y2, origin, ignore)
SELECT id, n, id * 5 + n, 1 + (id + n * n) % 20, n, n, n + 1, n + 1,
       (ARRAY['drawn', 'accepted', 'adjusted', 'relabelled', 'copied'])[1 + (id * 7 + n * 3) % 5], false
FROM answered, generate_series(0, 4) n;
INSERT INTO outcome
SELECT id, n, (ARRAY['accepted', 'adjusted', 'rejected', 'dropped', 'hidden'])[1 + (id + n) % 5]
FROM answered, generate_series(0, 4) n WHERE id % 5 > 0;
ANALYZE;
"""


def read(*names):
    with open(os.path.join(*names), encoding="utf-8") as file:
        return file.read().strip()


class Stats:
    def __init__(self, deployment):
        self.url = (f"http://{read(deployment.path('server', 'http.address'))}"
                    "/loupe.v1.ProvenanceService/GetLabelStats")
        self.headers = {"Authorization": f"Bearer {read(deployment.path('server', 'admin.token'))}",
                        "Content-Type": "application/json"}

    def ask(self, **request):
        """Returns the milliseconds that it took, and how many boxes it counted."""
        body = json.dumps({"project": "bench", **request}).encode()
        started = time.monotonic()
        asked = urllib.request.Request(self.url, body, self.headers)
        with urllib.request.urlopen(asked, timeout=600) as answer:
            stats = json.load(answer)
        ms = (time.monotonic() - started) * 1000
        return ms, sum(int(count["boxes"]) for count in stats["total"]["truth"]["origins"])


def wait_for_sums(deployment, last):
    started = time.monotonic()
    while int(deployment.psql("SELECT counted_id FROM label_count_state")) < last:
        time.sleep(1)
    return time.monotonic() - started


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="500,000 boxes")
    answers = 100_000 if parser.parse_args().quick else 2_000_000

    with Deployment() as deployment:
        deployment.loupe("project", "create", "bench", "--classes", ",".join(f"c{n}" for n in range(20)),
                         "--seed", "1", "--holdout-fraction", "0")
        deployment.psql(PEOPLE + ANSWERS.format(first=1, last=answers))
        summing = wait_for_sums(deployment, answers)
        stats = Stats(deployment)
        figures = {"benchmark": "label_stats", "boxes": 5 * answers, "seconds_of_summing": round(summing, 1)}
        # By the hour it tells no more than 2,000 periods, and these are 2,001.
        for name, request in (("day", {}), ("week", {"period": "WEEK"}),
                              ("hour", {"period": "HOUR", "from": "2025-01-02T00:00:00Z"})):
            asked = [stats.ask(**request) for _ in range(30)]
            assert name == "hour" or {boxes for _, boxes in asked} == {5 * answers}
            figures[f"{name}_median_ms"] = round(statistics.median(ms for ms, _ in asked), 1)
            figures[f"{name}_slowest_ms"] = round(max(ms for ms, _ in asked), 1)
        deployment.psql(ANSWERS.format(first=answers + 1, last=answers + 5000))
        ms, boxes = stats.ask()
        assert boxes == 5 * (answers + 5000)
        figures["after_5000_answers_ms"] = round(ms, 1)
        started = time.monotonic()
        deployment.psql("SELECT origin, count(*) FROM provenance.box WHERE project = 'bench' GROUP BY origin")
        figures["by_sql_ms"] = round((time.monotonic() - started) * 1000)
    for name, value in figures.items():
        print(f"{name:28}{value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
