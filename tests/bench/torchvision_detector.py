"""torchvision's side of detector_bench.py: one detector, one batch, timed on request.

    torchvision_detector.py make CASE.json FILE    made-up weights, pictures and truth
    torchvision_detector.py serve CASE.json FILE   as `loupe-bench-detector serve`
"""

import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))
import torch  # noqa: E402

import torchvision_model  # noqa: E402
import torchvision_safetensors  # noqa: E402

RATE = 0.001
MOMENTUM = 0.9


def make(case, path):
    torch.manual_seed(1)
    generator = torch.Generator().manual_seed(2)
    model = torchvision_model.build(case)
    size = (case["height"], case["width"])
    images = [torchvision_model.make_image(size, generator) for _ in range(case["batch"])]
    with torch.no_grad():
        torchvision_model.randomise(model, images[:1], generator)
    out = {f"weights.{name}": tensor for name, tensor in model.state_dict().items()}
    for index, image in enumerate(images):
        out[f"image.{index}"] = image
        for key, value in torchvision_model.make_target(size, 8, case["num_classes"], generator).items():
            out[f"target.{index}.{key}"] = value
    torchvision_safetensors.write(path, out)


def peak_mebibytes():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) // 1024 for line in file if line.startswith("VmHWM:"))


def serve(case, path):
    torch.set_num_threads(case["threads"])
    model = torchvision_model.build(case)
    contents, _ = torchvision_safetensors.read(path)
    model.load_state_dict({name[len("weights."):]: tensor for name, tensor in contents.items()
                           if name.startswith("weights.")})
    images = [contents[f"image.{index}"] for index in range(case["batch"])]
    targets = [{key: contents[f"target.{index}.{key}"] for key in ("boxes", "labels")}
               for index in range(case["batch"])]
    if case["backbone"] == "resnet":
        torchvision_model.freeze_resnet(model, case["trainable_layers"])
    optimizer = torch.optim.SGD(
        [p for p in model.parameters() if p.requires_grad], lr=RATE, momentum=MOMENTUM
    )
    print("ready", flush=True)
    for request in sys.stdin:
        request = request.strip()
        if request == "memory":
            print(peak_mebibytes(), flush=True)
            continue
        start = time.perf_counter()
        if request == "step":
            model.train()
            optimizer.zero_grad()
            sum(model(images, targets).values()).backward()
            optimizer.step()
        else:
            model.eval()
            with torch.no_grad():
                model(images)
        print(time.perf_counter() - start, flush=True)


def main():
    with open(sys.argv[2]) as file:
        case = json.load(file)
    {"make": make, "serve": serve}[sys.argv[1]](case, sys.argv[3])


main()
