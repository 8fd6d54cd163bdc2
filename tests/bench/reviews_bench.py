"""What reviews of likely label errors win back of what careless reviewers lose.

A model learns a fifth of the images by their true labels, and detects in the others. Simulated reviewers
answer these: a right box (IoU of at least 0.5 with a true one of its class) they keep; a wrong one they
accept with probability p, and else put in its place or remove it; a thing without a box they overlook with
probability p. The labels' AP50 against the truth is below 1 by what they lose. Then `loupe-worker
label-errors` searches all labels with three folds, and in a fifth of the answered images, those with the
likeliest errors, the truth takes the labels' place, as if a careful person had reviewed them. Reported is
which share of the loss this wins back, against a fifth drawn at random (mean of 20 draws).

Twice: where one person with p = 0.5 answers everything; and where four with p = 0, 0.1, 0.3 and 0.5 answer a
quarter each, and those images are reviewed that the last answered, whom the alarms find
(tests/bench/run.sh reviewers). There `won back` is of what the last person lost.
"""
import argparse
import collections
import json
import os
import random
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from loupe_programs import SOURCE, program, read_json, worker  # noqa: E402
from neu_det_data import ANNOTATIONS, DATA_SET, WEIGHTS, write_part  # noqa: E402

SHOWN = 0.3  # least score of a box that is shown
FIFTH = 0.2
DRAWS = 20
CARELESS = (0, 0.1, 0.3, 0.5)
RECIPE = """detector {{ preset: "small" min_size: {size} max_size: {size} }}
training {{
  iterations: {iterations} schedule: COSINE weight_decay: 0.05 ema_decay: 0.998
  scale_min: 0.8 scale_max: 1.3 colour_jitter: 0.2
}}
"""


