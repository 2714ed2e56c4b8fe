/** How customers feel, now and over time. */

import { useMemo, useState } from 'preact/hooks';
import { api } from '../api/client';
import type { Bucket } from '../api/types';
import { columnsOf } from '../chart/trend_series';
import { AlertsPanel } from '../panels/alerts_panel';
import { Distribution } from '../panels/distribution';
import { Figures, totalsOf } from '../panels/figures';
import { LiveFeed } from '../panels/live_feed';
import { ServerPanel } from '../panels/server_panel';
import { StreamsPanel } from '../panels/streams_panel';
import { TrendPanel } from '../panels/trend_panel';
import { WordsPanel } from '../panels/words_panel';
import { DAY_MS, defaultBucket, fits, PRESETS, rangeOf, titleOf, type PresetName, type Span } from '../period';
import { labelsOf, useStatus, watchedLabelOf } from '../state/status_context';
import { useNow } from '../state/use_now';
import { useQuery } from '../state/use_query';
import { Select } from '../ui/field';
import { Empty } from '../ui/query_view';
import { visibleString } from '../visible';

const REFRESH_MS = 15_000;

export function Overview() {
  const status = useStatus();
  const [preset, setPreset] = useState<PresetName>('24h');
  const [zoom, setZoom] = useState<Span>();
  const [chosenBucket, setChosenBucket] = useState<Bucket>();
  const [place, setPlace] = useState<{ stream: string | undefined; channel: string | undefined }>({ stream: undefined, channel: undefined });
  const [chosenLabel, setChosenLabel] = useState<string>();
  const now = useNow(REFRESH_MS);

  const span = zoom ?? { preset };
  const range = rangeOf(span, now);
  const bucket = chosenBucket && fits(chosenBucket, range) ? chosenBucket : defaultBucket(range);
  const labels = labelsOf(status);
  const label = chosenLabel ?? watchedLabelOf(status) ?? '';

  // The long periods change too little for a question each quarter of a minute.
  const length = range.toMs - range.fromMs;
  const refreshMs = zoom ? 0 : length > 2 * DAY_MS ? 4 * REFRESH_MS : REFRESH_MS;
  const scope = [zoom ? `${range.fromMs}-${range.toMs}` : preset, place.stream, place.channel].join('\u0000');
  const off = status?.history.state === 'off';
  const ready = status !== undefined && !off;
  const period = () => {
    const { fromMs, toMs } = rangeOf(span, Date.now());
    return { from: fromMs, to: toMs };
  };

  const trend = useQuery(ready ? `trend ${bucket} ${scope}` : null, async (signal) => columnsOf(await api.trend({ ...period(), ...place, bucket }, signal)), refreshMs, true);
  const before = useQuery(ready ? `before ${bucket} ${scope}` : null, async (signal) => {
    const { from, to } = period();
    const whole = columnsOf(await api.trend({ from: 2 * from - to, to: from, ...place, bucket }, signal));
    return whole;
  }, refreshMs);
  const streams = useQuery(ready ? `streams ${scope}` : null, (signal) => api.streams(period(), signal), refreshMs, true);
  const words = useQuery(ready && label ? `words ${label} ${scope}` : null, (signal) => api.words({ ...period(), ...place, label, limit: 20 }, signal), 4 * REFRESH_MS);

  const totals = useMemo(() => trend.data && totalsOf(trend.data, label), [trend.data, label]);
  const totalsBefore = useMemo(() => before.data && totalsOf(before.data, label), [before.data, label]);

  const streamOptions = [
    { value: '', title: 'All streams' },
    ...(streams.data?.streams.map((each) => ({ value: `=${each.stream}`, title: visibleString(each.stream) })) ?? []),
  ];
  const channels = streams.data?.streams.find((each) => each.stream === place.stream)?.channels ?? [];
  const channelOptions = [
    { value: '', title: 'All channels' },
    ...channels.map((each) => ({ value: `=${each.channel}`, title: visibleString(each.channel || 'no channel') })),
  ];
  const offered = [...new Set([...labels, ...(trend.data?.labels ?? [])])];

  return (
    <>
      <h1 class="visually-hidden">Overview</h1>
      <div class="filters">
        <Select
          title="Period"
          value={zoom ? '' : preset}
          options={[...(zoom ? [{ value: '', title: titleOf(zoom) }] : []), ...PRESETS.map((each) => ({ value: each.name, title: each.title }))]}
          onChange={(value) => {
            setZoom(undefined);
            setChosenBucket(undefined);
            if (value) setPreset(value as PresetName);
          }}
        />
        <Select
          title="Stream"
          value={place.stream === undefined ? '' : `=${place.stream}`}
          options={streamOptions}
          onChange={(value) => setPlace({ stream: value ? value.slice(1) : undefined, channel: undefined })}
        />
        <Select
          title="Channel"
          value={place.channel === undefined ? '' : `=${place.channel}`}
          options={channelOptions}
          onChange={(value) => setPlace({ ...place, channel: value ? value.slice(1) : undefined })}
        />
        <Select title="Watched label" value={label} options={offered.map((each) => ({ value: each, title: visibleString(each) }))} onChange={setChosenLabel} />
      </div>
      <Figures label={label} now={totals} before={totalsBefore} />
      {off && <Empty>The history is off, so there is nothing to look back on. The live part below works all the same.</Empty>}
      <div class="grid">
        {!off && (
          <TrendPanel
            query={trend}
            range={range}
            bucket={bucket}
            label={label}
            labels={labels}
            onSpan={(next) => {
              setZoom(next);
              setChosenBucket(undefined);
            }}
            onBucket={setChosenBucket}
            zoomed={zoom !== undefined}
            onReset={() => {
              setZoom(undefined);
              setChosenBucket(undefined);
            }}
          />
        )}
        <AlertsPanel />
        {!off && <Distribution query={trend} labels={labels} />}
        {!off && (
          <StreamsPanel query={streams} label={label} labels={labels} {...place} onChoose={(stream, channel) => setPlace({ stream, channel })} />
        )}
        {!off && <WordsPanel query={words} label={label} stream={place.stream} />}
        <LiveFeed {...place} label={label} />
        <ServerPanel />
      </div>
    </>
  );
}
