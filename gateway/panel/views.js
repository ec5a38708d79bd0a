// views.js
//   The list of views: each data set's.

import { account, datasets, forget, pathOf } from './api.js';
import { viewPlace } from './columns.js';
import { ownerName } from './owner.js';
import { h, name, table } from './dom.js';
import { badge, count, t } from './shown.js';
import { link } from './ui.js';

export async function viewsPage(page) {
  forget();
  const [who, known] = await Promise.all([account(), datasets()]);

  page.fill(t('menu/views'), h('p', {}, t('views.about')), known.data.map((set) => {
    const list = table(set.title, [{ title: t('name') }, { title: t('columns') }, { title: t('whose') }, { title: t('actions'), class: 'end' }]);

    list.body.append(...set.views.map((view) => {
      return list.row([link(viewPlace(set.name, view.name, view.reseller), name(view.name)), count('columns', view.columns.length),
        view.reseller === null ? badge('plain', t('whose.provider')) : badge('good', ownerName(who, view.reseller) ?? t('whose.own')),
        h('div', { class: 'actions' }, h('a', { class: 'button', href: `#/views/${pathOf(set.name)}?${new URLSearchParams({ from: view.name, ...(view.reseller === null ? {} : { reseller: view.reseller }) })}` }, t('copy'), h('span', { class: 'hidden' }, ' ', name(view.name))))]);
    }));
    return h('section', {}, h('h2', {}, name(set.title), ' ', set.attached ? null : badge('plain', t('not-attached'))),
      set.views.length === 0 ? h('p', {}, t('views.none')) : list.node,
      who.may.createViews && set.views.length > 0 ? h('p', {}, h('a', { class: 'button', href: `#/views/${pathOf(set.name)}` }, t('view.new'), h('span', { class: 'hidden' }, ' ', set.title))) : null);
  }));
}
