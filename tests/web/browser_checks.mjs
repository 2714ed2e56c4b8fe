// The dashboard in a real browser: every feature clicked. Prints a line of JSON for each check; run by dashboard_test.py.
//
// VALENCE_DASHBOARD_URLS: {"plain","hostile","keyed","hashed"} of dashboard_server.py; {"real"} of a `valence serve --store-text full`,
// where only what holds of any server is checked; {"real","seeded","keyed"} of those that real_server.py fills.

import { finish, urls } from './browser.mjs';
import { checksOfAnyServer } from './checks_any.mjs';
import { checksOfRealServer } from './checks_real.mjs';
import { checksOfStandIn } from './checks_stand_in.mjs';

if (urls.real) await checksOfAnyServer(urls.real);
if (urls.seeded) await checksOfRealServer(urls);
if (urls.plain) await checksOfStandIn();
await finish();
