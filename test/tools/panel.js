// panel.js
//
// People at the gateway's panel, in a real browser: what they do and what they find.
//
//   node panel.js URL  <commands  >checks
//
// PANEL_PEOPLE is JSON: [{ name, key, token }, …] of two accounts; PANEL_SHOTS a
// folder for pictures, or nothing.  Prints "ok TEXT" or "not ok TEXT: WHY" a check,
// and "do WHAT" where somebody else has to act; it goes on when a line is answered.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const readline = require('node:readline');
const { chromium } = require('playwright-core');

const url = process.argv[2];
const people = JSON.parse(process.env.PANEL_PEOPLE);
people.pages = [];
const shots = process.env.PANEL_SHOTS;
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const answers = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const hostile = '<img src=x onerror="alert(1)"> \'q\' & \u05E2\u05D1\u05E8\u05D9\u05EA \u{1F600}';

function check(good, text, why) {
  console.log(`${good ? 'ok' : 'not ok'} ${text}${good || why === undefined ? '' : `: ${String(why).replace(/\s+/g, ' ')}`}`);
}

function is(found, wanted, text) {
  check(found === wanted, text, `found ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`);
}

async function others(what) {
  console.log(`do ${what}`);
  return (await answers.next()).value;
}

/** Something that may go wrong alone, and then is one check that failed. */
async function part(text, work) {
  try {
    await work();
  } catch (error) {
    check(false, text, error.message.slice(0, 600));
    for (const page of people.pages.filter((one) => !one.isClosed())) {
      console.log(`# ${page.url()}: ${(await page.locator('main').textContent({ timeout: 1000 }).catch(() => '')).slice(0, 1500).replace(/\s+/g, ' ')}`);
    }
  }
}

/** A context of its own for somebody, who is told of what no page may do. */
async function newPerson(browser, options) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-GB', acceptDownloads: true, ...options });
  const page = await context.newPage();

  people.pages.push(page);
  page.setDefaultTimeout(15_000);
  page.on('pageerror', (error) => check(false, 'no error of a script', error.message));
  page.on('dialog', (dialog) => {
    check(false, 'no script of somebody else runs', dialog.message());
    dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!/^(blob:|data:)/.test(request.url()) && !request.url().startsWith(url)) check(false, 'nothing is asked of anybody else', request.url());
  });
  page.on('console', (message) => {
    if (/Content.Security|TrustedHTML|Refused to/i.test(message.text())) check(false, 'the policy refuses nothing that a page wants', message.text());
  });
  return { context, page };
}

async function settle(page) {
  await page.waitForFunction(() => document.querySelector('h1') && !document.querySelector('main')?.hasAttribute('aria-busy'));
}

async function go(page, place) {
  await page.evaluate((hash) => { location.hash = hash; }, place);
  await page.waitForTimeout(50);
  await settle(page);
}

/** Save what was saved before: the page is shown anew then, and has nowhere else to go. */
async function saveAgain(page) {
  await page.evaluate(() => { document.querySelector('h1').dataset.before = ''; });
  await page.getByRole('button', { name: 'Save' }).click();
  await page.waitForFunction(() => document.querySelector('h1') && !('before' in document.querySelector('h1').dataset));
  await settle(page);
}

async function signIn(page, { key, token }, remember) {
  await page.getByLabel('Subscription key').fill(key);
  await page.getByLabel('Token', { exact: true }).fill(token);
  if (remember) await page.getByLabel('Stay signed in').check();
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** axe has nothing to say of the page as it is. */
async function accessible(page, text) {
  const found = await page.evaluate(async (source) => {
    if (!globalThis.axe) (0, eval)(source);
    const result = await globalThis.axe.run(document, { resultTypes: ['violations'] });
    return result.violations.map((one) => `${one.id}: ${one.nodes.slice(0, 2).map((node) => node.html.slice(0, 160)).join(' | ')}`);
  }, axe);

  is(found.join('; '), '', `axe: ${text}`);
}

async function fits(page, text) {
  const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);

  check(wide <= room, `it fits: ${text}`, `${wide} of ${room}`);
}

/** No text is the name of a text. */
async function worded(page, text) {
  const found = await page.evaluate(() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT, (node) => (node.parentElement.closest('.code, option') ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT));
    const texts = [];
    while (walker.nextNode()) texts.push(walker.currentNode.data.trim());
    return texts.filter((one) => /^[a-z]+([.\-/][a-z_-]+)+$/.test(one) || one === 'undefined' || one === 'null' || one.includes('[object'));
  });

  is(found.join(' '), '', `worded: ${text}`);
}

async function shot(page, name) {
  if (shots) await page.screenshot({ path: `${shots}/${name}.png` });
}

