/* Strict reading of numbers. */
#include "electra/parse.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

bool elc_ends_with(const char *text, const char *end) {
    const size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* Digits at `*text`, advanced past them; false when there are none or the value does not fit. */
static bool take_digits(uint64_t *value, const char **text) {
    const char *at = *text;
    uint64_t total = 0;
    while (*at >= '0' && *at <= '9') {
        uint64_t digit = (uint64_t)(*at++ - '0');
        if (total > (UINT64_MAX - digit) / 10)
            return false;
        total = total * 10 + digit;
    }
    bool any = at != *text;
    *value = total;
    *text = at;
    return any;
}

static int check_range(uint64_t value, const char *text, uint64_t min, uint64_t max) {
    if (value >= min && value <= max)
        return 0;
    if (max == UINT64_MAX)
        return elc_fail(ELC_EINVAL, "'%s' is below %llu", text, (unsigned long long)min);
    return elc_fail(ELC_EINVAL, "'%s' is not in %llu … %llu", text, (unsigned long long)min,
                    (unsigned long long)max);
}

int elc_parse_uint(uint64_t *value, const char *text, uint64_t min, uint64_t max) {
    const char *at = text;
    if (!take_digits(value, &at) || *at)
        return elc_fail(ELC_EINVAL, "'%s' is not a whole number", text);
    return check_range(*value, text, min, max);
}

int elc_parse_real(double *value, const char *text, double min, double max) {
    char *end;
    if (!*text || strspn(text, "+-.0123456789eE") != strlen(text))
        return elc_fail(ELC_EINVAL, "'%s' is not a number", text);
    errno = 0;
    *value = strtod(text, &end);
    if (*end || !isfinite(*value))
        return elc_fail(ELC_EINVAL, "'%s' is not a number", text);
    if (*value < min || *value > max)
        return elc_fail(ELC_EINVAL, "'%s' is not in %g … %g", text, min, max);
    return 0;
}

int elc_parse_size(uint64_t *bytes, const char *text, uint64_t min, uint64_t max) {
    const char *at = text;
    if (!take_digits(bytes, &at))
        return elc_fail(ELC_EINVAL, "'%s' is not a size (a whole number, k, M or G behind it)",
                        text);
    unsigned shift = 0;
    if (*at && !at[1])
        shift = *at == 'k' ? 10 : *at == 'M' ? 20 : *at == 'G' ? 30 : 0;
    if (*at && shift == 0)
        return elc_fail(ELC_EINVAL, "'%s' is not a size (a whole number, k, M or G behind it)",
                        text);
    if (*bytes > UINT64_MAX >> shift)
        return elc_fail(ELC_EINVAL, "'%s' is too large", text);
    *bytes <<= shift;
    return check_range(*bytes, text, min, max);
}

int elc_parse_shard(uint64_t *k, uint64_t *n, const char *text) {
    const char *at = text;
    if (!take_digits(k, &at) || *at++ != '/' || !take_digits(n, &at) || *at || *k < 1 || *k > *n)
        return elc_fail(ELC_EINVAL, "'%s' is not a shard K/N with 1 ≤ K ≤ N", text);
    return 0;
}
