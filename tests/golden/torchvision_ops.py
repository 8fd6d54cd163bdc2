"""What torchvision's parts, and Pillow's resizing, say of made-up input, for tests to compare with.

Usage: torchvision_ops.py OUT.safetensors
"""

import sys
from collections import OrderedDict

import numpy
import PIL.Image
import torch
import torchvision
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import AnchorGenerator
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import MultiScaleRoIAlign, batched_nms, nms

import torchvision_safetensors


def random_boxes(count, width, height, generator):
    """Boxes of all sizes, some over the border of the image."""
    low = torch.rand((count, 2), generator=generator) * torch.tensor([width, height]) - 4
    side = torch.exp(torch.rand((count, 2), generator=generator) * 5.9)
    return torch.cat([low, low + side], 1)


def roi_align(generator, out):
    features = OrderedDict()
    for level, stride in enumerate([4, 8, 16]):
        shape = (2, 20, 128 // stride, 192 // stride)
        features[str(level)] = torch.randn(shape, generator=generator).requires_grad_()
    boxes = [random_boxes(40, 192.0, 128.0, generator), random_boxes(25, 192.0, 128.0, generator)]
    pooled = MultiScaleRoIAlign(["0", "1", "2"], 7, 2)(features, boxes, [(128, 192), (128, 192)])
    upstream = torch.randn(pooled.shape, generator=generator)
    pooled.backward(upstream)
    for level, feature in features.items():
        out[f"roi_align.features.{level}"] = feature
        out[f"roi_align.gradients.{level}"] = feature.grad.clone()
    out["roi_align.boxes.0"], out["roi_align.boxes.1"] = boxes
    out["roi_align.pooled"] = pooled
    out["roi_align.upstream"] = upstream
    # As many points as a bin has cells, on the finest level; with and without half a cell's shift.
    for name, aligned in (("aligned", True), ("adaptive", False)):
        features["0"].grad = None
        pooled = torchvision.ops.roi_align(features["0"], boxes, 7, 1 / 4, -1, aligned)
        pooled.backward(upstream)
        out[f"roi_align.{name}.pooled"] = pooled
        out[f"roi_align.{name}.gradient"] = features["0"].grad.clone()


def suppression(generator, out):
    for name, count in [("few", 300), ("many", 2500)]:
        boxes = random_boxes(count, 300.0, 200.0, generator)
        scores = torch.rand(count, generator=generator)
        groups = torch.randint(0, 5, (count,), generator=generator)
        out[f"nms.{name}.boxes"], out[f"nms.{name}.scores"], out[f"nms.{name}.groups"] = boxes, scores, groups
        out[f"nms.{name}.kept"] = nms(boxes, scores, 0.5)
        out[f"nms.{name}.grouped"] = batched_nms(boxes, scores, groups, 0.5)


def anchors(out):
    generator = AnchorGenerator(((16,), (32,), (64,)), ((0.5, 1.0, 2.0),) * 3)
    maps = [torch.zeros(1, 1, 25, 40), torch.zeros(1, 1, 13, 20), torch.zeros(1, 1, 7, 10)]
    out["anchors"] = generator(ImageList(torch.zeros(1, 3, 100, 160), [(100, 160)]), maps)[0]


def transform(generator, out):
    images = [torch.rand((3, 61, 83), generator=generator), torch.rand((3, 120, 47), generator=generator)]
    transformed, _ = GeneralizedRCNNTransform(96, 160, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]).eval()(
        images
    )
    out["transform.image.0"], out["transform.image.1"] = images
    out["transform.batch"] = transformed.tensors
    out["transform.sizes"] = torch.tensor(transformed.image_sizes)


def resizing(generator, out):
    sizes = [((61, 83), (61, 83)), ((61, 83), (122, 166)), ((200, 311), (67, 104)), ((97, 5), (13, 40)),
             ((1, 1), (7, 3)), ((300, 200), (299, 200)), ((640, 512), (33, 26)), ((40, 700), (40, 93))]
    for i, ((height, width), (new_height, new_width)) in enumerate(sizes):
        levels = torch.randint(0, 256, (height, width, 3), generator=generator).to(torch.uint8)
        levels[height // 2:, : width // 3] = 255  # sums of weights may be above 1
        resized = PIL.Image.fromarray(levels.numpy()).resize((new_width, new_height), PIL.Image.BILINEAR)
        out[f"resize.{i}.picture"] = levels
        out[f"resize.{i}.resized"] = torch.from_numpy(numpy.array(resized))


def box_losses(generator, out):
    boxes, truth = random_boxes(60, 40.0, 40.0, generator), random_boxes(60, 40.0, 40.0, generator)
    truth[:20] = boxes[:20] + torch.rand((20, 4), generator=generator)
    out["losses.boxes"], out["losses.truth"] = boxes, truth
    for name, loss in (("giou", torchvision.ops.generalized_box_iou_loss),
                       ("diou", torchvision.ops.distance_box_iou_loss),
                       ("ciou", torchvision.ops.complete_box_iou_loss)):
        moved = boxes.clone().requires_grad_()
        value = loss(moved, truth, reduction="sum")
        value.backward()
        out[f"losses.{name}"], out[f"losses.{name}.gradient"] = value, moved.grad


def main():
    generator = torch.Generator().manual_seed(7)
    out = {}
    roi_align(generator, out)
    suppression(generator, out)
    anchors(out)
    transform(generator, out)
    resizing(generator, out)
    box_losses(generator, out)
    torchvision_safetensors.write(sys.argv[1], out)


main()
