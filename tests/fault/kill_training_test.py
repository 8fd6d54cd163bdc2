#!/usr/bin/python3
"""A training killed ten times at random iterations ends with the weights of one that was not, bit for bit:
first `loupe-worker train` on files, then a TRAIN job of a coordinator, which a new worker takes up each time.

A killed worker's lease lasts for another minute; the test ends it in the database instead of waiting.
"""
import argparse
import os
import random
import re
import select
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from loupe_programs import Deployment, program, read_json, run, worker, write_lines  # noqa: E402

KILLS = 10
ITERATIONS = 100
LAST_KILL = 60  # leaves time to see it before the training ends
RECIPE = f"""
detector {{ preset: "small" min_size: 96 max_size: 96 }}
training {{ iterations: {ITERATIONS} batch_size: 2 checkpoint_interval: 3 }}
prediction {{ mirrored: false }}
"""
CHECKPOINT = """
SELECT coalesce(max(checkpoint_iteration), 0) FROM job JOIN round ON round.id = job.round_id
WHERE job.kind = 'train' AND round.number = {round};
"""
END_LEASES = "UPDATE lease SET expires_at = now() - interval '1 second' WHERE purpose = 'job';"


def random_iterations(chooser):
    return sorted(chooser.sample(range(1, LAST_KILL), KILLS))


def read(path):
    with open(path, "rb") as file:
        return file.read()


def train_command(folder, out):
    return [program("loupe-worker"), "train", "--coco", os.path.join(folder, "annotations.json"),
            "--images", os.path.join(folder, "images"), "--recipe", os.path.join(folder, "recipe.textproto"),
            "--out", out]


def kill_at(command, iteration, chooser):
    """Runs the command until it logs that iteration or a later one, and for a random moment more."""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            found = re.match(r"iteration (\d+) of", line)
            if found and int(found[1]) >= iteration:
                select.select([process.stderr], [], [], chooser.uniform(0, 0.3))
                break
        process.kill()
    status = process.returncode
    assert status == -signal.SIGKILL, f"the training ended by itself with status {status}"


def training_on_files(folder, chooser):
    whole, killed = os.path.join(folder, "whole"), os.path.join(folder, "killed")
    run(*train_command(folder, whole))
    moments = random_iterations(chooser)
    for iteration in moments:
        kill_at(train_command(folder, killed), iteration, chooser)
    assert "goes on from iteration" in run(*train_command(folder, killed)).stderr
    weights = [read(os.path.join(out, "model.safetensors")) for out in (whole, killed)]
    assert weights[0] == weights[1], f"the weights differ after kills at {moments}"
    print(f"on files: killed at {moments}, the same weights", flush=True)


def kill_worker(deployment, number, iteration):
    """Kills the worker once the job has a checkpoint of that iteration or a later one, and starts another."""
    before = int(deployment.psql(CHECKPOINT.format(round=number)))
    deadline = time.monotonic() + 120
    while int(deployment.psql(CHECKPOINT.format(round=number))) < max(iteration, before + 1):
        state = deployment.json("round", "show", number)["state"]
        assert state not in ("done", "failed"), f"the round is {state} before iteration {iteration} was seen"
        assert time.monotonic() < deadline, f"no checkpoint after {before}\n{deployment.log('worker')}"
    assert deployment.kill("worker")
    deployment.psql(END_LEASES)
    deployment.up()


def job_of_a_coordinator(deployment, folder, chooser):
    annotations = os.path.join(folder, "annotations.json")
    coco = read_json(annotations)
    classes = ",".join(c["name"] for c in sorted(coco["categories"], key=lambda c: c["id"]))
    labelled = write_lines(deployment.path("labelled.txt"), [image["id"] for image in coco["images"]])
    deployment.loupe("project", "create", "parts", "--classes", classes, "--seed", "1")
    deployment.loupe("import", "--images", os.path.join(folder, "images"), "--coco", annotations,
                     "--labelled", f"@{labelled}", "--blind")
    weights = []
    for number in (1, 2):
        deployment.loupe("round", "submit", "--recipe", os.path.join(folder, "recipe.textproto"))
        if number == 2:
            moments = random_iterations(chooser)
            for iteration in moments:
                kill_worker(deployment, number, iteration)
        run(program("loupe"), "round", "watch", number, "--dir", deployment.server_directory)
        shown = deployment.json("round", "show", number)
        weights.append(deployment.path(f"model-{number}.safetensors"))
        deployment.loupe("model", "export", str(shown["model"]), "--out", weights[-1])
    assert read(weights[0]) == read(weights[1]), f"the weights differ after kills at {moments}"
    print(f"job of a coordinator: killed at {moments}, the same weights")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills")
    parser.add_argument("--keep", action="store_true", help="leave the folder for a look")
    args = parser.parse_args()
    chooser = random.Random(args.seed)
    with Deployment(keep=args.keep) as deployment:
        folder = deployment.path("parts")
        worker("sample", "--out", folder, "--images", 20, "--seed", args.seed)
        with open(os.path.join(folder, "recipe.textproto"), "w", encoding="utf-8") as file:
            file.write(RECIPE)
        training_on_files(folder, chooser)
        job_of_a_coordinator(deployment, folder, chooser)


if __name__ == "__main__":
    main()
