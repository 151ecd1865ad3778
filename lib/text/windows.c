/* Truncation and windows. */
#include "electra/windows.h"

#include <string.h>

#include "electra/stream.h"

static void swap(size_t *a, size_t *b) {
    size_t kept = *a;
    *a = *b;
    *b = kept;
}

static void truncate_longest(size_t *n1, size_t *n2, size_t room, bool google) {
    bool swapped = *n1 > *n2;
    if (swapped)
        swap(n1, n2); /* n1 is the shorter one */
    if (*n1 <= room / 2) {
        *n2 = room - *n1;
    } else {
        *n1 = room / 2;
        *n2 = room - room / 2;
        if (google) { /* whichever was longer, the first text has the odd token */
            swap(n1, n2);
            swapped = false;
        }
    }
    if (swapped)
        swap(n1, n2);
}

int elc_truncate_pair(size_t *n1, size_t *n2, size_t room, enum elc_truncation truncation,
                      bool google) {
    if (*n1 + *n2 <= room)
        return 0;
    if (truncation == ELC_LONGEST_FIRST) {
        truncate_longest(n1, n2, room, google);
        return 0;
    }
    bool first = truncation == ELC_ONLY_FIRST;
    size_t fixed = first ? *n2 : *n1;
    if (fixed >= room)
        return elc_fail(ELC_ELIMIT, "the %s text has %zu tokens, which leaves none for the %s one",
                        first ? "second" : "first", fixed, first ? "first" : "second");
    *(first ? n1 : n2) = room - fixed;
    return 0;
}

static size_t step_of(const struct elc_windows *windows) {
    return windows->room - windows->overlap;
}

size_t elc_windows_count(const struct elc_windows *windows) {
    if (windows->n <= windows->room)
        return 1;
    return (windows->n - windows->room + step_of(windows) - 1) / step_of(windows) + 1;
}

void elc_windows_range(const struct elc_windows *windows, size_t k, size_t *first, size_t *end) {
    *first = k * step_of(windows);
    *end = windows->n - *first > windows->room ? *first + windows->room : windows->n;
}

size_t elc_windows_best(const struct elc_windows *windows, size_t token) {
    /* Of windows of equal length the best one is beside the place that has the token in its
     * middle; the last one may be shorter and is looked at by itself. */
    size_t last = elc_windows_count(windows) - 1;
    size_t half = (windows->room - 1) / 2, middle = token > half ? token - half : 0;
    size_t near = middle / step_of(windows);
    if (near >= last)
        near = last > 0 ? last - 1 : 0;
    const size_t candidates[] = {near > 0 ? near - 1 : 0, near, near < last ? near + 1 : last,
                                 last};
    double best_score = -1;
    size_t best = last;
    for (size_t i = 0; i < 4; i++) {
        size_t first, end;
        elc_windows_range(windows, candidates[i], &first, &end);
        if (token < first || token >= end)
            continue;
        size_t left = token - first, right = end - 1 - token;
        double score = (double)(left < right ? left : right) + 0.01 * (double)(end - first);
        if (score > best_score) {
            best_score = score;
            best = candidates[i];
        }
    }
    return best;
}

int elc_windows_follow(struct elc_window_order *order, uint64_t k, uint64_t n,
                       const struct elc_field *id) {
    const uint64_t next = elc_windows_done(order) ? 1 : order->k + 1;
    if (k != next)
        return elc_fail(ELC_EFORMAT, "window %llu stands where window %llu belongs",
                        (unsigned long long)k, (unsigned long long)next);
    if (k > 1 && n != order->n)
        return elc_fail(ELC_EFORMAT, "a window of %llu stands where one of %llu belongs",
                        (unsigned long long)n, (unsigned long long)order->n);
    const uint8_t *bytes = id ? id->raw : NULL;
    const size_t len = id ? id->raw_len : 0;
    if (k > 1 && (len != order->id_len || (len > 0 && memcmp(bytes, order->id, len) != 0)))
        return elc_fail(ELC_EFORMAT, "window %llu is of another text", (unsigned long long)k);
    *order = (struct elc_window_order){k, n, k > 1 ? order->id : bytes, len};
    return 0;
}

int elc_windows_end(const struct elc_window_order *order) {
    return elc_windows_done(order) ? 0 : elc_fail(ELC_EFORMAT, "windows of this text are missing");
}

int elc_windows_join(struct elc_buffer *whole, const char *text, size_t len, uint64_t start) {
    enum { SPACE_LIMIT = 1 << 16 };
    if (start > whole->len + SPACE_LIMIT || start + len > ELC_BLOCK_LIMIT)
        return elc_fail(ELC_EFORMAT, "a window begins at byte %llu, far behind the one before it",
                        (unsigned long long)start);
    int err = 0;
    while (!err && whole->len < start)
        err = elc_buffer_append(whole, " ", 1);
    const size_t known = whole->len - (size_t)start;
    return err || known >= len ? err : elc_buffer_append(whole, text + known, len - known);
}
