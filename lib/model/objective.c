/* The objectives of pre-training, and what each is made of. */
#include <string.h>

#include "electra/memory.h"
#include "electra/pretrain.h"

static const struct elc_objective_parts parts[] = {
    [ELC_OBJECTIVE_ELECTRA] = {"electra", .generator = true, .discriminator = true,
                               .everywhere = true},
    [ELC_OBJECTIVE_RTD] = {"rtd", .discriminator = true, .everywhere = true},
    [ELC_OBJECTIVE_MLM] = {"mlm", .generator = true},
    [ELC_OBJECTIVE_ELECTRA_15] = {"electra-15", .generator = true, .discriminator = true},
    [ELC_OBJECTIVE_REPLACE_MLM] = {"replace-mlm", .generator = true, .discriminator = true,
                                   .predicts_tokens = true},
    [ELC_OBJECTIVE_ALL_TOKENS_MLM] = {"all-tokens-mlm", .generator = true, .discriminator = true,
                                      .predicts_tokens = true, .everywhere = true, .copies = true},
};

const struct elc_objective_parts *elc_objective_parts(enum elc_objective objective) {
    return &parts[objective];
}

int elc_objective_parse(enum elc_objective *objective, const char *name) {
    for (int i = 0; i < ELC_N_OBJECTIVES; i++) {
        if (strcmp(parts[i].name, name) == 0) {
            *objective = (enum elc_objective)i;
            return 0;
        }
    }
    return elc_fail(ELC_EINVAL,
                    "'%s' is no objective: there are electra, rtd, mlm, electra-15, replace-mlm "
                    "and all-tokens-mlm",
                    name);
}

void elc_objective_shape(struct elc_pretrain_config *config, enum elc_objective objective) {
    if (parts[objective].predicts_tokens)
        config->discriminator.architecture = ELC_GENERATOR;
    if (!parts[objective].discriminator) {
        config->generator = config->discriminator;
        config->generator.architecture = ELC_GENERATOR;
    }
}
