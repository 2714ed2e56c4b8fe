/** A label in its colour, always with its name: colour alone says nothing. */

import { labelColour } from '../chart/colours';
import { labelsOf, useStatus } from '../state/status_context';
import { visibleString } from '../visible';

export function LabelBadge({ label }: { label: string }) {
  const labels = labelsOf(useStatus());
  return (
    <span class="label-badge">
      <span class={`dot label-colour-${labelColour(label, labels)}`} aria-hidden="true" />
      <bdi>{visibleString(label)}</bdi>
    </span>
  );
}

/** A bar from 0 to 1; the number stands beside it. `low` and `high`: its interval. */
export function ShareBar({ share, colour, low, high }: { share: number; colour: number; low?: number; high?: number }) {
  const percent = (value: number) => `${(100 * value).toFixed(2)}%`;
  return (
    <span class="share-bar" aria-hidden="true">
      <span class={`share-bar-fill label-colour-${colour}`} style={{ width: percent(share) }} />
      {low !== undefined && high !== undefined && (
        <span class="share-bar-interval" style={{ left: percent(low), width: percent(high - low) }} />
      )}
    </span>
  );
}
