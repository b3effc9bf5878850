/** Recognises the terms of a small dictionary that stands in the slot's configuration. */

import { Failure, Mapper, span } from 'phagen-sdk';

/** `\b` knows only English letters, and the engine of a guest has no `\p{L}`. */
const LETTER = '[\\w\u00c0-\u024f\u0370-\u1fff]';

export default class DictionaryMapper extends Mapper {
  /** `terms` such as `headache=D006261;migraine=D008881`: a term and its descriptor. */
  init(context) {
    this.terms = new Map();
    for (const pair of context.config('terms', '').split(';').filter(Boolean)) {
      const [term, meshId] = pair.split('=').map((part) => part.trim());
      if (!term || !/^[CD]\d{6,9}$/.test(meshId)) {
        throw Failure.invalidConfig(`\`terms\` holds \`${pair}\`; write \`headache=D006261\``);
      }
      this.terms.set(term.toLowerCase(), meshId);
    }
    // The longest first, so that `cluster headache` is not found as `headache`.
    const words = [...this.terms.keys()].sort((a, b) => b.length - a.length).map(escaped);
    this.pattern = new RegExp(`(?<!${LETTER})(?:${words.join('|') || '(?!)'})(?!${LETTER})`, 'gi');
  }

  find(molecule, documents) {
    return documents.flatMap((document) =>
      document.passages.flatMap((passage) =>
        [...passage.text.matchAll(this.pattern)].map((match) =>
          this.finding(document, passage, match),
        ),
      ),
    );
  }

  finding(document, passage, { 0: text, index }) {
    return {
      evidenceId: document.evidenceId,
      ground: span(passage, index, index + text.length),
      meshId: this.terms.get(text.toLowerCase()),
      matchedText: text,
      negated: /\b(no|without)\s+$/i.test(passage.text.slice(0, index)),
    };
  }

  selfTest() {
    const passages = [...this.terms.keys()].map((text) => ({ ordinal: 0, text }));
    if (this.find(undefined, [{ evidenceId: 'PMID:1', passages }]).length !== this.terms.size) {
      throw new Failure('internal', 'not every term of the dictionary recognises itself');
    }
  }
}

function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
