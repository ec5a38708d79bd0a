// view.js
//   One view: its columns, and for who may change it their order and names.

import { ApiError, account, ask, datasets, forget, get, pathOf } from './api.js';
import { columnTable, resellerField, viewOf, viewPlace } from './columns.js';
import { Conditions, conditionList } from './conditions.js';
import { h, name, newId } from './dom.js';
import { firstRows } from './download.js';
import { Field, Row, form, input, select } from './form.js';
import { days, t, today } from './shown.js';
import { announce, button, confirm, link } from './ui.js';

const PREVIEW_ROWS = 20;
const kinds = ['plain', 'attribute', 'locale', 'multilingual', 'unix', 'unix_date'];

function kindOf(column) {
  if (column.attribute !== undefined) return 'attribute';
  if (column.locale !== undefined) return 'locale';
  return column.type ?? 'plain';
}

/** What heads a column in a workbook: one text, or several by language, which stay as they are. */
function labelField(column) {
  const several = column.label !== null && typeof column.label === 'object';
  const control = input('text', { value: (several ? Object.values(column.label).join(' · ') : column.label) ?? '',
    disabled: several, 'aria-label': t('column.label'), dir: 'auto', autocomplete: 'off', maxlength: 255 });

  return { control, get value() { return several ? column.label : control.value; } };
}

/** A name that a column may have in a report. */
function alias(column, taken) {
  const plain = column.replace(/[^0-9a-zA-Z_]/g, '_').replace(/^[^a-zA-Z]+/, '') || 'column';
  let found = plain;

  for (let n = 2; taken.includes(found.toLowerCase()); n++) found = `${plain}_${n}`;
  return found;
}

/** The chosen columns, each a row of controls, in their order. */
class Columns {
  constructor(columns) {
    this.rows = [];
    this.list = h('ol', { class: 'column-list' });
    this.error = h('p', { class: 'error', id: newId() });
    this.node = h('div', {}, this.list, this.error);
    for (const column of columns) this.add(column);
  }

  add(column) {
    const kind = select(kinds.map((one) => [one, t(`kind.${one}`)]), kindOf(column), { 'aria-label': t('kind') });
    const as = input('text', { value: column.as ?? column.column, 'aria-label': t('column.as'), dir: 'ltr', autocomplete: 'off', spellcheck: 'false', required: true });
    const argument = input('text', { value: column.attribute ?? column.locale ?? '', 'aria-label': t('kind.argument'), autocomplete: 'off', dir: 'auto' });
    const label = labelField(column);
    const row = { column, kind, as, argument, label };
    const show = () => {
      argument.hidden = !['attribute', 'locale'].includes(kind.value);
    };

    row.node = h('li', {},
      h('div', { class: 'column-name' }, name(column.column), column.description ? h('div', { class: 'zone' }, name(column.description)) : null),
      h('div', { class: 'column-names' },
        h('label', { class: 'column-as' }, h('span', { 'aria-hidden': 'true' }, t('column.as')), as),
        h('label', { class: 'column-label' }, h('span', { 'aria-hidden': 'true' }, t('column.label')), label.control)),
      h('div', { class: 'column-kind' }, kind, argument),
      h('div', { class: 'actions' },
        this.mover(row, -1, '↑', t('move-up')), this.mover(row, 1, '↓', t('move-down')),
        h('button', { type: 'button', class: 'small', 'aria-label': t('remove-column', { name: column.column }), on: { click: () => this.remove(row) } }, '×')));
    row.place = new Row(row.node, { as, label: label.control, type: kind, attribute: argument, locale: argument });
    kind.addEventListener('change', show);
    show();
    this.rows.push(row);
    this.list.append(row.node);
    return row;
  }

  mover(row, by, sign, what) {
    const node = h('button', { type: 'button', class: 'small', 'aria-label': `${what}: ${row.column.column}`, on: { click: () => {
      const at = this.rows.indexOf(row);
      const other = this.rows[at + by];
      if (other === undefined) return;
      this.rows.splice(at, 1);
      this.rows.splice(at + by, 0, row);
      if (by < 0) other.node.before(row.node);
      else other.node.after(row.node);
      node.focus();
      announce(t('moved', { name: row.column.column, n: at + by + 1 }));
    } } }, sign);

    return node;
  }

  remove(row) {
    const at = this.rows.indexOf(row);

    this.rows.splice(at, 1);
    row.node.remove();
    (this.rows[at] ?? this.rows[at - 1])?.as.focus();
    announce(t('removed', { name: row.column.column }));
  }

  get value() {
    return this.rows.map(({ column, kind, as, argument, label }) => ({
      column: column.column, as: as.value.trim(),
      ...(kind.value === 'attribute' || kind.value === 'locale' ? { [kind.value]: argument.value } : {}),
      ...(['multilingual', 'unix', 'unix_date'].includes(kind.value) ? { type: kind.value } : {}),
      ...(label.value ? { label: label.value } : {}),
      ...(column.group ? { group: column.group } : {}), ...(column.description ? { description: column.description } : {}),
    }));
  }

