// The dashboard in Chromium, served by the program itself, over simulated machines.
//
// COLDSTREAM_BIN names the program. Pictures go to dashboard/screenshots, or to COLDSTREAM_SCREENSHOTS.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { assertFits, assertNotReloaded, Browser, mark, PHONE } from "./browser.mjs";
import { Demo, until } from "./demo.mjs";

const binary = process.env.COLDSTREAM_BIN;
assert.ok(binary, "COLDSTREAM_BIN must name the program");

const demo = new Demo(binary);
let browser;

before(async () => {
  await demo.start();
  browser = await Browser.start(demo.url);
});

after(async () => {
  await browser?.close();
  await demo.remove();
});

afterEach(() => browser.assertClean());

const panel = (name) => `[data-panel="${name}"]`;

/** The machine that shakes most of those that are cooling, but for some: a worn bearing shows there first. */
async function busiestMachine(page, but = []) {
  await page.waitForSelector("tr[data-mode=cooling] [data-column=vibration]");
  const machines = await page.$$eval("tr[data-mode=cooling]", (rows) =>
    rows.map((row) => ({
      id: row.dataset.machine,
      vibration: Number(row.querySelector("[data-column=vibration]").textContent.replace(/[^\d,.]/g, "").replace(",", ".")),
    })),
  );
  const others = machines.filter(({ id }) => !but.includes(id));
  return others.sort((a, b) => b.vibration - a.vibration)[0].id;
}

test("a reading changes without reload", async () => {
  const page = await browser.open(demo.url);
  await page.waitForSelector("[data-link=connected]");
  const machine = await busiestMachine(page);
  await mark(page);
  const cell = `tr[data-machine="${machine}"] [data-column=temp_discharge]`;
  const first = await page.textContent(cell);
  await page.waitForFunction(([at, text]) => document.querySelector(at)?.textContent !== text, [cell, first]);
  await assertNotReloaded(page);
  // Units and limits stand at the head of the column; French numbers have a comma.
  const head = await page.textContent("table.readings thead");
  for (const word of ["HP", "bar", "≤ 16", "°C"]) assert.ok(head.includes(word), head);
  assert.match(first, /^-?\d+,\d$/);
  await page.context().close();
});

/** Wears a machine's bearing out, and waits until its alarm is on screen; answers with the seconds that this took. */
async function breakMachine(page, machine) {
  await page.click(`tr[data-machine="${machine}"] a`);
  const form = panel("demo");
  await page.selectOption(`${form} [name=kind]`, "worn_bearing");
  await page.selectOption(`${form} [name=severity]`, "1");
  const injected = Date.now();
  await page.click(`${form} [type=submit]`);
  const shown = page.waitForSelector(`${panel("machine-alarms")} [data-rule=vibration_severe]`, { timeout: 15_000 });
  return shown.then(
    () => (Date.now() - injected) / 1_000,
    () => Number.POSITIVE_INFINITY,
  );
}

let injured;

