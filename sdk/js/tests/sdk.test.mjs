/** The SDK without a guest: `node --test sdk/js/tests/sdk.test.mjs`. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { Failure, http, span } from '../phagen-sdk.js';
import { border, nobody } from '../lib/border.js';
import { Context } from '../lib/context.js';

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