async function signingIn(page) {
  await page.goto(url);
  await settle(page);
  await accessible(page, 'signing in');
  await signIn(page, { key: people[0].key, token: people[1].token });
  await page.getByText('not a token that is in force').waitFor();
  check(true, 'halves of two tokens are refused, in words');
  await signIn(page, people[0]);
  await page.getByRole('heading', { name: 'Reports', level: 1 }).waitFor();
  await settle(page);
  is(await page.locator('.who').textContent(), people[0].name, 'signed in; the name is text');
  is(await page.evaluate(() => sessionStorage.length + Object.keys(localStorage).filter((key) => key !== 'rde-language').length), 0, 'nothing of it is stored');
  await shot(page, 'empty-1280');
}

/** Sums of what reports say, digit for digit, and of nothing twice. */
async function adding(page) {
  const [added, lines] = await page.evaluate(async () => {
    const { addDecimals, sumLines } = await import('/panel/sums.js');
    const day = (n) => ({ startDate: `2020-01-0${n}T00:00:00.000Z`, endDate: `2020-01-0${n + 1}T00:00:00.000Z` });
    const of = (format, n, totals, more) => ({ dataset: 'd', customizationName: 'v', reseller: 1, generator: 'g', invoice: null, format, ...day(n), rowCount: 1, totals, ...more });
    const told = (reports) => sumLines(reports).map((line) => [line.formats.join('+'), line.reports.length, line.overlaps, line.gaps, line.sums]);
    return [
      [['0', '22.50000000'], ['9007199254740993', '0.1'], ['-0.05', '0.02'], ['99.99', '0.01'], ['-1', '1.00'], ['NaN', '1'], ['1', 'Infinity'], ['0.00000001', '-0.00000002']].map(([a, b]) => addDecimals(a, b)),
      [
        told([of('csv', 1, { USD: '0.10', EUR: '1' }), of('csv', 2, { USD: '0.20' }), of('json', 1, { USD: '0.10', EUR: '1' }), of('json', 2, { USD: '0.20' })]),
        told([of('csv', 1, { USD: '1' }), of('json', 1, { USD: '2' })]),
        told([of('csv', 1, { USD: '1' }), of('csv', 1, { USD: '1' }), of('csv', 2, { USD: '1' })]),
        told([of('csv', 1, { USD: '1' }), of('csv', 2, { USD: '1' }, { reseller: 2 }), of('csv', 3, { USD: '1' }, { generator: null })]),
        told([1, 2].map((n) => of('csv', n, { USD: '1' }, { invoice: `i${n}`, startDate: null, endDate: null }))),
        told([1, 1].map((n) => of('csv', n, { USD: '1' }, { invoice: `i${n}`, startDate: null, endDate: null }))),
        told([of('csv', 1, { USD: 'NaN' }), of('csv', 2, { USD: '1' })]),
        told([of('csv', 1, { USD: '1' }), of('csv', 2, null, { rowCount: 0 }), of('csv', 4, { USD: '1' }), of('xml', 1, null), of('json', 1, null, { rowCount: 0 })]),
      ]];
  });

  is(JSON.stringify(added), '["22.50000000","9007199254740993.1","-0.03","100.00","0.00",null,null,"-0.00000001"]', 'digits are added as digits');
  is(JSON.stringify(lines), JSON.stringify([
    [['csv+json', 2, false, false, { EUR: '1', USD: '0.30' }]],
    [['csv', 1, false, false, { USD: '1' }], ['json', 1, false, false, { USD: '2' }]],
    [['csv', 3, true, false, null]],
    [['csv', 1, false, false, { USD: '1' }], ['csv', 1, false, false, { USD: '1' }], ['csv', 1, false, false, { USD: '1' }]],
    [['csv', 2, false, false, { USD: '2' }]],
    [['csv', 2, true, false, null]],
    [['csv', 2, false, false, null]],
    [['csv', 3, false, true, { USD: '2' }]],
  ]), 'and nothing twice');
}

/** What is shown anew stays under a click, and under the keyboard. */
async function keeping(page) {
  const found = await page.evaluate(async () => {
    const { h, keepRows, redraw } = await import('/panel/dom.js');
    const body = h('tbody', {});
    const node = h('div', {}, h('table', {}, body));
    const row = (item) => h('tr', {}, h('td', {}, h('button', {}, item.name), h('button', {}, 'other')));
    const names = () => [...body.children].map((one) => one.textContent).join(' ');
    const told = [];

    document.body.append(node);
    keepRows(body, [{ id: 1, name: 'a' }, { id: 2, name: 'b' }, { id: 3, name: 'c' }], row);
    const [first, second] = body.children;
    second.querySelectorAll('button')[1].focus();
    keepRows(body, [{ id: 4, name: 'd' }, { id: 2, name: 'B' }, { id: 1, name: 'a' }], row);
    told.push(names(), body.children[2] === first, body.children[1] !== second, document.activeElement === body.children[1].querySelectorAll('button')[1]);
    keepRows(body, [], row);
    told.push(names());
    redraw(node, h('a', { href: '#' }, 'x'), h('button', {}, 'y'));
    node.lastChild.focus();
    redraw(node, [h('a', { href: '#' }, 'x'), null, h('button', {}, 'z')]);
    told.push(document.activeElement.textContent);
    node.remove();
    return told;
  });

  is(JSON.stringify(found), '["dother Bother aother",true,true,true,"","z"]', 'rows that are as they were stay, and so does the focus');
}

