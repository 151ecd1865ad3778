"""The head for questions of google-research/electra (finetune/qa/qa_tasks.py, qa_metrics.py) in
PyTorch, on top of transformers' encoder: as there, over a padded batch whose other tokens' logits
are 1000 lower. For make_joint.py and make_finetune.py."""

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, gelu, one_hot
from transformers import ElectraModel, ElectraPreTrainedModel

WIDTH, BEAM, ANSWERABLE_WEIGHT = 512, 20, 0.5


class TwoLayers(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.dense = nn.Linear(width, WIDTH)
        self.out_proj = nn.Linear(WIDTH, 1)

    def forward(self, x):
        return self.out_proj(gelu(self.dense(x))).squeeze(-1)


class GoogleElectraForQuestionAnswering(ElectraPreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.electra = ElectraModel(config)
        self.start = nn.Linear(config.hidden_size, 1)
        self.end = TwoLayers(2 * config.hidden_size)
        self.answerable = TwoLayers(2 * config.hidden_size)
        self.post_init()

    def begin(self, batch):
        """Hidden states, what lowers the logits of tokens that no answer has, starts, and the logit
        of: there is no answer."""
        hidden = self.electra(**batch).last_hidden_state
        mask = batch["attention_mask"] * batch["token_type_ids"]
        mask = mask + one_hot(torch.tensor(0), mask.shape[1])
        lowered = 1000.0 * (mask.to(hidden.dtype) - 1)
        start_logits = self.start(hidden).squeeze(-1) + lowered
        feature = (start_logits.softmax(-1)[:, :, None] * hidden).sum(1)
        impossible = self.answerable(torch.cat([hidden[:, 0], feature], -1))
        return hidden, lowered, start_logits, impossible

    def losses(self, batch, starts, ends, is_impossible):
        """Of each text."""
        hidden, lowered, start_logits, impossible = self.begin(batch)
        n = hidden.shape[1]
        start = (one_hot(starts, n)[:, :, None] * hidden).sum(1)
        pairs = torch.cat([start[:, None].expand(-1, n, -1), hidden], -1)
        end_logits = self.end(pairs) + lowered

        def cross_entropy(logits, places):
            return -(one_hot(places, n) * logits.log_softmax(-1)).sum(-1)

        spans = (cross_entropy(start_logits, starts) + cross_entropy(end_logits, ends)) / 2
        answerable = binary_cross_entropy_with_logits(
            impossible, is_impossible.to(hidden.dtype), reduction="none"
        )
        return spans + ANSWERABLE_WEIGHT * answerable

    def beams(self, batch):
        """The likeliest starts, the likeliest ends of each, logarithms of their probabilities
        [S, k], [S, k, k]; and the logit of: there is no answer [S]."""
        hidden, lowered, start_logits, impossible = self.begin(batch)
        n = hidden.shape[1]
        k = min(BEAM, n)
        start_log_p, starts = start_logits.log_softmax(-1).topk(k)
        chosen = (one_hot(starts, n)[..., None] * hidden[:, None]).sum(2)
        pairs = torch.cat(
            [chosen[:, :, None].expand(-1, -1, n, -1), hidden[:, None].expand(-1, k, -1, -1)], -1
        )
        end_logits = self.end(pairs) + lowered[:, None]
        end_log_p, ends = end_logits.log_softmax(-1).topk(k)
        return starts, start_log_p, ends, end_log_p, impossible
