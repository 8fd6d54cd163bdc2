"""COCO's numbers of 5,000 made-up images with 100 detections each by `loupe-worker eval`: seconds and peak
memory.

The reference is Python's own JSON reader on the same two files, in the same run: the least that pycocotools
would pay. Aims: below 10 seconds and 1 GB.
"""
import argparse
import json
import os
import random
import resource
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from loupe_programs import read_json, worker  # noqa: E402

IMAGES, DETECTIONS, TRUTHS, CATEGORIES = 5_000, 100, 7, 80
SIDE = 640
AIM_SECONDS, AIM_MEGABYTES = 10, 1000


def box(draw):
    width, height = draw.uniform(5, 300), draw.uniform(5, 300)
    return [draw.uniform(0, SIDE - width), draw.uniform(0, SIDE - height), width, height]


def make_files(folder, images):
    """Ground truth, and detections of which a few are near a true box."""
    draw = random.Random(1)
    truths, detections = [], []
    for image in range(1, images + 1):
        own = [{"id": len(truths) + number + 1, "image_id": image, "category_id": draw.randint(1, CATEGORIES),
                "bbox": box(draw), "iscrowd": 0} for number in range(TRUTHS)]
        for truth in own:
            truth["area"] = truth["bbox"][2] * truth["bbox"][3]
        truths += own
        found = [
            (truth["category_id"], [max(1, side + draw.gauss(0, 4)) for side in truth["bbox"]])
            for truth in own
        ]
        found += [(draw.randint(1, CATEGORIES), box(draw)) for _ in range(DETECTIONS - TRUTHS)]
        detections += [{"image_id": image, "category_id": category, "bbox": sides, "score": draw.random()}
                       for category, sides in found]
    coco = {"images": [{"id": image, "file_name": f"{image}.jpg", "width": SIDE, "height": SIDE}
                       for image in range(1, images + 1)],
            "categories": [{"id": number, "name": f"class {number}"} for number in range(1, CATEGORIES + 1)],
            "annotations": truths}
    files = os.path.join(folder, "truth.json"), os.path.join(folder, "detections.json")
    for file, content in zip(files, (coco, detections)):
        with open(file, "w", encoding="utf-8") as out:
            json.dump(content, out)
    return files


def seconds_of(action):
    started = time.monotonic()
    action()
    return time.monotonic() - started


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="500 images")
    images = 500 if parser.parse_args().quick else IMAGES
    with tempfile.TemporaryDirectory(prefix="loupe-") as folder:
        truth, detections = make_files(folder, images)
        seconds = seconds_of(lambda: worker("eval", "--ground-truth", truth, "--detections", detections))
        megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        reading = seconds_of(lambda: (read_json(truth), read_json(detections)))
    figures = {
        "benchmark": "eval",
        "images": images,
        "detections": images * DETECTIONS,
        "seconds": round(seconds, 2),
        "aim_seconds": AIM_SECONDS,
        "peak_mb": round(megabytes),
        "aim_mb": AIM_MEGABYTES,
        "json_reading_seconds": round(reading, 2),
        "ratio_to_json_reading": round(reading / seconds, 2),
    }
    for name, value in figures.items():
        print(f"{name:24}{value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
