"""Runs loupe-renderer on real pictures. Pillow and numpy make them and read the results."""

import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

import numpy
from PIL import Image

ROOT = os.environ.get("LOUPE_SOURCE") or os.path.join(os.path.dirname(__file__), "..", "..")
BIN = os.environ.get("LOUPE_BIN") or os.path.join(ROOT, "build", "release", "bin")
PROGRAM = os.path.join(BIN, "loupe-renderer")
ORIENTATION = 0x0112
# In builds with a sanitizer memory that is refused is no error, either.
ENVIRONMENT = {
    **os.environ,
    "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":allocator_may_return_null=1",
    "TSAN_OPTIONS": os.environ.get("TSAN_OPTIONS", "") + ":allocator_may_return_null=1",
}
# How to turn an array of stored pixels, by orientation. Source: EXIF 2.3, tag 0x0112.
TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: numpy.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: numpy.rot90(a, 1),
}


def smooth(width, height, seed=1):
    """[height, width, 3] of uint8, without sharp edges: JPEG hardly changes it."""
    small = numpy.random.default_rng(seed).integers(0, 255, (5, 6, 3), dtype=numpy.uint8)
    return numpy.asarray(Image.fromarray(small).resize((width, height), Image.BICUBIC))


def write_deep_png(path, levels):
    """levels: [H, W, 3] of uint16, which Pillow can't write. Source: ISO/IEC 15948."""
    height, width, _ = levels.shape

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header))
        file.write(chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def write_deep_tiff(path, levels):
    """The same as a TIFF without compression. Source: TIFF 6.0, section 6."""
    height, width, _ = levels.shape
    pixels = levels.astype("<u2").tobytes()
    end = 8 + len(pixels)
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, end), (259, 3, 1, 1), (262, 3, 1, 2)]
    tags += [(273, 4, 1, 8), (277, 3, 1, 3), (278, 4, 1, height), (279, 4, 1, len(pixels))]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    with open(path, "wb") as file:
        file.write(b"II*\0" + struct.pack("<I", end + 6) + pixels + struct.pack("<HHH", 16, 16, 16))
        file.write(directory + struct.pack("<I", 0))