/** Numbers of the API, digit for digit. */
async function digits(page) {
  const text = '{"a": 22.50000000, "b": 9007199254740993, "c": -0.1, "d": 1e3, "e": "x\\"1.50\\\\", "f": [7, 0.00000001, 12345678901234567.12000000], "1.50": null}';
  const found = await page.evaluate(async (json) => JSON.stringify((await import('/panel/api.js')).parseExactly(json)), text);

  is(found, '{"a":"22.50000000","b":"9007199254740993","c":-0.1,"d":"1e3","e":"x\\"1.50\\\\","f":[7,"0.00000001","12345678901234567.12000000"],"1.50":null}', 'a number is read as it stands there, or as text');
}

async function makingGenerator(page) {
  await page.getByRole('link', { name: 'Generators' }).click();
  await page.getByRole('link', { name: 'New generator' }).click();
  await page.getByRole('heading', { name: 'New generator' }).waitFor();
  const preview = page.locator('.periods-preview li');
  await preview.nth(4).waitFor();
  is(await preview.count(), 5, 'a new generator shows its next five periods');
  const before = await preview.first().textContent();
  await page.getByLabel('When', { exact: true }).selectOption('weekly');
  await page.getByLabel('Weeks begin on', { exact: true }).selectOption({ label: 'Wednesday' });
  await page.waitForFunction((text) => document.querySelector('.periods-preview li').textContent !== text, before);
  await accessible(page, 'new generator');
  await page.getByLabel('When', { exact: true }).selectOption('daily');
  await page.getByLabel('Time zone', { exact: true }).fill('Nowhere/At all');
  await page.getByLabel('Name', { exact: true }).fill('x');
  await page.getByRole('button', { name: 'Make the generator' }).click();
  await page.waitForFunction(() => document.activeElement.getAttribute('aria-invalid') === 'true');
  is(await page.evaluate(() => document.querySelector(`label[for="${document.activeElement.id}"]`).textContent), 'Time zone', 'what is wrong is said at its field');
  await accessible(page, 'a field that is wrong');
  await page.getByLabel('Time zone', { exact: true }).fill('Europe/Vienna');
  await page.getByLabel('Name', { exact: true }).fill(hostile);
  await page.getByLabel('JSONL', { exact: true }).check();
  await page.getByLabel('First day', { exact: true }).fill(await page.evaluate(() => new Date(Date.now() - 4 * 86_400_000).toISOString().slice(0, 10)));
  await page.getByRole('button', { name: 'Make the generator' }).click();
  await page.locator('.strip .period').first().waitFor();
  is(await page.locator('h1').textContent(), hostile, 'made; its name is text');
  await page.locator('.strip .period.due').first().waitFor();
  check(true, 'its periods are due');
}

async function newReports(page) {
  await page.getByRole('link', { name: 'Reports', exact: true }).click();
  await settle(page);
  await page.evaluate(() => { globalThis.sameDocument = true; });
  is(await page.locator('tr[data-id]').count(), 0, 'no reports yet');
  await others('run');
  await page.locator('tr[data-id]').nth(5).waitFor({ timeout: 20_000 });
  check(await page.evaluate(() => globalThis.sameDocument === true), 'reports appear by themselves');
  is(await page.locator('tr[data-id] .name a').first().textContent(), hostile, 'with their name as text');
  is(await page.locator('tr[data-id] img').count(), 0, 'and nothing made of it');
}

/** What the reports of the list come to. */
async function summing(page) {
  const sums = page.locator('.sums');

  await sums.locator('summary').click();
  await sums.locator('tbody tr').first().waitFor();
  is(await sums.locator('tbody tr').count(), 1, 'files of two formats are told of once');
  is(await sums.locator('.totals .code').first().textContent(), await others('sum'), 'their sum is what the database adds up to');
  await accessible(page, 'sums');
  await shot(page, 'sums-1280');
}

