"""Gets one Hugging Face repository into the cache, with the hub library that vLLM itself loads from.

argv: lacking|fetch REPO REVISION. Prints one JSON object a line: {"files", "bytes", "into"} or {"done", "total"}.
The token comes from the environment (HF_TOKEN), never from argv.
"""

import json
import sys
import threading

from huggingface_hub import HfApi, snapshot_download, try_to_load_from_cache
from huggingface_hub.constants import HF_HUB_CACHE
from huggingface_hub.file_download import repo_folder_name

import os


def say(**fields):
    print(json.dumps(fields), flush=True)


def wanted(repo, revision):
    """What vLLM loads: configuration, tokenizer and safetensors; .bin weights only where there are no others."""
    info = HfApi().model_info(repo, revision=revision, files_metadata=True)
    files = {f.rfilename: f.size or 0 for f in info.siblings}
    small = (".json", ".txt", ".model", ".jinja", ".py", ".tiktoken")
    weights = [name for name in files if name.endswith(".safetensors") and "/" not in name]
    weights = weights or [name for name in files if name.endswith(".bin") and "/" not in name]
    names = weights + [name for name in files if name.endswith(small)]
    return info.sha, {name: files[name] for name in names}


def lacking(repo, sha, files):
    return {n: s for n, s in files.items() if not isinstance(try_to_load_from_cache(repo, n, revision=sha), str)}


def folder_bytes(folder):
    total = 0
    for entry in os.scandir(folder) if os.path.isdir(folder) else ():
        try:
            total += entry.stat().st_size
        except FileNotFoundError:  # renamed under us: complete now
            pass
    return total


def fetch(repo, revision, sha, files):
    blobs = os.path.join(HF_HUB_CACHE, repo_folder_name(repo_id=repo, repo_type="model"), "blobs")
    total, before, stop = sum(lacking(repo, sha, files).values()), folder_bytes(blobs), threading.Event()

    def watch():
        while not stop.wait(1.0):
            say(done=max(0, folder_bytes(blobs) - before), total=total)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        # By the revision's name, so that refs/<name> is written and a later offline start finds it.
        snapshot_download(repo, revision=revision, allow_patterns=list(files))
    finally:
        stop.set()
        watcher.join()
    say(done=total, total=total)


def main():
    what, repo, revision = sys.argv[1:4]
    sha, files = wanted(repo, revision)
    missing = lacking(repo, sha, files)
    if what == "lacking":
        say(files=len(missing), bytes=sum(missing.values()), into=HF_HUB_CACHE)
    elif missing:
        fetch(repo, revision, sha, files)


main()
