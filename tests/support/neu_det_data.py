"""NEU-DET and the ImageNet weights as the tests use them, from LOUPE_DATA (default ../shared)."""
import json
import os
import tempfile

from loupe_programs import DATA, read_json

DATA_SET = os.path.join(DATA, "data", "neu-det")
ANNOTATIONS = os.path.join(DATA_SET, "annotations.json")
WEIGHTS = os.path.join(DATA, "weights", "resnet18_c4_imagenet_bnfolded.safetensors")


def split_ids(split):
    """Ids of the images of `train`, `val` or `test`."""
    return read_json(os.path.join(DATA_SET, "splits.json"))[split]


def fifth_of(images, start=0):
    """Every fifth in the order of names: NEU-DET numbers its pictures by class, so each class has its
    share."""
    return sorted(images, key=lambda image: image["file_name"])[start % 5::5]


def write_part(coco, ids, path):
    """The COCO file of some images only. Whoever reads it meanwhile finds it whole."""
    keep = set(ids)
    part = dict(coco)
    part["images"] = [image for image in coco["images"] if image["id"] in keep]
    part["annotations"] = [box for box in coco["annotations"] if box["image_id"] in keep]
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=os.path.dirname(path), delete=False) as file:
        json.dump(part, file)
    os.replace(file.name, path)
    return path
