// columns.js
//   Columns of a view, shown; data sets, views and options, to choose of.

import { pathOf } from './api.js';
import { code, h, name, table } from './dom.js';
import { Field, input, select } from './form.js';
import { parts, t } from './shown.js';

/** How a column makes its values of the data set's. */
export function source(column) {
  if (column.attribute !== undefined) return parts('column.attribute', { attribute: name(column.attribute), column: name(column.column) });
  if (column.locale !== undefined) return parts('column.locale', { locale: name(column.locale), column: name(column.column) });
  return name(column.column);
}

/** Columns with what they hold. */
export function columnTable(columns) {
  const list = table(t('columns'), [{ title: t('name') }, { title: t('column.group') }, { title: t('description') }, { title: t('column.type') }]);

  list.body.append(...columns.map((column) => list.row([
    h('div', {}, name(column.as ?? column.column), column.column !== undefined && (column.as ?? column.column) !== column.column
      ? h('div', { class: 'zone' }, source(column)) : null),
    column.group ? name(column.group) : '', column.description ? name(column.description) : '',
    column.valueType === undefined ? '' : t(`value.${column.valueType}`)])));
  return list.node;
}

/** A view that a data set has for an account: its own before the provider's. */
export function viewOf(set, viewName, reseller) {
  const found = set.views.filter((view) => view.name === viewName);

  return found.find((view) => view.reseller === reseller) ?? found.find((view) => view.reseller === null) ?? null;
}

/** Where a view of an account is shown. */
export function viewPlace(dataset, viewName, reseller) {
  return `/views/${pathOf(dataset, viewName)}${reseller === null ? '' : `?reseller=${reseller}`}`;
}

/**
 * Fields for a data set and one of its views, with a preview of the view's columns.
 * known: what GET /datasets said; whose(): the account that is to have it.
 */
export function datasetFields(known, whose, chosen = {}) {
  const attached = known.data.filter((set) => set.attached || set.name === chosen.dataset);
  const start = chosen.dataset ?? attached.find((set) => set.name === 'provisioned_orders')?.name ?? attached[0]?.name;
  const dataset = new Field(t('dataset'), select(attached.map((set) => [set.name, set.title]), start));
  const view = new Field(t('view'), h('select', {}));
  const preview = h('details', { class: 'preview' }, h('summary', {}, t('columns.preview')));
  const setOf = () => known.data.find((set) => set.name === dataset.value);

  function showColumns() {
    const found = setOf() && viewOf(setOf(), view.value, whose());

    preview.hidden = !found;
    if (found) preview.replaceChildren(h('summary', {}, t('columns.preview', { n: found.columns.length })), columnTable(found.columns));
  }

  function showViews(wanted) {
    const set = setOf();
    const names = [...new Set((set?.views ?? []).filter((one) => one.reseller === null || one.reseller === whose()).map((one) => one.name))];

    view.control.replaceChildren(...names.map((one) => h('option', { value: one, selected: one === (names.includes(wanted) ? wanted : set.defaultView) }, one)));
    showColumns();
  }

  dataset.control.addEventListener('change', () => showViews());
  view.control.addEventListener('change', showColumns);
  showViews(chosen.view);
  return { dataset, view, preview, empty: attached.length === 0, show: () => showViews(view.value) };
}

function choiceText(value) {
  return value === '\t' ? t('tab') : value;
}

/**
 * The options of some formats, with values that differ from their defaults; what
 * formats() says is looked at by show().
 */
export function optionFields(known, formats, given = {}) {
  const at = (path, from) => path.reduce((inner, key) => (inner !== null && typeof inner === 'object' ? inner[key] : undefined), from);
  const fields = known.options.map((option) => {
    const path = option.name.split('.');
    const chosen = at(path, given);
    const value = chosen === undefined || (chosen !== null && typeof chosen === 'object') ? option.default : chosen;
    const isSwitch = option.type === 'boolean';
    const choices = (option.values ?? []).map((one) => [one, choiceText(one)]);
    if (option.default === null) choices.unshift(['', t('option.none')]);
    const control = isSwitch ? input('checkbox') : option.values === undefined ? input('text', { autocomplete: 'off' }) : select(choices);
    const field = new Field(name(option.description), control, { hint: code(option.name), inline: isSwitch });

    field.value = isSwitch ? value === true : value;
    return { option, path, field };
  });
  const node = h('details', { class: 'options' }, h('summary', {}, t('options')), h('div', { class: 'grid' }, fields.map(({ field }) => field.node)));
  const applies = ({ option }) => option.formats.some((format) => formats().includes(format));

  return {
    node,
    fields: Object.fromEntries(fields.map(({ option, field }) => [`options.${option.name}`, field])),
    show() {
      for (const one of fields) one.field.show(applies(one));
      node.hidden = !fields.some(applies);
    },
    get value() {
      const options = {};

      for (const one of fields.filter(applies)) {
        const { option, path, field } = one;
        const value = field.value;
        if (value === option.default || (option.default === null && value === '')) continue;
        let inside = options;
        for (const key of path.slice(0, -1)) inside = inside[key] ??= {};
        // "csv" takes the place of all that "csv.…" say
        if (typeof inside === 'object') inside[path.at(-1)] = value;
      }
      return options;
    },
  };
}

/** Whose it is to be, for who may choose; null for who may not. */
export function resellerField(account, chosen = account.id) {
  if (account.resellers.length < 2) return null;
  return new Field(t('reseller'), select(account.resellers.map((one) => [String(one.id), `${one.name} (${one.id})`]), String(chosen)));
}
