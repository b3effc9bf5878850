/**
 * The guest's side of the border: what the host calls, answered by the author's plugin.
 *
 * Only a build reads this folder, through the entry module that `build.mjs` writes; the names
 * `phagen:plugin/…` mean nothing outside of it.
 */

import { open } from 'phagen:plugin/artifacts';
import { emit } from 'phagen:plugin/log';

import { border, nobody } from '../border.js';
import { Context } from '../context.js';
import { CODES, Failure } from '../failure.js';
import { fromNowOn } from './absent.js';

const MAX_MESSAGE_CHARS = 2_000;

/** The host, through the imports that every world has. */
export const guestHost = {
  ...nobody,
  emit,
  openArtifact() {
    const artifact = asked(open);
    return {
      name: () => artifact.name(),
      digest: () => artifact.digest(),
      size: () => Number(artifact.size()),
      read: (offset, length) => asked(() => artifact.read(BigInt(offset), length)),
    };
  },
};

let plugin;

/** Makes the one plugin that answers. Runs once, at the end of the build. */
export function serve(Plugin, Kind, facts, host) {
  if (typeof Plugin !== 'function' || !(Plugin.prototype instanceof Kind)) {
    throw new Error(`the default export of app.js must be a class that extends \`${Kind.name}\``);
  }
  plugin = new Plugin();
  border.host = host;
  return {
    describe: () => Object.entries(facts).map(([key, value]) => ({ key, value: String(value) })),
    init(config) {
      fromNowOn();
      const context = new Context(new Map(config.map(({ key, value }) => [key, value])));
      return told(() => plugin.init(context), () => undefined);
    },
    selfTest: () => told(() => plugin.selfTest(), () => undefined),
  };
}

/**
 * What `work` answers, put through `convert`; what it throws is put into the contract's words.
 * @param {(plugin: any) => unknown} work
 * @param {(answer: any) => unknown} [convert]
 */
export function told(work, convert = (answer) => answer) {
  try {
    const answer = work(plugin);
    // The runtime waits for a promise; without one there is no event loop to turn.
    return answer instanceof Promise ? answer.then(convert).catch(rethrow) : convert(answer);
  } catch (error) {
    return rethrow(error);
  }
}

/** What the host answers, its failure as one that a plugin can catch. */
export function asked(question) {
  try {
    return question();
  } catch (error) {
    const said = error?.payload;
    if (said?.code === undefined) {
      throw error;
    }
    throw new Failure(said.code, said.message, {
      retryable: said.retryable,
      retryAfterMs: said.retryAfterMs === undefined ? undefined : Number(said.retryAfterMs),
    });
  }
}

/** The runtime takes an error's `payload` for the contract's; any other error would be a trap. */
function rethrow(error) {
  throw Object.assign(new Error(), { payload: payload(error) });
}

function payload(error) {
  if (error instanceof Failure) {
    const { retryable, retryAfterMs } = error;
    return {
      code: CODES.includes(error.code) ? error.code : 'internal',
      retryable: Boolean(retryable),
      retryAfterMs: retryAfterMs === undefined ? undefined : BigInt(Math.max(0, Math.ceil(retryAfterMs))),
      message: error.message,
    };
  }
  // The message goes to whoever reads the job; where it happened only to the log.
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  border.host.emit('error', `${message} ${error?.stack ?? ''}`, []);
  return {
    code: 'internal',
    retryable: false,
    retryAfterMs: undefined,
    message: message.slice(0, MAX_MESSAGE_CHARS),
  };
}
