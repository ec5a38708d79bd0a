// shown.js
//   Values as people read them: texts in their language, dates in their locale.
//   Invariant: an amount is shown with the digits it came with.

import { code, h, name } from './dom.js';
import { texts } from './texts.js';

const STORED = 'rde-language';
export const languages = Object.keys(texts);

function wanted() {
  try {
    const stored = localStorage.getItem(STORED);
    if (languages.includes(stored)) return stored;
  } catch {
    // a browser that stores nothing
  }
  return navigator.languages.map((locale) => locale.split('-')[0]).find((base) => languages.includes(base)) ?? 'en';
}

export let language = wanted();
let locale = localeOf(language);

/** The reader's own kind of the language, as Austria's of German. */
function localeOf(base) {
  return navigator.languages.find((one) => one.split('-')[0] === base) ?? base;
}

export function setLanguage(base) {
  language = base;
  locale = localeOf(base);
  try {
    localStorage.setItem(STORED, base);
  } catch {
    // then it is forgotten
  }
}

/** A text; {word} in it is replaced by the value of that name. */
export function t(key, values = {}) {
  return (texts[language][key] ?? texts.en[key] ?? key).replace(/\{(\w+)\}/g, (whole, word) => values[word] ?? whole);
}

/** Is there such a text? */
export function has(key) {
  return key in texts.en;
}

/** The same with elements as values: a list of children. */
export function parts(key, values) {
  return (texts[language][key] ?? texts.en[key]).split(/(\{\w+\})/)
    .map((part) => (part.startsWith('{') ? values[part.slice(1, -1)] : part));
}

/** A text that depends on a number: key.one, key.other. */
export function count(key, n) {
  const form = new Intl.PluralRules(locale).select(Number(n));
  return t(`${key}.${`${key}.${form}` in texts[language] ? form : 'other'}`, { n: number(n) });
}

export function number(n) {
  return new Intl.NumberFormat(locale).format(n);
}

export function bytes(n) {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
  let value = Number(n);
  let unit = 0;

  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return new Intl.NumberFormat(locale, {
    style: 'unit', unit: units[unit], unitDisplay: unit === 0 ? 'long' : 'short', maximumFractionDigits: value < 10 && unit > 0 ? 1 : 0,
  }).format(value);
}

/** A zone that this browser knows, else UTC. */
function zoneOf(zone = 'UTC') {
  try {
    return new Intl.DateTimeFormat(locale, { timeZone: zone }).resolvedOptions().timeZone && zone;
  } catch {
    return 'UTC';
  }
}

/** A moment, and the zone it is told in. */
export function moment(iso, zone) {
  if (iso === null || iso === undefined) return null;
  const timeZone = zoneOf(zone);
  const told = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short', timeZone }).format(new Date(iso));

  return h('time', { datetime: iso, title: `${iso} · ${timeZone}` }, `${told} `, h('span', { class: 'zone' }, timeZone));
}

/** A day as YYYY-MM-DD has it. */
export function day(text) {
  return new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone: 'UTC' }).format(new Date(`${text}T00:00:00Z`));
}

function rangeOf(first, last, timeZone, style) {
  return new Intl.DateTimeFormat(locale, { ...style, timeZone }).formatRange(first, last);
}

/** The days of a period, as text; its end is not included. */
export function daysText(startDate, endDate, zone, style = { dateStyle: 'medium' }) {
  const timeZone = zoneOf(zone);
  const first = new Date(startDate);
  const end = new Date(endDate);
  const isMidnight = (instant) => /^(?:24|00):00:00$/.test(new Intl.DateTimeFormat('en-GB', {
    hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false, timeZone,
  }).format(instant));

  if (isMidnight(first) && isMidnight(end)) return rangeOf(first, new Date(end.getTime() - 1), timeZone, style);
  return rangeOf(first, end, timeZone, { dateStyle: 'medium', timeStyle: 'medium' });
}

/** The same, and the zone they are days of; of an invoice, which has no days, that. */
export function days(report) {
  if (report.startDate === null) return report.invoice ? parts('invoice', { name: name(report.invoice) }) : '–';
  return [daysText(report.startDate, report.endDate, report.timeZone), ' ', h('span', { class: 'zone' }, zoneOf(report.timeZone))];
}

/** Sums per currency, digit for digit. */
export function totals(sums) {
  if (sums === null || sums === undefined) return '–';
  return h('ul', { class: 'totals' }, Object.entries(sums).map(([currency, amount]) => h('li', {},
    code(String(amount)), ' ', currency === '' ? h('span', { class: 'zone' }, t('no-currency')) : name(currency))));
}

/** A duration as of ISO 8601, such as P90D. */
export function duration(iso) {
  const found = /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?$/.exec(iso ?? '');
  const units = ['year', 'month', 'week', 'day', 'hour', 'minute', 'second'];

  if (found === null) return iso;
  const list = units.map((unit, i) => (found[i + 1] ? unitText(found[i + 1], unit) : null)).filter(Boolean);
  return list.length === 0 ? unitText(0, 'day') : new Intl.ListFormat(locale, { type: 'unit' }).format(list);
}

function unitText(n, unit) {
  return new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' }).format(n);
}

/** Seconds, roughly. */
export function roughly(seconds) {
  const [n, unit] = [[86400, 'day'], [3600, 'hour'], [60, 'minute'], [1, 'second']]
    .map(([length, one]) => [Math.floor(Number(seconds) / length), one]).find(([some]) => some >= 1) ?? [0, 'second'];
  return unitText(n, unit);
}

/** The day it is in a zone now, moved by some days, as YYYY-MM-DD. */
export function today(zone, offset = 0) {
  const now = new Intl.DateTimeFormat('en-CA', { timeZone: zoneOf(zone), year: 'numeric', month: '2-digit', day: '2-digit' }).format(new Date());
  const then = new Date(`${now}T00:00:00Z`);

  then.setUTCDate(then.getUTCDate() + offset);
  return then.toISOString().slice(0, 10);
}

/** Names of the days of the week, from Monday. */
export function weekDays() {
  return [1, 2, 3, 4, 5, 6, 7].map((n) => new Intl.DateTimeFormat(locale, { weekday: 'long', timeZone: 'UTC' })
    .format(new Date(Date.UTC(2024, 0, n))));
}

/** What a status or a mark is: a sign, which needs no colour, and a word. */
export function badge(kind, text) {
  return h('span', { class: `badge ${kind}` }, text);
}
