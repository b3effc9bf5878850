/** Does what `mode` in its configuration says; the host's tests know what must come of it. */

import { Failure, Reranker, log } from 'phagen-sdk';

export default class Unruly extends Reranker {
  init(context) {
    this.mode = context.config('mode', 'ok');
    this.context = context;
    if (this.mode === 'init') {
      throw Failure.invalidConfig('`mode` is `init`');
    }
  }

  featureNames() {
    return ['length'];
  }

  features(query, candidates) {
    return candidates.map((candidate) => [candidate.evidence.title.length]);
  }

  score(query, candidates, features) {
    return this[this.mode](features.flat());
  }

  ok(scores) {
    return scores;
  }

  async waits(scores) {
    return Promise.resolve(scores);
  }

  async rejects() {
    await null;
    throw new TypeError('later');
  }

  raises(scores) {
    return [scores.nothing.at(0)];
  }

  fails() {
    throw Failure.unavailable('the weights are on their way', 250);
  }

  unheard() {
    throw new Failure('teapot', 'not a code of the contract');
  }

  throwsText() {
    throw 'a text';
  }

  loops() {
    for (;;);
  }

  recurses(scores) {
    return [this.recurses(scores), 1];
  }

  hoards() {
    const hoard = [];
    for (;;) {
      hoard.push(new Uint8Array(1 << 20));
    }
  }

  short(scores) {
    return scores.slice(1);
  }

  nan(scores) {
    return scores.map(() => NaN);
  }

  text(scores) {
    return scores.map(() => 'high');
  }

  prints(scores) {
    console.log('printed', { in: 'parts' });
    console.error('complained');
    log.info('logged', { mode: this.mode });
    return scores;
  }

  clock(scores) {
    return scores.map(() => Date.now());
  }

  now(scores) {
    return scores.map(() => new Date().getFullYear());
  }

  dated(scores) {
    return scores.map(() => new Date('2026-11-22').getUTCFullYear());
  }

  timer(scores) {
    setTimeout(() => {}, 1);
    return scores;
  }

  fetches() {
    return fetch('http://127.0.0.1:9');
  }

  chance(scores) {
    return scores.map(() => Math.random());
  }

  artifact(scores) {
    return scores.map(() => this.context.readArtifact().length);
  }
}
