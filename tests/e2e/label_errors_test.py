#!/usr/bin/python3
"""A search for label errors: by a round with a real worker, and by `loupe-worker label-errors` on its labels.

The trainings are short, so the test doesn't ask how good the proposals are (tests/bench/label_errors_bench.py
does), but that each is one of the label that it names: of another class in its place, of its class beside it,
or where no label is; and that the images with the likeliest are given to reviewers.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from loupe_programs import Deployment, read_json, worker  # noqa: E402

IMAGES = 60
RECIPE = """
detector { preset: "small" min_size: 96 max_size: 128 }
training { iterations: 80 }
label_errors { folds: 2 reviews: 5 }
"""


def iou(one, other):
    """Of boxes x1, y1, x2, y2."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    area = lambda box: (box[2] - box[0]) * (box[3] - box[1])  # noqa: E731
    return width * height / (area(one) + area(other) - width * height)


def check(error, labels):
    """error: {kind, wrong, proposed}, each box with its class. labels: those of its image."""
    kind, wrong, proposed = error["kind"], error.get("wrong"), error.get("proposed")
    assert (wrong is None) == (kind == "missing") and (proposed is None) == (kind == "invented"), error
    assert wrong is None or wrong in labels, (error, labels)
    if kind == "moved":
        assert proposed[1] == wrong[1] and 0.1 <= iou(proposed[0], wrong[0]), error
        assert all(iou(proposed[0], box) < 0.51 for box, _ in labels), (error, labels)
    if kind == "wrong_class":
        assert proposed[1] != wrong[1] and iou(proposed[0], wrong[0]) > 0.99, error
    if kind == "missing":
        assert all(iou(proposed[0], box) < 0.11 for box, _ in labels), (error, labels)


def corners(bbox):
    x, y, width, height = bbox
    return [x, y, x + width, y + height]


def labels_of(coco, image):
    return [(corners(box["bbox"]), box["category_id"]) for box in coco["annotations"]
            if box["image_id"] == image]


def check_file(deployment, coco_file, recipe):
    coco = read_json(coco_file)
    out, detections = deployment.path("errors.json"), deployment.path("detections.json")
    worker("label-errors", "--coco", coco_file, "--images", deployment.path("parts", "images"),
           "--recipe", recipe, "--folds", "2", "--out", out, "--detections", detections)
    errors = read_json(out)
    boxes = {box["id"]: box for box in coco["annotations"]}
    odds = [error["log_odds"] for error in errors]
    assert errors and odds == sorted(odds, reverse=True) and min(odds) > 0, odds
    for error in errors:
        named = {"kind": error["kind"]}
        if "annotation_id" in error:
            box = boxes[error["annotation_id"]]
            assert box["image_id"] == error["image_id"], error
            named["wrong"] = (corners(box["bbox"]), box["category_id"])
        if "bbox" in error:
            named["proposed"] = (corners(error["bbox"]), error["category_id"])
        check(named, labels_of(coco, error["image_id"]))
    detected = {one["image_id"] for one in read_json(detections)}
    assert detected and detected <= {image["id"] for image in coco["images"]}
    print(f"files: {len(errors)} proposals")


def check_round(deployment, coco_file, recipe):
    coco = read_json(coco_file)
    names = {category["id"]: category["name"] for category in coco["categories"]}
    by_name = {image["file_name"]: image["id"] for image in coco["images"]}
    deployment.loupe("project", "create", "parts", "--classes", ",".join(names[i] for i in sorted(names)),
                     "--holdout-fraction", 0)
    assert "no round has searched" in deployment.loupe("label-errors")
    deployment.loupe("import", "--images", deployment.path("parts", "images"), "--coco", coco_file,
                     "--labelled", "all")
    deployment.loupe("round", "submit", "--recipe", recipe, "--watch", timeout=1200)
    shown = deployment.json("round", "show")
    assert shown["state"] == "done", shown
    found = deployment.json("label-errors", "--limit", 1000)
    errors = found["errors"]
    assert errors and found["round"] == 1 and found["open"] == len(errors), found
    for error in errors:
        labels = [([round(side, 3) for side in box], names[label])
                  for box, label in labels_of(coco, by_name[error["file_name"]])]
        named = {key: ([round(side, 3) for side in error[key]["box"]], error[key]["class"])
                 for key in ("wrong", "proposed") if key in error}
        check({"kind": error["kind"], **named}, labels)
    reviewed = {error["image_id"] for error in errors if error["in_review"]}
    assert reviewed == set(list(dict.fromkeys(error["image_id"] for error in errors))[:5]), errors
    text = deployment.loupe("label-errors", "--limit", 3)
    assert "round 1:" in text and text.count("in review") == 3, text
    print(f"round: {len(errors)} proposals")


def main():
    with Deployment() as deployment:
        worker("sample", "--out", deployment.path("parts"), "--images", IMAGES, "--seed", 5)
        coco_file = deployment.path("parts", "annotations.json")
        recipe = deployment.path("recipe.textproto")
        with open(recipe, "w", encoding="utf-8") as file:
            file.write(RECIPE)
        check_round(deployment, coco_file, recipe)
        check_file(deployment, coco_file, recipe)


if __name__ == "__main__":
    main()
