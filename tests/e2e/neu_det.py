#!/usr/bin/python3
"""A turn of active learning on NEU-DET, from pictures to the second model, through the real programs.

    tests/e2e/neu_det.py            the whole turn: 400 iterations a round, 250 tasks (a quarter of an hour)
    tests/e2e/neu_det.py --quick    the same steps on a part of the set, judged only on having happened

The training split is imported with a fifth of it labelled, blind; the test split, on which both models are
measured with `loupe-worker detect` and `eval`, is never imported. Whole, the first model must reach AP50 0.50
on it and the second be at least 3 points ahead. Data and weights come from LOUPE_DATA (default ../shared).
"""

import argparse
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from loupe_programs import Deployment, read_json, worker, write_lines  # noqa: E402
from neu_det_data import ANNOTATIONS, DATA_SET, WEIGHTS, fifth_of, split_ids, write_part  # noqa: E402


def recipe(args):
    text = f"""
detector {{ preset: "small" init_model: "imagenet" min_size: {args.size} max_size: {args.size} }}
training {{ iterations: {args.iterations} checkpoint_interval: 50 }}
ranking {{ budget: {args.tasks} }}
seed: {args.seed}
"""
    return text


def measure(deployment, model, truth):
    """AP50 of a model on the test split, through the worker's programs alone."""
    weights = deployment.path(f"model-{model}.safetensors")
    results = deployment.path(f"results-{model}.json")
    deployment.loupe("model", "export", str(model), "--out", weights)
    worker(
        "detect",
        "--weights",
        weights,
        "--coco",
        truth,
        "--images",
        DATA_SET,
        "--out",
        results,
        "--threads",
        2,
    )
    return json.loads(worker("eval", "--ground-truth", truth, "--detections", results, "--json"))["overall"]


def turn(deployment, args):
    coco = read_json(ANNOTATIONS)
    by_id = {image["id"]: image for image in coco["images"]}
    train = [by_id[i] for i in split_ids("train")][:: args.every]
    truth = write_part(coco, split_ids("test")[:: args.every], deployment.path("test.json"))
    only = write_lines(deployment.path("train.txt"), [image["id"] for image in train])
    labelled = write_lines(deployment.path("labelled.txt"), [image["id"] for image in fifth_of(train)])

    classes = ",".join(c["name"] for c in sorted(coco["categories"], key=lambda c: c["id"]))
    deployment.loupe("project", "create", "neu-det", "--classes", classes, "--seed", args.seed)
    deployment.loupe("import", "--images", DATA_SET, "--coco", ANNOTATIONS, "--only", f"@{only}",
                     "--labelled", f"@{labelled}", "--blind")
    deployment.loupe("model", "import", "--weights", WEIGHTS, "--preset", "small", "--name", "imagenet")
    recipe_file = deployment.path("recipe.textproto")
    with open(recipe_file, "w", encoding="utf-8") as file:
        file.write(recipe(args))

    figures = []
    for number in (1, 2):
        if number == 2:
            print(deployment.loupe("annotate", "--oracle", ANNOTATIONS, "--tasks", args.tasks), flush=True)
        started = time.monotonic()
        print(
            deployment.loupe("round", "submit", "--recipe", recipe_file, "--watch", timeout=3600), flush=True
        )
        shown = deployment.json("round", "show", number)
        overall = measure(deployment, shown["model"], truth)
        status = deployment.json("status")
        figures.append({
            "round": number, "seconds": round(time.monotonic() - started), "state": shown["state"],
            "trained_on": int(shown["snapshot_images"]), "holdout_labelled": int(status["holdout_labelled"]),
            "test_ap50": overall["ap50"], "test_ap": overall["ap"], "gate": shown.get("gate"),
        })
        print(json.dumps(figures[-1]), flush=True)
    print(deployment.loupe("provenance", "verify"), flush=True)
    return figures


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="leave the folder for a look")
    args = parser.parse_args()
    args.every, args.iterations, args.tasks, args.size = (
        (12, 30, 20, 96) if args.quick else (1, 400, 250, 200)
    )

    with Deployment(keep=args.keep) as deployment:
        print(f"in {deployment.directory}", flush=True)
        first, second = turn(deployment, args)
    if first["state"] != "done" or second["state"] != "done" or second["trained_on"] <= first["trained_on"]:
        sys.exit("the rounds did not end as they should")
    if not args.quick and first["test_ap50"] < 0.50:
        sys.exit(f"the first model reached AP50 {first['test_ap50']:.3f} on the test split, below 0.50")
    if not args.quick and second["test_ap50"] < first["test_ap50"] + 0.03:
        sys.exit(f"the second model gained {second['test_ap50'] - first['test_ap50']:+.3f}, less than 0.03")


if __name__ == "__main__":
    main()
