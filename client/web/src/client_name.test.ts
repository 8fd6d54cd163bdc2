import { expect, test } from "vitest";
import { clientName } from "./client_name";

const webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";

test.each([
  [`Mozilla/5.0 (X11; Linux x86_64) ${webkit} Chrome/130.0.0.0 Safari/537.36`, "Chrome on Linux"],
  [`Mozilla/5.0 (Windows NT 10.0) ${webkit} Chrome/130.0.0.0 Safari/537.36 Edg/130.0`, "Edge on Windows"],
  ["Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0", "Firefox on Windows"],
  [`Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${webkit} Version/17.6 Safari/605.1.15`, "Safari on Mac"],
  [`Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) ${webkit} Safari/604.1`, "Safari on iPhone"],
  [`Mozilla/5.0 (Linux; Android 10; K) ${webkit} Chrome/130.0.0.0 Mobile Safari/537.36`, "Chrome on Android"],
  ["curl/7.88.1", "curl"],
  ["", "Unknown program"],
])("%j is called %j", (userAgent, name) => {
  expect(clientName(userAgent)).toBe(name);
});

test("a long name is cut", () => {
  expect(clientName("x".repeat(200))).toBe("x".repeat(40));
});