async function downloading(page) {
  const row = page.locator('tr[data-id]').filter({ hasText: 'CSV' }).first();
  const id = await row.getAttribute('data-id');
  const [file] = await Promise.all([page.waitForEvent('download'), row.getByRole('button', { name: /^Download/ }).click()]);
  const bytes = fs.readFileSync(await file.path());
  const digest = createHash('sha256').update(bytes).digest('hex');

  is(digest, await others(`digest ${id}`), 'a downloaded file is the one that the database names');
  await page.locator('.notice.good').filter({ hasText: digest }).waitFor();
  check(file.suggestedFilename().endsWith('.csv.gz'), 'and is called so', file.suggestedFilename());
  await row.getByRole('button', { name: /^Verify/ }).click();
  await page.locator('.notice.good').filter({ hasText: 'whole' }).waitFor();
  check(true, 'verified');
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: url });
  await row.getByRole('button', { name: /^Copy link/ }).click();
  await page.locator('.notice.good').filter({ hasText: 'copied' }).waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  check(link.startsWith('https://reports.example/') && link.includes(id), 'its link is copied', link);

  // digits of amounts, all of them
  await page.locator(`tr[data-id="${id}"] .totals .code`).first().waitFor();
  is(await page.locator(`tr[data-id="${id}"] .totals .code`).first().textContent(), await others(`total ${id}`), 'an amount with all digits');

  // what is not the file is not saved
  await page.route(/\/reports\/[^/]+\/[^/?]+\.csv\.gz$/, async (route) => {
    const reply = await route.fetch();
    const body = Buffer.from(await reply.body());
    body[body.length - 1] ^= 1;
    await route.fulfill({ response: reply, body });
  });
  let saved = false;
  page.once('download', () => { saved = true; });
  await row.getByRole('button', { name: /^Download/ }).click();
  await page.locator('.notice.bad').filter({ hasText: 'was not saved' }).waitFor();
  await page.waitForTimeout(300);
  check(!saved, 'a changed file is not saved');
  await page.unroute(/\/reports\/[^/]+\/[^/?]+\.csv\.gz$/);
}

async function ordering(page) {
  await page.getByRole('link', { name: 'New report' }).click();
  await settle(page);
  await page.getByText('Columns of this view').click();
  await page.locator('details.preview td').filter({ hasText: 'amount' }).first().waitFor();
  check(true, 'a view shows its columns before it is chosen');
  await accessible(page, 'new report');
  await page.getByRole('button', { name: 'Make the report' }).click();
  await page.waitForFunction(() => document.activeElement.getAttribute('aria-invalid') === 'true');
  is(await page.evaluate(() => document.querySelector(`label[for="${document.activeElement.id}"]`).textContent), 'Name', 'a report without a name: said at the field');
  await page.getByLabel('Name', { exact: true }).fill('asked <b>for</b>');
  await page.getByLabel('Format', { exact: true }).selectOption('jsonl');
  await page.getByLabel('First day', { exact: true }).fill('2020-01-01');
  await page.getByLabel('Last day, included', { exact: true }).fill('2020-01-01');
  await page.getByRole('button', { name: 'Make the report' }).click();
  await page.getByRole('heading', { name: 'asked <b>for</b>' }).waitFor();
  await page.getByRole('button', { name: 'Build again' }).waitFor();
  await page.getByRole('heading', { name: 'Columns' }).waitFor();
  await accessible(page, 'one report');
  await shot(page, 'report-1280');

  await go(page, '/new?dataset=sales&name=optional');
  await page.getByText('Options', { exact: true }).click();
  await page.locator('.options select').first().selectOption(';');
  await page.getByRole('button', { name: 'Make the report' }).click();
  await page.getByRole('heading', { name: 'optional' }).waitFor();
  is(await others('options optional'), '{"csv": {"delimiter": ";"}}', 'options that are not the usual ones are asked for');
}

async function watchingPeriods(page) {
  await go(page, '/generators');
  await accessible(page, 'generators');
  await page.getByRole('link', { name: hostile }).first().click();
  await page.locator('.strip .period.completed').first().waitFor();
  check(await page.locator('.strip .period.completed .sign').first().textContent() === '✓', 'a period tells its state without colour');
  await page.locator('.chart rect.bar').first().waitFor();
  await accessible(page, 'one generator');
  await shot(page, 'generator-1280');
}

async function changing(page) {
  await page.getByRole('button', { name: /^Pause/ }).click();
  await page.getByRole('button', { name: /^Go on/ }).waitFor();
  is(await others('enabled'), 'f', 'a generator is paused');
  await page.waitForFunction(() => document.activeElement.textContent.startsWith('Go on'));
  check(true, 'and the keyboard is where it was');
  await page.getByRole('button', { name: /^Go on/ }).click();
  await page.getByRole('button', { name: /^Pause/ }).waitFor();
  is(await others('enabled'), 't', 'and goes on');
  const place = await page.evaluate(() => location.hash.slice(1));
  await page.getByRole('link', { name: 'Change' }).click();
  await page.getByRole('heading', { name: 'Change the generator' }).waitFor();
  await page.locator('.periods-preview li').nth(4).waitFor();
  is(await page.getByLabel('Name', { exact: true }).inputValue(), hostile, 'its settings stand in the form');
  await others('alter');
  await page.getByLabel('Runs at', { exact: true }).fill('07:30');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('form .summary').filter({ hasText: 'changed meanwhile' }).waitFor();
  check(true, 'what somebody else has changed is not overwritten');
  await go(page, place);
  await page.getByRole('link', { name: 'Change' }).click();
  await page.getByRole('heading', { name: 'Change the generator' }).waitFor();
  await page.getByLabel('Runs at', { exact: true }).fill('07:30');
  await page.getByLabel('Reports are kept').fill('P1Y');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('dd').filter({ hasText: '07:30' }).first().waitFor();
  is(await page.locator('dd').filter({ hasText: '1 year' }).count(), 1, 'seen again, it is changed');
}

