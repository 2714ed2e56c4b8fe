// What the checks of the dashboard share: a browser, pages that note what must not happen on them, and waits that end.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const here = createRequire(join(process.env.VALENCE_SOURCE_DIR, 'web', 'package.json'));
const { chromium } = here('playwright-core');
const axeSource = readFileSync(here.resolve('axe-core/axe.min.js'), 'utf8');
export const urls = JSON.parse(process.env.VALENCE_DASHBOARD_URLS);
const artefacts = process.env.VALENCE_ARTEFACTS;
export const strings = JSON.parse(process.env.VALENCE_XSS_STRINGS ?? '[]');
mkdirSync(artefacts, { recursive: true });

const browser = await chromium.launch({
  timeout: 30_000,
  executablePath: process.env.CHROMIUM,
  chromiumSandbox: process.getuid?.() !== 0, // root has no sandbox to go into
});

// What must be so on every page whatever is checked there.
export const offences = [];

export async function open(base, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-GB', timezoneId: 'Europe/Berlin', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  await page.addInitScript(() => {
    window.ran = [];
    window.violations = [];
    window.alert = window.confirm = window.prompt = (what) => void window.ran.push(String(what));
    document.addEventListener('securitypolicyviolation', (event) => window.violations.push(`${event.violatedDirective}: ${event.blockedURI}`));
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(base) && !url.startsWith(`blob:${base}`) && !url.startsWith('data:')) offences.push(`request to ${url}`);
  });
  page.on('pageerror', (error) => offences.push(`error on the page: ${error.message}`));
  page.on('console', (message) => {
    if (/content security policy/i.test(message.text())) offences.push(message.text());
  });
  page.on('dialog', (dialog) => {
    offences.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.goto(base);
  return page;
}

export async function close(page) {
  offences.push(...(await page.evaluate(() => [...window.violations, ...window.ran.map((each) => `ran: ${each}`)])));
  await page.context().close();
}

export const goTo = async (page, view) => {
  await page.evaluate((name) => (window.location.hash = `#/${name}`), view);
  await page.locator('main h1').waitFor({ state: 'attached' });
};

export const control = async (base, body) => {
  const response = await fetch(new URL('control', base), { method: 'POST', body: JSON.stringify(body) });
  return response.json();
};

export const settled = (page) => page.locator('.skeleton').first().waitFor({ state: 'detached' });
export const shot = (page, name) => page.screenshot({ path: join(artefacts, `${name}.png`), fullPage: true, animations: 'disabled' });
export const figure = (page, title) => page.locator('.figure', { has: page.locator('dt', { hasText: title }) });
export const text = async (locator) => (await locator.innerText()).replace(/\s+/g, ' ').trim();
export const panel = (page, title) => page.locator('section.panel', { has: page.getByRole('heading', { name: title, exact: true }) });

export async function until(what, holds, timeoutMs = 15_000) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    if (await holds()) return;
    assert.ok(Date.now() < end, `waited for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export async function accessible(page, where) {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const found = violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.target.join(' ')).slice(0, 3).join(', ')}`);
  assert.deepEqual(found, [], `${where}: axe-core`);
}

const only = process.env.VALENCE_ONLY;
const MAX_CHECK_MS = 90_000;

/** Prints a line of JSON; a check that takes too long has failed, and leaves nothing running. */
export async function check(name, run) {
  if (only && !name.includes(only)) return;
  let failure = '';
  let note = '';
  offences.length = 0;
  const begin = Date.now();
  let timer;
  try {
    const limit = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not done within ${MAX_CHECK_MS / 1000} s`)), MAX_CHECK_MS);
    });
    note = (await Promise.race([run(), limit])) ?? '';
    assert.deepEqual(offences, [], 'nothing leaves the origin, breaks the policy or fails');
  } catch (error) {
    failure = String(error?.stack ?? error).slice(0, 2000);
  }
  clearTimeout(timer);
  for (const context of browser.contexts()) await context.close();
  // What a failed check has left behind is not the next one's trouble.
  if (urls.plain) await control(urls.plain, { events: true, fail: {}, history: 'ok', alerts: true });
  console.log(JSON.stringify({ name, failure, note, seconds: (Date.now() - begin) / 1000 }));
}

export const finish = () => browser.close();
