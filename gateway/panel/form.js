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
    this.error.replaceChildren(...[message].flat());
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
    this.error.replaceChildren(...[message].flat());
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
 * Where an error is about: the control that its path leads to, or the last on the way
 * there.  What holds several has at(steps): "columns[2].as" is columns' at(["2", "as"]).
 */
function placeOf(path, fields) {
  const steps = path.match(/[^.[\]]+/g) ?? [];

  for (let n = steps.length; n > 0; n--) {
    const way = steps.slice(0, n).join('.');
    if (Object.hasOwn(fields, way)) return fields[way].at?.(steps.slice(n)) ?? fields[way];
  }
  return null;
}

/** One of several rows of controls, with room for what is wrong with it; controls: by their names for an error. */
export class Row {
  constructor(node, controls) {
    this.node = node;
    this.controls = controls;
    this.error = h('p', { class: 'error', id: newId() });
    this.node.append(this.error);
    for (const control of Object.values(controls)) control.setAttribute('aria-describedby', this.error.id);
  }

  /** What an error of one of its controls is said by, or of all of it. */
  at(key) {
    const control = Object.hasOwn(this.controls, key) ? this.controls[key] : Object.values(this.controls)[0];

    return {
      node: this.node,
      fail: (message) => {
        this.error.replaceChildren(...[message].flat());
        control.setAttribute('aria-invalid', 'true');
      },
      focus: () => control.focus(),
    };
  }

  clear() {
    this.error.replaceChildren();
    for (const control of Object.values(this.controls)) control.removeAttribute('aria-invalid');
  }
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
    const found = placeOf(error.field ?? '', fields());

    if (found === null || found.node.hidden) {
      summary.replaceChildren(...explain(error));
      summary.focus();
    } else {
      for (let around = found.node.closest('details'); around !== null; around = around.parentElement.closest('details')) around.open = true;
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
