"""Training torchvision's detector by a recipe: `recipe` holds the fields of Loupe's TrainingRecipe, for
AdamW."""

import torch


def rate_factor(recipe, iteration):
    factor = 1.0
    if iteration < recipe["warmup_iterations"]:
        factor = 1e-3 + (1 - 1e-3) * iteration / recipe["warmup_iterations"]
    for share in recipe["decay_at"]:
        if iteration >= share * recipe["iterations"]:
            factor *= recipe["decay_factor"]
    return factor


class Training:
    def __init__(self, model, slow, recipe):
        """`slow`: names of the parameters that learn at the rate times `backbone_rate_factor`."""
        self.model, self.recipe = model, recipe
        groups = {False: [], True: []}
        for name, parameter in model.named_parameters():
            groups[name in slow].append(parameter)
        rate = recipe["learning_rate"]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": groups[False]},
                {"params": groups[True], "lr": rate * recipe["backbone_rate_factor"]},
            ],
            lr=rate,
            weight_decay=recipe["weight_decay"],
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: rate_factor(recipe, step)
        )

    def step(self, images, targets):
        """Returns the losses by name, from before the step."""
        losses = self.model(images, targets)
        self.optimizer.zero_grad()
        sum(losses.values()).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe["clip_norm"])
        self.optimizer.step()
        self.schedule.step()
        return losses
