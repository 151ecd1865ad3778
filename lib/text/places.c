/* Tables of tokens are kept from becoming lists. */
#include "places.h"

static int refuse(const char *token) {
    return elc_fail(ELC_ELIMIT, "token '%s' meets more than %d others in the vocabulary's table",
                    token, RUN_LIMIT);
}

int place_check(const struct place *places, size_t mask, size_t home, const struct place *place,
                const char *token) {
    const size_t passed = ((size_t)(place - places) - home) & mask;
    return passed > RUN_LIMIT ? refuse(token) : 0;
}

int places_check(const struct place *places, size_t mask, const struct elc_vocab *vocab) {
    size_t run = 0;
    for (size_t i = 0; i <= mask + RUN_LIMIT; i++) { /* a run may go on at the beginning */
        const uint32_t id = places[i & mask].id;
        run = id == ELC_NO_TOKEN ? 0 : run + 1;
        if (run > RUN_LIMIT)
            return refuse(elc_vocab_token(vocab, id, NULL));
    }
    return 0;
}