async function cancelling(page) {
  await page.getByLabel('First day', { exact: true }).last().fill('2020-01-02');
  await page.getByLabel('Last day, included', { exact: true }).last().fill('2020-01-02');
  await page.getByRole('button', { name: 'Make reports' }).click();
  await page.locator('.notice.good').filter({ hasText: 'Submitted' }).waitFor();
  await page.getByRole('link', { name: 'Reports', exact: true }).click();
  const cancel = page.getByRole('button', { name: /^Cancel/ });
  await cancel.first().waitFor();
  const waiting = await cancel.count();
  await accessible(page, 'reports in progress');
  await cancel.first().click();
  await page.locator('dialog').getByRole('button', { name: 'Cancel' }).waitFor();
  await accessible(page, 'a question');
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => document.querySelector('dialog') === null);
  is(await cancel.count(), waiting, 'whoever thinks again cancels nothing');
  await cancel.first().click();
  await page.locator('dialog').getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('heading', { name: 'Failed' }).waitFor();
  await page.getByRole('button', { name: /^Try again/ }).first().waitFor();
  is(await cancel.count(), waiting - 1, 'a cancelled report waits no more');
  await page.getByRole('button', { name: /^Try again/ }).first().click();
  await page.waitForFunction((n) => [...document.querySelectorAll('button')].filter((one) => one.textContent.startsWith('Cancel')).length === n, waiting);
  check(true, 'and is asked for again');
  await others('run');
  await page.waitForFunction(() => ![...document.querySelectorAll('button')].some((one) => one.textContent.startsWith('Cancel')), null, { timeout: 20_000 });
  check(true, 'built, they wait no more');
}

async function revising(page) {
  await page.locator('tr[data-id] .name a').filter({ hasText: 'asked' }).first().click();
  await page.getByRole('button', { name: 'Revoke links' }).click();
  await page.locator('dialog').getByRole('button', { name: 'Revoke links' }).click();
  await page.waitForFunction(() => document.querySelector('[role=status]').textContent === 'The links are revoked' || [...document.querySelectorAll('[role=status]')].some((one) => one.textContent.includes('revoked')));
  check(true, 'links are revoked');
  const before = page.url();
  await page.getByRole('button', { name: 'Build again' }).click();
  await page.locator('dialog').getByRole('button', { name: 'Build again' }).click();
  await page.waitForURL((now) => now.href !== before);
  await others('run');
  await page.locator('h1 .badge').filter({ hasText: 'Revision 2' }).waitFor();
  await page.getByRole('button', { name: 'Download' }).waitFor({ timeout: 20_000 });
  check(true, 'built again, as its second revision');
  await page.goBack();
  await page.locator('h1 .badge').filter({ hasText: 'Superseded' }).waitFor();
  check(true, 'which supersedes the first');
}

