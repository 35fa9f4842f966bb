"""Run llama.cpp's own server with a model that is made on the spot; print where it listens.

Run by an environment of its own, which has gguf and xllamacpp. It ends with its standard input.
"""

import sys
from itertools import pairwise

import gguf  # type: ignore[import-not-found]  # Not ours: it runs elsewhere.
import numpy  # type: ignore[import-not-found]
import xllamacpp  # type: ignore[import-not-found]

WORDS = ["▁Hello", "▁from", "▁a", "▁tiny", "▁model"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
UNKNOWN, BEGIN, END = range(3)
CALL = ['<tool_call>{"name":▁"look_up",▁"arguments":▁{"x":', '▁"a"}}', "</tool_call>"]
# The exclamation mark in which a prompt with tools ends.
CALL_FOR = "<0x21>"
TEMPLATE = (
    "{% for tool in tools or [] %}{{ tool | tojson }}\n{% endfor %}"
    "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}"
    "{% for call in m['tool_calls'] or [] %}"
    """<tool_call>{"name": {{ call['function']['name'] | tojson }}, """
    """"arguments": {{ call['function']['arguments'] | tojson }}}</tool_call>"""
    "{% endfor %}\n{% endfor %}"
    "assistant{% if tools and messages[-1]['role'] == 'user' %}!{% else %}:{% endif %}"
)
WIDTH = 288  # As many as tokens, for each has a dimension of its own, and a multiple of 32.


def write_model(path: str) -> None:
    """Write a model that says WORDS and ends, whatever it is told, or CALL where that is asked for.

    Each token is a unit vector; attention and feed-forward add nothing; the output layer sends
    each word to the next and all else to the first.
    """
    tokens = ["<unk>", "<s>", "</s>", *BYTES, *WORDS, *CALL]
    kinds = [
        gguf.TokenType.UNKNOWN,
        *[gguf.TokenType.CONTROL] * 2,
        *[gguf.TokenType.BYTE] * len(BYTES),
        *[gguf.TokenType.NORMAL] * len(WORDS + CALL),
    ]
    rest = WIDTH - len(tokens)
    tokens += [f"<rest {number}>" for number in range(rest)]
    kinds += [gguf.TokenType.UNUSED] * rest

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(512)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(32)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH)
    writer.add_vocab_size(WIDTH)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * WIDTH)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END)
    writer.add_unk_token_id(UNKNOWN)
    writer.add_chat_template(TEMPLATE)

    said = [*map(tokens.index, WORDS), END]
    output = numpy.zeros((WIDTH, WIDTH), numpy.float32)
    output[said[0], :] = 1
    called = [*map(tokens.index, [CALL_FOR, *CALL]), END]
    for word, following in [*pairwise(said), *pairwise(called)]:
        output[:, word] = 0
        output[following, word] = 1
    writer.add_tensor("token_embd.weight", numpy.eye(WIDTH, dtype=numpy.float32))
    writer.add_tensor("output_norm.weight", numpy.ones(WIDTH, numpy.float32))
    writer.add_tensor("output.weight", output)
    for name in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.0.{name}.weight", numpy.ones(WIDTH, numpy.float32))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        writer.add_tensor(f"blk.0.{name}.weight", numpy.zeros((WIDTH, WIDTH), numpy.float32))
    for name, shape in (("gate", (32, WIDTH)), ("up", (32, WIDTH)), ("down", (WIDTH, 32))):
        writer.add_tensor(f"blk.0.ffn_{name}.weight", numpy.zeros(shape, numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main(path: str, key: str) -> None:
    """Serve the model `tiny`, written to `path`, to those who know `key`."""
    write_model(path)
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.model_alias = ["tiny"]
    params.n_ctx = 1024
    params.n_parallel = 2
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
