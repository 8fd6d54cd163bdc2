"""What deploy/quickstart.sh reads from files and prints: class names, the images to label, the table at the
end.

    classes ANNOTATIONS            the class names of a COCO file, with commas between
    labelled IMAGES SHARE          from `loupe image list --json`: file names of the holdout
                                   and of SHARE of the pool
    table DIR SECONDS              the table of the turn
"""

import json
import sys


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def classes(annotations):
    print(",".join(c["name"] for c in sorted(read(annotations)["categories"], key=lambda c: c["id"])))


def labelled(images, share):
    """The pool's share is the first in the order of sampling_key: a uniform draw that repeats itself."""
    images = read(images)["images"]
    pool = sorted((i for i in images if i["side"] == "pool"), key=lambda i: i["sampling_key"])
    holdout = [i for i in images if i["side"] == "holdout"]
    for image in holdout + pool[: round(share * len(pool))]:
        print(image["file_name"])


def table(directory, seconds):
    rounds = {r["number"]: r for r in read(f"{directory}/rounds.json")["rounds"]}
    status = read(f"{directory}/status.json")
    annotated = read(f"{directory}/annotated.json")
    first, second = rounds[1], rounds[2]
    gate = second["gate"]

    print(f"{'':30}{'round 1':>12}{'round 2':>12}")
    judged, judged_again = first["evaluation"], second["evaluation"]
    images, more_images = int(first["snapshot_images"]), int(second["snapshot_images"])
    print(f"{'images labelled, trained on':30}{images:>12}{more_images:>12}")
    print(f"{'boxes trained on':30}{int(first['snapshot_boxes']):>12}{int(second['snapshot_boxes']):>12}")
    print(f"{'holdout images':30}{int(judged['images']):>12}{int(judged_again['images']):>12}")
    print(f"{'AP50 on the holdout':30}{judged['ap50']:>12.3f}{judged_again['ap50']:>12.3f}")
    steps = {s["step"] for r in (first, second) for s in r["steps"]}
    for step in ("waiting", "training", "evaluating", "predicting", "ranking"):
        if step in steps:
            row = [
                next((s["seconds"] for s in r["steps"] if s["step"] == step), 0.0) for r in (first, second)
            ]
            print(f"{'seconds ' + step:30}{row[0]:>12.1f}{row[1]:>12.1f}")
    print(f"\ngain in AP50 on the same {int(gate['images'])} holdout images: {gate['difference']:+.3f}"
          f"  (paired 90 % interval {gate['difference_low']:+.3f} to {gate['difference_high']:+.3f})")
    print(f"tasks answered: {annotated['tasks']}; boxes accepted {annotated['accepted']}, adjusted"
          f" {annotated['adjusted']}, relabelled {annotated['relabelled']}, drawn {annotated['drawn']},"
          f" removed {annotated['removed']}")
    print(f"labelled in all: {int(status['pool_labelled'])} of {int(status['pool_images'])} in the pool,"
          f" {int(status['holdout_labelled'])} of {int(status['holdout_images'])} in the holdout")
    print(f"the whole turn: {seconds} s")


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    if command == "classes":
        classes(arguments[0])
    elif command == "labelled":
        labelled(arguments[0], float(arguments[1]))
    elif command == "table":
        table(arguments[0], arguments[1])
    else:
        sys.exit(__doc__)
