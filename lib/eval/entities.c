/* Spans of tags. */
#include "electra/entities.h"

bool elc_tag_split(char *prefix, const char **type, size_t *type_len, const char *text,
                   size_t len) {
    if (len == 0 || (len > 1 && (text[1] != '-' || text[0] == 'O')))
        return false;
    *prefix = text[0];
    *type = len > 2 ? text + 2 : "_";
    *type_len = len > 2 ? len - 2 : 1;
    return text[0] == 'B' || text[0] == 'I' || text[0] == 'E' || text[0] == 'S' || text[0] == 'O';
}

static bool goes_on(const struct elc_tag *tag, const struct elc_tag *next) {
    return (tag->prefix == 'B' || tag->prefix == 'I') &&
           (next->prefix == 'I' || next->prefix == 'E') && tag->type == next->type;
}

bool elc_span_next(struct elc_span *span, const struct elc_tag *tags, size_t n, size_t from) {
    while (from < n && tags[from].prefix == 'O')
        from++;
    if (from >= n)
        return false;
    *span = (struct elc_span){tags[from].type, from, from + 1};
    while (span->end < n && goes_on(&tags[span->end - 1], &tags[span->end]))
        span->end++;
    return true;
}

void elc_span_count(struct elc_counts *counts, const struct elc_tag *gold,
                    const struct elc_tag *predicted, size_t n) {
    struct elc_span g, p;
    bool has_g = elc_span_next(&g, gold, n, 0), has_p = elc_span_next(&p, predicted, n, 0);
    while (has_g || has_p) {
        bool take_g = has_g && (!has_p || g.begin <= p.begin);
        bool take_p = has_p && (!has_g || p.begin <= g.begin);
        if (take_g && take_p && g.type == p.type && g.end == p.end)
            counts[g.type].correct++;
        if (take_g) {
            counts[g.type].gold++;
            has_g = elc_span_next(&g, gold, n, g.end);
        }
        if (take_p) {
            counts[p.type].predicted++;
            has_p = elc_span_next(&p, predicted, n, p.end);
        }
    }
}
