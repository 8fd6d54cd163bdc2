"""Ranking a pool of 1,000,000 pictures with 20 boxes each, and switching to the ranking while 8 clients pull
tasks.

Pictures and predictions are put into the database directly; the coordinator's own planner then scores the
pool, chooses a budget of 2,000 with diversity against 20,000 labelled pictures, writes the generation (8,000
entries; then one of all pictures) and switches to it. The reference is psql reading the same predictions by
COPY. The first ranking is made alone, for its time and memory; then one more, and the one of all pictures,
while each client pulls some ten tasks a second, more than eight people can. Last, what `loupe curve`,
`check`, `estimate` and `status` take on that pool. Aims: scoring and ranking in 180 s and 2 GB; 99 of 100
NextTasks within 50 ms around the switch.
"""
import argparse
import json
import os
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from loupe_programs import Deployment, program  # noqa: E402

CLIENTS = 8
AROUND_S = 3  # before and after a switch

IMAGES = """
WITH added AS (
  INSERT INTO image (project_id, sha256, file_name, width, height, size_bytes, media_type, sampling_key, side,
                     perceptual_hash)
  SELECT project.id, sha256(('picture ' || n)::bytea), 'picture-' || n || '.png', 640, 480, 1000, 'image/png',
         random(), 'pool', (random() * 9e18)::bigint
  FROM project, generate_series(1, {count}) n
  RETURNING id)
INSERT INTO ranking_entry (ranking_id, position, image_id, image_side, slice, probability, blind)
SELECT ranking.id, row_number() OVER () - 1, added.id, 'pool', 'random', 1, true
FROM added, ranking WHERE ranking.state = 'active';
SELECT count(import_revision(id, 1, false, false, ARRAY[10, 10, 50, 40]::real[], ARRAY[1], ARRAY[false]))
FROM (SELECT id FROM image ORDER BY id DESC LIMIT {labelled}) last;
"""

# Each row joins one of a thousand sets of boxes with two halves of an embedding, a thousand of each.
PREDICTIONS = """
INSERT INTO model (project_id, number, name, preset, state, weights_sha256, weights_bytes)
SELECT project_id, 2, 'round-1', preset, 'candidate', weights_sha256, weights_bytes FROM model;
CREATE TEMPORARY TABLE boxes AS
  SELECT t, array_agg(score ORDER BY score DESC)::real[] AS scores,
         array_agg((score * (1 - score))::real ORDER BY score DESC) AS runner_ups,
         array_agg(((1 - score) * (1 - score))::real ORDER BY score DESC) AS backgrounds,
         array_agg(random()::real) AS agreements, array_agg((1 + n % 10)::smallint) AS labels
  FROM (SELECT t, n, (random() ^ 3 * 0.98 + 0.01)::real AS score
        FROM generate_series(0, 999) t, generate_series(1, 20) n) drawn GROUP BY t;
CREATE TEMPORARY TABLE half AS
  SELECT t, decode(
      string_agg(lpad(to_hex((random() * 255)::int), 2, '0')
                 || lpad(to_hex((40 + random() * 18)::int + 128 * (random() < 0.5)::int), 2, '0'), ''),
      'hex') AS bytes
  FROM generate_series(0, 1999) t, generate_series(1, 64) GROUP BY t;
CREATE UNIQUE INDEX ON boxes (t);
CREATE UNIQUE INDEX ON half (t);
ANALYZE boxes;
ANALYZE half;
INSERT INTO prediction (model_id, image_id, corners, labels, scores, runner_up_labels, runner_up_scores,
                        background_scores, agreements, embedding, max_foreground_score)
SELECT model.id, image.id, array_fill(1::real, ARRAY[80]), boxes.labels, scores, boxes.labels, runner_ups,
       backgrounds, agreements, first.bytes || second.bytes, scores[1]
FROM model, image
JOIN boxes ON boxes.t = image.id * 7919 % 1000
JOIN half first ON first.t = image.id % 1000
JOIN half second ON second.t = 1000 + image.id / 1000 % 1000
WHERE model.number = 2;
ANALYZE image;
ANALYZE prediction;
ANALYZE ranking_entry;
"""

ROUND = """
WITH frozen AS (INSERT INTO snapshot (project_id) SELECT id FROM project RETURNING id, project_id),
judged AS (
  INSERT INTO round (project_id, number, state, recipe, snapshot_id, submitted_by, model_id, ranking_at)
  SELECT frozen.project_id, {number}, 'ranking', 'ranking {{ strategy: "combined" budget: {budget} '
         'depth_factor: {depth_factor} }}', frozen.id, 1, model.id, now()
  FROM frozen, model WHERE model.number = 2 RETURNING id)
UPDATE model SET round_id = coalesce(round_id, judged.id) FROM judged WHERE model.number = 2;
"""

