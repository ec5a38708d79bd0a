// generator.js
//   One generator: its settings, its periods, their rows and totals, and reports of
//   chosen days.

import { ask, get, pathOf } from './api.js';
import { charts } from './chart.js';
import { viewPlace } from './columns.js';
import { facts, h, name, redraw } from './dom.js';
import { watch } from './events.js';
import { Field, form, input, select } from './form.js';
import { pauseButton, state } from './generators.js';
import { badge, day, daysText, duration, moment, roughly, t, today, weekDays } from './shown.js';
import { announce, button, confirm, explain, link, notice } from './ui.js';

/* Each state has a sign of its own: who sees no colours reads that. */
const signs = {
  completed: '✓', processing: '▶', submitted: '…', retrying: '↻', paused: '‖', error: '✕', due: '!', scheduled: '○', disabled: '–', skipped: '»',
};

function schedule(generator) {
  const fixed = { weekly: () => [t('week-day'), weekDays()[generator.weekDay - 1]], monthly: () => [t('month-start'), String(generator.monthStart)] };

  return [
    [t('event'), t(`event.${generator.event}`)],
    fixed[generator.event]?.() ?? ['', null],
    [t('month-day'), ['monthly', 'quarterly'].includes(generator.event) && generator.monthDay ? String(generator.monthDay) : null],
    [t('run-at'), ['on_invoice', 'manual'].includes(generator.event) ? null : [(generator.runAt ?? '').slice(0, 5), ' ', h('span', { class: 'zone' }, generator.timeZone)]],
  ];
}

function settings(generator) {
  const changed = Object.keys(generator.options ?? {}).length > 0;

  return facts([
    [t('state'), state(generator)],
    [t('dataset'), name(generator.dataset)],
    [t('view'), generator.customizationName === null ? t('view.default') : link(viewPlace(generator.dataset, generator.customizationName, generator.reseller), name(generator.customizationName))],
    [t('formats'), generator.formats.map((format) => badge('format', format.toUpperCase()))],
    ...schedule(generator),
    [t('zone'), generator.timeZone],
    [t('start'), generator.start === null ? null : day(generator.start)],
    [t('next-run'), generator.enabled ? moment(generator.nextRunDate, generator.timeZone) : null],
    [t('last-run'), moment(generator.lastRunDate, generator.timeZone)],
    [t('catch-up'), t(`catch-up.${generator.catchUp}`)],
    [t('retention'), generator.retention === null ? null : duration(generator.retention)],
    [t('options'), changed ? h('code', { dir: 'ltr' }, JSON.stringify(generator.options)) : null],
    [t('reseller'), generator.reseller === null ? null : String(generator.reseller)],
    [t('made-by'), generator.madeByProvider ? t('made-by.provider') : null],
  ]);
}

/** A period in the strip. */
function cell(period, timeZone) {
  const label = period.startDate === null ? '–' : daysText(period.startDate, period.endDate, timeZone, { day: 'numeric', month: 'short' });
  const told = [t(`period.${period.status}`)];

  if (period.provisional) told.push(t('provisional'));
  if (period.latenessSeconds !== null && Number(period.latenessSeconds) >= 60) told.push(t('late', { time: roughly(period.latenessSeconds) }));
  if (period.waitsFor) told.push(period.waitsFor);
  const inside = [h('span', { class: 'sign', 'aria-hidden': 'true' }, signs[period.status] ?? '?'), h('span', { class: 'when' }, label),
    h('span', { class: 'hidden' }, ': ', told.join(', '))];

  return h('li', { class: `period ${period.status}`, title: `${label}: ${told.join(', ')}` },
    period.report === null ? h('span', {}, inside) : link(`/reports/${period.report}`, inside));
}

function legend(periods) {
  const seen = [...new Set(periods.map((period) => period.status))];

  return h('ul', { class: 'legend' }, seen.map((status) => h('li', { class: `period ${status}` },
    h('span', { class: 'sign', 'aria-hidden': 'true' }, signs[status] ?? '?'), ' ', t(`period.${status}`))));
}

