"""The goldens of data/chat.jsonl: text, token ids and masks by Transformers.

tiny-llama's template marks what is generated, and Transformers turns that
into a mask. tiny-qwen2's does not; there the mask is by prefix: an assistant
turn trains what its rendering adds to the rendering of the turns before it
with the generation prompt.
"""

import json
import os

from transformers import AutoTokenizer


def marked(tokenizer, messages):
    row = tokenizer.apply_chat_template(
        messages, tokenize=True, return_dict=True,
        return_assistant_tokens_mask=True)
    return row["input_ids"], row["assistant_masks"]


def by_prefix(tokenizer, messages):
    """The turns' renderings are encoded whole; offsets say which tokens."""
    text = tokenizer.apply_chat_template(messages, tokenize=False)
    spans = []
    for i, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before = tokenizer.apply_chat_template(
            messages[:i], tokenize=False, add_generation_prompt=True)
        after = tokenizer.apply_chat_template(messages[:i + 1],
                                              tokenize=False)
        assert after.startswith(before) and text.startswith(after)
        spans.append((len(before), len(after)))
    row = tokenizer(text, add_special_tokens=False,
                    return_offsets_mapping=True)
    trained = [int(any(start < end_ and begin < end
                       for begin, end_ in spans))
               for start, end in row["offset_mapping"]]
    return row["input_ids"], trained


def golden(root, model, mask):
    tokenizer = AutoTokenizer.from_pretrained(
        os.path.join(root, "models", model))
    rows = []
    with open(os.path.join(root, "data", "chat.jsonl"),
              encoding="utf-8") as file:
        for line in file:
            messages = json.loads(line)["messages"]
            ids, trained = mask(tokenizer, messages)
            assert sum(trained) > 0 and len(ids) == len(trained)
            rows.append({"text": tokenizer.apply_chat_template(
                messages, tokenize=False),
                "input_ids": list(ids), "trained": list(trained)})
    return {"kind": "chat", "model": f"models/{model}",
            "data": "data/chat.jsonl",
            "mask": "generation" if mask is marked else "prefix",
            "rows": rows}


def write(root, write_golden):
    write_golden(root, "tiny-llama.chat", golden(root, "tiny-llama", marked))
    write_golden(root, "tiny-qwen2.chat",
                 golden(root, "tiny-qwen2", by_prefix))
