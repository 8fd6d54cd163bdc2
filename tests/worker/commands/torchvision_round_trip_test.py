#!/usr/bin/python3
"""Weights between torchvision and Loupe's programs, both ways: the same detections on either side."""
import json
import os
import sys
import tempfile

import torch
import torchvision
from torchvision.models.detection import FasterRCNN, fasterrcnn_mobilenet_v3_large_320_fpn
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))
sys.path.insert(0, os.path.join(HERE, "..", "..", "golden"))
from loupe_programs import program, run, worker  # noqa: E402
import torchvision_model  # noqa: E402

CLASSES = 5
SIZES = {"min_size": 128, "max_size": 192}
SCORE_TOLERANCE = 1e-5
BOX_TOLERANCE = 0.01  # pixels


def resnet18(**options):
    backbone = resnet_fpn_backbone(backbone_name="resnet18", weights=None, trainable_layers=5)
    return FasterRCNN(backbone, CLASSES + 1, **SIZES, **options)


def mobilenet(**options):
    return fasterrcnn_mobilenet_v3_large_320_fpn(
        weights=None, weights_backbone=None, num_classes=CLASSES + 1, **SIZES, **options
    )


def same(ours, theirs):
    """Each detection has a partner of its own; ties may be in any order."""
    assert len(ours) == len(
        theirs["scores"]
    ), f"{len(ours)} detections, torchvision has {len(theirs['scores'])}"
    left = list(range(len(ours)))
    for box, label, score in zip(*(theirs[key].tolist() for key in ("boxes", "labels", "scores"))):
        def distance(i):
            return (
                max(abs(a - b) for a, b in zip(ours[i]["box"], box))
                if ours[i]["label"] == label
                else float("inf")
            )

        partner = min(left, key=distance)
        assert (
            distance(partner) <= BOX_TOLERANCE and abs(ours[partner]["score"] - score) <= SCORE_TOLERANCE
        ), f"label {label}, score {score}, box {box}: the nearest is {ours[partner]}"
        left.remove(partner)
    return len(ours)


def detect(model, path):
    model.eval()
    with torch.no_grad():
        return model([torchvision.io.read_image(path).float() / 255])[0]


def loupe_detect(weights, picture, preset, threshold):
    shown = worker(
        "detect",
        "--weights",
        weights,
        "--preset",
        preset,
        "--min-size",
        SIZES["min_size"],
        "--max-size",
        SIZES["max_size"],
        "--score-threshold",
        threshold,
        picture,
    )
    return json.loads(shown)["detections"]


def made_up(folder, build):
    """A detector, and a picture on which it finds something."""
    torch.manual_seed(6)
    model = build()
    generator = torch.Generator().manual_seed(7)
    picture = os.path.join(folder, "picture.png")
    pixels = (torchvision_model.make_image((120, 150), generator) * 255).byte()
    torchvision.io.write_png(pixels, picture)
    with torch.no_grad():
        torchvision_model.randomise(model, [pixels.float() / 255], generator)
    return model, picture


def torchvision_to_loupe(folder, preset, build):
    model, picture = made_up(folder, build)
    weights = os.path.join(folder, "torchvision.pth")
    torch.save({"model": model.state_dict(), "epoch": 1}, weights)
    count = same(loupe_detect(weights, picture, preset, 0.05), detect(model, picture))
    assert count >= 5, f"{count} detections show too little"


def every_kind_of_file(folder, preset, build):
    """Where a state dict lies in a file, how wide its numbers are, and the layout from before PyTorch 1.6."""
    model, picture = made_up(folder, build)
    weights = os.path.join(folder, "kind.pth")
    for key in (None, "state_dict", "ema"):
        torch.save({key: model.state_dict(), "epoch": 1} if key else model.state_dict(), weights)
        same(loupe_detect(weights, picture, preset, 0.05), detect(model, picture))

    torch.save(model.state_dict(), weights, _use_new_zipfile_serialization=False)
    same(loupe_detect(weights, picture, preset, 0.05), detect(model, picture))

    for dtype in (torch.float16, torch.bfloat16):
        narrow = {name: value.to(dtype) if value.is_floating_point() else value
                  for name, value in model.state_dict().items()}
        torch.save(narrow, weights)
        widened = build()
        widened.load_state_dict(narrow)
        count = same(loupe_detect(weights, picture, preset, 0.05), detect(widened, picture))
        assert count >= 5, f"{count} detections show too little"


