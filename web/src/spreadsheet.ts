/** CSV that a spreadsheet opens without running it. */

import type { HistoryRecord } from './api/types';

/** RFC 4180, and a ' before what a spreadsheet would take for a formula (OWASP, "CSV Injection"). */
export function csvCell(value: string): string {
  const guarded = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}

const COLUMNS: [string, (record: HistoryRecord) => string][] = [
  ['time', (record) => new Date(record.time_ms).toISOString()],
  ['stream', (record) => record.stream],
  ['channel', (record) => record.channel],
  ['label', (record) => record.label],
  ['score', (record) => String(record.score)],
  ['correction', (record) => record.correction ?? ''],
  ['text', (record) => record.text ?? ''],
  ['model', (record) => record.model],
  ['model_version', (record) => record.model_version],
  ['id', (record) => record.id],
];

export function csvOf(records: readonly HistoryRecord[]): string {
  const rows = [COLUMNS.map(([name]) => name), ...records.map((record) => COLUMNS.map(([, cell]) => csvCell(cell(record))))];
  // The mark lets spreadsheets see that it is UTF-8.
  return `\ufeff${rows.map((row) => row.join(',')).join('\r\n')}\r\n`;
}

export function download(name: string, type: string, content: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
