/** Which view, and what it is asked, in the part of the address after '#'. */

import { useEffect, useState } from 'preact/hooks';

export const VIEWS = [
  { name: 'overview', title: 'Overview', shortcut: 'o' },
  { name: 'history', title: 'History', shortcut: 'h' },
  { name: 'label', title: 'Labelling', shortcut: 'l' },
  { name: 'try', title: 'Try it', shortcut: 'i' },
  { name: 'api', title: 'API', shortcut: 'a' },
] as const;

export type ViewName = (typeof VIEWS)[number]['name'];

export interface Route {
  view: ViewName;
  parameters: URLSearchParams;
}

function parse(): Route {
  const [path = '', query = ''] = window.location.hash.replace(/^#\/?/, '').split('?', 2);
  const view = VIEWS.find((each) => each.name === path)?.name ?? 'overview';
  return { view, parameters: new URLSearchParams(query) };
}

export function hrefOf(view: ViewName, parameters: Record<string, string> = {}): string {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== '')).toString();
  return `#/${view}${query && `?${query}`}`;
}

export function goTo(view: ViewName, parameters: Record<string, string> = {}): void {
  window.location.hash = hrefOf(view, parameters).slice(1);
}

export function useRoute(): Route {
  const [route, setRoute] = useState(parse);
  useEffect(() => {
    const changed = () => setRoute(parse());
    window.addEventListener('hashchange', changed);
    return () => window.removeEventListener('hashchange', changed);
  }, []);
  return route;
}
