"""What the runs of label_efficiency_bench.py show: figures with 95 % intervals, a table, and a plot.

A run is a list of rounds under "rounds", each with `images` and `seconds` (labelled so far, and a person's
time for them), `ap50` in [0, 1] and `per_class` (AP50 by class). Runs come as {arm: [a run a seed, in the
same order]}, among them `random`, which all are compared with, and `full`, one round with the whole pool
labelled. Every figure is taken for each seed first, against random's run of that seed; AP50 is given in
points, hundredths.

Intervals of means over seeds are Student's t. Where a curve first reaches random's last AP50 is read off each
seed's curve, and off the mean curves of all seeds. The first is drawn downwards by noise: a curve that goes
up and down reaches a height early, which random's own row shows; and a seed that never reaches it counts as
if it did with its last image, so that the saving is an upper bound then. The second has neither fault as long
as the mean gets there; its interval is a percentile bootstrap over seeds, too narrow rather than too wide
with as few seeds as these.
"""
import html
import math
import random
import statistics

# 97.5 % quantiles with 1, 2, … degrees of freedom.
STUDENT_T = (
    12.706,
    4.303,
    3.182,
    2.776,
    2.571,
    2.447,
    2.365,
    2.306,
    2.262,
    2.228,
    2.201,
    2.179,
    2.160,
    2.145,
    2.131,
    2.120,
    2.110,
    2.101,
    2.093,
)
MAX_SEEDS = len(STUDENT_T) + 1
RESAMPLES = 4000
FULL = "full"
BASELINE = "random"


def estimate(values):
    """Mean and its interval, which one value alone has not."""
    mean = statistics.fmean(values)
    if len(values) == 1:
        return {"mean": mean, "low": None, "high": None}
    half = STUDENT_T[len(values) - 2] * statistics.stdev(values) / math.sqrt(len(values))
    return {"mean": mean, "low": mean - half, "high": mean + half}


def reached_at(curve, target):
    """Where a curve of (x, AP50) first reaches the target, on straight lines between rounds; None: never."""
    if curve[0][1] >= target:
        return curve[0][0]
    for (x0, y0), (x1, y1) in zip(curve, curve[1:]):
        if y1 >= target:
            return x0 + (target - y0) / (y1 - y0) * (x1 - x0)
    return None


def curve_of(run, axis):
    return [(one[axis], one["ap50"]) for one in run["rounds"]]


def mean_curve(curves):
    return [tuple(map(statistics.fmean, zip(*points))) for points in zip(*curves)]


def saving(curve, baseline):
    """(percent fewer than the baseline needed for its last AP50, whether the curve gets there at all)."""
    whole, target = baseline[-1]
    x = reached_at(curve, target)
    return 100 * (1 - (curve[-1][0] if x is None else x) / whole), x is not None


def saving_by_seed(runs, baselines, axis):
    savings = [
        saving(curve_of(run, axis), curve_of(baseline, axis)) for run, baseline in zip(runs, baselines)
    ]
    reached = sum(reached for _, reached in savings)
    return {
        **estimate([percent for percent, _ in savings]),
        "reached": reached,
        "at_most": reached < len(runs),
    }


