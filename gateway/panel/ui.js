// ui.js
//   What all pages use: buttons, notices, questions.  Invariant: what fails is said,
//   where who cannot see the page hears it.

import { ApiError } from './api.js';
import { h, name } from './dom.js';
import { has, language, roughly, t } from './shown.js';

const notices = h('div', { class: 'notices' });
const heard = h('p', { class: 'hidden', role: 'status' });

export { notices, heard };

/** Say something to who hears the page. */
export function announce(text) {
  heard.textContent = text;
}

/** A notice above the page: kind is "good" or "bad". */
export function notice(kind, ...content) {
  const node = h('div', { class: `notice ${kind}`, role: kind === 'bad' ? 'alert' : 'status' }, h('div', {}, content),
    h('button', { type: 'button', class: 'plain', 'aria-label': t('dismiss'), on: { click: () => node.remove() } }, '×'));

  notices.replaceChildren(node);
  return node;
}

export function clearNotices() {
  notices.replaceChildren();
}

/** A code of the API, in words of the reader's; the server's own are English. */
export function explainCode(code, message) {
  const told = has(`code.${code}`) ? t(`code.${code}`) : t('code.internal_error');

  if (!message) return [told];
  return language === 'en' ? [name(message)] : [told, ' ', h('span', { class: 'zone', lang: 'en' }, name(message))];
}

/** What went wrong, in words: what children a node gets for it. */
export function explain(error) {
  if (!(error instanceof ApiError)) return [t('error.page', { message: error.message })];
  if (error.status === 0) return [t('error.unreachable')];
  if (error.status === 412) return [t('error.changed')];
  if (error.status === 401) return [t('error.signed-out')];
  if (error.code === null) return [error.message === '' ? t('error.status', { status: error.status }) : name(error.message)];
  // what is wrong with a field is told as that is called here: "columns[2].as" is a column's
  const steps = (error.field ?? '').split(/\[\d+\]|\./).filter(Boolean);
  const said = steps.map((_, i) => `code.${error.code}/${steps.slice(0, steps.length - i).join('.')}`).find(has);

  if (said !== undefined) return [t(said, { time: roughly(error.retryAfter) })];
  return explainCode(error.code, error.status < 500 ? error.message : '');
}

/** Show it, unless it is the end of a page or of a session. */
export function complain(error) {
  if (error?.name === 'AbortError' || error?.status === 401) return;
  if (!(error instanceof ApiError)) console.error(error);
  notice('bad', explain(error), error.correlationId ? h('small', {}, ` ${t('correlation')} ${error.correlationId}`) : null);
}

/** Run it, with the button busy, and say what fails. */
export async function busily(button, work) {
  if (button.getAttribute('aria-disabled') === 'true') return;
  button.setAttribute('aria-disabled', 'true');
  button.classList.add('busy');
  try {
    await work();
  } catch (error) {
    complain(error);
  } finally {
    button.removeAttribute('aria-disabled');
    button.classList.remove('busy');
  }
}

/** A button; about: what of, for who does not see where it stands. */
export function button(text, work, { kind = '', about } = {}) {
  const node = h('button', { type: 'button', class: kind, on: { click: () => busily(node, work) } },
    text, about === undefined ? null : h('span', { class: 'hidden' }, ' ', name(about)));

  return node;
}

/** A link to one of our pages; to: its path and what is asked of it. */
export function link(to, ...content) {
  return h('a', { href: `#${to}` }, content);
}

function modal(fill) {
  return new Promise((resolve) => {
    const before = document.activeElement;
    const node = h('dialog', { on: { close: () => {
      node.remove();
      before?.focus();
      resolve(node.returnValue);
    } } });

    node.append(...fill(node));
    document.body.append(node);
    node.showModal();
  });
}

/** Ask before something that cannot be undone; resolves to true for yes. */
export async function confirm(question, action) {
  const answer = await modal((node) => [
    h('p', {}, question),
    h('div', { class: 'actions' },
      h('button', { type: 'button', class: 'danger', on: { click: () => node.close('yes') } }, action),
      h('button', { type: 'button', autofocus: true, on: { click: () => node.close('') } }, t('back'))),
  ]);

  return answer === 'yes';
}

/** Let something be copied by hand, where the browser does not do it. */
export function showText(title, text) {
  const field = h('input', { type: 'text', readonly: true, 'aria-label': title, value: text, dir: 'ltr', on: { focus: () => field.select() } });

  return modal((node) => [
    h('p', {}, title), field,
    h('div', { class: 'actions' }, h('button', { type: 'button', on: { click: () => node.close() } }, t('close'))),
  ]);
}
