// reports.js
//   The list of reports.  Invariant: what is listed is what the server lists; what
//   is published while it is looked at is asked for with the list's own cursor.

import { account, datasets, get, newKey, pathOf } from './api.js';
import { h, keepRows, name, table } from './dom.js';
import { act, copyLink, download, verify } from './download.js';
import { watch } from './events.js';
import { Field, form, input, select } from './form.js';
import { ownerOf } from './owner.js';
import { badge, bytes, count, days, moment, number, t, today, totals } from './shown.js';
import { sumTable } from './sums.js';
import { announce, button, confirm, explainCode, link } from './ui.js';

const AT_ONCE = 100;
const MOST_PARTS = 20;
const MOST_PENDING = 50;
const states = ['all', 'completed', 'pending', 'error'];
const types = ['onetime', 'daily', 'weekly', 'monthly', 'quarterly', 'on_invoice'];

/** What a report is, beside its name. */
export function marks(report) {
  return [
    badge('format', report.format.toUpperCase()),
    report.provisional ? badge('warn', t('provisional')) : null,
    report.revision > 1 ? badge('plain', t('revision', { n: report.revision })) : null,
    report.supersededBy ? badge('warn', t('superseded')) : null,
  ];
}

/** How far a build is. */
export function progress(report) {
  if (report.status === 'submitted') return [badge('wait', t('status.submitted'))];
  const done = report.progress;
  const all = done?.estimatedRows ?? null;

  return [badge('work', t('status.processing')), done === undefined ? null : h('div', { class: 'progress' },
    all === null || done.rows > all ? null : h('progress', { max: all, value: done.rows, 'aria-label': t('progress') }),
    h('span', {}, ' ', count('rows', done.rows), all === null ? null : ` / ~${number(all)}`))];
}

/** What all lists show of a report first. */
function head(report, who) {
  return [h('div', { class: 'name' }, link(`/reports/${report.id}`, name(report.name)), ' ', marks(report)),
    h('div', { class: 'zone' }, name(report.dataset), ' · ', name(report.customizationName), ownerOf(who, report.reseller))];
}

/** The filters; change is called with them when they are sent, not while somebody still types a day. */
function filterForm(query, sets, change) {
  const all = ['', t('any')];
  const fields = {
    name: new Field(t('name'), input('text', { autocomplete: 'off', dir: 'auto', maxlength: 128 }), { hint: t('filter.name.hint') }),
    from: new Field(t('filter.from'), input('date', { max: today('UTC') })),
    to: new Field(t('filter.to'), input('date')),
    dataset: new Field(t('dataset'), select([all, ...sets.data.map((set) => [set.name, set.title])])),
    format: new Field(t('format'), select([all, ...sets.formats.map((one) => [one.name, one.name.toUpperCase()])])),
    type: new Field(t('type'), select([all, ...types.map((one) => [one, t(`type.${one}`)])])),
    state: new Field(t('state'), select(states.map((one) => [one, t(`state.${one}`)]))),
  };
  const given = { name: '', from: today('UTC', -30), to: '', dataset: '', format: '', type: '', state: 'all', ...Object.fromEntries(query) };

  for (const [key, field] of Object.entries(fields)) field.value = given[key];
  const open = [...query.keys()].some((key) => key in fields);
  const { node: sent } = form([h('div', { class: 'grid' }, Object.values(fields).map((field) => field.node)), h('p', { class: 'hint' }, t('filter.hint'))],
    () => fields, t('filter.apply'), async () => change(Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, field.value]))));
  const node = h('details', { class: 'filters', open }, h('summary', {}, t('filters')), sent);

  return { node, given };
}

