/** The server asked for an API key. */

import { useState } from 'preact/hooks';
import { live } from '../api/live';
import { setKey } from '../api/key';
import { refreshAll } from '../state/refresh';
import { Dialog } from '../ui/dialog';
import { Field } from '../ui/field';
import { visibleString } from '../visible';

export function KeyDialog({ message, onClose }: { message: string; onClose: () => void }) {
  const [value, setValue] = useState('');
  const [remember, setRemember] = useState(false);
  return (
    <Dialog title="API key" onClose={onClose}>
      <form
        autocomplete="off"
        onSubmit={(event) => {
          event.preventDefault();
          setKey(value.trim(), remember);
          onClose();
          refreshAll();
          live.connect();
        }}
      >
        <p>{visibleString(message)}.</p>
        <Field title="Key">
          <input
            type="password"
            required
            autocomplete="off"
            spellcheck={false}
            value={value}
            onInput={(event) => setValue(event.currentTarget.value)}
          />
        </Field>
        <label class="check">
          <input type="checkbox" checked={remember} onChange={(event) => setRemember(event.currentTarget.checked)} />
          Keep it until this tab is closed (otherwise until the page is loaded again)
        </label>
        <p class="soft">It is sent in a header to this server only. A key that may only read cannot silence alerts.</p>
        <div class="dialog-actions">
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button button-primary">
            Use this key
          </button>
        </div>
      </form>
    </Dialog>
  );
}
