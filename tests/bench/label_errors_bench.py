"""Whether errors in labels are found: NEU-DET with 5 % of its boxes corrupted in four ways.

As many boxes are moved (IoU with the true one from 0.2 to 0.5), given another class, deleted and invented.
Then `loupe-worker label-errors` searches the file, with three folds. A proposal is right if it names the
corrupted box, or a deleted one (a missing box with an IoU of at least 0.5 with it). The set's own errors
count as wrong proposals. The reference ranks by confidence what the same models detect in the images that
they never saw: a label by one less the best score of its class on it (IoU of at least 0.5), a detection on
which no label lies by its score. The interval is that of the paired bootstrap over images.
"""
import argparse
import collections
import json
import os
import random
import subprocess
import sys

import numpy

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from loupe_programs import SOURCE, program, read_json  # noqa: E402
from neu_det_data import ANNOTATIONS, DATA_SET, WEIGHTS  # noqa: E402

SHARE = 0.05
KINDS = ("missing", "moved", "wrong_class", "invented")
RECIPE = """detector { preset: "small" min_size: 224 max_size: 224 }
training {
  iterations: %d schedule: COSINE weight_decay: 0.05 ema_decay: 0.998
  scale_min: 0.8 scale_max: 1.3 colour_jitter: 0.2
}
"""
ITERATIONS = 1200
SAMPLES = 2000
FIGURES = ("precision in the first 50", "precision in the first 200", "average precision")


def iou(one, other):
    """Of boxes x, y, width, height."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (one[2] * one[3] + other[2] * other[3] - width * height)


class Corruption:
    """Changes boxes of a COCO file. `errors`: what was done, as {kind, image_id, bbox of the deleted box or
    annotation_id of the wrong one}."""

    def __init__(self, coco, seed):
        self.random = random.Random(seed)
        self.images = {image["id"]: image for image in coco["images"]}
        self.classes = [category["id"] for category in coco["categories"]]
        self.boxes = coco["annotations"]
        self.errors = []
        chosen = self.random.sample(range(len(self.boxes)), round(SHARE * len(self.boxes)))
        deleted = set()
        for turn, place in enumerate(chosen):
            getattr(self, KINDS[turn % len(KINDS)])(self.boxes[place], deleted)
        coco["annotations"] = [box for box in self.boxes if box["id"] not in deleted]

    def set_box(self, box, corners):
        box["bbox"] = [round(side) for side in corners]
        box["area"] = box["bbox"][2] * box["bbox"][3]

    def missing(self, box, deleted):
        deleted.add(box["id"])
        self.errors.append({"kind": "missing", "image_id": box["image_id"], "bbox": box["bbox"]})

    def moved(self, box, _):
        image, (x, y, width, height) = self.images[box["image_id"]], box["bbox"]
        while True:
            left = max(0, x + self.random.uniform(-0.6, 0.6) * width)
            top = max(0, y + self.random.uniform(-0.6, 0.6) * height)
            right = min(image["width"], left + self.random.uniform(0.6, 1.6) * width)
            bottom = min(image["height"], top + self.random.uniform(0.6, 1.6) * height)
            moved = [round(left), round(top), round(right - left), round(bottom - top)]
            if min(moved[2:]) >= 5 and 0.2 < iou(moved, box["bbox"]) < 0.5:
                break
        self.errors.append({"kind": "moved", "image_id": box["image_id"], "annotation_id": box["id"],
                            "bbox": box["bbox"]})
        self.set_box(box, moved)

    def wrong_class(self, box, _):
        others = [label for label in self.classes if label != box["category_id"]]
        box["category_id"] = self.random.choice(others)
        self.errors.append({"kind": "wrong_class", "image_id": box["image_id"], "annotation_id": box["id"]})

    def invented(self, box, _):
        """Of the size of some box; every second of a class that the image has."""
        image = self.images[box["image_id"]]
        others = [other["bbox"] for other in self.boxes if other["image_id"] == box["image_id"]]
        while True:
            width, height = self.random.choice(self.boxes)["bbox"][2:]
            if width < image["width"] and height < image["height"]:
                x = self.random.uniform(0, image["width"] - width)
                y = self.random.uniform(0, image["height"] - height)
                if all(iou([x, y, width, height], other) < 0.2 for other in others):
                    break
        own = self.random.random() < 0.5
        added = {"id": max(other["id"] for other in self.boxes) + 1, "image_id": box["image_id"],
                 "iscrowd": 0, "category_id": box["category_id"] if own else self.random.choice(self.classes)}
        self.set_box(added, [x, y, width, height])
        self.boxes.append(added)
        self.errors.append({"kind": "invented", "image_id": box["image_id"], "annotation_id": added["id"]})


def by_confidence(coco, detections):
    """The reference's proposals."""
    detected = collections.defaultdict(list)
    for one in detections:
        detected[one["image_id"]].append(one)
    labels = collections.defaultdict(list)
    for box in coco["annotations"]:
        labels[box["image_id"]].append(box)
    proposals = []
    for image, ones in detected.items():
        for one in ones:
            if all(iou(one["bbox"], box["bbox"]) < 0.5 for box in labels[image]):
                proposals.append({"image_id": image, "kind": "missing", "bbox": one["bbox"],
                                  "log_odds": one["score"]})
    for image, boxes in labels.items():
        for box in boxes:
            best = max((one["score"] for one in detected[image] if one["category_id"] == box["category_id"]
                        and iou(one["bbox"], box["bbox"]) >= 0.5), default=0)
            proposals.append({"image_id": image, "kind": "label", "annotation_id": box["id"],
                              "log_odds": 1 - best})
    return sorted(proposals, key=lambda one: -one["log_odds"])


