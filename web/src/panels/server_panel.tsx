/** The program itself: models, latency, queue, history. */

import { Sparkline } from '../chart/sparkline';
import { formatBytes, formatCount, formatMs, formatRate, formatSpan, formatTime } from '../format';
import { useStats } from '../state/use_live';
import { useStatus } from '../state/status_context';
import { Panel } from '../ui/panel';
import { Loading } from '../ui/query_view';
import { visibleString } from '../visible';

const WINDOW_S = 300;

const counted = (n: number, what: string): string => `${formatCount(n)} ${what}${n === 1 ? '' : 's'}`;

const HISTORY_TITLES = { ok: 'Up to date', delayed: 'Delayed', off: 'Off' };

export function ServerPanel() {
  const status = useStatus();
  const stats = useStats(WINDOW_S);
  if (!status) {
    return (
      <Panel title="Server">
        <Loading lines={5} />
      </Panel>
    );
  }
  const last = stats.at(-1);
  const latency = last ? last.latency_ms : status.latency_ms;
  const queue = last?.queue ?? status.queue;
  const history = status.history;
  return (
    <Panel
      title="Server"
      note={`valence ${visibleString(status.version)}, up ${formatSpan(status.time_ms - status.started_ms)}`}
    >
      <div class="meters">
        <Meter title="Texts a second" value={formatRate(last?.texts.per_second ?? status.texts.per_second)} values={stats.map((each) => each.texts.per_second)} />
        <Meter title="Latency, 99 % within" value={latency ? formatMs(latency.p99) : '–'} values={stats.map((each) => each.latency_ms?.p99 ?? 0)} />
        <Meter title="Waiting texts" value={formatCount(queue.texts)} values={stats.map((each) => each.queue.texts)} />
      </div>
      <dl class="facts">
        <div>
          <dt>Latency</dt>
          <dd>
            {latency
              ? `${formatMs(latency.p50)} median, ${formatMs(latency.p90)} 90 %, ${formatMs(latency.p99)} 99 %; ${formatCount(latency.requests)} requests in ${formatSpan(latency.window_s * 1000)}`
              : 'No requests lately'}
          </dd>
        </div>
        <div>
          <dt>Since the start</dt>
          <dd>{formatCount(last?.texts.total ?? status.texts.total)} texts</dd>
        </div>
        <div>
          <dt>History</dt>
          <dd>
            <span class={`history-state history-${history.state}`}>{HISTORY_TITLES[last?.history ?? history.state]}</span>
            {history.message && <div>{visibleString(history.message)}</div>}
            {history.state !== 'off' && (
              <div class="soft">
                {counted(history.records ?? 0, 'record')}, {counted(history.corrections ?? 0, 'correction')},{' '}
                {formatBytes(history.size_bytes ?? 0)} in {visibleString(history.backend ?? '')}
                {history.oldest_ms !== undefined && ` since ${formatTime(history.oldest_ms)}`}
                {history.state === 'delayed' && `; ${formatBytes(history.spool?.bytes ?? 0)} wait to be written`}
              </div>
            )}
          </dd>
        </div>
        <div>
          <dt>Texts are kept</dt>
          <dd>{{ full: 'whole', hash: 'as a hash only', none: 'not at all' }[status.text_policy]} (--store-text {status.text_policy})</dd>
        </div>
      </dl>
      <h3>Models</h3>
      <ul class="models">
        {status.models.map((model) => (
          <li key={model.name}>
            <strong>
              <bdi>{visibleString(model.name)}</bdi>
            </strong>{' '}
            <code>{visibleString(model.version)}</code>
            <div class="soft">
              <bdi>{visibleString(model.source)}</bdi> · {model.labels.map(visibleString).join(', ')} · up to {formatCount(model.max_length)} tokens ·
              loaded {formatTime(model.loaded_ms)}
            </div>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Meter({ title, value, values }: { title: string; value: string; values: number[] }) {
  return (
    <div class="meter">
      <div class="meter-title">{title}</div>
      <div class="meter-value">{value}</div>
      <Sparkline values={values} />
    </div>
  );
}
