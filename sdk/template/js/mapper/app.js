/** Names diseases in passages. Replace how it recognises them. */

import { Mapper, span } from 'phagen-sdk';

export default class MyMapper extends Mapper {
  init(context) {
    // Set by whoever installs the plugin.
    const term = context.config('term', 'headache');
    this.meshId = context.config('mesh_id', 'D006261');
    this.pattern = new RegExp(`\\b${term.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\b`, 'gi');
  }

  find(molecule, documents) {
    return documents.flatMap(({ evidenceId, passages }) =>
      passages.flatMap((passage) =>
        [...passage.text.matchAll(this.pattern)].map(({ 0: text, index }) => ({
          evidenceId,
          // The place in the passage; `span` counts the bytes that the contract wants.
          ground: span(passage, index, index + text.length),
          meshId: this.meshId,
          matchedText: text,
          stance: 'neither', // or `treats`, `causes`: what the passage says of the molecule
        })),
      ),
    );
  }
}
