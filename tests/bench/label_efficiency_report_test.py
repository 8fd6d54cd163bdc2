"""Hand-worked cases of label_efficiency_report.py."""
import random
import unittest
import xml.dom.minidom

import label_efficiency_report as report


def run_of(points, rare=(0.1, 0.2), seconds_an_image=10):
    """points: images and AP50 of each round."""
    return {"rounds": [{"images": images, "seconds": seconds_an_image * images, "ap50": ap50,
                        "per_class": {"a": rare[0], "b": rare[1], "c": 0.9}} for images, ap50 in points]}


class LabelEfficiencyReport(unittest.TestCase):
    def test_an_estimate_is_a_mean_with_students_interval(self):
        three = report.estimate([1, 2, 3])  # standard deviation 1
        self.assertAlmostEqual(three["mean"], 2)
        self.assertAlmostEqual(three["high"], 2 + 4.303 / 3**0.5)
        self.assertAlmostEqual(report.estimate([0, 2])["low"], 1 - 12.706)
        self.assertIsNone(report.estimate([5])["low"])

    def test_a_curve_is_reached_where_it_first_gets_there(self):
        curve = [(40, 0.1), (60, 0.3), (80, 0.2), (100, 0.5)]
        self.assertAlmostEqual(report.reached_at(curve, 0.2), 50)
        self.assertAlmostEqual(report.reached_at(curve, 0.4), 80 + 20 * 2 / 3)
        self.assertEqual(report.reached_at(curve, 0.05), 40)
        self.assertAlmostEqual(report.reached_at(curve, 0.5), 100)
        self.assertIsNone(report.reached_at(curve, 0.6))

    def test_savings_are_shares_of_what_random_took(self):
        random_curve = [(40, 0.1), (60, 0.2), (80, 0.3)]
        self.assertEqual(report.saving(random_curve, random_curve), (0, True))
        percent, reached = report.saving([(40, 0.1), (60, 0.3), (80, 0.4)], random_curve)
        self.assertAlmostEqual(percent, 25)
        self.assertTrue(reached)
        self.assertEqual(report.saving([(40, 0.1), (60, 0.2), (80, 0.25)], random_curve), (0, False))
        percent, _ = report.saving(
            [(400, 0.1), (900, 0.2), (1600, 0.3)], [(400, 0.1), (600, 0.2), (800, 0.3)]
        )
        self.assertAlmostEqual(percent, -100)

    def test_figures_of_two_seeds(self):
        baseline = [
            run_of([(40, 0.10), (60, 0.20), (80, 0.30)]),
            run_of([(40, 0.20), (60, 0.30), (80, 0.40)]),
        ]
        arm = [run_of([(40, 0.10), (60, 0.30), (80, 0.40)], (0.3, 0.2)),
               run_of([(40, 0.20), (60, 0.30), (80, 0.44)], (0.1, 0.4))]
        runs = {"random": baseline, "combined": arm, "full": [run_of([(600, 0.5)])] * 2}
        figures = report.set_figures(runs, ["a", "b"])
        combined = figures["arms"]["combined"]
        self.assertAlmostEqual(combined["gain"]["mean"], (10 + 2) / 2)
        self.assertAlmostEqual(combined["gain"]["high"] - 6, 12.706 * (8 / 2**0.5) / 2**0.5)
        self.assertAlmostEqual(combined["gain_by_round"][0]["mean"], 5)
        self.assertAlmostEqual(combined["gain_by_round"][1]["mean"], 7)
        self.assertEqual(combined["worst_round"]["round"], 2)
        self.assertEqual(combined["rounds_below"], [])
        self.assertAlmostEqual(combined["share_of_full"]["mean"], 84)
        self.assertAlmostEqual(combined["rare_gain"]["mean"], 10)
        self.assertAlmostEqual(figures["arms"]["random"]["rare_ap50"]["mean"], 15)
        # One seed reaches 0.30 at 60 images; the other 0.40 at 60 + 20 * 10 / 14.
        other = 100 * (1 - (60 + 200 / 14) / 80)
        self.assertAlmostEqual(combined["images_saved_by_seed"]["mean"], (25 + other) / 2)
        self.assertEqual(combined["images_saved_by_seed"]["reached"], 2)
        # The mean curves: 0.15 0.25 0.35, and 0.15 0.30 0.42, which reaches 0.35 at 60 + 20 * 5 / 12.
        self.assertAlmostEqual(combined["images_saved"]["mean"], 100 * (1 - (60 + 100 / 12) / 80))
        self.assertAlmostEqual(combined["images_saved"]["low"], other)
        self.assertAlmostEqual(combined["images_saved"]["high"], 25)
        self.assertEqual(figures["first_rounds_apart"], 0)

    def test_first_rounds_that_differ_are_told(self):
        runs = {"random": [run_of([(40, 0.20), (60, 0.3)])], "combined": [run_of([(40, 0.17), (60, 0.3)])],
                "full": [run_of([(600, 0.5)])]}
        self.assertAlmostEqual(report.set_figures(runs, ["a"])["first_rounds_apart"], 3)

    def test_an_arm_that_loses_is_named(self):
        runs = {"random": [run_of([(40, 0.1), (60, 0.3)])] * 3,
                "entropy": [run_of([(40, 0.1), (60, 0.2 - less)]) for less in (0, 0.01, 0.02)],
                "full": [run_of([(600, 0)])] * 3}
        figures = report.set_figures(runs, ["a"])
        entropy = figures["arms"]["entropy"]
        self.assertEqual(entropy["rounds_below"], [2])
        self.assertEqual(entropy["images_saved_by_seed"]["reached"], 0)
        self.assertIsNone(entropy["share_of_full"])
        text = "\n".join(report.table(figures, {"gain": 4}))
        self.assertIn("entropy: interval wholly below random in round 2", text)

    def test_plots_are_whole_for_one_seed_for_six_and_for_nothing_learned(self):
        rng = random.Random(3)
        for seeds in (1, 6):
            def arm(rise):
                return [run_of([(40 + 20 * i, 0.1 + rise * i + 0.02 * rng.random()) for i in range(5)])
                        for _ in range(seeds)]
            runs = {"random": arm(0.05), "combined": arm(0.08), "full": [run_of([(600, 0.5)])] * seeds}
            plot = report.plot("made up", report.set_figures(runs, ["a", "b"]))
            texts = {
                node.firstChild.data
                for node in xml.dom.minidom.parseString(plot).getElementsByTagName("text")
            }
            self.assertLessEqual({"random", "combined", "full data"}, texts)
        flat = [run_of([(4, 0.0), (6, 0.0)])]
        plot = report.plot("flat", report.set_figures({"random": flat, "entropy": flat, "full": flat}, ["a"]))
        xml.dom.minidom.parseString(plot)


if __name__ == "__main__":
    unittest.main()
