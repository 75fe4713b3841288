import enum


class RequestOutputKind(enum.Enum):
    FINAL_ONLY = 2


class SamplingParams:
    def __init__(self, *, max_tokens, output_kind, temperature=1.0, top_p=1.0, top_k=0, min_tokens=0, ignore_eos=False,
                 repetition_penalty=1.0, seed=None, stop=None, structured_outputs=None):
        if not 0 < top_p <= 1:
            raise ValueError("top_p must be in (0, 1]")
        self.max_tokens, self.output_kind, self.structured_outputs = max_tokens, output_kind, structured_outputs


class StructuredOutputsParams:
    def __init__(self, json=None, regex=None, choice=None, json_object=None):
        self.json = json
