"""Builds torchvision's Faster R-CNN from a JSON configuration that a test or benchmark writes."""

import torch
from torch import nn
from torchvision.models import resnet
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.rpn import AnchorGenerator
from torchvision.ops import MultiScaleRoIAlign
from torchvision.ops.misc import FrozenBatchNorm2d


def build(config):
    """config: the fields of FasterRcnnConfig that matter here, `num_classes` without background, `live_norm`."""
    block = resnet.BasicBlock if config["block"] == "basic" else resnet.Bottleneck
    depths = config["stage_depths"]
    body = resnet.ResNet(block, depths + [1] * (4 - len(depths)),
                         norm_layer=nn.BatchNorm2d if config["live_norm"] else FrozenBatchNorm2d)
    layers = {f"layer{stage + 1}": str(stage) for stage in range(len(depths))}
    widths = [64 * block.expansion * 2**stage for stage in range(len(depths))]
    backbone = BackboneWithFPN(body, layers, widths, config["fpn_channels"])
    sizes = tuple(tuple(level) for level in config["anchor_sizes"])
    pooler = MultiScaleRoIAlign([str(stage) for stage in range(len(depths))], 7, 2)
    width = config["box_head_width"]
    return FasterRCNN(
        backbone,
        min_size=config["min_size"],
        max_size=config["max_size"],
        rpn_anchor_generator=AnchorGenerator(sizes, (tuple(config["anchor_ratios"]),) * len(sizes)),
        rpn_pre_nms_top_n_train=config["rpn_pre_nms_top_n_train"],
        rpn_pre_nms_top_n_test=config["rpn_pre_nms_top_n_test"],
        rpn_post_nms_top_n_train=config["rpn_post_nms_top_n_train"],
        rpn_post_nms_top_n_test=config["rpn_post_nms_top_n_test"],
        rpn_batch_size_per_image=config["rpn_samples_per_image"],
        box_roi_pool=pooler,
        box_head=TwoMLPHead(config["fpn_channels"] * 49, width),
        box_predictor=FastRCNNPredictor(width, config["num_classes"] + 1),
        box_batch_size_per_image=config["box_samples_per_image"],
        box_score_thresh=config["score_threshold"])


def randomise(model, images, generator):
    """Weights as training might leave them: uneven batch norm, scores and deltas that differ from box to box."""
    for name, tensor in model.backbone.state_dict().items():
        norm = ".bn" in name or ".downsample.1." in name
        if name.endswith("running_var") or (norm and name.endswith("weight")):
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
        elif name.endswith("running_mean") or (norm and name.endswith("bias")):
            tensor.copy_(0.2 * torch.randn(tensor.shape, generator=generator))
    predictor = model.roi_heads.box_predictor
    # Standard deviation of what each layer puts out; deltas of the box head are divided by up to 10 when used.
    for layer, deviation in [(model.rpn.head.cls_logits, 2.0), (model.rpn.head.bbox_pred, 0.2),
                             (predictor.cls_score, 2.0), (predictor.bbox_pred, 1.0)]:
        outputs = []
        hook = layer.register_forward_hook(lambda _module, _input, output: outputs.append(output.flatten()))
        model.eval()
        model(images)
        hook.remove()
        layer.weight.mul_(deviation / torch.cat(outputs).std())
