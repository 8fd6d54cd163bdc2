"""Moves a network off the points where its activations have no derivative.

Two programs that agree but for rounding fall on different sides of such a point when a unit lies within
rounding of it, and each such unit changes the gradient of all that is before it. With millions of units there
are always a few. Biases moved by some ten-thousandths leave none near enough, so that gradients can be
compared as strictly as losses.
"""

import torch
from torch import nn

KINKS = {nn.ReLU: (0.0,), nn.Hardswish: (-3.0, 3.0), nn.Hardsigmoid: (-3.0, 3.0)}
CLEARANCE = 1e-4  # of the standard deviation of a layer's values: a hundred times what rounding moves them
MAX_STEPS = 5000


def shift_off(values, kinks):
    """values: [units, places]. For each unit the smallest shift, in steps, that keeps its values off the
    kinks."""
    clearance = CLEARANCE * values.std().item()
    shift = torch.zeros(len(values))
    left = torch.arange(len(values))
    for step in range(MAX_STEPS):
        candidate = (step + 1) // 2 * (-1)**step * clearance
        near = (
            torch.stack([(values[left] + (candidate - kink)).abs().amin(1) for kink in kinks]).amin(0)
            < clearance
        )
        shift[left[~near]] = candidate
        left = left[near]
        if len(left) == 0:
            return shift
    raise RuntimeError(f"no shift takes {len(left)} units off {kinks}")


def by_unit(output):
    """[N, C, ...] or [N, C] as [C, places]."""
    return output.transpose(0, 1).flatten(1)


class Shifter:
    """Hooks that shift what goes into each activation, and the bias that it came from."""

    def __init__(self, model):
        self.biased = None  # the latest module with a bias that ran
        self.hooks = []
        head = model.rpn.head
        self.hooks.append(head.register_forward_pre_hook(self.before_rpn_head))
        inside_head = set(head.modules())
        for module in model.modules():
            if module in inside_head:
                continue
            if type(module) in KINKS:
                self.hooks.append(module.register_forward_pre_hook(self.before_activation))
            elif getattr(module, "bias", None) is not None:
                self.hooks.append(module.register_forward_hook(self.note))
        for layer in (model.roi_heads.box_head.fc6, model.roi_heads.box_head.fc7):
            self.hooks.append(layer.register_forward_hook(self.after_linear))

    def note(self, module, _inputs, _output):
        self.biased = module

    def before_activation(self, module, inputs):
        shift = shift_off(by_unit(inputs[0]), KINKS[type(module)])
        self.biased.bias.add_(shift)
        return inputs[0] + shift.view(1, -1, 1, 1)

    def before_rpn_head(self, head, inputs):
        """Its convolution runs on every level, so that one shift has to suit them all."""
        conv = head.conv[0][0]
        conv.bias.add_(shift_off(torch.cat([by_unit(conv(level)) for level in inputs[0]], 1), KINKS[nn.ReLU]))

    def after_linear(self, layer, _inputs, output):
        shift = shift_off(by_unit(output), KINKS[nn.ReLU])
        layer.bias.add_(shift)
        return output + shift


def move_off_kinks(model, images, targets):
    """For a training step on these images."""
    model.train()
    shifter = Shifter(model)
    with torch.no_grad():
        model(images, targets)
    for hook in shifter.hooks:
        hook.remove()
