// How a page looks. The colours are Okabe and Ito's, darkened or lightened until lines have a contrast of 3:1
// to the page and texts one of 4.5:1.
#pragma once

#include <cstddef>
#include <string_view>

namespace rgtp::cli::bench {

inline constexpr std::size_t front_inks = 3;  // f0 and so on: this library's
inline constexpr std::size_t peer_inks = 6;   // p0 and so on

inline constexpr std::string_view page_style = R"css(
:root {
  color-scheme: light dark;
  --page: #fdfdfc; --box: #f3f4f3; --text: #1c2126; --soft: #555d66; --grid: #e0e3e5; --axis: #7c858e;
  --f0: #0072b2; --f1: #d04a00; --f2: #7a3fa0;
  --p0: #00795a; --p1: #ad4f88; --p2: #8f6400; --p3: #2b7a9b; --p4: #676b00; --p5: #5f6770;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #15181b; --box: #1e2327; --text: #e7eaec; --soft: #a9b1b8; --grid: #2d3439; --axis: #818b94;
    --f0: #4db5f5; --f1: #ff8a47; --f2: #c79bf0;
    --p0: #35c69d; --p1: #e39ac6; --p2: #e5ab2e; --p3: #83c3dc; --p4: #cdc84a; --p5: #aeb6bd;
  }
}
.f0 { --ink: var(--f0); } .f1 { --ink: var(--f1); } .f2 { --ink: var(--f2); }
.p0 { --ink: var(--p0); } .p1 { --ink: var(--p1); } .p2 { --ink: var(--p2); }
.p3 { --ink: var(--p3); } .p4 { --ink: var(--p4); } .p5 { --ink: var(--p5); }
* { box-sizing: border-box; }
html { background: var(--page); color: var(--text); -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 2rem clamp(1rem, 4vw, 2.5rem) 4rem; max-width: 76rem;
  font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere;
}
h1 { font-size: clamp(1.5rem, 5vw, 2rem); line-height: 1.2; letter-spacing: -.01em; margin: 0 0 1rem; }
h2 { font-size: 1.35rem; line-height: 1.25; margin: 3.5rem 0 .5rem; }
h3 { font-size: 1.05rem; line-height: 1.3; margin: 2rem 0 .5rem; }
p, ul, dl { margin: 0 0 .75rem; max-width: 46rem; }
.summary { font-size: 1.1rem; line-height: 1.5; }
strong { font-weight: 650; }
.summary strong { white-space: nowrap; }
.soft, figcaption, caption, small { color: var(--soft); }
.notice { border-left: 4px solid var(--f1); padding: .5rem .9rem; background: var(--box); }
dl.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .3rem 1.25rem; margin: 1.5rem 0; }
dl.facts dt { color: var(--soft); }
dl.facts dd { margin: 0; }
code { font: .9em ui-monospace, monospace; }
.panels { display: grid; gap: 1rem 2rem; grid-template-columns: minmax(0, 1fr); }
@media (min-width: 65rem) { .panels { grid-template-columns: repeat(2, minmax(0, 1fr)); } }
figure { margin: 0; max-width: 45rem; break-inside: avoid; }
figcaption { margin: .25rem 0 .35rem; }
.legend {
  display: flex; flex-wrap: wrap; gap: .15rem 1.1rem; list-style: none; padding: 0; margin: 0 0 .6rem;
  max-width: none; font-size: .9rem;
}
.legend li { display: flex; align-items: center; gap: .4rem; }
.swatch { flex: none; vertical-align: -.2em; overflow: visible; --ink: var(--text); }
.chart { display: block; width: 100%; height: auto; overflow: visible; font-family: system-ui, sans-serif; }
.chart.narrow { display: none; }
.legend.lines { display: none; }
@media (max-width: 32.5rem) {
  .chart.wide { display: none; }
  .chart.narrow { display: block; }
  .legend.lines { display: flex; }
  dl.facts { grid-template-columns: minmax(0, 1fr); gap: 0; }
  dl.facts dd { margin-bottom: .5rem; }
}
.grid { stroke: var(--grid); }
.axis { stroke: var(--axis); }
.tick, .title { fill: var(--soft); font-variant-numeric: tabular-nums; }
.name, .figure { fill: var(--text); font-variant-numeric: tabular-nums; }
.front .name, .front .figure { font-weight: 650; }
.line { fill: none; stroke: var(--ink); stroke-width: 1.6; stroke-linejoin: round; }
.front .line { stroke-width: 3.4; }
.leader { fill: none; stroke: var(--ink); stroke-width: 1; stroke-dasharray: 1 2.5; }
.solid, .hollow, .stroke { vector-effect: non-scaling-stroke; }
.solid { fill: var(--ink); stroke: var(--page); stroke-width: 1px; }
.hollow { fill: var(--page); stroke: var(--ink); stroke-width: 1.8px; }
.stroke { fill: none; stroke: var(--ink); stroke-width: 2.2px; }
.part0 { fill: var(--ink); stroke: var(--ink); }
.part1 { fill: var(--ink); fill-opacity: .22; stroke: var(--ink); }
.whisker { stroke: var(--text); stroke-width: 1.5; }
details { margin: .75rem 0 0; }
summary { cursor: pointer; color: var(--soft); font-size: .9rem; }
.scroll { overflow: auto; max-width: 100%; margin-top: .35rem; border: 1px solid var(--grid); }
.cases .scroll { max-height: 85vh; }
.scroll:focus-visible { outline: 2px solid var(--f0); }
table { border-collapse: separate; border-spacing: 0; font-size: .875rem; line-height: 1.35; min-width: 100%; }
caption { text-align: left; padding: .45rem .65rem; }
caption span { position: sticky; left: .65rem; display: inline-block; max-width: min(44rem, 80vw); }
th, td {
  padding: .3rem .65rem; text-align: left; vertical-align: top; font-weight: 400;
  border-bottom: 1px solid var(--grid); white-space: nowrap; overflow-wrap: normal;
}
thead th { position: sticky; top: 0; z-index: 2; background: var(--box); vertical-align: bottom; font-weight: 600; }
thead th { white-space: normal; }
tbody th { position: sticky; left: 0; z-index: 1; background: var(--page); font-weight: 600; }
thead th:first-child { left: 0; z-index: 3; }
tr.group th { background: var(--box); font-weight: 600; }
tr.group th span { position: sticky; left: .65rem; }
tr:last-child > * { border-bottom: 0; }
wbr { display: none; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.number small { display: block; font-size: .8em; }
.words { white-space: normal; min-width: 9.5rem; max-width: 24rem; overflow-wrap: anywhere; }
@media (max-width: 32.5rem) {
  th, td { padding: .3rem .5rem; }
  tbody th { white-space: normal; }
  wbr { display: inline; }
  .terms tbody th { overflow-wrap: normal; }
}
@page { margin: 14mm; }
@page cases { size: landscape; }
@media print {
  :root { color-scheme: light; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  h2, h3 { break-after: avoid; }
  .scroll, .cases .scroll { overflow: visible; max-height: none; border: 0; }
  table { font-size: 6.5pt; }
  th, td { padding: .15rem .3rem; position: static !important; }
  tr { break-inside: avoid; }
  .words { min-width: 8em; overflow-wrap: normal; }
  .cases table { font-size: 5pt; }
  .cases th, .cases td { padding: .1rem .15rem; }
  .panels { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .cases { page: cases; }
}
)css";

}  // namespace rgtp::cli::bench
