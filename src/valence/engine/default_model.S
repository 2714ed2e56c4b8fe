/* The files of models/default/ as read-only data: mapped with the program, read only where touched.
   The include path is the repository root (CMake). */
    .section .rodata
.macro embed symbol, file
    .global \symbol\()_begin
    .global \symbol\()_end
    .balign 64
\symbol\()_begin:
    .incbin "\file"
\symbol\()_end:
    .byte 0
.endm

    embed valence_default_config, "models/default/config.json"
    embed valence_default_tokenizer, "models/default/tokenizer.json"
    embed valence_default_calibration, "models/default/calibration.json"
    embed valence_default_card, "models/default/MODEL_CARD.md"
    embed valence_default_weights, "models/default/model.safetensors"

    .section .note.GNU-stack, "", @progbits