/** Reports that wait or are being built. */
function pendingList(page, who, given, found) {
  const list = table(t('pending'), [{ title: t('name') }, { title: t('days') }, { title: t('progress') }, { title: t('actions'), class: 'end' }]);
  const rows = new Map();
  const others = h('p', { class: 'hint' });
  const section = h('section', { hidden: true }, h('h2', {}, t('pending')), list.node, others);
  let timer = null;

  async function look() {
    const listed = [];
    for (const status of ['processing', 'submitted']) {
      listed.push(...(await get('reports', { ...filters(given), ...daysOf({}), status, detail: 'true' }, page.signal)).data);
    }
    for (const report of listed.filter((one) => one.status === 'processing').slice(0, 5)) {
      Object.assign(report, await get(pathOf('reports', report.id), {}, page.signal).catch(() => ({})));
    }
    draw(listed.filter((report) => report.status !== 'completed' && report.status !== 'error'));
    return listed.length;
  }

  function draw(listed) {
    const ids = new Set(listed.map((report) => report.id));

    for (const [id, row] of rows) {
      if (!ids.has(id)) {
        row.remove();
        rows.delete(id);
        found();
      }
    }
    others.replaceChildren(listed.length > MOST_PENDING ? t('pending.more', { n: number(listed.length - MOST_PENDING) }) : '');
    for (const report of listed.slice(0, MOST_PENDING)) {
      if (!rows.has(report.id)) {
        rows.set(report.id, list.row([head(report, who), days(report), progress(report), h('div', { class: 'actions' },
          button(t('cancel'), async () => {
            if (!await confirm([t('cancel.question'), ' ', name(report.name)], t('cancel'))) return;
            await act(report, 'cancel', newKey());
            found();
          }, { about: report.name }))]));
        list.body.append(rows.get(report.id));
      } else {
        rows.get(report.id).children[2].replaceChildren(...progress(report).filter(Boolean));
      }
    }
    section.hidden = listed.length === 0;
  }

  async function again() {
    clearTimeout(timer);
    const n = await look();
    if (n > 0 && !page.signal.aborted) timer = setTimeout(() => !document.hidden && again().catch(() => {}), 2_000);
  }

  page.signal.addEventListener('abort', () => clearTimeout(timer));
  document.addEventListener('visibilitychange', () => !document.hidden && again().catch(() => {}), { signal: page.signal });
  return { section, look: again };
}

/** Reports that failed. */
function failedList(page, who, given, changed) {
  const list = table(t('failed'), [{ title: t('name') }, { title: t('days') }, { title: t('problem') }, { title: t('actions'), class: 'end' }]);
  const section = h('section', { hidden: true }, h('h2', {}, t('failed')), list.node);
  const whys = new Map();

  async function look() {
    const { data } = await get('reports', { ...filters(given), ...daysOf(given), status: 'error', detail: 'true' }, page.signal);
    const listed = [];

    // what went wrong is said of a single report only; asked once for each time it failed
    for (const report of data.slice(-20).reverse()) {
      const failure = `${report.id} ${report.creationDate}`;
      if (!whys.has(failure)) whys.set(failure, await get(pathOf('reports', report.id), {}, page.signal));
      listed.push({ ...report, ...whys.get(failure) });
    }
    keepRows(list.body, listed, (report) => list.row([head(report, who), days(report), explainCode(report.code, report.error),
      h('div', { class: 'actions' }, button(t('retry'), async () => {
        await act(report, 'retry', newKey());
        changed();
      }, { about: report.name }))]));
    section.hidden = listed.length === 0;
  }

  return { section, look };
}

/** What of the filters each list is asked with; an open end is far away. */
function filters(given) {
  return { name: given.name, dataset: given.dataset, format: given.format, type: given.type, generator: given.generator };
}

function daysOf(given) {
  return { from: given.from || '2000-01-01', to: given.to || '2999-12-31' };
}

function completedRow(list, report, who, page) {
  return list.row([
    head(report, who), days(report), report.rowCount === null ? '–' : number(report.rowCount), totals(report.totals),
    [moment(report.creationDate, report.timeZone), h('div', { class: 'zone' }, bytes(report.fileBytes))],
    h('div', { class: 'actions' },
      button(t('download'), () => download(report, page.signal), { kind: 'primary', about: report.name }),
      report.downloadUrl === null ? null : button(t('link.copy'), () => copyLink(report), { about: report.name }),
      button(t('verify'), () => verify(report, page.signal), { about: report.name })),
  ], { 'data-id': report.id });
}

