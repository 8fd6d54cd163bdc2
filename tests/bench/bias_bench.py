"""How often the 95 % intervals of the estimates from a random slice hold the truth, and how far plain
averages are off.

Made-up pools of 3,000 images, six kinds, of which 500 are labelled, any of them or the most uncertain ones;
3, 10 and 30 % of the others are drawn 2,000 times each, for a detector that stays the same. Beside it the
plain averages over as many of the most uncertain images. Aims: the truth is held in 93 to 97 % of the redraws
for precision, recall and prevalence over all categories, in 92 to 98 % for AP50 of the categories and on
average; plain averages miss it.
"""
import argparse
import collections
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from loupe_programs import program, run  # noqa: E402

FIGURES = "precision", "recall", "ap50", "prevalence", "boxes_left"
# Figure over all categories, or of each; bounds of the held share.
AIMS = {
    ("all", "precision"): (0.93, 0.97),
    ("all", "recall"): (0.93, 0.97),
    ("all", "prevalence"): (0.93, 0.97),
    ("all", "ap50"): (0.92, 0.98),
    ("each", "ap50"): (0.92, 0.98),
}


def number(value):
    return f"{value:9.0f}" if value > 1 else f"{value:9.3f}"


def column(cell):
    """Truth, mean estimate and held share of the redraws; plain average and a mark for its interval."""
    drawn, plain = cell["slice"], cell["plain_average"]
    text = number(drawn["truth"]) + number(drawn["estimate"]) if drawn["values"] else " " * 18
    text += f"{drawn['held'] / drawn['intervals']:7.1%}" if drawn["intervals"] else " " * 7
    if not plain["values"]:
        return text + " " * 10
    mark = "." if not plain["intervals"] else "*" if plain["held"] else " "
    return text + number(plain["estimate"]) + mark


def print_tables(cells):
    """A table for each pool and slice: a row for each category, five columns of four numbers."""
    tables = collections.defaultdict(lambda: collections.defaultdict(dict))
    for cell in cells:
        table = cell["world"], cell["drawn"], cell["unlabelled"]
        tables[table][cell["category"]][cell["figure"]] = cell
    print(
        "each: truth, mean estimate, intervals that hold the truth; plain average over the most uncertain\n"
        "images, marked * where its interval holds the truth, . where it has none"
    )
    for (world, drawn, unlabelled), rows in tables.items():
        print(f"\n{world}, {drawn:,} of {unlabelled:,}".ljust(9) + "".join(f"{name:>35}" for name in FIGURES))
        for category, row in rows.items():
            print(f"{category:>5}" + "".join(column(row[name]) for name in FIGURES))


def held_share(cells):
    return sum(cell["slice"]["held"] for cell in cells) / sum(cell["slice"]["intervals"] for cell in cells)


def bias(cells):
    """Distance of estimates from their truths, as a share of these, on average."""
    estimates = [cell for cell in cells if cell["values"]]
    return round(sum(abs(cell["estimate"] / cell["truth"] - 1) for cell in estimates) / len(estimates), 4)


def summary(cells, redraws):
    """For each figure over all categories, and for that of each: held shares, together and at the least and
    most."""
    lines = []
    for scope in "all", "each":
        for figure in FIGURES:
            own = [cell for cell in cells
                   if cell["figure"] == figure and (cell["category"] == "all") == (scope == "all")]
            # A share of fewer redraws says little, and only of slices with unusually many boxes of a
            # category.
            often = [cell for cell in own if cell["slice"]["intervals"] > redraws / 2]
            shares = [held_share([cell]) for cell in often]
            plain = [cell["plain_average"] for cell in own]
            low, high = AIMS.get((scope, figure), (None, None))
            lines.append({"categories": scope, "figure": figure, "held": round(held_share(own), 4),
                          "held_least": round(min(shares), 4), "held_most": round(max(shares), 4),
                          "aim_low": low, "aim_high": high,
                          "outside_aim": low and sum(not low <= share <= high for share in shares),
                          "shares": len(shares), "bias": bias(cell["slice"] for cell in own),
                          "plain_intervals": sum(cell["intervals"] for cell in plain),
                          "plain_held": sum(cell["held"] for cell in plain),
                          "plain_bias": bias(plain)})
    return lines


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="250 redraws, 500 resamples")
    redraws, resamples = (250, 500) if parser.parse_args().quick else (2_000, 1_000)
    cells = json.loads(run(program("loupe-bench-bias"), redraws, resamples, timeout=6 * 3600).stdout)
    print_tables(cells)
    lines = summary(cells, redraws)
    print("\n" + "".join(f"{name:>16}" for name in lines[0]))
    for line in lines:
        print("".join(f"{'' if value is None else value:>16}" for value in line.values()))
    print(json.dumps({"benchmark": "bias", "redraws": redraws, "resamples": resamples, "figures": lines}))


if __name__ == "__main__":
    main()