async function makingView(page) {
  await page.getByRole('link', { name: 'Views' }).click();
  await settle(page);
  await accessible(page, 'views');
  await page.getByRole('link', { name: /^Copy full/ }).first().click();
  await page.getByRole('heading', { name: /^New view/ }).waitFor();
  const columns = page.locator('.column-list li');
  const first = await columns.first().locator('.column-name').textContent();
  await columns.first().getByRole('button', { name: /^Move down/ }).click();
  is(await columns.nth(1).locator('.column-name').textContent(), first, 'a column moves by its button');
  await columns.nth(1).getByRole('button', { name: /^Remove/ }).click();
  check(!(await page.locator('.column-name').allTextContents()).includes(first), 'and is removed');
  await columns.first().locator('.column-as input').fill('not a name');
  await page.getByLabel('Name', { exact: true }).fill('short');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('form .error:not(:empty)').first().waitFor();
  is(await columns.first().locator('.error').textContent(), 'A name begins with a letter and has only letters, digits and underscores, without accents.', 'a name that no column may have is refused, in words, at its column');
  is(await page.evaluate(() => document.activeElement.closest('.column-as') !== null && document.activeElement.getAttribute('aria-invalid')), 'true', 'and there one is');
  await accessible(page, 'new view');
  const names = [columns.first(), columns.nth(1)].map((column) => column.locator('.column-as input'));
  const second = await names[1].inputValue();
  await names[0].fill('renamed');
  await names[1].fill('RENAMED');
  await page.getByRole('button', { name: 'Save' }).click();
  await columns.nth(1).locator('.error:not(:empty)').waitFor();
  is(await page.evaluate(() => [...document.querySelectorAll('.column-list .error')].map((one) => (one.textContent === '' ? 0 : 1)).join('').replace(/0+$/, '')), '01', 'a name that is taken is told at the second that has it');
  await page.getByLabel('First day', { exact: true }).fill('2020-01-01');
  await page.getByLabel('Last day, included', { exact: true }).fill('2020-01-02');
  await page.getByRole('button', { name: 'Show rows of these days' }).click();
  await columns.nth(1).locator('.error:not(:empty)').waitFor();
  is(await page.locator('.scroll').count(), 0, 'its rows are not shown before it can be made');
  await names[1].fill(second);
  await page.getByRole('button', { name: 'Show rows of these days' }).click();
  await page.locator('.scroll th').filter({ hasText: 'renamed' }).waitFor();
  is(await page.locator('.scroll tbody tr').count(), 20, 'a view shows its first rows before it is saved');
  is(await columns.nth(1).locator('.error').textContent(), '', 'and what was wrong is no longer said');
  await page.getByLabel('Last day, included', { exact: true }).fill('2019-12-31');
  await page.getByRole('button', { name: 'Show rows of these days' }).click();
  await page.locator('.error').filter({ hasText: 'may not be before the first' }).waitFor();
  is(await page.locator('.scroll').count(), 0, 'nor are rows of other days than are chosen');
  await page.getByLabel('Last day, included', { exact: true }).fill('2020-01-02');
  await page.getByRole('button', { name: 'Show rows of these days' }).click();
  await page.locator('.scroll th').filter({ hasText: 'renamed' }).waitFor();
  await accessible(page, 'rows of a view that is not saved');
  await shot(page, 'view-draft-1280');
  await columns.first().locator('.column-label input').fill('Heading, "quoted"');
  await page.getByRole('button', { name: 'Add a condition' }).click();
  await page.locator('.condition-list select').first().selectOption('word');
  await page.locator('.condition-list select').nth(1).selectOption('has_value');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: /^short/, level: 1 }).waitFor();
  is(await page.locator('.column-as input').first().inputValue(), 'renamed', 'a view is made');
  is(await page.locator('.condition-list select').nth(1).inputValue(), 'has_value', 'with its condition');
  is(await page.locator('.column-label input').first().inputValue(), 'Heading, "quoted"', 'and the heading of a column');
  await page.getByRole('button', { name: 'Show first rows' }).click();
  await page.getByRole('button', { name: 'Make one' }).click();
  await page.locator('.scroll th').filter({ hasText: 'renamed' }).waitFor();
  const rows = await page.locator('.scroll tbody tr').count();
  check(rows > 0 && rows <= 20, 'and shows its first rows', rows);
  is(await page.getByText('before the view was changed').count(), 0, 'made by it as it is');
  await page.locator('.column-as input').first().fill('again');
  await saveAgain(page);
  await page.getByRole('button', { name: 'Show first rows' }).click();
  await page.getByText('before the view was changed').waitFor();
  check(true, 'rows of what it was before are told to be such');
  await accessible(page, 'rows of a view that was changed');
  await page.getByRole('button', { name: 'Make one' }).click();
  await page.locator('.scroll th').filter({ hasText: 'again' }).waitFor();
  is(await page.getByText('before the view was changed').count(), 0, 'until there are others');
  await accessible(page, 'one view');
}

/** Who speaks German is told in German what is wrong, at the column and at the condition. */
async function inGerman(browser) {
  const { context, page } = await newPerson(browser, { locale: 'de-AT' });

  await page.goto(url);
  await page.getByLabel('Subscription Key').fill(people[1].key);
  await page.getByLabel('Token', { exact: true }).fill(people[1].token);
  await page.getByRole('button', { name: 'Anmelden' }).click();
  await page.getByRole('heading', { name: 'Berichte', level: 1 }).waitFor();
  await go(page, '/views/sales?from=full');
  await page.getByLabel('Name', { exact: true }).fill('kurz');
  const columns = page.locator('.column-list li');
  await columns.nth(1).locator('.column-label input').fill('ID');
  await page.getByRole('button', { name: 'Speichern' }).click();
  await columns.nth(1).locator('.error').filter({ hasText: 'dieselbe Überschrift' }).waitFor();
  check(true, 'in German, at the column');
  await shot(page, 'wrong-column-1280');
  await columns.nth(1).locator('.column-label input').fill('');
  await page.getByRole('button', { name: 'Bedingung hinzufügen' }).click();
  await page.getByRole('button', { name: 'Speichern' }).click();
  await page.locator('.condition-list .error').filter({ hasText: 'mindestens einen Wert' }).waitFor();
  is(await columns.nth(1).locator('.error').textContent(), '', 'at the condition, and no longer at the column');
  await accessible(page, 'a wrong view in German');
  await page.setViewportSize({ width: 320, height: 900 });
  await fits(page, 'a wrong view in German at 320');
  await shot(page, 'wrong-view-320');
  await page.setViewportSize({ width: 1280, height: 900 });
  await go(page, '/new?dataset=sales&name=lang');
  await page.getByLabel('Letzter Tag, einschließlich').fill('1990-01-01');
  await page.getByRole('button', { name: 'Bericht anfordern' }).click();
  await page.locator('.error').filter({ hasText: 'nicht vor dem ersten' }).waitFor();
  check(true, 'and at a day');
  await context.close();
}