/** The list of completed reports, the newest first. */
function completedList(page, who, given) {
  const list = table(t('completed'), [{ title: t('name') }, { title: t('days') }, { title: t('rows'), class: 'number' },
    { title: t('totals'), class: 'number' }, { title: t('published') }, { title: t('actions'), class: 'end' }]);
  const status = h('p', { class: 'hint' });
  const more = h('button', { type: 'button', hidden: true, on: { click: () => draw(shownCount + AT_ONCE) } }, t('more'));
  const sums = h('div', {});
  const summed = h('details', { class: 'sums', hidden: true, on: { toggle: () => showSums() } }, h('summary', {}, t('sums')), sums);
  const section = h('section', {}, h('h2', {}, t('completed')), summed, list.node, status, more);
  const reports = new Map();
  let next = null;
  let isWhole = true;
  let isLoaded = false;
  let shownCount = AT_ONCE;

  async function take(query) {
    const answer = await get('reports', { ...filters(given), status: 'completed', detail: 'true', ...query }, page.signal);
    next = answer.next ?? next;
    for (const report of answer.data) reports.set(report.id, report);
    return answer.data;
  }

  /** What is not there of the list; nothing if all is. */
  function missing() {
    if (!isLoaded) return t('reports.loading');
    return isWhole ? '' : t('reports.cut');
  }

  function showSums() {
    if (summed.open) sums.replaceChildren(...(missing() === '' ? sumTable([...reports.values()], who) ?? [] : [h('p', {}, missing())]).filter(Boolean));
  }

  function draw(n) {
    const newest = [...reports.values()].reverse();
    const rows = new Map([...list.body.children].map((row) => [row.dataset.id, row]));
    const wanted = newest.slice(0, n).map((report) => rows.get(report.id) ?? completedRow(list, report, who, page));

    shownCount = n;
    // rows that stay are not touched: whoever is at one of them stays there
    for (const row of list.body.children) if (!wanted.includes(row)) row.remove();
    wanted.forEach((row, i) => {
      if (list.body.children[i] !== row) list.body.insertBefore(row, list.body.children[i] ?? null);
    });
    status.replaceChildren(reports.size === 0 && isLoaded ? t('reports.none') : count('reports', reports.size), ' ', missing());
    list.node.hidden = reports.size === 0;
    more.hidden = newest.length <= n;
    summed.hidden = newest.every((report) => report.totals === null);
    showSums();
  }

  async function parts(first) {
    let part = await take(first);
    for (let i = 1; part.length > 0 && next !== null && i < MOST_PARTS; i++) part = await take({ after: next });
    isWhole = part.length === 0 || next === null;
  }

  return {
    section,
    /** The newest days first, for whoever waits; what is older comes while they are read. */
    async begin() {
      const asked = daysOf(given);
      const newest = { ...asked, from: [asked.from, today('UTC', -1)].sort().at(-1) };
      const older = { ...asked, to: [asked.to, today('UTC', -2)].sort()[0] };

      if (newest.from <= newest.to) await parts(newest);
      isLoaded = older.from > older.to;
      draw(AT_ONCE);
      if (isLoaded) return;
      const [upto, whole] = [next, isWhole];
      await parts(older);
      const inOrder = [...reports.values()].sort((a, b) => Number(a.creationDate > b.creationDate) - Number(a.creationDate < b.creationDate));
      reports.clear();
      for (const report of inOrder) reports.set(report.id, report);
      next = upto ?? next;
      isWhole &&= whole;
      isLoaded = true;
      draw(shownCount);
    },
    /** What was published since; the days looked at may be over. */
    async look() {
      if (next === null || (given.to !== '' && given.to < today('UTC'))) return;
      const before = new Set(reports.keys());
      await parts({ after: next });
      const fresh = [...reports.values()].filter((report) => !before.has(report.id));
      if (fresh.length === 0) return;
      draw(shownCount);
      announce(fresh.length === 1 ? t('ready', { name: fresh[0].name }) : count('ready', fresh.length));
      for (const report of fresh) list.body.querySelector(`[data-id="${CSS.escape(report.id)}"]`)?.classList.add('fresh');
    },
    drop(id) {
      if (reports.delete(id)) draw(shownCount);
    },
  };
}

export async function reportsPage(page) {
  const [who, sets] = await Promise.all([account(), datasets()]);
  const { node, given } = filterForm(page.query, sets, (values) => {
    const query = new URLSearchParams(Object.entries(values).filter(([key, value]) => value !== '' && !(key === 'state' && value === 'all')));
    if (values.from === '') query.set('from', '');
    if (given.generator) query.set('generator', given.generator);
    page.leaveFor(`/reports?${query}`);
  });
  const only = given.generator ? h('p', {}, t('generator.only'), ' ', link('/reports', t('generator.all'))) : null;
  const wants = (state) => given.state === 'all' || given.state === state;
  const looks = [];
  let looking = null;
  let again = false;

  // however many ask meanwhile, it is done once more
  const lookAll = () => {
    again = true;
    looking ??= (async () => {
      while (again && !page.signal.aborted) {
        again = false;
        for (const look of looks) await look().catch(() => {});
      }
      looking = null;
    })();
    return looking;
  };
  const pending = pendingList(page, who, given, lookAll);
  const failed = failedList(page, who, given, lookAll);
  const completed = completedList(page, who, given);

  if (wants('pending')) looks.push(pending.look);
  if (wants('error')) looks.push(failed.look);
  if (wants('completed')) looks.push(completed.look);
  page.fill(t('menu/reports'), only, node, wants('pending') && pending.section, wants('error') && failed.section, wants('completed') && completed.section);
  if (wants('completed')) await completed.begin();
  if (wants('pending')) await pending.look();
  if (wants('error')) await failed.look();
  watch((events) => {
    for (const event of events) if (event?.event === 'superseded') completed.drop(event.id);
    return lookAll();
  }, page.signal);
}
