/* Was a run that is to be resumed started with the same options? */
#ifndef ELC_TRAIN_SAME_OPTIONS_H
#define ELC_TRAIN_SAME_OPTIONS_H

#include <jansson.h>

#include "electra/error.h"

/* `before` and `now` are a run's settings: a checkpoint's, and those of this call. ELC_EINVAL,
 * naming every option that differs as the user gives it, unless there is none. */
int elc_same_options(const json_t *before, json_t *now) ELC_MUST_CHECK;

#endif