  /** The column that an error is about. */
  at([n, key]) {
    return this.rows[n]?.place.at(key);
  }

  fail(message) {
    this.error.replaceChildren(...[message].flat());
  }

  clear() {
    this.error.replaceChildren();
    for (const row of this.rows) row.place.clear();
  }

  focus() {
    this.list.querySelector('input, select, button')?.focus();
  }
}

/** Columns that can be added, found by name or description. */
function adder(all, columns) {
  const search = new Field(t('column.find'), input('search', { autocomplete: 'off' }));
  const list = h('ul', { class: 'column-choice' });
  const show = () => {
    const wanted = search.value.toLowerCase();
    const found = all.filter((column) => `${column.column} ${column.description ?? ''} ${column.group ?? ''}`.toLowerCase().includes(wanted));

    list.replaceChildren(...found.map((column) => h('li', {}, h('button', { type: 'button', class: 'small', on: { click: () => {
      const taken = columns.rows.map((row) => row.as.value.toLowerCase());
      columns.add({ ...column, as: alias(column.column, taken) });
      announce(t('added', { name: column.column }));
    } } }, '+ ', name(column.column)), column.description ? h('span', { class: 'zone' }, ' ', name(column.description)) : null)));
  };

  search.control.addEventListener('input', show);
  show();
  return h('section', { class: 'adder' }, h('h2', {}, t('column.add')), search.node, list);
}

/** What of a view, or of a report made by it, makes rows what they are. */
function shape(columns, conditions) {
  return JSON.stringify([columns, conditions.map((condition) => Object.entries(condition).sort())]);
}

/** Rows, each a list of cells, under their titles. */
function rowTable(titles, rows) {
  return h('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': t('rows.first') }, h('table', {},
    h('thead', {}, h('tr', {}, titles.map((title) => h('th', { scope: 'col' }, name(title))))),
    h('tbody', {}, rows.map((row) => h('tr', {}, row.map((value) => h('td', {}, name(value ?? ''))))))));
}

/** Two days to choose: [the first, the last]. */
function dayFields() {
  return [new Field(t('first-day'), input('date', { value: today('UTC', -1), required: true })),
    new Field(t('last-day'), input('date', { value: today('UTC'), required: true }))];
}

/** The first rows of the newest report of a view, or of one made for this. */
function rowsPreview(page, set, view, reseller, may) {
  const where = h('div', {});
  const [first, last] = dayFields();
  const maker = may ? form([h('div', { class: 'grid' }, first.node, last.node)], () => ({ startDate: first, endDate: last }), t('preview.make'), make).node : null;

  async function show(report) {
    const [[titles, ...rows], manifest] = await Promise.all([
      firstRows(report, PREVIEW_ROWS, page.signal), get(pathOf('reports', report.id, 'manifest'), {}, page.signal)]);
    const isOlder = manifest.columns !== null && shape(manifest.columns.map((column) => column.name), manifest.conditions ?? [])
      !== shape(view.columns.map((column) => column.as ?? column.column), view.conditions);

    where.replaceChildren(...[
      h('p', { class: 'hint' }, link(`/reports/${report.id}`, name(report.name)), ' · ', days(report)),
      isOlder ? h('p', { class: 'notice bad' }, t('preview.older')) : null,
      titles === undefined ? h('p', {}, t('rows.none')) : rowTable(titles, rows),
      maker,
    ].filter(Boolean));
  }

  async function newest() {
    for (const back of [1, 10, 90]) {
      for (const format of ['jsonl', 'json']) {
        const { data } = await get('reports', { from: today('UTC', -back), to: '2999-12-31', dataset: set.name, format, detail: 'true' }, page.signal);
        const found = data.filter((report) => report.customizationName === view.name && report.reseller === reseller).at(-1);
        if (found) return found;
      }
    }
    return null;
  }

  async function make(key) {
    const report = await ask('POST', 'reports', {
      headers: { 'Idempotency-Key': key },
      body: { name: t('preview.name', { name: view.name }).slice(0, 128), dataset: set.name, customizationName: view.name, format: 'jsonl', startDate: first.value, endDate: last.value, reseller },
    });
    if (report.status === 'completed') await show(report);
    else page.leaveFor(`/reports/${report.id}`);
  }

  async function look() {
    const found = await newest();

    if (found !== null) await show(found);
    else where.replaceChildren(...[h('p', {}, t('preview.none')), maker].filter(Boolean));
  }

  where.append(button(t('rows.show'), look));
  return h('section', {}, h('h2', {}, t('rows.first')), where);
}

