/** A golden case as the records of the contract, and as a host: nothing else answers. */

import { nobody } from '../border.js';
import { Failure } from '../failure.js';
import { Response, withoutQuery } from '../http.js';

/** Of a case's own artifact, corpus and network. */
export function caseHost({ corpus = [], http = [] }, artifact) {
  const known = candidates(corpus);
  const network = new Map();
  for (const { method = 'GET', url, status = 200, headers = {}, body = '' } of http) {
    const place = `${method} ${normal(url)}`;
    // Of two answers to one request the first counts, as in the host.
    if (!network.has(place)) {
      const names = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
      network.set(place, { status, headers: Object.fromEntries(names), body: utf8.encode(body) });
    }
  }
  return {
    ...nobody,
    emit() {},
    openArtifact: () => (artifact ? opened(artifact) : nobody.openArtifact()),
    searchCorpus: ({ limit = 20 }) => ({ candidates: known.slice(0, limit) }),
    send: (request) => answer(network, request),
  };
}

const utf8 = new TextEncoder();

function opened({ name, digest, bytes }) {
  return {
    name: () => name,
    digest: () => digest,
    size: () => bytes.length,
    read: (offset, length) => bytes.slice(offset, offset + length),
  };
}

function answer(network, { method, url, maxBodyBytes }) {
  const found = network.get(`${method} ${normal(url)}`);
  const what = withoutQuery(url);
  if (found === undefined) {
    // As a place that refuses the connection, which it is in the host.
    throw Failure.unavailable(`the golden case has no answer to \`${method} ${what}\``);
  }
  if (found.body.length > maxBodyBytes) {
    throw new Failure('unavailable', `\`${what}\` answered more than ${maxBodyBytes} bytes`);
  }
  return new Response(String(url), found.status, found.headers, found.body);
}

/** One way to write an address: an author may leave out the port or the slash. */
export function normal(url) {
  const whole = new URL(url);
  whole.hash = '';
  return whole.href;
}

/** What is absent is `undefined`, and JSON says `null`. */
const present = (value) => value ?? undefined;

export function query({ molecule: about, as_of: asOf, attributes = [] }) {
  return { molecule: molecule(about), asOf, attributes: attributes.map(attribute) };
}

export function molecule({ name, synonyms = [], smiles, inchi_key: inchiKey }) {
  return { name, synonyms: [...synonyms], smiles: present(smiles), inchiKey: present(inchiKey) };
}

export function document({ evidence_id: evidenceId, passages }) {
  return { evidenceId, passages: passages.map(passage) };
}

export function candidates(given) {
  return given.map(({ evidence, signals = [] }) => ({
    evidence: evidenceOf(evidence),
    signals: signals.map(({ name, value }) => ({ name, value })),
  }));
}

function evidenceOf({ evidence_id: evidenceId, kind, title, citation = '', url, date, passages, attributes = [] }) {
  return {
    evidenceId,
    kind,
    title,
    citation,
    url: present(url),
    date: present(date),
    passages: passages.map(passage),
    attributes: attributes.map(attribute),
  };
}

function passage({ ordinal, section, text }) {
  return { ordinal, section: present(section), text };
}

function attribute({ key, value }) {
  return { key, value };
}
