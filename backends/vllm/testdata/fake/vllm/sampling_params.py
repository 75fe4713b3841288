import enum


class RequestOutputKind(enum.Enum):
    FINAL_ONLY = 2


class SamplingParams:
    def __init__(self, *, max_tokens, output_kind, temperature=1.0, top_p=1.0, top_k=0, min_tokens=0, ignore_eos=False,
                 repetition_penalty=1.0, seed=None, stop=None):
        if not 0 < top_p <= 1:
            raise ValueError("top_p must be in (0, 1]")
        self.max_tokens, self.output_kind = max_tokens, output_kind
