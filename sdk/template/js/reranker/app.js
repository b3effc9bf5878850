/** Orders evidence. Replace the features and how they become a score. */

import { Reranker, names } from 'phagen-sdk';

export default class MyReranker extends Reranker {
  featureNames() {
    return ['title_match', 'n_passages'];
  }

  features(query, candidates) {
    const sought = names(query.molecule).map((name) => name.toLowerCase());
    return candidates.map(({ evidence }) => [
      Number(sought.some((name) => evidence.title.toLowerCase().includes(name))),
      evidence.passages.length,
    ]);
  }

  score(query, candidates, features) {
    // One finite number per candidate, in their order; higher is better.
    return features.map(([titleMatch, nPassages]) => titleMatch + 0.01 * nPassages);
  }
}
