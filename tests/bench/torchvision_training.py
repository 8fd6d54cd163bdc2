"""torchvision's side of neu_det_training_bench.py: trains a detector by a recipe and writes what it finds.

    torchvision_training.py CASE.json RESULTS.json

CASE: the detector as torchvision_model.py reads it; `seed`, `images` (folder), `train` and `test` (COCO
files), `weights` (a backbone with its batch norm folded), and `recipe`, whose fields are those of Loupe's. An
ordinary torchvision training: its transform, losses and samplers, batch norm frozen, on as many threads as
there are cores.
"""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))
import torch  # noqa: E402
import torchvision  # noqa: E402

import torchvision_model  # noqa: E402
import torchvision_recipe  # noqa: E402
import torchvision_safetensors  # noqa: E402

SCORE_THRESHOLD = 0.01  # as `loupe-worker detect --coco`


class Images(torch.utils.data.Dataset):
    def __init__(self, folder, coco):
        self.folder, self.images = folder, coco["images"]
        self.labels = {category["id"]: number + 1 for number, category in
                       enumerate(sorted(coco["categories"], key=lambda category: category["id"]))}
        self.boxes = {image["id"]: [] for image in self.images}
        for box in coco["annotations"]:
            self.boxes[box["image_id"]].append(box)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index]
        path = os.path.join(self.folder, image["file_name"])
        pixels = torchvision.io.read_image(path, torchvision.io.ImageReadMode.RGB).float() / 255
        boxes = torch.tensor([box["bbox"] for box in self.boxes[image["id"]]], dtype=torch.float32).reshape(
            -1, 4
        )
        boxes[:, 2:] += boxes[:, :2]
        labels = [self.labels[box["category_id"]] for box in self.boxes[image["id"]]]
        return pixels, {"boxes": boxes, "labels": torch.tensor(labels, dtype=torch.int64)}


class EndlessEpochs(torch.utils.data.Sampler):
    """Each epoch in an order of its own, one after the other, so that every batch is whole."""

    def __init__(self, data):
        self.data = data

    def __iter__(self):
        while True:
            yield from torch.randperm(len(self.data)).tolist()


def flip(image, target, recipe):
    boxes = target["boxes"].clone()
    for axis, low, chance in ((2, 0, recipe["flip_horizontal"]), (1, 1, recipe["flip_vertical"])):
        if torch.rand(1).item() < chance:
            image = image.flip(axis)
            boxes[:, [low, low + 2]] = image.shape[axis] - boxes[:, [low + 2, low]]
    return image, {**target, "boxes": boxes}


def load_folded(model, path):
    """A convolution with a bias stands for a batch norm behind it that is the identity but for its shift."""
    tensors, _ = torchvision_safetensors.read(path)
    modules = dict(model.backbone.body.named_modules())
    taken = set()
    with torch.no_grad():
        for name, tensor in tensors.items():
            stem, kind = name.rsplit(".", 1)
            if kind == "weight":
                modules[stem].weight.copy_(tensor)
                taken.add(f"backbone.body.{name}")
                continue
            folder, last = stem.rpartition(".")[::2]
            norm = modules[
                ".".join(filter(None, [folder, "bn" + last[4:] if last.startswith("conv") else "1"]))
            ]
            norm.weight.fill_(1)
            norm.bias.copy_(tensor)
            norm.running_mean.zero_()
            norm.running_var.fill_(1 - norm.eps)
    return taken


def train(model, pretrained, data, recipe):
    training = torchvision_recipe.Training(model, pretrained, recipe)
    batches = iter(torch.utils.data.DataLoader(data, recipe["batch_size"], sampler=EndlessEpochs(data),
                                               collate_fn=lambda batch: batch))
    model.train()
    for iteration in range(1, recipe["iterations"] + 1):
        images, targets = zip(*(flip(image, target, recipe) for image, target in next(batches)))
        losses = training.step(list(images), list(targets))
        if iteration == 1 or iteration % 20 == 0:
            print(f"iteration {iteration} of {recipe['iterations']}: loss {sum(losses.values()).item():.4f}",
                  file=sys.stderr, flush=True)


def detect(model, data):
    """In the form of COCO's results."""
    categories = {label: category for category, label in data.labels.items()}
    model.eval()
    results = []
    for index, image in enumerate(data.images):
        with torch.no_grad():
            found = model([data[index][0]])[0]
        found["boxes"][:, 2:] -= found["boxes"][:, :2]
        for box, label, score in zip(*(found[key].tolist() for key in ("boxes", "labels", "scores"))):
            results.append(
                {"image_id": image["id"], "category_id": categories[label], "bbox": box, "score": score}
            )
    return results


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        case = json.load(file)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(case["seed"])
    parts = {}
    for part in ("train", "test"):
        with open(case[part], encoding="utf-8") as file:
            parts[part] = Images(case["images"], json.load(file))
    model = torchvision_model.build({**case, "live_norm": False, "score_threshold": SCORE_THRESHOLD})
    pretrained = load_folded(model, case["weights"])
    train(model, pretrained, parts["train"], case["recipe"])
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump(detect(model, parts["test"]), file)


main()
