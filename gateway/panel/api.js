// api.js
//   Calls of the API that /openapi.json describes.  Invariant: who is signed in is
//   known here only, in memory; a number is read digit for digit, or not at all.

let credentials = null;
let known = {};

/** Something that the server, or the way to it, said no to. */
export class ApiError extends Error {
  constructor(status, body, retryAfter) {
    super(body.message ?? '');
    this.status = status;
    this.code = body.code ?? null;
    this.field = body.field ?? null;
    this.correlationId = body.correlationId ?? null;
    this.downloadUrl = body.downloadUrl ?? null;
    this.retryAfter = retryAfter;
  }
}

/** Events: "signed-out", when the server knows these credentials no more. */
export const session = new EventTarget();

export function signIn(key, token) {
  credentials = { key, token };
  known = {};
}

export function signOut() {
  credentials = null;
  known = {};
}

export function isSignedIn() {
  return credentials !== null;
}

/**
 * JSON, with each number that JavaScript would not write as it stands there (an
 * amount with its zeros, a long id) as text: String() of whatever was a number is
 * exactly what was sent.
 */
export function parseExactly(text) {
  return JSON.parse(text.replace(/"(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?/g,
    (token) => (token.startsWith('"') || String(Number(token)) === token ? token : `"${token}"`)));
}

/** Where a path of the API is, which begins beside this page. */
export function urlOf(path, query = {}) {
  const url = new URL(path, document.baseURI);

  url.hash = '';
  for (const [field, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') url.searchParams.set(field, value);
  }
  return url;
}

/** A path of segments, each encoded. */
export function pathOf(...segments) {
  return segments.map(encodeURIComponent).join('/');
}

/** A key with which a request is done once, however often it is sent. */
export function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function failureOf(response) {
  const retryAfter = Number(response.headers.get('Retry-After') ?? 0);
  let body = {};

  try {
    body = JSON.parse(await response.text());
  } catch {
    body = { message: response.statusText };
  }
  return new ApiError(response.status, body, retryAfter);
}

function wait(seconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, seconds * 1000);

    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      stop();
    }, { once: true });
  });
}

async function send(url, options) {
  const asked = credentials;
  let response;

  if (asked === null) throw new ApiError(401, {});
  try {
    response = await fetch(url, {
      ...options,
      headers: { ...options.headers, 'X-Subscription-Key': asked.key, Authorization: `Bearer ${asked.token}` },
      credentials: 'omit',
      redirect: 'error',
      referrerPolicy: 'no-referrer',
      cache: 'no-store',
    });
  } catch (error) {
    if (options.signal?.aborted) throw options.signal.reason;
    throw new ApiError(0, { message: '' });
  }
  if (asked !== credentials) {
    await response.body?.cancel();
    throw new DOMException('signed out', 'AbortError');
  }
  if (response.ok) return response;
  const failure = await failureOf(response);
  if (failure.status === 401) session.dispatchEvent(new Event('signed-out'));
  throw failure;
}

/**
 * The response to a request; what only reads is tried again where the server says
 * that it is busy.
 */
export async function request(method, path, { query, body, headers = {}, signal } = {}) {
  const options = { method, headers: { ...headers }, signal };

  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers['Content-Type'] = 'application/json';
  }
  for (let tries = 1; ; tries++) {
    try {
      return await send(urlOf(path, query), options);
    } catch (error) {
      const busy = error.status === 429 || error.status === 503;
      if (method !== 'GET' || !busy || tries === 4 || !(error.retryAfter <= 5)) throw error;
      await wait(Math.max(error.retryAfter, 1), signal);
    }
  }
}

/** The JSON of a reply, read exactly; null if it has none. */
export async function ask(method, path, options) {
  const response = await request(method, path, options);
  const text = await response.text();

  return text === '' ? null : parseExactly(text);
}

export const get = (path, query, signal) => ask('GET', path, { query, signal });

/** Who is signed in; and the data sets there are.  Asked once, until forget(). */
export function account() {
  known.account ??= get('account');
  return known.account;
}

export function datasets() {
  known.datasets ??= get('datasets');
  return known.datasets;
}

export function forget() {
  known = {};
}
