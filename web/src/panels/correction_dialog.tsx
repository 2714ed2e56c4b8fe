/** "Wrong?": the right label of a text. The text is stored with it, and the dialog says so. */

import { useState } from 'preact/hooks';
import { api, ApiError } from '../api/client';
import type { FeedbackRequest } from '../api/types';
import { announce } from '../state/announce';
import { noteCorrection } from '../state/corrections';
import type { Correctable } from '../state/dialogs';
import { labelsOf, useStatus } from '../state/status_context';
import { Dialog } from '../ui/dialog';
import { LabelBadge } from '../ui/label';
import { Failed } from '../ui/query_view';
import { Visible, visibleString } from '../visible';

export function StorageNotice() {
  const policy = useStatus()?.text_policy;
  return (
    <p class="notice">
      The text is stored with your correction, for training
      {policy && policy !== 'full' ? `, although this server does not keep texts otherwise (--store-text ${policy})` : ''}.
    </p>
  );
}

export function CorrectionDialog({ target, onClose }: { target: Correctable; onClose: () => void }) {
  const labels = labelsOf(useStatus());
  const [label, setLabel] = useState('');
  const [text, setText] = useState('');
  const [note, setNote] = useState('');
  const [error, setError] = useState<ApiError>();
  const [sending, setSending] = useState(false);
  const needsText = target.text === undefined;

  const send = async () => {
    const request: FeedbackRequest = { label, source: 'page' };
    if (target.id) request.id = target.id;
    const whole = target.text ?? text;
    if (whole) request.text = whole;
    if (target.label) request.predicted = target.label;
    if (note) request.note = note;
    if (!target.id && target.stream) request.stream = target.stream;
    if (!target.id && target.channel) request.channel = target.channel;
    setSending(true);
    try {
      await api.feedback(request);
      if (target.id) noteCorrection(target.id, label);
      announce(`Stored: ${visibleString(label)}`);
      onClose();
    } catch (reason) {
      setError(reason as ApiError);
      setSending(false);
    }
  };

  return (
    <Dialog title="What is right?" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        {needsText ? (
          <label class="field">
            <span class="field-title">The text (this server did not keep it)</span>
            <textarea rows={3} required value={text} onInput={(event) => setText(event.currentTarget.value)} />
          </label>
        ) : (
          <blockquote class="quote">
            <Visible text={target.text ?? ''} />
          </blockquote>
        )}
        <p class="soft">
          The answer was <LabelBadge label={target.label} />
        </p>
        <fieldset class="choices">
          <legend>The right label</legend>
          {labels.map((each) => (
            <label class="choice" key={each}>
              <input type="radio" name="label" value={each} required checked={label === each} onChange={() => setLabel(each)} />
              <LabelBadge label={each} />
            </label>
          ))}
        </fieldset>
        <label class="field">
          <span class="field-title">Note (may stay empty)</span>
          <input type="text" maxLength={2000} value={note} onInput={(event) => setNote(event.currentTarget.value)} />
        </label>
        <StorageNotice />
        {error && <Failed error={error} />}
        <div class="dialog-actions">
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button button-primary" disabled={sending || !label}>
            Store the correction
          </button>
        </div>
      </form>
    </Dialog>
  );
}
