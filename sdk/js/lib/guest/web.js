/** One request over `wasi:http`, from headers to the last byte of the body. */

import { handle } from 'wasi:http/outgoing-handler';
import { Fields, IncomingBody, OutgoingBody, OutgoingRequest, httpErrorCode } from 'wasi:http/types';

import { Failure } from '../failure.js';
import { Response, withoutQuery } from '../http.js';

const CHUNK_BYTES = 64n << 10n;
const WRITE_BYTES = 4 << 10;

const METHODS = ['get', 'head', 'post', 'put', 'delete', 'connect', 'options', 'trace', 'patch'];
const NOT_TO_SEND = [
  'HTTP-request-body-size',
  'HTTP-request-header-section-size',
  'HTTP-request-header-size',
  'HTTP-request-URI-too-long',
  'HTTP-request-URI-invalid',
  'HTTP-request-method-invalid',
];
const NOT_TO_TAKE = [
  'HTTP-response-body-size',
  'HTTP-response-header-section-size',
  'HTTP-response-content-coding',
  'TLS-certificate-error',
];

/** @param {import('../http.js').Request} request */
export function send(request) {
  try {
    return read(request, sent(request));
  } catch (error) {
    throw error?.payload?.tag === undefined ? error : failure(request, error.payload);
  }
}

function sent(request) {
  const outgoing = outgoingOf(request);
  // Without one the request goes out whole, with no body to wait for.
  const body = request.body?.length > 0 ? outgoing.body() : undefined;
  const future = handle(outgoing, undefined);
  if (body !== undefined) {
    write(body, request.body);
  }
  future.subscribe().block();
  const answer = future.get();
  // Taken once or not, then arrived or failed.
  for (const result of [answer, answer?.val]) {
    if (result?.tag !== 'ok') {
      throw failure(request, result?.val);
    }
  }
  return answer.val.val;
}

function outgoingOf({ method, url, headers }) {
  const utf8 = new TextEncoder();
  let fields;
  try {
    fields = Fields.fromList(
      Object.entries(headers).map(([name, value]) => [name.toLowerCase(), utf8.encode(value)]),
    );
  } catch (error) {
    throw new Failure('invalid-input', `a header may not be sent: ${error?.payload?.tag}`);
  }
  const outgoing = new OutgoingRequest(fields);
  const tag = method.toLowerCase();
  outgoing.setMethod(METHODS.includes(tag) ? { tag } : { tag: 'other', val: method });
  outgoing.setScheme({ tag: url.protocol === 'https:' ? 'HTTPS' : 'HTTP' });
  outgoing.setAuthority(url.host);
  outgoing.setPathWithQuery(url.pathname + url.search);
  return outgoing;
}

function write(body, content) {
  const stream = body.write();
  for (let at = 0; at < content.length; at += WRITE_BYTES) {
    stream.blockingWriteAndFlush(content.subarray(at, at + WRITE_BYTES));
  }
  // A body is finished only after its stream is gone.
  stream[Symbol.dispose]();
  OutgoingBody.finish(body, undefined);
}

function read(request, response) {
  const headers = {};
  const utf8 = new TextDecoder();
  for (const [name, bytes] of response.headers().entries()) {
    const [key, value] = [name.toLowerCase(), utf8.decode(bytes)];
    headers[key] = key in headers ? `${headers[key]}, ${value}` : value;
  }
  const body = bodyOf(request, response.consume());
  return new Response(request.url.href, response.status(), headers, body);
}

function bodyOf(request, body) {
  const parts = [];
  let nBytes = 0;
  const stream = body.stream();
  for (;;) {
    let part;
    try {
      part = stream.blockingRead(CHUNK_BYTES);
    } catch (error) {
      if (error?.payload?.tag === 'closed') {
        return joined(parts, nBytes);
      }
      throw broken(request, error?.payload?.val);
    }
    nBytes += part.length;
    if (nBytes > request.maxBodyBytes) {
      const said = `\`${withoutQuery(request.url)}\` answered more than ${request.maxBodyBytes} bytes`;
      throw new Failure('unavailable', said);
    }
    parts.push(part);
  }
}

function joined(parts, nBytes) {
  const whole = new Uint8Array(nBytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A body that ends early; the stream's error may carry the reason. */
function broken(request, error) {
  const code = error === undefined ? undefined : httpErrorCode(error);
  return code === undefined
    ? Failure.unavailable(`the answer of \`${withoutQuery(request.url)}\` broke off`)
    : failure(request, code);
}

function failure({ method, url }, error) {
  const name = error?.tag ?? 'nothing';
  const what = `\`${method} ${withoutQuery(url)}\``;
  if (name === 'HTTP-request-denied') {
    return new Failure('denied', `${what} is not granted; the host's log says what to add where`);
  }
  if (name === 'destination-IP-prohibited') {
    const said = `${what} leads to an address that is not granted; the host's log says more`;
    return new Failure('denied', said);
  }
  if (NOT_TO_SEND.includes(name)) {
    return new Failure('invalid-input', `${what} is not a request that the host sends: ${name}`);
  }
  if (NOT_TO_TAKE.includes(name)) {
    return new Failure('unavailable', `${what} has an answer that cannot be taken: ${name}`);
  }
  return Failure.unavailable(`${what} got no answer: ${name}`);
}
