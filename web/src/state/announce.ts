/** One polite live region: what changes without the user's doing is said there, a line at a time. */

let say: (line: string) => void = () => {};

export function setAnnouncer(announcer: (line: string) => void): void {
  say = announcer;
}

export function announce(line: string): void {
  say(line);
}