def saving_of_means(runs, baselines, axis):
    sides = [[curve_of(run, axis) for run in side] for side in (runs, baselines)]
    percent, reached = saving(*map(mean_curve, sides))
    figure = {"mean": percent, "low": None, "high": None, "at_most": not reached}
    if len(runs) > 1:
        draw = random.Random(1)
        drawn = [draw.choices(range(len(runs)), k=len(runs)) for _ in range(RESAMPLES)]
        resampled = sorted(saving(*(mean_curve([side[seed] for seed in seeds]) for side in sides))[0]
                           for seeds in drawn)
        figure["low"], figure["high"] = resampled[RESAMPLES // 40], resampled[-RESAMPLES // 40 - 1]
    return figure


def share_of_full(runs, fulls):
    """Last AP50 in percent of the full data's; None where that is 0, after a training too short for
    anything."""
    pairs = [(run["rounds"][-1]["ap50"], full["rounds"][0]["ap50"]) for run, full in zip(runs, fulls)]
    return estimate([100 * last / full for last, full in pairs]) if all(full for _, full in pairs) else None


def rare_ap50(run, rarest):
    return 100 * statistics.fmean(run["rounds"][-1]["per_class"][name] for name in rarest)


def arm_figures(arm, runs, rarest):
    """The figures of one arm; those that compare are left out for random itself."""
    mine, baselines = runs[arm], runs[BASELINE]
    figures = {
        "images_by_round": [one["images"] for one in mine[0]["rounds"]],
        "ap50_by_round": [estimate([100 * one["ap50"] for one in column])
                          for column in zip(*(run["rounds"] for run in mine))],
        "images_saved_by_seed": saving_by_seed(mine, baselines, "images"),
        "seconds_saved_by_seed": saving_by_seed(mine, baselines, "seconds"),
        "share_of_full": share_of_full(mine, runs[FULL]),
        "rare_ap50": estimate([rare_ap50(run, rarest) for run in mine]),
    }
    if arm == BASELINE:
        return figures
    gains = [
        [100 * (one["ap50"] - other["ap50"]) for one, other in zip(run["rounds"], baseline["rounds"])][1:]
        for run, baseline in zip(mine, baselines)
    ]
    by_round = [estimate(column) for column in zip(*gains)]
    worst = min(range(len(by_round)), key=lambda i: by_round[i]["mean"])
    figures.update(
        {
            "gain": estimate([statistics.fmean(row) for row in gains]),
            "gain_by_round": by_round,
            "worst_round": {"round": worst + 2, **by_round[worst]},
            "rounds_below": [
                i + 2 for i, one in enumerate(by_round) if one["high"] is not None and one["high"] < 0
            ],
            "images_saved": saving_of_means(mine, baselines, "images"),
            "seconds_saved": saving_of_means(mine, baselines, "seconds"),
            "rare_gain": estimate(
                [
                    rare_ap50(run, rarest) - rare_ap50(baseline, rarest)
                    for run, baseline in zip(mine, baselines)
                ]
            ),
        }
    )
    return figures


def set_figures(runs, rarest):
    """Of one data set. `first_rounds_apart`: arms of a seed start from one model, so it should be 0
    points."""
    firsts = zip(*([run["rounds"][0]["ap50"] for run in mine] for arm, mine in runs.items() if arm != FULL))
    return {"seeds": len(runs[FULL]), "rarest": list(rarest),
            "first_rounds_apart": max(100 * (max(seed) - min(seed)) for seed in firsts),
            "full_ap50": estimate([100 * run["rounds"][0]["ap50"] for run in runs[FULL]]),
            "arms": {arm: arm_figures(arm, runs, rarest) for arm in runs if arm != FULL}}


def cell(figure, sign=""):
    """`sign`: "+" where the figure is a difference."""
    if figure is None:
        return "-"
    text = f"{'<=' if figure.get('at_most') else ''}{figure['mean']:{sign}.1f}"
    if figure["low"] is not None:
        text += f" [{figure['low']:{sign}.1f}, {figure['high']:{sign}.1f}]"
    return text + (f" r{figure['round']}" if "round" in figure else "")


ROWS = (
    ("gain", "+", "AP50 gain over random, mean of rounds"),
    ("worst_round", "+", "that of the worst round"),
    ("images_saved", "+", "% fewer images, mean curves"),
    ("images_saved_by_seed", "+", "% fewer images, by seed"),
    ("seconds_saved", "+", "% fewer seconds, mean curves"),
    ("seconds_saved_by_seed", "+", "% fewer seconds, by seed"),
    ("share_of_full", "", "last AP50, % of the full data's"),
    ("rare_ap50", "", "last AP50 of the two rarest classes"),
    ("rare_gain", "+", "gain of these over random"),
)


def table(figures, aims):
    """Lines of text, an arm a column. `aims`: what is wished for, by figure."""
    arms = figures["arms"]
    lines = [["", "aim", *arms]]
    for key, sign, label in ROWS:
        aim = f"{aims[key]:{sign}g}" if key in aims else ""
        lines.append([label, aim, *(cell(one.get(key), sign) for one in arms.values())])
    for i, images in enumerate(next(iter(arms.values()))["images_by_round"]):
        lines.append(
            [f"AP50, {images} images", "", *(cell(one["ap50_by_round"][i]) for one in arms.values())]
        )
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = ["  ".join(part.ljust(width) for part, width in zip(line, widths)).rstrip() for line in lines]
    text.append(
        f"AP50 of the full data: {cell(figures['full_ap50'])}. Seeds: {figures['seeds']}, intervals: 95 %; "
        "rN: round N; <=: random's last AP50 wasn't reached, or not by every seed"
    )
    text.append(
        f"the two rarest classes: {', '.join(figures['rarest'])}; the arms' first rounds, which should be "
        f"one, are at most {figures['first_rounds_apart']:.2f} points apart"
    )
    for arm, one in arms.items():
        if one.get("rounds_below"):
            text.append(
                f"{arm}: interval wholly below random in round {', '.join(map(str, one['rounds_below']))}"
            )
    return text


# Colours that people with any colour vision tell apart.
# Source: Okabe and Ito 2008, "Color Universal Design".
COLOURS = ("#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")
PANEL_WIDTH, PANEL_HEIGHT, MARGIN = 340, 260, 60


class Panel:
    """One pair of axes of an SVG, `left` pixels from its edge."""

    def __init__(self, left, title, xs, ys):
        self.left, self.title = left, title
        self.x_range = (min(xs), max(xs))
        step = 10 ** math.floor(math.log10(max(max(ys) - min(ys), 1e-9)))
        step *= next(factor for factor in (0.2, 0.5, 1, 2, 5) if (max(ys) - min(ys)) / (factor * step) <= 7)
        self.ticks = [step * i for i in range(math.floor(min(ys) / step), math.ceil(max(ys) / step) + 1)]
        self.y_range = (
            (self.ticks[0], self.ticks[-1]) if len(self.ticks) > 1 else (self.ticks[0], self.ticks[0] + 1)
        )

    def at(self, x, y):
        x_share = (x - self.x_range[0]) / ((self.x_range[1] - self.x_range[0]) or 1)
        y_share = (y - self.y_range[0]) / (self.y_range[1] - self.y_range[0])
        return self.left + MARGIN + x_share * PANEL_WIDTH, MARGIN + (1 - y_share) * PANEL_HEIGHT

    def axes(self, xs):
        left, bottom = self.at(self.x_range[0], self.y_range[0])
        parts = [
            f'<text x="{left}" y="{MARGIN - 16}" font-weight="bold">{html.escape(self.title)}</text>',
            f'<text x="{left + PANEL_WIDTH / 2}" y="{bottom + 38}" text-anchor="middle">'
            'images labelled</text>',
        ]
        for tick in self.ticks:
            y = self.at(0, tick)[1]
            parts.append(
                f'<path d="M{left} {y:.1f}h{PANEL_WIDTH}" stroke="{"#999" if tick == 0 else "#ddd"}"/>'
                f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>'
            )
        for x in xs:
            parts.append(
                f'<text x="{self.at(x, 0)[0]:.1f}" y="{bottom + 18}" text-anchor="middle">{x:g}</text>'
            )
        return parts

    def line(self, xs, estimates, colour, shift):
        """A curve with its intervals, all moved sideways by so many pixels, so that intervals don't
        overlap."""
        places = [self.at(x, one["mean"]) for x, one in zip(xs, estimates)]
        points = " ".join(f"{x + shift:.1f},{y:.1f}" for x, y in places)
        parts = [f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>']
        for x, one in zip(xs, estimates):
            if one["low"] is not None:
                (x_low, low), (_, high) = self.at(x, one["low"]), self.at(x, one["high"])
                parts.append(f'<path d="M{x_low + shift:.1f} {low:.1f}V{high:.1f}" stroke="{colour}"/>')
        return parts


def bounds(estimates):
    return [value for one in estimates for value in one.values() if value is not None]


def plot(title, figures):
    """An SVG: AP50 by images labelled on the left, gain over random with its intervals on the right."""
    arms = figures["arms"]
    xs = next(iter(arms.values()))["images_by_round"]
    heights = [one["mean"] for arm in arms.values() for one in arm["ap50_by_round"]] + [
        figures["full_ap50"]["mean"]
    ]
    left = Panel(0, f"{title}: AP50, mean of {figures['seeds']} seeds", xs, heights)
    gains = {arm: one["gain_by_round"] for arm, one in arms.items() if arm != BASELINE}
    right = Panel(PANEL_WIDTH + MARGIN, "points over random, 95 %", xs,
                  [0] + [value for one in gains.values() for value in bounds(one)])
    parts = left.axes(xs) + right.axes(xs)
    (x, y), colours = left.at(xs[0], figures["full_ap50"]["mean"]), dict(zip(arms, COLOURS))
    parts.append(f'<path d="M{x} {y:.1f}h{PANEL_WIDTH}" stroke="#555" stroke-dasharray="6 4"/>'
                 f'<text x="{x + 4}" y="{y + 14:.1f}">full data</text>')
    for arm, one in arms.items():
        means = [{"mean": each["mean"], "low": None} for each in one["ap50_by_round"]]
        parts += left.line(xs, means, colours[arm], 0)
    for i, (arm, estimates) in enumerate(gains.items()):
        parts += right.line(xs[1:], estimates, colours[arm], 4 * i - 2 * (len(gains) - 1))
    bottom = MARGIN + PANEL_HEIGHT + 60
    for i, arm in enumerate(arms):
        parts.append(
            f'<path d="M{MARGIN} {bottom + 18 * i}h24" stroke="{colours[arm]}" stroke-width="2"/>'
            f'<text x="{MARGIN + 32}" y="{bottom + 4 + 18 * i}">{html.escape(arm.replace("_", " "))}</text>'
        )
    width, height = 2 * (PANEL_WIDTH + MARGIN) + MARGIN, bottom + 18 * len(arms)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="12"><rect width="{width}" height="{height}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )
