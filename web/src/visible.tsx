/** User text, shown and never run: as text nodes, with what would be invisible or would reorder it made visible. */

import type { ComponentChildren } from 'preact';

const NAMES: Record<number, string> = {
  0x00ad: 'SHY',
  0x061c: 'ALM',
  0x200b: 'ZWSP',
  0x200e: 'LRM',
  0x200f: 'RLM',
  0x2028: 'LS',
  0x2029: 'PS',
  0x202a: 'LRE',
  0x202b: 'RLE',
  0x202c: 'PDF',
  0x202d: 'LRO',
  0x202e: 'RLO',
  0x2060: 'WJ',
  0x2066: 'LRI',
  0x2067: 'RLI',
  0x2068: 'FSI',
  0x2069: 'PDI',
  0xfeff: 'BOM',
};

// Controls but for line feed and tab, bidirectional formatting, invisible operators, tags and lone surrogates. Joiners
// (U+200C, U+200D) stay: Persian, Indic scripts and emoji need them.
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Cs}/gu;

/** What stands in for one such character: a control picture, an abbreviation or its code point. */
export function standIn(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return '␡';
  return NAMES[code] ?? `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}

export function Visible({ text, oneLine = false }: { text: string; oneLine?: boolean }) {
  const parts: ComponentChildren[] = [];
  let begin = 0;
  for (const match of text.matchAll(UNSEEN)) {
    if (match.index > begin) parts.push(text.slice(begin, match.index));
    parts.push(<span class="unseen">{standIn(match[0])}</span>);
    begin = match.index + match[0].length;
  }
  parts.push(text.slice(begin));
  return (
    <bdi dir="auto" class={oneLine ? 'user-text' : 'user-text user-text-block'}>
      {parts}
    </bdi>
  );
}

/** The same for places that take only a string: titles, options, accessible names. */
export function visibleString(text: string): string {
  return text.replace(UNSEEN, standIn).replace(/[\n\t]+/g, ' ');
}