test("an injected fault raises an alarm on screen within 15 s, and is acknowledged there", async () => {
  const page = await browser.open(demo.url);
  // A colleague, elsewhere, in English.
  const other = await browser.open(`${demo.url}/alarms`, { locale: "en-GB", theme: "dark" });
  await other.waitForSelector("[data-link=connected]");
  await mark(page);
  await mark(other);

  // A compressor may stop just now, which silences its bearing: then another machine shows it.
  const tried = [];
  let seconds = Number.POSITIVE_INFINITY;
  while (seconds > 15 && tried.length < 3) {
    await page.click(".nav a[href='/']");
    injured = await busiestMachine(page, tried);
    tried.push(injured);
    seconds = await breakMachine(page, injured);
  }
  assert.ok(seconds <= 15, `no alarm was on screen within 15 s of the fault of machine ${tried.join(", nor of ")}`);
  const alarm = `${panel("machine-alarms")} [data-rule=vibration_severe]`;
  assert.match(await page.textContent(alarm), /Critique.*Vibrations sévères.*0,12/s);
  await page.waitForSelector(`.nav-count`);
  await browser.shoot(page, "alarm-raised-fr-light");

  const row = `tr[data-machine="${injured}"][data-rule=vibration_severe]`;
  await other.waitForSelector(`${row} button`);

  // Escape leaves the dialog, and nothing is acknowledged.
  await page.click(`${alarm} button`);
  await page.waitForSelector("dialog[open]");
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog", { state: "detached" });
  // Without a name there is nothing to sign with.
  await page.focus(`${alarm} button`);
  await page.keyboard.press("Enter");
  await page.click("dialog [type=submit]");
  assert.ok(await page.isVisible("dialog[open]"));
  await page.fill("dialog [name=who]", "Camille Roux");
  await page.fill("dialog [name=comment]", "Machine arrêtée, palier à remplacer");
  await browser.shoot(page, "acknowledge-fr-light");
  await page.click("dialog [type=submit]");
  await page.waitForSelector("dialog", { state: "detached" });
  await page.waitForSelector(`${alarm} .acknowledged`);

  // The colleague sees it too.
  const seen = await other.waitForSelector(`${row} .acknowledged`);
  assert.match(await seen.textContent(), /Acknowledged by Camille Roux.*palier à remplacer/s);
  await browser.shoot(other, "acknowledged-en-dark");
  await assertNotReloaded(page);
  await assertNotReloaded(other);
  await page.context().close();
  await other.context().close();
});

test("the filters of the history", async () => {
  const page = await browser.open(`${demo.url}/alarms?machine=${injured}`, { locale: "en-GB" });
  const row = `tr[data-rule=vibration_severe]`;
  await page.waitForSelector(row);
  await page.selectOption("[name=acknowledged]", "no");
  await page.waitForSelector(row, { state: "detached" });
  await page.selectOption("[name=acknowledged]", "yes");
  await page.waitForSelector(row);
  await page.selectOption("[name=rule]", "current_high");
  await page.waitForSelector(row, { state: "detached" });
  assert.match(page.url(), /acknowledged=yes.*rule=current_high|rule=current_high.*acknowledged=yes/);
  await page.click(".reset");
  await page.waitForSelector(row);
  await page.context().close();
});

const TITLES = {
  overview: { path: "/", fr: "Vue d’ensemble", en: "Overview", ready: [`${panel("machines")} tbody tr`, `${panel("recent-predictions")} tbody tr`] },
  machine: { fr: "Machine", en: "Machine", ready: [`${panel("trends")} .charts:not(.is-loading) canvas`, `${panel("demo")} form`, `${panel("machine-predictions")} canvas`, `${panel("indicators")} [data-column=cop_carnot]`] },
  alarms: { path: "/alarms", fr: "Alarmes", en: "Alarms", ready: [`${panel("alarms")} tbody tr`, `${panel("rules")} tbody tr`] },
  predictions: { path: "/predictions", fr: "Prédictions", en: "Predictions", ready: [`${panel("over-time")} canvas`, `${panel("predictions")} tbody tr`] },
  system: {
    path: "/system",
    fr: "Système",
    en: "System",
    ready: [
      `${panel("kafka")} tbody tr`,
      `${panel("partitions")} [data-partition="0"]`,
      `${panel("messages")} tbody tr`,
      `${panel("tables")} [data-table=readings]`,
      `${panel("tables")} .result tbody tr`,
      `${panel("dead")} .empty`,
      `${panel("models")} [data-model]`,
    ],
  },
};

/** The French words a page must show, and the English ones. */
const WORDS = {
  fr: /Critique|Seuil|Gravité|Probabilité|Retard/,
  en: /Critical|Limit|Severity|Probability|Lag/,
};

