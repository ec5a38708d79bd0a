// sums.js
//   What the reports of a list come to.  Invariant: digits are added as digits, and
//   nothing is counted twice: where two reports tell of the same days, there is no sum.

import { h, name, table } from './dom.js';
import { ownerOf } from './owner.js';
import { badge, count, daysText, t, totals } from './shown.js';

/** a + b of decimal numbers as text, exactly, with as many decimals as the longer one has; null for what is none. */
export function addDecimals(a, b) {
  const [left, right] = [a, b].map((one) => /^(-?)(\d+)(?:\.(\d+))?$/.exec(one));

  if (left === null || right === null) return null;
  const decimals = Math.max(left[3]?.length ?? 0, right[3]?.length ?? 0);
  const [x, y] = [left, right].map(([, sign, whole, rest = '']) => BigInt(sign + whole + rest.padEnd(decimals, '0')));
  const digits = String(x + y < 0n ? -(x + y) : x + y).padStart(decimals + 1, '0');

  return `${x + y < 0n ? '-' : ''}${digits.slice(0, digits.length - decimals)}${decimals > 0 ? `.${digits.slice(-decimals)}` : ''}`;
}

/** Do two of these tell of the same moment, or of the same invoice?  And are there days between that none tells of? */
function cover(reports) {
  const invoices = reports.filter((one) => one.invoice).map((one) => one.invoice);
  const periods = reports.filter((one) => !one.invoice).map((one) => [Date.parse(one.startDate), Date.parse(one.endDate)]).sort(([a], [b]) => a - b);

  return {
    overlaps: new Set(invoices).size < invoices.length || (invoices.length > 0 && periods.length > 0)
      || periods.some(([begin], i) => i > 0 && begin < periods[i - 1][1]),
    gaps: periods.some(([begin], i) => i > 0 && begin > periods[i - 1][1]),
  };
}

/** Sums per currency; null if one cannot be told. */
function sumOf(reports) {
  const sums = new Map();

  for (const report of reports) {
    for (const [currency, amount] of Object.entries(report.totals ?? {})) {
      const sum = addDecimals(sums.get(currency) ?? '0', String(amount));
      if (sum === null) return null;
      sums.set(currency, sum);
    }
  }
  return Object.fromEntries([...sums].sort(([a], [b]) => Number(a > b) - Number(a < b)));
}

function groupBy(list, keyOf) {
  const groups = new Map();

  for (const one of list) {
    const key = JSON.stringify(keyOf(one));
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(one);
  }
  return [...groups.values()];
}

/** What makes the files of one format the same as those of another. */
function told(reports) {
  return reports.map((one) => [one.startDate, one.endDate, one.invoice, one.rowCount, one.totals]).map((one) => JSON.stringify(one)).sort();
}

/**
 * Lines of reports that can be added up or say why not: those of a data set, view,
 * account and generator (or asked for one by one), formats of the same files in one
 * line.  A report without rows counts; what has no amounts makes no line.
 * { reports, formats, overlaps, gaps, sums }, that with most reports first.
 */
export function sumLines(reports) {
  const alike = groupBy(reports.filter((one) => one.totals !== null || Number(one.rowCount) === 0),
    (one) => [one.dataset, one.customizationName, one.reseller, one.generator, one.format]);
  const lines = groupBy(alike, (group) => {
    const [first] = group;
    return [first.dataset, first.customizationName, first.reseller, first.generator, told(group)];
  }).map((groups) => ({ reports: groups[0], formats: groups.map(([first]) => first.format).sort(), ...cover(groups[0]) }));

  return lines.filter((line) => line.reports.some((one) => one.totals !== null)).sort((a, b) => b.reports.length - a.reports.length)
    .map((line) => ({ ...line, sums: line.overlaps ? null : sumOf(line.reports) }));
}

function daysOf(reports) {
  const periods = reports.filter((one) => one.startDate !== null);

  if (periods.length === 0) return '–';
  const first = periods.reduce((a, b) => (Date.parse(b.startDate) < Date.parse(a.startDate) ? b : a));
  const last = periods.reduce((a, b) => (Date.parse(b.endDate) > Date.parse(a.endDate) ? b : a));
  return [daysText(first.startDate, last.endDate, first.timeZone), ' ', h('span', { class: 'zone' }, first.timeZone)];
}

const MOST_LINES = 50;

/** A table of what reports come to; null if they have no amounts. */
export function sumTable(reports, who) {
  const lines = sumLines(reports);
  const list = table(t('sums'), [{ title: t('dataset') }, { title: t('reports') }, { title: t('days') }, { title: t('totals'), class: 'number' }]);

  if (lines.length === 0) return null;
  list.body.append(...lines.slice(0, MOST_LINES).map((line) => {
    const [first] = line.reports;
    const kinds = new Set(line.reports.map((one) => one.name));
    return list.row([
      [h('div', { class: 'name' }, name(first.dataset), ' · ', name(first.customizationName), ' ', line.formats.map((one) => badge('format', one.toUpperCase()))),
        h('div', { class: 'zone' }, first.generator === null ? t('sums.asked') : kinds.size === 1 ? name(first.name) : t('generator.open'),
          ownerOf(who, first.reseller))],
      [count('reports', line.reports.length), line.reports.some((one) => one.provisional) ? [' ', badge('warn', t('provisional'))] : null],
      [daysOf(line.reports), line.gaps ? h('div', { class: 'zone' }, t('sums.gaps')) : null],
      line.overlaps ? h('span', { class: 'zone' }, t('sums.overlap')) : line.sums === null ? '–' : totals(line.sums),
    ]);
  }));
  return [list.node, lines.length > MOST_LINES ? h('p', { class: 'hint' }, t('sums.more', { n: lines.length - MOST_LINES })) : null];
}