def mark_right(proposals, errors):
    """Says of each proposal which error it finds, if it is the first to. Returns [proposals], -1: none."""
    wrong = {error["annotation_id"]: place for place, error in enumerate(errors) if "annotation_id" in error}
    places = collections.defaultdict(list)
    for place, error in enumerate(errors):
        if "bbox" in error:
            places[error["image_id"]].append(place)
    found, marks = set(), []
    for proposal in proposals:
        place = wrong.get(proposal.get("annotation_id"), -1)
        if "annotation_id" not in proposal:
            near = [(iou(errors[at]["bbox"], proposal["bbox"]), at) for at in places[proposal["image_id"]]]
            overlap, at = max(near, default=(0, -1))
            place = at if overlap >= 0.5 else -1
        if place in found:
            place = -1
        found.add(place)
        marks.append(place)
    return numpy.array(marks)


def average_precision(right, errors):
    """Area below precision by recall."""
    precision = numpy.cumsum(right) / numpy.arange(1, len(right) + 1)
    return float(precision[right].sum() / errors)


def paired_intervals(ours, theirs, images, errors):
    """95 % intervals of our figures less the reference's. ours, theirs: (image of each proposal, whether it
    is right)."""
    draws = numpy.random.default_rng(1)
    number = {image: place for place, image in enumerate(images)}
    sides = [(numpy.array([number[image] for image in of_image]), right)
             for of_image, right in (ours, theirs)]
    error_images = numpy.array([number[error["image_id"]] for error in errors])
    differences = collections.defaultdict(list)
    for _ in range(SAMPLES):
        times = numpy.bincount(draws.integers(0, len(images), len(images)), minlength=len(images))
        values = []
        for of_image, right in sides:
            drawn = numpy.repeat(right, times[of_image])
            values.append((drawn[:50].mean(), drawn[:200].mean(),
                           average_precision(drawn, times[error_images].sum())))
        for name, one, other in zip(FIGURES, *values):
            differences[name].append(one - other)
    return {name: numpy.quantile(values, (0.025, 0.975)).tolist() for name, values in differences.items()}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="40 iterations: no figure to quote")
    parser.add_argument("--seed", type=int, default=1, help="of the corruption and of the trainings")
    parser.add_argument("--out", help="folder for the files; default: under build/")
    args = parser.parse_args()
    folder = args.out or os.path.join(SOURCE, "build", f"label_errors_{args.seed}{'_quick' * args.quick}")
    os.makedirs(folder, exist_ok=True)
    path = lambda name: os.path.join(folder, name)  # noqa: E731
    coco = read_json(ANNOTATIONS)
    errors = Corruption(coco, args.seed).errors
    for name, content in (("labels.json", json.dumps(coco)), ("planted.json", json.dumps(errors, indent=1)),
                          ("recipe.textproto", RECIPE % (40 if args.quick else ITERATIONS))):
        with open(path(name), "w", encoding="utf-8") as file:
            file.write(content)
    if not os.path.exists(path("errors.json")):
        subprocess.run([program("loupe-worker"), "label-errors", "--coco", path("labels.json"),
                        "--images", DATA_SET, "--recipe", path("recipe.textproto"), "--init", WEIGHTS,
                        "--seed", str(args.seed), "--out", path("errors.json"),
                        "--detections", path("detections.json")], check=True)
    ours, theirs = read_json(path("errors.json")), by_confidence(coco, read_json(path("detections.json")))
    marks = {"Loupe": mark_right(ours, errors), "by confidence": mark_right(theirs, errors)}
    figures = {"benchmark": "label_errors", "quick": args.quick, "seed": args.seed, "errors": len(errors)}
    print(f"{len(errors)} errors among {len(coco['annotations'])} boxes; {len(ours)} proposals")
    print(f"{'':14}{'first 50':>10}{'first 200':>11}{'average precision':>19}")
    for name, mark in marks.items():
        right = mark >= 0
        row = [float(right[:50].mean()), float(right[:200].mean()), average_precision(right, len(errors))]
        figures[name] = dict(zip(FIGURES, row))
        print(f"{name:14}{row[0]:10.1%}{row[1]:11.1%}{row[2]:19.3f}")
    print(f"{'aim':14}{0.6:10.0%}{0.3:11.0%}")
    images = [image["id"] for image in coco["images"]]
    sides = [([one["image_id"] for one in proposals], mark >= 0)
             for proposals, mark in zip((ours, theirs), marks.values())]
    figures["difference_95"] = paired_intervals(*sides, images, errors)
    for name, (low, high) in figures["difference_95"].items():
        print(f"{name}, Loupe less by confidence: 95 % interval {low:+.3f} to {high:+.3f}")
    print(f"{'found':14}{'first 50':>10}{'first 200':>11}{'all':>6}{'of':>5}")
    for kind in KINDS:
        of_kind = numpy.array([place >= 0 and errors[place]["kind"] == kind for place in marks["Loupe"]])
        count = sum(error["kind"] == kind for error in errors)
        row = [int(of_kind[:50].sum()), int(of_kind[:200].sum()), int(of_kind.sum()), count]
        figures[kind] = row
        print(f"{kind:14}{row[0]:10}{row[1]:11}{row[2]:6}{row[3]:5}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
