/* The pages of the server and its OpenAPI document as read-only data. The include path is the repository root (CMake). */
    .section .rodata
.macro embed symbol, file
    .global \symbol\()_begin
    .global \symbol\()_end
\symbol\()_begin:
    .incbin "\file"
\symbol\()_end:
    .byte 0
.endm

    embed valence_page_docs_html, "src/valence/server/pages/docs.html"
    embed valence_page_docs_js, "src/valence/server/pages/docs.js"
    embed valence_page_docs_css, "src/valence/server/pages/docs.css"
    embed valence_page_openapi, "docs/openapi.json"
    embed valence_page_dashboard_html, "web/dist/index.html"
    embed valence_page_dashboard_js, "web/dist/assets/dashboard.js"
    embed valence_page_dashboard_css, "web/dist/assets/dashboard.css"
    embed valence_page_favicon, "web/dist/assets/favicon.svg"

    .section .note.GNU-stack, "", @progbits
