/**
 * How the three questions of a reranker become one answer: in a guest, and natively.
 *
 * What is no number is told as an error here; at the border it would be a trap.
 */

/** Features once, for themselves and for the score. */
export function scored(plugin, query, candidates) {
  const both = (features) => {
    const scores = plugin.score(query, candidates, features);
    const whole = (scores) => ({ names: plugin.featureNames(), features, scores });
    return scores instanceof Promise ? scores.then(whole) : whole(scores);
  };
  const features = plugin.features(query, candidates);
  return features instanceof Promise ? features.then(both) : both(features);
}

export const rows = (features) => features.map(numbers);

/** Of what `scored` gave. */
export const scoresOf = ({ scores }) => numbers(scores);

/** The same as the contract has it. */
export const reranked = ({ names, features, scores }) => ({
  featureNames: names,
  features: rows(features).flat(),
  scores: numbers(scores),
});

function numbers(values) {
  const odd = values.find((value) => typeof value !== 'number');
  if (odd !== undefined) {
    throw new TypeError(`a score or a feature is \`${odd}\`, which is no number`);
  }
  return values;
}
