/**
 * The plugin outside of its sandbox: what `phagen plugin bench` compares a guest with.
 *
 * It asks the golden cases of an order in this Node.js and tells one line of JSON a case. Timed is
 * the call alone: its arguments are made anew before each round, since a guest owns them too, the
 * plugin is new in every round, and the answer is dropped afterwards. Nothing here judges an answer:
 * the first one is told, and whoever reads it holds it against the guest's.
 *
 * Only `build.mjs native` reads this folder, bundled with the plugin.
 *
 * @typedef {object} Order
 * @property {any[]} cases Golden cases.
 * @property {number} [budget_milliseconds] Of each case.
 * @property {number} [max_rounds] Of each case.
 * @property {{ name: string, digest: string, bytes: Uint8Array }} [artifact]
 */

import { border } from '../border.js';
import { Context } from '../context.js';
import { CODES, Failure } from '../failure.js';
import { Mapper, Reranker, Source } from '../plugin.js';
import { reranked, scored } from '../reranking.js';
import { caseHost, candidates, document, molecule, query } from './case.js';

const MAX_ROUNDS = 2_000;
const BUDGET_MILLISECONDS = 2_000;

/** Why a case has no figure. */
class NoFigure extends Error {}

/**
 * @param {new () => any} Plugin
 * @param {Order} order
 * @param {string} runtime
 * @param {(line: string) => void} tell
 */
export async function bench(Plugin, order, runtime, tell) {
  // What a plugin prints goes to the host's log in a guest, and nowhere here.
  for (const method of ['error', 'warn', 'log', 'info', 'debug', 'trace']) {
    console[method] = () => {};
  }
  for (const given of order.cases) {
    const told = await asked(Plugin, given, order).catch((error) => {
      if (error instanceof NoFigure) {
        return { why: error.message };
      }
      throw error;
    });
    const whole = told.why === undefined ? { runtime, ...told } : told;
    tell(JSON.stringify({ case: given.name, ...whole }));
  }
}

async function asked(Plugin, given, order) {
  // Once, so that nothing is measured that happens once.
  const { answer } = await round(Plugin, given, order);
  const { budget_milliseconds: budget = BUDGET_MILLISECONDS, max_rounds: most = MAX_ROUNDS } = order;
  const began = performance.now();
  const times = [];
  while (times.length < most && (times.length === 0 || performance.now() - began < budget)) {
    times.push((await round(Plugin, given, order)).took);
  }
  times.sort((a, b) => a - b);
  const at = (percent) => times[Math.floor(((times.length - 1) * percent) / 100)];
  return { n_rounds: times.length, p50_ns: at(50), p99_ns: at(99), answer };
}

/** One call of a new plugin: how long it took in nanoseconds, and what it answered. */
async function round(Plugin, given, { artifact }) {
  border.host = caseHost(given, artifact);
  const plugin = new Plugin();
  try {
    await plugin.init(new Context(new Map(Object.entries(given.config ?? {}))));
  } catch (error) {
    throw new NoFigure(`\`init\` failed natively: ${error.code ?? error.name}: ${error.message}`);
  }
  const { call, told } = question(plugin, given);
  const began = process.hrtime.bigint();
  try {
    const answer = call();
    const settled = answer instanceof Promise ? await answer : answer;
    const took = Number(process.hrtime.bigint() - began);
    return { took, answer: told(settled) };
  } catch (error) {
    return { took: Number(process.hrtime.bigint() - began), answer: { error: code(error) } };
  }
}

function code(error) {
  return error instanceof Failure && CODES.includes(error.code) ? error.code : 'internal';
}

/** The call with its arguments, and what to tell of its answer. */
function question(plugin, given) {
  if (plugin instanceof Source && given.search) {
    const { query: asked, limit, cursor } = given.search;
    const wanted = query(asked);
    return {
      call: () => plugin.search(wanted, limit, cursor ?? undefined),
      told: (page) => ({ evidence_ids: page.candidates.map(({ evidence }) => evidence.evidenceId) }),
    };
  }
  if (plugin instanceof Mapper && given.find) {
    const about = given.find.molecule ? molecule(given.find.molecule) : undefined;
    const documents = given.find.documents.map(document);
    return {
      call: () => plugin.find(about, documents),
      told: (findings) => ({
        findings: findings.map((it) => [it.evidenceId, it.meshId, it.matchedText]),
      }),
    };
  }
  if (plugin instanceof Reranker && given.rerank) {
    const [wanted, those] = [query(given.rerank.query), candidates(given.rerank.candidates)];
    const whole = (parts) => reranked(parts);
    return {
      call() {
        const parts = scored(plugin, wanted, those);
        return parts instanceof Promise ? parts.then(whole) : whole(parts);
      },
      told: ({ scores }) => ({ scores }),
    };
  }
  throw new NoFigure("the case asks another world than the plugin's");
}
