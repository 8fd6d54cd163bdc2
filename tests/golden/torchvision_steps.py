"""The first steps of a training by torchvision, for a test to take the same.

Usage: torchvision_steps.py CONFIG.json OUT.safetensors
CONFIG: the detector; `recipe` and how many `steps` of it; `image_sizes`, `truth_counts`, of one batch;
`batches`, that take turns. OUT holds
    weights.*                          before the first step
    batch.B.image.N, batch.B.target.N.*
    step.S.loss                        classifier, box deltas, objectness, proposals' deltas
    step.S.proposals.N                 what the proposal network proposed for image N of the step's batch
"""

import json
import sys

import torch

import torchvision_model
import torchvision_recipe
import torchvision_safetensors

LOSSES = ("loss_classifier", "loss_box_reg", "loss_objectness", "loss_rpn_box_reg")


def make_batch(config, generator):
    images = [torchvision_model.make_image(size, generator) for size in config["image_sizes"]]
    targets = [torchvision_model.make_target(size, count, config["num_classes"], generator)
               for size, count in zip(config["image_sizes"], config["truth_counts"])]
    return images, targets


def main():
    with open(sys.argv[1]) as file:
        config = json.load(file)
    torch.manual_seed(config["seed"])
    generator = torch.Generator().manual_seed(config["seed"] + 1)
    model = torchvision_model.build(config)
    batches = [make_batch(config, generator) for _ in range(config["batches"])]
    with torch.no_grad():
        torchvision_model.randomise(model, batches[0][0], generator)
    out = {f"weights.{name}": tensor.clone() for name, tensor in model.state_dict().items()}
    for number, (images, targets) in enumerate(batches):
        for index, image in enumerate(images):
            out[f"batch.{number}.image.{index}"] = image
            out.update(
                {f"batch.{number}.target.{index}.{key}": value for key, value in targets[index].items()}
            )

    proposals = []
    model.rpn.register_forward_hook(lambda _module, _inputs, output: proposals.append(output[0]))
    slow = {name for name, _ in model.named_parameters() if name.startswith("backbone.body.")}
    training = torchvision_recipe.Training(model, slow, config["recipe"])
    model.train()
    for step in range(config["steps"]):
        losses = training.step(*batches[step % len(batches)])
        out[f"step.{step}.loss"] = torch.stack([losses[name].detach() for name in LOSSES])
        out.update({f"step.{step}.proposals.{index}": boxes for index, boxes in enumerate(proposals[-1])})
    torchvision_safetensors.write(sys.argv[2], out)


main()
