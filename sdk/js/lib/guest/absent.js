/**
 * What JavaScript has and a guest has not: clock, timers, `fetch` and a console.
 *
 * Without this module some would trap without a word, or answer something that is not so. The
 * console goes to the host's log, the rest throws an error that names what to use instead.
 */

import { border } from '../border.js';

let isRunning = false;

/** The build is over: from here on there is a host, and nothing else. */
export function fromNowOn() {
  if (isRunning) {
    return;
  }
  isRunning = true;
  const levels = { error: 'error', warn: 'warn', log: 'info', info: 'info', debug: 'debug', trace: 'debug' };
  for (const [method, level] of Object.entries(levels)) {
    console[method] = (...parts) => border.host.emit(level, parts.map(shown).join(' '), []);
  }
  for (const name of ['setTimeout', 'setInterval']) {
    globalThis[name] = () => refuse(name, 'the host keeps the pace');
  }
  globalThis.fetch = () => refuse('fetch', 'use `http` of phagen-sdk');
  performance.now = () => refuse('performance.now', 'today is `query.asOf`');
  globalThis.Date = new Proxy(Date, {
    apply: () => refuse('Date()', 'today is `query.asOf`'),
    construct: (target, parts, caller) =>
      parts.length > 0
        ? Reflect.construct(target, parts, caller)
        : refuse('new Date()', 'today is `query.asOf`'),
    get: (target, name, receiver) =>
      name === 'now'
        ? () => refuse('Date.now', 'today is `query.asOf`')
        : Reflect.get(target, name, receiver),
  });
}

function refuse(name, instead) {
  throw new Error(`\`${name}\` is not there in a plugin; ${instead}`);
}

function shown(part) {
  if (typeof part === 'string') {
    return part;
  }
  try {
    return JSON.stringify(part) ?? String(part);
  } catch {
    return String(part);
  }
}
