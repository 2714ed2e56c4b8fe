/** One record in a list: what was said, of what, and whether it is right. */

import type { HistoryRecord } from '../api/types';
import { formatClock, formatFullTime, formatScore, formatTime } from '../format';
import { useCorrection } from '../state/corrections';
import { useDialogs } from '../state/dialogs';
import { LabelBadge } from '../ui/label';
import { Visible, visibleString } from '../visible';

export function RecordRow({ record, withDate = false }: { record: HistoryRecord; withDate?: boolean }) {
  const open = useDialogs();
  const correction = useCorrection(record.id, record.correction);
  const when = new Date(record.time_ms);
  return (
    <li class="record">
      <div class="record-head">
        <LabelBadge label={record.label} />
        <span class="record-score">{formatScore(record.score)}</span>
        {correction && (
          <span class="corrected">
            <span aria-hidden="true">→ </span>
            <span class="visually-hidden">corrected to </span>
            <LabelBadge label={correction} />
          </span>
        )}
        <span class="record-place">
          <bdi>{visibleString(record.stream)}</bdi>
          {record.channel && (
            <>
              {' / '}
              <bdi>{visibleString(record.channel)}</bdi>
            </>
          )}
        </span>
        <time dateTime={when.toISOString()} title={formatFullTime(record.time_ms)}>
          {withDate ? formatTime(record.time_ms) : formatClock(record.time_ms)}
        </time>
      </div>
      <div class="record-text">
        {record.text === undefined ? <span class="soft">Text not kept</span> : <Visible text={record.text} oneLine />}
      </div>
      <div class="record-actions">
        <button type="button" class="button button-small" onClick={() => open({ kind: 'record', record })}>
          Details<span class="visually-hidden"> of the record of {formatTime(record.time_ms)}</span>
        </button>
        <button type="button" class="button button-small" onClick={() => open({ kind: 'correct', target: record })}>
          Wrong?<span class="visually-hidden"> Correct the record of {formatTime(record.time_ms)}</span>
        </button>
      </div>
    </li>
  );
}
