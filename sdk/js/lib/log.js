/**
 * Lines for the host's log, under the plugin's name; at most 200 a call are kept. `console` goes
 * the same way: nothing else leaves a guest.
 */

import { border } from './border.js';

/** @typedef {Record<string, unknown>} Fields */

/** @param {string} level @param {string} message @param {Fields} fields */
function emit(level, message, fields) {
  const pairs = Object.entries(fields).map(([key, value]) => [key, String(value)]);
  border.host.emit(level, String(message), /** @type {[string, string][]} */ (pairs));
}

/** @param {string} message @param {Fields} [fields] */
export const error = (message, fields = {}) => emit('error', message, fields);

/** @param {string} message @param {Fields} [fields] */
export const warn = (message, fields = {}) => emit('warn', message, fields);

/** @param {string} message @param {Fields} [fields] */
export const info = (message, fields = {}) => emit('info', message, fields);

/** @param {string} message @param {Fields} [fields] */
export const debug = (message, fields = {}) => emit('debug', message, fields);
