/**
 * The records of the contract, as plugins read and make them: plain objects. What is absent is
 * `undefined`.
 */

import { Failure } from './failure.js';

/**
 * A fact beyond the fixed fields, such as `phase` = `PHASE3` on a trial.
 * @typedef {{ key: string, value: string }} Attribute
 */

/**
 * The substance that a job asks about.
 * @typedef {object} Molecule
 * @property {string} name
 * @property {string[]} synonyms Other names, without `name` itself.
 * @property {string} [smiles]
 * @property {string} [inchiKey]
 */

/**
 * What a job wants to know.
 * @typedef {object} Query
 * @property {Molecule} molecule
 * @property {string} asOf Today, for the plugin: an ISO 8601 date.
 * @property {Attribute[]} attributes
 */

/**
 * A span of a document.
 * @typedef {object} Passage
 * @property {number} ordinal 0 is the title; the body counts from 1.
 * @property {string} [section] Heading it stood under, such as `RESULTS`.
 * @property {string} text
 */

/**
 * One citation with the passages found in it.
 * @typedef {object} Evidence
 * @property {string} evidenceId The normalised citation: `PMID:123`, `NCT01907900` and the like.
 * @property {string} kind `clinical`, `literature`, `patent`, `market` or `regulatory`.
 * @property {string} title
 * @property {string} citation As a reader wants it: authors, journal, registry, year.
 * @property {string} [url]
 * @property {string} [date] `2019`, `2019-03` or `2019-03-07`.
 * @property {Passage[]} passages The body, in order, without the title.
 * @property {Attribute[]} attributes
 */

/**
 * One number about one candidate, such as `bm25_title` or `source_rank`.
 * @typedef {{ name: string, value: number }} Signal
 */

/**
 * Evidence on its way through ranking.
 * @typedef {{ evidence: Evidence, signals: Signal[] }} Candidate
 */

/**
 * One page of a source's answer, best first, and where the next one begins.
 * @typedef {{ candidates: Candidate[], cursor?: string }} Page
 */

/**
 * What to look for in the host's own corpus; `limit` is 1 to 200.
 * @typedef {object} CorpusRequest
 * @property {string[]} names
 * @property {string} [text]
 * @property {string} [kind]
 * @property {number} [yearFrom]
 * @property {number} [yearTo]
 * @property {number} [limit]
 * @property {string} [cursor]
 */

/**
 * The passages of one piece of evidence, title first.
 * @typedef {{ evidenceId: string, passages: Passage[] }} Document
 */

/**
 * A place in a passage, in UTF-8 bytes, end excluded. Make it with `span`.
 * @typedef {{ passage: number, start: number, end: number }} Span
 */

/**
 * What a mapper says of one place.
 * @typedef {object} Finding
 * @property {string} evidenceId
 * @property {Span | string} ground A place in the text, or in words where it is known from.
 * @property {string} meshId `D…` or `C…`.
 * @property {string} matchedText
 * @property {boolean} [negated] The text denies the disease.
 * @property {'treats' | 'causes' | 'neither'} [stance]
 * @property {number} [score] Raw, higher is surer.
 */

/**
 * The value of the first attribute called `key`.
 * @param {{ attributes: Attribute[] }} owner Evidence or a query.
 * @param {string} key
 * @returns {string | undefined}
 */
export function attribute(owner, key) {
  return owner.attributes.find((attribute) => attribute.key === key)?.value;
}

/**
 * The value of the first signal called `name`.
 * @param {Candidate} candidate
 * @param {string} name
 * @returns {number | undefined}
 */
export function signal(candidate, name) {
  return candidate.signals.find((signal) => signal.name === name)?.value;
}

/**
 * The molecule's name and then its synonyms.
 * @param {Molecule} molecule
 * @returns {string[]}
 */
export function names(molecule) {
  return [molecule.name, ...molecule.synonyms];
}

const utf8 = new TextEncoder();

/**
 * The place of `passage.text.slice(start, end)`: JavaScript counts UTF-16 units, the contract bytes.
 * @param {Passage} passage
 * @param {number} start
 * @param {number} end
 * @returns {Span}
 */
export function span(passage, start, end) {
  if (!(start >= 0 && start <= end && end <= passage.text.length)) {
    throw new Failure(
      'internal',
      `no place ${start}..${end} in a passage of ${passage.text.length} characters`,
    );
  }
  const begin = utf8.encode(passage.text.slice(0, start)).length;
  const length = utf8.encode(passage.text.slice(start, end)).length;
  return { passage: passage.ordinal, start: begin, end: begin + length };
}
