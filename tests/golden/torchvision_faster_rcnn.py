"""What torchvision's Faster R-CNN says of made-up pictures, for a test to compare.

Usage: torchvision_faster_rcnn.py CONFIG.json OUT.safetensors
The weights are made up, and then trained for `training_steps`. OUT holds
    weights.*, image.N, target.N.boxes|labels
    detection.N.*          boxes|labels|scores of the pictures in one batch
    alone.N.*              the same, each picture by itself
    loss.*, gradient.*     of the batch; every anchor and proposal is sampled, so that nothing in them
                           is random
    stage.*                what passes from stage to stage when the batch is predicted
"""

import json
import sys

import torch

import torchvision_kinks
import torchvision_model
import torchvision_safetensors


def train_a_little(model, images, targets, steps, rate):
    """With few proposals a step, which is most of the work."""
    sampler = model.roi_heads.fg_bg_sampler
    all_proposals, sampler.batch_size_per_image = sampler.batch_size_per_image, 32
    optimizer = torch.optim.AdamW(
        [parameter for parameter in model.parameters() if parameter.requires_grad], lr=rate
    )
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        sum(model(images, targets).values()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10)
        optimizer.step()
    optimizer.zero_grad()
    sampler.batch_size_per_image = all_proposals


def detect(model, images):
    """Detections of the batch, and what passed between the stages."""
    stages = {}

    def keep(name):
        def hook(_module, _inputs, output):
            values = list(output.values()) if isinstance(output, dict) else output
            if isinstance(values, torch.Tensor):
                stages[name] = values
            else:
                stages.update({f"{name}.{index}": value for index, value in enumerate(values)})
        return hook

    heads = model.roi_heads
    named = [(model.backbone.body, "maps"), (model.backbone, "levels"), (heads.box_roi_pool, "pooled"),
             (heads.box_head, "features"), (heads.box_predictor, "head")]
    hooks = [module.register_forward_hook(keep(name)) for module, name in named]
    hooks.append(model.transform.register_forward_hook(lambda _module, _inputs, output: stages.update(
        batch=output[0].tensors, sizes=torch.tensor(output[0].image_sizes))))
    hooks.append(model.rpn.register_forward_hook(lambda _module, _inputs, output: stages.update(
        {f"proposals.{index}": boxes for index, boxes in enumerate(output[0])})))
    hooks.append(heads.register_forward_hook(lambda _module, _inputs, output: stages.update(
        {f"selected.{index}.{key}": value for index, found in enumerate(output[0])
         for key, value in found.items()})))
    detections = model(images)
    for hook in hooks:
        hook.remove()
    return detections, stages


def main():
    with open(sys.argv[1]) as file:
        config = json.load(file)
    torch.manual_seed(config["seed"])
    generator = torch.Generator().manual_seed(config["seed"] + 1)
    model = torchvision_model.build(config)
    images = [torchvision_model.make_image(size, generator) for size in config["image_sizes"]]
    with torch.no_grad():
        torchvision_model.randomise(model, images, generator)
    targets = [torchvision_model.make_target(size, count, config["num_classes"], generator)
               for size, count in zip(config["image_sizes"], config["truth_counts"])]
    train_a_little(model, images, targets, config["training_steps"], 3e-4)
    torchvision_kinks.move_off_kinks(model, images, targets)
    out = {f"weights.{name}": tensor.clone() for name, tensor in model.state_dict().items()
           if not name.endswith("num_batches_tracked")}
    model.eval()
    with torch.no_grad():
        detections, stages = detect(model, images)
        alone = [model([image])[0] for image in images]
    model.train()
    losses = model(images, targets)
    sum(losses.values()).backward()
    out.update({f"stage.{name}": tensor for name, tensor in stages.items()})
    for index, image in enumerate(images):
        out[f"image.{index}"] = image
        for name, values in (("target", targets), ("detection", detections), ("alone", alone)):
            out.update({f"{name}.{index}.{key}": value for key, value in values[index].items()})
    out.update({f"loss.{name}": value.reshape(1) for name, value in losses.items()})
    out.update({f"gradient.{name}": parameter.grad for name, parameter in model.named_parameters()
                if parameter.grad is not None})
    torchvision_safetensors.write(sys.argv[2], out)


main()
