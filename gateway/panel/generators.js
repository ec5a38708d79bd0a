// generators.js
//   The list of generators.

import { account, ask, get, pathOf } from './api.js';
import { h, keepRows, name, table } from './dom.js';
import { watch } from './events.js';
import { badge, moment, t } from './shown.js';
import { announce, button, link } from './ui.js';

/** All of them, part by part. */
export async function allGenerators(signal) {
  const found = [];
  let after;

  do {
    const part = await get('generators', { after }, signal);
    found.push(...part.data);
    after = part.next;
  } while (after !== undefined);
  return found;
}

/** Is it running, paused, in trouble? */
export function state(generator) {
  if (!generator.enabled) return [badge('plain', t('paused')), generator.disabledReason ? [' ', h('span', { class: 'zone' }, name(generator.disabledReason))] : null];
  if (generator.failedReports > 0) return badge('bad', t('failed-reports', { n: generator.failedReports }));
  if (generator.pausedUntil !== null) return [badge('warn', t('source-paused')), ' ', moment(generator.pausedUntil, generator.timeZone)];
  return badge('good', t('enabled'));
}

/** Pause it, or let it go on; resolves to what it is then. */
export function pauseButton(generator, done) {
  const on = generator.enabled;

  return button(t(on ? 'pause' : 'resume'), async () => {
    const answer = await ask('PATCH', pathOf('generators', generator.id), { headers: { 'If-Match': `"${generator.version}"` }, body: { enabled: !on } });
    announce(t(on ? 'paused' : 'enabled'));
    done(answer);
  }, { about: generator.name });
}

export async function generatorsPage(page) {
  const who = await account();
  const list = table(t('menu/generators'), [{ title: t('name') }, { title: t('event') }, { title: t('last-run') }, { title: t('next-run') },
    { title: t('state') }, { title: t('actions'), class: 'end' }]);
  const none = h('p', {}, t('generators.none'));

  async function look() {
    const found = await allGenerators(page.signal);

    keepRows(list.body, found, (generator) => list.row([
      [h('div', { class: 'name' }, link(`/generators/${generator.id}`, name(generator.name)), ' ', generator.formats.map((format) => badge('format', format.toUpperCase()))),
        h('div', { class: 'zone' }, name(generator.dataset), generator.customizationName ? [' · ', name(generator.customizationName)] : null)],
      t(`event.${generator.event}`),
      moment(generator.lastRunDate, generator.timeZone) ?? '–',
      (generator.enabled && moment(generator.nextRunDate, generator.timeZone)) || '–',
      state(generator),
      h('div', { class: 'actions' }, generator.mayAlter ? pauseButton(generator, look) : null,
        generator.mayAlter ? h('a', { class: 'button', href: `#/generators/${generator.id}/change` }, t('change'), h('span', { class: 'hidden' }, ' ', name(generator.name))) : null),
    ]));
    list.node.hidden = found.length === 0;
    none.hidden = found.length > 0;
  }

  page.fill(t('menu/generators'), h('p', {}, who.may.createGenerators
    ? h('a', { class: 'button primary', href: '#/generators/new' }, t('generator.new')) : t('may-not')), none, list.node);
  await look();
  watch(look, page.signal);
}
