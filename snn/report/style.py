"""The style sheet of the report: system fonts, two colour schemes, one column on a phone, a grid on a wide screen.

Text has a contrast of at least 4.5 to its ground in both schemes; tests/test_report.py computes it.
"""
LIGHT = {"ground": "#f5f6f4", "card": "#ffffff", "ink": "#1b2027", "muted": "#56606c", "rule": "#dde1e4",
         "grid": "#e9ecee", "accent": "#0067a6", "good": "#0f6b45", "warn": "#8a4b00",
         "c0": "#0067a6", "c1": "#b34700", "c2": "#007553", "c3": "#a13f78", "c4": "#7d5a00", "c5": "#5a54b8",
         "c6": "#a32f3c", "c7": "#4f5b66"}
DARK = {"ground": "#0f1215", "card": "#181c21", "ink": "#e9edf1", "muted": "#a3aeba", "rule": "#2c333b",
        "grid": "#252b32", "accent": "#6cb8f0", "good": "#63cf9e", "warn": "#f2b361",
        "c0": "#5fb4ee", "c1": "#ff9257", "c2": "#3fcb9d", "c3": "#ea9ac8", "c4": "#e8b93e", "c5": "#aaa4ff",
        "c6": "#ff8d96", "c7": "#b3bfca"}
COLOURS = 8


def _variables(scheme):
    return "".join(f"--{name}:{value};" for name, value in scheme.items())


