/** The texts most worth a label, one after the other, answered with a key each. */

import { useEffect, useState } from 'preact/hooks';
import { api, ApiError } from '../api/client';
import { StorageNotice } from '../panels/correction_dialog';
import { formatPercentWhole, formatScore, formatTime } from '../format';
import { announce } from '../state/announce';
import { noteCorrection } from '../state/corrections';
import { labelsOf, useStatus } from '../state/status_context';
import { useShortcuts } from '../state/shortcuts';
import { useQuery } from '../state/use_query';
import { LabelBadge } from '../ui/label';
import { Panel } from '../ui/panel';
import { Empty, Failed, QueryView } from '../ui/query_view';
import { Visible, visibleString } from '../visible';

const QUEUE_ITEMS = 20;

const REASONS = { uncertain: 'The model is unsure', diverse: 'Unlike the others here' };

export function Labelling() {
  const status = useStatus();
  const labels = labelsOf(status);
  const queue = useQuery('queue', (signal) => api.feedbackQueue({ limit: QUEUE_ITEMS }, signal));
  const [place, setPlace] = useState(0);
  const [stored, setStored] = useState(0);
  const [sending, setSending] = useState(false);
  const [error, setError] = useState<ApiError>();
  useEffect(() => setPlace(0), [queue.data]);

  const item = queue.data?.items[place];
  const skip = () => item && setPlace(place + 1);
  const choose = async (label: string) => {
    if (!item || sending) return;
    setSending(true);
    setError(undefined);
    try {
      const { record } = item;
      await api.feedback({
        id: record.id,
        ...(record.text === undefined ? {} : { text: record.text }),
        label,
        predicted: record.label,
        source: 'page',
      });
      noteCorrection(record.id, label);
      setStored((n) => n + 1);
      setPlace((n) => n + 1);
      announce(`Stored: ${visibleString(label)}`);
    } catch (reason) {
      setError(reason as ApiError);
    }
    setSending(false);
  };
  useShortcuts({
    ...Object.fromEntries(labels.slice(0, 9).map((label, i) => [String(i + 1), () => void choose(label)])),
    s: skip,
  });

  return (
    <div class="stack">
      <h1>Labelling</h1>
      <Panel
        title="Most worth a label"
        note={queue.data && `Chosen from ${queue.data.considered.toLocaleString()} texts: those the model is least sure of, and unlike each other`}
        actions={
          <span class="soft" role="status">
            {stored} stored
          </span>
        }
      >
        <QueryView query={queue} lines={5}>
          {(data) => {
            if (data.text_policy !== 'full') return <Empty>Labelling needs stored texts: start the server with --store-text full.</Empty>;
            if (data.items.length === 0) return <Empty>Nothing to label: no texts, or all of them have been looked at.</Empty>;
            if (!item) {
              return (
                <Empty>
                  <p>These {data.items.length} are done.</p>
                  <p>
                    <button type="button" class="button button-primary" onClick={queue.reload}>
                      More
                    </button>
                  </p>
                </Empty>
              );
            }
            const { record } = item;
            return (
              <>
                <p class="soft hint">
                  {place + 1} of {data.items.length} · {REASONS[item.reason] ?? ''} ({formatPercentWhole(item.uncertainty)}) ·{' '}
                  <bdi>{visibleString([record.stream, record.channel].filter(Boolean).join(' / '))}</bdi> · {formatTime(record.time_ms)}
                </p>
                <blockquote class="label-text">
                  <Visible text={record.text ?? ''} />
                </blockquote>
                <p class="hint">
                  The model says <LabelBadge label={record.label} /> <span class="soft">{formatScore(record.score)}</span>
                </p>
                <div class="label-buttons" role="group" aria-label="The right label">
                  {labels.map((label, i) => (
                    <button type="button" class="button" key={label} disabled={sending} onClick={() => void choose(label)}>
                      {i < 9 && <kbd aria-hidden="true">{i + 1}</kbd>}
                      <LabelBadge label={label} />
                    </button>
                  ))}
                  <button type="button" class="button" onClick={skip}>
                    <kbd aria-hidden="true">s</kbd> Skip
                  </button>
                </div>
                {error && <Failed error={error} />}
                <StorageNotice />
              </>
            );
          }}
        </QueryView>
      </Panel>
    </div>
  );
}
