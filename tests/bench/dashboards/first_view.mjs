// First views of dashboards in a browser with an empty cache, in milliseconds from the navigation:
//   node first_view.mjs URL TOKEN ADDRESS...    prints an object of the milestones of each address

import { setTimeout as pause } from "node:timers/promises";
import { Tab, launchBrowser, logIn } from "../annotate/tab.mjs";

// In the page: when the frame, the title, the first row or picture, and each part were painted with what they
// show.
function watch() {
  window.painted = {};
  const seen = (name) => {
    if (name in window.painted) return;
    window.painted[name] = null; // It is in the document, and painted with the next frame.
    requestAnimationFrame(() => setTimeout(() => (window.painted[name] = Math.round(performance.now()))));
  };
  new MutationObserver(() => {
    if (document.querySelector(".dashboard nav")) seen("frame");
    if (document.querySelector(".dashboard main h2")) seen("title");
    if (document.querySelector(".dashboard main :is(tbody tr, img)")) seen("first row");
    for (const part of document.querySelectorAll(".part[aria-busy=false]")) seen(part.ariaLabel);
  }).observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ["aria-busy"] });
}

// In the page: the milestones once all is painted.
function milestones() {
  const main = document.querySelector(".dashboard main");
  if (!main?.querySelector("h2") || main.querySelector(".part[aria-busy=true]")) return null;
  if (main.textContent.includes("Loading…")) return null;
  const painted = Object.values(window.painted);
  const isPainted =
    painted.length >= main.querySelectorAll(".part[aria-busy]").length + 2 && painted.every((at) => at !== null);
  return isPainted ? window.painted : null;
}

// In the page: what has been painted, and which parts there are.
function unfinished() {
  const parts = [...document.querySelectorAll(".dashboard main .part")];
  return JSON.stringify([window.painted, parts.map((part) => [part.ariaLabel, part.ariaBusy])]);
}

const LONGEST = 120_000; // milliseconds
const [url, token, ...addresses] = process.argv.slice(2);
const browser = await launchBrowser();
const cookie = await logIn(url, token);
const figures = {};
for (const address of addresses) {
  const tab = await Tab.open(browser, { cookie, script: watch });
  await tab.go(`${url}/${address}`);
  const end = Date.now() + LONGEST;
  while (!(figures[address] = await tab.evaluate(milestones))) {
    if (Date.now() > end) throw new Error(`${address} is not painted: ${await tab.evaluate(unfinished)}`);
    await pause(50);
  }
  await tab.close();
}
await browser.close();
console.log(JSON.stringify(figures));
