#include "valence/cli/html_page.h"

namespace valence::cli {
namespace {

// The policy forbids every request, so that the page is what it seems to be: one file.
constexpr const char* kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<style>
:root { color-scheme: light dark; --ink: #1c2126; --soft: #5b6670; --paper: #ffffff; --card: #f4f6f8; --line: #d5dbe1;
  --right: #2477b3; --wrong: #c9542b; --count: #8b98a5; --third: #3f8f5f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaee; --soft: #9aa7b3; --paper: #14181c; --card: #1d2329;
  --line: #36404a; --right: #5aa9e0; --wrong: #e5845f; --count: #66727e; --third: #6cc08d; } }
body { margin: 0 auto; padding: 1.5rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .2rem; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; }
p, .soft { color: var(--soft); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child, td.text, th.text { text-align: left; }
td.text { overflow-wrap: anywhere; } th { color: var(--soft); font-weight: 600; }
.wide { overflow-x: auto; } .cards { display: flex; flex-wrap: wrap; gap: .7rem; margin: 1rem 0; }
.card { background: var(--card); border-radius: .5rem; padding: .6rem 1rem; } .card b { display: block; font-size: 1.3rem; }
.missed { color: var(--wrong); } ul { color: var(--soft); }
svg { max-width: 100%; height: auto; } svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg .axis { fill: var(--soft); } .right, .series0 { fill: var(--right); } .wrong, .series1 { fill: var(--wrong); }
.series2 { fill: var(--third); } .count { fill: var(--count); } .track { fill: var(--card); }
.grid { stroke: var(--line); } .mark { stroke: var(--wrong); stroke-width: 2; }
.ideal { stroke: var(--soft); stroke-dasharray: 5 4; }
.line0, .line1, .line2 { fill: none; stroke-width: 2; } .line0 { stroke: var(--right); } .line1 { stroke: var(--wrong); }
.line2 { stroke: var(--third); }
</style>
)";

}  // namespace

std::string_view html_head() { return kHead; }

}  // namespace valence::cli
