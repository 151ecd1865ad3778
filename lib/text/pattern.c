/* Matching a user's pattern in bounded time.
 *
 * PCRE2 backtracks, and a careless pattern takes time that is exponential in the text. Its limits
 * count from each place where a match might begin anew, so that a long text could still take the
 * limit times its length. Therefore each place is tried by itself, with few steps first; only a
 * limited number of places of one text may take the many steps of a second try. A run of
 * characters, as of a+, is one step however long it is: a place sees only so much of the text
 * behind it at first, and how much more all places may see is limited, too. The outcome depends on
 * pattern and text alone.
 */
#include "pattern.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <pcre2.h>

#include "utf8.h"

enum {
    EASY_STEPS = 2000,
    HARD_STEPS = 1000000,
    HARD_PLACES = 50, /* of one text */
    NEAR = 64 * 1024, /* bytes that a place sees at first; all places may see more than that */
    FAR_SHARE = 64,   /* as often as this over a whole text, */
    DEPTH = 250000,
    HEAP_KIB = 64 * 1024,
};

#define FAR_BYTES ((size_t)1 << 30) /* or over as many bytes, whichever is more */

struct pattern {
    pcre2_code *code;
    pcre2_match_context *easy, *hard;
};

static int compile(struct pattern *pattern, const char *text) {
    int error;
    PCRE2_SIZE offset;
    pattern->code =
        pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &offset, NULL);
    if (!pattern->code) {
        char message[256] = "";
        (void)pcre2_get_error_message(error, (PCRE2_UCHAR *)message, sizeof message);
        return elc_fail(ELC_EINVAL, "pattern '%s': byte %zu: %s", text, (size_t)offset, message);
    }
    uint32_t matches_empty = 0;
    (void)pcre2_pattern_info(pattern->code, PCRE2_INFO_MATCHEMPTY, &matches_empty);
    if (matches_empty)
        return elc_fail(ELC_EINVAL,
                        "pattern '%s' can match nothing at all; a word has a character at least",
                        text);
    return 0;
}

static int set_limits(pcre2_match_context **context, uint32_t steps) {
    *context = pcre2_match_context_create(NULL);
    if (!*context)
        return elc_fail_memory(0);
    pcre2_set_match_limit(*context, steps);
    pcre2_set_depth_limit(*context, DEPTH);
    pcre2_set_heap_limit(*context, HEAP_KIB);
    return 0;
}

int pattern_new(struct pattern **pattern, const char *text) {
    *pattern = NULL;
    struct pattern *made = calloc(1, sizeof *made);
    if (!made)
        return elc_fail_memory(sizeof *made);
    int rc = compile(made, text);
    if (rc == 0)
        rc = set_limits(&made->easy, EASY_STEPS);
    if (rc == 0)
        rc = set_limits(&made->hard, HARD_STEPS);
    if (rc < 0) {
        pattern_destroy(made);
        return rc;
    }
    *pattern = made;
    return 0;
}

void pattern_destroy(struct pattern *pattern) {
    if (!pattern)
        return;
    pcre2_code_free(pattern->code);
    pcre2_match_context_free(pattern->easy);
    pcre2_match_context_free(pattern->hard);
    free(pattern);
}

void pattern_walk_begin(struct pattern_walk *walk, const char *text, size_t len) {
    walk->text = text;
    walk->len = len;
    walk->position = 0;
}

void pattern_walk_free(struct pattern_walk *walk) {
    pcre2_match_data_free(walk->match_data);
    walk->match_data = NULL;
}

static bool is_limit(int error) {
    return error == PCRE2_ERROR_MATCHLIMIT || error == PCRE2_ERROR_DEPTHLIMIT ||
           error == PCRE2_ERROR_HEAPLIMIT;
}

/* pcre2_match at just this place, in the text before byte `end`. */
static int try_here(const struct pattern *pattern, struct pattern_walk *walk, size_t at, size_t end,
                    bool *hard) {
    const uint32_t flags = PCRE2_ANCHORED | PCRE2_NOTEMPTY | PCRE2_NO_UTF_CHECK |
                           (end < walk->len ? PCRE2_PARTIAL_HARD : 0);
    PCRE2_SPTR text = (PCRE2_SPTR)walk->text;
    int rc = pcre2_match(pattern->code, text, end, at, flags, walk->match_data,
                         *hard ? pattern->hard : pattern->easy);
    if (is_limit(rc) && !*hard && walk->hard_places++ < HARD_PLACES) {
        *hard = true;
        rc = pcre2_match(pattern->code, text, end, at, flags, walk->match_data, pattern->hard);
    }
    return rc;
}

/* The same in all of the text, of which it sees more and more as long as what stands there
 * matters. */
static int try_far(const struct pattern *pattern, struct pattern_walk *walk, size_t at) {
    bool hard = false;
    for (size_t seen = NEAR;; seen *= 2) {
        size_t end = walk->len - at > seen ? at + seen : walk->len;
        while (end < walk->len && utf8_continues(walk->text[end]))
            end++;
        const int rc = try_here(pattern, walk, at, end, &hard);
        if (rc != PCRE2_ERROR_PARTIAL)
            return rc;
        walk->far += seen;
        if (walk->far / FAR_SHARE > walk->len && walk->far > FAR_BYTES)
            return PCRE2_ERROR_MATCHLIMIT;
    }
}

/* Whether a match begins at just this place: 1, 0, or a negative error. */
static int match_here(const struct pattern *pattern, struct pattern_walk *walk, size_t at) {
    const int rc = try_far(pattern, walk, at);
    if (is_limit(rc))
        return elc_fail(ELC_ELIMIT, "the pattern takes too many steps on this text, at byte %zu",
                        at + 1);
    if (rc == PCRE2_ERROR_NOMEMORY)
        return elc_fail_memory(0);
    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
        return elc_fail(ELC_EFORMAT, "the pattern fails on this text, at byte %zu: PCRE2 error %d",
                        at + 1, rc);
    return rc >= 0;
}

int pattern_walk_next(const struct pattern *pattern, struct pattern_walk *walk, size_t *start,
                      size_t *end) {
    if (!walk->match_data) {
        walk->match_data = pcre2_match_data_create(1, NULL);
        if (!walk->match_data)
            return elc_fail_memory(0);
    }
    const PCRE2_SIZE *range = pcre2_get_ovector_pointer(walk->match_data);
    while (walk->position < walk->len) {
        size_t at = walk->position;
        int found = match_here(pattern, walk, at);
        if (found < 0)
            return found;
        if (found && range[0] >= at && range[1] > range[0]) { /* \K moves the beginning */
            *start = range[0];
            *end = walk->position = range[1];
            return 1;
        }
        do
            walk->position++;
        while (walk->position < walk->len && utf8_continues(walk->text[walk->position]));
    }
    return 0;
}
