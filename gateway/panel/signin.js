// signin.js
//   Who is there.  Invariant: the two halves of a token are kept in memory, and in
//   this tab's storage only if that was asked for.

import { account, isSignedIn, signIn, signOut } from './api.js';
import { h } from './dom.js';
import { Field, form, input } from './form.js';
import { t } from './shown.js';

const STORED = 'rde-session';

function stored() {
  try {
    return JSON.parse(sessionStorage.getItem(STORED));
  } catch {
    return null;
  }
}

function store(value) {
  try {
    if (value === null) sessionStorage.removeItem(STORED);
    else sessionStorage.setItem(STORED, JSON.stringify(value));
  } catch {
    // a browser that stores nothing
  }
}

/** Go on with what this tab remembers, if anything. */
export function resume() {
  const found = stored();

  if (typeof found?.key === 'string' && typeof found?.token === 'string') signIn(found.key, found.token);
  return isSignedIn();
}

export function leave() {
  store(null);
  signOut();
}

/** The page; enter is called once somebody is signed in, message is why it is here. */
export function signInPage(enter, message) {
  const key = new Field(t('signin.key'), input('text', { autocomplete: 'username', spellcheck: 'false', autocapitalize: 'none', dir: 'ltr', required: true }));
  const token = new Field(t('signin.token'), input('password', { autocomplete: 'current-password', dir: 'ltr', required: true }));
  const remember = new Field(t('signin.remember'), input('checkbox'), { hint: t('signin.remember.hint'), inline: true });
  const why = h('p', { class: 'error summary', role: 'alert' }, message);

  const { node } = form([key.node, token.node, remember.node, why], () => ({ key, token }), t('signin.action'), async () => {
    why.replaceChildren();
    const missing = [key, token].filter((field) => field.value.trim() === '');
    for (const field of missing) field.fail(t('error.needed'));
    if (missing.length > 0) {
      missing[0].focus();
      return;
    }
    signIn(key.value.trim(), token.value.trim());
    try {
      await account();
    } catch (error) {
      signOut();
      if (error.status !== 401) throw error;
      why.replaceChildren(t('signin.refused'));
      token.focus();
      return;
    }
    store(remember.value ? { key: key.value.trim(), token: token.value.trim() } : null);
    enter();
  });

  return h('main', { class: 'signin', id: 'main' }, h('h1', {}, t('signin.title')), h('p', {}, t('signin.about')), node);
}
