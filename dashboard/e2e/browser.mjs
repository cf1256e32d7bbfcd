// Chromium, and what must never be seen in it.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

const SHOTS = process.env.COLDSTREAM_SCREENSHOTS ?? join(dirname(fileURLToPath(import.meta.url)), "../screenshots");

export const WIDE = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

export class Browser {
  #browser;
  #host;
  /** Console errors, failed scripts and foreign requests, with the page they were on. */
  #faults = [];
  /** While the server is down, that its answers fail is what is to be shown. */
  down = false;

  static async start(url) {
    const browser = new Browser();
    browser.#host = new URL(url).host;
    browser.#browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu"],
    });
    await mkdir(SHOTS, { recursive: true });
    return browser;
  }

  /** A new window of a user with a language, a theme and a screen. */
  async open(url, { locale = "fr-FR", theme = "light", size = WIDE } = {}) {
    const context = await this.#browser.newContext({
      locale,
      colorScheme: theme,
      viewport: size,
      timezoneId: "Europe/Paris",
      reducedMotion: "reduce",
    });
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    page.on("console", (message) => {
      if (message.type() !== "error" && message.type() !== "warning") return;
      const expected = this.down && /^Failed to load resource: net::ERR_/.test(message.text());
      if (!expected) this.#faults.push(`${page.url()}: console ${message.type()}: ${message.text()} (${message.location().url})`);
    });
    page.on("pageerror", (error) => this.#faults.push(`${page.url()}: ${error.stack}`));
    page.on("request", (request) => {
      if (new URL(request.url()).host !== this.#host) this.#faults.push(`${page.url()}: asks ${request.url()}`);
    });
    await page.goto(url);
    return page;
  }

  /** A picture of what is on the screen. */
  async shoot(page, name) {
    await page.screenshot({ path: join(SHOTS, `${name}.png`), animations: "disabled" });
  }

  /** Fails where anything was seen that must not be. */
  assertClean() {
    assert.deepEqual(this.#faults.splice(0), []);
  }

  async close() {
    await this.#browser?.close();
  }
}

/** Marks the window: the mark is gone after a reload. */
export async function mark(page) {
  await page.evaluate(() => (window.neverReloaded = true));
}

export async function assertNotReloaded(page) {
  assert.equal(await page.evaluate(() => window.neverReloaded), true, "the page was loaded again");
}

/** Fails where a page is wider than its screen. */
export async function assertFits(page) {
  const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= screen, `${page.url()} is ${content} px wide on a screen of ${screen} px`);
}
