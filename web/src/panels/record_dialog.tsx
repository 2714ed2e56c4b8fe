/** Everything that is known of one record. */

import { formatFullTime, formatScore } from '../format';
import { useCorrection } from '../state/corrections';
import type { HistoryRecord } from '../api/types';
import { labelColour } from '../chart/colours';
import { useDialogs } from '../state/dialogs';
import { Dialog } from '../ui/dialog';
import { LabelBadge, ShareBar } from '../ui/label';
import { Visible, visibleString } from '../visible';

export function RecordDialog({ record, onClose }: { record: HistoryRecord; onClose: () => void }) {
  const open = useDialogs();
  const correction = useCorrection(record.id, record.correction);
  const labels = record.scores.map((each) => each.label);
  const facts: [string, string][] = [
    ['Time', formatFullTime(record.time_ms)],
    ['Stream', record.stream],
    ['Channel', record.channel || 'none'],
    ['Model', `${record.model}, ${record.model_version}`],
    ['Configuration', record.config_version],
    ['Tokens', `${record.tokens}${record.truncated ? ', cut to the model’s length' : ''}`],
    ['Id', record.id],
  ];
  if (record.subject) facts.splice(3, 0, ['Subject', record.subject]);
  if (record.text_sha256) facts.push(['SHA-256 of the text', record.text_sha256]);
  if (record.metadata) facts.push(['Metadata', JSON.stringify(record.metadata)]);
  return (
    <Dialog title="Record" onClose={onClose} wide>
      {record.text === undefined ? (
        <p class="soft">The text was not kept (--store-text).</p>
      ) : (
        <blockquote class="quote">
          <Visible text={record.text} />
        </blockquote>
      )}
      <table class="table">
        <caption class="visually-hidden">Scores</caption>
        <tbody>
          {[...record.scores]
            .sort((a, b) => b.score - a.score)
            .map((each) => (
              <tr key={each.label}>
                <th scope="row">
                  <LabelBadge label={each.label} />
                </th>
                <td class="bar-cell">
                  <ShareBar share={each.score} colour={labelColour(each.label, labels)} />
                </td>
                <td class="number">{formatScore(each.score)}</td>
              </tr>
            ))}
        </tbody>
      </table>
      {correction && (
        <p>
          Corrected to <LabelBadge label={correction} />
        </p>
      )}
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <bdi>{visibleString(value)}</bdi>
            </dd>
          </div>
        ))}
      </dl>
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onClose}>
          Close
        </button>
        <button type="button" class="button button-primary" onClick={() => open({ kind: 'correct', target: record })}>
          Wrong?
        </button>
      </div>
    </Dialog>
  );
}
