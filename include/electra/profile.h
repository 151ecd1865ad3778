/* Where the time goes: what --profile of the programs counts.
 *
 * Each thread has a profile of its own, to which the loops over tiles add what they did; adding
 * them up is for the end. Without a profile a lap is one comparison with NULL.
 *
 *     struct elc_lap lap = elc_lap_begin(profile);
 *     …a product…;     elc_lap_end(&lap, ELC_OP_QKV, 2.0 * m * n * k, m * k + n * k + m * n);
 *     …a LayerNorm…;   elc_lap_end(&lap, ELC_OP_NORM, 0, 2 * m * n);
 */
#ifndef ELECTRA_PROFILE_H
#define ELECTRA_PROFILE_H

#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/memory.h"

#ifdef __cplusplus
extern "C" {
#endif

enum elc_operation {
    /* forward */
    ELC_OP_PACK,
    ELC_OP_EMBED,
    ELC_OP_QKV,
    ELC_OP_ATTENTION,
    ELC_OP_ATTENTION_OUTPUT,
    ELC_OP_INTERMEDIATE,
    ELC_OP_ACTIVATION,
    ELC_OP_OUTPUT,
    ELC_OP_NORM,
    ELC_OP_HEAD,
    ELC_OP_VOCABULARY,
    ELC_OP_CROSS_ENTROPY,
    /* backward */
    ELC_OP_HEAD_BACKWARD,
    ELC_OP_VOCABULARY_BACKWARD,
    ELC_OP_NORM_BACKWARD,
    ELC_OP_ACTIVATION_BACKWARD,
    ELC_OP_ROWS_BACKWARD,
    ELC_OP_ATTENTION_BACKWARD,
    ELC_OP_WEIGHTS,
    ELC_OP_EMBED_BACKWARD,
    /* optimizer */
    ELC_OP_GRADIENT_NORM,
    ELC_OP_ADAM,
    /* scoring, besides the network */
    ELC_OP_READ,
    ELC_OP_FORMAT,
    ELC_N_OPERATIONS,
};

/* One thread's; zeroed it is empty. */
struct elc_profile {
    struct elc_operation_cost {
        double seconds;
        double operations; /* of floating point: 2 for each multiply-add of a product, else 0 */
        double numbers;    /* read and written, each operand once */
        uint64_t laps;
    } costs[ELC_N_OPERATIONS];
};

/* Seconds that the calling thread has run: others' load is not in them. */
double elc_profile_clock(void);

struct elc_lap {
    struct elc_profile *profile; /* NULL: nothing is counted */
    double since;
};
static inline struct elc_lap elc_lap_begin(struct elc_profile *profile) {
    struct elc_lap lap = {profile, profile ? elc_profile_clock() : 0};
    return lap;
}
void elc_lap_add(struct elc_lap *lap, enum elc_operation operation, double operations,
                 double numbers);
/* What was done since the lap began or last ended. */
static inline void elc_lap_end(struct elc_lap *lap, enum elc_operation operation, double operations,
                               double numbers) {
    if (lap->profile)
        elc_lap_add(lap, operation, operations, numbers);
}

/* A table of n threads' profiles: for each operation the seconds of processor of all threads
 * together, their share of `wall` times n, GFLOP/s and GB/s of one thread, laps. The last lines are
 * what was done otherwise or waited, and all. `number_size` is that of a number. */
int elc_profile_format(struct elc_buffer *out, const struct elc_profile *profiles, size_t n,
                       double wall, size_t number_size) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
