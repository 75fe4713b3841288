CUDA_VISIBLE_DEVICES=GPU-1,GPU-2
DO_NOT_TRACK=1
HF_HUB_OFFLINE=1
PYTHONUNBUFFERED=1
TORCHINDUCTOR_CACHE_DIR=/work/dir/cache/inductor
TRITON_CACHE_DIR=/work/dir/cache/triton
VLLM_CACHE_ROOT=/work/dir/cache/vllm
VLLM_ENABLE_STARTUP_PLAN=0
VLLM_HTTP_TIMEOUT_KEEP_ALIVE=600
VLLM_LOGGING_COLOR=0
VLLM_NO_USAGE_STATS=1
VLLM_RPC_BASE_PATH=/work/dir
VLLM_USE_FLASHINFER_SAMPLER=0
/venv/bin/python
  -u
  /work/dir/driver.py
  /work/dir/config.json
--- config.json
{
  "args": {
    "async_scheduling": false,
    "cudagraph_capture_sizes": [
      1,
      8
    ],
    "disable_log_stats": false,
    "dtype": "bfloat16",
    "enable_prefix_caching": false,
    "enforce_eager": true,
    "generation_config": "vllm",
    "gpu_memory_utilization": 0.92,
    "hf_overrides": {
      "a": 1
    },
    "max_logprobs": -1,
    "max_model_len": 4096,
    "max_num_seqs": 256,
    "model": "google/gemma-3-4b-it",
    "revision": "main"
  }
}
