// conditions.js
//   Which rows a view shows: the conditions that all must hold.  Invariant: what
//   nobody touches is sent back as it came.

import { h, name, newId } from './dom.js';
import { Row, select } from './form.js';
import { t } from './shown.js';
import { announce } from './ui.js';

const operators = ['in', 'not_in', 'min', 'max', 'is_null'];
const operatorOf = (condition) => operators.find((one) => one in condition) ?? 'in';
const shownValue = (value) => (value === null ? t('no-value') : String(value));

/** A condition in words. */
function told(condition) {
  const operator = operatorOf(condition);
  const value = condition[operator];

  if (operator === 'is_null') return [name(condition.column), ' ', t(value ? 'condition.is_null' : 'condition.has-value')];
  return [name(condition.column), ' ', t(`condition.${operator}`), ' ',
    [value].flat().map((one, i) => [i > 0 ? ', ' : null, name(shownValue(one))])];
}

/** Conditions to read. */
export function conditionList(conditions) {
  if (conditions.length === 0) return h('p', { class: 'hint' }, t('conditions.none'));
  return h('ul', {}, conditions.map((condition) => h('li', {}, told(condition))));
}

/** Conditions to change; columns: those of the data set. */
export class Conditions {
  constructor(columns, given) {
    this.columns = columns;
    this.rows = [];
    this.list = h('ul', { class: 'condition-list' });
    this.error = h('p', { class: 'error', id: newId() });
    this.button = h('button', { type: 'button', on: { click: () => {
      this.add({ column: columns[0]?.column ?? '', in: [] }).column.focus();
    } } }, t('condition.add'));
    this.node = h('section', {}, h('h2', {}, t('conditions')), h('p', { class: 'hint' }, t('conditions.hint')), this.list, this.error, this.button);
    for (const condition of given) this.add(condition);
  }

  add(condition) {
    const operator = operatorOf(condition);
    const values = [condition[operator]].flat();
    const names = this.columns.map((column) => column.column);
    const row = {
      column: select((names.includes(condition.column) ? names : [condition.column, ...names]).map((one) => [one, one]), condition.column, { 'aria-label': t('column') }),
      operator: select([...operators.map((one) => [one, t(`condition.${one}`)]), ['has_value', t('condition.has-value')]],
        operator === 'is_null' && values[0] === false ? 'has_value' : operator, { 'aria-label': t('condition.how') }),
      text: h('textarea', { rows: 2, 'aria-label': t('condition.values'), dir: 'auto', placeholder: t('condition.values') },
        operator === 'is_null' ? '' : values.filter((value) => value !== null).map(String).join('\n')),
      empty: h('input', { type: 'checkbox', id: newId(), checked: values.includes(null) }),
    };
    const empty = h('span', { class: 'field inline' }, row.empty, h('label', { for: row.empty.id }, t('no-value')));
    const show = () => {
      row.text.hidden = ['is_null', 'has_value'].includes(row.operator.value);
      empty.hidden = !['in', 'not_in'].includes(row.operator.value);
    };

    row.node = h('li', {}, row.column, row.operator, h('div', {}, row.text, empty),
      h('button', { type: 'button', class: 'small', 'aria-label': t('condition.remove'), on: { click: () => {
        this.rows.splice(this.rows.indexOf(row), 1);
        row.node.remove();
        this.button.focus();
        announce(t('condition.removed'));
      } } }, '×'));
    row.place = new Row(row.node, { column: row.column, operator: row.operator, text: row.text });
    row.given = condition;
    row.asGiven = [row.column, row.operator, row.text].map((control) => control.value).concat(row.empty.checked).join('\0');
    row.operator.addEventListener('change', show);
    show();
    this.rows.push(row);
    this.list.append(row.node);
    return row;
  }

  get value() {
    return this.rows.map((row) => {
      const now = [row.column, row.operator, row.text].map((control) => control.value).concat(row.empty.checked).join('\0');
      if (now === row.asGiven && row.given[operatorOf(row.given)]?.length !== 0) return row.given;

      const column = row.column.value;
      const isSwitch = this.columns.find((one) => one.column === column)?.valueType === 'boolean';
      const valueOf = (text) => (isSwitch && (text === 'true' || text === 'false') ? text === 'true' : text);
      const lines = row.text.value === '' ? [] : row.text.value.split('\n').map(valueOf);

      switch (row.operator.value) {
        case 'is_null': return { column, is_null: true };
        case 'has_value': return { column, is_null: false };
        case 'min':
        case 'max': return { column, [row.operator.value]: lines[0] ?? '' };
        default: return { column, [row.operator.value]: row.empty.checked ? [...lines, null] : lines };
      }
    });
  }

  /** The condition that an error is about. */
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
    (this.rows[0]?.column ?? this.button).focus();
  }
}
