/** The SDK without a guest: `node --test sdk/js/tests/sdk.test.mjs`. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { Failure, Reranker, Source, http, span } from '../phagen-sdk.js';
import { border, nobody } from '../lib/border.js';
import { Context } from '../lib/context.js';
import { bench } from '../lib/native/index.js';
import { normal } from '../lib/native/case.js';

const answer = (status, headers = {}, body = '') =>
  new http.Response('', status, headers, new TextEncoder().encode(body));

/** Answers from a list, and remembers what was asked. */
function network(...answers) {
  const asked = [];
  border.host = {
    ...nobody,
    send(request) {
      asked.push(request);
      const next = answers.shift();
      next.url = request.url.href;
      return next;
    },
  };
  return asked;
}

function failure(work) {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof Failure, String(error));
    return error;
  }
  throw new Error('nothing was thrown');
}

afterEach(() => {
  border.host = nobody;
});

test('a redirect is followed and keeps personal headers at home', () => {
  const asked = network(
    answer(302, { location: '/b' }),
    answer(307, { location: 'https://b.org/c' }),
    answer(200, {}, '[1]'),
  );
  const found = http.get('https://a.org/a?q=1', { Authorization: 'Bearer x', accept: '*/*' });
  assert.deepEqual([found.json(), found.url], [[1], 'https://b.org/c']);
  assert.equal(asked[1].headers.Authorization, 'Bearer x');
  assert.deepEqual(asked[2].headers, { accept: '*/*' });
});

test('a redirected post becomes a get without its body', () => {
  for (const [status, method, length] of [[303, 'GET'], [301, 'GET'], [308, 'POST', 1]]) {
    const asked = network(answer(status, { location: '/b' }), answer(200));
    http.request('POST', 'https://a.org/a', { 'content-type': 'text/plain' }, { body: 'x' });
    assert.deepEqual([asked[1].method, asked[1].body?.length], [method, length]);
    assert.equal(Object.keys(asked[1].headers).length, length ?? 0);
  }
});

test('redirects have an end', () => {
  const asked = network(...Array.from({ length: 9 }, () => answer(302, { location: '/again' })));
  const { code, message } = failure(() => http.get('https://a.org/?key=s3cret'));
  assert.deepEqual([code, asked.length], ['unavailable', 6]);
  assert.ok(!message.includes('s3cret'), message);
});

test('a status is a failure that the host understands', () => {
  for (const [status, code, retryable] of [
    [304, 'internal', false],
    [400, 'invalid-input', false],
    [401, 'denied', false],
    [403, 'denied', false],
    [404, 'not-found', false],
    [408, 'unavailable', true],
    [429, 'rate-limited', true],
    [500, 'unavailable', true],
  ]) {
    const told = failure(() => answer(status).ok());
    assert.deepEqual([told.code, told.retryable], [code, retryable], String(status));
  }
  const limited = failure(() => answer(503, { 'retry-after': '2' }).ok());
  assert.deepEqual([limited.code, limited.retryAfterMs], ['rate-limited', 2000]);
  assert.equal(failure(() => answer(200, {}, '<html>').json()).code, 'unavailable');
});

test('a span counts bytes', () => {
  const passage = { ordinal: 3, text: 'Größe 😀 x' };
  assert.deepEqual(span(passage, 9, 10), { passage: 3, start: 13, end: 14 });
  for (const [start, end] of [[-1, 2], [3, 2], [0, 11]]) {
    assert.equal(failure(() => span(passage, start, end)).code, 'internal');
  }
});

test('a context tells what is missing', () => {
  const context = new Context(new Map([['a', '1'], ['secret.key', 'stand-in']]));
  assert.deepEqual([context.require('a'), context.secret('key')], ['1', 'stand-in']);
  assert.equal(failure(() => context.require('b')).code, 'invalid-config');
  assert.equal(failure(() => http.get('https://a.org')).code, 'denied');
});

/** What `bench` tells of cases, by their names. */
async function told(Plugin, order) {
  const methods = ['error', 'warn', 'log', 'info', 'debug', 'trace'];
  const before = methods.map((method) => console[method]);
  const lines = [];
  await bench(Plugin, { max_rounds: 5, ...order }, 'here', (line) => lines.push(JSON.parse(line)));
  methods.forEach((method, n) => (console[method] = before[n]));
  return Object.fromEntries(lines.map((line) => [line.case, line]));
}

const query = (name) => ({ molecule: { name, synonyms: [] }, as_of: '2026-11-22', attributes: [] });

test('a case is timed with its own network', async () => {
  class Asking extends Source {
    init(context) {
      this.address = context.require('address');
    }

    async search({ molecule }, limit, cursor) {
      const { items } = http.get(`${this.address}?q=${molecule.name}`).ok().json();
      return { candidates: items.slice(0, limit).map((evidenceId) => ({ evidence: { evidenceId } })) };
    }
  }
  const search = { query: query('aspirin'), limit: 2 };
  const config = { address: 'https://h.org/' };
  const exchange = { url: 'https://H.org:443?q=aspirin', body: '{"items": ["A", "B", "C"]}' };
  const lines = await told(Asking, {
    cases: [
      { name: 'fine', config, http: [exchange], search },
      { name: 'busy', config, http: [{ ...exchange, status: 429 }], search },
      { name: 'nobody', config, search },
      { name: 'no address', search },
    ],
  });
  const { n_rounds: n, p50_ns: p50, p99_ns: p99, answer, runtime } = lines.fine;
  assert.deepEqual([n, answer, runtime], [5, { evidence_ids: ['A', 'B'] }, 'here']);
  assert.ok(p50 > 0 && p50 <= p99);
  assert.deepEqual(lines.busy.answer, { error: 'rate-limited' });
  assert.deepEqual(lines.nobody.answer, { error: 'unavailable' });
  assert.match(lines['no address'].why, /invalid-config/);
  assert.equal(normal('http://h:80?b=c#d'), 'http://h/?b=c');
});

test('each round has its own arguments and the artifact of the order', async () => {
  class Careless extends Reranker {
    init(context) {
      this.weight = context.readArtifact()[0];
    }

    featureNames() {
      return ['n'];
    }

    features(query, candidates) {
      console.log('careless');
      candidates.pop();
      return candidates.map(() => [candidates.length]);
    }

    score({ molecule }, candidates, features) {
      return molecule.name === 'none' ? ['no number'] : features.map(([n]) => n * this.weight);
    }
  }
  const evidence = { evidence_id: 'PMID:1', kind: 'clinical', title: 't', passages: [] };
  const rerank = (name) => ({ query: query(name), candidates: Array(3).fill({ evidence }) });
  const lines = await told(Careless, {
    cases: [
      { name: 'fine', rerank: rerank('aspirin') },
      { name: 'no number', rerank: rerank('none') },
      { name: 'other world', find: { documents: [] } },
    ],
    artifact: { name: 'w', digest: 'd', bytes: new Uint8Array([3]) },
  });
  assert.deepEqual(lines.fine.answer, { scores: [6, 6] });
  assert.deepEqual(lines['no number'].answer, { error: 'internal' });
  assert.match(lines['other world'].why, /another world/);
});