for (const locale of ["fr-FR", "en-GB"]) {
  for (const theme of ["light", "dark"]) {
    const lang = locale.slice(0, 2);
    test(`each page in ${lang}, ${theme}`, async () => {
      for (const [name, { path, ready, ...titles }] of Object.entries(TITLES)) {
        const page = await browser.open(demo.url + (path ?? `/machines/${injured}`), { locale, theme });
        for (const selector of ready) await page.waitForSelector(selector, { state: "attached" });
        const root = await page.$eval("html", (html) => [html.lang, html.dataset.theme]);
        assert.deepEqual(root, [lang, theme]);
        assert.ok((await page.textContent("h1")).startsWith(titles[lang]));
        const text = await page.innerText("body");
        assert.match(text, WORDS[lang]);
        assert.doesNotMatch(text, WORDS[lang === "fr" ? "en" : "fr"]);
        assert.doesNotMatch(text, /undefined|NaN|\[object|Invalid Date/);
        await assertFits(page);
        await browser.shoot(page, `${name}-${lang}-${theme}`);
        await page.context().close();
      }
    });
  }
}

test("on a phone every page fits", async () => {
  for (const [name, { path, ready }] of Object.entries(TITLES)) {
    const theme = name === "machine" ? "dark" : "light";
    const page = await browser.open(demo.url + (path ?? `/machines/${injured}`), { size: PHONE, theme });
    for (const selector of ready) {
      // On a phone the machines are tiles.
      await page.waitForSelector(selector.replace(`${panel("machines")} tbody tr`, ".tile"), { state: "attached" });
    }
    await assertFits(page);
    await browser.shoot(page, `phone-${name}-fr-${theme}`);
    await page.context().close();
  }
});

test("language and theme are switched and remembered", async () => {
  const page = await browser.open(demo.url, { locale: "fr-FR", theme: "light" });
  const root = () => page.$eval("html", (html) => [html.lang, html.dataset.theme]);
  await page.waitForSelector("h1");
  assert.deepEqual(await root(), ["fr", "light"]);
  await page.click("label:has([value=en])");
  await page.click(".theme-switch");
  assert.deepEqual(await root(), ["en", "dark"]);
  assert.equal(await page.textContent("h1"), "Overview");
  await page.reload();
  await page.waitForSelector("h1");
  assert.deepEqual(await root(), ["en", "dark"]);
  await page.context().close();
});

test("the keyboard reaches the content, and every page", async () => {
  const page = await browser.open(demo.url);
  await page.waitForSelector("[data-link=connected]");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.className), "skip");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "content");
  await page.focus(".nav a[href='/system']");
  await page.keyboard.press("Enter");
  await page.waitForSelector(panel("kafka"));
  await page.goBack();
  await page.waitForSelector(panel("states"));
  await page.context().close();
});

test("SQL of one's own, and its error", async () => {
  const page = await browser.open(`${demo.url}/system`);
  const sql = panel("sql");
  await page.fill(`${sql} [name=sql]`, "SELECT count(DISTINCT machine_id) AS machines FROM readings");
  await page.focus(`${sql} [name=sql]`);
  await page.keyboard.press("Control+Enter");
  const cell = await page.waitForSelector(`${sql} tbody td`);
  assert.equal(await cell.textContent(), "20");
  await page.fill(`${sql} [name=sql]`, "SELECT nothing FROM readings");
  await page.click(`${sql} .primary`);
  const error = await page.waitForSelector(`${sql} [role=alert]`);
  assert.match(await error.textContent(), /nothing/);
  await page.context().close();
});

test("a lost connection is seen, and recovers without reload", async () => {
  const page = await browser.open(demo.url);
  await page.waitForSelector("[data-link=connected]");
  await page.waitForSelector(".tile, tr[data-machine]");
  await mark(page);
  browser.down = true;
  await demo.kill();
  await page.waitForSelector("[data-link=reconnecting]");
  await page.waitForSelector(".banner");
  await until("the next try is announced", 15_000, async () => /dans \d+ s/.test(await page.textContent("[data-link]")));
  // What is old looks old.
  assert.notEqual(await page.$eval(".content", (content) => getComputedStyle(content).opacity), "1");
  await browser.shoot(page, "reconnecting-fr-light");
  await page.waitForSelector("[data-link=lost]", { timeout: 45_000 });
  await browser.shoot(page, "lost-fr-light");

  await demo.start();
  await page.waitForSelector("[data-link=connected]", { timeout: 30_000 });
  browser.down = false;
  await page.waitForSelector(".banner", { state: "detached" });
  const cell = "tr[data-machine] [data-column=temp_discharge]";
  const first = await page.textContent(cell);
  await page.waitForFunction(([at, text]) => document.querySelector(at)?.textContent !== text, [cell, first]);
  await assertNotReloaded(page);
  await page.context().close();
});
