/**
 * The three kinds of plugin. A plugin is one class that extends one of them.
 *
 * The host makes a fresh instance for every job: what a plugin keeps in `this` is gone afterwards.
 * What is costly belongs to the top level of the module, which runs when the plugin is built, or
 * into the artifact; not into `init`. Every method may be `async`.
 *
 * @typedef {import('./record.js').Candidate} Candidate
 * @typedef {import('./record.js').Document} Document
 * @typedef {import('./record.js').Finding} Finding
 * @typedef {import('./record.js').Molecule} Molecule
 * @typedef {import('./record.js').Page} Page
 * @typedef {import('./record.js').Query} Query
 * @typedef {import('./context.js').Context} Context
 */

/** What all three have in common. */
class Plugin {
  /**
   * Reads configuration and artifact, once per instance.
   * @param {Context} context
   */
  init(context) {}

  /** A short check of the plugin by itself: throws where something is wrong. */
  selfTest() {}
}

/** Finds evidence. The only kind that reaches out, and only to what its slot is granted. */
export class Source extends Plugin {
  /**
   * At most `limit` candidates for the query's molecule from `cursor` on, best first.
   * @param {Query} query
   * @param {number} limit
   * @param {string} [cursor]
   * @returns {Page}
   */
  search(query, limit, cursor) {
    throw new Error(`\`${this.constructor.name}\` has no \`search\``);
  }
}

/** Names diseases in passages. Reaches nothing and remembers nothing. */
export class Mapper extends Plugin {
  /**
   * Findings of all documents. Without a molecule every stance is `neither`.
   * @param {Molecule | undefined} molecule
   * @param {Document[]} documents
   * @returns {Finding[]}
   */
  find(molecule, documents) {
    throw new Error(`\`${this.constructor.name}\` has no \`find\``);
  }
}

/** Orders evidence. Reaches nothing and remembers nothing. */
export class Reranker extends Plugin {
  /**
   * Names of the columns of `features`.
   * @returns {string[]}
   */
  featureNames() {
    throw new Error(`\`${this.constructor.name}\` has no \`featureNames\``);
  }

  /**
   * One row per candidate, in order, one finite value per name.
   * @param {Query} query
   * @param {Candidate[]} candidates
   * @returns {number[][]}
   */
  features(query, candidates) {
    throw new Error(`\`${this.constructor.name}\` has no \`features\``);
  }

  /**
   * One finite score per candidate, in order, higher is better.
   * @param {Query} query
   * @param {Candidate[]} candidates
   * @param {number[][]} features The candidates' own.
   * @returns {number[]}
   */
  score(query, candidates, features) {
    throw new Error(`\`${this.constructor.name}\` has no \`score\``);
  }
}
