// generator_form.js
//   A new generator, or another one of it; with the periods it would report next.

import { account, ask, datasets, get, pathOf } from './api.js';
import { datasetFields, optionFields, resellerField } from './columns.js';
import { h } from './dom.js';
import { Choices, Field, form, input, select, zoneInput } from './form.js';
import { daysText, duration, moment, t, today, weekDays } from './shown.js';
import { announce, explain } from './ui.js';

const calendar = ['daily', 'weekly', 'monthly', 'quarterly'];

function dayChoice(label, last, value, hint) {
  return new Field(label, input('number', { min: 1, max: last, step: 1, value }), { hint });
}

/** The next five periods, told anew whenever the schedule is another. */
function periodPreview(page, schedule) {
  const list = h('ol', { class: 'periods-preview' });
  const where = h('p', { class: 'hint' });
  const node = h('section', { class: 'preview', 'aria-live': 'polite' }, h('h2', {}, t('periods.next')), where, list);
  let asked = 0;
  let timer = null;

  async function look() {
    const mine = ++asked;
    const wanted = schedule();

    node.hidden = !calendar.includes(wanted.event);
    if (node.hidden) return;
    try {
      const { timeZone, data } = await ask('POST', 'generators/preview', { body: wanted, signal: page.signal });
      if (mine !== asked) return;
      where.replaceChildren(t('periods.zone', { zone: timeZone }));
      list.replaceChildren(...data.map((period) => h('li', {}, h('strong', {}, daysText(period.startDate, period.endDate, timeZone)),
        h('div', { class: 'zone' }, t('periods.due'), ' ', moment(period.dueDate, timeZone)))));
    } catch (error) {
      if (mine === asked && error.name !== 'AbortError') {
        where.replaceChildren(...explain(error));
        list.replaceChildren();
      }
    }
  }

  page.signal.addEventListener('abort', () => clearTimeout(timer));
  return {
    node,
    look() {
      clearTimeout(timer);
      timer = setTimeout(look, 250);
    },
  };
}

/** What of a calendar an event asks for. */
function showFields(fields, event) {
  fields.weekDay.show(event === 'weekly');
  fields.monthStart.show(event === 'monthly');
  fields.monthDay.show(event === 'monthly' || event === 'quarterly');
  fields.runAt.show(calendar.includes(event));
  fields.start?.show(calendar.includes(event));
  fields.catchUp.show(calendar.includes(event));
}

function number(field) {
  return field.node.hidden || field.value === '' ? null : Number(field.value);
}

