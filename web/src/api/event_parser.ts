/** text/event-stream cut into events (WHATWG HTML, 9.2.6), whatever the pieces in which it comes. */

export interface ServerEvent {
  type: string;
  data: string;
  id: string; // the last one seen, as the standard has it
}

/** More than a record of 1 MB of text can be: a server that sends no line ends may not fill the memory. */
const MAX_BUFFER_CHARS = 8 << 20;

export class EventParser {
  retryMs: number | undefined;
  private buffer = '';
  private type = '';
  private data: string[] = [];
  private id = '';

  constructor(private readonly emit: (event: ServerEvent) => void) {}

  push(piece: string): void {
    this.buffer += piece;
    if (this.buffer.length > MAX_BUFFER_CHARS) throw new Error('an event is too long');
    let begin = 0;
    for (;;) {
      const end = this.buffer.indexOf('\n', begin);
      if (end < 0) break;
      const line = this.buffer.slice(begin, this.buffer[end - 1] === '\r' && end > begin ? end - 1 : end);
      begin = end + 1;
      this.take(line);
    }
    this.buffer = this.buffer.slice(begin);
  }

  private take(line: string): void {
    if (line === '') return this.dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) value = value.slice(1);
    if (field === 'event') this.type = value;
    else if (field === 'data') this.data.push(value);
    else if (field === 'id' && !value.includes('\0')) this.id = value;
    else if (field === 'retry' && /^\d+$/.test(value)) this.retryMs = Number(value);
  }

  private dispatch(): void {
    if (this.data.length > 0) {
      this.emit({ type: this.type || 'message', data: this.data.join('\n'), id: this.id });
    }
    this.type = '';
    this.data = [];
  }
}
