// What holds of the dashboard on any server.

import assert from 'node:assert/strict';
import { urls, open, close, goTo, settled, shot, text, panel, until, accessible, check } from './browser.mjs';

const VIEWS = ['overview', 'history', 'label', 'try', 'api'];

export async function checksOfAnyServer(any) {
  for (const colorScheme of ['light', 'dark']) {
    await check(`every view in ${colorScheme}, wide and narrow: axe-core finds nothing, nothing is wider than the window`, async () => {
      for (const width of [1280, 390]) {
        const page = await open(any, { colorScheme, viewport: { width, height: 900 } });
        for (const view of VIEWS) {
          await goTo(page, view);
          await settled(page);
          if (view === 'overview') await until('live texts, or none', async () => urls.real || (await page.locator('.record').count()) > 3);
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
          assert.ok(overflow <= 0, `${view} at ${width}: ${overflow} px wider than the window`);
          await shot(page, `${view}-${colorScheme}-${width}`);
          await accessible(page, `${view} ${colorScheme} ${width}`);
        }
        await close(page);
      }
    });
  }

  await check('try it: the answer, its JSON and the command; a text in the history afterwards', async () => {
    const page = await open(any);
    await goTo(page, 'try');
    await page.getByLabel('One on each line').fill("The battery died, it's bad.\nI love it.");
    await page.keyboard.press('Control+Enter');
    await page.locator('.answer').nth(1).waitFor();
    assert.equal(await page.locator('.answer').count(), 2);
    const scores = await page.locator('.answer').first().locator('td.number').allInnerTexts();
    assert.ok(Math.abs(scores.map(Number).reduce((a, b) => a + b) - 1) < 0.003, `scores sum to 1: ${scores}`);
    assert.match(await text(panel(page, 'As a command')), /curl -s http.*\/v1\/classify .*it'\\''s bad/);
    assert.match(await text(panel(page, 'The answer in JSON')), /"model_version"/);
    await shot(page, 'try-answer');
    await accessible(page, 'an answer');
    if (urls.real) {
      await until('the text in the history', async () => {
        await page.goto(`${any}#/history?q=battery&stream=try-it`);
        await page.reload();
        await settled(page);
        return (await page.locator('.record').count()) > 0;
      });
    }
    await close(page);
  });

  await check('keyboard: skip link first, shortcuts work, can be listed and turned off', async () => {
    const page = await open(any);
    await settled(page);
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the content');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
    await page.keyboard.press('h');
    await page.getByRole('heading', { name: 'History', level: 1 }).waitFor();
    await page.keyboard.press('o');
    await page.keyboard.press('/');
    await until('the search has the focus', () => page.evaluate(() => document.activeElement.id === 'history-search'));
    await page.keyboard.type('od?'); // typed, not obeyed
    assert.equal(await page.locator('#history-search').inputValue(), 'od?');
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press('?');
    const help = page.getByRole('dialog', { name: 'Keys' });
    await help.waitFor();
    await accessible(page, 'the list of keys');
    await help.getByRole('checkbox').uncheck();
    await page.keyboard.press('Escape');
    await help.waitFor({ state: 'detached' });
    await page.keyboard.press('o');
    assert.match(page.url(), /#\/history/);
    await close(page);
  });

  await check('colours: the button goes from system to light to dark, and the choice is kept', async () => {
    const page = await open(any, { colorScheme: 'light' });
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    const button = page.getByRole('button', { name: /^Colours/ });
    // It is taken on after the page was drawn with the button's new name.
    const taken = (theme) => page.waitForFunction((wanted) => document.documentElement.dataset.theme === wanted, theme);
    await button.click();
    await taken('light');
    assert.equal(await ground(), light);
    await button.click();
    await taken('dark');
    const dark = await ground();
    assert.notEqual(dark, light);
    await page.reload();
    await button.waitFor();
    assert.equal(await ground(), dark);
    await close(page);
  });
}
