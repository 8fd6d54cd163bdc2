"""The annotation page in a browser: how quick it is, what memory it takes, and what it saves a person.

A real Chromium, headless and without a GPU, on a real coordinator, over loopback. The pages are driven by the
DevTools protocol; the keys and the moves of the mouse come from the browser, as a person's do.

- submit: from Enter to the frame with the next picture on the screen, 12 megapixels. The reference is a plain
  page without prefetching. Aim: 95th percentile below 50 ms.
- frames: times between frames while a box among 2,000 is dragged, and while the image is zoomed and panned.
  Aim: 95th percentile of at most 20 ms, none above 50.
- cold: from the navigation to the first picture on the screen, with an empty cache. Aims: 1 s; 60 kB of
  scripts, compressed.
- memory: PSS of the tab's renderer at some images. Aims: below 450 MB; 20 MB more from image 50 to 500.
- study: what it takes a hand with human speeds (annotate/hand.mjs) to correct the boxes of a first model. The
  reference is the same hand that draws all boxes.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from gateway_bench import processor, write_photographs  # noqa: E402
from loupe_programs import BIN, SOURCE  # noqa: E402

PARTS = ("submit", "frames", "cold", "memory", "study")
# Pictures to write: width, height, how many, how many with --quick.
PICTURES = {"photographs": (4000, 3000, 60, 10), "ordinary": (1600, 1200, 510, 35)}


def write_pictures(folder, quick):
    for name, (width, height, *counts) in PICTURES.items():
        path = os.path.join(folder, name)
        os.makedirs(path)
        paths = write_photographs(path, counts[quick], width, height)
        size = sum(map(os.path.getsize, paths)) / len(paths) / 1e6
        print(f"{len(paths)} pictures of {width} x {height}, {size:.1f} MB each", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer images, shorter, a smaller model")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, metavar="PART",
                        help=", ".join(PARTS))
    args = parser.parse_args()
    name, flags = processor()
    print(f"{os.cpu_count()} cores, {name}, {' '.join(flags)}")
    figures = {"benchmark": "annotate", "cores": os.cpu_count(), "processor": name, "flags": flags}
    with tempfile.TemporaryDirectory(prefix="loupe-annotate-") as folder:
        if set(args.only) != {"study"}:
            write_pictures(folder, args.quick)
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "annotate", "main.mjs")
        subprocess.run(["node", script, folder, "quick" if args.quick else "full", *args.only], check=True,
                       env={**os.environ, "LOUPE_BIN": BIN, "LOUPE_SOURCE": SOURCE})
        with open(os.path.join(folder, "figures.json"), encoding="utf-8") as file:
            figures.update(json.load(file))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
