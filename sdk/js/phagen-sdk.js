/**
 * Write a plugin for PhaGen in JavaScript: a module whose default export is one class that extends
 * `Source`, `Mapper` or `Reranker`.
 *
 * @module phagen-sdk
 */

export { Failure } from './lib/failure.js';
export { Mapper, Reranker, Source } from './lib/plugin.js';
export { attribute, names, signal, span } from './lib/record.js';
export * as http from './lib/http.js';
export * as log from './lib/log.js';

/**
 * @typedef {import('./lib/record.js').Attribute} Attribute
 * @typedef {import('./lib/record.js').Candidate} Candidate
 * @typedef {import('./lib/record.js').CorpusRequest} CorpusRequest
 * @typedef {import('./lib/record.js').Document} Document
 * @typedef {import('./lib/record.js').Evidence} Evidence
 * @typedef {import('./lib/record.js').Finding} Finding
 * @typedef {import('./lib/record.js').Molecule} Molecule
 * @typedef {import('./lib/record.js').Page} Page
 * @typedef {import('./lib/record.js').Passage} Passage
 * @typedef {import('./lib/record.js').Query} Query
 * @typedef {import('./lib/record.js').Signal} Signal
 * @typedef {import('./lib/record.js').Span} Span
 * @typedef {import('./lib/context.js').Context} Context
 */
