// main.js
//   The frame: who is signed in, which page is shown.  Invariant: what a page has
//   begun ends when another one is shown.

import { account, isSignedIn, session } from './api.js';
import { accountPage } from './account.js';
import { h, name } from './dom.js';
import * as events from './events.js';
import { generatorPage } from './generator.js';
import { changeGeneratorPage, newGeneratorPage } from './generator_form.js';
import { generatorsPage } from './generators.js';
import { orderPage } from './order.js';
import { reportPage } from './report.js';
import { reportsPage } from './reports.js';
import { language, languages, setLanguage, t } from './shown.js';
import { leave, resume, signInPage } from './signin.js';
import { clearNotices, complain, explain, heard, notices } from './ui.js';
import { newViewPage, viewPage } from './view.js';
import { viewsPage } from './views.js';

const pages = [
  [/^\/reports$/, reportsPage],
  [/^\/reports\/([^/]+)$/, reportPage],
  [/^\/new$/, orderPage],
  [/^\/generators$/, generatorsPage],
  [/^\/generators\/new$/, newGeneratorPage],
  [/^\/generators\/([^/]+)$/, generatorPage],
  [/^\/generators\/([^/]+)\/change$/, changeGeneratorPage],
  [/^\/views$/, viewsPage],
  [/^\/views\/([^/]+)$/, newViewPage],
  [/^\/views\/([^/]+)\/([^/]+)$/, viewPage],
  [/^\/account$/, accountPage],
];
const menu = ['/reports', '/new', '/generators', '/views', '/account'];

let shown = null;
let main = null;

function place() {
  const [path, query] = (location.hash.slice(1) || '/reports').split('?');

  return { path, query: new URLSearchParams(query ?? '') };
}

function languageChoice() {
  const names = languages.map((one) => [one, new Intl.DisplayNames(one, { type: 'language' }).of(one)]);

  return h('label', { class: 'language' }, h('span', { class: 'hidden' }, t('language')),
    h('select', { on: { change: (event) => {
      setLanguage(event.target.value);
      frame();
    } } }, names.map(([value, label]) => h('option', { value, lang: value, selected: value === language }, label))));
}

function footer() {
  return h('footer', {}, languageChoice(), h('a', { href: 'openapi.json' }, t('api')));
}

function markMenu(path) {
  const inside = (to) => path === to || (path.startsWith(`${to}/`));

  for (const item of document.querySelectorAll('nav a')) {
    if (inside(item.getAttribute('href').slice(1))) item.setAttribute('aria-current', 'page');
    else item.removeAttribute('aria-current');
  }
}

/** What a page is given: it fills itself, and ends when its signal says so. */
function newPage(query) {
  const stop = new AbortController();

  return {
    stop,
    signal: stop.signal,
    query,
    /** Go on to another one, unless somebody has gone elsewhere meanwhile. */
    leaveFor(place) {
      if (stop.signal.aborted) return;
      if (location.hash === `#${place}`) showPlace();
      else location.hash = place;
    },
    /** Show a title and what is below it. */
    fill(title, ...content) {
      if (stop.signal.aborted) return;
      const heading = h('h1', { tabindex: '-1' }, title);
      const first = main.querySelector('h1') === null || this.filled !== true;
      document.title = `${[title].flat(Infinity)[0]?.textContent ?? [title].flat(Infinity)[0]} – ${t('title')}`;
      main.replaceChildren(heading, notices, ...content.flat(Infinity).filter(Boolean));
      if (first) heading.focus();
      this.filled = true;
    },
  };
}

async function showPlace() {
  const { path, query } = place();
  const [pattern, show] = pages.find(([one]) => one.test(path)) ?? pages[0];

  shown?.stop.abort();
  const page = newPage(query);
  shown = page;
  markMenu(path);
  clearNotices();
  main.setAttribute('aria-busy', 'true');
  try {
    await show(page, ...(pattern.exec(path) ?? ['']).slice(1).map(decodeURIComponent));
  } catch (error) {
    if (!page.signal.aborted && error.status !== 401) {
      page.fill(t('error.title'), h('p', { role: 'alert' }, explain(error)),
        h('button', { type: 'button', on: { click: showPlace } }, t('again')));
      if (!error.status) console.error(error);
    }
  } finally {
    if (shown === page) main.removeAttribute('aria-busy');
  }
}

function out(message) {
  shown?.stop.abort();
  shown = null;
  events.stop();
  leave();
  frame(message);
}

async function inside() {
  const who = h('span', { class: 'who' });
  main = h('main', { id: 'main' });
  document.body.replaceChildren(
    h('a', { class: 'skip', href: '#main', on: { click: (event) => {
      event.preventDefault();
      main.querySelector('h1')?.focus();
    } } }, t('skip')),
    h('header', {},
      h('div', { class: 'brand' }, h('img', { src: 'panel/icon.svg', alt: '', width: 28, height: 28 }), h('span', {}, t('title'))),
      h('nav', { 'aria-label': t('menu') }, menu.map((to) => h('a', { href: `#${to}` }, t(`menu${to}`)))),
      h('div', { class: 'session' }, who, h('button', { type: 'button', on: { click: () => out() } }, t('signout')))),
    main, heard, footer());
  try {
    who.append(name((await account()).name));
    events.start();
    await showPlace();
  } catch (error) {
    complain(error);
    main.replaceChildren(h('h1', {}, t('error.title')), notices, h('button', { type: 'button', on: { click: frame } }, t('again')));
  }
}

/** Everything anew: in another language, or for somebody else. */
function frame(message) {
  shown?.stop.abort();
  document.documentElement.lang = language;
  document.documentElement.dir = t('direction');
  document.title = t('title');
  clearNotices();
  heard.textContent = '';
  if (isSignedIn()) {
    inside();
    return;
  }
  document.body.replaceChildren(
    signInPage(frame, typeof message === 'string' ? message : null), footer());
}

window.addEventListener('hashchange', () => {
  if (isSignedIn()) showPlace();
});
session.addEventListener('signed-out', () => {
  if (main !== null && document.body.contains(main)) out(t('error.signed-out'));
});
resume();
frame();
