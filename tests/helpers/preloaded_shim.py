"""The programs `python` and `dvc` of `preloaded.py`: each hands its words to the server, and ends as the server says.

It runs without the site's packages, and uses no module that is slow to load.
"""
# ruff: noqa: PTH100, PTH109, PTH110, PTH115, PTH118, PTH119, PTH120, PTH123, PTH208, S606

import json
import os
import resource
import signal
import socket
import sys

SHIM = os.path.abspath(__file__)
STREAMS = {0, 1, 2}
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main():
    with open(os.path.join(os.path.dirname(SHIM), "settings.json"), encoding="utf-8") as file:
        settings = json.load(file)
    program, words, files = os.path.basename(SHIM), sys.argv[1:], inherited()
    if words[:1] == ["-B"] and os.environ.get("PYTHONDONTWRITEBYTECODE"):
        # What multiprocessing adds, as the environment says it already.
        del words[0]
    if not can_be_forked(program, words, files, settings):
        os.execv(settings[program], [settings[program], *words])
    status = ask(settings, settings[program], words, files)
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)


def inherited():
    """The numbers of the open files that this process was started with; Python opens its own for itself only."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.get_inheritable(int(name)):
                found.append(int(name))
        except OSError:
            continue
    return sorted(found)


def can_be_forked(program, words, files, settings):
    """Whether a fresh process would do nothing else."""
    option = words[0] if words else "-"
    known = program == "dvc" or not option.startswith("-") or (option in ("-m", "-c") and len(words) > 1)
    limits = all(resource.getrlimit(name) == (soft, hard) for name, soft, hard in settings["limits"])
    # Of mounts and networks, and other processes.
    spaces = all(os.readlink(f"/proc/self/ns/{name}") == space for name, space in settings["namespaces"].items())
    return known and limits and spaces and set(files) >= STREAMS and starts_alike(settings)


def starts_alike(settings):
    """Whether Python and the libraries start in this environment as they did in the server.

    What this project sets when it is imported may be missing: it is set in the server.
    """
    prefixes = tuple(settings["prefixes"])
    path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    customized = any(os.path.exists(os.path.join(folder, "sitecustomize.py")) for folder in path if folder)
    return not customized and all(
        settings["environment"].get(name) == value
        for name, value in os.environ.items()
        if name.startswith(prefixes) and name != "PYTHONPATH"
    )


def ask(settings, program, words, files):
    """Have the server run it; returns the exit status, negative for a signal."""
    mask = os.umask(0)
    os.umask(mask)
    request = {
        "shim": os.path.join(os.path.dirname(SHIM), "python"),
        "program": program,
        "words": words,
        "folder": os.getcwd(),
        "environment": settings["environment"] | dict(os.environ),
        "umask": mask,
        "files": files,
        "ignored": [number for number in ENDINGS if signal.getsignal(number) == signal.SIG_IGN],
    }
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(settings["socket"])
        text = json.dumps(request).encode()
        socket.send_fds(server, [len(text).to_bytes(8, "big")], files)
        server.sendall(text)
        # Who waits for the end of a pipe waits for the command, and not for this process.
        for file in set(files) - STREAMS:
            os.close(file)
        with server.makefile("r", encoding="utf-8") as answers:
            child = int(answers.readline())
            for number in ENDINGS:
                if number not in request["ignored"]:
                    signal.signal(number, lambda number, _: os.kill(child, number))
            return int(answers.readline())


main()
