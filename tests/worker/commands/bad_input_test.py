#!/usr/bin/python3
"""Odd pictures, broken weights and poor training sets through `loupe-worker`. Pillow says how a picture is
seen."""
import json
import math
import os
import re
import sys
import tempfile
import unittest

import numpy
import PIL.Image
import PIL.ImageOps
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))
sys.path.insert(0, os.path.join(HERE, "..", "..", "golden"))
from loupe_programs import program, run, worker  # noqa: E402
import torchvision_safetensors  # noqa: E402

EXIF_ORIENTATION = 0x0112


def scene():
    """48 x 32, different in every corner: mirrored or turned it is another picture."""
    pixels = numpy.full((32, 48, 3), 90, numpy.uint8)
    pixels[:16, :24] = numpy.random.default_rng(1).integers(0, 256, (16, 24, 3))
    pixels[20:28, 30:44] = (250, 30, 30)
    pixels[24:, :10] = (20, 200, 60)
    return PIL.Image.fromarray(pixels)


def as_seen(picture):
    """8-bit RGB with the rotation applied."""
    upright = PIL.ImageOps.exif_transpose(picture)
    if upright.mode.startswith("I"):
        upright = PIL.Image.fromarray((numpy.asarray(upright) // 257).astype(numpy.uint8))
    return upright.convert("RGB")


class BadInputTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="loupe-")
        cls.folder = cls.holder.name
        with open(cls.path("recipe.textproto"), "w", encoding="utf-8") as file:
            file.write('detector { preset: "small" min_size: 64 max_size: 64 } '
                       "training { batch_size: 2 learning_rate: 1e-4 } seed: 4")
        scene().save(cls.path("scene.png"))
        cls.train("scene", {"scene.png": [[30, 20, 14, 8]]}, classes=["red", "green"])
        cls.weights = cls.path("scene/model.safetensors")

    @classmethod
    def tearDownClass(cls):
        cls.holder.cleanup()

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    @classmethod
    def coco(cls, name, boxes_of, classes):
        annotations, images = [], []
        for image, (file_name, boxes) in enumerate(boxes_of.items(), 1):
            images.append({"id": image, "file_name": file_name})
            for box in boxes:
                annotations.append(
                    {"id": len(annotations) + 1, "image_id": image, "category_id": 1, "bbox": box}
                )
        path = cls.path(name + ".json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"images": images, "annotations": annotations,
                       "categories": [{"id": i, "name": name} for i, name in enumerate(classes, 1)]}, file)
        return path

    @classmethod
    def train(cls, name, boxes_of, *more, classes=("red",), check=True):
        """Three steps on pictures of the folder, all boxes of the first class."""
        return run(
            program("loupe-worker"),
            "train",
            "--coco",
            cls.coco(name, boxes_of, classes),
            "--images",
            cls.folder,
            "--recipe",
            cls.path("recipe.textproto"),
            "--iterations",
            3,
            "--out",
            cls.path(name),
            *more,
            check=check,
        )

    @classmethod
    def detect(cls, *names):
        shown = worker(
            "detect", "--weights", cls.weights, "--score-threshold", 0, *(cls.path(name) for name in names)
        )
        return [json.loads(line)["detections"] for line in shown.splitlines()]

    def assert_refused(self, result, *expected):
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        for text in expected:
            self.assertIn(text, result.stderr)

    def save_odd_pictures(self):
        """Name -> picture as Pillow reads it back, saved in the folder."""
        grey = scene().convert("L")
        deep = PIL.Image.fromarray(numpy.asarray(grey).astype(numpy.uint16) * 257)
        alpha = scene().copy()
        alpha.putalpha(grey)
        for name, picture in {"grey.png": grey, "grey.jpg": grey, "deep.png": deep, "alpha.png": alpha,
                              "grey_alpha.png": grey.convert("LA"), "palette.png": scene().quantize(16),
                              "bit.png": grey.convert("1")}.items():
            picture.save(self.path(name))
        names = ["grey.png", "grey.jpg", "deep.png", "alpha.png", "grey_alpha.png", "palette.png", "bit.png"]
        for orientation in range(1, 9):
            exif = PIL.Image.Exif()
            exif[EXIF_ORIENTATION] = orientation
            for kind in ("jpg", "png"):
                names.append(f"turned_{orientation}.{kind}")
                scene().save(self.path(names[-1]), exif=exif, **({"quality": 95} if kind == "jpg" else {}))
        return {name: PIL.Image.open(self.path(name)) for name in names}

    def test_odd_pictures_are_seen_as_people_see_them(self):
        pictures = self.save_odd_pictures()
        for name, picture in pictures.items():
            as_seen(picture).save(self.path(f"seen_{name}.png"))
        odd = self.detect(*pictures)
        seen = self.detect(*(f"seen_{name}.png" for name in pictures))
        self.assertEqual(len(odd), len(pictures))
        for name, ours, expected in zip(pictures, odd, seen):
            with self.subTest(name):
                self.assertGreater(len(expected), 5)
                self.assertEqual(len(ours), len(expected))
                for a, b in zip(ours[:5], expected[:5]):
                    self.assertEqual(a["label"], b["label"])
                    self.assertAlmostEqual(a["score"], b["score"], delta=1e-5)
                    for x, y in zip(a["box"], b["box"]):
                        self.assertAlmostEqual(x, y, delta=0.01)

    def test_boxes_lie_in_the_picture_as_people_see_it(self):
        scene().save(self.path("stored.png"))
        stored = PIL.Image.open(self.path("stored.png"))
        exif = PIL.Image.Exif()
        exif[EXIF_ORIENTATION] = 6
        stored.save(self.path("learned.png"), exif=exif)
        box = [4, 30, 8, 14]  # the red one, in the picture of 32 x 48
        self.train("turned", {"learned.png": [box]})
        as_seen(PIL.Image.open(self.path("learned.png"))).save(self.path("learned.png"))
        self.train("upright", {"learned.png": [box]})
        with open(self.path("turned/model.safetensors"), "rb") as a, open(
            self.path("upright/model.safetensors"), "rb"
        ) as b:
            self.assertEqual(a.read(), b.read())

    def test_the_thinnest_pictures_are_detected_and_learned(self):
        sizes = {"dot.png": (1, 1), "wide.png": (10000, 1), "tall.png": (1, 10000)}
        for name, size in sizes.items():
            scene().resize(size).save(self.path(name))
        for name, detections in zip(sizes, self.detect(*sizes)):
            width, height = sizes[name]
            for detection in detections:
                x1, y1, x2, y2 = detection["box"]
                self.assertTrue(0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height, f"{name}: {detection}")
                self.assertTrue(0 <= detection["score"] <= 1)
        boxes = {
            "dot.png": [[0, 0, 1, 1]],
            "wide.png": [[0, 0, 10000, 1], [9999, 0, 1, 1]],
            "tall.png": [[0, 500, 1, 1]],
        }
        self.assert_losses_are_numbers(self.train("thin", boxes))

    def test_boxes_of_one_pixel_and_a_single_class_are_learned(self):
        boxes = [[0, 0, 1, 1], [47, 31, 1, 1], [20.5, 10.5, 1, 1], [20.5, 10.5, 1, 1]]
        self.assert_losses_are_numbers(self.train("pixels", {"scene.png": boxes}))

    def test_pictures_without_boxes_among_others_are_learned(self):
        scene().save(self.path("clean.png"))
        self.assert_losses_are_numbers(self.train("clean", {"clean.png": [], "scene.png": [[30, 20, 14, 8]]}))

    def assert_losses_are_numbers(self, result):
        losses = [float(loss) for loss in re.findall(r"loss (\S+),", result.stderr)]
        self.assertEqual(len(losses), 3, result.stderr)
        self.assertTrue(all(math.isfinite(loss) and loss > 0 for loss in losses), losses)

    def test_sets_that_teach_nothing_are_refused(self):
        self.assert_refused(self.train("none", {"scene.png": []}, check=False), "has a box")
        self.assert_refused(self.train("empty", {}, check=False), "no images")
        self.assert_refused(
            self.train("classless", {"scene.png": []}, classes=[], check=False), "no category"
        )

    def test_a_box_too_small_for_a_number_is_named(self):
        tiny = {"scene.png": [[30, 20, 14, 8], [40, 20, 1e-9, 8]]}
        self.assert_refused(self.train("tiny", tiny, check=False), "scene.png", "annotation 2")

    def test_a_picture_of_another_size_than_its_annotations_is_named(self):
        path = self.coco("sizes", {"scene.png": [[0, 0, 5, 5]]}, ["red"])
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        document["images"][0].update(width=32, height=48)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(document, file)
        result = run(
            program("loupe-worker"),
            "train",
            "--coco",
            path,
            "--images",
            self.folder,
            "--recipe",
            self.path("recipe.textproto"),
            "--iterations",
            1,
            "--out",
            self.path("sizes"),
            check=False,
        )
        self.assert_refused(result, "scene.png", "48 x 32", "32 x 48")

    def test_broken_weights_are_refused_by_every_command(self):
        tensors, metadata = torchvision_safetensors.read(self.weights)
        with open(self.weights, "rb") as file:
            content = file.read()
        with open(self.path("cut.safetensors"), "wb") as file:
            file.write(content[:len(content) // 2])
        with open(self.path("claims.safetensors"), "wb") as file:
            file.write((1 << 40).to_bytes(8, "little") + content[8:])
        torch.save(tensors, self.path("whole.pth"))
        with open(self.path("whole.pth"), "rb") as whole, open(self.path("cut.pth"), "wb") as file:
            file.write(whole.read()[:100_000])
        broken = {"cut.safetensors": "lies beyond the end", "claims.safetensors": "claims more than the file",
                  "cut.pth": "cut short"}
        for value in (math.nan, math.inf, -math.inf):
            name = f"{value}.safetensors"
            wrong = dict(tensors)
            wrong["rpn.head.bbox_pred.bias"] = tensors["rpn.head.bbox_pred.bias"].clone()
            wrong["rpn.head.bbox_pred.bias"][5] = value
            torchvision_safetensors.write(self.path(name), wrong, metadata)
            broken[name] = "'rpn.head.bbox_pred.bias' holds NaN or infinity"
        for name, message in broken.items():
            with self.subTest(name):
                weights = self.path(name)
                self.assert_refused(
                    run(
                        program("loupe-worker"),
                        "detect",
                        "--weights",
                        weights,
                        "--preset",
                        "small",
                        self.path("scene.png"),
                        check=False,
                    ),
                    message,
                )
                self.assert_refused(
                    run(
                        program("loupe-worker"),
                        "convert",
                        "--from",
                        weights,
                        "--preset",
                        "small",
                        "--to",
                        self.path("never.pth"),
                        check=False,
                    ),
                    message,
                )
                self.assertFalse(os.path.exists(self.path("never.pth")))
                self.assert_refused(self.train("broken", {"scene.png": [[30, 20, 14, 8]]}, "--init", weights,
                                               check=False), message)
                self.assertFalse(os.path.exists(self.path("broken")))


if __name__ == "__main__":
    unittest.main()
