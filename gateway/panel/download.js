// download.js
//   Files: fetched with the token, compared with their digest, saved.  Invariant:
//   a file that is not what its report says is never saved.

import { ApiError, ask, get, pathOf, request } from './api.js';
import { code, h, name } from './dom.js';
import { t } from './shown.js';
import { announce, notice, showText } from './ui.js';

/* What is larger goes past this page, from the link to the disk. */
const MOST_IN_MEMORY = 256 * 1024 * 1024;

/** The link of a report, wherever that leads. */
export function linkOf(report) {
  return new URL(report.downloadUrl, document.baseURI).href;
}

/** The name of its file. */
async function fileName(report, signal) {
  if (report.downloadUrl === null) return (await get(pathOf('reports', report.id, 'manifest'), {}, signal)).fileName;
  return decodeURIComponent(new URL(report.downloadUrl, document.baseURI).pathname.split('/').pop());
}

/** Its file, from the first byte to the last. */
export async function fetchFile(report, signal) {
  const file = await fileName(report, signal);

  return { file, response: await request('GET', pathOf('reports', report.id, file), { signal }) };
}

async function digestOf(blob) {
  const digest = await crypto.subtle.digest('SHA-256', await blob.arrayBuffer());

  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Is it the file that the report's digest names?  null: this browser cannot say. */
async function isWhole(blob, report) {
  if (globalThis.crypto?.subtle === undefined) return null;
  return await digestOf(blob) === report.sha256;
}

function follow(href, download) {
  const anchor = h('a', { href, download, target: download === undefined ? '_blank' : null, rel: 'noopener noreferrer', hidden: true });

  document.body.append(anchor);
  anchor.click();
  anchor.remove();
}

function byHand(report, why) {
  notice('good', why, ' ', t('digest'), ' ', code(report.sha256));
}

/** Fetch it, and say why not if this page cannot have it; null then. */
async function fetched(report, signal) {
  if (Number(report.fileBytes) > MOST_IN_MEMORY) {
    byHand(report, t('download.large'));
    return null;
  }
  try {
    const { file, response } = await fetchFile(report, signal);
    const blob = await response.blob();
    return { file, blob, whole: await isWhole(blob, report) };
  } catch (error) {
    if (!(error instanceof ApiError) || error.downloadUrl === null) throw error;
    byHand(report, t('download.elsewhere'));
    return null;
  }
}

function judge(report, whole, good) {
  if (whole === false) notice('bad', t('verify.bad'), ' ', name(report.name));
  else if (whole === null) byHand(report, t('verify.cannot'));
  else {
    notice('good', good, ' ', name(report.name), h('br'), t('digest'), ' ', code(report.sha256));
  }
  return whole;
}

/** Save its file. */
export async function download(report, signal) {
  const found = await fetched(report, signal);

  if (found === null) {
    follow(linkOf(report));
    return;
  }
  if (judge(report, found.whole, t('download.good')) === false) return;
  const url = URL.createObjectURL(found.blob);
  follow(url, found.file);
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Compare its file with its digest. */
export async function verify(report, signal) {
  const found = await fetched(report, signal);

  if (found !== null) judge(report, found.whole, t('verify.good'));
}

/** Copy its link. */
export async function copyLink(report) {
  const href = linkOf(report);

  try {
    await navigator.clipboard.writeText(href);
    notice('good', t('link.copied'), ' ', name(report.name));
  } catch {
    await showText(t('link.copy-by-hand'), href);
  }
}

/** Do something with a report, by its name in the API, and tell of it. */
export async function act(report, action, key) {
  const answer = await ask('POST', pathOf('reports', report.id, action), { headers: { 'Idempotency-Key': key }, body: {} });

  announce(t(`done.${action}`));
  return answer;
}

const MOST_TEXT = 512 * 1024;

/**
 * The first rows of a file in JSON or JSON Lines, as lists of cells with the header
 * first; read no further than needed.
 */
export async function firstRows(report, most, signal) {
  const stop = new AbortController();
  const { file, response } = await fetchFile(report, AbortSignal.any([signal, stop.signal]));
  let stream = response.body;
  let text = '';

  if (file.endsWith('.gz')) stream = stream.pipeThrough(new DecompressionStream('gzip'));
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  while (text.length < MOST_TEXT && text.split('\n').length < most + 3) {
    const { done, value } = await reader.read();
    if (done) break;
    text += value;
  }
  await reader.cancel().catch(() => {});
  stop.abort();
  return jsonRows(text, most);
}

/* One object a line, in both of them; values as they stand there. */
function jsonRows(text, most) {
  const rows = [];

  for (const line of text.split('\n').map((one) => one.replace(/^[[,]|[,\]]$/g, '').trim()).filter((one) => one.startsWith('{') && one.endsWith('}'))) {
    const pairs = Object.entries(JSON.parse(line.replace(/"(?:[^"\\]|\\.)*"|-?[0-9][-+.0-9eE]*/g,
      (token) => (token.startsWith('"') ? token : `"${token}"`))));
    if (rows.length === 0) rows.push(pairs.map(([title]) => title));
    rows.push(pairs.map(([, value]) => (value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value ?? ''))));
    if (rows.length > most) break;
  }
  return rows;
}
