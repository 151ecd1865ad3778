#include "electra/json_text.h"

struct dump {
    struct elc_buffer *text;
    int err; /* of the first append that failed, whatever Jansson makes of it */
};

static int append(const char *bytes, size_t len, void *context) {
    struct dump *dump = context;
    if (!dump->err)
        dump->err = elc_buffer_append(dump->text, bytes, len);
    return dump->err ? -1 : 0;
}

int elc_json_append(struct elc_buffer *text, const json_t *json, size_t flags) {
    struct dump dump = {.text = text};
    bool failed = json_dump_callback(json, append, &dump, flags) != 0;
    return dump.err ? dump.err : failed ? elc_fail_memory(0) : 0;
}

char *elc_json_dumps(const json_t *json, size_t flags) {
    struct elc_buffer text = {0};
    int err = json ? elc_json_append(&text, json, flags) : elc_fail_memory(0);
    if (!err)
        err = elc_buffer_append(&text, "", 1);
    if (!err)
        return (char *)text.data;
    elc_buffer_free(&text);
    return NULL;
}
