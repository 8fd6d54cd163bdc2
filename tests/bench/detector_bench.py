"""Loupe's detector against torchvision's: the same weights, pictures, BLAS and two threads, run in turn.

For each case a table row: median seconds of both, the ratio (median of the pairs' ratios), the peak memory,
and how near the convolutions alone, as oneDNN logs them, come to the fastest convolution that this machine
was seen to do. `--reference-blas` runs torchvision on stock reference BLAS, which is what Debian installs
unless told otherwise.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from loupe_programs import program, run  # noqa: E402

THREADS = 2
REFERENCE_BLAS = "/usr/lib/x86_64-linux-gnu/blas"
TORCHVISION = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torchvision_detector.py")
CLASSES = 6
TRAINABLE_LAYERS = 3  # torchvision's default

# Detectron2's RoIAlign: as many points as a bin has cells. torchvision has the function, so that its detector
# with it is the reference.
BY_THE_BIN = "roi_aligned: true roi_sampling_ratio: 0"

# preset, request, height, width, batch, aim, overrides
CASES = [
    ("resnet50-fpn", "predict", 600, 600, 1, 2.0, ""),
    ("resnet50-fpn", "predict", 800, 1066, 1, 2.0, ""),
    ("resnet18-fpn", "predict", 256, 256, 1, 2.0, ""),
    ("resnet18-fpn", "predict", 256, 256, 8, 2.0, ""),
    ("mobilenet-v3-large-320-fpn", "predict", 320, 320, 1, 1.5, ""),
    ("resnet18-fpn", "step", 256, 256, 8, 2.0, ""),
    ("resnet50-fpn", "step", 600, 600, 2, 1.6, ""),
    ("resnet18-fpn", "predict", 256, 256, 1, 1.0, BY_THE_BIN),
    ("resnet18-fpn", "step", 256, 256, 8, 1.0, BY_THE_BIN),
    ("resnet50-fpn", "predict", 800, 1066, 1, 1.0, BY_THE_BIN),
]

PROBLEM = re.compile(r"(?:g(\d+))?mb(\d+)_ic(\d+)oc(\d+)_ih\d+oh(\d+)kh(\d+)\w+_iw\d+ow(\d+)kw(\d+)")


class Side:
    """A process that does what it is asked, once a line. Its threads sleep when it is the other side's
    turn."""

    def __init__(self, command, environment=None):
        self.process = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self.log = []

    def answer(self):
        """The next line that is no log of oneDNN's; those are kept."""
        while line := self.process.stdout.readline():
            if not line.startswith(("onednn_verbose", "dnnl_verbose")):
                return line.strip()
            self.log.append(line)
        raise RuntimeError(f"{self.process.args} ended with status {self.process.wait()}")

    def ask(self, request):
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        return float(self.answer())

    def __enter__(self):
        assert self.answer() == "ready"
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


def convolutions(log):
    """(floating point operations, milliseconds) of each convolution that oneDNN logged."""
    for line in log:
        fields = line.split(",")
        if len(fields) < 9 or fields[1] != "exec" or fields[3] != "convolution":
            continue
        found = PROBLEM.search(line)
        groups, batch, inputs, outputs, height, kernel_height, width, kernel_width = (
            int(value or 1) for value in found.groups())
        yield 2 * batch * inputs * outputs // groups * height * width * kernel_height * kernel_width, float(
            fields[-1]
        )


