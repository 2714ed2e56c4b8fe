/** Keeps an alert quiet for some time. */

import { useState } from 'preact/hooks';
import { api, ApiError } from '../api/client';
import type { Alert, Silence } from '../api/types';
import { HOUR_MS } from '../period';
import { announce } from '../state/announce';
import { refreshAll } from '../state/refresh';
import { Dialog } from '../ui/dialog';
import { Field, Select } from '../ui/field';
import { Failed } from '../ui/query_view';
import { visibleString } from '../visible';

const LENGTHS = [
  { value: '1', title: '1 hour' },
  { value: '4', title: '4 hours' },
  { value: '24', title: '1 day' },
  { value: '168', title: '7 days' },
];

export function SilenceDialog({ alert, onClose }: { alert?: Alert | undefined; onClose: () => void }) {
  const [scope, setScope] = useState(alert ? 'alert' : 'all');
  const [hours, setHours] = useState('1');
  const [author, setAuthor] = useState('');
  const [comment, setComment] = useState('');
  const [error, setError] = useState<ApiError>();

  const scopes = [
    ...(alert
      ? [
          { value: 'alert', title: `This rule on ${visibleString(alert.stream || 'every stream')}` },
          { value: 'rule', title: 'This rule, every stream' },
          { value: 'stream', title: `Every rule on ${visibleString(alert.stream)}` },
        ]
      : []),
    { value: 'all', title: 'Every rule, every stream' },
  ];

  const send = async () => {
    const silence: Partial<Silence> = { until_ms: Date.now() + Number(hours) * HOUR_MS };
    if (alert && (scope === 'alert' || scope === 'rule')) silence.rule = alert.rule;
    if (alert && (scope === 'alert' || scope === 'stream')) silence.stream = alert.stream;
    if (author) silence.author = author;
    if (comment) silence.comment = comment;
    try {
      await api.silence(silence);
      announce('Silenced');
      refreshAll();
      onClose();
    } catch (reason) {
      setError(reason as ApiError);
    }
  };

  return (
    <Dialog title="Silence" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        {alert && <p class="quote">{visibleString(alert.rule)}</p>}
        <div class="field-row">
          <Select title="What" value={scope} options={scopes} onChange={setScope} />
          <Select title="For" value={hours} options={LENGTHS} onChange={setHours} />
        </div>
        <Field title="Your name">
          <input type="text" maxLength={200} value={author} onInput={(event) => setAuthor(event.currentTarget.value)} />
        </Field>
        <Field title="Why">
          <input type="text" maxLength={1000} value={comment} onInput={(event) => setComment(event.currentTarget.value)} />
        </Field>
        {error && <Failed error={error} />}
        <div class="dialog-actions">
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button button-primary">
            Silence
          </button>
        </div>
      </form>
    </Dialog>
  );
}
