#!/usr/bin/python3
"""Checkpoints of Detectron2 answer as in Detectron2: its own outputs are in shared/golden/detectron2."""
import json
import os
import shutil
import sys
import tempfile
import unittest

import numpy
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))
sys.path.insert(0, os.path.join(HERE, "..", "..", "golden"))
from loupe_programs import DATA, worker  # noqa: E402
import torchvision_safetensors  # noqa: E402

GOLDEN = os.path.join(DATA, "golden", "detectron2")
CLASS_NAMES = "inclusion,patches,scratches"
# As NOTES.md there says: less can't be asked of float32.
SCORE_TOLERANCE = 2e-5
BOX_TOLERANCE = 5e-3  # pixels
MOST_UNPAIRED = 3  # of a picture


def read_json(*parts):
    with open(os.path.join(GOLDEN, *parts), encoding="utf-8") as file:
        return json.load(file)


def by_formula(name, entry):
    """A large tensor of r50_fpn (NOTES.md)."""
    code = 0xcbf29ce484222325
    for byte in name.encode():
        code = (code ^ byte) * 0x100000001b3 % 2**64
    with numpy.errstate(over="ignore"):
        place = numpy.arange(1, numpy.prod(entry["shape"]) + 1, dtype=numpy.uint64)
        z = numpy.uint64(code) + place * numpy.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        k = (z ^ (z >> numpy.uint64(31))) >> numpy.uint64(58)
    assert int(k.sum()) == entry["sum_of_k"], name
    values = (k.astype(numpy.float32) - numpy.float32(31.5)) * numpy.float32(2.0 ** entry["exponent"])
    return torch.from_numpy(values.reshape(entry["shape"]))


def iou(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


class Detectron2Test(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="loupe-detectron2-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def detect(self, weights, pictures, *options, config=None, size=400):
        files = [os.path.join(DATA if name.startswith("shared/") else GOLDEN, name.removeprefix("shared/"))
                 for name in pictures]
        named = ["--config", config, "--class-names", CLASS_NAMES] if config else []
        out = worker("detect", "--weights", weights, *named, "--min-size", size, *options, *files)
        lines = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([line["image"] for line in lines], files)
        return [line["detections"] for line in lines]

    def compare(self, ours, run_of, picture):
        """Each detection has a partner, but for a few: near-ties swap."""
        left = list(ours)
        unpaired = 0
        for score, label, box in zip(run_of["scores"], run_of["classes"], run_of["boxes"]):
            of_class = [one for one in left if one["label"] == label + 1]
            partner = max(of_class, key=lambda one: iou(one["box"], box), default=None)
            if partner is None or iou(partner["box"], box) <= 0.99:
                unpaired += 1
                continue
            left.remove(partner)
            self.assertEqual(partner["class"], CLASS_NAMES.split(",")[label])
            self.assertLessEqual(abs(partner["score"] - score), SCORE_TOLERANCE, picture)
            difference = max(abs(a - b) for a, b in zip(partner["box"], box))
            self.assertLessEqual(difference, BOX_TOLERANCE, picture)
        self.assertLessEqual(max(unpaired, len(left)), MOST_UNPAIRED, picture)

    def check(self, network, weights, config=None):
        golden = read_json(network, "detections.json")
        config = config or os.path.join(GOLDEN, network, "config.yaml")
        for size in sorted({one["min_size_test"] for picture in golden for one in picture["runs"]}):
            pictures = [picture for picture in golden
                        if any(one["min_size_test"] == size for one in picture["runs"])]
            all_ours = self.detect(weights, [picture["picture"] for picture in pictures], config=config,
                                   size=size)
            for picture, ours in zip(pictures, all_ours):
                of_size = [one for one in picture["runs"] if one["min_size_test"] == size]
                self.compare(ours, of_size[0], f"{network}, {picture['picture']} at {size}")

    def test_resnet18(self):
        self.check("r18_fpn", os.path.join(GOLDEN, "r18_fpn", "model_final.pth"))

    def test_resnet50_with_the_stride_in_the_first_convolution(self):
        weights = self.path("r50.pth")
        state, _ = torchvision_safetensors.read(os.path.join(GOLDEN, "r50_fpn", "other_weights.safetensors"))
        for name, entry in read_json("r50_fpn", "formula_weights.json").items():
            state[name] = by_formula(name, entry)
        torch.save({"model": state}, weights)
        self.check("r50_fpn", weights)

    def test_every_form_of_file(self):
        for name in ("model_final.pth", "model_zoo.pkl", "model_zoo_old.pkl"):
            with self.subTest(name):
                self.check("tiny_r50_fpn", os.path.join(GOLDEN, "tiny_r50_fpn", name))

    def test_there_and_back(self):
        """Into Loupe's own file, which knows all that the configuration says, and out again."""
        golden = os.path.join(GOLDEN, "r18_fpn")
        original = os.path.join(golden, "model_final.pth")
        picture = "pictures/portrait_333x500.png"
        ours, back = self.path("ours.safetensors"), self.path("back.pth")
        worker("convert", "--weights", original, "--config", os.path.join(golden, "config.yaml"),
               "--class-names", CLASS_NAMES, "--to", ours)
        worker("convert", "--from", ours, "--to", back)
        expected = self.detect(original, [picture], config=os.path.join(golden, "config.yaml"))
        self.assertEqual(self.detect(ours, [picture]), expected)
        self.assertEqual(self.detect(back, [picture], config=os.path.join(golden, "config.yaml")), expected)
        theirs = torch.load(original, map_location="cpu")["model"]
        written = torch.load(back)
        self.assertEqual(sorted(written), sorted(theirs))
        for name, tensor in theirs.items():
            self.assertEqual(written[name].shape, tensor.shape, name)
            self.assertTrue(torch.equal(written[name], tensor.float()), name)


if __name__ == "__main__":
    unittest.main(verbosity=2)