def peak_rate():
    """Operations a millisecond of the fastest large convolution."""
    log = subprocess.run(
        [program("loupe-bench-detector"), "peak"],
        env={**os.environ, "DNNL_VERBOSE": "1"},
        text=True,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout.splitlines()
    return max(count / milliseconds for count, milliseconds in convolutions(log))


def convolution_share(serve, request, peak):
    with Side(serve, {"DNNL_VERBOSE": "1"}) as side:
        for _ in range(2):
            side.ask(request)
        side.log.clear()
        for _ in range(3):
            side.ask(request)
        found = list(convolutions(side.log))
    return sum(count for count, _ in found) / sum(time for _, time in found) / peak


def write_settings(path, preset, height, width, batch, precision="float32", overrides=""):
    settings = json.loads(run(program("loupe-bench-detector"), "describe", preset, overrides).stdout)
    settings.update(preset=preset, overrides=overrides, height=height, width=width, batch=batch,
                    min_size=min(height, width), max_size=max(height, width), num_classes=CLASSES,
                    threads=THREADS, trainable_layers=TRAINABLE_LAYERS, precision=precision)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(settings, file)


def measure(folder, case, pairs, peak, reference_blas):
    preset, request, height, width, batch, aim, overrides = case
    settings_file, contents = os.path.join(folder, "case.json"), os.path.join(folder, "contents.safetensors")
    write_settings(settings_file, preset, height, width, batch, overrides=overrides)
    theirs = ["/usr/bin/python3", TORCHVISION, "serve", settings_file, contents]
    ours = [program("loupe-bench-detector"), "serve", settings_file, contents]
    run("/usr/bin/python3", TORCHVISION, "make", settings_file, contents)
    environment = {"LD_LIBRARY_PATH": REFERENCE_BLAS} if reference_blas else None
    with Side(theirs, environment) as torchvision, Side(ours) as loupe:
        for side in (torchvision, loupe):
            side.ask(request)
            side.ask(request)
        times = [(torchvision.ask(request), loupe.ask(request)) for _ in range(pairs)]
        memory = torchvision.ask("memory"), loupe.ask("memory")
    return {
        "preset": preset, "overrides": overrides, "request": request, "height": height, "width": width,
        "batch": batch, "aim": aim,
        "torchvision_seconds": statistics.median(time for time, _ in times),
        "loupe_seconds": statistics.median(time for _, time in times),
        "ratio": statistics.median(time / other for time, other in times),
        "torchvision_mebibytes": memory[0], "loupe_mebibytes": memory[1],
        "convolution_share_of_peak": convolution_share(ours, request, peak),
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="the small cases only")
    parser.add_argument("--reference-blas", action="store_true", help="torchvision on stock reference BLAS")
    parser.add_argument("--only", default="", help="cases whose preset or request holds this")
    parser.add_argument("--pairs", type=int, default=7, help="at least 5 for a figure to be quoted")
    args = parser.parse_args()
    cases = [case for case in CASES if args.only in case[0] + " " + case[1]]
    if args.quick:
        cases = [case for case in cases if "50" not in case[0]]
    rows = []
    with tempfile.TemporaryDirectory(prefix="loupe-") as folder:
        peak = peak_rate()
        print(f"fastest convolution seen: {peak / 1e6:.0f} GFLOP/s; {THREADS} threads; {args.pairs} pairs")
        print(
            f"{'preset':28}{'':9}{'pixels':>11}{'batch':>6}{'torchvision':>13}{'Loupe':>9}{'ratio':>7}"
            f"{'aim':>5}{'MiB':>12}{'convolutions':>14}",
            flush=True,
        )
        for case in cases:
            row = measure(folder, case, args.pairs, peak, args.reference_blas)
            name = row["preset"] + (" *" if row["overrides"] else "")
            pixels = f"{row['height']} x {row['width']}"
            memory = f"{row['torchvision_mebibytes']:.0f}/{row['loupe_mebibytes']:.0f}"
            print(
                f"{name:28}{row['request']:9}{pixels:>11}{row['batch']:6}"
                f"{row['torchvision_seconds'] * 1e3:10.0f} ms{row['loupe_seconds'] * 1e3:6.0f} ms"
                f"{row['ratio']:7.2f}{row['aim']:5}{memory:>12}{row['convolution_share_of_peak']:13.0%}",
                flush=True,
            )
            rows.append(row)
    print(f"* {BY_THE_BIN}")
    print(
        json.dumps(
            {
                "benchmark": "detector",
                "gflops_peak": peak / 1e6,
                "reference_blas": args.reference_blas,
                "cases": rows,
            }
        )
    )


if __name__ == "__main__":
    main()
