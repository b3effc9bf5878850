/** Orders evidence by a few features and a line through them. */

import { Failure, Reranker, names, signal } from 'phagen-sdk';

const WEIGHTS = {
  title_match: 1.0,
  text_match: 0.5,
  log_length: 0.05,
  bm25_title: 0.3,
  bm25_body: 0.2,
};

export default class LinearReranker extends Reranker {
  /** `weights` such as `title_match=2;bm25_body=0.1` changes single ones. */
  init(context) {
    this.weights = { ...WEIGHTS };
    for (const pair of context.config('weights', '').split(';').filter(Boolean)) {
      const [name, value] = pair.split('=').map((part) => part.trim());
      if (!Object.hasOwn(WEIGHTS, name)) {
        throw Failure.invalidConfig(`\`weights\` names \`${name}\`, which is no feature`);
      }
      if (!value || Number.isNaN(Number(value))) {
        throw Failure.invalidConfig(`the weight of \`${name}\` is no number`);
      }
      this.weights[name] = Number(value);
    }
  }

  featureNames() {
    return Object.keys(WEIGHTS);
  }

  features(query, candidates) {
    const sought = names(query.molecule).map((name) => name.toLowerCase());
    return candidates.map((candidate) => row(sought, candidate));
  }

  score(query, candidates, features) {
    const weights = Object.values(this.weights);
    return features.map((values) => values.reduce((sum, x, n) => sum + weights[n] * x, 0));
  }

  selfTest() {
    if (!Object.values(this.weights).every(Number.isFinite)) {
      throw Failure.invalidConfig('a weight is not a finite number');
    }
  }
}

function row(sought, candidate) {
  const { title, passages } = candidate.evidence;
  const text = passages.map((passage) => passage.text).join(' ').toLowerCase();
  return [
    Number(sought.some((name) => title.toLowerCase().includes(name))),
    Number(sought.some((name) => text.includes(name))),
    Math.log1p(text.length),
    signal(candidate, 'bm25_title') ?? 0,
    signal(candidate, 'bm25_body') ?? 0,
  ];
}
