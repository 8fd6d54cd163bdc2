#!/usr/bin/python3
"""Small inputs that went wrong, through the real programs. LOUPE_DATA/cases/README.md says what is right."""
import glob
import json
import os
import shutil
import struct
import sys
import unittest
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from loupe_programs import DATA, Deployment, program, read_json, run, worker  # noqa: E402

CASES = os.path.join(DATA, "cases")
RECIPE = os.path.join(CASES, "three-steps.textproto")


def write_png(path, width, height, bits, colour, seed, data=None, orientation=None):
    """A PNG of made-up pixels. colour: 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha."""
    def chunk(kind, content):
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = bytes((seed * 37 + i * 7) % 251 for i in range(width * channels * bits // 8))
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))]
    if orientation is not None:
        exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + bytes([orientation]) + b"\0\0\0\0\0\0\0"
        parts.append(chunk(b"eXIf", exif))
    if colour == 3:
        parts.append(chunk(b"PLTE", bytes(range(256)) * 3))
    parts.append(chunk(b"IDAT", zlib.compress((b"\0" + row) * height) if data is None else data))
    parts.append(chunk(b"IEND", b""))
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


class CasesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = Deployment()
        cls.deployment.up()
        cls.count = 0

    @classmethod
    def tearDownClass(cls):
        cls.deployment.__exit__()

    def setUp(self):
        CasesTest.count += 1
        self.project = f"case-{CasesTest.count}"

    def loupe(self, *arguments, **options):
        return self.deployment.loupe(*arguments, "--project", self.project, **options)

    def fails(self, *arguments):
        """A command that must fail; returns what it says."""
        result = run(program("loupe"), *arguments, "--project", self.project,
                     "--dir", self.deployment.server_directory, check=False)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        return result.stderr

    def create(self, coco):
        classes = ",".join(category["name"] for category in read_json(coco)["categories"])
        self.deployment.loupe("project", "create", self.project, "--classes", classes,
                              "--holdout-fraction", "0")

    def import_case(self, name, *options, run_with=None):
        folder = os.path.join(CASES, name)
        return (run_with or self.loupe)("import", "--images", os.path.join(folder, "images"), "--coco",
                                        os.path.join(folder, "a.json"), "--labelled", "boxes", *options)

    def round(self):
        self.loupe("round", "submit", "--recipe", RECIPE, "--watch")
        return json.loads(self.loupe("round", "show", "--json"))

    def images(self, *options):
        return json.loads(self.loupe("image", "list", "--json", *options))["images"]

    def test_png_that_exif_turns_is_one_size_for_coordinator_and_worker(self):
        self.create(os.path.join(CASES, "round-png-exif", "a.json"))
        self.import_case("round-png-exif")
        sizes = {image["file_name"]: (image["width"], image["height"]) for image in self.images()}
        self.assertEqual(sizes["z-turned.png"], (96, 128))
        shown = self.round()
        self.assertEqual(shown["state"], "done")
        self.assertEqual(shown["set_aside_total"], 0)

    def test_picture_that_cannot_be_decoded_is_set_aside_by_name(self):
        self.create(os.path.join(CASES, "round-undecodable", "a.json"))
        self.import_case("round-undecodable")
        shown = self.round()
        self.assertEqual(shown["state"], "done")
        self.assertEqual([image["file_name"] for image in shown["set_aside"]], ["bad.png"])
        unusable = self.images("--unusable")
        named = [(image["file_name"], image["state"]) for image in unusable]
        self.assertEqual(named, [("bad.png", "set_aside")])
        self.assertIn("decoded", unusable[0]["state_reason"])
        self.assertIn("1 set aside", self.loupe("status"))
        self.assertIn("bad.png", self.loupe("check"))

    def test_group_that_would_cut_a_character_takes_it_whole(self):
        self.create(os.path.join(CASES, "group-cuts-utf8", "a.json"))
        pictures = os.path.join(CASES, "group-cuts-utf8", "images")
        self.loupe("import", "--images", pictures, "--group-by", "^(.{3})")
        groups = {image["file_name"]: image["group"] for image in self.images()}
        self.assertEqual(len(groups), 5)
        self.assertEqual(groups["Pr\u00fcf_1.jpg"], "Pr\u00fc")

    def test_coco_size_that_is_not_the_pictures_is_refused(self):
        self.create(os.path.join(CASES, "coco-size-differs", "a.json"))
        said = self.import_case("coco-size-differs", run_with=self.fails)
        self.assertIn("640 x 480", said)
        self.assertEqual(self.images(), [])

    def test_coco_size_of_before_exif_turned_it_is_refused_and_said_so(self):
        self.create(os.path.join(CASES, "coco-size-before-exif", "a.json"))
        said = self.import_case("coco-size-before-exif", run_with=self.fails)
        self.assertIn("160 x 120", said)
        self.assertIn("120 x 160", said)
        self.assertIn("EXIF", said)
        for command in (["train", "--preset", "small"], ["detect"]):
            self.refuses_file("coco-size-before-exif", command, "EXIF")

    def test_annotations_that_do_not_fit_their_picture_are_refused_everywhere(self):
        """Each is a picture of 64 x 48 as stored, with what its annotations say and what is said of them."""
        turned = 6
        fault = [
            (None, {"width": 48, "height": 64}, [5, 5, 20, 20], "48 x 64"),
            (None, {"width": 64, "height": 47}, [5, 5, 20, 20], "64 x 47"),
            (turned, {"width": 64, "height": 48}, [5, 5, 20, 20], "EXIF"),
            (None, {}, [-5, 5, 20, 20], "annotation 1 reaches 5 pixels beyond"),
            (None, {}, [5, 30, 20, 20], "annotation 1 reaches 2 pixels beyond"),
            (turned, {}, [40, 5, 20, 20], "annotation 1 reaches 12 pixels beyond"),
        ]
        for number, (orientation, size, bbox, said) in enumerate(fault):
            with self.subTest(said):
                folder = self.deployment.path(f"unfit-{number}")
                os.makedirs(folder)
                write_png(os.path.join(folder, "a.png"), 64, 48, 8, 2, number, orientation=orientation)
                coco = os.path.join(folder, "a.json")
                with open(coco, "w", encoding="utf-8") as file:
                    json.dump({"images": [{"id": 1, "file_name": "a.png", **size}],
                               "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": bbox}],
                               "categories": [{"id": 1, "name": "scratch"}]}, file)
                if number == 0:
                    self.create(coco)
                self.assertIn(said, self.fails("import", "--images", folder, "--coco", coco,
                                               "--labelled", "boxes"))
                for command in (["train", "--preset", "small"], ["detect", "--weights", self.trained()]):
                    result = run(program("loupe-worker"), *command, "--coco", coco, "--images", folder,
                                 "--out", self.deployment.path("never"), check=False)
                    self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
                    self.assertIn(said, result.stderr)
                    self.assertFalse(os.path.exists(self.deployment.path("never")))
        self.assertEqual(self.images(), [])

    def test_class_heads_are_matched_by_name(self):
        folder = os.path.join(CASES, "class-order")
        images = os.path.join(folder, "images")

        def train(coco, recipe, out, *options):
            path = self.deployment.path(f"{out}.textproto")
            with open(path, "w", encoding="utf-8") as file:
                file.write(recipe)
            result = run(program("loupe-worker"), "train", "--coco", os.path.join(folder, coco),
                         "--images", images, "--recipe", path, "--out", self.deployment.path(out), *options)
            return result.stderr

        def ap50(coco, model):
            results = self.deployment.path("class-order.json")
            run(program("loupe-worker"), "detect", "--weights", model, "--coco", os.path.join(folder, coco),
                "--images", images, "--out", results)
            judged = run(program("loupe-worker"), "eval", "--ground-truth", os.path.join(folder, coco),
                         "--detections", results, "--json")
            return json.loads(judged.stdout)["overall"]["ap50"]

        detector = 'detector { preset: "small" min_size: 96 max_size: 128 } '
        train("ab.json", detector + "training { iterations: 60 batch_size: 4 } seed: 3", "ab")
        first = self.deployment.path("ab", "model.safetensors")
        before = ap50("ab.json", first)
        self.assertGreater(before, 0.5, "the model has learned the two classes")
        one_step = detector + "training { iterations: 1 batch_size: 2 learning_rate: 1e-9 }"
        said = train("ba.json", one_step, "ba", "--init", first)
        self.assertIn("2 classes matched by name", said)
        after = ap50("ba.json", self.deployment.path("ba", "model.safetensors"))
        self.assertAlmostEqual(after, before, delta=0.05)

    def test_a_round_over_a_pool_of_odd_pictures_ends_and_names_what_it_could_not_use(self):
        """One picture in twenty of each kind: undecodable, cut, every colour mode, turned, deep, large."""
        folder = self.deployment.path("odd")
        worker("sample", "--out", folder, "--images", 60, "--seed", 5)
        images = os.path.join(folder, "images")
        undecodable = [f"undecodable-{i}.png" for i in range(3)] + [f"half-{i}.jpg" for i in range(3)]
        cut = [f"cut-{i}.png" for i in range(3)] + [f"empty-scan-{i}.jpg" for i in range(3)]
        with open(sorted(glob.glob(os.path.join(images, "*.jpg")))[0], "rb") as file:
            whole = file.read()
        scan = whole.index(b"\xff\xda") + 14
        for i in range(3):
            for name, content in ((f"half-{i}.jpg", whole[:scan + 400 + i] + b"x\xff\xd9"),
                                  (f"empty-scan-{i}.jpg", whole[:scan] + b"\xff\xd9" + bytes([i]))):
                with open(os.path.join(images, name), "wb") as file:
                    file.write(content)
            write_png(os.path.join(images, undecodable[i]), 64, 48, 8, 2, i, data=b"no pixels %d" % i)
            write_png(os.path.join(images, cut[i]), 64, 48, 8, 2, i)
            os.truncate(os.path.join(images, cut[i]), 200)
            write_png(os.path.join(images, f"deep-colour-{i}.png"), 64, 48, 16, 2, i)
            for mode in (0, 2, 3, 4, 6):
                write_png(os.path.join(images, f"mode-{mode}-{i}.png"), 64, 48, 8, mode, i)
            write_png(os.path.join(images, f"deep-{i}.png"), 64, 48, 16, 0, i)
            write_png(os.path.join(images, f"turned-{i}.png"), 64, 48, 8, 2, i, orientation=6)
            write_png(os.path.join(images, f"large-{i}.png"), 4000, 3000, 8, 0, i)
        coco = os.path.join(folder, "annotations.json")
        # Two labelled pictures are bad: training sets them aside, too.
        labelled = read_json(coco)
        for number, name in enumerate(undecodable[:2]):
            labelled["images"].append({"id": 9000 + number, "file_name": name, "width": 64, "height": 48})
            labelled["annotations"].append({"id": 9000 + number, "image_id": 9000 + number, "category_id": 1,
                                            "bbox": [5, 5, 20, 20]})
        with open(coco, "w", encoding="utf-8") as file:
            json.dump(labelled, file)
        self.create(coco)
        self.loupe("import", "--images", images, "--coco", coco, "--labelled", "boxes")
        imported = json.loads(self.loupe("import", "--images", images, "--skip-bad", "--json"))
        self.assertEqual(imported["skipped_total"], len(cut))
        for name in cut:
            self.assertIn(name, " ".join(imported["skipped"]))
        shown = self.round()
        self.assertEqual(shown["state"], "done")
        self.assertEqual(sorted(image["file_name"] for image in shown["set_aside"]), sorted(undecodable))
        sizes = {image["file_name"]: (image["width"], image["height"]) for image in self.images()}
        self.assertEqual(sizes["turned-0.png"], (48, 64))
        predicted = int(self.deployment.psql(
            "SELECT count(*) FROM prediction JOIN image ON image.id = image_id JOIN project "
            f"ON project.id = image.project_id WHERE project.name = '{self.project}' AND state = 'usable'"))
        self.assertEqual(predicted, len(sizes) - len(undecodable))

    def test_exported_pictures_never_share_a_file(self):
        first, second = (os.path.join(CASES, f"export-clash-{number}") for number in (1, 2))
        self.create(os.path.join(first, "a.json"))
        # The made-up name of the second picture is to be the first one's own: ids decide.
        self.loupe("import", "--images", os.path.join(first, "images"), "--coco",
                   os.path.join(first, "a.json"), "--labelled", "boxes")
        last = max(image["id"] for image in self.images())
        clash = f"image-{last + 1}.jpg"
        folder = self.deployment.path(f"clash-{last}")
        for name, source in (("one", os.path.join(first, "images", "image-146.jpg")),
                             ("two", os.path.join(second, "images", "image-144.jpg"))):
            os.makedirs(os.path.join(folder, name))
            file_name = "image-144.jpg" if name == "two" else clash
            shutil.copy(source, os.path.join(folder, name, file_name))
            with open(os.path.join(folder, name, file_name), "ab") as file:
                file.write(name.encode())  # other bytes than the pictures before
            coco = read_json(os.path.join(second, "a.json"))
            coco["images"][0].update(file_name=file_name)
            if name == "one":
                coco["images"][0].update(width=160, height=120)
            with open(os.path.join(folder, f"{name}.json"), "w", encoding="utf-8") as file:
                json.dump(coco, file)
        for name in ("two", "one"):
            self.loupe("import", "--images", os.path.join(folder, name), "--coco",
                       os.path.join(folder, f"{name}.json"), "--labelled", "boxes")
        out = self.deployment.path(f"export-{last}")
        self.loupe("export", "--format", "coco", "--out", out)
        names = [image["file_name"] for image in read_json(os.path.join(out, "annotations.json"))["images"]]
        self.assertEqual(len(names), 4)
        self.assertEqual(len(set(names)), 4)
        self.assertIn(clash, names)
        self.assertEqual(sorted(os.listdir(os.path.join(out, "images"))), sorted(names))
        self.loupe("export", "--format", "coco", "--out", out)
        excluded = next(image["id"] for image in self.images() if image["file_name"] == clash)
        self.loupe("image", "exclude", excluded, "--reason", "blurred")
        self.assertIn("holds 1 file of something else",
                      self.fails("export", "--format", "coco", "--out", out))
        self.loupe("image", "restore", excluded)
        hashes = {image["sha256"] for image in self.images()}
        CasesTest.count += 1
        self.project = f"case-{CasesTest.count}"
        self.create(os.path.join(out, "annotations.json"))
        self.loupe("import", "--images", os.path.join(out, "images"), "--coco",
                   os.path.join(out, "annotations.json"), "--labelled", "all")
        self.assertEqual({image["sha256"] for image in self.images()}, hashes)

    def refuses_file(self, case, command, said):
        folder = os.path.join(CASES, case)
        options = ["--weights", self.trained()] if command[0] == "detect" else []
        result = run(program("loupe-worker"), *command, "--coco", os.path.join(folder, "a.json"),
                     "--images", os.path.join(folder, "images"), "--out", self.deployment.path("never"),
                     *options, check=False)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertIn(said, result.stderr)
        self.assertFalse(os.path.exists(self.deployment.path("never")))

    def trained(self):
        """Weights of two classes."""
        out = self.deployment.path("trained")
        if not os.path.exists(out):
            folder = os.path.join(CASES, "export-clash-1")
            run(program("loupe-worker"), "train", "--coco", os.path.join(folder, "a.json"), "--images",
                os.path.join(folder, "images"), "--recipe", RECIPE, "--out", out)
        return os.path.join(out, "model.safetensors")

    def test_box_outside_a_picture_without_a_size_is_refused_by_train(self):
        self.refuses_file("box-outside-no-size", ["train", "--preset", "small"], "annotation 1 reaches")


if __name__ == "__main__":
    unittest.main(verbosity=2)
