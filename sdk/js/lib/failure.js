/** Why a call failed, in the contract's words. */

export const CODES = [
  'invalid-input',
  'invalid-config',
  'artifact-mismatch',
  'not-found',
  'denied',
  'unavailable',
  'rate-limited',
  'internal',
];

/**
 * Throw it to end a call with a code that the host understands. Anything else that is thrown ends
 * the call too, as `internal`. The host tries again only where `retryable` is set, so set it only
 * where another attempt may go better.
 */
export class Failure extends Error {
  /**
   * @param {string} code One of `CODES`.
   * @param {string} message What was tried, on what, and what to do next.
   * @param {{ retryable?: boolean, retryAfterMs?: number }} [again]
   */
  constructor(code, message, { retryable = false, retryAfterMs } = {}) {
    super(message);
    this.name = 'Failure';
    this.code = code;
    this.retryable = retryable;
    this.retryAfterMs = retryAfterMs;
  }

  /**
   * The other side does not answer now, and may later.
   * @param {string} message
   * @param {number} [retryAfterMs]
   */
  static unavailable(message, retryAfterMs) {
    return new Failure('unavailable', message, { retryable: true, retryAfterMs });
  }

  /**
   * The other side asks for patience.
   * @param {string} message
   * @param {number} [retryAfterMs]
   */
  static rateLimited(message, retryAfterMs) {
    return new Failure('rate-limited', message, { retryable: true, retryAfterMs });
  }

  /**
   * The slot's configuration cannot be used; say which key, and what it should hold.
   * @param {string} message
   */
  static invalidConfig(message) {
    return new Failure('invalid-config', message);
  }
}