class Renderer:
    def __init__(self):
        self.process = subprocess.Popen(
            [PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
        )

    def send(self, line):
        """Returns the answer, without the line's end."""
        self.process.stdin.write(line if isinstance(line, bytes) else (line + "\n").encode())
        self.process.stdin.flush()
        return self.process.stdout.readline().decode("ascii").rstrip("\n")

    def end(self):
        """Closes its input; returns its exit status."""
        self.process.stdin.close()
        status = self.process.wait(timeout=30)
        self.process.stdout.close()
        return status


class RendererTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.renderer = Renderer()
        self.addCleanup(lambda: self.assertEqual(self.renderer.end(), 0))

    def path(self, name):
        return os.path.join(self.folder, name)

    def request(self, name, max_side, low=0, high=65535, out="out"):
        return self.renderer.send(f"{self.path(name)}\t{self.path(out)}\t{max_side}\t{low}\t{high}")

    def rendered(self, name, max_side, low=0, high=65535):
        """The result as an array."""
        self.assertEqual(self.request(name, max_side, low, high), "ok", name)
        with Image.open(self.path("out")) as picture:
            self.assertEqual(picture.format, "JPEG" if max_side else "PNG")
            self.assertIn(picture.mode, ("L", "RGB"))
            self.assertNotIn(ORIENTATION, picture.getexif(), "it is turned already")
            return numpy.asarray(picture)

    def save(self, name, array, **options):
        Image.fromarray(array).save(self.path(name), **options)

    def assert_near(self, array, expected, most, what=None):
        self.assertEqual(array.shape, expected.shape, what)
        difference = numpy.abs(array.astype(int) - expected.astype(int))
        self.assertLessEqual(difference.mean(), most, what)
        self.assertLessEqual(difference.max(), 8 * most, what)

    def test_pictures_are_turned_as_people_see_them(self):
        stored = smooth(480, 320)
        exif = Image.Exif()
        for orientation, turn in TURNS.items():
            exif[ORIENTATION] = orientation
            self.save("a.png", stored, exif=exif)
            self.save("a.jpg", stored, exif=exif, quality=98, subsampling=0)
            self.save("a.tif", stored, tiffinfo={ORIENTATION: orientation})
            seen = turn(stored)
            for name in ("a.png", "a.tif"):
                whole = self.rendered(name, 0)
                self.assertTrue(numpy.array_equal(whole, seen), f"{name} {orientation}")
            self.assert_near(self.rendered("a.jpg", 0), seen, 2, orientation)
            small = numpy.asarray(Image.fromarray(numpy.ascontiguousarray(seen)).reduce(4))
            for name in ("a.png", "a.tif", "a.jpg"):
                self.assert_near(self.rendered(name, 120), small, 2, f"{name} {orientation}")

    def test_thumbnails_fit_and_are_never_enlarged(self):
        sizes = {
            (3000, 2): (256, 1),
            (2, 3000): (1, 256),
            (1, 1): (1, 1),
            (256, 100): (256, 100),
            (257, 256): (256, 255),
            (4000, 3001): (256, 192),
            (333, 1000): (85, 256),
        }
        for stored, (width, height) in sizes.items():
            for name in ("a.png", "a.jpg", "a.bmp", "a.webp"):
                self.save(name, smooth(*stored))
                shape = self.rendered(name, 256).shape
                self.assertEqual(shape, (height, width, 3), f"{name} {stored}")
        self.assertEqual(self.rendered("a.png", 0).shape, (1000, 333, 3))
        self.assertEqual(self.rendered("a.png", 1).shape, (1, 1, 3))

    def test_thumbnails_are_averages(self):
        checks = numpy.indices((512, 512)).sum(axis=0) % 2 * 255
        self.save("checks.png", checks.astype(numpy.uint8))
        self.assert_near(self.rendered("checks.png", 60), numpy.full((60, 60), 128, numpy.uint8), 1)
        photo = smooth(1600, 1200)
        expected = numpy.asarray(Image.fromarray(photo).resize((160, 120), Image.BOX))
        for name in ("photo.png", "photo.jpg"):
            self.save(name, photo)
            self.assert_near(self.rendered(name, 160), expected, 2, name)

    def test_grey_stays_grey(self):
        grey = smooth(64, 48)[:, :, 0]
        for name in ("a.png", "a.jpg", "a.tif"):
            self.save(name, grey)
            self.assert_near(self.rendered(name, 0), grey, 2, name)
            self.assertEqual(self.rendered(name, 32).shape, (24, 32), name)

    def test_alpha_is_dropped(self):
        clear = numpy.dstack([smooth(400, 300), numpy.zeros((300, 400), numpy.uint8)])
        self.save("clear.png", clear)
        self.assertTrue(numpy.array_equal(self.rendered("clear.png", 0), clear[:, :, :3]))
        small = numpy.asarray(Image.fromarray(clear[:, :, :3]).reduce(4))
        self.assert_near(self.rendered("clear.png", 100), small, 2)

    def test_inks_become_colors(self):
        # Cyan, magenta, yellow, black. Without ink there is white.
        for inks, color in (((0, 255, 255, 0), (255, 0, 0)), ((0, 0, 0, 0), (255, 255, 255))):
            Image.new("CMYK", (64, 64), inks).save(self.path("inks.jpg"), quality=95)
            expected = numpy.full((64, 64, 3), color, numpy.uint8)
            self.assert_near(self.rendered("inks.jpg", 0), expected, 3, inks)
            self.assert_near(self.rendered("inks.jpg", 8), expected[:8, :8], 3, inks)

    def test_sixteen_bits_become_eight_by_their_range(self):
        levels = numpy.arange(65536, dtype=numpy.uint16).reshape(256, 256)
        Image.fromarray(levels).save(self.path("grey.png"))
        Image.fromarray(levels).save(self.path("grey.tif"))
        colors = numpy.dstack([levels, levels[::-1], levels[:, ::-1]])
        write_deep_png(self.path("color.png"), colors)
        write_deep_tiff(self.path("color.tif"), colors)
        for low, high in ((0, 65535), (64, 4095), (0, 1), (30000, 30100), (65534, 65535)):
            wide = numpy.clip(numpy.arange(65536) - low, 0, high - low)
            eight = ((510 * wide + high - low) // (2 * (high - low))).astype(numpy.uint8)  # rounded
            for name, deep in (("grey", levels), ("color", colors)):
                for extension in (".png", ".tif"):
                    whole = self.rendered(name + extension, 0, low, high)
                    self.assertTrue(numpy.array_equal(whole, eight[deep]), f"{name}{extension} {low}")
        # By hand: 64 is black, 4095 white, and (2080 - 64) * 255 / 4031 = 127.53.
        Image.fromarray(numpy.array([[0, 64, 2080, 4095, 65535]], numpy.uint16)).save(self.path("few.png"))
        self.assertEqual(self.rendered("few.png", 0, 64, 4095).tolist(), [[0, 0, 128, 255, 255]])
        self.assert_near(self.rendered("few.png", 9, 64, 4095), numpy.array([[0, 0, 128, 255, 255]]), 8)

    def test_eight_bits_have_no_use_for_a_range(self):
        self.save("a.png", smooth(20, 10))
        self.assertTrue(numpy.array_equal(self.rendered("a.png", 0, 64, 4095), smooth(20, 10)))

    def test_what_is_no_picture_is_answered_with_a_line(self):
        noise = numpy.random.default_rng(2).integers(0, 255, (64, 64, 3), dtype=numpy.uint8)
        self.save("sound.png", noise)
        for name in ("a.png", "a.jpg", "a.bmp", "a.tif", "a.webp"):
            self.save(name, noise)
            with open(self.path(name), "rb") as file:
                whole = file.read()
            cuts = [whole[: len(whole) * share // 10] for share in range(10)]
            for bad in [*cuts, b"garbage", noise.tobytes()]:
                with open(self.path("bad"), "wb") as file:
                    file.write(bad)
                for max_side in (0, 16):
                    self.assertRegex(self.request("bad", max_side), r"^error [ -~]+$")
            self.assertEqual(self.request("sound.png", 16), "ok", "the next one is made")

    def test_files_that_cannot_be_read_or_written(self):
        self.save("a.png", smooth(20, 10))
        os.mkdir(self.path("folder"))
        before = sorted(os.listdir(self.folder))
        self.assertRegex(self.request("missing.png", 0), r"^failed can't read \S+missing.png: No such file")
        self.assertRegex(self.request("folder", 0), r"^failed can't read \S+folder: Is a directory")
        for out in ("missing/out", "folder"):
            self.assertRegex(self.request("a.png", 0, out=out), rf"^failed can't write \S+{out}: ")
        self.assertEqual(sorted(os.listdir(self.folder)), before, "nothing else is left behind")
        self.assertEqual(self.request("a.png", 0, out="a.png"), "ok", "a file may take its own place")
        self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_a_failure_leaves_the_file_that_was_there(self):
        with open(self.path("out"), "w", encoding="utf-8") as file:
            file.write("before")
        self.assertRegex(self.request("missing.png", 0), "^failed ")
        with open(self.path("out"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "before")

    def test_names_are_any_bytes(self):
        self.save("a.png", smooth(20, 10))
        name = os.path.join(os.fsencode(self.folder), "Prüfstück \x01\xa0".encode() + b"\xff .png")
        os.rename(self.path("a.png"), name)
        out = os.fsencode(self.path("out"))
        self.assertEqual(self.renderer.send(name + b"\t" + out + b"\t8\t0\t1\n"), "ok")
        self.assertRegex(self.renderer.send(name + b"x\t" + out + b"\t8\t0\t1\n"), r"^failed [ -~]+$")

    def test_bad_lines_are_answered(self):
        self.save("a.png", smooth(20, 10))
        for line in ("", "\t\t\t\t", "a", "a\tb\t1\t5\t5", "\0\t\xff", "x" * 100_000):
            self.assertRegex(self.renderer.send(line), r"^failed [ -~]+$")
        self.assertEqual(self.request("a.png", 8), "ok")

    def test_requests_may_be_sent_ahead(self):
        self.save("a.png", smooth(20, 10))
        lines = [f"{self.path('a.png')}\t{self.path(out)}\t8\t0\t1\n" for out in ("one", "two")]
        self.assertEqual(self.renderer.send("".join(lines).encode()), "ok")
        self.assertEqual(self.renderer.process.stdout.readline(), b"ok\n")
        self.assertTrue(os.path.exists(self.path("one")) and os.path.exists(self.path("two")))

    def test_a_picture_that_takes_too_much_memory_ends_nothing(self):
        self.save("small.png", smooth(20, 10))
        self.save("large.png", smooth(4000, 3000))
        self.assertEqual(self.request("small.png", 8), "ok")
        pid = self.renderer.process.pid
        with open(f"/proc/{pid}/statm", encoding="utf-8") as file:
            addressed = int(file.read().split()[0]) * resource.getpagesize()
        limit, most = resource.prlimit(pid, resource.RLIMIT_AS)
        self.assertLessEqual(limit - addressed, 3 << 30)
        resource.prlimit(pid, resource.RLIMIT_AS, (addressed + (20 << 20), most))
        self.assertRegex(self.request("large.png", 8), "^error ")
        self.assertEqual(self.request("small.png", 8), "ok")

    def test_it_writes_no_core_and_is_nice(self):
        self.save("a.png", smooth(20, 10))
        self.assertEqual(self.request("a.png", 8), "ok")  # it has set its limits by now
        pid = self.renderer.process.pid
        self.assertEqual(resource.prlimit(pid, resource.RLIMIT_CORE), (0, 0))
        nicer = os.getpriority(os.PRIO_PROCESS, pid) - os.getpriority(os.PRIO_PROCESS, 0)
        self.assertIn(nicer, (5, 19 - os.getpriority(os.PRIO_PROCESS, 0)))


class ProcessTest(unittest.TestCase):
    def test_it_ends_with_its_parent(self):
        # A parent that starts it and then waits. Its input stays open: this process has the other end, too.
        code = (
            "import subprocess, sys\n"
            f"child = subprocess.Popen([{PROGRAM!r}], stdin=0, stdout=1)\n"
            "child.wait()\n"
        )
        parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        parent.stdin.write(b"bad\n")
        parent.stdin.flush()
        self.assertRegex(parent.stdout.readline(), b"^failed ")
        parent.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        self.assertEqual(parent.stdout.read(), b"", "nobody has its output open any more")
        self.assertLess(time.monotonic() - killed, 30, "it would end after 60 s without a request")
        parent.wait()
        parent.stdin.close()
        parent.stdout.close()

    def test_it_tells_its_version_and_its_use(self):
        def output(option):
            return subprocess.run([PROGRAM, option], capture_output=True, text=True, check=True).stdout

        self.assertRegex(output("--version"), r"^loupe-renderer \d+\.\d+\.\d+ \(commit \w+\)\n$")
        self.assertIn("MAX_SIDE", output("--help"))
        wrong = subprocess.run([PROGRAM, "--wrong"], capture_output=True, check=False)
        self.assertEqual(wrong.returncode, 2)


if __name__ == "__main__":
    unittest.main()
