// form.js
//   Forms.  Invariant: each control has a label, and what is wrong with it stands
//   beside it and is read with it.

import { ApiError, newKey } from './api.js';
import { h, newId } from './dom.js';
import { t } from './shown.js';
import { busily, explain } from './ui.js';

/** A control with its label, a hint and room for what is wrong with it. */
export class Field {
  constructor(label, control, { hint, optional = false, inline = false } = {}) {
    const error = h('p', { class: 'error', id: newId() });
    const described = [error.id];

    control.id = newId();
    this.control = control;
    this.error = error;
    this.node = h('div', { class: inline ? 'field inline' : 'field' });
    const title = h('label', { for: control.id }, label, optional ? h('span', { class: 'zone' }, ` ${t('optional')}`) : null);
    this.node.append(...(inline ? [control, title] : [title, control]));
    if (hint) {
      const node = h('p', { class: 'hint', id: newId() }, hint);
      described.unshift(node.id);
      this.node.append(node);
    }
    this.node.append(error);
    control.setAttribute('aria-describedby', described.join(' '));
  }

  get value() {
    return this.control.type === 'checkbox' ? this.control.checked : this.control.value;
  }

  set value(value) {
    if (this.control.type === 'checkbox') this.control.checked = value;
    else this.control.value = value ?? '';
  }

  show(visible) {
    this.node.hidden = !visible;
  }

  fail(message) {
    this.error.replaceChildren(message);
    this.control.setAttribute('aria-invalid', 'true');
  }

  clear() {
    this.error.replaceChildren();
    this.control.removeAttribute('aria-invalid');
  }

  focus() {
    this.control.focus();
  }
}

/** Check boxes of which some are chosen: [[value, label]]. */
export class Choices {
  constructor(label, options, chosen) {
    this.boxes = options.map(([value]) => h('input', { type: 'checkbox', value, checked: chosen.includes(value), id: newId() }));
    this.error = h('p', { class: 'error', id: newId() });
    this.node = h('fieldset', { class: 'choices', 'aria-describedby': this.error.id }, h('legend', {}, label),
      this.boxes.map((box, i) => h('span', {}, box, h('label', { for: box.id }, options[i][1]))), this.error);
  }

  get value() {
    return this.boxes.filter((box) => box.checked).map((box) => box.value);
  }

  fail(message) {
    this.error.replaceChildren(message);
  }

  clear() {
    this.error.replaceChildren();
  }

  focus() {
    this.boxes[0]?.focus();
  }
}

export function input(type, attributes) {
  return h('input', { type, ...attributes });
}

/** A list to choose of: [[value, label]]. */
export function select(options, chosen, attributes) {
  return h('select', attributes, options.map(([value, label]) => h('option', { value, selected: value === chosen }, label)));
}

/** A zone: text, with those that this browser knows to choose of. */
export function zoneInput(zone) {
  const list = h('datalist', { id: newId() }, (Intl.supportedValuesOf?.('timeZone') ?? []).concat('UTC').map((value) => h('option', { value })));
  const node = input('text', { value: zone, list: list.id, autocomplete: 'off', spellcheck: 'false', dir: 'ltr' });

  return { node, list };
}

/**
 * A form.  fields: those that an error may name, by its name for them; submit is
 * called with the key that makes one request of all attempts to send the same.
 */
export function form(content, fields, action, submit) {
  const summary = h('p', { class: 'error summary', role: 'alert', tabindex: '-1' });
  const send = h('button', { type: 'submit', class: 'primary' }, action);
  let key = newKey();

  function clear() {
    summary.replaceChildren();
    for (const field of Object.values(fields())) field.clear();
  }

  function refuse(error) {
    // "options.csv.delimiter" stands at the options, if nowhere nearer
    const names = (error.field ?? '').split(/[.[]/);
    const found = names.map((_, i) => fields()[names.slice(0, names.length - i).join('.')]).find(Boolean);

    if (found === undefined || found.node.hidden) {
      summary.replaceChildren(explain(error));
      summary.focus();
    } else {
      found.fail(explain(error));
      found.focus();
    }
  }

  const node = h('form', { novalidate: true, on: {
    submit: (event) => {
      event.preventDefault();
      busily(send, async () => {
        clear();
        try {
          await submit(key);
          key = newKey();
        } catch (error) {
          if (!(error instanceof ApiError) || error.status === 401) throw error;
          // it was judged: what comes next is another request
          if (error.status >= 400 && error.status < 500 && error.status !== 429) key = newKey();
          refuse(error);
        }
      });
    },
    input: () => {
      key = newKey();
    },
  } }, content, summary, h('div', { class: 'actions' }, send));

  return { node };
}
