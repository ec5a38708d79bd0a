// chart.js
//   Numbers of periods as bars.  Invariant: heights are compared digit by digit; an
//   amount is never a binary fraction.

import { code, h, name, svg, table } from './dom.js';
import { number, t } from './shown.js';

const HEIGHT = 160;
const GAP = 4;

/** A decimal as a whole number of its 12th place. */
function whole(text) {
  const [, sign, digits, fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(String(text)) ?? [null, '', '0'];
  const places = 12 + Number(exponent) - fraction.length;
  const n = BigInt(digits + fraction);
  const scaled = places >= 0 ? n * 10n ** BigInt(Math.min(places, 400)) : n / 10n ** BigInt(Math.min(-places, 400));

  return sign === '-' ? -scaled : scaled;
}

/** How much of the largest each is, from -1 to 1. */
function shares(values) {
  const all = values.map((value) => (value === null ? 0n : whole(value)));
  const largest = all.reduce((most, one) => (one < 0n ? (-one > most ? -one : most) : one > most ? one : most), 0n);

  return all.map((one) => (largest === 0n ? 0 : Number((one * 10_000n) / largest) / 10_000));
}

/** Bars; what: [{ label, value as text or null }]. */
function bars(title, unit, what) {
  const heights = shares(what.map(({ value }) => value));
  const negative = heights.some((height) => height < 0);
  const zero = negative ? HEIGHT / 2 : HEIGHT;
  const room = negative ? HEIGHT / 2 - 4 : HEIGHT - 4;
  const bar = Math.max(8, Math.min(48, Math.floor(340 / what.length) - GAP));
  const width = what.length * (bar + GAP) + GAP;
  const largest = what[heights.reduce((most, height, i) => (Math.abs(height) > Math.abs(heights[most]) ? i : most), 0)]?.value ?? null;
  const first = what[0]?.label ?? '';
  const last = what.at(-1)?.label ?? '';

  return h('figure', { class: 'chart' },
    h('figcaption', {}, h('span', {}, title, unit), largest === null ? null : h('span', { class: 'zone' }, t('chart.largest'), ' ', code(largest))),
    h('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': title },
      svg('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: 'img', 'aria-label': `${title}: ${first} – ${last}` },
        svg('line', { x1: 0, x2: width, y1: zero, y2: zero, class: 'axis' }),
        what.map(({ label, value }, i) => {
          const height = Math.max(Math.abs(heights[i]) * room, value === null ? 0 : 1);
          return svg('rect', {
            x: GAP + i * (bar + GAP), y: heights[i] < 0 ? zero : zero - height, width: bar, height, rx: 2, class: heights[i] < 0 ? 'bar minus' : 'bar',
          }, svg('title', {}, `${label}: ${value ?? '–'}`));
        }))),
    h('div', { class: 'ends', 'aria-hidden': 'true' }, h('span', {}, first), what.length > 1 ? h('span', {}, last) : null));
}

/** Rows, and totals of each currency, of periods: [{ label, rowCount, totals }]. */
export function charts(periods) {
  const currencies = [...new Set(periods.flatMap((period) => Object.keys(period.totals ?? {})))];
  const list = table(t('chart.table'), [{ title: t('days') }, { title: t('rows'), class: 'number' },
    ...currencies.map((currency) => ({ title: currency || t('no-currency'), class: 'number' }))]);

  list.body.append(...periods.map((period) => list.row([period.label, period.rowCount === null ? '–' : number(period.rowCount),
    ...currencies.map((currency) => (period.totals?.[currency] === undefined ? '–' : code(String(period.totals[currency]))))])));
  return [
    h('div', { class: 'charts' },
      bars(t('rows'), null, periods.map((period) => ({ label: period.label, value: period.rowCount === null ? null : String(period.rowCount) }))),
      currencies.map((currency) => bars(t('totals'), [' ', name(currency || t('no-currency'))],
        periods.map((period) => ({ label: period.label, value: period.totals?.[currency] === undefined ? null : String(period.totals[currency]) }))))),
    h('details', {}, h('summary', {}, t('chart.table')), list.node),
  ];
}
