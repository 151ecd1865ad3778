/* Fields of TSV. */
#include "electra/tsv.h"

#include <stdbool.h>

static bool is_special(char c) {
    return c == '\t' || c == '\n' || c == '\\';
}

int elc_tsv_text(struct elc_buffer *out, const char *text, size_t len) {
    int err = 0;
    for (size_t at = 0; !err && at < len;) {
        size_t plain = at;
        while (plain < len && !is_special(text[plain]))
            plain++;
        err = elc_buffer_append(out, text + at, plain - at);
        if (!err && plain < len) {
            const char c = text[plain];
            err = elc_buffer_append(out, c == '\t' ? "\\t" : c == '\n' ? "\\n" : "\\\\", 2);
        }
        at = plain + 1;
    }
    return err;
}
