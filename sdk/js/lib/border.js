/**
 * The border between plugin and host: all that a plugin may ask, behind one name.
 *
 * In a guest `guest/index.js` puts the real host here; a test may put its own. Nothing else of the
 * SDK knows which of the two it speaks to.
 *
 * @typedef {object} Host
 * @property {(level: string, message: string, fields: [string, string][]) => void} emit
 * @property {() => import('./context.js').Artifact} openArtifact
 * @property {(request: import('./record.js').CorpusRequest) => import('./record.js').Page} searchCorpus
 * @property {(request: import('./http.js').Request) => import('./http.js').Response} send
 */

import { Failure } from './failure.js';

/** @type {Host} Nobody: what a plugin meets when it runs outside of a guest and of a test. */
export const nobody = {
  emit(level, message, fields) {
    console.error(`${level}: ${message}`, ...fields.map(([key, value]) => `${key}=${value}`));
  },
  openArtifact() {
    throw new Failure('not-found', 'there is no artifact outside of a slot');
  },
  searchCorpus() {
    throw new Failure('denied', 'there is no corpus here; only sources may search it');
  },
  send() {
    throw new Failure('denied', 'there is no network here; only sources may use `http`');
  },
};

/** @type {{ host: Host }} */
export const border = { host: nobody };
