"""Choosing images that differ: k-center over 1,000,000 embeddings of 128 numbers, in milliseconds a pick.

The reference is reading the same memory once, with as many threads, in turn with it in the same run. Aim: at
most twice its time. Also the seconds for a budget of 2,000 of 8,000 candidates with 20,000 labelled images as
centres, and for merging near-duplicates among 100,000 images.
"""
import argparse
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from loupe_programs import program, run  # noqa: E402

AIM_RATIO = 2
# Rows and picks; candidates, centres and budget; images.
FULL = (1_000_000, 20, 8_000, 20_000, 2_000, 100_000)
QUICK = (300_000, 10, 8_000, 20_000, 2_000, 30_000)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="300,000 embeddings, 30,000 images to merge")
    sizes = QUICK if parser.parse_args().quick else FULL
    measured = json.loads(run(program("loupe-bench-diversity"), *sizes).stdout)
    figures = {"benchmark": "diversity", **measured, "aim_ratio": AIM_RATIO}
    figures = {
        name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()
    }
    for name, value in figures.items():
        print(f"{name:24}{value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
