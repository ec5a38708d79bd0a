// dom.js
//   Elements.  Invariant: text becomes text nodes and attributes, never markup.

const SVG = 'http://www.w3.org/2000/svg';

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name === 'on') {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An element: h('p', { class: 'hint' }, 'text', element, …). */
export function h(tag, attributes, ...children) {
  return build(document.createElement(tag), attributes, children);
}

/** The same in a drawing. */
export function svg(tag, attributes, ...children) {
  return build(document.createElementNS(SVG, tag), attributes, children);
}

/** Somebody's text, in whatever direction it is read. */
export function name(text) {
  return h('bdi', {}, text);
}

/** What programs read: ids, digests, amounts. */
export function code(text) {
  return h('bdi', { class: 'code', dir: 'ltr' }, text);
}

let ids = 0;

/** An id that no other element has. */
export function newId() {
  ids += 1;
  return `e${ids}`;
}

/**
 * A table that becomes a list of cards where it is narrow.  columns: [{ title,
 * class }]; it says what it is about, and scrolls by keyboard if it must.
 */
export function table(caption, columns) {
  const body = h('tbody', { role: 'rowgroup' });
  const node = h('table', { role: 'table', class: 'cards' },
    h('caption', { class: 'hidden' }, caption),
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' },
      columns.map((column) => h('th', { role: 'columnheader', scope: 'col', class: column.class }, column.title)))),
    body);

  return {
    node,
    body,
    /** A row of it; each cell is what can be a child, or a list of these. */
    row(cells, attributes) {
      return h('tr', { role: 'row', ...attributes }, cells.map((cell, i) => h('td', {
        role: 'cell', class: columns[i].class, 'data-title': columns[i].title,
      }, cell)));
    },
  };
}

/** Pairs of what it is called and what it is; without those that are null. */
export function facts(pairs) {
  return h('dl', { class: 'facts' }, pairs.filter(([, value]) => value !== null && value !== undefined)
    .map(([title, value]) => h('div', {}, h('dt', {}, title), h('dd', {}, value))));
}

/**
 * Show items as the rows of a table's body.  A row whose item is as it was stays, so
 * that a click or the keyboard is not lost on one that was drawn anew; of one that is
 * not, what had the focus has it again.  Items have ids.
 */
export function keepRows(body, items, rowOf) {
  const before = [...body.children];
  const known = new Map(before.map((row) => [row.told, row]));
  const focused = before.find((row) => row.contains(document.activeElement));
  const within = focused ? [...focused.querySelectorAll('a, button')].indexOf(document.activeElement) : -1;
  const rows = items.map((item) => {
    const told = JSON.stringify(item);
    return known.get(told) ?? Object.assign(rowOf(item), { told, itemId: item.id });
  });
  const staying = new Set(rows);

  for (const row of before) if (!staying.has(row)) row.remove();
  rows.forEach((row, i) => {
    if (body.children[i] !== row) body.insertBefore(row, body.children[i] ?? null);
  });
  if (focused && !focused.isConnected) rows.find((row) => row.itemId === focused.itemId)?.querySelectorAll('a, button')[within]?.focus();
}

/** Other children for an element; what had the focus there has it again, by its place. */
export function redraw(node, ...children) {
  const within = [...node.querySelectorAll('a, button')].indexOf(document.activeElement);

  node.replaceChildren(...children.flat(Infinity).filter(Boolean));
  if (within >= 0) node.querySelectorAll('a, button')[within]?.focus();
}
