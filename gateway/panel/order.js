// order.js
//   A new report.

import { account, ask, datasets } from './api.js';
import { datasetFields, optionFields, resellerField } from './columns.js';
import { h } from './dom.js';
import { Field, form, input, select, zoneInput } from './form.js';
import { t, today } from './shown.js';
import { announce } from './ui.js';

export async function orderPage(page) {
  const [who, known] = await Promise.all([account(), datasets()]);
  const reseller = resellerField(who, page.query.get('reseller') ?? undefined);
  const { dataset, view, preview, empty, show } = datasetFields(known, () => Number(reseller?.value ?? who.id),
    { dataset: page.query.get('dataset') ?? undefined, view: page.query.get('view') ?? undefined });
  const title = new Field(t('name'), input('text', { maxlength: 128, required: true, autocomplete: 'off', dir: 'auto' }), { hint: t('name.hint') });
  const first = new Field(t('first-day'), input('date', { required: true, value: today(who.timeZone, -7) }));
  const last = new Field(t('last-day'), input('date', { required: true, value: today(who.timeZone, -1) }));
  const format = new Field(t('format'), select(known.formats.map((one) => [one.name, one.name.toUpperCase()]), page.query.get('format') ?? 'csv'));
  const zones = zoneInput(who.timeZone);
  const zone = new Field(t('zone'), zones.node, { hint: t('zone.hint') });
  const options = optionFields(known, () => [format.value]);

  format.control.addEventListener('change', () => options.show());
  reseller?.control.addEventListener('change', show);
  options.show();
  if (page.query.has('name')) title.value = page.query.get('name');

  const fields = () => ({
    name: title, dataset, customizationName: view, startDate: first, endDate: last, format, timeZone: zone,
    ...(reseller ? { reseller } : {}), ...options.fields,
  });
  const { node } = form([
    title.node, h('div', { class: 'grid' }, reseller?.node ?? null, dataset.node, view.node), preview,
    h('div', { class: 'grid' }, first.node, last.node, zone.node, zones.list), h('div', { class: 'grid' }, format.node), options.node,
  ], fields, t('order.action'), async (key) => {
    const report = await ask('POST', 'reports', {
      headers: { 'Idempotency-Key': key },
      body: {
        name: title.value, dataset: dataset.value, customizationName: view.value, startDate: first.value, endDate: last.value,
        format: format.value, timeZone: zone.value || null, options: options.value,
        ...(reseller ? { reseller: Number(reseller.value) } : {}),
      },
    });
    announce(t(report.status === 'completed' ? 'status.completed' : 'status.submitted'));
    page.leaveFor(`/reports/${report.id}`);
  });

  page.fill(t('menu/new'), !who.may.requestReports && h('p', { class: 'notice bad' }, t('may-not')), empty ? h('p', {}, t('datasets.none')) : node);
}