/** Who has thousands finds the newest at once, and what is looked for. */
async function ofMany(page) {
  const rows = page.locator('tr[data-id] .name a');

  await rows.first().waitFor();
  is(await rows.first().textContent(), 'many 0', 'the newest of many is first');
  await page.getByText('3,000 reports').waitFor();
  is(await rows.count(), 100, 'a hundred are shown');
  is(await rows.nth(99).textContent(), 'many 99', 'in order');
  await page.getByRole('button', { name: 'Show more' }).click();
  await rows.nth(199).waitFor();
  is(await rows.nth(199).textContent(), 'many 199', 'and a hundred more');
  await page.locator('.sums summary').click();
  is(await page.locator('.sums .totals li').filter({ hasText: 'USD' }).textContent(), '0.00003000 USD', 'all are added up');
  await page.getByText('Filters').click();
  await page.getByLabel('Name', { exact: true }).fill('many 2000');
  await page.keyboard.press('Enter');
  await page.getByText('1 report', { exact: true }).first().waitFor();
  is(await rows.allTextContents().then((all) => all.join()), 'many 2000', 'one is found by its name');
  await accessible(page, 'filters');
  await go(page, '/generators');
  is(await page.locator('tbody tr').count(), 100, 'a hundred generators');
  await page.getByLabel('Find generators').fill('ator 11');
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 11);
  check(true, 'of which some are found');
  await accessible(page, 'many generators');
}

/** Who has resellers below does for them what they could. */
async function forOthers(browser) {
  const { context, page } = await newPerson(browser);

  await page.goto(url);
  await signIn(page, people[2]);
  await page.getByRole('heading', { name: 'Reports', level: 1 }).waitFor();
  await part('many', () => ofMany(page));
  await go(page, '/views/sales?from=full');
  await page.getByLabel('Name', { exact: true }).fill('theirs');
  await page.getByLabel('Reseller', { exact: true }).selectOption('4');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: /^theirs/, level: 1 }).waitFor();
  await page.locator('.column-as input').first().fill('first');
  await saveAgain(page);
  await go(page, '/views');
  await page.locator('tr').filter({ hasText: 'theirs' }).filter({ hasText: 'Below (4)' }).getByRole('link', { name: 'theirs', exact: true }).click();
  await page.getByRole('heading', { name: /^theirs/, level: 1 }).waitFor();
  is(await page.locator('.column-as input').first().inputValue(), 'first', 'a view for somebody below is made, changed and found');
  for (const place of ['/new?dataset=sales', '/generators/new']) {
    await go(page, place);
    const offered = () => page.getByLabel('View', { exact: true }).locator('option').allTextContents();
    check(!(await offered()).includes('theirs'), `${place}: it is not one's own`);
    if (place !== '/new?dataset=sales') await page.getByLabel('Data set', { exact: true }).selectOption('sales');
    await page.getByLabel('Reseller', { exact: true }).selectOption('4');
    check((await offered()).includes('theirs'), `${place}: and offered for whom it is`, await offered());
  }
  await accessible(page, 'a form of who has resellers below');
  await go(page, '/views/sales/theirs?reseller=4');
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.locator('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('heading', { name: 'Views', level: 1 }).waitFor();
  await settle(page);
  is(await page.locator('tr').filter({ hasText: 'theirs' }).count(), 0, 'and deleted');
  await context.close();
}

async function staying(browser) {
  const { context, page } = await newPerson(browser);

  await page.goto(url);
  await signIn(page, people[1], true);
  await page.getByRole('heading', { name: 'Reports', level: 1 }).waitFor();
  await page.reload();
  await page.getByRole('heading', { name: 'Reports', level: 1 }).waitFor();
  is(await page.locator('.who').textContent(), people[1].name, 'whoever asked for it stays signed in');
  return { context, page };
}

/** Nothing of the first person's is to be seen by the second. */
async function apart(mine, theirs) {
  const foreign = await theirs.evaluate(() => location.hash);

  for (const place of ['/reports?from=', '/generators', '/views', '/account']) {
    await go(mine, place);
    await mine.waitForTimeout(300);
    const text = await mine.locator('body').textContent();
    check(!text.includes('onerror') && !text.includes('<b>for') && !text.includes('short'), `nothing of the other account: ${place}`, text);
  }
  for (const place of foreign.split('\n')) {
    await go(mine, place.slice(1));
    check(await mine.getByRole('alert').count() > 0, 'a foreign report is not there');
  }
}

