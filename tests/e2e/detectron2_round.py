#!/usr/bin/python3
"""A Detectron2 checkpoint on NEU-DET, from `model import` to a round that trains it on and back out again.

    tests/e2e/detectron2_round.py            the whole: 300 iterations (about twenty minutes)
    tests/e2e/detectron2_round.py --quick    the same steps on a part of the set, judged on having happened

The project has the checkpoint's three classes, in another order. A fifth of the training split is imported
with its labels. The first round trains nothing: the checkpoint itself predicts and ranks the pool. The
second trains it on with what an oracle labelled, and whole it has to be ahead of the first on the test split,
which is never imported. Data come from LOUPE_DATA (default ../shared).
"""
import argparse
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from loupe_programs import DATA, Deployment, read_json, worker, write_lines  # noqa: E402
from neu_det_data import ANNOTATIONS, DATA_SET, fifth_of, split_ids, write_part  # noqa: E402

GOLDEN = os.path.join(DATA, "golden", "detectron2", "r18_fpn")
CHECKPOINT, CONFIG = os.path.join(GOLDEN, "model_final.pth"), os.path.join(GOLDEN, "config.yaml")
CLASS_NAMES = ("inclusion", "patches", "scratches")  # as they were trained
PROJECT_CLASSES = ("scratches", "inclusion", "patches")


def three_classes():
    """NEU-DET's images that show one of them."""
    coco = read_json(ANNOTATIONS)
    coco["categories"] = [one for one in coco["categories"] if one["name"] in CLASS_NAMES]
    ids = {one["id"] for one in coco["categories"]}
    coco["annotations"] = [box for box in coco["annotations"] if box["category_id"] in ids]
    shown = {box["image_id"] for box in coco["annotations"]}
    coco["images"] = [image for image in coco["images"] if image["id"] in shown]
    return coco


def detect(weights, pictures, size, *options):
    out = worker("detect", "--weights", weights, "--min-size", size, "--max-size", size, *options, *pictures)
    return [json.loads(line)["detections"] for line in out.splitlines()]


def expect_same(ours, theirs):
    """But for the labels, whose order is the project's or the checkpoint's, and the rounding that follows."""
    assert len(ours) == len(theirs), f"{len(ours)} detections, not {len(theirs)}"
    left = list(ours)
    for one in theirs:
        partner = min((other for other in left if other["class"] == one["class"]),
                      key=lambda other: max(abs(a - b) for a, b in zip(other["box"], one["box"])))
        left.remove(partner)
        moved = max(abs(a - b) for a, b in zip(partner["box"], one["box"]))
        assert moved < 1e-3 and abs(partner["score"] - one["score"]) < 1e-5, (partner, one)


def measure(weights, truth, results, size):
    worker("detect", "--weights", weights, "--min-size", size, "--max-size", size, "--coco", truth,
           "--images", DATA_SET, "--out", results)
    return json.loads(worker("eval", "--ground-truth", truth, "--detections", results, "--json"))["overall"]


def submit(deployment, recipe, *options):
    file = deployment.path("recipe.textproto")
    with open(file, "w", encoding="utf-8") as out:
        out.write(recipe)
    out = deployment.loupe("round", "submit", "--recipe", file, "--watch", *options, timeout=3600)
    print(out, flush=True)


def turn(deployment, args):
    coco = three_classes()
    known = {image["id"]: image for image in coco["images"]}
    annotations = write_part(coco, known, deployment.path("annotations.json"))
    train = [known[i] for i in split_ids("train") if i in known][:: args.every]
    test = [i for i in split_ids("test") if i in known][:: args.every]
    truth = write_part(coco, test, deployment.path("test.json"))
    only = write_lines(deployment.path("train.txt"), [image["id"] for image in train])
    labelled = write_lines(deployment.path("labelled.txt"), [image["id"] for image in fifth_of(train)])

    deployment.loupe("project", "create", "neu-det", "--classes", ",".join(PROJECT_CLASSES))
    deployment.loupe("import", "--images", DATA_SET, "--coco", annotations, "--only", f"@{only}",
                     "--labelled", f"@{labelled}", "--blind")
    deployment.loupe("model", "import", "--weights", CHECKPOINT, "--config", CONFIG, "--class-names",
                     ",".join(CLASS_NAMES), "--name", "detectron")
    detector = f'detector {{ init_model: "%s" min_size: {args.size} max_size: {args.size} }}\n'
    ranking = f"ranking {{ budget: {args.tasks} }}\n"

    submit(deployment, detector % "detectron" + "training { skip: true }\n" + ranking)
    exported = {}
    figures = {}
    pictures = [os.path.join(DATA_SET, known[i]["file_name"]) for i in test[:5]]
    for number in (1, 2):
        if number == 2:
            print(deployment.loupe("annotate", "--oracle", annotations, "--tasks", args.tasks), flush=True)
            submit(deployment, detector % "round-1" + ranking +
                   f"training {{ iterations: {args.iterations} learning_rate: 2e-4 }}\n")
        shown = deployment.json("round", "show", number)
        assert shown["state"] == "done", shown
        exported[number] = deployment.path(f"round-{number}.safetensors")
        deployment.loupe("model", "export", f"round-{number}", "--out", exported[number])
        overall = measure(exported[number], truth, deployment.path(f"results-{number}.json"), args.size)
        figures[f"round {number}"] = {"ap50": overall["ap50"], "ap": overall["ap"]}
        print(json.dumps(figures), flush=True)

    served = deployment.json("model", "show")
    assert served["preset"] == "detectron2", served
    queue = deployment.json("queue", "--limit", 5)
    assert queue["entries"] and queue["entries"][0]["reason"], queue
    original = detect(CHECKPOINT, pictures, args.size, "--config", CONFIG, "--class-names",
                      ",".join(CLASS_NAMES))
    ours = detect(exported[1], pictures, args.size)
    for left, right in zip(ours, original):
        expect_same(left, right)

    # Before anybody has labelled an image.
    deployment.loupe("project", "create", "new", "--classes", ",".join(CLASS_NAMES))
    folder = deployment.path("new")
    os.mkdir(folder)
    for picture in pictures:
        shutil.copy(picture, folder)
    deployment.loupe("import", "--images", folder, "--project", "new")
    deployment.loupe("model", "import", "--weights", exported[2], "--name", "other", "--project", "new")
    submit(deployment, detector % "other" + "training { skip: true }\n", "--project", "new")
    assert deployment.json("queue", "--limit", 1, "--project", "new")["entries"], "nothing is ranked"

    back = deployment.path("back.pth")
    worker("convert", "--from", exported[2], "--to", back)
    again = detect(back, pictures, args.size, "--config", CONFIG, "--class-names", ",".join(PROJECT_CLASSES))
    assert again == detect(exported[2], pictures, args.size), "the way out changed what it finds"
    return figures


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--keep", action="store_true", help="leave the folder for a look")
    args = parser.parse_args()
    args.every, args.iterations, args.tasks, args.size = (
        (16, 10, 10, 128) if args.quick else (1, 300, 200, 256)
    )
    with Deployment(keep=args.keep) as deployment:
        print(f"in {deployment.directory}", flush=True)
        figures = turn(deployment, args)
    gain = figures["round 2"]["ap50"] - figures["round 1"]["ap50"]
    if not args.quick and gain <= 0:
        sys.exit(f"the round that trained on is {gain:+.3f} of AP50 from the checkpoint")


if __name__ == "__main__":
    main()
