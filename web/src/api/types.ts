/** The JSON of docs/http-api.md. Times are Unix milliseconds. */

export interface LabelScore {
  label: string;
  score: number;
}

export interface HistoryRecord {
  id: string;
  time_ms: number;
  stream: string;
  channel: string;
  subject?: string;
  text?: string;
  text_sha256?: string;
  label: string;
  score: number;
  scores: LabelScore[];
  model: string;
  model_version: string;
  config_version: string;
  tokens: number;
  truncated: boolean;
  metadata?: Record<string, unknown>;
  correction?: string;
}

export type TextPolicy = 'none' | 'hash' | 'full';

export interface Latency {
  window_s: number;
  requests: number;
  p50: number;
  p90: number;
  p99: number;
}

export interface Queue {
  requests: number;
  texts: number;
  tokens: number;
}

export interface Model {
  name: string;
  version: string;
  config_version: string;
  source: string;
  labels: string[];
  negative_labels: string[];
  max_length: number;
  loaded_ms: number;
}

export type HistoryState = 'ok' | 'delayed' | 'off';

export interface HistoryStatus {
  state: HistoryState;
  message?: string;
  backend?: string;
  records?: number;
  texts?: number;
  corrections?: number;
  size_bytes?: number;
  oldest_ms?: number;
  newest_ms?: number;
  spool?: { bytes: number };
}

export interface Status {
  version: string;
  time_ms: number;
  started_ms: number;
  ready: boolean;
  draining: boolean;
  models: Model[];
  texts: { total: number; per_second: number };
  latency_ms: Latency | null;
  queue: Queue;
  history: HistoryStatus;
  text_policy: TextPolicy;
  alerts: { enabled: boolean };
  access: { keys: boolean; level: 'read' | 'admin' };
}

export interface Stats {
  time_ms: number;
  texts: { total: number; per_second: number };
  latency_ms: Latency | null;
  queue: Queue;
  history: HistoryState;
  skipped: number;
}

export interface HistoryPage {
  items: HistoryRecord[];
  next?: string;
  text_policy: TextPolicy;
}

export type Bucket = 'minute' | 'hour' | 'day' | 'week' | 'month';

export interface TrendSeries {
  stream?: string;
  channel?: string;
  times_ms: number[];
  counts: number[][]; // [labels][times]
  score_sums: number[][]; // [labels][times]
}

export interface Trend {
  bucket: Bucket;
  labels: string[];
  series: TrendSeries[];
}

export interface Streams {
  labels: string[];
  streams: {
    stream: string;
    counts: number[]; // [labels]
    channels: { channel: string; counts: number[] }[];
  }[];
}

export interface Words {
  label: string;
  text_policy: TextPolicy;
  records: number;
  other_records: number;
  complete: boolean;
  words: { word: string; records: number; other_records: number; z: number }[];
}

export type AlertPhase = 'quiet' | 'pending' | 'firing' | 'silenced';

export interface Alert {
  rule: string;
  stream: string;
  channel: string;
  phase: AlertPhase;
  since_ms: number;
  count: number;
  hits: number;
  statistic: number;
  threshold: number;
  message: string;
}

export interface Alerts {
  enabled: boolean;
  alerts: Alert[];
}

export interface Silence {
  id: string;
  rule: string;
  stream: string;
  from_ms: number;
  until_ms: number;
  author: string;
  comment: string;
}

export interface FeedbackRequest {
  id?: string;
  text?: string;
  label: string;
  predicted?: string;
  note?: string;
  stream?: string;
  channel?: string;
  source: 'page';
}

export interface FeedbackReply {
  id: string;
  time_ms: number;
  record_id?: string;
  label: string;
  predicted: string;
}

export interface FeedbackQueue {
  text_policy: TextPolicy;
  considered: number;
  items: { record: HistoryRecord; reason: 'uncertain' | 'diverse'; uncertainty: number }[];
}

export interface ClassifyRequest {
  model?: string;
  texts: string[];
  top_k: 'all';
  stream?: string;
  channel?: string;
}

export interface ClassifyResult {
  id?: string;
  label?: string;
  score?: number;
  scores?: LabelScore[];
  tokens?: number;
  truncated?: boolean;
  source?: string;
  error?: { type: string; message: string };
}

export interface ClassifyReply {
  model: string;
  model_version: string;
  results: ClassifyResult[];
  timing_ms: { queue: number; tokenize: number; inference: number };
}

export interface Problem {
  error: string;
  error_type: string;
  request_id?: string;
  hint?: string;
}