/** The first rows of what is chosen now, saved or not. */
function draftRows(page, set, columns, conditions, whose) {
  const where = h('div', { role: 'status' });
  const [first, last] = dayFields();
  const { node } = form([h('div', { class: 'grid' }, first.node, last.node)],
    () => ({ columns, conditions, startDate: first, endDate: last }), t('preview.show'), async () => {
      where.replaceChildren();
      const { columns: titles, data } = await ask('POST', pathOf('datasets', set.name, 'preview'), {
        body: { columns: columns.value, conditions: conditions.value, startDate: first.value, endDate: last.value }, query: { reseller: whose() },
      });
      where.replaceChildren(data.length === 0 ? h('p', {}, t('preview.empty')) : rowTable(titles, data));
    });

  return h('section', {}, h('h2', {}, t('preview.draft')), h('p', { class: 'hint' }, t('preview.draft.hint')), node, where);
}

/** The form of a view; made: what is saved of it already, or null; from: what it begins with. */
function editor(page, set, made, from, who) {
  const reseller = made === null ? resellerField(who, from?.reseller ?? undefined) : null;
  const whose = () => made?.reseller ?? Number(reseller?.value ?? who.id);
  const title = made === null ? new Field(t('name'), input('text', { maxlength: 128, required: true, autocomplete: 'off', dir: 'auto' }), { hint: t('view.name.hint') }) : null;
  const full = viewOf(set, 'full', null)?.columns ?? [...new Map(set.views.flatMap((view) => view.columns).map((column) => [column.column, { ...column, attribute: undefined, locale: undefined, type: undefined }])).values()];
  const chosen = new Columns(from?.columns ?? []);
  const conditions = new Conditions(full, from?.conditions ?? []);

  const { node } = form([h('div', { class: 'grid' }, title?.node ?? null, reseller?.node ?? null), h('h2', {}, t('columns')), chosen.node, adder(full, chosen), conditions.node],
    () => ({ ...(title ? { name: title } : {}), ...(reseller ? { reseller } : {}), columns: chosen, conditions }), t('save'), async (key) => {
      const path = (view) => pathOf('datasets', set.name, 'views', view);
      const query = { reseller: whose() };
      const body = { columns: chosen.value, conditions: conditions.value };
      if (title !== null && title.value.trim() === '') {
        title.fail(t('error.needed'));
        title.focus();
        return;
      }
      const answer = made === null
        ? await ask('POST', path(title.value), { body, headers: { 'Idempotency-Key': key }, query })
        : await ask('PUT', path(made.name), { body, headers: { 'If-Match': `"${made.version}"` }, query });
      forget();
      announce(t('saved'));
      page.leaveFor(viewPlace(set.name, answer.name, answer.reseller));
    });

  return [node, set.attached && who.may.requestReports ? draftRows(page, set, chosen, conditions, whose) : null];
}

async function setOf(datasetName) {
  const set = (await datasets()).data.find((one) => one.name === datasetName);

  if (set === undefined) throw new ApiError(404, { message: t('datasets.none') });
  return set;
}

export async function newViewPage(page, datasetName) {
  const [who, set] = await Promise.all([account(), setOf(datasetName)]);
  const from = viewOf(set, page.query.get('from') ?? set.defaultView, Number(page.query.get('reseller') ?? who.id));

  page.fill([t('view.new'), ': ', name(set.title)], who.may.createViews ? editor(page, set, null, from, who) : h('p', {}, t('may-not')));
}

export async function viewPage(page, datasetName, viewName) {
  const [who, set] = await Promise.all([account(), setOf(datasetName)]);
  const whose = Number(page.query.get('reseller') ?? who.id);
  const view = await get(pathOf('datasets', datasetName, 'views', viewName), { reseller: whose }, page.signal);
  const owned = view.reseller === null ? {} : { reseller: view.reseller };
  const remove = async () => {
    if (!await confirm([t('view.delete-question'), ' ', name(view.name)], t('delete'))) return;
    await ask('DELETE', pathOf('datasets', set.name, 'views', view.name), { headers: { 'If-Match': `"${view.version}"` }, query: owned });
    forget();
    announce(t('done.delete'));
    page.leaveFor('/views');
  };

  page.fill([name(view.name), ' ', h('span', { class: 'zone' }, name(set.title))],
    h('div', { class: 'actions bar' },
      h('a', { class: 'button', href: `#/new?${new URLSearchParams({ dataset: set.name, view: view.name, reseller: whose })}` }, t('menu/new')),
      h('a', { class: 'button', href: `#/views/${pathOf(set.name)}?${new URLSearchParams({ from: view.name, ...owned })}` }, t('copy')),
      view.mayAlter ? button(t('delete'), remove, { kind: 'danger' }) : null),
    set.attached ? rowsPreview(page, set, view, whose, who.may.requestReports) : null,
    view.mayAlter ? editor(page, set, view, view, who)
      : [h('h2', {}, t('columns')), columnTable(view.columns), h('h2', {}, t('conditions')), conditionList(view.conditions)]);
}
