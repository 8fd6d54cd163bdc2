"""What torchvision's Faster R-CNN says of made-up pictures: detections, losses and gradients, for a test to compare.

Usage: torchvision_faster_rcnn.py CONFIG.json OUT.safetensors
OUT holds `weights.*`, `image.N`, `target.N.boxes|labels`, `detection.N.boxes|labels|scores`, `loss.*` and
`gradient.*`. The configuration samples every anchor and proposal, so that nothing is random in the losses.
"""

import json
import sys

import torch

import torchvision_model
import torchvision_safetensors


def make_image(size, generator):
    """Smooth blobs and noise, so that proposals differ."""
    height, width = size
    coarse = torch.rand((1, 3, height // 16 + 2, width // 16 + 2), generator=generator)
    image = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False)[0]
    return (0.8 * image + 0.2 * torch.rand((3, height, width), generator=generator)).clamp(0, 1)


def make_target(size, count, classes, generator):
    height, width = size
    low = torch.rand((count, 2), generator=generator) * torch.tensor([width * 0.6, height * 0.6])
    side = 12 + torch.rand((count, 2), generator=generator) * torch.tensor([width * 0.35, height * 0.35])
    high = torch.minimum(low + side, torch.tensor([float(width), float(height)]))
    return {"boxes": torch.cat([low, high], 1), "labels": torch.randint(1, classes + 1, (count,), generator=generator)}


def main():
    with open(sys.argv[1]) as file:
        config = json.load(file)
    torch.manual_seed(config["seed"])
    generator = torch.Generator().manual_seed(config["seed"] + 1)
    model = torchvision_model.build(config)
    images = [make_image(size, generator) for size in config["image_sizes"]]
    with torch.no_grad():
        torchvision_model.randomise(model, images, generator)
    out = {f"weights.{name}": tensor.clone() for name, tensor in model.state_dict().items()
           if not name.endswith("num_batches_tracked")}
    targets = [make_target(size, count, config["num_classes"], generator)
               for size, count in zip(config["image_sizes"], config["truth_counts"])]
    model.eval()
    with torch.no_grad():
        detections = model(images)
    model.train()
    losses = model(images, targets)
    sum(losses.values()).backward()
    for index, image in enumerate(images):
        out[f"image.{index}"] = image
        for key, value in targets[index].items():
            out[f"target.{index}.{key}"] = value
        for key, value in detections[index].items():
            out[f"detection.{index}.{key}"] = value
    out.update({f"loss.{name}": value.reshape(1) for name, value in losses.items()})
    out.update({f"gradient.{name}": parameter.grad for name, parameter in model.named_parameters()
                if parameter.grad is not None})
    torchvision_safetensors.write(sys.argv[2], out)


main()
