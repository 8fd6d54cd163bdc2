import { expect, test } from "vitest";
import { linkIn } from "./link";

test.each([
  ["#link=Zm9v_b-Fy", "Zm9v_b-Fy"],
  ["#link=", ""],
  ["", null],
  ["#", null],
  ["#projects", null],
  ["#links=x", null],
])("the fragment %j holds the secret %j", (fragment, secret) => {
  expect(linkIn(fragment)).toBe(secret);
});
