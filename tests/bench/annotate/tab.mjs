// A browser, and tabs that are driven by the DevTools protocol alone.
//
// Playwright starts the browser, but its own pages aren't used: for them it turns the protocol's domain
// `Network` on, and then the renderer keeps what it has fetched. With 120 pictures that was 100 MB of its
// memory.

import { createRequire } from "node:module";
import path from "node:path";
import { BIN } from "../../gateway/web/deployment.mjs";

export const WINDOW = { width: 1280, height: 800 }; // of the page, in CSS pixels; one is a screen pixel
const WAIT = 30_000; // milliseconds
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"];

// CMake installs playwright-core beside the gateway's tests, in the build folder.
export async function launchBrowser() {
  const packages = path.join(BIN, "..", "tests", "gateway", "web", "package.json");
  const { chromium } = createRequire(packages)("playwright-core");
  return chromium.launch({ executablePath: "/usr/bin/chromium", headless: true, args: FLAGS });
}

// Logs in with a token's secret. Returns the session's cookie.
export async function logIn(url, token) {
  const answer = await fetch(`${url}/session`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Origin: url },
    body: JSON.stringify({ token }),
  });
  if (!answer.ok) throw new Error(`log-in: ${answer.status} ${await answer.text()}`);
  const [name, value] = answer.headers.get("set-cookie").split(";")[0].split("=");
  return { name, value, url };
}

export class Tab {
  #browser; // DevTools session of the browser
  #ids; // of the tab's target, its session and its browser context
  #waiting = new Map(); // by the number of the message: what takes the answer
  #last = 0;

  // A tab in a browser context of its own: with an empty cache, and no other cookie. `script`: a function
  // that runs in each document before all else.
  static async open(browser, { cookie, script }) {
    const tab = new Tab();
    tab.#browser = await browser.newBrowserCDPSession();
    await tab.#open(cookie);
    await tab.send("Page.enable");
    await tab.send("Emulation.setDeviceMetricsOverride", { ...WINDOW, deviceScaleFactor: 1, mobile: false });
    if (script) await tab.send("Page.addScriptToEvaluateOnNewDocument", { source: `(${script})()` });
    return tab;
  }

  async #open(cookie) {
    const browser = this.#browser;
    browser.on("Target.receivedMessageFromTarget", ({ sessionId, message }) => {
      if (sessionId === this.#ids.sessionId) this.#take(JSON.parse(message));
    });
    const { browserContextId } = await browser.send("Target.createBrowserContext");
    await browser.send("Storage.setCookies", { cookies: [cookie], browserContextId });
    const blank = { url: "about:blank", browserContextId, ...WINDOW };
    const { targetId } = await browser.send("Target.createTarget", blank);
    const { sessionId } = await browser.send("Target.attachToTarget", { targetId, flatten: false });
    this.#ids = { browserContextId, targetId, sessionId };
  }

  #take({ id, result, error }) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(new Error(error.message));
    else waiting?.resolve(result);
  }

  async close() {
    await this.#browser.send("Target.disposeBrowserContext", {
      browserContextId: this.#ids.browserContextId,
    });
    await this.#browser.detach();
  }

  send(method, params = {}) {
    const id = ++this.#last;
    const message = JSON.stringify({ id, method, params });
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#browser
        .send("Target.sendMessageToTarget", { sessionId: this.#ids.sessionId, message })
        .catch(reject);
    });
  }

  // Calls a function in the page; arguments and result are JSON.
  async evaluate(call, ...args) {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
      expression: `(${call})(...${JSON.stringify(args)})`,
      returnByValue: true,
      awaitPromise: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  // Waits until a function of the page returns something, and returns that. It is asked from outside:
  // asking at each frame would make the page draw frames.
  async until(call, ...args) {
    const end = Date.now() + WAIT;
    for (;;) {
      const value = await this.evaluate(call, ...args);
      if (value) return value;
      if (Date.now() > end) throw new Error(`not within ${WAIT / 1000} s: ${call}`);
      await pause(30);
    }
  }

  async go(url) {
    await this.send("Page.navigate", { url });
  }

  // `name`: as KeyboardEvent.key says it: `a`, `A` (with Shift), `5`, `Enter`.
  async press(name) {
    await this.key("keyDown", name);
    await this.key("keyUp", name);
  }

  key(type, name) {
    return this.send("Input.dispatchKeyEvent", { type, ...keyOf(name) });
  }

  // `type`: mousePressed, mouseReleased or mouseMoved.
  mouse(type, { x, y }, isHeld = type !== "mouseMoved") {
    const button = isHeld ? "left" : "none";
    const clickCount = type === "mouseMoved" ? 0 : 1;
    return this.send("Input.dispatchMouseEvent", { type, x, y, button, buttons: isHeld ? 1 : 0, clickCount });
  }

  wheel({ x, y }, deltaY) {
    return this.send("Input.dispatchMouseEvent", { type: "mouseWheel", x, y, deltaX: 0, deltaY });
  }

  // The id of the renderer's process. The browser keeps other renderers, too: a spare one, and those of
  // tabs that are closed. Only this tab works, so its renderer is the one that takes processor time
  // meanwhile.
  async renderer() {
    const before = await this.#renderers();
    await this.evaluate((ms) => {
      for (const end = performance.now() + ms; performance.now() < end;);
    }, 300);
    const after = await this.#renderers();
    const spent = ([id, cpu]) => cpu - (before.get(id) ?? 0);
    return [...after].sort((a, b) => spent(b) - spent(a))[0][0];
  }

  async #renderers() {
    const { processInfo } = await this.#browser.send("SystemInfo.getProcessInfo");
    const renderers = processInfo.filter(({ type }) => type === "renderer");
    return new Map(renderers.map(({ id, cpuTime }) => [id, cpuTime]));
  }
}

const SHIFT = 8;
const codes = { Enter: 13, Tab: 9, Escape: 27, " ": 32 };
const texts = { Enter: "\r", " ": " " };

function keyOf(key) {
  if (key in codes) {
    const code = key === " " ? "Space" : key;
    return { key, code, windowsVirtualKeyCode: codes[key], text: texts[key] };
  }
  const code = /\d/.test(key) ? `Digit${key}` : `Key${key.toUpperCase()}`;
  const modifiers = /[A-Z]/.test(key) ? SHIFT : 0;
  return { key, code, modifiers, windowsVirtualKeyCode: key.toUpperCase().charCodeAt(0), text: key };
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
