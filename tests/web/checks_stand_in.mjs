// Every feature of the dashboard on tests/web/dashboard_server.py, whose records and failures are made to order.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { urls, strings, open, close, goTo, control, settled, shot, figure, text, panel, until, accessible, check } from './browser.mjs';

export async function checksOfStandIn() {
  const { plain, hostile, keyed, hashed } = urls;

  await check('figures, labels and channels of a stream counted by hand', async () => {
    const page = await open(plain);
    await settled(page);
    await page.getByLabel('Stream', { exact: true }).selectOption('=fixture');
    // 6 negative of 40; Wilson's interval for 6/40 is 0.0706 to 0.2907. The day before: 8 of 20.
    await until('the share of the stream', async () => /15\.0%/.test(await text(figure(page, 'Share of'))));
    assert.match(await text(figure(page, 'Share of')), /15\.0% 7\.1% to 29\.1%/);
    await until('the change', async () => /-25\.0 points, more than chance/.test(await text(figure(page, 'Against'))));
    assert.match(await text(figure(page, 'Texts')), /40 6 negative/);
    const rows = await panel(page, 'Labels').locator('tbody tr').allInnerTexts();
    assert.deepEqual(rows.map((row) => row.replace(/\s+/g, ' ').trim()), ['negative 15.0% 6', 'neutral 22.5% 9', 'positive 62.5% 25']);
    await panel(page, 'Streams and channels').getByRole('button', { name: 'ios' }).last().click();
    await until('the share of the channel', async () => /40\.0%/.test(await text(figure(page, 'Share of'))));
    assert.equal(await page.getByLabel('Channel', { exact: true }).inputValue(), '=ios');
    await panel(page, 'Streams and channels').getByRole('button', { name: 'All streams' }).click();
    assert.equal(await page.getByLabel('Stream', { exact: true }).inputValue(), '');
    await page.getByLabel('Watched label').selectOption('positive');
    await until('another label is watched', async () => /Share of positive/.test(await text(page.locator('.figures'))));
    await close(page);
  });

  await check('the chart: its table, its three ways, other buckets', async () => {
    const page = await open(plain);
    await page.getByLabel('Stream', { exact: true }).selectOption('=fixture');
    await until('the stream is there', async () => /15\.0%/.test(await text(figure(page, 'Share of'))));
    const trend = panel(page, 'Over time');
    await trend.getByText('The same as a table').click();
    const counts = await trend.locator('tbody tr td:nth-child(2)').allInnerTexts();
    assert.equal(counts.map(Number).reduce((a, b) => a + b), 40);
    for (const mode of ['labels', 'texts', 'share']) {
      await trend.getByLabel('Show', { exact: true }).selectOption(mode);
      await trend.locator('canvas').waitFor();
      await shot(page, `chart-${mode}`);
    }
    await trend.getByLabel('By', { exact: true }).selectOption('minute');
    await until('by minute', async () => /by minute/.test(await trend.getByRole('img').getAttribute('aria-label')));
    assert.equal(await trend.locator('tbody tr').count(), 40);
    await close(page);
  });

  await check('zoom: by dragging, by buttons and by keys; reset', async () => {
    const page = await open(plain);
    await settled(page);
    const trend = panel(page, 'Over time');
    const note = () => text(trend.locator('.panel-note'));
    const whole = await note();
    const box = await trend.locator('.u-over').boundingBox();
    await page.mouse.move(box.x + box.width * 0.3, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 5 });
    await page.mouse.up();
    await until('the period is shorter', async () => (await note()) !== whole);
    assert.equal(await trend.getByLabel('By', { exact: true }).inputValue(), 'minute'); // a fifth of a day
    for (const name of ['Zoom in', 'Zoom out', 'Earlier', 'Later']) {
      const before = await note();
      await trend.getByRole('button', { name }).click();
      await until(name, async () => (await note()) !== before);
    }
    const before = await note();
    await trend.getByRole('button', { name: 'Later' }).press('ArrowLeft');
    await until('arrow', async () => (await note()) !== before);
    await trend.getByRole('button', { name: 'Reset' }).click();
    assert.equal(await trend.getByLabel('By', { exact: true }).inputValue(), 'hour');
    await page.getByLabel('Period', { exact: true }).selectOption('24m');
    assert.equal(await trend.getByLabel('By', { exact: true }).inputValue(), 'week');
    await close(page);
  });

  await check('alerts: a phase for each; silenced by the dialog, ended again', async () => {
    const page = await open(plain);
    const alerts = panel(page, 'Alerts');
    await alerts.locator('.alert-firing').waitFor();
    assert.match(await text(alerts.locator('.alert-firing')), /Firing.*41 of the last 100 texts.*support · 41 of 100 · for 14 min/);
    await alerts.locator('.alert-firing').getByRole('button').click();
    const dialog = page.getByRole('dialog', { name: 'Silence' });
    await dialog.getByLabel('For', { exact: true }).selectOption('4');
    await dialog.getByLabel('Your name').fill('Ada');
    await dialog.getByLabel('Why').fill('batch import');
    await accessible(page, 'the silence dialog');
    await shot(page, 'dialog-silence');
    await dialog.getByRole('button', { name: 'Silence' }).click();
    await alerts.locator('.alert-silenced').waitFor();
    assert.match(await text(alerts.locator('.silences')), /negative > 30 % .* on support, until .* Ada: batch import/);
    const { silences } = await control(plain, {});
    assert.equal(silences[0].rule, 'negative > 30 % of the last 100 texts');
    assert.ok(Math.abs(silences[0].until_ms - Date.now() - 4 * 3_600_000) < 60_000);
    await alerts.getByRole('button', { name: /^End/ }).click();
    await alerts.locator('.alert-firing').waitFor();
    await alerts.getByRole('button', { name: 'Silence all…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Silence' }).click();
    await alerts.getByRole('button', { name: /^End/ }).click();
    await control(plain, { alert: { rule: 'negative', stream: 's', channel: '', phase: 'firing', since_ms: 0, count: 1, hits: 1, statistic: 1, threshold: 0.5, message: 'told at once' } });
    await until('it is announced', async () => /Firing\. told at once/.test(await page.locator('[role=status].visually-hidden').innerText()));
    await close(page);
  });

  const sent = (id, more = {}) => ({ id, time_ms: Date.now(), stream: 'fixture', channel: 'ios', text: `text of ${id}`, label: 'negative', score: 0.9, scores: [{ label: 'negative', score: 0.9 }, { label: 'neutral', score: 0.07 }, { label: 'positive', score: 0.03 }], model: 'default', model_version: '3f1c9a72be04', config_version: 'a07d55e21b93', tokens: 4, truncated: false, ...more });

  await check('live: a text appears as it comes; pause keeps it back; details', async () => {
    const page = await open(plain);
    const feed = panel(page, 'Live');
    await feed.locator('.record').first().waitFor();
    // The feed begins anew with the stream: what came just before is asked of the history, where these records are not.
    const begun = page.waitForResponse(/\/v1\/history\?.*stream=fixture/);
    await page.getByLabel('Stream', { exact: true }).selectOption('=fixture');
    await begun;
    await control(plain, { record: sent('one') });
    await feed.getByText('text of one').waitFor();
    await page.keyboard.press('p');
    await feed.getByRole('button', { name: 'Go on', exact: true }).waitFor();
    await control(plain, { record: sent('two', { metadata: { order: 4711 }, subject: 'customer-17' }) });
    await feed.getByRole('button', { name: 'Go on (1)' }).waitFor();
    assert.equal(await feed.getByText('text of two').count(), 0);
    await feed.getByRole('button', { name: 'Go on (1)' }).click();
    await feed.getByText('text of two').waitFor();
    await control(plain, { gap: { missed: 120 } });
    await feed.getByText('120 more than are shown here').waitFor();
    await feed.locator('.record', { hasText: 'text of two' }).getByRole('button', { name: /^Details/ }).click();
    const dialog = page.getByRole('dialog', { name: 'Record' });
    assert.match(await text(dialog), /customer-17.*\{"order":4711\}/);
    await accessible(page, 'the record dialog');
    await shot(page, 'dialog-record');
    await dialog.getByRole('button', { name: 'Wrong?' }).click();
    await page.getByRole('dialog', { name: 'What is right?' }).waitFor();
    await page.keyboard.press('Escape');
    await close(page);
  });

  await check('wrong?: the dialog says that the text is stored; the correction is sent and shown', async () => {
    const page = await open(plain);
    await goTo(page, 'history?stream=fixture&label=negative');
    await settled(page);
    assert.equal(await page.locator('.record').count(), 14); // 6 of today, 8 of the day before
    await page.locator('.record').first().getByRole('button', { name: /^Wrong/ }).click();
    const dialog = page.getByRole('dialog', { name: 'What is right?' });
    assert.match(await text(dialog), /The text is stored with your correction, for training\./);
    assert.ok(await dialog.getByRole('button', { name: 'Store the correction' }).isDisabled());
    await dialog.getByLabel('positive').check();
    await dialog.getByLabel('Note').fill('irony');
    await accessible(page, 'the correction dialog');
    await shot(page, 'dialog-correction');
    await dialog.getByRole('button', { name: 'Store the correction' }).click();
    await page.locator('.record .corrected', { hasText: 'positive' }).waitFor();
    const { feedback } = await control(plain, {});
    const { label, predicted, note, source } = feedback.at(-1);
    assert.deepEqual({ label, predicted, note, source }, { label: 'positive', predicted: 'negative', note: 'irony', source: 'page' });
    await close(page);
  });

  await check('history: words, filters, pages, a safe download', async () => {
    const page = await open(plain);
    await goTo(page, 'history');
    await page.getByLabel('Words in the text').fill('batter* died');
    await page.getByLabel('Label', { exact: true }).selectOption('negative');
    await page.getByLabel('Score from').fill('0.6');
    await page.getByRole('button', { name: 'Search' }).click();
    await until('the address has the question', () => /q=batter/.test(page.url()));
    await settled(page);
    for (const each of await page.locator('.record-text').allInnerTexts()) assert.equal(each, 'The battery died after a week.');
    const first = await page.locator('.record').first().innerText();
    await page.getByRole('button', { name: 'Clear' }).click();
    await until('everything again', async () => (await page.locator('.record').count()) === 25);
    const newest = await page.locator('.record').first().innerText();
    await page.getByRole('button', { name: 'Older' }).click();
    await page.getByText('Page 2').waitFor();
    await settled(page);
    assert.notEqual(await page.locator('.record').first().innerText(), newest);
    await page.getByRole('button', { name: 'Newer' }).click();
    await page.getByText('Page 1').waitFor();
    assert.notEqual(first, '');
    await goTo(page, 'history?q=left&stream=fixture-odd');
    await until('the odd text', async () => (await page.locator('.record').count()) === 1);
    assert.match(await text(page.locator('.record-text')), /left RLO ?right ?PDF ?, bell ␇, line end, shy ?SHY ?ness/);
    await goTo(page, 'history?q=doesnotoccur');
    await page.getByText('Nothing matches.').waitFor();
    await control(plain, { text_policy: 'full' });
    await goTo(page, 'history?stream=fixture');
    await until('the fixture', async () => (await page.locator('.record').count()) === 25);
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download this page' }).click()]);
    const csv = readFileSync(await download.path(), 'utf8');
    assert.equal(csv.trim().split('\r\n').length, 26);
    await close(page);
  });

  await check('words: the first is the strongest, and leads to its texts', async () => {
    const page = await open(plain);
    const words = panel(page, 'Words').locator('.words li');
    await words.first().waitFor();
    assert.equal(await words.count(), 12);
    await words.first().getByRole('link').click();
    await until('the history', () => /#\/history\?q=battery&label=negative/.test(page.url()));
    await close(page);
  });

  await check('labelling: a key for each label, s skips, the next one comes', async () => {
    const page = await open(plain);
    await goTo(page, 'label');
    const shown = page.locator('.label-text');
    await shown.waitFor();
    await until('labels', async () => (await page.locator('.label-buttons .button').count()) === 4);
    const first = await shown.innerText();
    const before = (await control(plain, {})).feedback.length;
    await page.keyboard.press('1');
    await until('the next text', async () => (await shown.innerText()) !== first);
    assert.match(await text(panel(page, 'Most worth a label')), /1 stored/);
    const { feedback } = await control(plain, {});
    assert.equal(feedback.length, before + 1);
    assert.deepEqual([feedback.at(-1).label, feedback.at(-1).text], ['negative', first]);
    const second = await shown.innerText();
    await page.keyboard.press('s');
    await until('skipped', async () => (await shown.innerText()) !== second);
    await page.locator('.label-buttons').getByRole('button', { name: /positive/ }).click();
    await until('2 stored', async () => /2 stored/.test(await text(panel(page, 'Most worth a label'))));
    await close(page);
  });

  await check('API: the routes of openapi.json, sent as they stand there', async () => {
    const page = await open(plain);
    await goTo(page, 'api');
    const operation = (path) => page.locator('.operation', { hasText: path });
    await operation('/v1/classify').locator('summary').click();
    assert.match(await operation('/v1/classify').getByLabel(/^Body/).inputValue(), /I love it/);
    await operation('/v1/classify').getByRole('button', { name: 'Send' }).click();
    await operation('/v1/classify').getByText('"label": "positive"').waitFor();
    await operation('/v1/silences/').locator('summary').click();
    await operation('/v1/silences/').getByLabel('id').fill('no/such');
    await operation('/v1/silences/').getByRole('button', { name: 'Send' }).click();
    await operation('/v1/silences/').getByText('404').waitFor();
    await operation('/v1/events').locator('summary').click();
    await operation('/v1/events').getByRole('button', { name: 'Send' }).click();
    await operation('/v1/events').getByText('event: stats').waitFor();
    await accessible(page, 'answers of the API');
    await close(page);
  });

  await check('a lost connection is told, tried again, and forgotten when it is back', async () => {
    const page = await open(plain);
    await panel(page, 'Live').locator('.record').first().waitFor();
    await control(plain, { events: false, drop: true });
    const banner = page.locator('.banner-bad');
    await banner.waitFor();
    assert.match(await text(banner), /Disconnected\. What is shown may be old\./);
    await shot(page, 'disconnected');
    await accessible(page, 'disconnected');
    await banner.getByRole('button', { name: 'Try now' }).click();
    await banner.waitFor();
    await control(plain, { events: true });
    await banner.waitFor({ state: 'detached' });
    await until('told', async () => /Connected again/.test(await page.locator('[role=status].visually-hidden').innerText()));
    await close(page);
  });

  await check('a part that fails says why, and comes back; a delayed or absent history is told', async () => {
    await control(plain, { fail: { '/v1/words': 503, '/v1/alerts': 500 } });
    const page = await open(plain);
    await panel(page, 'Words').getByText('this failed because the test asked for it').waitFor();
    await accessible(page, 'failed parts');
    await shot(page, 'failed-parts');
    await control(plain, { fail: {} });
    await panel(page, 'Words').getByRole('button', { name: 'Try again' }).click();
    await panel(page, 'Words').locator('.words').waitFor();
    await control(plain, { history: 'delayed' });
    await page.keyboard.press('r');
    await page.getByText(/History delayed: texts are classified, and wait to be written\. the database does not answer/).waitFor();
    await control(plain, { history: 'off', alerts: false });
    await page.keyboard.press('r');
    await page.getByText('The history is off, so there is nothing to look back on.').waitFor();
    await page.getByText('No rule is configured.').waitFor();
    await control(plain, { history: 'ok', alerts: true });
    await close(page);
  });

  await check('an API key is asked for, refused, taken; a key that reads cannot silence', async () => {
    const page = await open(keyed);
    const dialog = page.getByRole('dialog', { name: 'API key' });
    await dialog.waitFor();
    await accessible(page, 'the key dialog');
    await shot(page, 'dialog-key');
    await dialog.getByLabel('Key', { exact: true }).fill('wrong-key-wrong-key');
    await dialog.getByRole('button', { name: 'Use this key' }).click();
    await page.getByText('the API key is not known').first().waitFor();
    await page.getByRole('dialog', { name: 'API key' }).getByLabel('Key', { exact: true }).fill('read-key-0123456789');
    await page.getByRole('button', { name: 'Use this key' }).click();
    await panel(page, 'Alerts').locator('.alert').first().waitFor();
    assert.ok(await page.getByRole('button', { name: 'Silence all…' }).isDisabled());
    await page.getByRole('button', { name: 'Key', exact: true }).click();
    await page.getByLabel('Key', { exact: true }).fill('admin-key-0123456789');
    await page.getByLabel(/Keep it until/).check();
    await page.getByRole('button', { name: 'Use this key' }).click();
    await until('silencing is allowed', () => page.getByRole('button', { name: 'Silence all…' }).isEnabled());
    assert.doesNotMatch(page.url(), /key-0123/);
    await page.reload();
    await panel(page, 'Alerts').locator('.alert').first().waitFor(); // kept in this tab
    assert.equal(await page.evaluate(() => JSON.stringify(window.localStorage).includes('key-0123')), false);
    await close(page);
  });

  await check('texts that are not kept: said so, and a correction asks for the text', async () => {
    const page = await open(hashed);
    await panel(page, 'Words').getByText(/Words need stored texts/).waitFor();
    await goTo(page, 'label');
    await page.getByText(/Labelling needs stored texts/).waitFor();
    await goTo(page, 'history?stream=fixture');
    await page.locator('.record').first().getByText('Text not kept').waitFor();
    await page.locator('.record').first().getByRole('button', { name: /^Wrong/ }).click();
    const dialog = page.getByRole('dialog', { name: 'What is right?' });
    assert.match(await text(dialog), /although this server does not keep texts otherwise \(--store-text hash\)/);
    await dialog.getByLabel(/The text/).fill('as it was');
    await dialog.getByLabel('neutral').check();
    await dialog.getByRole('button', { name: 'Store the correction' }).click();
    await page.locator('.corrected').waitFor();
    assert.equal((await control(hashed, {})).feedback.at(-1).text, 'as it was');
    await close(page);
  });

  await check('500 hostile strings as texts, streams, channels, labels, words, rules and metadata stay text', async () => {
    const page = await open(hostile);
    const foreign = () =>
      page.evaluate(() => {
        const tags = 'script,style,iframe,object,embed,video,audio,marquee,math,meta,base,link,img,template,x,body *[onload],*[onerror],*[onclick],*[onfocus],*[ontoggle],form[action],a[href^="javascript"],a[href^="data"]';
        return [...document.querySelectorAll(`#app :is(${tags})`)].map((each) => each.outerHTML.slice(0, 200));
      });
    const seen = new Set();
    const look = async () => {
      assert.deepEqual(await foreign(), []);
      for (const each of await page.locator('.record-text .user-text').evaluateAll((nodes) => nodes.map((node) => node.textContent))) seen.add(each);
    };
    await settled(page);
    await panel(page, 'Words').locator('li').first().waitFor();
    for (const [i, each] of strings.entries()) {
      if (i < 60) await control(hostile, { record: sent(`hostile-${i}`, { text: each, stream: each, channel: each, label: each, model: each, scores: [{ label: each, score: 0.5 }] }) });
    }
    await panel(page, 'Live').locator('.record').nth(20).waitFor();
    await control(hostile, { alert: { rule: strings[0], stream: strings[1], channel: strings[2], phase: 'firing', since_ms: 0, count: 1, hits: 1, statistic: 1, threshold: 0.5, message: strings[9] } });
    await look();
    const tallest = await page.evaluate(() => document.documentElement.scrollHeight - document.querySelector('main').getBoundingClientRect().bottom - window.scrollY);
    assert.ok(tallest < 10, `${tallest} px below the end of the page`);
    await shot(page, 'hostile-overview');
    await accessible(page, 'a hostile overview');
    await panel(page, 'Alerts').locator('.alert').first().getByRole('button').click();
    await page.getByRole('dialog').waitFor();
    await look();
    await page.keyboard.press('Escape');
    await goTo(page, 'history');
    for (let number = 1; number <= Math.ceil(strings.length / 25); ++number) {
      await page.getByText(`Page ${number}`, { exact: true }).waitFor();
      await settled(page);
      await look();
      if (number === 1) await shot(page, 'hostile-history');
      const older = page.getByRole('button', { name: 'Older' });
      if (await older.isEnabled()) await older.click();
    }
    await page.locator('.record').first().getByRole('button', { name: /^Details/ }).click();
    await page.getByRole('dialog', { name: 'Record' }).waitFor();
    await look();
    await page.getByRole('dialog').getByRole('button', { name: 'Wrong?' }).click();
    await look();
    await page.keyboard.press('Escape');
    // Every string was on the page as text, with only stand-ins for what cannot be seen.
    const shownAs = await page.evaluate(() => document.querySelectorAll('.unseen').length);
    assert.ok(shownAs > 0 || seen.size > 0);
    const plainStrings = strings.filter((each) => !/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/.test(each));
    const missing = plainStrings.filter((each) => !seen.has(each));
    assert.deepEqual(missing, [], 'shown as they are');
    assert.ok(seen.size >= 500, `${seen.size} texts seen`);
    for (const each of strings.slice(0, 60)) {
      await page.evaluate((query) => (window.location.hash = `#/history?q=${encodeURIComponent(query)}&stream=${encodeURIComponent(query)}`), each);
    }
    await settled(page);
    await look();
    await goTo(page, 'label');
    await page.locator('.label-text').waitFor();
    await look();
    await goTo(page, 'try');
    await page.getByLabel('One on each line').fill(strings.slice(0, 100).map((each) => each.replace(/\s/g, ' ')).join('\n'));
    await page.getByRole('button', { name: 'Classify' }).click();
    await page.locator('.answer').nth(90).waitFor();
    await look();
    await close(page);
    return `${seen.size} texts shown`;
  });

  await check('reduced motion: nothing moves', async () => {
    const page = await open(plain, { reducedMotion: 'reduce' });
    const moving = await page.evaluate(() => document.getAnimations().filter((each) => each.playState === 'running').length);
    assert.equal(moving, 0);
    await close(page);
  });
}
