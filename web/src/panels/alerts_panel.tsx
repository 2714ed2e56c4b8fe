/** What the alert rules say, and who told them to be quiet. */

import { useState } from 'preact/hooks';
import { api, ApiError } from '../api/client';
import type { Alert, AlertPhase } from '../api/types';
import { formatCount, formatSpan, formatTime } from '../format';
import { announce } from '../state/announce';
import { useDialogs } from '../state/dialogs';
import { useStatus } from '../state/status_context';
import { useLive } from '../state/use_live';
import { useQuery } from '../state/use_query';
import { Panel } from '../ui/panel';
import { Empty, Failed, QueryView } from '../ui/query_view';
import { visibleString } from '../visible';

const PHASES: Record<AlertPhase, { title: string; sign: string }> = {
  firing: { title: 'Firing', sign: '▲' },
  pending: { title: 'Pending', sign: '◆' },
  silenced: { title: 'Silenced', sign: '‖' },
  quiet: { title: 'Quiet', sign: '●' },
};

export function AlertsPanel() {
  const open = useDialogs();
  const mayWrite = useStatus()?.access.level === 'admin';
  const alerts = useQuery('alerts', (signal) => api.alerts(signal), 30_000);
  const silences = useQuery('silences', (signal) => api.silences(signal), 30_000);
  const [error, setError] = useState<ApiError>();

  useLive({
    alert: (alert) => {
      announce(`${visibleString(alert.rule)}: ${PHASES[alert.phase]?.title ?? ''}. ${visibleString(alert.message)}`);
      alerts.reload();
    },
  });

  const end = async (id: string) => {
    try {
      await api.unsilence(id);
      setError(undefined);
      announce('The silence has ended');
    } catch (reason) {
      setError(reason as ApiError);
    }
    silences.reload();
    alerts.reload();
  };

  return (
    <Panel
      title="Alerts"
      actions={
        <button
          type="button"
          class="button"
          disabled={!mayWrite}
          title={mayWrite ? '' : 'This needs an admin key'}
          onClick={() => open({ kind: 'silence' })}
        >
          Silence all…
        </button>
      }
    >
      <QueryView query={alerts}>
        {(data) =>
          !data.enabled ? (
            <Empty>No rule is configured. Rules are lines under [alerts] in the configuration file.</Empty>
          ) : data.alerts.length === 0 ? (
            <Empty>No rule has seen a text yet.</Empty>
          ) : (
            <ul class="alerts">
              {data.alerts.map((alert) => (
                <AlertRow
                  key={`${alert.rule}\u0000${alert.stream}\u0000${alert.channel}`}
                  alert={alert}
                  mayWrite={mayWrite}
                  onSilence={() => open({ kind: 'silence', alert })}
                />
              ))}
            </ul>
          )
        }
      </QueryView>
      {error && <Failed error={error} />}
      {silences.data && silences.data.silences.length > 0 && (
        <>
          <h3>Silences</h3>
          <ul class="silences">
            {silences.data.silences.map((silence) => (
              <li key={silence.id}>
                <div>
                  <strong>
                    <bdi>{visibleString(silence.rule || 'Every rule')}</bdi>
                  </strong>{' '}
                  on <bdi>{visibleString(silence.stream || 'every stream')}</bdi>, until {formatTime(silence.until_ms)}
                  <div class="soft">
                    <bdi>{visibleString([silence.author, silence.comment].filter(Boolean).join(': '))}</bdi>
                  </div>
                </div>
                <button type="button" class="button button-small" disabled={!mayWrite} onClick={() => void end(silence.id)}>
                  End<span class="visually-hidden"> this silence</span>
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </Panel>
  );
}

function AlertRow({ alert, mayWrite, onSilence }: { alert: Alert; mayWrite: boolean; onSilence: () => void }) {
  const phase = PHASES[alert.phase] ?? PHASES.quiet;
  const place = [alert.stream, alert.channel].filter(Boolean).join(' / ');
  return (
    <li class={`alert alert-${alert.phase}`}>
      <span class="phase">
        <span aria-hidden="true">{phase.sign} </span>
        {phase.title}
      </span>
      <div class="alert-body">
        <strong>
          <bdi>{visibleString(alert.rule)}</bdi>
        </strong>
        <div>
          <bdi>{visibleString(alert.message)}</bdi>
        </div>
        <div class="soft">
          <bdi>{visibleString(place)}</bdi> · {formatCount(alert.hits)} of {formatCount(alert.count)} · for{' '}
          {formatSpan(Math.max(0, Date.now() - alert.since_ms))}
        </div>
      </div>
      {alert.phase !== 'silenced' && (
        <button type="button" class="button button-small" disabled={!mayWrite} onClick={onSilence}>
          Silence…<span class="visually-hidden"> {visibleString(alert.rule)}</span>
        </button>
      )}
    </li>
  );
}
