/* One record of a stream as a text for pre-training. */
#ifndef ELC_TRAIN_EXAMPLE_H
#define ELC_TRAIN_EXAMPLE_H

#include "electra/examples.h"
#include "electra/record.h"

/* Reads a record of a stream with this header, whose kind says what is in it; the original ids are
 * put back where others are shown. ELC_EFORMAT says what is wrong with it. */
int elc_example_read(struct elc_example *example, const struct elc_record *record,
                     const struct elc_header *header) ELC_MUST_CHECK;

#endif