/** The periods of one format, as a strip, and as charts. */
function periodSection(page, generator) {
  const from = new Field(t('filter.from'), input('date', { value: today(generator.timeZone, generator.event === 'daily' ? -40 : -365) }));
  const to = new Field(t('filter.to'), input('date', { value: today(generator.timeZone, 31) }));
  const format = new Field(t('format'), select(generator.formats.map((one) => [one, one.toUpperCase()]), generator.formats[0]));
  const strip = h('div', {});
  let timer = null;
  let told = null;
  const node = h('section', {}, h('h2', {}, t('periods')),
    h('div', { class: 'grid' }, from.node, to.node, generator.formats.length > 1 ? format.node : null), strip);

  async function look() {
    const answer = await get(pathOf('generators', generator.id, 'periods'), { from: from.value, to: to.value }, page.signal);
    const { timeZone, data } = answer;
    const asked = JSON.stringify([format.value, answer]);
    // what is drawn anew under a click loses it
    if (asked === told) return;
    told = asked;
    const periods = data.filter((period) => period.format === format.value);
    const built = periods.filter((period) => period.status === 'completed' && period.startDate !== null)
      .map((period) => ({ ...period, label: daysText(period.startDate, period.endDate, timeZone) }));

    redraw(strip, ...(periods.length === 0 ? [h('p', {}, t('periods.none'))] : [
      legend(periods), h('ol', { class: 'strip', 'aria-label': t('periods') }, periods.map((period) => cell(period, timeZone))),
      ...(built.length === 0 ? [] : charts(built)),
    ]));
  }

  // whoever types a year is not asked for the year 2
  for (const field of [from, to, format]) {
    field.control.addEventListener('change', () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        from.clear();
        look().catch((error) => page.signal.aborted || from.fail(explain(error)));
      }, 500);
    });
  }
  page.signal.addEventListener('abort', () => clearTimeout(timer));
  return { node, look };
}

/** Reports of chosen days. */
function runForm(generator, done) {
  const firstDay = new Field(t('first-day'), input('date', { value: today(generator.timeZone, -7), required: true }));
  const lastDay = new Field(t('last-day'), input('date', { value: today(generator.timeZone, -1), required: true }));
  const { node } = form([h('div', { class: 'grid' }, firstDay.node, lastDay.node), h('p', { class: 'hint' }, t('run.hint', { zone: generator.timeZone }))],
    () => ({ firstDay, lastDay }), t('run.action'), async (key) => {
      const { data } = await ask('POST', pathOf('generators', generator.id, 'runs'), {
        body: { firstDay: firstDay.value, lastDay: lastDay.value }, headers: { 'Idempotency-Key': key },
      });
      done(data);
    });

  return h('section', {}, h('h2', {}, t('run')), node);
}

export async function generatorPage(page, id) {
  let generator = await get(pathOf('generators', id), {}, page.signal);
  const head = h('div', {});
  const periods = periodSection(page, generator);

  function show(now) {
    if (head.children.length > 0 && JSON.stringify(now) === JSON.stringify(generator)) return;
    generator = now;
    redraw(head,
      h('div', { class: 'actions bar' }, generator.mayAlter ? [
        h('a', { class: 'button primary', href: `#/generators/${id}/change` }, t('change')),
        pauseButton(generator, show),
        button(t('delete'), async () => {
          if (!await confirm([t('generator.delete-question'), ' ', name(generator.name)], t('delete'))) return;
          await ask('DELETE', pathOf('generators', id), { headers: { 'If-Match': `"${generator.version}"` } });
          announce(t('done.delete'));
          page.leaveFor('/generators');
        }, { kind: 'danger' }),
      ] : h('p', { class: 'hint' }, t('made-by.locked'))),
      settings(generator), h('p', {}, link(`/reports?${new URLSearchParams({ generator: id, from: '' })}`, t('generator.reports'))));
  }

  page.fill(name(generator.name), head,
    ['on_invoice', 'manual'].includes(generator.event) ? null : periods.node,
    runForm(generator, (data) => {
      notice('good', t('run.done'), ' ', data.map((report) => [link(`/reports/${report.id}`, report.format.toUpperCase()), ' ']));
    }));
  show(generator);
  await periods.look();
  watch(async (events) => {
    if (!events.some((event) => event === null || event.generator === id)) return;
    const now = await get(pathOf('generators', id), {}, page.signal);
    show(now);
    await periods.look();
  }, page.signal);
}