async function looks(page) {
  const places = ['/reports', '/new', '/generators', '/generators/new', '/views', '/views/sales/short', '/views/sales', '/account'];

  await go(page, '/generators');
  places.push(...await page.locator('td .name a').evaluateAll((all) => all.map((one) => one.getAttribute('href').slice(1))));
  places.push(`${places.at(-1)}/change`);
  await go(page, '/reports');
  await page.locator('tr[data-id] .name a').first().waitFor();
  places.push(await page.locator('tr[data-id] .name a').first().getAttribute('href').then((href) => href.slice(1)));
  for (const [width, scheme, direction, language] of [[320, 'dark', 'rtl', 'de'], [320, 'light', 'ltr', 'en'], [768, 'light', 'ltr', 'de'], [1280, 'dark', 'ltr', 'en']]) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme: scheme });
    await page.locator('footer select').selectOption(language);
    await page.locator(`html[lang=${language}] h1`).waitFor();
    await settle(page);
    await page.evaluate((dir) => { document.documentElement.dir = dir; }, direction);
    for (const place of places) {
      await go(page, place);
      await page.waitForTimeout(50);
      const text = `${place.replace(/[0-9a-f-]{36}/, 'ID')} at ${width}, ${scheme}, ${direction}, ${language}`;
      await fits(page, text);
      await worded(page, text);
      if (scheme === 'dark') await accessible(page, text);
      await shot(page, `${place.slice(1).replace(/[0-9a-f-]{36}/, 'id').replace(/\W+/g, '-')}-${width}-${scheme}-${direction}`);
    }
  }
  await page.locator('footer select').selectOption('en');
  await page.locator('html[lang=en] h1').waitFor();
  await page.setViewportSize({ width: 1280, height: 900 });
}

/** Go on by Tab until something is reached that is called so. */
async function tabTo(page, wanted, key = 'Tab') {
  for (let n = 0; n < 80; n++) {
    await page.keyboard.press(key);
    const found = await page.evaluate(() => {
      const at = document.activeElement;
      return (at.labels?.[0]?.textContent ?? at.getAttribute('aria-label') ?? at.textContent).trim();
    });
    if (found === wanted) return;
  }
  throw new Error(`no way to "${wanted}" by the keyboard`);
}

/** Everything can be reached and done by the keyboard. */
async function byKeyboard(page) {
  await go(page, '/reports');
  await page.reload();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await page.keyboard.press('Tab');
  is(await page.evaluate(() => document.activeElement.type), 'text', 'the first stop is the first field');
  await page.keyboard.type(people[0].key);
  await page.keyboard.press('Tab');
  await page.keyboard.type(people[0].token);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Reports', level: 1 }).waitFor();
  await settle(page);
  is(await page.evaluate(() => document.activeElement.tagName), 'H1', 'a page begins at its heading');
  await page.keyboard.press('Shift+Tab');
  check(await page.evaluate(() => document.activeElement.closest('header') !== null), 'and the menu is before it');
  await tabTo(page, 'New report', 'Shift+Tab');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'New report' }).waitFor();
  await tabTo(page, 'Name');
  await page.keyboard.type('by the keyboard');
  await tabTo(page, 'Make the report');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'by the keyboard' }).waitFor();
  is(await page.evaluate(() => document.activeElement.tagName), 'H1', 'a report is made by the keyboard');
  await tabTo(page, 'Download');
  const [file] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('Enter')]);
  check(file.suggestedFilename().startsWith('by_the_keyboard.') || file.suggestedFilename().startsWith('by the keyboard.'), 'and fetched', file.suggestedFilename());
  await tabTo(page, 'Delete');
  await page.keyboard.press('Enter');
  await page.locator('dialog').waitFor();
  is(await page.evaluate(() => document.activeElement.textContent), 'Back', 'a question begins at what does no harm');
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => document.querySelector('dialog') === null);
  is(await page.evaluate(() => document.activeElement.textContent.trim()), 'Delete', 'and leads back to where it was asked');
}

async function leaving(mine, theirs) {
  await mine.getByRole('button', { name: 'Sign out' }).click();
  await mine.getByRole('heading', { name: 'Sign in' }).waitFor();
  await mine.goBack().catch(() => {});
  await mine.waitForTimeout(200);
  is(await mine.locator('main.signin').count(), 1, 'signed out, nothing is left to go back to');
  is(await mine.locator('input[type=password]').inputValue(), '', 'not the token, either');

  await go(theirs, '/account');
  await others('revoke');
  await go(theirs, '/generators');
  await theirs.getByText('You were signed out').waitFor();
  is(await theirs.evaluate(() => sessionStorage.length), 0, 'a token that is revoked signs out, and is forgotten');
}

(async () => {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage', '--lang=en-GB'],
  });

  try {
    const { page } = await newPerson(browser);
    await part('signing in', () => signingIn(page));
    await part('digits', () => digits(page));
    await part('sums', () => adding(page));
    await part('rows', () => keeping(page));
    await part('a generator', () => makingGenerator(page));
    await part('new reports', () => newReports(page));
    await part('sums of a list', () => summing(page));
    await part('files', () => downloading(page));
    await part('a report of one\'s own', () => ordering(page));
    await part('periods', () => watchingPeriods(page));
    await part('changes', () => changing(page));
    await part('cancelling', () => cancelling(page));
    await part('revisions', () => revising(page));
    const other = await staying(browser);
    await part('two accounts', () => apart(other.page, page));
    await part('a view', () => makingView(page));
    await part('German', () => inGerman(browser));
    await part('resellers below', () => forOthers(browser));
    await part('looks', () => looks(page));
    await part('keyboard', () => byKeyboard(page));
    await part('leaving', () => leaving(page, other.page));
  } catch (error) {
    check(false, 'the browser', error.message);
  }
  await browser.close();
  console.log('end');
  process.exit(0);
})();
