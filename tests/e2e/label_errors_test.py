#!/usr/bin/python3
"""A search for label errors: by a round with a real worker, and by `loupe-worker label-errors` on its labels.

Made-up pictures are labelled with two errors in every tenth: a box that nothing is in, and one of another
class. Both searches must put errors first, the reviews must be of those images, and not of the author's.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import json  # noqa: E402

from loupe_programs import Deployment, read_json, worker  # noqa: E402

IMAGES = 100
RECIPE = """
detector { preset: "small" min_size: 128 max_size: 160 }
training { iterations: 240 ema_decay: 0.98 }
label_errors { folds: 2 reviews: 5 }
"""
SEARCHED = 8  # proposals that are looked at


def corrupt(coco):
    """Returns the ids of images with errors."""
    boxes_of = {image["id"]: [] for image in coco["images"]}
    for box in coco["annotations"]:
        boxes_of[box["image_id"]].append(box)
    classes = sorted(category["id"] for category in coco["categories"])
    spoilt, number = set(), max(box["id"] for box in coco["annotations"])
    for image in coco["images"][::10]:
        number += 1
        coco["annotations"].append({"id": number, "image_id": image["id"], "category_id": classes[0],
                                    "bbox": [2, 2, 30, 30], "area": 900, "iscrowd": 0})
        for box in boxes_of[image["id"]][:1]:
            box["category_id"] = classes[(classes.index(box["category_id"]) + 1) % len(classes)]
        spoilt.add(image["id"])
    return spoilt


def check_file(deployment, coco_file, recipe, spoilt):
    coco = read_json(coco_file)
    out, detections = deployment.path("errors.json"), deployment.path("detections.json")
    worker("label-errors", "--coco", coco_file, "--images", deployment.path("parts", "images"),
           "--recipe", recipe, "--folds", "2", "--out", out, "--detections", detections)
    errors = read_json(out)
    boxes = {box["id"]: box for box in coco["annotations"]}
    classes = {category["id"] for category in coco["categories"]}
    odds = [error["log_odds"] for error in errors]
    assert odds == sorted(odds, reverse=True) and min(odds) > 0, odds
    for error in errors:
        assert ("annotation_id" in error) == (error["kind"] != "missing"), error
        assert ("bbox" in error) == ("category_id" in error) == (error["kind"] != "invented"), error
        if "annotation_id" in error:
            assert boxes[error["annotation_id"]]["image_id"] == error["image_id"], error
        assert error.get("category_id", min(classes)) in classes, error
    assert {one["image_id"] for one in read_json(detections)} <= {image["id"] for image in coco["images"]}
    right = sum(error["image_id"] in spoilt for error in errors[:SEARCHED])
    assert right >= SEARCHED // 2, (right, errors[:SEARCHED])
    print(f"files: {right} of the first {SEARCHED} proposals are in images with errors")


def check_round(deployment, coco_file, recipe, names):
    classes = ",".join(c["name"] for c in sorted(read_json(coco_file)["categories"], key=lambda c: c["id"]))
    deployment.loupe("project", "create", "parts", "--classes", classes)
    assert "no round has searched" in deployment.loupe("label-errors")
    deployment.loupe("import", "--images", deployment.path("parts", "images"), "--coco", coco_file,
                     "--labelled", "all")
    deployment.loupe("round", "submit", "--recipe", recipe, "--watch", timeout=1200)
    shown = deployment.json("round", "show")
    assert shown["state"] == "done", shown
    found = deployment.json("label-errors", "--limit", 200)
    errors = found["errors"]
    assert found["round"] == 1 and found["open"] == len(errors), found
    right = sum(error["file_name"] in names for error in errors[:SEARCHED])
    assert right >= SEARCHED // 2, (right, errors[:SEARCHED])
    reviewed = {error["image_id"] for error in errors if error["in_review"]}
    first = list(dict.fromkeys(error["image_id"] for error in errors))[:5]
    assert reviewed == set(first), (reviewed, first)
    text = deployment.loupe("label-errors", "--limit", 3)
    assert "round 1:" in text and text.count("in review") == 3, text
    print(f"round: {right} of the first {SEARCHED} proposals are in images with errors")


def main():
    with Deployment() as deployment:
        worker("sample", "--out", deployment.path("parts"), "--images", IMAGES, "--seed", 5)
        coco = read_json(deployment.path("parts", "annotations.json"))
        spoilt = corrupt(coco)
        names = {image["file_name"] for image in coco["images"] if image["id"] in spoilt}
        coco_file, recipe = deployment.path("labels.json"), deployment.path("recipe.textproto")
        with open(coco_file, "w", encoding="utf-8") as file:
            json.dump(coco, file)
        with open(recipe, "w", encoding="utf-8") as file:
            file.write(RECIPE)
        check_round(deployment, coco_file, recipe, names)
        check_file(deployment, coco_file, recipe, spoilt)


if __name__ == "__main__":
    main()