async function show(page, generator) {
  const [who, known] = await Promise.all([account(), datasets()]);
  const isNew = generator === null;
  const given = generator ?? { name: '', formats: ['csv'], event: 'daily', timeZone: who.timeZone, weekDay: 1, monthStart: 1, monthDay: null, runAt: '06:00:00', catchUp: 'all', retention: null, options: {} };
  const reseller = isNew ? resellerField(who) : null;
  const chosen = datasetFields(known, () => Number(reseller?.value ?? generator?.reseller ?? who.id), { dataset: given.dataset, view: given.customizationName ?? undefined });
  const zones = zoneInput(given.timeZone);
  const fields = {
    name: new Field(t('name'), input('text', { maxlength: 128, required: true, value: given.name, autocomplete: 'off', dir: 'auto' }), { hint: t('name.hint') }),
    dataset: chosen.dataset,
    customizationName: chosen.view,
    formats: new Choices(t('formats'), known.formats.map((one) => [one.name, one.name.toUpperCase()]), given.formats),
    event: new Field(t('event'), select(known.events.map((event) => [event, t(`event.${event}`)]), given.event)),
    timeZone: new Field(t('zone'), zones.node),
    weekDay: new Field(t('week-day'), select(weekDays().map((label, i) => [String(i + 1), label]), String(given.weekDay ?? 1))),
    monthStart: dayChoice(t('month-start'), 28, given.monthStart ?? 1),
    monthDay: dayChoice(t('month-day'), 31, given.monthDay ?? '', t('month-day.hint')),
    runAt: new Field(t('run-at'), input('time', { value: (given.runAt ?? '').slice(0, 5) })),
    catchUp: new Field(t('catch-up'), select([['all', t('catch-up.all')], ['none', t('catch-up.none')]], given.catchUp ?? 'all')),
    retention: new Field(t('retention'), input('text', { value: given.retention ?? '', dir: 'ltr', autocomplete: 'off' }), { hint: t('retention.hint', { default: duration(who.limits.retention) }), optional: true }),
  };
  const options = optionFields(known, () => fields.formats.value, given.options ?? {});

  if (isNew) fields.start = new Field(t('start'), input('date', { value: today(who.timeZone) }), { hint: t('start.hint') });
  if (reseller) fields.reseller = reseller;
  reseller?.control.addEventListener('change', chosen.show);
  fields.dataset.control.disabled = !isNew;
  fields.event.control.disabled = !isNew;

  const schedule = () => ({
    ...(isNew ? { event: fields.event.value, ...(reseller ? { reseller: Number(reseller.value) } : {}), start: fields.start.value || null } : { generator: generator.id }),
    timeZone: fields.timeZone.value || null, weekDay: number(fields.weekDay), monthStart: number(fields.monthStart),
    monthDay: number(fields.monthDay), runAt: fields.runAt.value || null,
  });
  const preview = periodPreview(page, () => ({ event: fields.event.value, ...schedule() }));
  const body = () => {
    const all = {
      name: fields.name.value, formats: fields.formats.value, customizationName: fields.customizationName.value, timeZone: fields.timeZone.value,
      weekDay: number(fields.weekDay), monthStart: number(fields.monthStart), monthDay: number(fields.monthDay),
      runAt: fields.runAt.node.hidden ? null : fields.runAt.value || null, catchUp: fields.catchUp.value, options: options.value,
    };
    // what is left as it is, is not said; nothing but retention and view can be taken away
    const said = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null && value !== ''));

    if (isNew) {
      Object.assign(said, { dataset: fields.dataset.value, event: fields.event.value });
      if (!fields.start.node.hidden && fields.start.value) said.start = fields.start.value;
      if (reseller) said.reseller = Number(reseller.value);
      if (fields.retention.value.trim()) said.retention = fields.retention.value.trim();
    } else {
      said.retention = fields.retention.value.trim() || null;
    }
    return said;
  };
  const update = () => {
    showFields(fields, fields.event.value);
    options.show();
    preview.look();
  };

  const { node } = form([
    fields.name.node, h('div', { class: 'grid' }, reseller?.node ?? null, fields.dataset.node, fields.customizationName.node), chosen.preview, fields.formats.node,
    h('div', { class: 'grid' }, fields.event.node, fields.weekDay.node, fields.monthStart.node, fields.monthDay.node, fields.runAt.node, fields.timeZone.node, zones.list, fields.start?.node ?? null),
    preview.node, h('div', { class: 'grid' }, fields.catchUp.node, fields.retention.node), options.node,
  ], () => ({ ...fields, view: fields.customizationName, ...options.fields }), t(isNew ? 'generator.create' : 'save'), async (key) => {
    const answer = isNew
      ? await ask('POST', 'generators', { body: body(), headers: { 'Idempotency-Key': key } })
      : await ask('PATCH', pathOf('generators', generator.id), { body: body(), headers: { 'If-Match': `"${generator.version}"` } });
    announce(t('saved'));
    page.leaveFor(`/generators/${answer.id}`);
  });

  node.addEventListener('input', update);
  node.addEventListener('change', update);
  page.fill(isNew ? t('generator.new') : t('generator.change'), chosen.empty && isNew ? h('p', {}, t('datasets.none')) : node);
  update();
}

export function newGeneratorPage(page) {
  return show(page, null);
}

export async function changeGeneratorPage(page, id) {
  await show(page, await get(pathOf('generators', id), {}, page.signal));
}