def partial_weights_are_reported(folder, build):
    """Another number of classes, a tensor too few and one too many."""
    state = build().state_dict()
    names = [name for name in state if not name.endswith("num_batches_tracked")]
    heads = [name for name in names if name.startswith("roi_heads.box_predictor.")]
    for name in heads:
        state[name] = torch.cat([state[name], state[name]])
    del state["rpn.head.bbox_pred.bias"]
    state["roi_heads.mask_head.bias"] = torch.zeros(3)
    weights = os.path.join(folder, "partial.pth")
    torch.save(state, weights)
    parts = os.path.join(folder, "parts")
    shown = run(
        program("loupe-worker"),
        "train",
        "--coco",
        os.path.join(parts, "annotations.json"),
        "--images",
        os.path.join(parts, "images"),
        "--recipe",
        os.path.join(folder, "recipe.textproto"),
        "--init",
        weights,
        "--out",
        os.path.join(folder, "partial"),
    ).stderr
    taken = len(names) - len(heads) - 1
    expected = (
        f"initial weights: {taken} tensors taken, 1 missing (rpn.head.bbox_pred.bias), "
        "1 unexpected (roi_heads.mask_head.bias), "
        "4 of another shape (roi_heads.box_predictor.bbox_pred.bias: "
    )
    assert expected in shown, f"{expected}\nis not in\n{shown}"


def loupe_to_torchvision(folder, preset, build):
    parts = os.path.join(folder, "parts")
    worker("sample", "--out", parts, "--images", 6, "--seed", 3)
    recipe = os.path.join(folder, "recipe.textproto")
    with open(recipe, "w", encoding="utf-8") as file:
        file.write(f'detector {{ preset: "{preset}" min_size: 128 max_size: 192 }} '
                   "training { iterations: 4 batch_size: 2 learning_rate: 1e-5 } seed: 2")
    worker(
        "train",
        "--coco",
        os.path.join(parts, "annotations.json"),
        "--images",
        os.path.join(parts, "images"),
        "--recipe",
        recipe,
        "--init",
        os.path.join(folder, "torchvision.pth"),
        "--out",
        folder,
    )
    ours, weights = os.path.join(folder, "model.safetensors"), os.path.join(folder, "converted.pth")
    worker("convert", "--from", ours, "--to", weights)
    model = build(box_score_thresh=0.01)
    model.load_state_dict(torch.load(weights), strict=True)
    picture = os.path.join(parts, "images", sorted(os.listdir(os.path.join(parts, "images")))[0])
    count = same(loupe_detect(ours, picture, preset, 0.01), detect(model, picture))
    assert count >= 5, f"{count} detections show too little"
    back = os.path.join(folder, "back.safetensors")
    worker("convert", "--from", weights, "--preset", preset, "--class-names", "a,b,c,d,e", "--to", back)
    same(loupe_detect(back, picture, preset, 0.01), detect(model, picture))


def main():
    for preset, build in (("resnet18-fpn", resnet18), ("mobilenet-v3-large-320-fpn", mobilenet)):
        with tempfile.TemporaryDirectory(prefix="loupe-") as folder:
            torchvision_to_loupe(folder, preset, build)
            loupe_to_torchvision(folder, preset, build)
            partial_weights_are_reported(folder, build)
        print(f"{preset}: the same detections both ways", flush=True)
    with tempfile.TemporaryDirectory(prefix="loupe-") as folder:
        every_kind_of_file(folder, "mobilenet-v3-large-320-fpn", mobilenet)
    print("every kind of file: the same detections")


if __name__ == "__main__":
    main()