RULES = """
*{box-sizing:border-box}
html{scroll-padding-top:4rem;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);
 font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans","Liberation Sans",sans-serif;
 font-variant-numeric:tabular-nums}
header,main,footer{max-width:1400px;margin:0 auto;padding:0 clamp(16px,3vw,40px)}
header{padding-top:clamp(28px,5vw,56px)}
.over{margin:0;color:var(--muted);font-size:.875rem;overflow-wrap:anywhere}
h1{margin:.1em 0 .35em;font-size:clamp(1.75rem,5vw,2.75rem);line-height:1.1;font-weight:650;letter-spacing:-.02em;
 overflow-wrap:anywhere}
h2{margin:0 0 1rem;font-size:1.375rem;line-height:1.25;font-weight:650;letter-spacing:-.01em}
h3,h4{margin:0 0 .5rem;font-size:1rem;line-height:1.35;font-weight:600;overflow-wrap:anywhere}
h4{font-size:.875rem;color:var(--muted)}
.card>h3{font-size:1.0625rem}
.card>h3 i{display:inline-block;width:.65em;height:.65em;margin-right:.5em;border-radius:50%;background:var(--c)}
p{margin:.25rem 0 1rem;max-width:72ch}
.muted,figcaption,.xt,.yt,.xl,.yl{color:var(--muted)}
.badge{display:inline-flex;align-items:center;gap:.5em;padding:.2em .75em;border:1px solid currentColor;
 border-radius:99px;font-size:.875rem;font-weight:600}
.badge::before{content:"";width:.55em;height:.55em;border-radius:50%;background:currentColor}
.badge.good{color:var(--good)}.badge.warn{color:var(--warn)}.badge.none{color:var(--muted)}
.tiles{display:flex;flex-wrap:wrap;gap:1px;margin:1.5rem 0 0;padding:0;
 background:var(--rule);border:1px solid var(--rule);border-radius:14px;overflow:hidden}
.tiles div{flex:1 1 136px;background:var(--card);padding:.8rem 1rem .9rem}
.tiles dt{color:var(--muted);font-size:.8125rem}
.tiles dd{margin:0;font-size:1.3125rem;font-weight:620;letter-spacing:-.01em;line-height:1.3;overflow-wrap:anywhere}
.tiles small{display:block;color:var(--muted);font-size:.8125rem;font-weight:400;letter-spacing:0}
nav{position:sticky;top:0;z-index:2;margin-top:1.5rem;background:var(--ground);border-bottom:1px solid var(--rule)}
nav ul{display:flex;gap:.25rem;max-width:1400px;margin:0 auto;padding:.25rem clamp(8px,calc(3vw - 8px),32px);
 list-style:none;overflow-x:auto;scrollbar-width:none}
nav a{display:block;padding:.55rem .6rem;color:var(--ink);text-decoration:none;font-size:.9375rem;white-space:nowrap;
 border-radius:8px}
nav a:hover{color:var(--accent)}
a{color:var(--accent)}
a:focus-visible,summary:focus-visible,[tabindex]:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
section{padding-top:2.5rem}
.grid{display:grid;grid-template-columns:minmax(0,1fr);gap:16px}
.card{margin:0;padding:clamp(14px,2vw,20px);background:var(--card);border:1px solid var(--rule);border-radius:14px;
 min-width:0;container-type:inline-size}
.set{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,250px),1fr));gap:20px 28px}
.set figure{margin:0;padding:0;border:0;border-radius:0;background:none}
figcaption{margin-top:.6rem;font-size:.8125rem;line-height:1.45;max-width:96ch}
.legend{display:flex;flex-wrap:wrap;gap:.15rem 1rem;margin:0 0 .5rem;padding:0;list-style:none;font-size:.875rem}
.legend li{display:inline-flex;align-items:center;gap:.45em;min-width:0;overflow-wrap:anywhere}
.legend i{flex:none;width:.9em;height:.25em;border-radius:2px;background:var(--c)}
.plot{padding:4px 8px 0 46px;position:relative}
.area{position:relative;height:210px;margin-bottom:22px;border-bottom:1px solid var(--muted)}
.area.above{margin-bottom:0;border-bottom:1px solid var(--rule)}
.set .area{height:150px}
.area svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible;display:block}
.area path{vector-effect:non-scaling-stroke;fill:none;stroke:var(--c);stroke-width:1.4;stroke-linejoin:round}
.area path.grid{stroke:var(--grid);stroke-width:1}
.area path.fill{fill:var(--c);fill-opacity:.22;stroke-width:1.2}
.area path.outline{stroke:var(--muted);stroke-dasharray:3 3}
.area path.band{fill:var(--c);fill-opacity:.18;stroke:none}
.area path.mark{stroke-width:1.3}
.area path.level{stroke:var(--ink);stroke-width:1.2;stroke-dasharray:5 4}
.xt,.yt{position:absolute;font-size:.75rem;line-height:1;white-space:nowrap}
.xt{top:calc(100% + 7px);transform:translateX(-50%)}
.yt{right:calc(100% + 7px);transform:translateY(50%)}
.xl,.yl{font-size:.75rem;line-height:1.3}
.xl{text-align:right;margin-top:-2px}
.yl{margin:0 0 8px -46px;overflow-wrap:anywhere}
.rows{margin:.5rem 0 0 46px;font-size:.8125rem;color:var(--c);font-weight:600;overflow-wrap:anywhere}
.rows span{color:var(--muted);font-weight:400}
@container (max-width:330px){.xt.odd{display:none}}
@container (max-width:640px){.plot.bare{padding-left:8px}.rows{margin-left:8px}}
.diagram{display:block;width:100%;max-width:440px;height:auto;margin:0 auto}
.diagram text{fill:var(--ink);font-size:12px;text-anchor:middle;paint-order:stroke;stroke:var(--card);stroke-width:4px}
.diagram text.small{fill:var(--muted);font-size:11px}
.diagram .node{fill:var(--card);stroke:var(--c);stroke-width:2.5}
.diagram .edge{fill:none;stroke:var(--muted)}
.diagram .tip{fill:var(--muted)}
table{width:100%;border-collapse:collapse;font-size:.9375rem}
th{color:var(--muted);font-size:.8125rem;font-weight:500;text-align:left;vertical-align:bottom}
td,th{padding:.45rem .9rem .45rem 0;border-bottom:1px solid var(--rule);overflow-wrap:anywhere}
tbody tr:last-child>*{border-bottom:0}
tbody th{color:var(--ink);font-size:.9375rem;font-weight:600;vertical-align:baseline}
td.n,th.n{text-align:right}
td:last-child,th:last-child{padding-right:0}
tbody th i{display:inline-block;width:.65em;height:.65em;margin-right:.55em;border-radius:50%;background:var(--c)}
.facts th{width:34%;color:var(--muted);font-weight:400;font-size:.875rem}
pre{margin:.75rem 0 0;font:.8125rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;
 white-space:pre-wrap;overflow-wrap:anywhere}
summary{cursor:pointer;font-weight:600}
footer{margin-top:3rem;padding-top:1.25rem;padding-bottom:3rem;color:var(--muted);font-size:.875rem}
@media (max-width:640px){
 .wraps thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
 .wraps,.wraps tbody,.wraps tr,.wraps th,.wraps td{display:block;text-align:left}
 .wraps tr{padding:.7rem 0;border-bottom:1px solid var(--rule)}
 .wraps tr:first-child{padding-top:0}.wraps tr:last-child{border-bottom:0;padding-bottom:0}
 .wraps th,.wraps td{border:0;padding:.1rem 0}
 .wraps td{display:flex;justify-content:space-between;gap:1rem;text-align:right}
 .wraps td::before{content:attr(data-label);color:var(--muted);font-size:.875rem;text-align:left;flex:none}
 .area{height:170px}
 .facts th{width:42%}
}
@media (min-width:1200px){.grid{grid-template-columns:repeat(2,minmax(0,1fr))}.wide,.grid>:only-child{grid-column:1/-1}}
@media print{
 nav{display:none}body{background:none;font-size:11pt}
 .card,section>h2{break-inside:avoid}.card,.tiles,.tiles div{background:none}
 section{padding-top:1.25rem}
}
"""

CSS = (":root{color-scheme:light dark;" + _variables(LIGHT) + "}@media (prefers-color-scheme:dark){:root{"
       + _variables(DARK) + "}}@media print{:root{" + _variables(LIGHT) + "color-scheme:light}}"
       + "body{--c:var(--accent)}" + "".join(f".c{k}{{--c:var(--c{k})}}" for k in range(COLOURS)) + RULES)
