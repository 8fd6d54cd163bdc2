"""NextTasks with 100,000 pictures in the pool, one client: median and 99th percentile in milliseconds.

Rows of pictures are put into the database directly (the queue never reads pixels); tasks are claimed and
given back through the API by `loupe-bench-queue`. The reference is GetProject over the same channel in the
same run: what any call that reads one row costs. Aim: median below 5 ms.
"""
import argparse
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from loupe_programs import Deployment, program, run  # noqa: E402

# Pictures of random content, and their places at the end of generation 0.
FILL = """
WITH added AS (
  INSERT INTO image (project_id, sha256, file_name, width, height, size_bytes, media_type, sampling_key, side)
  SELECT project.id, sha256(('picture ' || n)::bytea), 'picture-' || n || '.png', 64, 64, 1000, 'image/png',
         random(), 'pool'
  FROM project, generate_series(1, {count}) n
  RETURNING id)
INSERT INTO ranking_entry (ranking_id, position, image_id, image_side, slice, probability, blind)
SELECT ranking.id, row_number() OVER () - 1, added.id, 'pool', 'random', 1, true
FROM added, ranking WHERE ranking.state = 'active';
"""


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="10,000 pictures, 500 calls")
    quick = parser.parse_args().quick
    count, calls = (10_000, 500) if quick else (100_000, 3_000)

    with Deployment() as deployment:
        deployment.loupe("project", "create", "bench", "--classes", "a", "--seed", "1")
        deployment.psql(FILL.format(count=count))
        with open(os.path.join(deployment.server_directory, "server.address"), encoding="utf-8") as file:
            address = file.read().strip()
        figures = json.loads(run(program("loupe-bench-queue"), address,
                                 os.path.join(deployment.server_directory, "admin.token"), calls).stdout)
    figures = {"benchmark": "queue", "pictures": count, **figures}
    for name, value in figures.items():
        print(f"{name:28}{value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
