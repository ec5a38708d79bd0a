// generators.js
//   The list of generators.

import { account, ask, get, pathOf } from './api.js';
import { h, keepRows, name, table } from './dom.js';
import { watch } from './events.js';
import { Field, input } from './form.js';
import { badge, count, moment, t } from './shown.js';
import { ownerName, ownerOf } from './owner.js';
import { announce, button, link } from './ui.js';

const AT_ONCE = 100;

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
  const search = new Field(t('generator.find'), input('search', { autocomplete: 'off', dir: 'auto' }));
  const status = h('p', { class: 'hint', role: 'status' });
  const more = h('button', { type: 'button', hidden: true, on: { click: () => {
    shownCount += AT_ONCE;
    draw();
  } } }, t('more'));
  let all = [];
  let shownCount = AT_ONCE;

  function draw() {
    const wanted = search.value.trim().toLowerCase();
    const found = all.filter((one) => `${one.name} ${one.dataset} ${one.customizationName ?? ''} ${ownerName(who, one.reseller) ?? ''}`.toLowerCase().includes(wanted));

    keepRows(list.body, found.slice(0, shownCount), (generator) => list.row([
      [h('div', { class: 'name' }, link(`/generators/${generator.id}`, name(generator.name)), ' ', generator.formats.map((format) => badge('format', format.toUpperCase()))),
        h('div', { class: 'zone' }, name(generator.dataset), generator.customizationName ? [' · ', name(generator.customizationName)] : null, ownerOf(who, generator.reseller))],
      t(`event.${generator.event}`),
      moment(generator.lastRunDate, generator.timeZone) ?? '–',
      (generator.enabled && moment(generator.nextRunDate, generator.timeZone)) || '–',
      state(generator),
      h('div', { class: 'actions' }, generator.mayAlter ? pauseButton(generator, look) : null,
        generator.mayAlter ? h('a', { class: 'button', href: `#/generators/${generator.id}/change` }, t('change'), h('span', { class: 'hidden' }, ' ', name(generator.name))) : null),
    ]));
    list.node.hidden = found.length === 0;
    none.hidden = all.length > 0;
    search.show(all.length > 10 || wanted !== '');
    status.replaceChildren(all.length > 10 ? count('generators', found.length) : '');
    more.hidden = found.length <= shownCount;
  }

  async function look() {
    all = await allGenerators(page.signal);
    draw();
  }

  page.fill(t('menu/generators'), h('p', {}, who.may.createGenerators
    ? h('a', { class: 'button primary', href: '#/generators/new' }, t('generator.new')) : t('may-not')), none, search.node, status, list.node, more);
  search.control.addEventListener('input', draw);
  await look();
  watch(look, page.signal);
}
