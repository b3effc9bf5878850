/** What a plugin is given: its configuration, its artifact and, for sources, the host's corpus. */

import { border } from './border.js';
import { Failure } from './failure.js';

/**
 * Weights or tables that an operator paired with the plugin, read-only.
 * @typedef {object} Artifact
 * @property {() => string} name
 * @property {() => string} digest blake3 of the bytes, 64 hexadecimal digits.
 * @property {() => number} size
 * @property {(offset: number, length: number) => Uint8Array} read At most `length` bytes from
 *   `offset`; fewer at the end.
 */

/** Bytes asked for at a time, so that no single call nears the host's limit. */
const CHUNK_BYTES = 1 << 20;

/** Given to `init`; a source may keep it to search the corpus. */
export class Context {
  #config;

  /** @param {Map<string, string>} config */
  constructor(config) {
    this.#config = config;
  }

  /**
   * The value that the slot's configuration gives `key`.
   * @param {string} key
   * @param {string} [otherwise]
   * @returns {string | undefined}
   */
  config(key, otherwise) {
    return this.#config.get(key) ?? otherwise;
  }

  /**
   * The same; throws `invalid-config` when there is none.
   * @param {string} key
   * @returns {string}
   */
  require(key) {
    const value = this.#config.get(key);
    if (value === undefined) {
      throw Failure.invalidConfig(`the slot's configuration has no \`${key}\`; set it`);
    }
    return value;
  }

  /**
   * What stands for the secret `name` in a header or in the query of a request.
   *
   * The host puts the value into requests that are granted it, and nowhere else; a request to
   * another place with it is denied.
   * @param {string} name
   * @returns {string | undefined}
   */
  secret(name) {
    return this.#config.get(`secret.${name}`);
  }

  /**
   * The slot's artifact; throws `not-found` or `denied`.
   * @returns {Artifact}
   */
  artifact() {
    return border.host.openArtifact();
  }

  /**
   * All bytes of the slot's artifact.
   * @returns {Uint8Array}
   */
  readArtifact() {
    const artifact = this.artifact();
    const whole = new Uint8Array(artifact.size());
    for (let at = 0; at < whole.length; ) {
      const part = artifact.read(at, CHUNK_BYTES);
      if (part.length === 0) {
        throw new Failure('internal', `the artifact ended at byte ${at} of ${whole.length}`);
      }
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  /**
   * Searches the host's own corpus; throws `denied` where the slot is not granted it.
   * @param {import('./record.js').CorpusRequest} request
   * @returns {import('./record.js').Page}
   */
  searchCorpus(request) {
    return border.host.searchCorpus(request);
  }
}
