"""Resizing pictures as Pillow does, bit for bit (v1::Detector, ANTIALIASED): milliseconds a picture, against
OpenCV's area resize in the same process and Pillow's own resize, in turns. One thread each: a worker resizes
pictures while the network computes on the others.

Aim: at most 1.5 times OpenCV's time.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import numpy
from PIL import Image

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from gateway_bench import processor  # noqa: E402
from loupe_programs import program  # noqa: E402

# Height and width, before and after.
CASES = [(1000, 1200, 800, 960), (1000, 1200, 400, 480), (2000, 3000, 800, 1200), (640, 640, 800, 800),
         (200, 200, 800, 800)]


def pillow_ms(sides, repeats):
    height, width, new_height, new_width = sides
    levels = numpy.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=numpy.uint8)
    picture = Image.fromarray(levels)
    times = []
    for _ in range(repeats):
        started = time.monotonic()
        picture.resize((new_width, new_height), Image.BILINEAR)
        times.append(1000 * (time.monotonic() - started))
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="5 resizings of each, not 50")
    repeats = 5 if parser.parse_args().quick else 50
    name, flags = processor()
    print(f"{os.cpu_count()} cores, {name}, {' '.join(flags)}")
    print(f"{'picture':>12} {'to':>10} {'Loupe, ms':>10} {'OpenCV, ms':>11} {'ratio':>6} {'Pillow, ms':>11}")
    figures = []
    for sides in CASES:
        out = subprocess.run([program("loupe-bench-resize"), "1", str(repeats), *map(str, sides)], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
        measured = json.loads(out)
        ours, opencv = statistics.median(measured["ours"]), statistics.median(measured["opencv"])
        ratio = statistics.median(a / b for a, b in zip(measured["ours"], measured["opencv"]))
        pillow = pillow_ms(sides, repeats)
        print(f"{sides[1]:>7}x{sides[0]} {sides[3]:>5}x{sides[2]} {ours:>10.2f} {opencv:>11.2f} "
              f"{ratio:>6.2f} {pillow:>11.2f}")
        figures.append({"sides": sides, "ms": ours, "opencv_ms": opencv, "ratio": ratio, "pillow_ms": pillow})
    print(json.dumps({"benchmark": "resize", "processor": name, "flags": flags, "cases": figures}))


if __name__ == "__main__":
    main()
