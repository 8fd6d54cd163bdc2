#!/usr/bin/python3
"""Kills worker, coordinator and PostgreSQL, five times each at random moments, while a round runs and four
annotators submit. Afterwards every correction that was acknowledged is there once, the training went on from
a checkpoint, the round has ended well and the hash chain holds.

The annotators write down what was acknowledged, outside the system (`loupe annotate --log`).
"""
import argparse
import json
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from loupe_programs import Deployment, program, read_json, run, worker, write_lines  # noqa: E402

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


def prepare(deployment, seed):
    worker("sample", "--out", deployment.path("parts"), "--images", IMAGES, "--seed", seed)
    annotations = deployment.path("parts", "annotations.json")
    coco = read_json(annotations)
    classes = ",".join(c["name"] for c in sorted(coco["categories"], key=lambda c: c["id"]))
    labelled = write_lines(deployment.path("labelled.txt"), [i["id"] for i in coco["images"][:LABELLED]])
    deployment.loupe("project", "create", "parts", "--classes", classes, "--seed", "1")
    deployment.loupe("import", "--images", deployment.path("parts", "images"), "--coco", annotations,
                     "--labelled", f"@{labelled}", "--blind")
    with open(deployment.path("recipe.textproto"), "w", encoding="utf-8") as file:
        file.write(RECIPE)
    return annotations


class Annotator(threading.Thread):
    """Submits a few corrections at a time until told to stop. A command that fails is tried again: only what
    was acknowledged counts."""

    def __init__(self, deployment, number, annotations, stop):
        super().__init__()
        self.deployment, self.annotations, self.stop = deployment, annotations, stop
        self.log_file = deployment.path(f"acknowledged-{number}.log")
        self.token_file = deployment.path(f"annotator-{number}.token")
        created = deployment.json("token", "create", "--role", "annotator", "--name", f"annotator-{number}")
        write_lines(self.token_file, [created["secret"]])

    def run(self):
        while not self.stop.is_set():
            address_file = os.path.join(self.deployment.server_directory, "server.address")
            with open(address_file, encoding="utf-8") as file:
                address = file.read().strip()
            run(program("loupe"), "annotate", "--oracle", self.annotations, "--tasks", 2,
                "--log", self.log_file, "--patience", 30, "--server", address,
                "--token-file", self.token_file, check=False)
            self.stop.wait(0.7)

    def acknowledged(self):
        try:
            with open(self.log_file, encoding="utf-8") as file:
                return [json.loads(line) for line in file if line.strip()]
        except FileNotFoundError:
            return []


class Watcher(threading.Thread):
    """Follows the round from outside: its state, and the iteration a training went on from."""

    def __init__(self, deployment):
        super().__init__()
        self.deployment, self.state, self.resumed_from, self.error = deployment, "", 0, ""
        self.trained = 0  # iterations of the training that runs
        self.ended = threading.Event()

    def run(self):
        while self.state not in ("done", "failed", "cancelled"):
            shown = run(program("loupe"), "round", "show", 1, "--json",
                        "--dir", self.deployment.server_directory, check=False)
            if shown.returncode == 0:
                answer = json.loads(shown.stdout)
                self.state, self.error = answer["state"], answer.get("error", "")
                progress = answer.get("progress") or {}
                self.resumed_from = max(self.resumed_from, int(progress.get("resumed_from", 0)))
                self.trained = int(progress.get("done", 0)) if self.state == "training" else 0
            if self.ended.wait(0.3):
                return

    def await_checkpoint(self):
        """Until the training has one to go on from, or is over. A database that was away may have cost it the
        first."""
        deadline = time.monotonic() + 120
        while self.state == "training" and self.trained <= 2 * CHECKPOINT_INTERVAL:
            if time.monotonic() > deadline:
                return
            time.sleep(0.1)


def kill_at_random(deployment, watcher, chooser):
    """Each part KILLS_EACH times, in random order; what was killed is started again by `loupe up`."""
    parts = [part for part in ("worker", "server", "postgres") for _ in range(KILLS_EACH)]
    chooser.shuffle(parts)
    last_of_worker = len(parts) - 1 - parts[::-1].index("worker")
    for place, part in enumerate(parts):
        time.sleep(chooser.uniform(0.5, 4))
        if place == last_of_worker:
            watcher.await_checkpoint()  # on a slow machine no worker has lived long enough before
        deadline = time.monotonic() + 60
        while not deployment.kill(part):
            assert time.monotonic() < deadline, f"{part} did not come back to be killed again"
            time.sleep(0.05)
        print(f"killed {part} while the round was {watcher.state or 'not seen yet'}", flush=True)
        time.sleep(chooser.uniform(0, 0.5))
        deployment.up()


def check_acknowledged(deployment, annotators):
    """Every acknowledged correction is in the history of its image exactly once; returns their number."""
    lines = [line for annotator in annotators for line in annotator.acknowledged()]
    history = {}
    for image in {line["image_id"] for line in lines}:
        history[image] = deployment.json("provenance", "image", image)["revisions"]
    for line in lines:
        revisions = history[line["image_id"]]
        found = [r for r in revisions if int(r["revision_id"]) == int(line["revision_id"])]
        assert len(found) == 1, (
            f"revision {line['revision_id']} was acknowledged and is there {len(found)} times")
        of_task = [r for r in revisions if int(r.get("task_id", 0)) == int(line["task_id"])]
        assert len(of_task) == 1, f"task {line['task_id']} left {len(of_task)} revisions"
    return len(lines)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of the moments and the order of the kills")
    parser.add_argument("--keep", action="store_true", help="leave the folder for a look")
    args = parser.parse_args()
    chooser = random.Random(args.seed)

    with Deployment(keep=args.keep) as deployment:
        annotations = prepare(deployment, args.seed)
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
        count = check_acknowledged(deployment, annotators)
        assert count >= 50, f"only {count} corrections were acknowledged: nothing was put to the test"
        print(deployment.loupe("provenance", "verify"))
        print(f"{count} acknowledged corrections are there once; "
              f"training went on from iteration {watcher.resumed_from}")


if __name__ == "__main__":
    main()
