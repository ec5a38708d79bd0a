// events.js
//   What happens to reports, as the server tells it.  Invariant: who listens looks
//   after each event, after each gap, and every few seconds while there is no stream.

import { isSignedIn, request } from './api.js';

const PAUSE = 5_000;
/* What comes together is told together: a thousand reports are one look. */
const TOGETHER = 400;
const listeners = new Set();
let stream = null;
let lastId = null;

function tell(event) {
  for (const listener of listeners) listener(event);
}

/** An event of the stream: its lines, without the empty one at its end. */
function take(lines) {
  const fields = {};

  for (const line of lines) {
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    if (field !== '') fields[field] = field === 'data' && 'data' in fields ? `${fields.data}\n${value}` : value;
  }
  if (fields.id !== undefined) lastId = fields.id;
  if (fields.event === 'ready') tell(null);
  else if (fields.data !== undefined) tell(JSON.parse(fields.data));
}

async function read(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  let lines = [];

  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (text + value).split(/\r?\n/);
    text = parts.pop();
    for (const line of parts) {
      if (line !== '') lines.push(line);
      else if (lines.length > 0) {
        take(lines);
        lines = [];
      }
    }
  }
}

async function run(signal) {
  while (!signal.aborted && isSignedIn()) {
    try {
      const response = await request('GET', 'events', {
        headers: lastId === null ? {} : { 'Last-Event-ID': lastId }, signal,
      });
      await read(response.body);
    } catch (error) {
      if (signal.aborted) return;
      // a place in the stream that is no more: begin anew
      if (error.status === 400) lastId = null;
    }
    await new Promise((resolve) => {
      setTimeout(resolve, PAUSE);
      signal.addEventListener('abort', resolve, { once: true });
    });
    if (!signal.aborted) tell(null);
  }
}

export function start() {
  stop();
  stream = new AbortController();
  run(stream.signal);
}

export function stop() {
  stream?.abort();
  stream = null;
  lastId = null;
  listeners.clear();
}

/**
 * Call listener with events until the signal is aborted: a list of those since the last
 * time, null among them when something may have happened that no event has told of.
 * The next call waits for what the last one does; if that fails, it is done again then.
 */
export function watch(listener, signal) {
  let waiting = [];
  let busy = false;
  const run = async () => {
    busy = true;
    while (waiting.length > 0) {
      await new Promise((resolve) => { setTimeout(resolve, TOGETHER); });
      if (signal.aborted) return;
      const events = waiting;
      waiting = [];
      await Promise.resolve(events).then(listener).catch(() => {});
    }
    busy = false;
  };
  const take = (event) => {
    waiting.push(event);
    if (!busy) run();
  };

  listeners.add(take);
  signal.addEventListener('abort', () => listeners.delete(take), { once: true });
}