def iou(one, other):
    """Of boxes x, y, width, height."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (one[2] * one[3] + other[2] * other[3] - width * height)


def answer(truth, shown, careless, draws):
    """The labels [(class, bbox)] of a reviewer. truth: as the labels; shown: [(class, bbox)], the surest
    first."""
    labels, left = [], list(truth)

    def nearest(bbox, least, of_class=None):
        near = [(iou(bbox, box), (label, box)) for label, box in left if of_class in (None, label)]
        overlap, thing = max(near, default=(0, None), key=lambda one: one[0])
        return thing if overlap >= least else None

    for label, bbox in shown:
        if thing := nearest(bbox, 0.5, label):
            labels.append((label, bbox))
            left.remove(thing)
            continue
        thing = nearest(bbox, 0.1)
        if draws.random() < careless:
            labels.append((label, bbox))
        elif thing:
            labels.append(thing)
        if thing:
            left.remove(thing)
    return labels + [thing for thing in left if draws.random() >= careless]


class Bench:
    def __init__(self, name, folder, truth, images, init, size, iterations, quick):
        self.name, self.folder, self.truth, self.images = name, folder, truth, images
        os.makedirs(folder, exist_ok=True)
        self.options = ["--images", images, *(["--init", init] if init else [])]
        self.recipe = self.path("recipe.textproto")
        with open(self.recipe, "w", encoding="utf-8") as file:
            file.write(RECIPE.format(size=size, iterations=20 if quick else iterations))
        self.true_boxes = collections.defaultdict(list)
        for box in truth["annotations"]:
            self.true_boxes[box["image_id"]].append((box["category_id"], box["bbox"]))
        ids = sorted(image["id"] for image in truth["images"])
        random.Random(1).shuffle(ids)
        self.known, self.answered = ids[:len(ids) // 5], ids[len(ids) // 5:]
        self.shown = self.predict()

    def path(self, name):
        return os.path.join(self.folder, name)

    def predict(self):
        """What a model detects that learned a fifth of the images. {image: [(class, bbox)]}"""
        detections = self.path("shown.json")
        if not os.path.exists(detections):
            known = write_part(self.truth, self.known, self.path("known.json"))
            others = write_part(self.truth, self.answered, self.path("others.json"))
            subprocess.run([program("loupe-worker"), "train", "--coco", known, "--recipe", self.recipe,
                            "--seed", "1", "--out", self.path("model"), *self.options], check=True)
            weights = os.path.join(self.path("model"), "model.safetensors")
            worker("detect", "--weights", weights, "--coco", others, "--images", self.images,
                   "--score-threshold", SHOWN, "--out", detections, timeout=3600)
        shown = collections.defaultdict(list)
        for one in sorted(read_json(detections), key=lambda one: -one["score"]):
            shown[one["image_id"]].append((one["category_id"], one["bbox"]))
        return shown

    def search(self, name, labels):
        """The images in the order of their likeliest errors."""
        found = self.path(f"{name}-errors.json")
        if not os.path.exists(found):
            coco = dict(self.truth)
            coco["annotations"] = [
                {"id": number, "image_id": image, "category_id": label, "bbox": bbox, "iscrowd": 0,
                 "area": bbox[2] * bbox[3]}
                for number, (image, label, bbox) in enumerate(
                    ((image, *one) for image, ones in labels.items() for one in ones), start=1)]
            coco_file = self.path(f"{name}-labels.json")
            with open(coco_file, "w", encoding="utf-8") as file:
                json.dump(coco, file)
            subprocess.run([program("loupe-worker"), "label-errors", "--coco", coco_file, "--recipe",
                            self.recipe, "--seed", "1", "--folds", "3", "--out", found, *self.options],
                           check=True)
        return list(dict.fromkeys(error["image_id"] for error in read_json(found)))

    def ap50(self, labels, images):
        """Of the labels of these images, as if they were detections."""
        truth = write_part(self.truth, images, self.path("eval-truth.json"))
        with open(self.path("eval-labels.json"), "w", encoding="utf-8") as file:
            json.dump([{"image_id": image, "category_id": label, "bbox": bbox, "score": 1}
                       for image in images for label, bbox in labels[image]], file)
        return json.loads(worker("eval", "--json", "--ground-truth", truth, "--detections",
                                 self.path("eval-labels.json")))["overall"]["ap50"]

    def won_back(self, labels, images, reviewed):
        """The share of what the labels of `images` lost."""
        before = self.ap50(labels, images)
        mended = {image: self.true_boxes[image] for image in reviewed}
        after = self.ap50({**labels, **mended}, images)
        return before, (after - before) / (1 - before)

    def measure(self, scenario, careless_of):
        """careless_of: the p of each answered image. Those with the largest one are reviewed."""
        draws = random.Random(2)
        labels = collections.defaultdict(list, {image: self.true_boxes[image] for image in self.known})
        for image in self.answered:
            labels[image] = answer(self.true_boxes[image], self.shown[image], careless_of[image], draws)
        worst = max(careless_of.values())
        images = [image for image in self.answered if careless_of[image] == worst]
        budget = round(FIFTH * len(self.answered))
        ranked = [image for image in self.search(scenario, labels) if careless_of.get(image) == worst]
        before, ours = self.won_back(labels, images, ranked[:budget])
        by_chance = [self.won_back(labels, images, random.Random(seed).sample(self.answered, budget))[1]
                     for seed in range(DRAWS)]
        row = {"ap50": before, "reviewed": min(budget, len(ranked)), "of": len(images), "search": ours,
               "random": statistics.mean(by_chance)}
        print(f"{self.name:9}{scenario:13}{before:8.3f}{row['reviewed']:6} of{row['of']:5}{ours:10.0%}"
              f"{row['random']:9.0%}", flush=True)
        return row

    def run(self):
        mixed = {image: CARELESS[place % len(CARELESS)] for place, image in enumerate(self.answered)}
        return {"one person": self.measure("one person", {image: CARELESS[-1] for image in self.answered}),
                "four people": self.measure("four people", mixed)}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true",
                        help="made-up parts, 20 iterations: no figure to quote")
    parser.add_argument("--set", choices=("parts", "neu-det"), help="one of the two sets; default: both")
    parser.add_argument("--out", help="folder for the files; default: under build/")
    args = parser.parse_args()
    folder = args.out or os.path.join(SOURCE, "build", "reviews" + "_quick" * args.quick)
    figures = {"benchmark": "reviews", "quick": args.quick}
    benches = []
    if args.set != "neu-det" or args.quick:
        parts = os.path.join(folder, "sample")
        if not os.path.exists(parts):
            worker("sample", "--out", parts, "--images", 60 if args.quick else 600, "--seed", 1)
        benches.append(("parts", read_json(os.path.join(parts, "annotations.json")),
                        os.path.join(parts, "images"), None, 128, 600))
    if args.set != "parts" and not args.quick:
        benches.append(("neu-det", read_json(ANNOTATIONS), DATA_SET, WEIGHTS, 224, 1200))
    print(f"{'':9}{'':13}{'AP50':>8}{'reviewed':>14}{'won back':>10}{'random':>9}", flush=True)
    for name, truth, images, init, size, iterations in benches:
        bench = Bench(name, os.path.join(folder, name), truth, images, init, size, iterations, args.quick)
        figures[name] = bench.run()
    print("aim: 80 % won back, and twice what random wins back")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
