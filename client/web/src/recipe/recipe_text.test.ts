import { expect, test } from "vitest";
import type { RecipeDescriptionJson } from "../../gen/loupe/v1/round_pb";
import { fieldsOf, problemsIn, rangeText, recipeText, problemOf, valuesOf } from "./recipe_text";

const description: RecipeDescriptionJson = {
  sections: [
    {
      name: "detector",
      fields: [
        { path: "detector.preset", kind: "TEXT", defaults: ["small"] },
        { path: "detector.init_model", kind: "TEXT" },
        { path: "detector.overrides", kind: "MESSAGE" },
      ],
    },
    {
      name: "training",
      fields: [
        { path: "training.optimizer", kind: "ENUM", defaults: ["ADAMW"] },
        { path: "training.iterations", kind: "INTEGER", defaults: ["400"], low: 1, high: 1000000 },
        { path: "training.learning_rate", kind: "REAL", low: 0, high: 10, lowExcluded: true },
        { path: "training.decay_at", kind: "REAL", repeated: true, defaults: ["0.7", "0.9"] },
      ],
    },
    { name: "", fields: [{ path: "seed", kind: "INTEGER", defaults: ["1"] }] },
    {
      name: "ranking",
      fields: [
        { path: "ranking.rare_share", kind: "REAL" },
        { path: "ranking.random_share", kind: "REAL" },
      ],
    },
    {
      name: "pseudo_labels",
      fields: [{ path: "pseudo_labels.enabled", kind: "BOOLEAN", defaults: ["false"] }],
    },
  ],
};
const fields = fieldsOf(description);

test("only what is filled in is in the text", () => {
  expect(recipeText(description, {})).toBe("");
  expect(recipeText(description, { "detector.preset": " ", "training.iterations": "20" })).toBe(
    "training {\n  iterations: 20\n}\n",
  );
  const values = {
    "detector.init_model": 'a "b\\\n',
    "training.optimizer": "SGD",
    "training.decay_at": "0.5, 0.8,",
    seed: "7",
    "pseudo_labels.enabled": "true",
  };
  expect(recipeText(description, values)).toBe(
    'detector {\n  init_model: "a \\"b\\\\"\n}\n' +
      "training {\n  optimizer: SGD\n  decay_at: 0.5\n  decay_at: 0.8\n}\n" +
      "seed: 7\npseudo_labels {\n  enabled: true\n}\n",
  );
});

test("overrides of the detector are written and read as they are in a recipe", () => {
  const text = "anchors_rounded: false anchor_ratios: 0.5 anchor_ratios: 2 backbone { stride_in_1x1: true }";
  expect(recipeText(description, { "detector.overrides": ` ${text}\n` })).toBe(
    `detector {\n  overrides { ${text} }\n}\n`,
  );
  expect(recipeText(description, { "detector.overrides": " " })).toBe("");
  const overrides = { anchorsRounded: false, anchorRatios: [0.5, 2], backbone: { strideIn1x1: true } };
  const levels = { anchorLevels: [{ sizes: [8] }, { sizes: [16] }], rpnBoxLoss: "GIOU" as const };
  expect(valuesOf(description, { detector: { overrides: { ...overrides, ...levels } } })).toEqual({
    "detector.overrides":
      "backbone { stride_in_1x1: true } anchor_levels { sizes: 8 } anchor_levels { sizes: 16 } " +
      "anchor_ratios: 0.5 anchor_ratios: 2 anchors_rounded: false rpn_box_loss: GIOU",
  });
});

test("what is no number is said before anything is sent", () => {
  const problem = (path: string, text: string) =>
    problemOf(
      fields.find((each) => each.path === path)!,
      text,
    );
  expect(problem("training.iterations", "1.5")).toBe("must be a whole number");
  expect(problem("training.iterations", "-3")).toBe("must be a whole number");
  expect(problem("training.iterations", "")).toBe("");
  expect(problem("training.learning_rate", "1e-3")).toBe("");
  expect(problem("training.learning_rate", "0,1")).toBe("must be a number");
  expect(problem("training.learning_rate", "1 } seed: 3")).toBe("must be a number");
  expect(problem("training.decay_at", "0.1, x")).toBe("must be a number");
});

test("a refusal is found at the fields that it names", () => {
  const message =
    "recipe: training.iterations is 0, must be from 1 to 1000000\n" +
    "recipe: ranking.random_share and ranking.rare_share add up to more than 1\n" +
    "recipe: seeds are nothing";
  expect(problemsIn(message, fields)).toEqual({
    "training.iterations": "training.iterations is 0, must be from 1 to 1000000",
    "ranking.random_share": "ranking.random_share and ranking.rare_share add up to more than 1",
    "ranking.rare_share": "ranking.random_share and ranking.rare_share add up to more than 1",
    "": "seeds are nothing",
  });
  expect(problemsIn("nothing in the pool is labelled", fields)).toEqual({
    "": "nothing in the pool is labelled",
  });
});

test("of an earlier recipe only what differs from the defaults is taken over", () => {
  const recipe = {
    detector: { preset: "small", initModel: "" },
    training: { optimizer: "ADAMW" as const, iterations: 20, learningRate: 0.001, decayAt: [0.7, 0.9] },
    seed: "7",
    pseudoLabels: { enabled: false },
  };
  expect(valuesOf(description, recipe)).toEqual({
    "training.iterations": "20",
    "training.learning_rate": "0.001",
    seed: "7",
  });
});

test("what is out of the range is said at the field", () => {
  const problem = (path: string, text: string) => problemOf(fields.find((each) => each.path === path)!, text);
  expect(problem("training.iterations", "99999999999")).toBe("must be from 1 to 1,000,000");
  expect(problem("training.iterations", "0")).toBe("must be from 1 to 1,000,000");
  expect(problem("training.iterations", "1000000")).toBe("");
  expect(problem("training.learning_rate", "0")).toBe("must be above 0, at most 10");
  expect(problem("training.learning_rate", "1e999")).toBe("must be above 0, at most 10");
  expect(problem("training.learning_rate", "10")).toBe("");
  expect(problem("seed", "18446744073709551615")).toBe("");
  expect(problem("seed", "18446744073709551616")).toBe("must be at most 18446744073709551615");
});

test("ranges say which end is excluded", () => {
  expect(rangeText({ low: 0, high: 10, lowExcluded: true })).toBe("above 0, at most 10");
  expect(rangeText({ low: 0.5, high: 1, highExcluded: true })).toBe("0.5 to below 1");
  expect(rangeText({})).toBe("");
});
