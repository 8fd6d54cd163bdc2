"""Prediction in bfloat16 on a CPU against float32: its speed, and its cost in average precision.

Speed: the same weights and pictures in turn, in float32, in bfloat16, and in bfloat16 as on a processor that
has AVX-512 without bfloat16 instructions (oneDNN is told to do without). Precision: `small`, trained on
NEU-DET's training split from ImageNet weights, detects on the test split in both; data and weights come from
LOUPE_DATA (default ../shared).
"""
import argparse
import json
import os
import statistics
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from detector_bench import THREADS, TORCHVISION, Side, write_settings  # noqa: E402
from loupe_programs import program, read_json, run, worker  # noqa: E402
from neu_det_data import ANNOTATIONS, DATA_SET, WEIGHTS, split_ids, write_part  # noqa: E402

# preset, height, width, batch
CASES = [("small", 256, 256, 1), ("small", 256, 256, 8), ("mobilenet-v3-large-320-fpn", 320, 320, 1),
         ("resnet50-fpn", 600, 600, 1)]
SIDES = [("float32", None), ("bfloat16", None), ("bfloat16", {"DNNL_MAX_CPU_ISA": "AVX512_CORE"})]


def measure_speed(folder, case, rounds):
    """Median seconds of each side, and the median of the rounds' ratios to float32."""
    preset, height, width, batch = case
    contents = os.path.join(folder, "contents.safetensors")
    sides = []
    for index, (precision, environment) in enumerate(SIDES):
        settings = os.path.join(folder, f"side-{index}.json")
        write_settings(settings, preset, height, width, batch, precision)
        if index == 0:
            run("/usr/bin/python3", TORCHVISION, "make", settings, contents)
        sides.append(Side([program("loupe-bench-detector"), "serve", settings, contents], environment))
    with sides[0], sides[1], sides[2]:
        for side in sides:
            side.ask("predict")
        times = [[side.ask("predict") for side in sides] for _ in range(rounds)]
    seconds = [statistics.median(column) for column in zip(*times)]
    ratios = [statistics.median(one[0] / one[index] for one in times) for index in range(len(SIDES))]
    return {"preset": preset, "height": height, "width": width, "batch": batch, "float32_seconds": seconds[0],
            "bfloat16_seconds": seconds[1], "emulated_seconds": seconds[2], "bfloat16_ratio": ratios[1],
            "emulated_ratio": ratios[2]}


def measure_precision(folder, iterations, every):
    coco, test_ids = read_json(ANNOTATIONS), split_ids("test")[::every]
    train = write_part(coco, split_ids("train"), os.path.join(folder, "train.json"))
    test = write_part(coco, test_ids, os.path.join(folder, "test.json"))
    recipe = os.path.join(folder, "recipe.textproto")
    with open(recipe, "w", encoding="utf-8") as file:
        file.write(
            'detector { preset: "small" min_size: 200 max_size: 200 } '
            f"training {{ iterations: {iterations} }}"
        )
    worker(
        "train",
        "--coco",
        train,
        "--images",
        DATA_SET,
        "--recipe",
        recipe,
        "--init",
        WEIGHTS,
        "--out",
        folder,
        timeout=3600,
    )
    figures = {}
    for precision in ("float32", "bfloat16"):
        results = os.path.join(folder, f"{precision}.json")
        worker(
            "detect",
            "--weights",
            os.path.join(folder, "model.safetensors"),
            "--coco",
            test,
            "--images",
            DATA_SET,
            "--out",
            results,
            "--threads",
            THREADS,
            "--precision",
            precision,
        )
        overall = json.loads(worker("eval", "--ground-truth", test, "--detections", results, "--json"))[
            "overall"
        ]
        figures[precision] = {key: overall[key] for key in ("ap", "ap50", "ap75")}
    return {"iterations": iterations, "images": len(test_ids), **figures}


def has_bfloat16_instructions():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return "avx512_bf16" in file.read()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="the small cases, and a short training")
    args = parser.parse_args()
    native = has_bfloat16_instructions()
    print(f"{THREADS} threads; the processor has {'' if native else 'no '}bfloat16 instructions")
    print(
        f"{'preset':28}{'pixels':>11}{'batch':>6}{'float32':>11}{'bfloat16':>11}{'ratio':>7}"
        f"{'emulated':>11}{'ratio':>7}"
    )
    rows = []
    with tempfile.TemporaryDirectory(prefix="loupe-") as folder:
        for case in [case for case in CASES if not args.quick or "50" not in case[0]]:
            row = measure_speed(folder, case, 5 if args.quick else 9)
            rows.append(row)
            pixels = f"{row['height']} x {row['width']}"
            print(f"{row['preset']:28}{pixels:>11}{row['batch']:6}{row['float32_seconds'] * 1e3:8.0f} ms"
                  f"{row['bfloat16_seconds'] * 1e3:8.0f} ms{row['bfloat16_ratio']:7.2f}"
                  f"{row['emulated_seconds'] * 1e3:8.0f} ms{row['emulated_ratio']:7.2f}", flush=True)
        precision = measure_precision(folder, 60 if args.quick else 600, 6 if args.quick else 1)
    print(f"\nsmall, {precision['iterations']} iterations on NEU-DET, {precision['images']} test images")
    for name in ("float32", "bfloat16"):
        print(f"{name:10}" + "".join(f"  {key} {value:.4f}" for key, value in precision[name].items()))
    print(json.dumps({"benchmark": "bfloat16", "bfloat16_instructions": native, "speed": rows,
                      "precision": precision}))


if __name__ == "__main__":
    main()
