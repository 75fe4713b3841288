"""Gets one Hugging Face repository into the cache, with the hub library that vLLM itself loads from.

argv: lacking|fetch weights|tokenizer REPO REVISION. Prints one JSON object a line: {"files", "bytes"}, {"done", "total"},
or at last {"error", "text"}. The token comes from the environment (HF_TOKEN) or the user's login, never from argv.
"""

import errno
import json
import os
import re
import sys
import threading


def say(**fields):
    try:
        print(json.dumps(fields), flush=True)
    except BrokenPipeError:  # whoever asked is gone: nobody waits for the download
        os._exit(1)


try:
    from huggingface_hub import HfApi, constants, get_token, snapshot_download, try_to_load_from_cache
    from huggingface_hub.file_download import repo_folder_name
except ImportError as e:
    say(error="no_library", text=str(e))
    sys.exit(1)

# Beside the weights vLLM reads configuration, tokenizer, chat template and code.
SMALL = (".json", ".txt", ".model", ".jinja", ".py", ".tiktoken")


class Repo:
    """A repository at one commit. A revision that is in the cache stays the commit that it is there: a branch that has
    moved on is no missing file, and another commit would be another model to the results."""

    def __init__(self, what, repo, revision):
        self.repo, self.revision = repo, revision
        self.folder = os.path.join(constants.HF_HUB_CACHE, repo_folder_name(repo_id=repo, repo_type="model"))
        at = self.cached_commit() or revision
        info = HfApi().model_info(repo, revision=at, files_metadata=True)
        self.commit, self.known = info.sha, at == info.sha
        sizes = {f.rfilename: f.size or 0 for f in info.siblings}
        names = [n for n in sizes if n.endswith(SMALL)]
        if what == "weights":
            names += weights(sizes)
        self.files = {n: sizes[n] for n in names}

    def cached_commit(self):
        try:
            with open(os.path.join(self.folder, "refs", self.revision)) as f:
                commit = f.read().strip()
        except OSError:
            return None
        return commit if re.fullmatch("[0-9a-f]{40}", commit) else None

    def lacking(self):
        here = lambda n: isinstance(try_to_load_from_cache(self.repo, n, revision=self.commit), str)
        return {n: size for n, size in self.files.items() if not here(n)}

    def blob_bytes(self, partial):
        """Bytes in the cache, with or without those of files that are on their way."""
        blobs, total = os.path.join(self.folder, "blobs"), 0
        for entry in os.scandir(blobs) if os.path.isdir(blobs) else ():
            try:
                total += entry.stat().st_size if partial or not entry.name.endswith(".incomplete") else 0
            except FileNotFoundError:  # renamed under us: complete now
                pass
        return total

    def fetch(self):
        total, before, stop = sum(self.lacking().values()), self.blob_bytes(partial=False), threading.Event()

        def watch():
            while not stop.wait(1.0):
                say(done=min(total, max(0, self.blob_bytes(partial=True) - before)), total=total)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            # By the revision's name where it is new here, so that refs/<name> is written for later offline starts.
            snapshot_download(self.repo, revision=self.commit if self.known else self.revision, allow_patterns=list(self.files))
        finally:
            stop.set()
            watcher.join()
        if left := self.lacking():  # snapshot_download is content with an old folder when the network goes
            raise ConnectionError("the download ended without " + ", ".join(sorted(left)[:3]))
        say(done=total, total=total)


def weights(names):
    """Safetensors; other formats only where there are none. Folders hold exports for other programs."""
    for ending in (".safetensors", ".bin", ".pt"):
        found = [n for n in names if n.endswith(ending) and "/" not in n]
        if found:
            return found
    return []


def kind(e):
    """What went wrong in one word: the library's classes differ between its versions, their names do not."""
    names = {c.__name__ for c in type(e).__mro__}
    status = getattr(getattr(e, "response", None), "status_code", None)
    if "GatedRepoError" in names:
        return "gated"
    if "RevisionNotFoundError" in names:
        return "no_revision"
    if "RepositoryNotFoundError" in names:
        return "no_repository"
    if status in (401, 403):
        return "refused"
    if status is None and names & {"ConnectError", "ConnectionError", "TimeoutException", "NetworkError", "ProxyError",
                                   "RequestException", "TransportError", "LocalEntryNotFoundError"}:
        return "unreachable"
    if getattr(e, "errno", None) == errno.ENOSPC:
        return "disk_full"
    return "other"


def main():
    act, what, name, revision = sys.argv[1:5]
    try:
        repo = Repo(what, name, revision)
        missing = repo.lacking()
        named = repo.known or repo.cached_commit() == repo.commit
        if act == "lacking":
            say(files=len(missing) + (not named), bytes=sum(missing.values()))
        elif missing or not named:
            repo.fetch()
    except Exception as e:
        lines = [line.strip() for line in str(e).splitlines() if line.strip()]
        say(error=kind(e), text=f"{type(e).__name__}: {' '.join(lines)[:400]}", endpoint=constants.ENDPOINT, token=get_token() is not None)
        sys.exit(1)


main()
