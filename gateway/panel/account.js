// account.js
//   Who is signed in, and what of each quota is used.

import { account, forget } from './api.js';
import { facts, h, name } from './dom.js';
import { bytes, duration, number, t } from './shown.js';

const quotas = ['pendingReports', 'reportsPerDay', 'storedBytes', 'generators', 'views', 'tokens'];

function quota(key, { used, limit }) {
  const told = (n) => (key === 'storedBytes' ? bytes(n) : number(n));
  const full = limit !== null && used >= limit;
  const text = limit === null ? t('quota.unlimited', { used: told(used) }) : t('quota.of', { used: told(used), limit: told(limit) });

  return h('div', { class: full ? 'quota full' : 'quota' }, h('h3', {}, t(`quota.${key}`)), h('p', {}, text, full ? ` – ${t('quota.full')}` : ''),
    limit === null || limit === 0 ? null : h('meter', { min: 0, max: limit, value: Math.min(used, limit), high: limit * 0.9, 'aria-label': t(`quota.${key}`) }, text));
}

export async function accountPage(page) {
  forget();
  const who = await account();
  const below = who.resellers.filter((one) => one.id !== who.id);

  page.fill(t('menu/account'),
    facts([
      [t('name'), name(who.name)],
      [t('account.id'), String(who.id)],
      [t('zone'), who.timeZone],
      [t('scope'), t(`scope.${who.scope}`)],
      [t('account.on-invoice'), t(who.onInvoice ? 'yes' : 'no')],
      [t('limit.max-span'), duration(who.limits.maxSpan)],
      [t('limit.retention'), duration(who.limits.retention)],
      [t('limit.links'), duration(who.limits.linkLifetime)],
    ]),
    h('h2', {}, t('quotas')), h('div', { class: 'quotas' }, quotas.map((key) => quota(key, who.quotas[key]))),
    below.length === 0 ? null : [h('h2', {}, t('resellers')), h('ul', { class: 'plain-list' }, below.map((one) => h('li', {}, name(one.name), ' ', h('span', { class: 'zone' }, String(one.id)))))]);
}
