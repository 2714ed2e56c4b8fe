/** The page's colours for what is drawn on a canvas, and which label has which. */

/** Names of custom properties of style/tokens.css. */
export type ColourName = 'ink' | 'ink-soft' | 'line' | 'surface' | 'accent' | `label-${number}`;

export function colour(name: ColourName): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** "rgb(…, alpha)" of a "#rrggbb". */
export function withAlpha(hex: string, alpha: number): string {
  const value = Number.parseInt(hex.slice(1), 16);
  return `rgba(${(value >> 16) & 255}, ${(value >> 8) & 255}, ${value & 255}, ${alpha})`;
}

/** --label-0 to --label-7 are apart for every kind of colour vision (after Okabe and Ito); 8 is for the rest. */
const PALETTE_SIZE = 8;
const GIVEN: Record<string, number> = { negative: 0, neutral: 1, positive: 2 };

/** The same label has the same colour everywhere: the three of sentiment by name, others by their place. */
export function labelColour(label: string, labels: readonly string[]): number {
  const given = GIVEN[label.toLowerCase()];
  if (given !== undefined) return given;
  const others = labels.filter((each) => GIVEN[each.toLowerCase()] === undefined);
  const hasGiven = others.length < labels.length;
  const place = others.indexOf(label);
  if (place < 0) return PALETTE_SIZE;
  const index = place + (hasGiven ? 3 : 0);
  return index < PALETTE_SIZE ? index : PALETTE_SIZE;
}
