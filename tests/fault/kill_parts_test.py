#!/usr/bin/python3
"""Kills worker, coordinator and PostgreSQL, five times each at random moments, while a round runs and four
annotators submit. Afterwards every correction that was acknowledged is there once, the training went on from
a checkpoint, the round has ended well and the hash chain holds.

The annotators write down what was acknowledged, outside the system (`loupe annotate --log`).
"""
import argparse
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from load import Annotator, Watcher, check_annotators, prepare  # noqa: E402
from loupe_programs import Deployment  # noqa: E402

IMAGES = 500
LABELLED = 60
ANNOTATORS = 4
KILLS_EACH = 5
CHECKPOINT_INTERVAL = 5
RECIPE = f"""
detector {{ preset: "small" min_size: 96 max_size: 96 }}
training {{ iterations: 240 batch_size: 4 checkpoint_interval: {CHECKPOINT_INTERVAL} }}
prediction {{ shard_size: 100 }}
ranking {{ budget: 100 }}
"""


def kill_at_random(deployment, watcher, chooser):
    """Each part KILLS_EACH times, in random order; what was killed is started again by `loupe up`."""
    parts = [part for part in ("worker", "server", "postgres") for _ in range(KILLS_EACH)]
    chooser.shuffle(parts)
    last_of_worker = len(parts) - 1 - parts[::-1].index("worker")
    for place, part in enumerate(parts):
        time.sleep(chooser.uniform(0.5, 4))
        if place == last_of_worker:
            # On a slow machine no worker has lived long enough before.
            watcher.await_iteration(2 * CHECKPOINT_INTERVAL)
        deadline = time.monotonic() + 60
        while not deployment.kill(part):
            assert time.monotonic() < deadline, f"{part} did not come back to be killed again"
            time.sleep(0.05)
        print(f"killed {part} while the round was {watcher.state or 'not seen yet'}", flush=True)
        time.sleep(chooser.uniform(0, 0.5))
        deployment.up()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of the moments and the order of the kills")
    parser.add_argument("--keep", action="store_true", help="leave the folder for a look")
    args = parser.parse_args()
    chooser = random.Random(args.seed)

    with Deployment(keep=args.keep) as deployment:
        annotations = prepare(deployment, RECIPE, IMAGES, LABELLED, args.seed)
        stop = threading.Event()
        annotators = [Annotator(deployment, n, annotations, stop) for n in range(ANNOTATORS)]
        deployment.loupe("round", "submit", "--recipe", deployment.path("recipe.textproto"))
        watcher = Watcher(deployment)
        for thread in [watcher, *annotators]:
            thread.start()
        try:
            kill_at_random(deployment, watcher, chooser)
            stop.set()
            watcher.join(timeout=300)
        finally:
            stop.set()
            watcher.ended.set()
            for thread in [watcher, *annotators]:
                thread.join(timeout=120)

        log = deployment.log("server")[-3000:]
        assert watcher.state == "done", f"the round is {watcher.state} {watcher.error}\n{log}"
        assert watcher.resumed_from > 0, "no training went on from a checkpoint"
        count = check_annotators(deployment, annotators)
        assert count >= 50, f"only {count} corrections were acknowledged: nothing was put to the test"
        print(deployment.loupe("provenance", "verify"))
        print(f"{count} acknowledged corrections are there once; "
              f"training went on from iteration {watcher.resumed_from}")


if __name__ == "__main__":
    main()
