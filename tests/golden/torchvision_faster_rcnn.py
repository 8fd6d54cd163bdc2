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


def main():
    with open(sys.argv[1]) as file:
        config = json.load(file)
    torch.manual_seed(config["seed"])
    generator = torch.Generator().manual_seed(config["seed"] + 1)
    model = torchvision_model.build(config)
    images = [torchvision_model.make_image(size, generator) for size in config["image_sizes"]]
    with torch.no_grad():
        torchvision_model.randomise(model, images, generator)
    out = {f"weights.{name}": tensor.clone() for name, tensor in model.state_dict().items()
           if not name.endswith("num_batches_tracked")}
    targets = [torchvision_model.make_target(size, count, config["num_classes"], generator)
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
