#!/usr/bin/env python3
"""Writes transformers' ElectraForPreTraining of a model directory as ONNX, twice: as PyTorch
exports it, and with attention, GELU and LayerNorm fused by onnxruntime's own optimizer.

  export_onnx.py MODEL PLAIN.onnx FUSED.onnx
"""
import logging
import sys
import warnings

import torch
from transformers import ElectraForPreTraining

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
model = ElectraForPreTraining.from_pretrained(sys.argv[1], attn_implementation="eager").eval()


class Logits(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.model = model

    def forward(self, ids, mask):
        return self.model(input_ids=ids, attention_mask=mask).logits


ids = torch.randint(5, 100, (2, 16))
torch.onnx.export(Logits(), (ids, torch.ones_like(ids)), sys.argv[2], opset_version=17,
                  dynamo=False, input_names=["ids", "mask"], output_names=["logits"],
                  dynamic_axes={name: {0: "texts", 1: "tokens"} for name in ("ids", "mask", "logits")})

from onnxruntime.transformers import optimizer

config = model.config
fused = optimizer.optimize_model(sys.argv[2], model_type="bert", opt_level=0,
                                 num_heads=config.num_attention_heads,
                                 hidden_size=config.hidden_size)
fused.save_model_to_file(sys.argv[3])
