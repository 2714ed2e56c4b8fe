/** Which keys do what. */

import { useState } from 'preact/hooks';
import { VIEWS } from '../state/route';
import { setShortcuts, shortcutsOn } from '../state/shortcuts';
import { Dialog } from '../ui/dialog';

const KEYS: [string, string][] = [
  ...VIEWS.map((view): [string, string] => [view.shortcut, view.title]),
  ['/', 'Search the history'],
  ['p', 'Pause the live feed, or go on'],
  ['r', 'Ask the server again'],
  ['d', 'Light, dark, or as the system'],
  ['1 … 9', 'Labelling: choose a label'],
  ['s', 'Labelling: skip the text'],
  ['?', 'This list'],
];

export function HelpDialog({ onClose }: { onClose: () => void }) {
  const [on, setOn] = useState(shortcutsOn());
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl class="keys">
        {KEYS.map(([key, action]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{action}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          checked={on}
          onChange={(event) => {
            setShortcuts(event.currentTarget.checked);
            setOn(event.currentTarget.checked);
          }}
        />
        These keys are on
      </label>
      <p class="soft">Everything can be reached with Tab, too. In the chart's toolbar the arrows move the period and + and − zoom.</p>
    </Dialog>
  );
}