READ = """
COPY (SELECT prediction.image_id, labels, scores, runner_up_scores, background_scores, max_foreground_score,
             agreements
      FROM image JOIN prediction ON prediction.image_id = image.id
      WHERE image.side = 'pool' AND image.truth_revision_id IS NULL ORDER BY image.id) TO '/dev/null';
"""


def write_weights(path):
    """The smallest file that counts as weights."""
    header = json.dumps(
        {"backbone.fpn.layer_blocks.0.0.bias": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    )
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header.encode() + struct.pack("<f", 0))
    return path


class Claims:
    """Clients that pull tasks meanwhile."""

    def __init__(self, deployment):
        with open(os.path.join(deployment.server_directory, "server.address"), encoding="utf-8") as file:
            address = file.read().strip()
        self.process = subprocess.Popen(
            [program("loupe-bench-claims"), address, os.path.join(deployment.server_directory, "admin.token"),
             str(CLIENTS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def end(self):
        """(began, ms) of every call."""
        output, _ = self.process.communicate()
        if self.process.returncode != 0:
            sys.exit("the clients failed")
        return [tuple(map(float, line.split())) for line in output.splitlines()]


def quantile(values, share):
    return sorted(values)[int(share * (len(values) - 1))]


def peak_mib(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024


def rank(deployment, number, budget, depth_factor):
    """Makes a round's ranking: its seconds, and when it was switched to."""
    deployment.psql(ROUND.format(number=number, budget=budget, depth_factor=depth_factor))
    state = ""
    while state not in ("done", "failed"):
        time.sleep(0.2)
        state = deployment.psql(f"SELECT state FROM round WHERE number = {number}")
    if state == "failed":
        sys.exit(deployment.psql(f"SELECT error FROM round WHERE number = {number}"))
    return map(float, deployment.psql(
        "SELECT extract(epoch FROM ended_at - ranking_at), extract(epoch FROM ended_at) FROM round "
        f"WHERE number = {number}").split("|"))


def rank_among_clients(deployment, number, budget, depth_factor):
    """The same; milliseconds of the clients' calls, around the switch and in all."""
    claims = Claims(deployment)
    time.sleep(AROUND_S)
    seconds, switched = rank(deployment, number, budget, depth_factor)
    time.sleep(AROUND_S)
    calls = claims.end()
    around = [ms for began, ms in calls if abs(began + ms / 1000 - switched) <= AROUND_S]
    return {"seconds": seconds, "calls_around_switch": len(around), "p99_ms": quantile(around, 0.99),
            "max_ms": max(around), "p99_ms_all_calls": quantile([ms for _, ms in calls], 0.99)}


def seconds_of(deployment, command):
    start = time.monotonic()
    deployment.loupe(command)
    return time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="20,000 pictures, 1,000 labelled, a budget of 200"
    )
    quick = parser.parse_args().quick
    count, labelled, budget = (20_000, 1_000, 200) if quick else (1_000_000, 20_000, 2_000)

    with Deployment() as deployment:
        deployment.loupe("project", "create", "bench", "--classes", ",".join("abcdefghij"), "--seed", "1")
        deployment.loupe(
            "model",
            "import",
            "--weights",
            write_weights(deployment.path("w.safetensors")),
            "--preset",
            "small",
            "--name",
            "start",
        )
        deployment.psql(IMAGES.format(count=count, labelled=labelled))
        deployment.psql(PREDICTIONS)
        start = time.monotonic()
        deployment.psql(READ)
        read = time.monotonic() - start
        seconds, _ = rank(deployment, 1, budget, 4)
        peak = peak_mib(deployment.pid("server"))
        usual = rank_among_clients(deployment, 2, budget, 4)
        whole = rank_among_clients(deployment, 3, budget, count // budget)
        insights = {f"{command}_seconds": seconds_of(deployment, command)
                    for command in ("curve", "check", "estimate", "status")}
    figures = {"benchmark": "ranking", "pictures": count, "labelled": labelled, "budget": budget,
               "copy_seconds": read, "rank_seconds": seconds, "ratio_to_copy": seconds / read,
               "server_peak_mib": peak}
    for name, switch in (("usual", usual), ("whole", whole)):
        figures.update({f"{name}_{key}": value for key, value in switch.items()})
    figures.update(insights)
    for name, value in figures.items():
        print(f"{name:32}{value if isinstance(value, (int, str)) else format(value, '.2f')}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
