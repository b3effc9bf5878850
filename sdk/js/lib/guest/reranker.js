/** Exports of the world `reranker`, of contract 0.1.0 (three calls) and 0.2.0 (one). */

import { Reranker } from '../plugin.js';
import { guestHost, serve as served, told } from './index.js';

export function serve(Plugin, facts) {
  return { lifecycle: served(Plugin, Reranker, facts, guestHost), reranking };
}

const reranking = {
  featureNames: () => told((plugin) => plugin.featureNames()),
  features: (query, candidates) => told((plugin) => plugin.features(query, candidates), rows),
  score: (query, candidates) => told((plugin) => scored(plugin, query, candidates), scoresOf),
  rerank: (query, candidates) => told((plugin) => scored(plugin, query, candidates), reranked),
};

/** Features once, for themselves and for the score. */
function scored(plugin, query, candidates) {
  const both = (features) => {
    const scores = plugin.score(query, candidates, features);
    const whole = (scores) => ({ names: plugin.featureNames(), features, scores });
    return scores instanceof Promise ? scores.then(whole) : whole(scores);
  };
  const features = plugin.features(query, candidates);
  return features instanceof Promise ? features.then(both) : both(features);
}

const rows = (features) => features.map(numbers);
const scoresOf = ({ scores }) => numbers(scores);
const reranked = ({ names, features, scores }) => ({
  featureNames: names,
  features: rows(features).flat(),
  scores: numbers(scores),
});

/** What is no number is told as an error here; at the border it would be a trap. */
function numbers(values) {
  const odd = values.find((value) => typeof value !== 'number');
  if (odd !== undefined) {
    throw new TypeError(`a score or a feature is \`${odd}\`, which is no number`);
  }
  return values;
}
