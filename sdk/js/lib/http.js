/**
 * A small HTTP client for sources.
 *
 * Every request goes through the host, which lets it pass only where the manifest asks for the
 * place and the operator grants it; another is a `Failure` with the code `denied`. A redirect is a
 * request of its own, with the same question asked again.
 *
 * @typedef {object} Request
 * @property {string} method
 * @property {URL} url
 * @property {Record<string, string>} headers
 * @property {Uint8Array} [body]
 * @property {number} maxBodyBytes
 *
 * @typedef {object} Options
 * @property {Uint8Array | string} [body]
 * @property {number} [maxBodyBytes]
 */

import { border } from './border.js';
import { Failure } from './failure.js';

/** Bytes of a body that are read, unless a call says otherwise. */
export const MAX_BODY_BYTES = 4 << 20;
export const MAX_REDIRECTS = 5;

const REDIRECTS = [301, 302, 303, 307, 308];
/** What is for one server, and is not carried to another by a redirect. */
const PERSONAL = ['authorization', 'cookie'];
const CODES = { 401: 'denied', 403: 'denied', 404: 'not-found', 410: 'not-found' };

/** What came back. Names of `headers` are in lower case; repeated ones are joined by `, `. */
export class Response {
  /**
   * @param {string} url
   * @param {number} status
   * @param {Record<string, string>} headers
   * @param {Uint8Array} body
   */
  constructor(url, status, headers, body) {
    this.url = url;
    this.status = status;
    this.headers = headers;
    this.body = body;
  }

  /** The body as UTF-8; what is none of it is replaced. */
  text() {
    return new TextDecoder().decode(this.body);
  }

  /** The body as JSON; throws `unavailable` where it is none, as an error page is not. */
  json() {
    try {
      return JSON.parse(this.text());
    } catch (error) {
      const place = withoutQuery(this.url);
      throw Failure.unavailable(`\`${place}\` answered no JSON: ${error.message}`);
    }
  }

  /** Itself where the status is 200 to 299; throws the failure that fits the status else. */
  ok() {
    const { status } = this;
    if (status >= 200 && status <= 299) {
      return this;
    }
    const said = `\`${withoutQuery(this.url)}\` answered with status ${status}`;
    const wait = (this.headers['retry-after'] ?? '').trim();
    if (status === 429 || (status === 503 && wait !== '')) {
      throw Failure.rateLimited(said, /^\d+$/.test(wait) ? Number(wait) * 1000 : undefined);
    }
    if (status === 408 || status === 425 || status >= 500) {
      throw Failure.unavailable(said);
    }
    throw new Failure(CODES[status] ?? (status >= 400 ? 'invalid-input' : 'internal'), said);
  }
}

/**
 * For messages: a query may hold what is nobody's business.
 * @param {URL | string} url
 */
export function withoutQuery(url) {
  return String(url).split('?')[0];
}

/**
 * Fetches `url`. Any status is an answer: see `Response.ok`.
 * @param {string} url
 * @param {Record<string, string>} [headers]
 * @param {Options} [options]
 * @returns {Response}
 */
export function get(url, headers = {}, options = {}) {
  return request('GET', url, headers, options);
}

/**
 * Sends one request and follows at most `MAX_REDIRECTS` redirects.
 * @param {string} method
 * @param {string} url
 * @param {Record<string, string>} [headers]
 * @param {Options} [options]
 * @returns {Response}
 */
export function request(method, url, headers = {}, { body, maxBodyBytes = MAX_BODY_BYTES } = {}) {
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  /** @type {Request} */
  let asked = { method, url: address(url), headers, body: bytes, maxBodyBytes };
  for (let n = 0; n <= MAX_REDIRECTS; n += 1) {
    const answer = border.host.send(asked);
    const place = answer.headers.location;
    if (!REDIRECTS.includes(answer.status) || place === undefined) {
      return answer;
    }
    asked = redirected(asked, answer.status, address(place, asked.url));
  }
  throw Failure.unavailable(`\`${withoutQuery(url)}\` redirects more than ${MAX_REDIRECTS} times`);
}

/** @param {string} text @param {URL} [base] */
function address(text, base) {
  let url;
  try {
    url = new URL(text, base);
  } catch {
    throw new Failure('invalid-input', `\`${withoutQuery(text)}\` is not an address`);
  }
  if (!['http:', 'https:'].includes(url.protocol) || url.username || url.password) {
    const said = `\`${withoutQuery(text)}\` is not an \`http\` or \`https\` address`;
    throw new Failure('invalid-input', said);
  }
  return url;
}

/**
 * The request that a redirect asks for, as browsers make it.
 * @param {Request} asked
 * @param {number} status
 * @param {URL} url
 * @returns {Request}
 */
function redirected(asked, status, url) {
  const isPost = [301, 302].includes(status) && asked.method === 'POST';
  const becomesGet = (status === 303 || isPost) && asked.method !== 'HEAD';
  const stays = url.origin === asked.url.origin;
  const goesAlong = (name) =>
    (stays || !PERSONAL.includes(name)) && !(becomesGet && name.startsWith('content-'));
  const headers = Object.entries(asked.headers).filter(([name]) => goesAlong(name.toLowerCase()));
  return {
    ...asked,
    url,
    method: becomesGet ? 'GET' : asked.method,
    body: becomesGet ? undefined : asked.body,
    headers: Object.fromEntries(headers),
  };
}
