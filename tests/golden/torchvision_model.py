"""Builds torchvision's Faster R-CNN from a JSON configuration that a test or benchmark writes, and things to
show it."""

import functools

import torch
from torch import nn
from torchvision.models import mobilenet_v3_large, resnet
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.backbone_utils import BackboneWithFPN, _mobilenet_extractor
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.rpn import AnchorGenerator
from torchvision.ops import MultiScaleRoIAlign, poolers
from torchvision.ops.misc import FrozenBatchNorm2d

RESNET_LAYERS = ["layer4", "layer3", "layer2", "layer1", "conv1"]


def build_backbone(config):
    norm_layer = nn.BatchNorm2d if config["live_norm"] else FrozenBatchNorm2d
    if config["backbone"] == "mobilenet-v3-large":
        return _mobilenet_extractor(mobilenet_v3_large(norm_layer=norm_layer), fpn=True, trainable_layers=6)
    block = resnet.BasicBlock if config["block"] == "basic" else resnet.Bottleneck
    depths = config["stage_depths"]
    body = resnet.ResNet(block, depths + [1] * (4 - len(depths)), norm_layer=norm_layer)
    layers = {f"layer{stage + 1}": str(stage) for stage in range(len(depths))}
    widths = [64 * block.expansion * 2**stage for stage in range(len(depths))]
    return BackboneWithFPN(body, layers, widths, config["fpn_channels"])


def build(config):
    """config: the fields of loupe.v1.Detector that matter here, `num_classes` without background,
    `live_norm`."""
    backbone = build_backbone(config)
    sizes = tuple(tuple(level) for level in config["anchor_sizes"])
    if config["roi_aligned"]:
        # torchvision's own function has this form, its detector doesn't.
        poolers.roi_align = functools.partial(poolers.roi_align, aligned=True)
    # All levels but the pooled one.
    pooler = MultiScaleRoIAlign(
        [str(level) for level in range(len(sizes) - 1)], 7, config["roi_sampling_ratio"])
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
        rpn_score_thresh=config["rpn_score_threshold"],
        rpn_batch_size_per_image=config["rpn_samples_per_image"],
        box_roi_pool=pooler,
        box_head=TwoMLPHead(config["fpn_channels"] * 49, width),
        box_predictor=FastRCNNPredictor(width, config["num_classes"] + 1),
        box_batch_size_per_image=config["box_samples_per_image"],
        box_score_thresh=config["score_threshold"])


def freeze_resnet(model, trainable_layers):
    """Trains the last layers only, as torchvision's builders do. Requires frozen batch norm."""
    trained = RESNET_LAYERS[:trainable_layers]
    for name, parameter in model.backbone.body.named_parameters():
        if not any(name.startswith(layer) for layer in trained):
            parameter.requires_grad_(False)


def make_image(size, generator):
    """Smooth blobs and noise, so that proposals differ."""
    height, width = size
    coarse = torch.rand((1, 3, height // 16 + 2, width // 16 + 2), generator=generator)
    image = torch.nn.functional.interpolate(
        coarse, size=(height, width), mode="bilinear", align_corners=False
    )[0]
    return (0.8 * image + 0.2 * torch.rand((3, height, width), generator=generator)).clamp(0, 1)


def make_target(size, count, classes, generator):
    height, width = size
    low = torch.rand((count, 2), generator=generator) * torch.tensor([width * 0.6, height * 0.6])
    side = 12 + torch.rand((count, 2), generator=generator) * torch.tensor([width * 0.35, height * 0.35])
    high = torch.minimum(low + side, torch.tensor([float(width), float(height)]))
    return {
        "boxes": torch.cat([low, high], 1),
        "labels": torch.randint(1, classes + 1, (count,), generator=generator),
    }


def randomise(model, images, generator):
    """Weights as training might leave them: uneven batch norm, scores and deltas that differ from box to box.
    """
    norms = [
        module
        for module in model.backbone.modules()
        if isinstance(module, (nn.BatchNorm2d, FrozenBatchNorm2d))
    ]

    def fit(norm, inputs):
        channels = inputs[0].transpose(0, 1).flatten(1)
        norm.running_var.copy_(channels.var(1) + 1e-3)
        norm.running_mean.copy_(channels.mean(1))
        norm.weight.fill_(1)

    for norm in norms:
        for tensor in (norm.weight, norm.running_var):
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
        for tensor in (norm.bias, norm.running_mean):
            tensor.copy_(0.2 * torch.randn(tensor.shape, generator=generator))
    model.eval()
    if "layer1" not in model.backbone.body:
        # Without residual sums in every block what the picture says would die out.
        hooks = [norm.register_forward_pre_hook(fit) for norm in norms]
        model(images)
        for hook in hooks:
            hook.remove()
    # Standard deviation of what each layer puts out; deltas of the box head are divided by up to 10 when
    # used. Made-up features differ little from box to box, so that large scores would be mostly amplified
    # rounding.
    predictor = model.roi_heads.box_predictor
    for layer, deviation in [(model.rpn.head.cls_logits, 2.0), (model.rpn.head.bbox_pred, 0.2),
                             (predictor.cls_score, 0.4), (predictor.bbox_pred, 1.0)]:
        outputs = []
        hook = layer.register_forward_hook(lambda _module, _input, output: outputs.append(output.flatten()))
        model(images)
        hook.remove()
        layer.weight.mul_(deviation / torch.cat(outputs).std())
